"""What the emulator records of its clients: each request in full, each client that left too early."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

__all__ = ["Disconnect", "Request"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request that arrived in full, head and body."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    """Lower-case names; the first value of a repeated name."""
    body: bytes
    time: float
    """`time.monotonic()` when the last byte of it had arrived."""
    connection: int
    """Number of the connection, from 1."""

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnect:
    """A client that went away before its response was complete."""

    time: float
    """`time.monotonic()` when the emulator noticed."""
    connection: int
    request: int
    """Index of the request among all that arrived, from 0."""
    bytes_written: int
    """Bytes of the body, framing not counted."""
    events_written: int
    """Pieces of the body: SSE events, or parts of a whole body."""
