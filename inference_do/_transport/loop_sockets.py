"""The sockets of an event loop: asyncio's transports, each with one protocol whose waits have an end."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from . import sockets
from .sockets import IO_BYTES, Attempt, first_of, has_data, moment, seconds_until

HIGH_WATER = 16
"""Pieces (asyncio's, of up to 256 KiB) that nobody has read, after which the other side is made to wait."""


class LoopNetwork:
    """Makes the sockets of a pool for one event loop, and keeps its slots."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(sockets.MAX_CONNECTIONS)
        self._open: set[LoopSocket] = set()

    async def slot(self, ends: float, _: Attempt) -> Callable[[], None]:
        async with asyncio.timeout(seconds_until(ends) if self._slots.locked() else None):
            await self._slots.acquire()
        return _LoopSlot(self._slots)

    async def connect(self, host: str, port: int, ends: float, _: Attempt) -> LoopSocket:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(seconds_until(ends)):
            made = await first_of(await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))
            try:
                return (await loop.create_connection(lambda: LoopSocket(self._open), sock=made))[1]
            except BaseException:
                made.close()
                raise

    def close(self) -> None:
        """Close all sockets, and end the waits for them."""
        for used in list(self._open):
            used.interrupt()


class _LoopSlot:
    """The right to one connection; called, or dropped by the garbage collector, it is free again."""

    __slots__ = ("_loop", "_slots")

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots: asyncio.Semaphore | None = slots
        self._loop = asyncio.get_running_loop()

    def __call__(self) -> None:
        if (slots := self._slots) is not None:
            self._slots = None
            slots.release()

    def __del__(self) -> None:
        if self._slots is not None:
            with suppress(RuntimeError):  # its loop is closed
                self._loop.call_soon_threadsafe(self._slots.release)


class LoopSocket(asyncio.Protocol):
    """A connected socket, used by one task at a time."""

    def __init__(self, home: set[LoopSocket]) -> None:
        self._loop = asyncio.get_running_loop()
        self._home = home
        self._transport: Any = None
        self._received: list[bytes] = []
        self._has_ended = self._is_lost = self._is_full = self._is_paused = False
        self._failure: OSError | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_readable(self) -> bool:
        return self._has_changed or has_data(self._transport.get_extra_info("socket"))  # a busy loop has not read it

    @property
    def _has_changed(self) -> bool:
        return bool(self._received) or self._has_ended or self._failure is not None or self._transport.is_closing()

    async def read(self, ends: float) -> bytes:
        received = self._received
        while not received:
            if self._failure is not None:
                raise self._failure
            if self._has_ended:
                return b""
            await self._wait(ends)
        data = received[0] if len(received) == 1 else b"".join(received)
        received.clear()
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes | memoryview, limit: float | None, ends: float) -> bool:
        """Send bytes, each piece of them within `limit`; return whether all were accepted.

        A response that comes before ends it, as the connection's end does.
        """
        for start in range(0, len(data), IO_BYTES):
            if start:
                await asyncio.sleep(0)  # in which a failed send is noticed
                if self._has_changed:
                    return False
            self._transport.write(data[start : start + IO_BYTES])
            until = min(moment(limit), ends)
            while self._is_full and not self._has_changed:
                await self._wait(until)
            if self._is_full or self._failure is not None:
                return False
        return True

    async def start_tls(self, context: ssl.SSLContext, host: str, ends: float) -> None:
        async with asyncio.timeout(seconds_until(ends)):
            self._transport = await self._loop.start_tls(self._transport, self, context, server_hostname=host)
        self._transport.set_write_buffer_limits(high=0)

    def interrupt(self) -> None:
        """Close it, and end the wait of the task that uses it."""
        self._failure = self._failure or ConnectionAbortedError()
        self._wake()
        self.close()

    def close(self) -> None:
        """Close it at once, also if its loop is closed: `asyncio.run` leaves none like that, but others do."""
        self._home.discard(self)
        if not self._loop.is_closed():
            self._transport.abort()
        elif not self._is_lost:
            self._is_lost = True
            force_close(self._transport)

    def drop(self) -> None:
        """Close it from the garbage collector, which runs anywhere."""
        if self in self._home:
            try:
                self._loop.call_soon_threadsafe(self.close)
            except RuntimeError:  # its loop is closed
                self.close()

    async def _wait(self, ends: float) -> None:
        waiter = self._waiter = self._loop.create_future()
        left = seconds_until(ends)
        timer = None if left is None else self._loop.call_later(left, _expire, waiter)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # --- what the event loop calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.set_write_buffer_limits(high=0)  # a write is over when the system has taken it
        self._home.add(self)

    def data_received(self, data: bytes) -> None:
        self._received.append(data)
        if len(self._received) > HIGH_WATER and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Note the end; the transport closes itself."""
        self._has_ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._has_ended = self._is_lost = True
        if exc is not None and self._failure is None:
            self._failure = exc if isinstance(exc, OSError) else ConnectionResetError(str(exc))
        self._wake()

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._wake()


def _expire(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())


def force_close(transport: Any) -> None:
    """Close a transport whose event loop is closed: asyncio has no public way, and would warn that it is unclosed.

    LlamaIndex's `asyncio_run` leaves such loops when it is called from within a running loop. Without these private
    names, or in a loop of another kind, the garbage collector closes it, with a ResourceWarning.
    """
    socket_side = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None) or transport
    with suppress(Exception):
        socket_side._call_connection_lost(None)  # noqa: SLF001
