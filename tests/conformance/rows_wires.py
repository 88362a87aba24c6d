"""The same calls on the two other wires: answers, cuts, errors in each wire's shape (rows 140 to 149).

`/v1/responses` has two kinds of models, OpenAI's and hosted ones, whose events differ. What a caller sees is what chat
completions show.
"""

# ruff: noqa: E501  the rows of its table stay rows

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rows import BUSY, DONE, NEVER, NOW, STREAM, WHOLE, Row, completion, data, served

from inference_do.emulator import Corrupt, Drop, ErrorEvent, Quirks, RawBody, Reset, Status, Truncate

CUT = "the stream ended without a finish reason or [DONE]: the answer is incomplete"
BROKE = "the stream broke off: the connection to the API broke"
REPORTED = "the API reported an error in the stream: "
NOT_A_CHUNK = "an event of the stream is not a chunk of an answer"
FAILED = "The model failed while answering"
SERVER_ERROR = "500 Internal Server Error: " + FAILED
CALLS: dict[str, Any] = {"tool_calls": [("add", {"a": 1, "b": 2}), ("multiply", {"a": 3, "b": 4})]}
CALLED = (("add", '{"a": 1, "b": 2}'), ("multiply", '{"a": 3, "b": 4}'))
REFUSED = {400: ("BadRequestError", "400 Bad Request: "), 401: ("AuthenticationError", "401 Unauthorized: "), 404: ("NotFoundError", "404 Not Found: ")}  # fmt: skip
PASSING = {429: ("RateLimitError", "429 Too Many Requests: "), 500: ("ServerError", "500 Internal Server Error: "), 503: ("ServerError", "503 Service Unavailable: ")}  # fmt: skip
FIRST = "You said"


@dataclass(frozen=True, kw_only=True)
class Wire:
    """A model on a wire, and what its streams are made of."""

    letter: str
    model: str
    api: str
    text_at: int
    """How many events come before the first with text."""
    idle_events: int
    """How many come before the first with content of any kind."""
    thought: str = ""
    error: dict[str, Any]
    """An error event of the wire that says to come again later."""

    def row(self, name: str, **more: Any) -> Row:
        number, _, rest = name.partition(" ")
        settings = {"model": self.model, "api": self.api, **more.pop("settings", {})}
        answer = {} if "reply" in more or "error" in more else {"reasoning": self.thought}
        named = f"{number}{self.letter} {rest} of {self.model}"
        return Row(name=named, settings=settings, path=f"/v1/{self.api}", **{**answer, **more})


OVERLOAD = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
BUSY_EVENT = {"type": "error", "code": "rate_limit_exceeded", "message": "slow", "param": None, "sequence_number": 0}
THOUGHT = "The last message is from the user: 'Say hello'. I answer it."
WIRES = (
    Wire(letter="o", model="openai-gpt-5.4", api="responses", text_at=4, idle_events=4, error=BUSY_EVENT),
    Wire(letter="k", model="kimi-k2.6", api="responses", text_at=19, idle_events=4, thought=THOUGHT, error=BUSY_EVENT),
    Wire(letter="c", model="anthropic-claude-haiku-4.5", api="messages", text_at=3, idle_events=3, error=OVERLOAD),
)


# fmt: off
def answers(wire: Wire) -> Iterator[Row]:
    yield wire.row("140 an answer")
    yield wire.row("140a an answer and [DONE]", modes=STREAM, quirks=Quirks(extra_done=True))
    yield wire.row("140b events without names", modes=STREAM, quirks=Quirks(no_event_names=True))
    yield wire.row("140d lines end in CR and LF", modes=STREAM, quirks=Quirks(line_end="\r\n"))
    yield wire.row("141 two calls", reply=CALLS, text="", calls=CALLED, finish="tool_calls")
    yield wire.row("141a two calls with text", reply={**CALLS, "text": "Let me see"}, text="Let me see", calls=CALLED, finish="tool_calls")
    yield wire.row("142 cut by the token limit", reply={"text": "Hello", "finish_reason": "length"}, text="Hello", finish="length")
    yield wire.row("142a stopped by a filter", reply={"text": "Hello", "finish_reason": "content_filter"}, text="Hello", finish="content_filter")


def cuts(wire: Wire) -> Iterator[Row]:
    behind_text, idle = wire.text_at + 1, wire.idle_events
    cut: dict[str, Any] = {"modes": STREAM, "error": "StreamInterrupted", "partial": FIRST, "retryable": False, "has_request_id": True}
    yield wire.row("143 cut cleanly", script=[Truncate(after_events=behind_text)], message=CUT, **cut)
    yield wire.row("143a reset behind tokens", script=[Reset(after_events=behind_text)], message=BROKE, **cut)
    yield wire.row("143b no last chunk of HTTP", script=[Drop(after_events=behind_text)], message=BROKE, **cut)
    yield wire.row("143d the last event is missing", message=CUT, quirks=Quirks(no_finish_reason=True), **{**cut, "partial": "You said: Say hello"})
    yield wire.row("143e the last event is missing, but [DONE] is there", message=CUT, quirks=Quirks(no_finish_reason=True, extra_done=True), **{**cut, "partial": "You said: Say hello"})
    for letter, events in zip("abd", (0, 1, idle), strict=True):
        yield wire.row(f"144{letter} cut behind {events} events without content", modes=STREAM, script=[Truncate(after_events=events), None], posts=2)
        yield wire.row(f"144{letter}r reset behind {events} events without content", modes=STREAM, script=[Reset(after_events=events), None], posts=2)
    yield wire.row("144e reset behind events without content, for ever", modes=STREAM, script=[Reset(after_events=idle)] * 3, posts=3, error="APIConnectionError", message="the connection to the API broke", retryable=True)
    yield wire.row("144f reset before the head", script=[Reset(before_head=True), None], posts=2)


