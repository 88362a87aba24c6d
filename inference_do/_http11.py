"""HTTP/1.1 over one connection of a client for threads: a request is written, its reply is read.

Replies are parsed by llhttp, Node's parser in C, by way of httptools. h11, which httpx would use, is Python and makes
objects of every piece: that was half of what a streamed delta cost, and most of a call. llhttp is as strict, and what
it does not judge is judged here: whether a reply may end with its connection, how much may stand before, between and
behind the pieces of its body, which codings and statuses there are, and what came that nobody asked for.
"""

from __future__ import annotations

import ssl
import sys
import time
from collections.abc import Iterator
from http import HTTPStatus

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpResponseParser

from ._call import TimedOut
from ._http import FRAMING, Address, Outgoing, Seconds, by_name
from ._sockets import Socket, Sockets

READ_BYTES = 64 * 1024
LONGEST_HEAD = 100 * 1024
"""Bytes; it holds as well for what stands between the pieces of a body, or behind it."""

PROTOCOL = b"HTTP/"
"""How a reply begins; llhttp would take those of two other protocols as well, and empty lines before it."""

SPENT = HttpResponseParser(None)
"""What a reply has in place of its parser when it is closed."""


class ProtocolError(Exception):
    """What came is no reply, or only a part of one."""


class LocalProtocolError(Exception):
    """A request cannot be written as HTTP."""


class Connection:
    """A connection to a host, made when it is first used.

    Args:
        address: Where to.
        context: For https; None for http.
        sockets: Makes the socket.
        keepalive: Seconds that it may be idle.
    """

    def __init__(self, address: Address, context: ssl.SSLContext | None, sockets: Sockets, keepalive: float) -> None:
        self._origin = address.origin
        self._context = context
        self._sockets = sockets
        self._keepalive = keepalive
        self._stream: Socket | None = None
        self._reply: Reply | None = None
        self._expires = 0.0
        self._is_written = False

    def send(self, request: Outgoing, limits: Seconds) -> Reply:
        """Send a request and return its reply, whose head has come."""
        stream = self._stream = self._stream or self._connect(limits["connect"])
        self._reply = reply = Reply(stream)
        self._is_written = _wrote(stream, request, limits["write"])
        reply.read_head(limits["read"])
        return reply

    def _connect(self, timeout: float | None) -> Socket:
        _, host, port = self._origin
        return self._sockets.connect(host, port, self._context, timeout)

    def close(self) -> None:
        """Close the connection."""
        if self._stream is not None:
            self._stream.close()
        if self._reply is not None:
            self._reply.close()

    def can_serve(self, address: Address) -> bool:
        """Tell whether it goes there."""
        return address.origin == self._origin

    def is_available(self) -> bool:
        """Tell whether the last reply has left it fit for another request; its idle time begins."""
        self._expires = time.monotonic() + self._keepalive
        return self._is_written and self._reply is not None and self._reply.leaves_open

    def has_expired(self) -> bool:
        """Tell whether it was idle for too long, or the server has closed it or sent what nobody asked for."""
        if self._stream is None or time.monotonic() > self._expires:
            return True
        return self._stream.is_readable


def _wrote(stream: Socket, request: Outgoing, timeout: float | None) -> bool:
    """Write a request; tell whether all of it was taken: a server may refuse one before it has read it, and say why."""
    try:
        stream.write(written(request), timeout)
    except TimeoutError:
        raise TimedOut(phase="write") from None
    except OSError:
        return False
    return True


def written(request: Outgoing) -> bytes:
    """Return a request as it goes over the wire.

    Raises:
        LocalProtocolError: Something in its head would end a line.
    """
    lines = [
        f"{request.method} {request.address.target} HTTP/1.1",
        f"Host: {request.address.netloc}",
        *(f"{name}: {value}" for name, value in request.headers.items()),
    ]
    head = "\r\n".join(lines)
    if head.count("\n") + head.count("\r") != 2 * len(lines) - 2 or "\0" in head:
        raise LocalProtocolError
    return f"{head}\r\n\r\n".encode("ascii") + (request.content or b"")


