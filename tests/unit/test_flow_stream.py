"""The protocol of streams: opening, error events, the end, silence, what is kept of a broken one (flow_kit)."""

# ruff: noqa: E501  the rows of its tables stay rows

from __future__ import annotations

import json
from typing import Any

import pytest
from flow_kit import (
    DONE,
    GONE,
    ID,
    SSE,
    UNREACHED,
    After,
    chunk,
    event,
    new_call,
    play,
    status,
    stream,
    tool_chunk,
)

from inference_do import errors
from inference_do._protocol import flow
from inference_do._protocol.call import Disconnected, Head, Sleep, TimedOut
from inference_do._protocol.flow import DRAIN_LIMIT, has_content, is_event_stream, stream_flow
from inference_do._protocol.sse import MAX_EVENT_BYTES
from inference_do._wires.chat_completions import ChatCompletions
from inference_do.accumulate import Accumulator

OPEN = Head(200, ID)
AS_JSON = Head(200, {"content-type": "application/json", **ID})
HI = chunk("Hi")
END = chunk(finish="stop")
USAGE = event({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}})
PING = b": ping\n\n"
RETRIED = "send read release sleep:0.5"
CUT = "StreamInterrupted: the stream ended without a finish reason or [DONE]: the answer is incomplete"
FAILED = "StreamFailed: the API reported an error in the stream: "

ROLE = event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})

