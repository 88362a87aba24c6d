"""Waiting, and its end (rows 71 to 75)."""

# ruff: noqa: E501  the rows of its table stay rows

from __future__ import annotations

from typing import Any

from rows import BOTH, DONE, STREAM, WHOLE, Row, data, delta, served

from inference_do import Timeout
from inference_do.emulator import DelayBytes, DelayEvents, DelayHead, Heartbeats, Stall, Status

LIMIT = 0.15
IDLE = {"timeout": Timeout(idle=LIMIT), "max_retries": 2}
FIRST = {"timeout": Timeout(first_token=LIMIT), "max_retries": 0}
DEADLINE = {"timeout": Timeout(total=0.6), "max_retries": 2}
SILENT = "the API fell silent: nothing came within 0.15 s (timeout phase 'idle')"
LATE = "the API did not begin to answer within 0.15 s (timeout phase 'first_token')"
OVER = "the call was not done within 0.6 s (timeout phase 'total')"
LATER = {"timeout": Timeout(total=1.2), "max_retries": 2}  # something comes before it, on a busy machine too
OVER_LATER = "the call was not done within 1.2 s (timeout phase 'total')"


def timeout(name: str, script: list[Any], settings: dict[str, Any], phase: str, message: str, **more: Any) -> Row:
    return Row(
        name=name, script=script, settings=settings, error="APITimeoutError", phase=phase, message=message, **more
    )


ROWS = [
    timeout("71 silence behind tokens", [Stall(after_events=2)], IDLE, "idle", SILENT, modes=STREAM, partial="You said", retryable=False, has_request_id=True),
    timeout("71b silence inside an event", [Stall(at_byte=700)], IDLE, "idle", SILENT, modes=STREAM, retryable=False),
    timeout("71c silence inside a whole body", [Stall(after_events=2)], IDLE, "idle", SILENT, modes=WHOLE, retryable=False),
    timeout("72 comments for ever", [Heartbeats(after_events=2, every=0.02)], IDLE, "idle", SILENT, modes=STREAM, partial="You said", retryable=False),
    timeout("72b comments for ever before the first event", [Heartbeats(every=0.02)], FIRST, "first_token", LATE, modes=STREAM, retryable=True),
    timeout("72c empty events for ever", [Heartbeats(after_events=2, every=0.02, comment=b"data:\n\n")], IDLE, "idle", SILENT, modes=STREAM, partial="You said"),
    Row(name="72d slow, but alive", modes=STREAM, script=[DelayEvents(0.04)], settings={"timeout": Timeout(idle=0.5), "max_retries": 2}),
    Row(name="72e comments between slow tokens", modes=STREAM, script=[served(data(delta("Hel")), b": hi\n\n", b": hi\n\n", data(delta("lo", finish="stop")), DONE, pause=0.03)], settings={"timeout": Timeout(idle=0.5), "max_retries": 2}, text="Hello"),
    Row(name="72f a body in drops", modes=WHOLE, script=[DelayBytes(0.002, every=32)], settings=IDLE),
    timeout("73 the deadline in a stream", [Heartbeats(after_events=2, every=0.02)], LATER, "total", OVER_LATER, modes=STREAM, partial="You said", retryable=False),
    timeout("73b the deadline before the head", [Stall(before_head=True)], DEADLINE, "total", OVER, modes=BOTH, retryable=False),
    timeout("73c the deadline spans attempts", [Status(503, headers={"retry-after": "0.1"}), Stall(before_head=True)], LATER, "total", OVER_LATER, posts=2, retryable=False),
    Row(name="73d no pause reaches beyond the deadline", script=[Status(503, headers={"retry-after": "1.3"})] * 2, settings={"timeout": Timeout(total=2.5), "max_retries": 2}, posts=2, error="ServerError", message="503 ", gaps=((1.3, 2.5),)),
    Row(name="73e in time", script=[DelayHead(0.05)], settings={"timeout": Timeout(total=5), "max_retries": 2}),
    timeout("74 no head", [Stall(before_head=True)], FIRST, "first_token", LATE, retryable=True, has_request_id=False),
    timeout("74b no head, asked once more and no more", [Stall(before_head=True)] * 3, {**FIRST, "max_retries": 2}, "first_token", LATE, posts=2),
    timeout("74c no head, not to be repeated", [Stall(before_head=True)], {**FIRST, "max_retries": 2, "retry_ambiguous": False}, "first_token", LATE),
    Row(name="74d no head, then an answer", script=[Stall(before_head=True), None], settings={**FIRST, "max_retries": 2}, posts=2),
    timeout("74e head, then silence", [Stall(after_events=0)], FIRST, "first_token", LATE, modes=STREAM, retryable=True, has_request_id=True),
]  # fmt: skip
