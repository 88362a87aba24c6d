"""What goes wrong on the wire, through both clients with one table: the outcomes are the same to the letter."""

# ruff: noqa: E501  the rows of its tables stay rows

from __future__ import annotations

import json
import socket
import time
from typing import Any

import pytest
from client_kit import ANSWER, ASK, Outcome, achat, astream, caught, chat, outcome_of, stream

from inference_do import (
    Client,
    InferenceError,
    RateLimitError,
    Timeout,
)
from inference_do.emulator import (
    CloseAfter,
    Corrupt,
    DelayBytes,
    DelayHead,
    Drop,
    ErrorEvent,
    GzipBomb,
    Heartbeats,
    NoTerminator,
    RateLimited,
    Raw,
    RawBody,
    RawStream,
    Redirect,
    Reset,
    SplitBytes,
    Stall,
    Status,
    Truncate,
)

NOW = {"retry-after": "0"}
BUSY = Status(503, headers=NOW)
PAGE = Status(502, "<html><head><title>502 Bad Gateway</title></head>" + "x" * 20_000, headers=NOW)
HI = b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\n'
WHOLE = b'{"choices": [{"message": {"content": "whole"}}]}'
SAID_NO = b'{"error": {"message": "no", "code": 400}}'
QUOTA = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
CONTEXT = {"error": {"message": "maximum context length is 8192 tokens"}}
FAST = {"timeout": Timeout(first_token=0.15, idle=0.15), "max_retries": 0}
GZIP = {"content-encoding": "gzip"}

