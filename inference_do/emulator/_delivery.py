"""How a reply's bytes travel: faults are folded into one `Delivery`, and a delivery into a list of steps.

1. `apply()` folds each fault either into the reply (what is said) or into the delivery (how it travels).
2. `steps()` turns both into `Write`, `Pause`, `Beat` and `End`, which the connection performs in turn.
"""

from __future__ import annotations

import itertools
import math
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from . import faults as f
from ._http import HeaderList, ServerResponse, chunk, error_body, head, request_id, to_json

QUARTERS = 4
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes for the socket; `body` and `pieces` count what of the body they complete."""

    data: bytes
    body: int = 0
    pieces: int = 0


@dataclass(frozen=True, slots=True)
class Pause:
    """A wait; `None` is until the client leaves."""

    seconds: float | None


@dataclass(frozen=True, slots=True)
class Beat:
    """These bytes again and again, until the client leaves."""

    data: bytes
    every: float


@dataclass(frozen=True, slots=True)
class End:
    """The reply is over: keep the connection, close it, or reset it; `complete` as far as the client can tell."""

    how: Literal["keep", "close", "reset"]
    complete: bool = True
    after: float = 0.0


Step: TypeAlias = Write | Pause | Beat | End


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How the bytes of one reply travel."""

    head_delay: float = 0.0
    piece_delay: float = 0.0
    drip: f.DelayBytes | None = None
    separate_writes: bool = False
    raw: f.Raw | None = None
    stops: tuple[f.Drop | f.Reset | f.Stall | f.Heartbeats, ...] = ()
    terminator: bool = True
    idle_close: float | None = None


def apply(reply: ServerResponse, delivery: Delivery, faults: Sequence[f.Fault]) -> tuple[ServerResponse, Delivery]:
    """Fold the faults of one request into its reply and delivery, in order."""
    if not reply.chunked and any(_is_positional(fault) for fault in faults):
        reply = replace(reply, pieces=_quarters(b"".join(reply.pieces)))
    for fault in faults:
        reply = _change_content(reply, fault)
        delivery = _change_delivery(delivery, fault)
        if isinstance(fault, f.SplitBytes):
            body = b"".join(reply.pieces)
            reply = replace(reply, pieces=tuple(body[i : i + fault.size] for i in range(0, len(body), fault.size)))
    return reply, delivery


def _is_positional(fault: f.Fault) -> bool:
    return isinstance(fault, f.Drop | f.Reset | f.Stall | f.Heartbeats | f.Truncate | f.Corrupt | f.DelayEvents)


def _quarters(body: bytes) -> tuple[bytes, ...]:
    size = max(1, math.ceil(len(body) / QUARTERS))
    return tuple(body[i : i + size] for i in range(0, len(body), size))


def _change_content(reply: ServerResponse, fault: f.Fault) -> ServerResponse:  # noqa: PLR0911 - one case a fault
    match fault:
        case f.Status(status, body, headers, kind):
            return _status_reply(status, body, _pairs(headers), kind)
        case f.RateLimited(reset_after):
            return _rate_limited(reset_after)
        case f.Redirect(status, location):
            return ServerResponse(status=status, headers=(("location", location),))
        case f.Truncate(n):
            return replace(reply, pieces=reply.pieces[:n])
        case f.Corrupt(n, data):
            return replace(reply, pieces=(*reply.pieces[:n], data, *reply.pieces[n + 1 :]))
        case f.ErrorEvent():
            return _with_error(reply, fault)
        case f.RawBody(data, kind, status, headers):
            return ServerResponse(status=status, headers=_typed(kind, headers), pieces=(data,))
        case f.RawStream(chunks, kind, status, headers, _):
            return ServerResponse(status=status, headers=_typed(kind, headers), pieces=tuple(chunks), chunked=True)
        case f.GzipBomb(size):
            return _gzip_bomb(reply, size)
        case _:
            return reply


def _change_delivery(delivery: Delivery, fault: f.Fault) -> Delivery:  # noqa: PLR0911 - one case a fault
    match fault:
        case f.DelayHead(seconds):
            return replace(delivery, head_delay=delivery.head_delay + seconds)
        case f.DelayEvents(seconds):
            return replace(delivery, piece_delay=seconds)
        case f.DelayBytes():
            return replace(delivery, drip=fault)
        case f.SplitBytes():
            return replace(delivery, separate_writes=True)
        case f.RawStream(pause=pause):
            return replace(delivery, separate_writes=True, piece_delay=pause)
        case f.Drop() | f.Reset() | f.Stall() | f.Heartbeats():
            return replace(delivery, stops=(*delivery.stops, fault))
        case f.NoTerminator():
            return replace(delivery, terminator=False)
        case f.CloseAfter(seconds):
            return replace(delivery, idle_close=seconds)
        case f.Raw():
            return replace(delivery, raw=fault)
        case _:
            return delivery


def steps(reply: ServerResponse, delivery: Delivery, *, close: bool) -> Iterator[Step]:
    """Spell a reply out as steps.

    Args:
        reply: What to say.
        delivery: How it travels.
        close: Whether the client asked for the connection to end with this reply.
    """
    if delivery.head_delay:
        yield Pause(delivery.head_delay)
    for stop in _stops_before_head(delivery):
        yield from _perform(stop)
    if delivery.raw is not None:
        yield Write(delivery.raw.data)
        yield End("close" if delivery.raw.close else "keep")
        return
    length = None if reply.chunked else sum(map(len, reply.pieces))
    yield Write(head(reply, length=length, close=close))
    yield from _body(reply, delivery)
    if not delivery.terminator:
        yield End("close", complete=False)
        return
    if reply.chunked:
        yield Write(b"0\r\n\r\n")
    if delivery.idle_close is not None:
        yield End("close", after=delivery.idle_close)
    else:
        yield End("close" if close else "keep")


