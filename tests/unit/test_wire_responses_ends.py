"""What is an end of an answer of `/responses`, a cut, an error, and no event at all."""

from __future__ import annotations

import json

import pytest
from flow_kit import DONE, JSON, SSE, new_call, play
from responses_kit import MODEL, both, call, chunks, events, message, response, summarized, whole

from inference_do._protocol.flow import call_flow, stream_flow
from inference_do._protocol.status import from_event, from_status
from inference_do._wires.codec import ReportedError
from inference_do._wires.responses import Responses
from inference_do.accumulate import Accumulator
from inference_do.errors import RateLimitError, ServerError, StreamFailed, StreamInterrupted

FAILED = response(status="failed", error={"code": "server_error", "message": "Oops"}, instructions="A secret.")


def wired(sent):
    """Return events as bytes, with their names if they have any."""
    lines = [b"event: %s\n" % name.encode() if name != "message" else b"" for name, _ in sent]
    return b"".join(line + b"data: " + data + b"\n\n" for line, (_, data) in zip(lines, sent, strict=True))


def stream(*script):
    made = new_call()
    return play(stream_flow(made, Accumulator(), Responses(MODEL)), made, SSE, *script)


@pytest.mark.parametrize("size", [1, 7, 100, 10**6])
def test_a_stream_without_done_is_whole(size):
    data = wired(events(response(message("Hello"))))
    played = stream(*(data[at : at + size] for at in range(0, len(data), size)), b"")
    assert played.outcome == "ok"
    assert played.text == "Hello"


def test_a_stream_of_a_gateway_ends_at_done():
    played = stream(wired(events(response(message("Hello")), names=False)) + DONE, b"")
    assert played.outcome == "ok"
    assert played.text == "Hello"


@pytest.mark.parametrize("tail", [b"", DONE])
@pytest.mark.parametrize("last", [message("Hello"), call("a", arguments='{"x": 1}')])
def test_a_stream_without_its_last_event_was_cut(tail, last):
    played = stream(wired(events(response(last))[:-1]) + tail, b"")
    assert isinstance(played.error, StreamInterrupted)
    assert played.error.partial.choices[0].finish_reason is None


def test_a_failed_response_is_an_error_with_what_had_come():
    sent = [*events(response(message("Hello")))[:-1], ("response.failed", json.dumps({"response": FAILED}).encode())]
    played = stream(wired(sent), b"")
    assert isinstance(played.error, StreamFailed)
    assert played.error.message == "the API reported an error in the stream: Oops"
    assert played.error.like is ServerError
    assert played.error.partial.text == "Hello"


def test_a_failed_whole_response_is_the_error_that_it_names():
    made = new_call(retries=0)
    played = play(call_flow(made, Responses(MODEL).read), made, JSON, json.dumps(FAILED).encode(), b"")
    assert isinstance(played.error, ServerError)
    assert "Oops" in str(played.error)
    assert "secret" not in str(played.error)


# --- ends ---


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("max_output_tokens", "length"), ("content_filter", "content_filter"), ("another", "length"), (None, "length")],
)
def test_incomplete(reason, finish):
    details = {"reason": reason} if reason else None
    choice = both(message("Hel"), call("a"), status="incomplete", incomplete_details=details)
    assert choice["finish_reason"] == finish


