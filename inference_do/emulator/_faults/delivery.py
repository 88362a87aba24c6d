"""How the bytes of a response travel: the faults of one request are folded into a response and a `Delivery`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from inference_do.emulator import faults as f
from inference_do.emulator._http import ServerResponse

from .content import change_content

QUARTERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How the bytes of one response travel."""

    head_delay: float = 0.0
    piece_delay: float = 0.0
    byte_delay: f.DelayBytes | None = None
    separate_writes: bool = False
    raw: f.Raw | None = None
    stops: tuple[f.Drop | f.Reset | f.Stall | f.Heartbeats, ...] = ()
    terminator: bool = True
    idle_close: float | None = None


def apply(response: ServerResponse, delivery: Delivery, faults: Sequence[f.Fault]) -> tuple[ServerResponse, Delivery]:
    """Fold the faults of one request into its response and delivery, in order."""
    if not response.chunked and any(_is_positional(fault) for fault in faults):
        response = replace(response, pieces=_quarters(b"".join(response.pieces)))
    for fault in faults:
        response = change_content(response, fault)
        delivery = _change_delivery(delivery, fault)
        if isinstance(fault, f.SplitBytes):
            body = b"".join(response.pieces)
            response = replace(
                response, pieces=tuple(body[i : i + fault.size] for i in range(0, len(body), fault.size))
            )
    return response, delivery


def hides_answer(faults: Sequence[f.Fault]) -> bool:
    """Return whether nothing of the model's answer comes through these faults, so that no scripted reply is for it."""
    return any(_hides(fault) for fault in faults)


def _hides(fault: f.Fault) -> bool:
    match fault:
        case f.Status() | f.RateLimited() | f.Redirect() | f.RawBody() | f.RawStream() | f.Raw() | f.GzipBomb():
            return True
        case f.Drop() | f.Reset():
            return fault.before_head or not (fault.at_byte or fault.after_events)
        case _:
            return False


def _is_positional(fault: f.Fault) -> bool:
    return isinstance(fault, f.Drop | f.Reset | f.Stall | f.Heartbeats | f.Truncate | f.Corrupt | f.DelayEvents)


def _quarters(body: bytes) -> tuple[bytes, ...]:
    return _cut(body, max(1, math.ceil(len(body) / QUARTERS)))


def _cut(body: bytes, size: int) -> tuple[bytes, ...]:
    return tuple(body[i : i + size] for i in range(0, len(body), size))


def _change_delivery(delivery: Delivery, fault: f.Fault) -> Delivery:  # noqa: PLR0911 - one case a fault
    match fault:
        case f.DelayHead(seconds):
            return replace(delivery, head_delay=delivery.head_delay + seconds)
        case f.DelayEvents(seconds):
            return replace(delivery, piece_delay=seconds)
        case f.DelayBytes():
            return replace(delivery, byte_delay=fault)
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
