"""One client connection: bytes in through h11, bytes out by hand.

1. `data_received` feeds h11 until a request is complete, and hands it to the emulator, which answers with steps.
2. A task performs the steps one after another; a step that waits lets the loop serve others.
3. `connection_lost` while the task runs is a client that left early: it is recorded and the task ends at once.

h11 reads requests only. Faults need control of every byte that is written, so h11 does not know of the responses; each
request gets a new parser that starts with the bytes left over by the one before.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import h11

from inference_do.emulator._faults.delivery import Delivery
from inference_do.emulator._faults.steps import End, Pause, Repeat, Step, Write, steps
from inference_do.emulator._http import error_body, json_response

from .records import Disconnect, Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LARGEST_HEAD = 256 * 1024
LARGEST_BODY = 200 * 1024 * 1024
"""Bytes of a request's body; what is larger gets 413."""
LARGEST_BODY_UNKNOWN = 1024 * 1024
"""The same without a key that is taken: such a request is refused whatever it holds."""
MOST_WAITING = 512 * 1024
"""Bytes of further requests that wait for their turn; then the connection is not read until it has come."""
LINGER = 1.0  # seconds in which the rest of a refused body is thrown away, so that its sender can read the refusal
ARRIVAL = 0.02  # seconds for written bytes to reach the client before a reset would discard them


class Service(Protocol):
    """What a connection needs from the emulator."""

    def opened(self, connection: ServerConnection) -> int: ...
    def closed(self, connection: ServerConnection) -> None: ...
    def knows(self, headers: Mapping[str, str], path: str) -> bool: ...
    def received(self, request: Request) -> tuple[int, Iterator[Step]]: ...
    def left(self, disconnect: Disconnect) -> None: ...


class ServerConnection(asyncio.Protocol):
    """Serves the requests of one connection in turn."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._number = 0
        self._parser = _parser(b"")
        self._head: h11.Request | None = None
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._limit = LARGEST_BODY
        self._is_refused = False
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport
        self._index = 0
        self._bytes = 0
        self._pieces = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._number = self._service.opened(self)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        self._parser.receive_data(data)
        if self._task is None:
            self._read()
        self._pace()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._writable.set()
        if self._task is not None:
            self._task.cancel()
            self._task = None
            now = time.monotonic()
            self._service.left(
                Disconnect(
                    time=now,
                    connection=self._number,
                    request=self._index,
                    bytes_written=self._bytes,
                    events_written=self._pieces,
                )
            )
        self._service.closed(self)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def abort(self) -> None:
        """Drop the connection and whatever it is doing; nothing is recorded."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._transport.abort()

    def _pace(self) -> None:
        """Read on, unless enough is waiting for its turn."""
        if self._task is not None and len(self._parser.trailing_data[0]) > MOST_WAITING:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _read(self) -> None:
        while self._task is None and not self._transport.is_closing():
            try:
                event = self._parser.next_event()
            except h11.RemoteProtocolError as error:
                self._refuse(error.error_status_hint, f"Bad HTTP request: {error}")
                return
            match event:
                case h11.Request():
                    self._begin(event)
                    if self._is_too_large(int(self._headers.get("content-length", 0))):
                        return
                    if self._parser.they_are_waiting_for_100_continue:
                        self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                case h11.Data(data=data):
                    self._body += data
                    if self._is_too_large(len(self._body)):
                        return
                case h11.EndOfMessage():
                    self._serve()
                case _:
                    return

    def _begin(self, head: h11.Request) -> None:
        """Take the head of a request."""
        self._head, self._body, self._headers = head, bytearray(), {}
        for name, value in head.headers:
            self._headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
        is_known = self._service.knows(self._headers, _target(head)[0])
        self._limit = LARGEST_BODY if is_known else LARGEST_BODY_UNKNOWN

    def _is_too_large(self, size: int) -> bool:
        """Refuse a body above the limit."""
        if size > self._limit:
            self._refuse(413, f"The request body is larger than {self._limit:,} bytes.")
        return size > self._limit

    def _serve(self) -> None:
        assert self._head is not None
        path, query = _target(self._head)
        request = Request(
            method=self._head.method.decode("latin-1"),
            path=path,
            query=query,
            headers=self._headers,
            body=bytes(self._body),
            time=time.monotonic(),
            connection=self._number,
        )
        self._body = bytearray()
        self._parser = _parser(self._parser.trailing_data[0])
        self._bytes = self._pieces = 0
        self._index, script = self._service.received(request)
        self._task = asyncio.get_running_loop().create_task(self._perform(script))

    def _refuse(self, status: int, message: str) -> None:
        response = json_response(error_body(400, message), status=status)
        for step in steps(response, Delivery(), close=True):
            if isinstance(step, Write):
                self._transport.write(step.data)
        self._is_refused, self._body = True, bytearray()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER, self._transport.close)

    async def _perform(self, script: Iterator[Step]) -> None:
        """Write the response: bytes of consecutive `Write` steps travel together."""
        pending: list[Write] = []
        for step in script:
            if isinstance(step, Write):
                pending.append(step)
                if len(pending) < 64:
                    continue
            await self._flush(pending)
            match step:
                case Pause(None):
                    await asyncio.get_running_loop().create_future()
                case Pause(seconds):
                    await asyncio.sleep(seconds or 0)
                case Repeat(data, every):
                    while True:
                        self._transport.write(data)
                        await asyncio.sleep(every)
                case End():
                    await self._end(step)
                    return

    async def _flush(self, pending: list[Write]) -> None:
        if not pending:
            return
        self._transport.write(b"".join([write.data for write in pending]))
        self._bytes += sum(write.body for write in pending)
        self._pieces += sum(write.pieces for write in pending)
        pending.clear()
        if not self._writable.is_set():
            await self._writable.wait()

    async def _end(self, end: End) -> None:
        if end.complete:
            self._task = None  # from here on the client may leave without being rude
        if end.how == "reset":
            await asyncio.sleep(ARRIVAL)
            self._task = None
            _reset_on_close(self._transport)
            self._transport.abort()
            return
        if end.after:
            await asyncio.sleep(end.after)
        if end.how == "close":
            self._task = None
            self._transport.close()
        elif not self._transport.is_closing():
            self._read()
            self._pace()


def _target(head: h11.Request) -> tuple[str, str]:
    """Return path and query."""
    path, _, query = head.target.decode("latin-1").partition("?")
    return path, query


def _parser(rest: bytes) -> h11.Connection:
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD)
    if rest:
        parser.receive_data(rest)
    return parser


def _reset_on_close(transport: asyncio.Transport) -> None:
    sock = transport.get_extra_info("socket")
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