def reported(wire: Wire) -> Iterator[Row]:
    behind_text, idle = wire.text_at + 1, wire.idle_events
    failed: dict[str, Any] = {"modes": STREAM, "error": "StreamFailed", "message": REPORTED, "partial": FIRST, "retryable": False, "has_request_id": True}
    yield wire.row("145 failed behind tokens", script=[ErrorEvent(after_events=behind_text)], status=500, **{**failed, "message": REPORTED + FAILED})
    yield wire.row("145a error event behind tokens", script=[ErrorEvent(after_events=behind_text, event_name="error")], status=500, **failed)
    yield wire.row("145b busy behind tokens", script=[ErrorEvent(after_events=behind_text, body=wire.error)], status=529 if wire.error is OVERLOAD else 429, **failed)
    yield wire.row("145d text in an error event behind tokens", script=[ErrorEvent(after_events=behind_text, body="the GPU fell off", event_name="error")], status=0, **{**failed, "message": REPORTED + "the GPU fell off"})
    yield wire.row("146 failed as the first event", modes=STREAM, script=[ErrorEvent(), None], posts=2)
    yield wire.row("146a failed before content", modes=STREAM, script=[ErrorEvent(after_events=idle), None], posts=2)
    yield wire.row("146b error event as the first event", modes=STREAM, script=[ErrorEvent(event_name="error"), None], posts=2)
    yield wire.row("146d busy before content", modes=STREAM, script=[ErrorEvent(after_events=idle, body=wire.error), None], posts=2)
    yield wire.row("146e failed as the first event, not sent again", modes=STREAM, script=[ErrorEvent()], settings=NEVER, error="ServerError", message=SERVER_ERROR, status=500, retryable=True)
    yield wire.row("146f a whole answer failed", modes=WHOLE, script=[ErrorEvent(), None], posts=2)
    yield wire.row("146g a whole answer failed, not sent again", modes=WHOLE, script=[ErrorEvent()], settings=NEVER, error="ServerError", message=SERVER_ERROR, status=500, retryable=True)


def statuses(wire: Wire) -> Iterator[Row]:
    for letter, (status, (kind, message)) in zip("abd", REFUSED.items(), strict=True):
        yield wire.row(f"147{letter} {status}", script=[Status(status)], error=kind, message=message, status=status, retryable=False, has_request_id=True)
    for letter, (status, (kind, message)) in zip("efg", PASSING.items(), strict=True):
        yield wire.row(f"147{letter} {status}, fine", script=[Status(status, headers=NOW), None], posts=2)
        yield wire.row(f"147{letter}r {status}, for ever", script=[Status(status, headers=NOW)] * 3, posts=3, error=kind, message=message, status=status, retryable=True, retry_after=0.0)
    yield wire.row("147h asked for more than a minute", script=[Status(429, headers={"retry-after": "100000"})], error="RateLimitError", message="429 ", retry_after=100000.0, retryable=True)
    yield wire.row("147i no retries", script=[BUSY], settings=NEVER, error="ServerError", message="503 ", status=503)


def malformed(wire: Wire) -> Iterator[Row]:
    kind = "response.output_text.delta" if wire.api == "responses" else "content_block_delta"
    broken: dict[str, Any] = {"modes": STREAM, "error": "ProtocolError", "message": NOT_A_CHUNK, "partial": FIRST, "retryable": False}
    for letter, value in zip("abd", (b"{oops", b"null", b"[]"), strict=True):
        yield wire.row(f"148{letter} an event is {value.decode()}", script=[Corrupt(wire.text_at + 1, b"event: " + kind.encode() + b"\ndata: " + value + b"\n\n")], **broken)
    yield wire.row("148e broken JSON first", modes=STREAM, script=[served(b"event: " + kind.encode() + b"\ndata: {oops\n\n")], error="ProtocolError", message=NOT_A_CHUNK, partial="")
    yield wire.row("148f an event of tomorrow", modes=STREAM, script=[Corrupt(wire.idle_events - 1, b"event: x.new\n" + data({"type": "x.new", "x": 1}))])
    yield wire.row("149 [DONE] alone", modes=STREAM, script=[served(DONE), None], posts=2)
    yield wire.row("149a an empty body", modes=STREAM, script=[RawBody(b"", content_type="text/event-stream"), None], posts=2)
    yield wire.row("149b an answer of another wire", modes=WHOLE, script=[RawBody(completion({"content": "Hello"}))], error="ProtocolError", message="the response is not what was asked for: ", retryable=False)


ROWS = [row for wire in WIRES for part in (answers, cuts, reported, statuses, malformed) for row in part(wire)]
ROWS += [  # what one wire alone has
    WIRES[2].row("143f message_stop is missing behind the reason to stop", modes=STREAM, script=[Truncate(after_events=8)]),
    WIRES[2].row("143g reset in place of message_stop", modes=STREAM, script=[Reset(after_events=8)]),
    WIRES[0].row("143h response.completed is missing behind all items", modes=STREAM, script=[Truncate(after_events=10)], error="StreamInterrupted", message=CUT, partial="You said: Say hello"),
]