# name: (script, options, what kind of call, POSTs, the outcome's class or None, the message's start)
Row = tuple[list[Any], dict[str, Any], str, int, str | None, str]
MATRIX: dict[str, Row] = {
    # --- statuses, for calls and streams alike ---
    "503, 503, ok": ([BUSY, BUSY, None], {}, "both", 3, None, ""),
    "always 502 page": ([PAGE] * 9, {}, "both", 3, "ServerError", "502 Bad Gateway: an HTML page (502 Bad Gateway)"),
    "429 asks for ms": ([Status(429, headers={"retry-after-ms": "1", "retry-after": "9"}), None], {}, "both", 2, None, ""),
    "429 asks for too much": ([Status(429, headers={"retry-after": "100000"})], {}, "both", 1, "RateLimitError", "429 "),
    "429 of a used up quota": ([Status(429, QUOTA)], {}, "both", 1, "QuotaExceededError", "429 "),
    "500 not to be retried": ([Status(500, headers={"x-should-retry": "false"})], {}, "both", 1, "ServerError", "500 "),
    "400 to be retried": ([Status(400, headers={"x-should-retry": "true", **NOW}), None], {}, "both", 2, None, ""),
    "no retries": ([BUSY], {"max_retries": 0}, "both", 1, "ServerError", "503 "),
    "400": ([Status(400)], {}, "both", 1, "BadRequestError", "400 Bad Request: "),
    "400 context": ([Status(400, CONTEXT)], {}, "both", 1, "ContextLengthError", "400 Bad Request: maximum"),
    "401": ([Status(401)], {}, "both", 1, "AuthenticationError", "401 Unauthorized: "),
    "402": ([Status(402)], {}, "both", 1, "QuotaExceededError", "402 Payment Required: "),
    "403": ([Status(403)], {}, "both", 1, "PermissionDeniedError", "403 Forbidden: "),
    "404": ([Status(404)], {}, "both", 1, "NotFoundError", "404 Not Found: "),
    "413": ([Status(413)], {}, "both", 1, "BadRequestError", "413 "),
    "422": ([Status(422, {"detail": [{"loc": ["body"], "msg": "bad"}]})], {}, "both", 1, "BadRequestError", "422 Unprocessable Entity: body: bad"),
    "5 MB of error": ([Status(500, "x" * 5_000_000)], {"max_retries": 0}, "both", 1, "ServerError", "500 "),
    "error cut short": ([[Status(500, '{"error": "'), NoTerminator()]], {"max_retries": 0}, "both", 1, "ServerError", '500 Internal Server Error: {"error"'),
    "redirect": ([Redirect(307, "https://elsewhere.example/")], {}, "both", 1, "ProtocolError", "the API answered 307, a redirect to 'elsewhere.example'"),
    "redirect nowhere": ([Redirect(302, "http://[oops")], {}, "both", 1, "ProtocolError", "the API answered 302, a redirect to "),
    # --- connections ---
    "reset before the head": ([Reset(before_head=True), None], {}, "both", 2, None, ""),
    "close before the head": ([Drop(before_head=True), None], {}, "both", 2, None, ""),
    "reset, forbidden to repeat": ([Reset(before_head=True)], {"retry_ambiguous": False}, "both", 1, "APIConnectionError", "the connection to the API broke"),
    "closed, not retried": ([Drop(before_head=True)], {"max_retries": 0}, "both", 1, "APIConnectionError", "the connection to the API broke"),
    "not HTTP": ([Raw(b"SSH-2.0-OpenSSH\r\n\r\n")] * 3, {"max_retries": 0}, "both", 1, "APIConnectionError", "the connection to the API broke"),
    "head, then reset": ([Reset(after_events=0), None], {}, "both", 2, None, ""),
    "idle connection closed": ([[CloseAfter(0.0)], None], {}, "both", 1, None, ""),
    # --- time ---
    "no head": ([Stall(before_head=True)], FAST, "both", 1, "APITimeoutError", "the API did not begin to answer within 0.15 s"),
    "late head, in time": ([DelayHead(0.05)], FAST, "both", 1, None, ""),
    "deadline before the head": ([DelayHead(1.0)], {"timeout": Timeout(total=0.2)}, "both", 1, "APITimeoutError", "the call was not done within 0.2 s"),
    "deadline spans attempts": ([Status(503, headers={"retry-after": "0.2"})] * 9, {"timeout": Timeout(total=0.3)}, "both", 2, "ServerError", "503 "),
    # --- whole answers ---
    "page": ([RawBody(b"<html>hello", content_type="text/html")], {}, "chat", 1, "ProtocolError", "the reply is not JSON: an HTML page"),
    "error with 200": ([RawBody(SAID_NO)], {}, "chat", 1, "BadRequestError", "400 Bad Request: no"),
    "no choices": ([RawBody(b"{}")], {}, "chat", 1, "ProtocolError", "the reply is not what was asked for: it has no choices"),
    "no message": ([RawBody(b'{"choices": [{}]}')], {}, "chat", 1, "ProtocolError", "the reply is not what was asked for: choices.0.message: "),
    "a list": ([RawBody(b"[]")], {}, "chat", 1, "ProtocolError", "the reply is not what was asked for: "),
    "empty body": ([RawBody(b"")], {}, "chat", 1, "ProtocolError", "the reply is not JSON: it is empty"),
    "204": ([Status(204, b"")], {}, "chat", 1, "ProtocolError", "the reply is not JSON: it is empty"),
    "not UTF-8": ([RawBody(b'{"a": "\xff"}')], {}, "chat", 1, "ProtocolError", "the reply is not JSON: "),
    "too deep": ([RawBody(b"[" * 100_000)], {}, "chat", 1, "ProtocolError", "the reply is not JSON: "),
    "cut short": ([NoTerminator(), None], {}, "chat", 2, None, ""),
    "reset in the body": ([Reset(after_events=2), None], {}, "chat", 2, None, ""),
    "not gzip": ([RawBody(WHOLE, headers=GZIP)], {}, "chat", 1, "ProtocolError", "the reply's compression is broken"),
    "stalled in the body": ([Stall(after_events=2)], FAST, "chat", 1, "APITimeoutError", "the API fell silent: nothing came within 0.15 s"),
    "in drops": ([DelayBytes(0.001, every=64)], FAST, "chat", 1, None, ""),
    # --- streams ---
    "truncated": ([Truncate(after_events=2)], {}, "stream", 1, "StreamInterrupted", "the stream ended without a finish reason or [DONE]"),
    "reset in a stream": ([Reset(after_events=2)], {}, "stream", 1, "StreamInterrupted", "the stream broke off: the connection"),
    "dropped in a stream": ([Drop(after_events=2)], {}, "stream", 1, "StreamInterrupted", "the stream broke off: the connection"),
    "no terminator after the end": ([NoTerminator()], {}, "stream", 1, None, ""),
    "clean end before any event": ([Truncate(after_events=0), None], {}, "stream", 2, None, ""),
    "error event": ([ErrorEvent(after_events=2, body={"error": {"message": "no", "code": 500}})], {}, "stream", 1, "StreamFailed", "the API reported an error in the stream: no"),
    "named error event": ([ErrorEvent(after_events=2, body="no", event_name="error")], {}, "stream", 1, "StreamFailed", "the API reported an error in the stream: no"),
    "error as first event": ([ErrorEvent(body={"error": {"message": "no", "code": 400}})], {}, "stream", 1, "BadRequestError", "400 Bad Request: no"),
    "busy as first event": ([ErrorEvent(body={"error": {"message": "no", "code": 503}}), None], {}, "stream", 2, None, ""),
    "bad JSON": ([Corrupt(2, b"data: {oops\n\n")], {}, "stream", 1, "ProtocolError", "an event of the stream is not a chunk of an answer"),
    "null": ([Corrupt(2, b"data: null\n\n")], {}, "stream", 1, "ProtocolError", "an event of the stream is not a chunk of an answer"),
    "a line too long": ([RawStream([b"data: " + b"x" * 9_000_000])], {}, "stream", 1, "ProtocolError", "an event of the stream is larger than 8,388,608 bytes"),
    "whole answer": ([RawBody(WHOLE)], {}, "stream", 1, "ProtocolError", "the API answered a request for a stream with a whole reply"),
    "JSON error": ([RawBody(SAID_NO)], {}, "stream", 1, "BadRequestError", "400 Bad Request: no"),
    "JSON error as a stream": ([RawBody(SAID_NO, content_type="text/event-stream")], {}, "stream", 1, "BadRequestError", "400 "),
    "page for a stream": ([RawBody(b"<html>", content_type="text/html")], {}, "stream", 1, "ProtocolError", "the reply is not JSON: an HTML page"),
    "stream as JSON, byte by byte": ([RawStream([b"d", b"a", b"t" + b"a" + HI[4:]], content_type="application/json")], {}, "stream", 1, None, ""),
    "byte by byte": ([SplitBytes(1)], {}, "stream", 1, None, ""),
    "stream not gzip": ([RawBody(HI, content_type="text/event-stream", headers=GZIP)], {}, "stream", 1, "ProtocolError", "the reply's compression is broken"),
    "silence": ([Stall(after_events=2)], FAST, "stream", 1, "APITimeoutError", "the API fell silent: nothing came within 0.15 s"),
    "silence at first": ([Stall(after_events=0)], FAST, "stream", 1, "APITimeoutError", "the API did not begin to answer within 0.15 s"),
    "heartbeats": ([Heartbeats(after_events=2)], FAST, "stream", 1, "APITimeoutError", "the API fell silent: nothing came within 0.15 s"),
    "heartbeats at first": ([Heartbeats()], FAST, "stream", 1, "APITimeoutError", "the API did not begin to answer within 0.15 s"),
    "heartbeats after the end": ([[RawStream([HI]), Heartbeats(after_events=1)]], FAST, "stream", 1, None, ""),
    "silence after the end": ([[RawStream([HI]), Stall(after_events=1)]], FAST, "stream", 1, None, ""),
    "deadline in a stream": ([Heartbeats(after_events=2)], {"timeout": Timeout(total=0.3)}, "stream", 1, "APITimeoutError", "the call was not done within 0.3 s"),
}  # fmt: skip
CALLS = {"chat": ([chat, achat],), "stream": ([stream, astream],), "both": ([chat, achat], [stream, astream])}
CASES = [(name, pair) for name, row in MATRIX.items() for pair in CALLS[row[2]]]


