"""What can be made to go wrong: frozen values that a script hands to the emulator, one element per request.

```python
emu.script(Status(503), None, [DelayEvents(0.05), Reset(after_events=3)])
```

makes the first request fail with 503, answers the second normally, and resets the third one's connection after three
slow events. Faults of one list are applied in order; content faults change the response, delivery faults change how its
bytes travel.

Positions: `after_events=n` is after n pieces of the body. A piece is one SSE event of a stream; a whole (JSON) body
has four pieces, its quarters. `at_byte=n` counts bytes of the body, framing not included. `before_head=True` is before
the first byte of the response. With none of them a fault happens after the head and before the body.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = [
    "CloseAfter",
    "Corrupt",
    "DelayBytes",
    "DelayEvents",
    "DelayHead",
    "Drop",
    "ErrorEvent",
    "Fault",
    "GzipBomb",
    "Heartbeats",
    "NoTerminator",
    "RateLimited",
    "Raw",
    "RawBody",
    "RawStream",
    "Redirect",
    "Reset",
    "SplitBytes",
    "Stall",
    "Status",
    "Truncate",
]

Headers: TypeAlias = Mapping[str, str] | Sequence[tuple[str, str]]
Content: TypeAlias = Mapping[str, Any] | str | bytes | None


@dataclass(frozen=True, slots=True)
class Status:
    """Answer with this status.

    Attributes:
        status: The HTTP status.
        body: A mapping (sent as JSON), text or bytes (sent as they are); `None` means the API's own error body.
        headers: Added to the head, e.g. `{"retry-after": "1"}`; pairs allow duplicates.
        content_type: `None` means JSON for mappings, HTML for text that starts with `<`, else plain text.
    """

    status: int
    body: Content = None
    headers: Headers = field(default_factory=dict)
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class RateLimited:
    """This API's own 429: only the three `x-ratelimit-*-requests` headers, with an epoch reset, and no Retry-After.

    Attributes:
        reset_after: Seconds from now until the limit resets; the header holds whole epoch seconds, rounded up.
    """

    reset_after: float = 1.0


@dataclass(frozen=True, slots=True)
class Redirect:
    """Answer with a redirect to `location`."""

    status: int
    location: str


@dataclass(frozen=True, slots=True)
class DelayHead:
    """Wait before the first byte of the response."""

    seconds: float


@dataclass(frozen=True, slots=True)
class DelayEvents:
    """Wait before each piece of the body."""

    seconds: float


@dataclass(frozen=True, slots=True)
class DelayBytes:
    """Drip the body: `every` bytes, then a wait of `seconds`."""

    seconds: float
    every: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Close the connection (FIN) at a position, with the body unfinished."""

    at_byte: int | None = None
    after_events: int | None = None
    before_head: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Reset the connection (RST) at a position; what was written before is given 20 ms to arrive."""

    at_byte: int | None = None
    after_events: int | None = None
    before_head: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """Fall silent at a position, for `seconds` or until the client leaves; then go on."""

    after_events: int | None = None
    at_byte: int | None = None
    before_head: bool = False
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeats:
    """Send only comments from a position on, every `every` seconds, until the client leaves."""

    after_events: int = 0
    every: float = 0.05
    comment: bytes = b": keep-alive\n\n"


@dataclass(frozen=True, slots=True)
class Truncate:
    """End the body early but cleanly: right framing, no finish reason, no `[DONE]`."""

    after_events: int = 0


@dataclass(frozen=True, slots=True)
class Corrupt:
    """Replace one piece of the body, counted from 0, with these bytes."""

    event: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """Report an error inside a 200 response, as servers do once a stream has begun.

    Attributes:
        after_events: Pieces sent before it. A whole response's body is replaced.
        body: JSON value or text of the event; `None` means the API's error shape, by wire: `response.failed` on
            responses, or their `error` event if that is the `event_name`; `error` on messages.
        event_name: `"error"` adds an `event:` line; the two other wires name every event.
        done: Whether `[DONE]` follows; on chat completions only, as the other wires have none.
    """

    after_events: int = 0
    body: Mapping[str, Any] | str | None = None
    event_name: str | None = None
    done: bool = True


@dataclass(frozen=True, slots=True)
class RawBody:
    """Answer with exactly this body, under a well-formed head with its length."""

    data: bytes
    content_type: str | None = "application/json"
    status: int = 200
    headers: Headers = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RawStream:
    """Answer with exactly these body bytes, one HTTP chunk and one TCP write for each element."""

    chunks: Sequence[bytes]
    content_type: str | None = "text/event-stream"
    status: int = 200
    headers: Headers = field(default_factory=dict)
    pause: float = 0.0
    """Seconds between the elements."""

    def __post_init__(self) -> None:
        given: object = self.chunks
        if isinstance(given, bytes):
            message = "RawStream takes a list of bytes, as each element is a chunk of its own: RawStream([b'...'])"
            raise TypeError(message)


@dataclass(frozen=True, slots=True)
class Raw:
    """Write exactly these bytes to the socket, head included."""

    data: bytes
    close: bool = True


@dataclass(frozen=True, slots=True)
class SplitBytes:
    """Cut the body into pieces of `size` bytes, each its own HTTP chunk and TCP write."""

    size: int


@dataclass(frozen=True, slots=True)
class CloseAfter:
    """Close the idle connection `seconds` after a complete response that promised keep-alive."""

    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class NoTerminator:
    """Send the whole body but neither the last chunk nor the last byte of a whole body, then close."""


@dataclass(frozen=True, slots=True)
class GzipBomb:
    """Answer 200 with a gzip body that unpacks to about `size` bytes, a thousandth of it on the wire."""

    size: int


Fault: TypeAlias = (
    Status
    | RateLimited
    | Redirect
    | DelayHead
    | DelayEvents
    | DelayBytes
    | Drop
    | Reset
    | Stall
    | Heartbeats
    | Truncate
    | Corrupt
    | ErrorEvent
    | RawBody
    | RawStream
    | Raw
    | SplitBytes
    | CloseAfter
    | NoTerminator
    | GzipBomb
)


def checked(elements: Any) -> list[Any]:
    """Return the elements of a fault script.

    Raises:
        TypeError: They are no list of faults, of lists of them and of None.
    """
    if isinstance(elements, Fault):
        message = f"faults are a list: [{elements!r}]"
        raise TypeError(message)
    found = list(elements)
    for element in found:
        for fault in element if isinstance(element, Sequence) else [element]:
            if fault is not None and not isinstance(fault, Fault):
                message = f"a fault is one of those of inference_do.emulator, such as Status(503), not {fault!r}"
                raise TypeError(message)
    return found
