"""The latest requests with what became of each, for the page.

A response is followed while it is sent: an entry changes with each step, and at its end it keeps the beginning of what
was really written. Everything is bounded: entries, bytes of each, bytes of all.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inference_do.emulator._faults.steps import End, Step, Write

if TYPE_CHECKING:
    from inference_do.emulator._http import ServerResponse
    from inference_do.emulator._server.records import Request

    from .masks import Masks

MOST = 200
"""Entries."""
LARGEST = 256 * 1024
"""Characters that are kept of a body."""
MOST_CHARACTERS = 16 * 1024 * 1024
"""Characters of all bodies that are kept."""
LARGEST_READ = 4 * 1024 * 1024
"""Bytes of a body in which a model or a usage is looked for."""


@dataclass(slots=True, kw_only=True)
class JournalEntry:
    """One request, and its response as far as it was sent. Nothing in it holds a key."""

    id: int
    time: float
    """Unix seconds."""
    began: float
    method: str
    path: str
    headers: list[tuple[str, str]]
    body: str
    body_bytes: int
    model: str | None
    is_stream: bool
    masks: Masks
    faults: tuple[str, ...] = ()
    status: int | None = None
    """None until the head is sent."""
    response_headers: list[tuple[str, str]] = field(default_factory=list)
    response: str = ""
    response_bytes: int = 0
    events: int = 0
    first: float | None = None
    """Seconds until the first byte of the body."""
    seconds: float | None = None
    """Seconds until the end; None before it."""
    end: str | None = None
    """`complete`, `cut`, `reset` or `client left`."""
    usage: Mapping[str, Any] | None = None
    version: int = 0

    @property
    def size(self) -> int:
        """Characters that it keeps."""
        return len(self.body) + len(self.response)

    def summary(self) -> dict[str, Any]:
        """Return what a list shows."""
        names = ("id", "time", "method", "path", "model", "is_stream", "faults", "status", "first", "seconds", "end")
        agent = next((value for name, value in self.headers if name == "user-agent"), "")
        more = {"client": agent[:200], "events": self.events, "bytes": self.response_bytes, "usage": self.usage}
        return {name: getattr(self, name) for name in names} | more

    def details(self) -> dict[str, Any]:
        """Return everything."""
        names = ("headers", "body", "body_bytes", "response_headers", "response", "response_bytes")
        return self.summary() | {name: getattr(self, name) for name in names}


class Journal:
    """The latest entries.

    Args:
        masks: What is hidden in them.
    """

    def __init__(self, masks: Masks) -> None:
        self.version = 1  # a page that knows nothing asks for what is after 0
        self._masks = masks
        self._entries: dict[int, JournalEntry] = {}
        self._size = 0

    def touch(self) -> int:
        """Count a change, and return the version that it makes."""
        self.version += 1
        return self.version

    def clear(self) -> None:
        """Forget all entries; what is still being sent is not listed any more."""
        self._entries.clear()
        self._size = 0
        self.touch()

    def find(self, id_: int) -> JournalEntry | None:
        """Return an entry."""
        return self._entries.get(id_)

    def changed(self, after: int) -> list[dict[str, Any]]:
        """Return the entries that changed after a version, oldest first."""
        return [entry.summary() for entry in self._entries.values() if entry.version > after]

    @property
    def ids(self) -> list[int]:
        """The entries that there are, oldest first."""
        return list(self._entries)

    def follow(
        self, index: int, request: Request, response: ServerResponse, faults: Sequence[str], script: Iterator[Step]
    ) -> Iterator[Step]:
        """Make an entry of a request, and return the steps of its response, which note there what was sent."""
        masks = self._masks.of(request.headers)
        model, is_stream = _asked(request.body)
        path = f"{request.path}?{request.query}" if request.query else request.path
        entry = JournalEntry(
            id=index,
            time=time.time(),
            began=request.time,
            method=request.method,
            path=masks.target(path)[:LARGEST],
            headers=masks.headers(request.headers.items()),
            body=masks.body(request.body, LARGEST),
            body_bytes=len(request.body),
            model=model and masks.text(model)[:200],
            is_stream=is_stream,
            faults=tuple(faults),
            masks=masks,
        )
        self._entries[index] = entry
        self._count(entry, entry.size)
        return self._noted(entry, response, script)

    def left(self, index: int) -> None:
        """Note that a client left before its response was complete."""
        if (entry := self._entries.get(index)) is not None:
            entry.end = "client left"
            self._count(entry, 0)

    def _noted(self, entry: JournalEntry, response: ServerResponse, script: Iterator[Step]) -> Iterator[Step]:
        raw = b""
        sent = 0
        try:
            for step in script:
                if isinstance(step, Write):
                    sent += step.body
                    raw = raw or (step.data if entry.status is None else b"")
                    _note(entry, response, step)
                    self._count(entry, 0)
                elif isinstance(step, End):
                    entry.end = "reset" if step.how == "reset" else "complete" if step.complete else "cut"
                yield step
        finally:
            entry.seconds = time.monotonic() - entry.began
            entry.end = entry.end or "client left"
            data = b"".join(response.pieces)[:sent] or raw
            entry.response = entry.masks.body(data, LARGEST)
            entry.usage = _usage(response.pieces if entry.end == "complete" else ())
            self._count(entry, len(entry.response))

    def _count(self, entry: JournalEntry, added: int) -> None:
        """Give an entry a new version, and forget the oldest ones that are too many."""
        entry.version = self.touch()
        if self._entries.get(entry.id) is not entry:  # it was forgotten meanwhile
            return
        self._size += added
        while len(self._entries) > MOST or (self._size > MOST_CHARACTERS and len(self._entries) > 1):
            self._size -= self._entries.pop(next(iter(self._entries))).size


def _note(entry: JournalEntry, response: ServerResponse, step: Write) -> None:
    if entry.status is None:
        words = step.data[:16].split()  # what is sent raw may be no response at all
        is_response = step.data.startswith(b"HTTP/") and len(words) > 1 and words[1].isdigit()
        entry.status = int(words[1]) if is_response else 0
        entry.response_headers = entry.masks.headers(response.headers) if is_response else []
    elif step.body and entry.first is None:
        entry.first = time.monotonic() - entry.began
    entry.response_bytes += step.body
    entry.events += step.pieces if response.chunked else 0


def _asked(body: bytes) -> tuple[str | None, bool]:
    """Return the model that a request names, and whether it asks for a stream."""
    found = _json(body)
    if not isinstance(found, dict):
        return None, False
    model = found.get("model")
    return (model if isinstance(model, str) else None), found.get("stream") is True


def _usage(pieces: Sequence[bytes]) -> dict[str, Any] | None:
    """Return what a response reports of tokens; the parts of it may be in several events."""
    usage: dict[str, Any] = {}
    whole = [b"".join(pieces)] if pieces and pieces[0].lstrip().startswith(b"{") else pieces
    for piece in whole:
        if b'"usage"' in piece:
            _, _, data = piece.rpartition(b"data:") if whole is pieces else (b"", b"", piece)
            event = _json(data)
            inner = [event.get(name) for name in ("response", "message")] if isinstance(event, dict) else []
            for holder in (event, *inner):
                if isinstance(holder, dict) and isinstance(holder.get("usage"), dict):
                    usage |= holder["usage"]
    return usage or None


def _json(data: bytes) -> Any:
    if len(data) > LARGEST_READ:
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