@pytest.mark.parametrize(("name", "pair"), CASES, ids=[f"{pair[0].__name__}: {name}" for name, pair in CASES])
def test_the_same_fault_has_the_same_outcome(emu, name, pair):
    script, options, _, posts, kind, message = MATRIX[name]
    seen: list[Outcome] = []
    for ask in pair:
        emu.reset()
        emu.script(*script)
        result = ask(emu, **options)
        seen.append(outcome_of(result))
        assert emu.posts == posts
        assert seen[-1].attempts == posts
        if isinstance(result, InferenceError):
            assert result.__cause__ is None
            assert len(str(result)) < 700
    assert seen[0] == seen[1]
    assert seen[0].kind == kind
    assert (seen[0].message or "").startswith(message)
    assert kind or seen[0].text in {ANSWER, "hi"}


PARTIAL = [Truncate(after_events=3), Reset(after_events=3), ErrorEvent(after_events=3), Corrupt(3, b"data: [}\n\n")]


@pytest.mark.parametrize("ask", [stream, astream])
@pytest.mark.parametrize("fault", PARTIAL, ids=repr)
def test_what_came_is_in_partial(emu, ask, fault):
    emu.script(fault)
    error = ask(emu)
    assert ANSWER.startswith(error.partial.text)
    assert error.partial.text not in {"", ANSWER}
    assert error.request_id


