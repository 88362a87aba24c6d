"""Runs the same thing through both clients, and tells their outcomes in the same words."""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from inference_do import AsyncClient, Client, InferenceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference_do.emulator import Emulator

CHAT = "llama3.3-70b-instruct"
VECTORS = "bge-m3"
HELLO = [{"role": "user", "content": "Say hello"}]
ASK: dict[str, Any] = {"model": CHAT, "messages": HELLO}
ANSWER = "You said: Say hello"


@dataclass(frozen=True)
class Outcome:
    """What a caller sees of a call, without what differs from run to run."""

    text: str | None
    kind: str | None = None
    message: str | None = None
    attempts: int | None = None
    partial: str | None = None
    phase: str | None = None


def outcome_of(result: Any) -> Outcome:
    if isinstance(result, InferenceError):
        return Outcome(
            text=None,
            kind=type(result).__name__,
            message=result.message,
            attempts=result.attempts,
            partial=result.partial.text if result.partial else None,
            phase=getattr(result, "phase", None),
        )
    return Outcome(text=result.text, attempts=result.response_info.attempts)


def chat(emu: Emulator, **options: Any) -> Any:
    with make(emu, **options) as client:
        return caught(lambda: client.chat(**ASK))


def stream(emu: Emulator, **options: Any) -> Any:
    with make(emu, **options) as client:
        return caught(lambda: client.stream(**ASK).completion())


def achat(emu: Emulator, **options: Any) -> Any:
    async def call() -> Any:
        return await make_async(emu, **options).chat(**ASK)

    return caught(lambda: asyncio.run(call()))


def astream(emu: Emulator, **options: Any) -> Any:
    async def call() -> Any:
        return await make_async(emu, **options).stream(**ASK).completion()

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


PRELUDE = """
import asyncio, gc, logging, os, signal, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell begins without it
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
        timeout=50,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-3000:]
    return done.stdout.strip()


def wrong_in_threads(client: Client, *, streamed: bool) -> list[str]:
    """Make 25 calls in each of 4 threads; return the words whose call got another answer than its own."""

    def said(word: str) -> str | None:
        asked: Any = {"model": CHAT, "messages": [{"role": "user", "content": word}]}
        return (client.stream(**asked).completion() if streamed else client.chat(**asked)).text

    def work(thread: int) -> list[str]:
        words = [f"{thread} of call {call}" for call in range(25)]
        return [word for word in words if said(word) != f"You said: {word}"]

    with ThreadPoolExecutor(4) as threads:
        return list(chain.from_iterable(threads.map(work, range(4))))


async def wrong_in_tasks(client: AsyncClient, *, streamed: bool) -> list[str]:
    """Do the same in 4 tasks."""

    async def said(word: str) -> str | None:
        asked: Any = {"model": CHAT, "messages": [{"role": "user", "content": word}]}
        return (await (client.stream(**asked).completion() if streamed else client.chat(**asked))).text

    async def work(task: int) -> list[str]:
        words = [f"{task} of call {call}" for call in range(25)]
        return [word for word in words if await said(word) != f"You said: {word}"]

    return list(chain.from_iterable(await asyncio.gather(*map(work, range(4)))))