def _stops_before_head(delivery: Delivery) -> list[f.Drop | f.Reset | f.Stall | f.Heartbeats]:
    return [stop for stop in delivery.stops if not isinstance(stop, f.Heartbeats) and stop.before_head]


def _body(reply: ServerResponse, delivery: Delivery) -> Iterator[Step]:
    stops = [stop for stop in delivery.stops if stop not in _stops_before_head(delivery)]
    pieces = list(reply.pieces)
    if not delivery.terminator and not reply.chunked and pieces:
        pieces[-1] = pieces[-1][:-1]
    sent = 0
    for index, piece in enumerate(pieces):
        for stop in [s for s in stops if _byte(s) is None and _event(s) <= index]:
            stops.remove(stop)
            yield from _perform(stop, chunked=reply.chunked)
        if delivery.piece_delay and (index or not delivery.separate_writes):
            yield Pause(delivery.piece_delay)
        for part in _cut(piece, sent, [b for s in stops if (b := _byte(s)) is not None]):
            for stop in [s for s in stops if _byte(s) == sent]:
                stops.remove(stop)
                yield from _perform(stop, chunked=reply.chunked)
            sent += len(part)
            yield from _send(part, delivery, chunked=reply.chunked)
        yield Write(b"", pieces=1)
        if delivery.separate_writes:
            yield Pause(0.0)
    for stop in stops:
        yield from _perform(stop, chunked=reply.chunked)


def _send(part: bytes, delivery: Delivery, *, chunked: bool) -> Iterator[Step]:
    if delivery.drip is None:
        yield Write(chunk(part) if chunked else part, body=len(part))
        return
    every = delivery.drip.every
    for i in range(0, len(part), every):
        data = part[i : i + every]
        yield Write(chunk(data) if chunked else data, body=len(data))
        yield Pause(delivery.drip.seconds)


def _cut(piece: bytes, start: int, positions: list[int]) -> list[bytes]:
    cuts = sorted({p - start for p in positions if start <= p < start + len(piece)} | {0, len(piece)})
    return [piece[a:b] for a, b in itertools.pairwise(cuts)]


def _byte(stop: f.Drop | f.Reset | f.Stall | f.Heartbeats) -> int | None:
    return None if isinstance(stop, f.Heartbeats) else stop.at_byte


def _event(stop: f.Drop | f.Reset | f.Stall | f.Heartbeats) -> int:
    return stop.after_events or 0


def _perform(stop: f.Drop | f.Reset | f.Stall | f.Heartbeats, *, chunked: bool = False) -> Iterator[Step]:
    match stop:
        case f.Drop():
            yield End("close", complete=False)
        case f.Reset():
            yield End("reset", complete=False)
        case f.Stall():
            yield Pause(stop.seconds)
        case f.Heartbeats():
            yield Beat(chunk(stop.comment) if chunked else stop.comment, stop.every)


def _pairs(headers: f.Headers) -> HeaderList:
    return tuple(headers.items()) if isinstance(headers, Mapping) else tuple(headers)


def _typed(kind: str | None, headers: f.Headers) -> HeaderList:
    return ((("content-type", kind),) if kind is not None else ()) + _pairs(headers)


def _status_reply(status: int, body: f.Content, headers: HeaderList, kind: str | None) -> ServerResponse:
    match body:
        case bytes():
            data, default = body, "application/octet-stream"
        case str():
            data, default = body.encode(), "text/html" if body.lstrip().startswith("<") else "text/plain"
        case _:
            data, default = to_json(error_body(status) if body is None else body), "application/json"
    return ServerResponse(
        status=status, headers=(("content-type", kind or default), *headers, request_id()), pieces=(data,)
    )


def _rate_limited(reset_after: float) -> ServerResponse:
    trio = (
        ("x-ratelimit-limit-requests", "120"),
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", str(math.ceil(time.time() + reset_after))),
    )
    return _status_reply(429, None, trio, None)


def _with_error(reply: ServerResponse, fault: f.ErrorEvent) -> ServerResponse:
    body = error_body(500, "The model failed while answering.") if fault.body is None else fault.body
    data = body.encode() if isinstance(body, str) else to_json(body)
    if not reply.chunked:
        return replace(reply, pieces=(data,))
    name = f"event: {fault.event_name}\n".encode() if fault.event_name else b""
    done = (b"data: [DONE]\n\n",) if fault.done else ()
    return replace(reply, pieces=(*reply.pieces[: fault.after_events], name + b"data: " + data + b"\n\n", *done))


def _gzip_bomb(reply: ServerResponse, size: int) -> ServerResponse:
    """Pack one mebibyte once, with a full flush, and repeat its bytes: still one valid gzip stream."""
    start = b'data: {"a":"' if reply.chunked else b'{"a":"'
    block = b"a" * MEBIBYTE
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = [b"\x1f\x8b\x08\0\0\0\0\0\0\xff", packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)]
    repeated = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    count = max(1, round(size / MEBIBYTE))
    crc = zlib.crc32(start)
    for _ in range(count):
        crc = zlib.crc32(block, crc)
    end = b'"}\n\n'
    crc = zlib.crc32(end, crc)
    total = len(start) + count * MEBIBYTE + len(end)
    packed += [repeated] * count + [packer.compress(end) + packer.flush()]
    packed.append(crc.to_bytes(4, "little") + (total & 0xFFFFFFFF).to_bytes(4, "little"))
    kind = next((value for name, value in reply.headers if name == "content-type"), "application/json")
    return ServerResponse(
        headers=(("content-type", kind), ("content-encoding", "gzip")), pieces=tuple(packed), chunked=True
    )
