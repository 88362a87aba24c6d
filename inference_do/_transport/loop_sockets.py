"""The sockets of an event loop: asyncio's transports, each with one protocol that waits with an end."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from contextlib import suppress
from typing import Any

import aiohappyeyeballs

from . import thread_sockets
from .sockets import STAGGER, Attempt, Slot, Socket, prepare

HIGH_WATER = 256 * 1024
"""Bytes that have come and nobody has read, after which the other side is made to wait."""


class LoopNetwork:
    """Makes the sockets of a pool for one event loop, and keeps its slots."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(thread_sockets.MAX_CONNECTIONS)
        self._open: set[LoopSocket] = set()
        self._is_closed = False

    async def slot(self, ends: float, attempt: Attempt) -> Slot:  # noqa: ARG002  an interruption cancels the wait
        """Wait for a free slot."""
        if self._slots.locked():
            async with asyncio.timeout(_left(ends)):
                await self._slots.acquire()
        else:
            await self._slots.acquire()  # it does not wait
        return _Slot(self._slots)

    async def connect(self, host: str, port: int, ends: float, attempt: Attempt) -> Socket:  # noqa: ARG002  as above
        """Connect to the first of a host's addresses that answers."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_left(ends)):
            try:
                addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except UnicodeError:  # a label of more than 63 characters
                raise socket.gaierror(socket.EAI_NONAME, "it is no name") from None
            made = await aiohappyeyeballs.start_connection(
                addresses, happy_eyeballs_delay=STAGGER, interleave=1, loop=loop
            )
            try:
                prepare(made)
                _, protocol = await loop.create_connection(lambda: LoopSocket(self._open), sock=made)
            except BaseException:
                made.close()
                raise
        if self._is_closed:
            protocol.close()
            raise ConnectionAbortedError
        return protocol

    def close(self) -> None:
        """Close all sockets, and end the waits for them."""
        self._is_closed = True
        for used in list(self._open):
            used.interrupt()


class _Slot:
    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots: asyncio.Semaphore | None = slots

    def free(self) -> None:
        slots, self._slots = self._slots, None
        if slots is not None:
            slots.release()


def _left(ends: float) -> float | None:
    return None if ends == float("inf") else ends - time.monotonic()


class LoopSocket(asyncio.Protocol):
    """A connected socket. One task reads and writes it at a time.

    Args:
        home: The sockets that are open.
    """

    def __init__(self, home: set[LoopSocket]) -> None:
        self._loop = asyncio.get_running_loop()
        self._home = home
        self._transport: Any = None
        self._received: list[bytes] = []
        self._size = 0
        self._has_ended = False
        self._is_lost = False
        self._failure: BaseException | None = None
        self._is_full = False  # of what is to be written
        self._is_paused = False  # the reading of what comes
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ends = 0.0

    @property
    def is_readable(self) -> bool:
        """Whether something has come, or the other side has closed it."""
        return bool(self._received) or self._has_ended or self._failure is not None or self._transport.is_closing()

    async def read(self, ends: float) -> bytes:
        """Return what has come, nothing at the end."""
        while not self._received:
            if self._failure is not None:
                raise self._failed()
            if self._has_ended:
                return b""
            await self._wait(ends)
        received = self._received
        data = received[0] if len(received) == 1 else b"".join(received)
        received.clear()
        self._size = 0
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes | memoryview, ends: float) -> bool:
        """Send some bytes; return whether all were accepted. It stops when a response comes, or the end."""
        if self._failure is not None or self._has_ended:
            return False
        self._transport.write(data)
        while self._is_full:
            if self._failure is not None or self._has_ended or self._received:
                return False
            await self._wait(ends)
        return self._failure is None

    async def start_tls(self, context: ssl.SSLContext, host: str, ends: float) -> None:
        """Speak TLS from here on."""
        async with asyncio.timeout(_left(ends)):
            self._transport = await self._loop.start_tls(self._transport, self, context, server_hostname=host)
        if self._failure is not None:
            raise self._failed()
        self._transport.set_write_buffer_limits(high=0)

    def interrupt(self) -> None:
        """End the wait of the task that uses it."""
        self._fail(ConnectionAbortedError())
        self.close()

    def close(self) -> None:
        """Close it at once, also if its loop is closed: `asyncio.run` leaves none like that, but others do."""
        self._home.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._loop.is_closed():
            self._transport.abort()
        elif not self._is_lost:
            self._is_lost = True
            abandon(self._transport)

    def drop(self) -> None:
        """Close it from the garbage collector, which runs anywhere."""
        if self in self._home:
            with suppress(RuntimeError):  # its loop is closed
                self._loop.call_soon_threadsafe(self.close)
                return
            self.close()

    def _failed(self) -> BaseException:
        failure = self._failure
        return failure if isinstance(failure, OSError) else ConnectionResetError(str(failure))

    async def _wait(self, ends: float) -> None:
        """Wait until something changes.

        One timer serves many waits: it is set again only where it would come too late, and looks when it comes.
        """
        self._ends = ends
        if ends != float("inf"):
            left = ends - time.monotonic()
            if left <= 0:
                raise TimeoutError
            when = self._loop.time() + left
            if self._timer is None or self._timer.when() > when + 0.001:
                if self._timer is not None:
                    self._timer.cancel()
                self._timer = self._loop.call_at(when, self._on_time)
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _on_time(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done() or self._ends == float("inf"):
            return
        left = self._ends - time.monotonic()
        if left > 0:
            self._timer = self._loop.call_later(left, self._on_time)
        else:
            self._waiter.set_exception(TimeoutError())

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._wake()

    # --- what the event loop calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = transport
        self._home.add(self)
        self._transport.set_write_buffer_limits(high=0)  # a write is over when the system has taken it

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self._received.append(data)
        self._size += len(data)
        if self._size > HIGH_WATER and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Note the end; the transport closes itself."""
        self._has_ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone."""
        self._has_ended = self._is_lost = True
        if exc is not None:
            self._fail(exc)
        self._wake()

    def pause_writing(self) -> None:
        """Note that the system takes no more."""
        self._is_full = True

    def resume_writing(self) -> None:
        """Note that it does again."""
        self._is_full = False
        self._wake()


def abandon(transport: Any) -> None:
    """Close a transport whose event loop is closed: asyncio has no public way, and would warn that it is unclosed.

    LlamaIndex's `asyncio_run` leaves such loops when it is called from within a running loop. Without these private
    names, or in a loop of another kind, the garbage collector closes it, with a ResourceWarning.
    """
    socket_side = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None) or transport
    with suppress(Exception):
        socket_side._call_connection_lost(None)  # noqa: SLF001