STREAMS = [
    # what the server does, the trace, the outcome
    # --- ends ---
    ([SSE, HI, END, USAGE, DONE, b""], "send read =Hi read = read = read read release", "ok"),
    ([SSE, HI + END + USAGE + DONE, b""], "send read =Hi = = read release", "ok"),
    ([SSE, HI, END, b""], "send read =Hi read = read release", "ok"),
    ([SSE, HI, DONE, b""], "send read =Hi read read release", "ok"),
    ([SSE, HI, END, b"data: [DONE]", b"", b""], "send read =Hi read = read read read release", "ok"),
    ([SSE, HI, b"data: [DONE]", b"", b""], "send read =Hi read read read release", "ok"),
    ([SSE, HI, b"data: [DONE]\n", b"", b""], "send read =Hi read read read release", "ok"),
    ([SSE, HI, b""], "send read =Hi read", CUT),
    ([SSE, HI, b'data: {"cut', b""], "send read =Hi read read", CUT),
    ([SSE, DONE, b""], "send read", "ProtocolError: the stream ended without an answer in it"),
    ([SSE, b"data: [DONE]", b""], "send read read", "ProtocolError: the stream ended without an answer in it"),
    ([SSE, USAGE, DONE, b""], "send read read =", "ProtocolError: the stream ended without an answer in it"),
    ([SSE, event({"choices": None}), DONE], "send read read =", "ProtocolError: the stream ended without an answer in it"),
    ([SSE, HI, END, GONE], "send read =Hi read = read release", "ok"),
    ([SSE, HI, END, TimedOut()], "send read =Hi read = read release", "ok"),
    # --- after [DONE]: drained within bounds ---
    ([SSE, HI + DONE, b"x" * 10, b"", "unused"], "send read =Hi read read release", "ok"),
    ([SSE, HI + DONE, GONE], "send read =Hi read release", "ok"),
    ([SSE, HI + DONE, TimedOut()], "send read =Hi read release", "ok"),
    ([SSE, HI + DONE, b"x" * DRAIN_LIMIT, "unused"], "send read =Hi read release", "ok"),
    ([SSE, HI + DONE, After(0.2, b"x"), "unused"], "send read =Hi read release", "ok"),
    ([SSE, HI + DONE + chunk("late"), b""], "send read =Hi read release", "ok"),
    # --- before the first event: sent again ---
    ([UNREACHED, SSE, HI + DONE, b""], "send release sleep:0.5 send read =Hi read release", "ok"),
    ([*status(503), SSE, HI + DONE, b""], "send read read release sleep:0.5 send read =Hi read release", "ok"),
    ([SSE, b"", SSE, HI + DONE, b""], f"{RETRIED} send read =Hi read release", "ok"),
    ([SSE, GONE, SSE, HI + DONE, b""], f"{RETRIED} send read =Hi read release", "ok"),
    ([SSE, TimedOut(), SSE, HI + DONE, b""], f"{RETRIED} send read =Hi read release", "ok"),
    ([SSE, TimedOut(), SSE, TimedOut()], f"{RETRIED} send read release", "APITimeoutError: the API did not begin"),
    ([SSE, PING, b"", SSE, HI + DONE, b""], "send read read release sleep:0.5 send read =Hi read release", "ok"),
    ([SSE, b'data: {"ch', b"", SSE, HI + DONE, b""], "send read read release sleep:0.5 send read =Hi read release", "ok"),
    (
        [SSE, b"", SSE, b"", SSE, b""],
        "send read release sleep:0.5 send read release sleep:1 send read release",
        "APIConnectionError: the stream ended before its first event (request id req-1, 3 attempts)",
    ),
    # --- before the first content: sent again ---
    ([SSE, ROLE, GONE, SSE, HI + DONE, b""], "send read read release sleep:0.5 send read =Hi read release", "ok"),
    ([SSE, ROLE + USAGE, b"", SSE, ROLE + HI + DONE, b""], "send read read release sleep:0.5 send read = =Hi read release", "ok"),
    ([SSE, ROLE, event({"error": {"message": "busy", "code": 503}}), SSE, HI + DONE, b""], "send read read release sleep:0.5 send read =Hi read release", "ok"),
    ([SSE, ROLE, DONE, b""], "send read read = read release", "ok"),
    ([SSE, ROLE, END, DONE, b""], "send read read = = read read release", "ok"),
    ([SSE, ROLE, HI, GONE], "send read read = =Hi read", "StreamInterrupted: the stream broke off: the connection to the API broke"),
    # --- after it: never ---
    ([SSE, HI, GONE], "send read =Hi read", "StreamInterrupted: the stream broke off: the connection to the API broke"),
    ([SSE, HI, TimedOut()], "send read =Hi read", "APITimeoutError: the API fell silent: nothing came within 120 s"),
    # --- error events ---
    ([SSE, event({"error": {"message": "busy", "code": 503}}), SSE, HI + DONE, b""], f"{RETRIED} send read =Hi read release", "ok"),
    ([SSE, event({"error": {"message": "no", "code": 400}})], "send read release", "BadRequestError: 400 Bad Request: no"),
    ([SSE, event({"message": "no", "code": "429"}, "error"), SSE, HI + DONE, b""], f"{RETRIED} send read =Hi read release", "ok"),
    ([SSE, event({"object": "error", "message": "no", "code": 401})], "send read release", "AuthenticationError: 401"),
    ([SSE, event({"error": {"message": "no"}})], "send read release", f"{FAILED}no"),
    ([SSE, event("oh no, an error", "error")], "send read release", f"{FAILED}oh no, an error"),
    ([SSE, event("error: {", None)], "send read release", "ProtocolError: an event of the stream is not a chunk of an answer"),
    ([SSE, HI, event({"error": {"message": "no", "code": 503}}), DONE], "send read =Hi read", f"{FAILED}no"),
    ([SSE, HI, event({"error": "no"})], "send read =Hi read", f"{FAILED}no"),
    ([SSE, HI, event({"object": "error", "message": "no", "code": 400})], "send read =Hi read", f"{FAILED}no"),
    ([SSE, HI, event({"message": "no"}, "error")], "send read =Hi read", f"{FAILED}no"),
    ([SSE, HI, event("no", "error")], "send read =Hi read", f"{FAILED}no"),
    ([SSE, HI, event({}, "error")], "send read =Hi read", f"{FAILED}{{}}"),
    ([SSE, HI, event(" ", "error")], "send read =Hi read", f"{FAILED}no reason given"),
    ([SSE, event({"error": None, "choices": []}), HI + DONE, b""], "send read read = =Hi read release", "ok"),
    ([SSE, chunk("an error in words") + DONE, b""], "send read =an error in words read release", "ok"),
    ([SSE, HI, b"event: error\ndata: no \xff\n\n"], "send read =Hi read", f"{FAILED}no \ufffd"),
    ([SSE, b"event: error\ndata: no \xff\n\n"], "send read release", f"{FAILED}no \ufffd"),
    ([SSE, HI, b"event: error\n\n"], "send read =Hi read", f"{FAILED}no reason given"),
    ([SSE, b"event: error\n\n"], "send read release", f"{FAILED}no reason given"),
    ([AS_JSON, b'{"error": {"message": "busy", "code": 400}}\n\n' + DONE, b""], "send read read release", "BadRequestError: 400 Bad Request: busy"),
    # --- events that are no chunks ---
    ([SSE, HI, END, event("42")], "send read =Hi read = read", "ProtocolError: an event of the stream is not a chunk"),
    ([SSE, HI, Disconnected("no HTTP", sent=True, malformed=True)], "send read =Hi read", "ProtocolError: no HTTP"),
    ([SSE, event("null")], "send read release", "ProtocolError: an event of the stream is not a chunk of an answer: Input"),
    ([SSE, HI, event("42")], "send read =Hi read", "ProtocolError: an event of the stream is not a chunk"),
    ([SSE, HI, event("[]")], "send read =Hi read", "ProtocolError: an event of the stream is not a chunk"),
    ([SSE, HI, event('{"cut')], "send read =Hi read", "ProtocolError: an event of the stream is not a chunk"),
    ([SSE, HI, b'data: {"a": "\xff"}\n\n'], "send read =Hi read", "ProtocolError: an event of the stream is not a chunk"),
    ([SSE, HI, event('{"choices": 5}')], "send read =Hi read", "ProtocolError: an event of the stream is not a chunk of an answer: choices: "),
    ([SSE, HI, event("[" * 9999)], "send read =Hi read", "ProtocolError: an event of the stream is not a chunk"),
    ([SSE, b"data:\n\n", HI + DONE, b""], "send read read =Hi read release", "ok"),
    ([SSE, b"event: ping\n\n", PING, HI + DONE, b""], "send read read read =Hi read release", "ok"),
    # --- tool calls ---
    ([SSE, tool_chunk('{"a":', id="c", name="f"), tool_chunk("1}") + DONE, b""], "send read = read = read release", "ok"),
    (
        [SSE, tool_chunk('{"a":', id="c", name="f"), DONE],
        "send read = read",
        "StreamInterrupted: the stream ended inside a tool call's arguments",
    ),
    ([SSE, tool_chunk('{"a":', id="c", name="f", finish="length"), DONE, b""], "send read = read read release", "ok"),
    # --- other media types ---
    ([AS_JSON, HI + DONE, b""], "send read =Hi read release", "ok"),
    ([OPEN, HI + DONE, b""], "send read =Hi read release", "ok"),
    ([AS_JSON, PING, HI + DONE, b""], "send read read =Hi read release", "ok"),
    ([AS_JSON, b"\xef\xbb\xbf" + HI + DONE, b""], "send read =Hi read release", "ok"),
    ([AS_JSON, b"\n\nevent: message\n" + HI + DONE, b""], "send read =Hi read release", "ok"),
    ([AS_JSON, b"d", b"ata: {}\n\n", HI + DONE, b""], "send read read read = =Hi read release", "ok"),
    ([AS_JSON, b"\xef", b"\xbb\xbf", HI + DONE, b""], "send read read read =Hi read release", "ok"),
    ([AS_JSON, b"\n", HI + DONE, b""], "send read read =Hi read release", "ok"),
    ([Head(200, {"content-type": "Text/Event-Stream"}), HI + DONE, b""], "send read =Hi read release", "ok"),
    ([AS_JSON, b'{"error": ', b'{"message": "no", "code": 400}}', b""], "send read read read release", "BadRequestError: 400"),
    ([AS_JSON, b'{"error": {"message": "no"}}', b""], "send read read release", "ProtocolError: the API answered 200 with"),
    ([AS_JSON, b"dat", b"", b""], "send read read read release", "ProtocolError: the response is not JSON: dat"),
    ([OPEN, b"<html>", b""], "send read read release", "ProtocolError: the response is not JSON: an HTML page"),
    ([AS_JSON, b'{"choices": []}', b""], "send read read release", "ProtocolError: the response is not what was asked for: it has no choices"),
    ([AS_JSON, b'{"choices": [{}]}', b""], "send read read release", "ProtocolError: the response is not what was asked for: choices.0"),
    # --- and responses that only claim to be streams ---
    ([SSE, b'{"error": {"message": "no", "code": 400}}', b""], "send read read release", "BadRequestError: 400"),
    ([SSE, b'{"error": {"message": "no"}}', b""], "send read read release", "ProtocolError: the API answered 200 with"),
    ([SSE, b"<html>\n<p>", b""], "send read read release", "ProtocolError: the response is not JSON: an HTML page"),
]  # fmt: skip


