"""The client's two modes under the same names, for tests that check the same of both."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

import pytest
from client_kit import ASK, achat, astream, caught, chat, stream

from inference_do import AsyncClient, Client, InferenceError

KEY = "sk-do-v1-SECRETSECRET"
FAR_OFF = 30.0
"""Seconds; longer than any test waits."""


class ClientMode(ABC):
    """A client. `begin` starts something, the other methods wait for it."""

    client: Any
    name: str

    @abstractmethod
    def begin(self, work: Callable[[], Any]) -> Future[Any]:
        """Start a call of the client's."""

    @abstractmethod
    def close(self) -> None:
        """Close the client, while calls may be under way."""

    @property
    @abstractmethod
    def pool(self) -> Any:
        """The client's connections."""

    @abstractmethod
    def socket_of(self, connection: Any) -> socket.socket:
        """Return the socket of one of them."""

    def wait(self, work: Callable[[], Any]) -> Any:
        return self.begin(work).result(FAR_OFF)

    def chat(self, **options: Any) -> Any:
        return self.wait(lambda: self.client.chat(**{**ASK, **options}))

    def stream(self, **options: Any) -> Any:
        """Return a streamed answer, whole."""
        return self.wait(lambda: self.client.stream(**{**ASK, **options}).completion())

    def models(self, **options: Any) -> Any:
        return self.wait(lambda: self.client.models(**options))

    def ask(self, call: str, **options: Any) -> Any:
        return getattr(self, call)(**options)

    def fails(self, call: str, **options: Any) -> InferenceError:
        """Return the error of a call that must have one."""
        error = caught(lambda: self.ask(call, **options))
        assert isinstance(error, InferenceError), error
        return error

    def __enter__(self) -> Self:
        return self

    @abstractmethod
    def __exit__(self, *_: object) -> None: ...


class Threads(ClientMode):
    """A `Client`, called in threads."""

    name = "threads"

    def __init__(self, url: str | None, **options: Any) -> None:
        self.client = Client(KEY, base_url=url, **options)
        self._threads = ThreadPoolExecutor()

    def begin(self, work: Callable[[], Any]) -> Future[Any]:
        return self._threads.submit(work)

    def close(self) -> None:
        self.client.close()

    def end(self, stream: Any) -> None:
        stream.close()

    @property
    def pool(self) -> Any:
        return self.client._http.client()._transport._pool

    def socket_of(self, connection: Any) -> socket.socket:
        return connection.socket._socket

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._threads.shutdown()


class Loops(ClientMode):
    """An `AsyncClient`, called in tasks of an event loop that runs in a thread of its own."""

    name = "loops"

    def __init__(self, url: str | None, **options: Any) -> None:
        self.client = AsyncClient(KEY, base_url=url, **options)
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()))
        self._thread.start()
        assert self._is_up.wait(10)

    async def _live(self) -> None:
        self._loop, self._is_over = asyncio.get_running_loop(), asyncio.Event()
        self._is_up.set()
        await self._is_over.wait()
        await self.client.aclose()

    def begin(self, work: Callable[[], Any]) -> Future[Any]:
        async def run() -> Any:
            return await work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop)

    def close(self) -> None:
        self.wait(self.client.aclose)

    def end(self, stream: Any) -> None:
        self.wait(stream.aclose)

    @property
    def pool(self) -> Any:
        return self.wait(self.client._http.client)._transport._pool

    def socket_of(self, connection: Any) -> socket.socket:
        return connection.socket._transport.get_extra_info("socket")

    def stand_still(self, seconds: float) -> None:
        """Keep the loop busy, as a step of the program's own would."""

        async def work() -> None:
            time.sleep(seconds)  # noqa: ASYNC251  that is what is meant

        self.wait(work)

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._is_over.set)
        self._thread.join(FAR_OFF)
        assert not self._thread.is_alive()


BOTH_MODES = pytest.mark.parametrize("mode", [Threads, Loops], ids=["threads", "loops"])
"""Run a test with each mode."""
THREADS_AND_LONG_LOOPS = pytest.mark.parametrize(
    "mode", [pytest.param(Threads, id="threads"), pytest.param(Loops, id="loops", marks=pytest.mark.long)]
)
"""Run a test with each mode, in loops only with `scripts/soak`: what it takes long for is the same in both."""
EACH_CALL = pytest.mark.parametrize("call", ["chat", "stream"])
EVERY_CALL = pytest.mark.parametrize("ask", [chat, stream, achat, astream])
"""Run a test with each kind of call, in a client of its own."""
