"""HTTP/1.1 without I/O: a request's head as bytes, and a parser of responses.

Responses are parsed by llhttp, Node's parser in C, by way of httptools: a streamed delta costs a third of h11's. What
llhttp does not check is checked here: whether a response may end with its connection, how much may come before,
between and behind the pieces of its body, which transfer codings and statuses there are, and what nobody asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import httpx
from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpResponseParser

Headers = Sequence[tuple[bytes, bytes]]
"""Headers as they came over the wire, or go over it."""

MAX_HEAD = 100 * 1024
"""Bytes of a head. It holds as well for what stands between the pieces of a body, or behind it."""
SLICE = 16 * 1024
PROTOCOL = b"HTTP/"
"""How a response begins; llhttp would accept two other protocols as well, and empty lines before it."""
FRAMING = frozenset({b"content-length", b"transfer-encoding"})
"""Headers that say where a response ends; without them the end of its connection does."""
CLOSED_PARSER = HttpResponseParser(None)
"""What a response has in place of its parser when it is closed: the parser knows the response."""


def request_head(method: bytes, target: bytes, headers: Headers) -> bytes:
    """Return the head of a request as it goes over the wire.

    Raises:
        httpx.LocalProtocolError: Something in it would end a line.
    """
    lines = [b"%b %b HTTP/1.1" % (method, target), *(b"%b: %b" % header for header in headers)]
    head = b"\r\n".join(lines)
    if head.count(b"\n") + head.count(b"\r") != 2 * len(lines) - 2 or b"\0" in head:
        message = "a header holds a line break"
        raise httpx.LocalProtocolError(message)
    return head + b"\r\n\r\n"


class ResponseParser:
    """One response, as far as it has come."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.has_head = False
        self.is_whole = False
        self.failure: str | None = None
        self._is_clean = True  # nothing has come that does not belong to it
        self._start, self._is_starting = b"", True
        self._overhead = 0  # bytes since the last piece of the body
        self.parts: list[bytes] = []
        """What has come of the body and was not taken."""
        self._parser = HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_spaces_after_chunk_size=True)  # old servers pad it, to no harm

    @property
    def leaves_open(self) -> bool:
        """Whether the connection may serve another request."""
        return self.has_head and self.is_whole and self._is_clean

    def take(self) -> bytes:
        """Return what has come of the body since the last call.

        Raises:
            httpx.RemoteProtocolError: The response is malformed; what came before that has been returned.
        """
        if parts := self.parts:
            data = parts[0] if len(parts) == 1 else b"".join(parts)
            parts.clear()
            return data
        if self.failure is not None and not self.is_whole:
            raise httpx.RemoteProtocolError(self.failure)
        return b""

    def feed(self, data: bytes) -> None:  # noqa: C901  one method: a call more would cost each delta
        """Take bytes from the connection, none at its end.

        Raises:
            ConnectionError: It ended before the response was whole.
            httpx.RemoteProtocolError: There will be no head.
        """
        if not data:
            self._end()
            return
        if self.failure is not None:
            return
        if len(data) > SLICE:  # so that what is too much does not depend on how much is read at once
            for start in range(0, len(data), SLICE):
                self.feed(data[start : start + SLICE])
            return
        if self._is_starting:
            self._start = (self._start + data)[: len(PROTOCOL)]
            if not PROTOCOL.startswith(self._start):
                message = "what came is not HTTP/1.1"
                raise httpx.RemoteProtocolError(message)
            self._is_starting = len(self._start) < len(PROTOCOL)
        self._overhead += len(data)
        interruption: BaseException | None = None
        handled = sys.exception()
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._is_clean = False
        except HttpParserCallbackError as error:  # Ctrl-C came while a method below ran
            self._is_clean = False
            context = error.__context__
            interruption = KeyboardInterrupt() if context is None or context is handled else context
        except HttpParserError as error:
            self._is_clean = False
            self.failure = self.failure or str(error)
        if interruption is not None:
            raise interruption
        if self._overhead > MAX_HEAD and not self.is_whole:
            self.failure = f"more than {MAX_HEAD:,} bytes came that are no part of a body"
        if self.failure is not None and not self.has_head:
            raise httpx.RemoteProtocolError(self.failure)

    def _end(self) -> None:
        """Take the connection's end: it completes a response without a length, and cuts any other."""
        self._is_clean = False
        if self.has_head and not any(name.lower() in FRAMING for name, _ in self.headers):
            self.is_whole = True
        if not self.is_whole:
            message = "the connection ended before the response was whole"
            raise ConnectionError(message)

    def close(self) -> None:
        """Let go of the parser, which refers to this object."""
        self._parser = CLOSED_PARSER

    # --- what the parser calls ---

    def on_message_begin(self) -> None:
        """Note that a response begins; a second one was not asked for."""
        self._is_clean = not self.has_head

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_head:
            self.headers.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        if self.has_head or self.failure is not None:
            return
        status = self._parser.get_status_code()
        codings = [value.lower() for name, value in self.headers if name.lower() == b"transfer-encoding"]
        if status < httpx.codes.CONTINUE:
            self.failure = f"there is no status {status}"
        elif codings not in ([], [b"chunked"]):
            self.failure = "the response has a transfer coding that was not asked for"
        elif httpx.codes.is_informational(status) and status != httpx.codes.SWITCHING_PROTOCOLS:
            self.headers.clear()
        else:
            self.status, self.has_head = status, True

    def on_body(self, data: bytes) -> None:
        if self.has_head and not self.is_whole:
            self.parts.append(data)
            self._overhead = 0

    def on_message_complete(self) -> None:
        if self.has_head and not self.is_whole:
            self.is_whole = True
            self._is_clean = self._parser.should_keep_alive() and self._parser.get_http_version() == "1.1"
