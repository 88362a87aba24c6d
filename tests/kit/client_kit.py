"""Calls through both clients, a wait for a condition, and scripts in an interpreter of their own."""

from __future__ import annotations

import asyncio
import inspect
import os
import socket
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import interfaces
from interfaces import CHAT, ClientInterface, Outcome, failed

from inference_do import AsyncClient, Client, InferenceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inference_do.emulator import Emulator

VECTORS = "bge-m3"
HELLO = [{"role": "user", "content": interfaces.HELLO}]
ASK: dict[str, Any] = {"model": CHAT, "messages": HELLO}
FIRST_PAUSE = 0.02
"""Seconds of a client's first pause in most tests, instead of half a second; the unit tests know its own."""


def outcome_of(result: Any) -> Outcome:
    """Describe what `chat` and the others return."""
    if isinstance(result, InferenceError):
        return failed(result)
    return replace(ClientInterface.outcome_of(result), attempts=result.response_info.attempts)


# --- the kinds of call; an error is returned ---


def chat(emu: Emulator, options: dict[str, Any] | None = None, **request: Any) -> Any:
    with make(emu, **options or {}) as client:
        return caught(lambda: client.chat(**ASK | request))


def stream(emu: Emulator, options: dict[str, Any] | None = None, **request: Any) -> Any:
    with make(emu, **options or {}) as client:
        return caught(lambda: client.stream(**ASK | request).completion())


def achat(emu: Emulator, options: dict[str, Any] | None = None, **request: Any) -> Any:
    async def call() -> Any:
        return await make_async(emu, **options or {}).chat(**ASK | request)

    return caught(lambda: asyncio.run(call()))


def astream(emu: Emulator, options: dict[str, Any] | None = None, **request: Any) -> Any:
    async def call() -> Any:
        return await make_async(emu, **options or {}).stream(**ASK | request).completion()

    return caught(lambda: asyncio.run(call()))


def make(emu: Emulator, **options: Any) -> Client:
    return Client(emu.api_key, base_url=emu.base_url, **options)


def make_async(emu: Emulator, **options: Any) -> AsyncClient:
    return AsyncClient(emu.api_key, base_url=emu.base_url, **options)


def caught(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except InferenceError as error:
        return error


def soon(condition: Callable[[], Any], seconds: float = 1.0) -> bool:
    """Wait until something is so."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            return False
        time.sleep(0.005)
    return True


async def asoon(condition: Callable[[], Any], seconds: float = 1.0) -> bool:
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            return False
        await asyncio.sleep(0.005)
    return True


@contextmanager
def black_holes(count: int = 1) -> Iterator[list[tuple[str, int]]]:
    """Yield addresses whose queues of connections are full: whoever connects waits."""
    with ExitStack() as stack:
        addresses = []
        for number in range(1, count + 1):
            listener = stack.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((f"127.0.0.{number}", 0))
            listener.listen(0)
            for _ in range(3):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(listener.getsockname())
            addresses.append(listener.getsockname())
        time.sleep(0.05)
        yield addresses


PRELUDE = """
import asyncio, gc, logging, os, signal, threading, time
from inference_do import *
from inference_do.emulator import *
ASK = {"model": "llama3.3-70b-instruct", "messages": [{"role": "user", "content": "Say hello"}]}
logging.getLogger("asyncio").setLevel(logging.ERROR)  # -X dev reports slow steps, which on a busy machine are many
def make(emu): return Client(emu.api_key, base_url=emu.base_url)
def make_async(emu): return AsyncClient(emu.api_key, base_url=emu.base_url)
"""


def run_alone(script: str, *flags: str) -> str:
    """Run a script in an interpreter of its own, where every warning is an error; return what it printed."""
    code = PRELUDE + textwrap.dedent(inspect.cleandoc(script))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", *flags, "-c", code],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-3000:]
    return done.stdout.strip()


def wrong_in_threads(client: Client, *, streamed: bool) -> list[str]:
    """Make 25 calls in each of 4 threads; return the texts whose call got another answer than its own."""

    def answered(text: str) -> str | None:
        asked: Any = {"model": CHAT, "messages": [{"role": "user", "content": text}]}
        return (client.stream(**asked).completion() if streamed else client.chat(**asked)).text

    def work(thread: int) -> list[str]:
        texts = [f"{thread} of call {call}" for call in range(25)]
        return [text for text in texts if answered(text) != f"You said: {text}"]

    with ThreadPoolExecutor(4) as threads:
        return list(chain.from_iterable(threads.map(work, range(4))))


async def wrong_in_tasks(client: AsyncClient, *, streamed: bool) -> list[str]:
    """Do the same in 4 tasks."""

    async def answered(text: str) -> str | None:
        asked: Any = {"model": CHAT, "messages": [{"role": "user", "content": text}]}
        return (await (client.stream(**asked).completion() if streamed else client.chat(**asked))).text

    async def work(task: int) -> list[str]:
        texts = [f"{task} of call {call}" for call in range(25)]
        return [text for text in texts if await answered(text) != f"You said: {text}"]

    return list(chain.from_iterable(await asyncio.gather(*map(work, range(4)))))