def test_nothing_but_thinking_until_the_tokens_ran_out():
    choice = both(summarized(), status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    assert choice["message"]["content"] is None
    assert choice["finish_reason"] == "length"


def test_no_finish_reason_before_the_last_event():
    *before, last = chunks(events(response(message("Hello"), call("a"))))
    assert {chunk["choices"][0]["finish_reason"] for chunk in before} == {None}
    assert last["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "tool_calls"}
    assert last["usage"]["total_tokens"] == 4835
    assert all(chunk["usage"] is None for chunk in before)


def test_what_comes_before_content_brings_no_chunk():
    assert chunks(events(response(message("Hi")))[:3]) == []


LAST = ("message", b"[DONE]")


def test_done_ends_a_stream_only_behind_the_last_event():
    sent = events(response(message("Hi")), names=False)
    assert chunks([*sent, LAST])[-1] is None
    assert None not in chunks([*sent[:-1], LAST])


def test_what_follows_the_last_event_is_ignored():
    sent = events(response(message("Hi")))
    assert len(chunks([*sent, *sent, ("message", b"{"), ("error", b"{}")])) == len(chunks(sent))


@pytest.mark.parametrize(
    ("event", "message_", "kind"),
    [
        (
            (
                "response.failed",
                {
                    "type": "response.failed",
                    "response": response(status="failed", error={"code": "server_error", "message": "Oops"}),
                },
            ),
            "Oops",
            ServerError,
        ),
        (
            (
                "response.completed",
                {
                    "type": "response.completed",
                    "response": response(status="failed", error={"code": "rate_limit_exceeded", "message": "Slow"}),
                },
            ),
            "Slow",
            RateLimitError,
        ),
        (
            ("response.failed", {"type": "response.failed", "response": response(status="failed")}),
            "status 'failed'",
            None,
        ),
        (
            ("error", {"type": "error", "code": "rate_limit_exceeded", "message": "Slow", "param": None}),
            "Slow",
            RateLimitError,
        ),
        (("error", {"type": "error", "error": {"type": "server_error", "message": "Oops"}}), "Oops", ServerError),
        (("message", {"error": {"message": "Oops", "type": "server_error", "code": "500"}}), "Oops", ServerError),
        (("message", {"type": "error", "message": "Oops", "code": "server_error"}), "Oops", ServerError),
        (("message", {"object": "error", "message": "Oops", "code": 500}), "Oops", ServerError),
    ],
)
def test_errors(event, message_, kind):
    name, raw = event
    sent = [*events(response(message("Hello")))[:-1], (name, json.dumps(raw).encode())]
    with pytest.raises(ReportedError):
        chunks(sent)
    error = from_event(sent[-1][1].decode(), attempts=1, request_id=None)
    assert error.message == f"the API reported an error in the stream: {message_}"
    assert error.like is kind
    assert error.type in {None, "server_error"}


def test_an_error_as_a_gateway_sends_it():
    body = {"error": {"message": "/responses: Invalid model name", "type": "invalid_request_error", "code": "400"}}
    error = from_status(400, json.dumps(body), attempts=1)
    assert str(error) == "400 Bad Request: /responses: Invalid model name"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (response(status="failed", error={"message": "Oops"}), "its status is 'failed'"),
        (response(error={"message": "Oops"}), "its status is 'completed'"),
        (response(status="in_progress"), "its status is 'in_progress'"),
        (response(status="queued"), "its status is 'queued'"),
        ({"choices": []}, "it has no output"),
        ([], "it has no output"),
        (
            response({"type": "message", "content": [{"type": "output_text", "text": 5}]}),
            "text that is no text but int",
        ),
        (response({"type": "function_call", "name": "f", "arguments": [1]}), "arguments that is no text but list"),
    ],
)
def test_what_is_no_whole_answer(body, why):
    with pytest.raises(ValueError, match=why):
        whole(body)


@pytest.mark.parametrize(
    "event",
    [
        ("response.output_text.delta", b"{"),
        ("response.output_text.delta", b"{}"),
        ("response.output_text.delta", b'{"delta":5}'),
        ("response.function_call_arguments.delta", b'{"delta":{}}'),
        ("response.reasoning_text.delta", b'{"delta":null}'),
        ("response.output_item.done", b'{"item":7}'),
        ("response.completed", b"{}"),
        ("response.completed", b'{"response":[]}'),
        ("message", b"garbage"),
        ("message", b"[1]"),
        ("message", b'{"type":"response.output_text.delta"}'),
    ],
)
def test_what_is_no_event(event):
    with pytest.raises(ValueError, match=r".+"):
        chunks([event])


@pytest.mark.parametrize(
    "event",
    [
        ("response.in_progress", b"garbage"),
        ("response.output_text.done", b"garbage"),
        ("response.new_kind.delta", b"garbage"),
        ("ping", b"{}"),
        ("message", b'{"type":"ping"}'),
        ("message", b'{"type":5}'),
        ("message", b"{}"),
        ("response.output_text.delta", b'{"delta":""}'),
        ("response.refusal.delta", b'{"delta":""}'),
        ("response.reasoning_text.delta", b'{"delta":""}'),
        ("response.function_call_arguments.delta", b'{"delta":" "}'),
    ],
)
def test_events_that_bring_nothing(event):
    assert chunks([event]) == []


@pytest.mark.parametrize("status", [[], ["completed"], {}, {"a": 1}, 5])
def test_an_odd_status_is_no_end(status):
    body = {**response(message("Hello")), "status": status}
    with pytest.raises(ValueError, match="its status is"):
        Responses(MODEL).read(json.dumps(body).encode())
    with pytest.raises(ReportedError):
        chunks([("response.completed", json.dumps({"type": "response.completed", "response": body}).encode())])


def test_an_incomplete_answer_without_a_status_is_cut():
    body = {**response(message("Hello")), "status": None, "incomplete_details": None}
    sent = [("response.incomplete", json.dumps({"type": "response.incomplete", "response": body}).encode())]
    assert chunks(sent)[-1]["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("logprobs", [5, True, "x", {}])
def test_odd_logprobs_cost_nothing(logprobs):
    body = response(message("Hello"))
    body["output"][0]["content"][0]["logprobs"] = logprobs
    completion = Responses(MODEL).read(json.dumps(body).encode())
    assert (completion.text, completion.choices[0].logprobs) == ("Hello", None)