@pytest.mark.parametrize("ask", [chat, astream])
def test_this_apis_own_throttling_waits_for_the_reset(emu, ask):
    emu.script(RateLimited(reset_after=0.2), None)
    reply = ask(emu)
    assert (reply.text, reply.response_info.attempts) == (ANSWER, 2)
    gap = emu.requests[1].time - emu.requests[0].time
    assert 0.1 < gap < 1.6


@pytest.mark.parametrize("ask", [chat, achat])
def test_a_wish_is_granted_to_the_letter(emu, ask):
    emu.script(Status(429, headers={"retry-after": "0.3"}), None)
    ask(emu)
    assert 0.29 < emu.requests[1].time - emu.requests[0].time < 0.8
    emu.script(Status(429, headers={"retry-after": "100000"}))
    error = ask(emu)
    assert isinstance(error, RateLimitError)
    assert (error.retry_after, error.retryable) == (100000.0, True)


@pytest.mark.parametrize("ask", [chat, achat, stream, astream])
def test_a_gzip_bomb_goes_off_outside(emu, ask):
    emu.script(GzipBomb(200 * 1024 * 1024))
    error = ask(emu)
    assert type(error).__name__ == "ProtocolError"
    assert "larger than" in str(error)


def test_redirects_send_nothing_to_their_target(emu):
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.setblocking(False)
        for status in (301, 302, 303, 307, 308):
            emu.script(Redirect(status, f"http://127.0.0.1:{trap.getsockname()[1]}/"))
            for ask in (chat, astream):
                ask(emu)
        with pytest.raises(BlockingIOError):
            trap.accept()


def test_an_outage_is_not_multiplied(emu):
    """30 failing calls cost 30 requests and the budget's 10 retries, not 90."""
    emu.always = BUSY
    client = Client(emu.api_key, base_url=emu.base_url)
    for _ in range(30):
        assert isinstance(caught(lambda: client.chat(**ASK)), InferenceError)
    assert emu.posts == 40


def test_failed_and_retried_replies_leave_no_connection_behind(emu):
    client = Client(emu.api_key, base_url=emu.base_url)
    for _ in range(2):
        emu.script(BUSY, Reset(before_head=True), None)
        client.chat(**ASK, max_retries=2)
        emu.script(Truncate(after_events=1))
        caught(lambda: client.stream(**ASK).completion())
    assert emu.open_connections <= 2


def test_blank_lines_without_end_cost_linear_time(emu):
    emu.script(RawStream([b"\n" * 65536] * 8), RawStream([b"\n" * 65536] * 64))
    seconds = []
    for _ in range(2):
        started = time.monotonic()
        assert isinstance(stream(emu, max_retries=0), InferenceError)
        seconds.append(time.monotonic() - started)
    assert seconds[1] < 8 * seconds[0] * 3 + 0.3


def test_json_of_an_error_is_kept_short(emu):
    emu.script(Status(400, json.dumps({"error": {"message": "m" * 100_000}})))
    error = chat(emu)
    assert len(error.message) < 600
    assert len(error.body) == 2000