@pytest.mark.parametrize(("script", "trace", "outcome"), STREAMS, ids=[str(n) for n in range(len(STREAMS))])
def test_streams(script, trace, outcome):
    unused = script[-1:] if script[-1] == "unused" else []
    played = stream(new_call(), *script)
    assert played.outcome.startswith(outcome)
    assert played.trace == trace
    assert played.unused == unused or played.error


@pytest.mark.parametrize("head", [SSE, AS_JSON, OPEN])
@pytest.mark.parametrize("body", [[], [b"\n"], [b"\r\n", b" "]])
def test_an_empty_reply_is_a_stream_that_ended_too_early(head, body):
    played = stream(new_call(retries=0), head, *body, b"", b"")
    assert played.outcome.startswith("APIConnectionError: the stream ended before its first event")


def test_any_number_of_blank_lines_may_come_first():
    blanks = [b"\n" * 30_000] * 5
    assert stream(new_call(retries=0), SSE, *blanks, HI + END + DONE, b"").text == "Hi"
    played = stream(new_call(retries=0), AS_JSON, *blanks, HI + END + DONE, b"", b"")
    assert played.text in {"", "Hi"}


def test_a_whole_answer_in_place_of_a_stream_is_kept():
    whole = {"choices": [{"message": {"content": "Hi"}}]}
    played = stream(new_call(), AS_JSON, json.dumps(whole).encode(), b"")
    assert played.outcome.startswith("ProtocolError: the API answered a request for a stream with a whole response")
    assert played.error.partial.text == "Hi"
    assert played.sends == 1


