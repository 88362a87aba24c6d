"""A response and its delivery as steps: `Write`, `Pause`, `Repeat` and `End`, which a connection performs in turn."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from inference_do.emulator import faults as f
from inference_do.emulator._http import ServerResponse, chunk, head

from .delivery import Delivery


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
class Repeat:
    """These bytes again and again, until the client leaves."""

    data: bytes
    every: float


@dataclass(frozen=True, slots=True)
class End:
    """The response is over: keep the connection, close it, or reset it; `complete` as far as the client can tell."""

    how: Literal["keep", "close", "reset"]
    complete: bool = True
    after: float = 0.0


Step: TypeAlias = Write | Pause | Repeat | End


def steps(response: ServerResponse, delivery: Delivery, *, close: bool, bodiless: bool = False) -> Iterator[Step]:
    """Turn a response into steps.

    Args:
        response: What is sent.
        delivery: How it travels.
        close: Whether the client asked for the connection to end with this response.
        bodiless: Whether the head is all, as for HEAD: what came after it would be taken for the next response.
    """
    if delivery.head_delay:
        yield Pause(delivery.head_delay)
    for stop in _stops_before_head(delivery):
        yield from _perform(stop)
    if delivery.raw is not None:
        yield Write(delivery.raw.data)
        yield End("close" if delivery.raw.close else "keep")
        return
    length = None if response.chunked else sum(map(len, response.pieces))
    yield Write(head(response, length=length, close=close))
    if bodiless:
        yield End("close" if close else "keep")
        return
    yield from _body(response, delivery)
    if not delivery.terminator:
        yield End("close", complete=False)
        return
    if response.chunked:
        yield Write(b"0\r\n\r\n")
    if delivery.idle_close is not None:
        yield End("close", after=delivery.idle_close)
    else:
        yield End("close" if close else "keep")


def _stops_before_head(delivery: Delivery) -> list[f.Drop | f.Reset | f.Stall | f.Heartbeats]:
    return [stop for stop in delivery.stops if not isinstance(stop, f.Heartbeats) and stop.before_head]


def _body(response: ServerResponse, delivery: Delivery) -> Iterator[Step]:
    stops = [stop for stop in delivery.stops if stop not in _stops_before_head(delivery)]
    pieces = list(response.pieces)
    if not delivery.terminator and not response.chunked and pieces:
        pieces[-1] = pieces[-1][:-1]
    sent = 0
    for index, piece in enumerate(pieces):
        for stop in [s for s in stops if _byte(s) is None and _event(s) <= index]:
            stops.remove(stop)
            yield from _perform(stop, chunked=response.chunked)
        if delivery.piece_delay and (index or not delivery.separate_writes):
            yield Pause(delivery.piece_delay)
        for part in _cut(piece, sent, [b for s in stops if (b := _byte(s)) is not None]):
            for stop in [s for s in stops if _byte(s) == sent]:
                stops.remove(stop)
                yield from _perform(stop, chunked=response.chunked)
            sent += len(part)
            yield from _send(part, delivery, chunked=response.chunked)
        yield Write(b"", pieces=1)
        if delivery.separate_writes:
            yield Pause(0.0)
    for stop in stops:
        yield from _perform(stop, chunked=response.chunked)


def _send(part: bytes, delivery: Delivery, *, chunked: bool) -> Iterator[Step]:
    if delivery.byte_delay is None:
        yield Write(chunk(part) if chunked else part, body=len(part))
        return
    every = delivery.byte_delay.every
    for i in range(0, len(part), every):
        data = part[i : i + every]
        yield Write(chunk(data) if chunked else data, body=len(data))
        yield Pause(delivery.byte_delay.seconds)


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
            yield Repeat(chunk(stop.comment) if chunked else stop.comment, stop.every)
