"""What a row of the matrix is, and what the tables are written with.

A row is a script of the emulator's faults and what a caller must then see. Each runs through three interfaces, sync and
async, and through the modes that it names: `whole` (one JSON reply), `stream` (read as it is made) and `collect` (a
stream put together by the interface). Rows have numbers, so that a bug that is found later finds its place.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from interfaces import ANSWER

from inference_do.emulator import Quirks, RawStream, Status

WHOLE = ("whole",)
STREAM = ("stream", "collect")
BOTH = ("whole", "stream", "collect")

DONE = b"data: [DONE]\n\n"
NOW = {"retry-after": "0"}
BUSY = Status(503, headers=NOW)
NEVER = {"max_retries": 0}
UNICODE = "Hello, wörld 🌍\u2028\u0085\x0b\x0c!"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the matrix."""

    name: str
    """Its number and what is done to the client."""
    modes: Sequence[str] = BOTH
    script: Sequence[Any] = ()
    """The fault script, an element a request."""
    reply: dict[str, Any] | None = None
    """Arguments of `Emulator.reply`, for rows about what is said."""
    quirks: Quirks = field(default_factory=Quirks)
    settings: dict[str, Any] = field(default_factory=dict)
    """Arguments of client or model."""

    path: str = "/v1/chat/completions"
    """Where the requests arrive."""
    posts: int = 1
    """How many requests arrive, which the error also has as `attempts`."""
    gaps: Sequence[tuple[float, float]] | None = None
    """Least and most seconds between the requests."""

    text: str | None = ANSWER
    reasoning: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    finish: str | None = "stop"
    usage: tuple[int, int, int] | None = None
    """Checked where it is given."""

    error: str | None = None
    """The class; the fields from `text` on are then not looked at."""
    message: str = ""
    """How the message starts."""
    retryable: bool | None = None
    """Checked where it is given, like what follows."""
    partial: str | None = None
    delivered: str | None = None
    """The text that was handed out piece by piece, where that is not what `partial` has."""
    phase: str | None = None
    status: int | None = None
    code: str | None = None
    retry_after: float | None = None
    has_request_id: bool | None = None


def delta(text: str | None = None, *, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a chunk with one choice."""
    content = {"content": text} if text is not None else {}
    return {"choices": [{"index": 0, "delta": {**content, **more}, "finish_reason": finish}]}


def data(value: Any) -> bytes:
    """Return an event; characters beyond ASCII stand as they are."""
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def hello(*, end: bytes = data(delta(finish="stop")) + DONE) -> bytes:
    """Return a stream that says "Hello" in two pieces."""
    return data(delta("Hel")) + data(delta("lo")) + end


def served(*chunks: bytes, **options: Any) -> RawStream:
    """Return the fault that answers with these bytes as an event stream."""
    return RawStream(list(chunks), **options)


def completion(message: dict[str, Any], *, finish: str | None = "stop", **more: Any) -> bytes:
    """Return a whole response."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return json.dumps({"id": "", "object": "chat.completion", "choices": [choice], **more}).encode()