def test_a_body_that_is_no_stream_is_bounded(monkeypatch):
    monkeypatch.setattr("inference_do._protocol.flow.WHOLE_LIMIT", 100)
    played = stream(new_call(), AS_JSON, b'{"a": "', b"x" * 200, "unused")
    assert played.unused == ["unused"]
    assert isinstance(played.error, errors.ProtocolError)


@pytest.mark.parametrize("loss", [GONE, TimedOut()])
def test_a_body_that_is_no_stream_may_break_off(loss):
    played = stream(new_call(), AS_JSON, b"<html>", loss)
    assert isinstance(played.error, errors.ProtocolError)


# --- partial ---

BROKEN: list[tuple[str, list[Any]]] = [
    ("connection", [GONE]),
    ("silence", [TimedOut()]),
    ("end", [b""]),
    ("error event", [event({"error": "no"})]),
    ("no chunk", [event("42")]),
    ("bad JSON", [event("{")]),
    ("too large", [b"data: " + b"x" * 9_000_000]),
]


@pytest.mark.parametrize("rest", [row[1] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_what_was_delivered_is_in_partial(rest):
    played = stream(new_call(), SSE, chunk("Hel"), chunk("lo"), *rest)
    assert played.text == "Hello"
    assert played.error.partial.text == "Hello"
    assert played.error.partial.choices[0].finish_reason is None
    assert (played.error.attempts, played.error.request_id, played.error.retryable) == (1, "req-1", False)


def test_partial_is_none_where_nothing_began():
    assert stream(new_call(), *status(400)).error.partial is None


@pytest.mark.parametrize("first", [event("42"), event({"error": {"message": "no"}})])
def test_partial_is_empty_where_the_first_event_is_no_answer(first):
    assert stream(new_call(), SSE, ROLE, first).error.partial.choices == []


@pytest.mark.parametrize(
    ("events", "spent"),
    [
        ([chunk(finish="length"), event({"choices": [], "usage": {"completion_tokens": 5}})], [5]),
        ([chunk(finish="length"), event({"choices": [], "usage": {"completion_tokens": None}})], [0]),
        ([chunk(finish="length")], [0]),
        ([HI, chunk(finish="length")], []),
        ([chunk(finish="stop")], []),
    ],
)
def test_an_answer_that_ran_out_of_tokens_before_any_text_is_reported(events, spent):
    reported: list[int] = []
    assert stream(new_call(on_empty=reported.append), SSE, *events, DONE, b"").outcome == "ok"
    assert reported == spent


def test_errors_of_streams_carry_no_other_exception():
    for rest in ([GONE], [TimedOut()], [event("42")], [b"x" * 9_000_000]):
        error = stream(new_call(), SSE, chunk("x"), *rest).error
        assert (error.__cause__, error.__context__) == (None, None)


def test_an_error_event_tells_status_code_and_type():
    said = {"error": {"message": "no", "code": 429, "type": "rate_limit"}}
    error = stream(new_call(), SSE, HI, event(said)).error
    assert isinstance(error, errors.StreamFailed)
    assert (error.status, error.code, error.type) == (429, "429", "rate_limit")


def test_a_first_error_event_is_judged_with_the_replys_headers():
    head = Head(200, {"content-type": "text/event-stream", "retry-after": "3"})
    played = stream(new_call(), head, event({"error": {"message": "busy", "code": 503}}), SSE, HI + DONE, b"")
    assert [command.seconds for command in played.commands if isinstance(command, Sleep)] == [3.0]


def test_the_key_is_masked_in_error_events():
    call = new_call(scrub=lambda text: text.replace("sk-secret", "***"))
    error = stream(call, SSE, HI, event({"error": "bad key sk-secret"})).error
    assert "sk-secret" not in f"{error!r} {vars(error)}"


WRONG_SHAPES = [
    {"created": "yesterday"},
    {"service_tier": 5},
    {"system_fingerprint": []},
    {"object": {}},
    {"usage": {"prompt_tokens": "many"}},
    {"choices": [{"delta": {"role": 5}}]},
    {"choices": [{"delta": {"tool_calls": [{"type": 5}]}}]},
]


@pytest.mark.parametrize("raw", WRONG_SHAPES, ids=[str(raw) for raw in WRONG_SHAPES])
def test_a_field_of_the_wrong_shape_is_our_error_and_not_pydantics(raw):
    accumulator = Accumulator()
    played = stream(new_call(), SSE, event({"choices": [], **raw}) + END + DONE, b"", accumulator=accumulator)
    if played.error is None:  # then it must be readable, every part of it
        assert accumulator.completion() is not None
        assert [(c.id, c.created, c.object, c.choices, c.usage, c.service_tier) for c in played.results]
    else:
        assert isinstance(played.error, errors.ProtocolError)


# --- time ---


def test_comments_are_no_sign_of_life():
    played = stream(new_call(timeout={"idle": 3.0}), SSE, HI, *[After(1.0, PING)] * 5)
    assert played.outcome.startswith(
        "APITimeoutError: the API fell silent: nothing came within 3 s (timeout phase 'idle')"
    )
    assert (played.error.phase, played.error.retryable, played.sends) == ("idle", False, 1)
    assert played.timeouts()[1:] == pytest.approx([3.0, 2.0, 1.0])
    assert played.error.partial.text == "Hi"


def test_without_a_limit_on_silence_only_the_deadline_counts():
    played = stream(new_call(timeout={"idle": None, "total": 50.0}), SSE, HI, After(40.0, HI), TimedOut())
    assert played.timeouts()[1:] == [50.0, 10.0]
    assert played.error.phase == "total"
    assert stream(new_call(timeout={"idle": None}), SSE, HI, END, b"").timeouts()[1:] == [None, None]


def test_comments_are_no_first_token():
    played = stream(new_call(retries=0, timeout={"first_token": 3.0}), SSE, *[After(1.0, PING)] * 5)
    assert (played.error.phase, played.timeouts()) == ("first_token", pytest.approx([3.0, 2.0, 1.0]))


def test_the_first_token_is_awaited_from_the_head():
    played = stream(
        new_call(timeout={"first_token": 10.0}), After(4.0, SSE), After(5.0, PING), After(0.5, HI + END), b""
    )
    assert played.timeouts()[:2] == [10.0, 5.0]
    assert played.outcome == "ok"


def test_each_attempt_has_the_whole_patience():
    played = stream(new_call(timeout={"first_token": 3.0}), SSE, After(2.0, PING), b"", SSE, HI + DONE, b"")
    assert played.timeouts()[:3] == [3.0, 1.0, 3.0]


def test_the_consumers_work_is_not_silence():
    call = new_call(timeout={"idle": 3.0})
    accumulator = Accumulator()
    flow = stream_flow(call, accumulator, ChatCompletions())
    next(flow)
    flow.send(SSE)
    flow.send(HI)
    call.clock.time += 100
    assert next(flow).timeout == 3.0


def test_silence_after_the_finish_reason_is_the_end_with_or_without_heartbeats():
    silent = stream(new_call(timeout={"idle": 3.0}), SSE, HI, END, TimedOut())
    beating = stream(new_call(timeout={"idle": 3.0}), SSE, HI, END, *[After(1.0, PING)] * 3)
    assert (silent.outcome, beating.outcome) == ("ok", "ok")


def test_a_deadline_ends_a_stream_that_is_never_silent():
    played = stream(new_call(timeout={"total": 3.0}), SSE, *[After(1.0, HI)] * 5)
    assert (played.error.phase, played.text, played.sends) == ("total", "HiHiHi", 1)


def test_the_deadline_ends_waiting_for_the_first_token():
    played = stream(new_call(timeout={"total": 3.0}), SSE, After(3.5, PING))
    assert (played.error.phase, played.sends) == ("total", 1)


# --- pieces ---


def test_bytes_may_come_one_by_one():
    whole = chunk("Grüße 🎈") + END + DONE
    pieces = [whole[i : i + 1] for i in range(len(whole))]
    assert stream(new_call(), SSE, *pieces, b"").text == "Grüße 🎈"


def test_a_new_attempt_starts_a_new_parser():
    played = stream(new_call(), SSE, b'data: {"half', b"", SSE, HI + DONE, b"")
    assert (played.outcome, played.text) == ("ok", "Hi")


def test_a_failed_attempt_leaves_nothing_in_the_answer():
    accumulator = Accumulator()
    stream(
        new_call(),
        SSE,
        event({"error": {"message": "no", "code": 503}}),
        SSE,
        HI + END + DONE,
        b"",
        accumulator=accumulator,
    )
    assert accumulator.completion().text == "Hi"


def test_the_budget_counts_a_begun_stream_as_a_success():
    call = new_call()
    stream(call, *status(503), SSE, HI, GONE)
    assert call.budget.left == 91


def test_closing_a_flow_in_the_middle_is_quiet():
    flow = stream_flow(new_call(), Accumulator(), ChatCompletions())
    next(flow)
    flow.send(SSE)
    flow.send(HI)
    flow.close()


# --- what a body is ---


@pytest.mark.parametrize(
    ("start", "without_type", "with_type"),
    [
        (b"", None, None),
        (b" \n", None, None),
        (b"\xef\xbb", None, None),
        (b"\xef\xbb\xbf", None, None),
        (b"\xef\xbb\xbf\n data: a", True, True),
        *[(name + b": a", True, True) for name in (b"data", b"event", b"id", b"retry", b"error", b"")],
        *[(name, None, True) for name in (b"d", b"data", b"eve", b"i", b"re", b"err")],
        (b"other: a", False, True),
        (b"x", False, True),
        (b"other", False, True),
        (b"{", False, False),
        (b"[1", False, False),
        (b"<html>", False, False),
    ],
)
def test_a_body_is_known_by_its_start(start, without_type, with_type):
    assert is_event_stream(start, says_so=False) is without_type
    assert is_event_stream(start, says_so=True) is with_type


@pytest.mark.parametrize(
    ("choices", "has"),
    [
        ([{"delta": {"content": "Hi", "refusal": None}}], True),
        ([{"delta": {"role": "assistant"}}], False),
        ([{"delta": {"role": "assistant", "content": ""}}], False),
        ([{"delta": None}], False),
        ([{}], False),
        ([{"delta": {}, "finish_reason": "stop"}], True),
        ([{"delta": {}}, {"delta": {"content": "Hi"}}], True),
        ([], False),
        (None, False),
    ],
)
def test_content_is_more_than_a_role(choices, has):
    assert has_content({"choices": choices}) is has


def test_a_stream_is_bounded(monkeypatch):
    parts = HI, DONE
    monkeypatch.setattr(flow, "STREAM_LIMIT", sum(map(len, parts)))
    assert stream(new_call(), SSE, *parts, b"").outcome == "ok"
    monkeypatch.setattr(flow, "STREAM_LIMIT", sum(map(len, parts)) - 1)
    assert stream(new_call(), SSE, *parts, b"").outcome.startswith("ProtocolError: the stream is larger than ")


def test_a_text_in_place_of_a_stream_is_in_the_error():
    played = stream(new_call(), SSE, b"upstream ", b"broke", b"")
    assert played.outcome.startswith("ProtocolError: the response is not JSON: upstream broke")


def test_a_stream_without_an_event_is_not_sent_again_where_the_caller_forbids_it():
    assert stream(new_call(retry_ambiguous=False), SSE, b"").sends == 1


def test_a_stream_may_end_inside_its_byte_order_mark():
    assert stream(new_call(), SSE, b"\xef\xbb", b"", SSE, HI + DONE, b"").outcome == "ok"


def test_chunks_without_content_are_held_back_up_to_a_number(monkeypatch):
    monkeypatch.setattr(flow, "MAX_WITHOUT_CONTENT", 3)
    held = stream(new_call(), SSE, ROLE * 3, GONE, SSE, HI + DONE, b"")
    assert (held.outcome, held.text, held.sends) == ("ok", "Hi", 2)
    begun = stream(new_call(), SSE, ROLE * 4, GONE)
    assert (len(begun.results), begun.sends) == (4, 1)
    assert begun.outcome.startswith("StreamInterrupted")


def test_blank_lines_before_a_body_of_no_type_are_bounded(monkeypatch):
    monkeypatch.setattr(flow, "PEEK_LIMIT", 4)
    assert stream(new_call(), OPEN, b" \n ", HI + DONE, b"").outcome == "ok"
    assert stream(new_call(), OPEN, b" \n", b" \n", HI + DONE, b"").outcome.startswith("ProtocolError")


def test_a_stream_that_has_begun_is_never_retried_whatever_a_client_calls_its_timeout():
    error = stream(new_call(), SSE, HI, TimedOut("write")).error
    assert (error.phase, error.retryable) == ("write", False)


def test_each_event_ends_a_silence():
    call = new_call(timeout={"idle": 120.0, "total": 1000.0})
    played = stream(call, SSE, HI, After(100.0, HI), After(100.0, HI), After(100.0, END + DONE), b"")
    assert played.outcome == "ok"
    assert played.timeouts()[1:4] == [120.0] * 3


def test_what_comes_without_an_event_is_bounded(monkeypatch):
    monkeypatch.setattr(flow, "MAX_EVENT_BYTES", 10)
    comment = b":2345678\n\n"
    assert stream(new_call(), SSE, comment, HI, comment, HI, comment, DONE, b"").outcome == "ok"
    for parts in ([comment, b":\n"], [HI, comment, b":\n"], [HI, b":\n", comment]):
        played = stream(new_call(), SSE, *parts)
        assert played.outcome.startswith("ProtocolError: more than 10 bytes came without an event")


def test_the_key_is_masked_in_a_first_event_that_names_no_status():
    call = new_call(scrub=lambda text: text.replace("key", "***"))
    assert stream(call, SSE, event({"error": {"message": "no key"}})).outcome.startswith(f"{FAILED}no ***")


def test_an_event_of_another_wire_may_be_no_chunk_or_several():
    class Pairs(ChatCompletions):
        """A wire whose events hold several chunks."""

        def events(self):
            return lambda _, data: [*json.loads(data)] if data != b"[DONE]" else None

    def pair(*texts: str) -> bytes:
        return event([{"choices": [{"index": 0, "delta": {"content": text}}]} for text in texts])

    call = new_call()
    wire_events = [pair(), pair("a", "b"), pair(), pair("c", "d"), DONE, b""]
    played = play(stream_flow(call, Accumulator(), Pairs()), call, SSE, *wire_events)
    assert (played.outcome, [chunk.text for chunk in played.results]) == ("ok", ["a", "b", "c", "d"])
    role_first = play(stream_flow(call, Accumulator(), Pairs()), call, SSE, pair("", "b"), GONE)
    assert (role_first.text, role_first.sends) == ("b", 1)


def test_a_body_in_place_of_a_stream_may_be_larger_than_an_event():
    body = b'{"error": "' + b"x" * (MAX_EVENT_BYTES + 70_000)
    played = stream(new_call(), AS_JSON, body[:70_000], body[70_000:], b"")
    assert played.outcome.startswith('ProtocolError: the response is not JSON: {"error": "xxx')
