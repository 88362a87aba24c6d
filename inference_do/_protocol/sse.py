"""Bytes of an event stream to events, as they arrive (WHATWG HTML, "Server-sent events").

Deviations: text that is not UTF-8 is an error and not U+FFFD, because a model's text must not be altered silently.
Servers that fail leave the format: a field `error`, an event `error` without data, and JSON without `data:` are events.
Events without data are no events. Lines end with LF, CRLF or CR; one byte order mark at the start is dropped.
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from .json import load_json

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""An event may hold an image or audio in base64, but not fill the memory."""

MAX_NAMES, MAX_NAME_BYTES = 64, 128
"""Of names that are kept."""

BOM = b"\xef\xbb\xbf"


Event = tuple[str, bytes]
"""One event: its name, which is `message` unless the stream named it, and its data."""


class EventTooLarge(ValueError):  # noqa: N818  named for what happened
    """An event grew beyond the limit."""


def _may_be_error(data: bytes) -> bool:
    if not data.endswith(b"}") or b'"' not in data or (b'"choices"' in data and b'"error"' not in data):
        return False
    try:
        load_json(data)
    except ValueError:
        return False
    return True


class Parser:
    """Cuts a stream of bytes into events; feed it whatever arrives, in any pieces."""

    __slots__ = ("_data", "_held", "_is_bare", "_limit", "_name", "_names", "_pending", "_size", "_skip_lf", "_started")

    def __init__(self, *, limit: int = MAX_EVENT_BYTES) -> None:
        self._limit = limit
        self._started = False
        self._skip_lf = False
        self._pending: list[bytes] = []  # pieces of a line whose end has not come
        self._held = 0  # their bytes
        self._name = ""
        self._names = {b"event": ""}  # by the line that names an event: a stream has a few, over and over
        self._data: list[bytes] = []  # lines of data of the event that has not ended
        self._size = 0  # their bytes
        self._is_bare = False  # whether they are JSON without `data:`

    def feed(self, chunk: bytes) -> list[Event]:
        """Take bytes and return the events that they complete.

        Raises:
            EventTooLarge: A line or an event is longer than the limit.
        """
        if not self._started:
            chunk = self._without_bom(chunk)
        if not chunk:
            return []
        if self._skip_lf or b"\r" in chunk:
            chunk = self._with_lf(chunk)
        if b"\n" not in chunk:
            self._hold(chunk)
            return []
        lines = chunk.split(b"\n")
        rest = lines.pop()
        if self._pending:
            lines[0] = b"".join([*self._pending, lines[0]])
            self._pending.clear()
            self._held = 0
        events = self._events(lines)
        if rest:
            self._hold(rest)
        return events

    def finish(self) -> list[Event]:
        """Return the last event if it is unterminated and is `data: [DONE]` or whole JSON that may be an error.

        Anything else that is unterminated is dropped.
        """
        events = self._events([b"".join(self._pending), b""])
        self._pending.clear()
        return [event for event in events if event[1] == b"[DONE]" or event[0] == "error" or _may_be_error(event[1])]

    def _without_bom(self, chunk: bytes) -> bytes:
        """Hold back the first bytes until it is clear whether they are a byte order mark."""
        chunk = b"".join(self._pending) + chunk
        self._pending.clear()
        if BOM.startswith(chunk):
            self._pending.append(chunk)
            return b""
        self._started = True
        return chunk.removeprefix(BOM)

    def _with_lf(self, chunk: bytes) -> bytes:
        """Turn CRLF and CR into LF, also where a read cut a CRLF in two."""
        if self._skip_lf:
            chunk = chunk.removeprefix(b"\n")
        self._skip_lf = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _hold(self, part: bytes) -> None:
        self._held += len(part)
        self._check_size()
        self._pending.append(part)

    def _check_size(self) -> None:
        if self._held + self._size > self._limit:
            raise EventTooLarge(self._complaint)

    @property
    def _complaint(self) -> str:
        return f"an event of the stream is larger than {self._limit:,} bytes"

    def _events(self, lines: list[bytes]) -> list[Event]:
        events: list[Event] = []
        for line in lines:
            if not line:
                if self._data or self._name == "error":
                    events.append((self._name or "message", b"\n".join(self._data)))
                    self._data = []
                    self._size = 0
                    self._is_bare = False
                self._name = ""
            elif line[:6] == b"data: ":
                self._add(line, line[6:])
            elif (name := self._names.get(line)) is not None:
                self._name = name
            elif line[:5] == b"data:":
                self._add(line, line[5:])
            elif line.startswith(b"event:"):
                self._name = self._new_name(line)
            elif line == b"data":
                self._add(line, b"")
            elif self._is_bare or line[:1] == b"{" or line[:6].lower() == b"error:":
                self._take_bare(line, events)
        return events

    def _new_name(self, line: bytes) -> str:
        name = line[6:].removeprefix(b" ").decode("utf-8", "replace")
        if len(self._names) < MAX_NAMES and len(line) <= MAX_NAME_BYTES:
            self._names[line] = name
        return name

    def _take_bare(self, line: bytes, events: list[Event]) -> None:
        """Take a line of a server that leaves the format: JSON without `data:`, or an error as a field of its own."""
        if not self._is_bare and self._data:
            events += self._events([b""])
        if not self._is_bare and line[:1] != b"{":
            self._name = "error"
            line = line[6:].strip()
        self._add(line, line)
        self._is_bare = self._is_bare or not line.rstrip().endswith(b"}")
        if not self._is_bare or line.rstrip() == b"}" or self._name == "error":
            events += self._events([b""])

    def _add(self, line: bytes, data: bytes) -> None:
        self._size += len(line)
        if self._size > self._limit:
            raise EventTooLarge(self._complaint)
        self._data.append(data)