class Reply:
    """A reply, as far as it has come. Iterated over, it hands out its body, a piece for each read of the socket."""

    def __init__(self, stream: Socket) -> None:
        self.stream = stream
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self._parser = HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_spaces_after_chunk_size=True)  # old servers pad it, to no harm
        self._parts: list[bytes] = []
        self._failure: str | None = None
        self._has_head = False
        self._is_whole = False
        self._is_sound = True  # nothing has come that does not belong to it
        self._patience: float | None = None

    @property
    def leaves_open(self) -> bool:
        """Whether the connection may serve another request."""
        return self._has_head and self._is_whole and self._is_sound

    def read_head(self, timeout: float | None) -> None:
        """Read until the head has come, and with it maybe more.

        Raises:
            ProtocolError: It is none, it is too long, or the connection ended before it.
        """
        self._patience = timeout
        start, size = b"", 0
        while not self._has_head:
            data = self._read()
            start, size = (start + data)[: len(PROTOCOL)], size + len(data)
            if size > LONGEST_HEAD and not self._has_head:
                self._failure = "its head is too long"
            if not PROTOCOL.startswith(start):
                self._has_head, self._failure = False, "it is not HTTP"
            if self._failure is not None and not self._has_head:
                raise ProtocolError(self._failure)

    def __iter__(self) -> Iterator[bytes]:
        size = 0  # of what has come since the last piece: chunk sizes, their extensions, trailers
        while True:
            if self._parts:
                data = b"".join(self._parts)
                self._parts.clear()
                size = 0
                yield data
            if self._is_whole:
                return
            if self._failure is not None:  # what had come before it has been handed out
                raise ProtocolError(self._failure)
            size += len(self._read())
            if size > LONGEST_HEAD and not self._parts and not self._is_whole:
                self._failure = "too much comes between the pieces of its body"

    def close(self) -> None:
        """Let go of the parser, which knows this object."""
        self._parser = SPENT

    def _read(self) -> bytes:
        if data := self.stream.read(READ_BYTES, self._patience):
            self._feed(data)
        else:
            self._end()
        return data

    def _feed(self, data: bytes) -> None:
        interruption: BaseException | None = None
        handled = sys.exception()
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._is_sound = False
        except HttpParserCallbackError as error:  # Ctrl-C came while a method below ran
            self._is_sound = False
            interruption = KeyboardInterrupt() if error.__context__ in {None, handled} else error.__context__
        except HttpParserError as error:
            self._is_sound = False
            if not self._is_whole:  # else it is something that came behind the reply
                self._failure = str(error)
        if interruption is not None:
            raise interruption

    def _end(self) -> None:
        """Judge the end of the connection: it ends a reply whose length nobody told, and cuts any other."""
        self._is_sound = False
        if self._has_head and FRAMING.isdisjoint(by_name(self.headers)):
            self._is_whole = True
        else:
            self._failure = "the connection ended before the reply"

    # --- what the parser calls ---

    def on_message_begin(self) -> None:
        """Note that a reply begins; a second one was not asked for."""
        self._is_sound = not self._has_head

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what stands behind the body is no use to anybody."""
        if not self._has_head:
            self.headers.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Take the status, unless it only says that the reply will come."""
        if self._has_head or self._failure is not None:
            return
        status = self._parser.get_status_code()
        codings = [value.lower() for name, value in self.headers if name.lower() == b"transfer-encoding"]
        if status < HTTPStatus.CONTINUE:
            self._failure = "a status that there is not"
        elif codings not in ([], [b"chunked"]):
            self._failure = "a transfer coding that nobody asked for"
        elif status < HTTPStatus.OK and status != HTTPStatus.SWITCHING_PROTOCOLS:
            self.headers.clear()
        else:
            self.status = status
            self._has_head = True

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        if self._has_head and not self._is_whole:
            self._parts.append(data)

    def on_message_complete(self) -> None:
        """Note that the reply is whole."""
        if self._has_head and not self._is_whole:
            self._is_whole = True
            self._is_sound = self._parser.should_keep_alive() and self._parser.get_http_version() == "1.1"
