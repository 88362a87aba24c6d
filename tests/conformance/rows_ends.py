"""How a stream ends, and how it fails on its way (rows 21 to 37).

Terminal evidence is a finish reason for every answer that began, or `[DONE]`. What lacks both was cut.
"""

# ruff: noqa: E501  the rows of its table stay rows

from __future__ import annotations

from rows import BUSY, DONE, NEVER, STREAM, WHOLE, Row, completion, data, delta, hello, served

from inference_do import Timeout
from inference_do.emulator import (
    Drop,
    ErrorEvent,
    Heartbeats,
    NoTerminator,
    Quirks,
    RawBody,
    Reset,
    Stall,
    Truncate,
)

CUT = "the stream ended without a finish reason or [DONE]: the answer is incomplete"
BROKE = "the stream broke off: the connection to the API broke"
REPORTED = "the API reported an error in the stream: "
NO = {"error": {"message": "no", "type": "server_error", "code": 500}}
VLLM = {"object": "error", "message": "bad", "type": "BadRequestError", "param": None, "code": 400}
IMPATIENT = {"timeout": Timeout(idle=0.15, first_token=0.15), "max_retries": 0}
HALF_CALL = [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1'}}]
WHOLE_CALL = [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}]
TWO = {"choices": [{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": "b"}}]}
JSON_ERROR = RawBody(b'{"error": {"message": "no", "code": 400}}')
PAGE = RawBody(b"<!doctype html><title>Sign in</title>", content_type="text/html")
WHOLE_REPLY = RawBody(completion({"content": "whole"}))

ROWS = [
    Row(name="21 finish reason, no [DONE]", modes=STREAM, quirks=Quirks(no_done=True)),
    Row(name="21b finish reason, usage, no [DONE]", modes=STREAM, script=[served(hello(end=data(delta(finish="stop")) + data({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})))], text="Hello", usage=(3, 2, 5)),
    Row(name="22 error event behind tokens", modes=STREAM, script=[ErrorEvent(after_events=2, body=NO)], error="StreamFailed", message=REPORTED + "no", status=500, code="500", partial="You said", retryable=False, has_request_id=True),
    Row(name="22b error event without [DONE]", modes=STREAM, script=[ErrorEvent(after_events=2, body=NO, done=False)], error="StreamFailed", message=REPORTED + "no", partial="You said"),
    Row(name="22c error beside choices", modes=STREAM, script=[served(data(delta("Hel")), data({**delta("lo"), **NO}))], error="StreamFailed", message=REPORTED + "no", partial="Hel"),
    Row(name="23 event: error with JSON", modes=STREAM, script=[ErrorEvent(after_events=2, body=NO, event_name="error")], error="StreamFailed", message=REPORTED + "no", status=500, partial="You said"),
    Row(name="23b event: error with text", modes=STREAM, script=[ErrorEvent(after_events=2, body="the GPU fell off", event_name="error")], error="StreamFailed", message=REPORTED + "the GPU fell off", status=0, partial="You said"),
    Row(name="23c event: error with null", modes=STREAM, script=[ErrorEvent(after_events=2, body="null", event_name="error")], error="StreamFailed", message=REPORTED, partial="You said"),
    Row(name="23d event: error whose body is a chunk", modes=STREAM, script=[served(data(delta("Hel")), b"event: error\n" + data(delta("lo")))], error="StreamFailed", message=REPORTED, partial="Hel"),
    Row(name="24 error is a text", modes=STREAM, script=[ErrorEvent(after_events=2, body={"error": "out of memory"})], error="StreamFailed", message=REPORTED + "out of memory", partial="You said"),
    Row(name="24b vLLM's error object", modes=STREAM, script=[ErrorEvent(after_events=2, body=VLLM)], error="StreamFailed", message=REPORTED + "bad", status=400, code="400", partial="You said"),
    Row(name="24c vLLM's error under error", modes=STREAM, script=[ErrorEvent(after_events=2, body={"error": VLLM})], error="StreamFailed", message=REPORTED + "bad", status=400, partial="You said"),
    Row(name="24d Anthropic's overload, no code", modes=STREAM, script=[ErrorEvent(after_events=2, body={"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})], error="StreamFailed", message=REPORTED + "Overloaded", status=529, partial="You said"),
    Row(name="24e error as the first event", modes=STREAM, script=[ErrorEvent(body=VLLM)], error="BadRequestError", message="400 Bad Request: bad", status=400, retryable=False),
    Row(name="24f busy as the first event", modes=STREAM, script=[ErrorEvent(body={"error": {"message": "no", "code": 503}}), None], posts=2),
    Row(name="24g overload as the first event", modes=STREAM, script=[ErrorEvent(body={"error": {"type": "overloaded_error", "message": "no"}}), None], posts=2),
    Row(name="24h throttled as the first event", modes=STREAM, script=[ErrorEvent(body={"error": {"type": "rate_limit_exceeded", "message": "slow"}})], settings=NEVER, error="RateLimitError", message="429 Too Many Requests: slow", status=429, retryable=True),
    Row(name="24i an unnamed error as the first event", modes=STREAM, script=[ErrorEvent(body={"error": {"message": "hm"}})], error="StreamFailed", message=REPORTED + "hm", partial=""),
    Row(name="25 cut cleanly", modes=STREAM, script=[Truncate(after_events=2)], error="StreamInterrupted", message=CUT, partial="You said", retryable=False, has_request_id=True),
    Row(name="25b cut inside an event", modes=STREAM, script=[served(data(delta("Hel")), data(delta("lo"))[:20])], error="StreamInterrupted", message=CUT, partial="Hel"),
    Row(name="25c one of two answers has no end", modes=STREAM, script=[served(data(TWO), data(delta(finish="stop")))], error="StreamInterrupted", message=CUT, partial="a"),
    Row(name="26 [DONE], no finish reason", modes=STREAM, quirks=Quirks(no_finish_reason=True), finish=None),
    Row(name="26b [DONE] inside a tool call", modes=STREAM, script=[served(data(delta(tool_calls=HALF_CALL)) + DONE)], error="StreamInterrupted", message="the stream ended inside a tool call's arguments", partial=""),
    Row(name="26c [DONE] behind a whole tool call", modes=STREAM, script=[served(data(delta(tool_calls=WHOLE_CALL)) + DONE)], text="", calls=(("add", '{"a": 1}'),), finish=None),
    Row(name="27 reset behind tokens", modes=STREAM, script=[Reset(after_events=2)], error="StreamInterrupted", message=BROKE, partial="You said", retryable=False, has_request_id=True),
    Row(name="27b reset inside an event", modes=STREAM, script=[Reset(at_byte=700)], error="StreamInterrupted", message=BROKE),
    Row(name="28 no last chunk of HTTP", modes=STREAM, script=[Drop(after_events=2)], error="StreamInterrupted", message=BROKE, partial="You said"),
    Row(name="28b no last chunk of HTTP behind the finish reason", modes=STREAM, script=[NoTerminator()]),
    Row(name="29 reset between finish reason and [DONE]", modes=STREAM, script=[[served(hello(end=data(delta(finish="stop"))), DONE), Reset(after_events=1)]], text="Hello"),
    Row(name="29b silence between finish reason and [DONE]", modes=STREAM, script=[[served(hello(end=data(delta(finish="stop"))), DONE), Stall(after_events=1)]], settings=IMPATIENT, text="Hello"),
    Row(name="29c comments for ever behind the finish reason", modes=STREAM, script=[[served(hello(end=data(delta(finish="stop"))), DONE), Heartbeats(after_events=1)]], settings=IMPATIENT, text="Hello"),
    Row(name="29d silence behind [DONE]", modes=STREAM, script=[[served(hello()), Stall(after_events=1)]], text="Hello"),
    Row(name="29e a broken event behind the finish reason", modes=STREAM, script=[served(hello(end=data(delta(finish="stop")) + b"data: {oops\n\n"))], error="ProtocolError", message="an event of the stream is not a chunk", partial="Hello"),
    Row(name="30 head, then reset", modes=STREAM, script=[Reset(after_events=0), None], posts=2),
    Row(name="30b head, then close", modes=STREAM, script=[Drop(after_events=0), None], posts=2),
    Row(name="30c head, comment, then reset", modes=STREAM, script=[[served(b": hi\n\n", b": hi\n\n"), Reset(after_events=1)], None], posts=2),
    Row(name="30d head, then reset, for ever", modes=STREAM, script=[Reset(after_events=0)] * 3, posts=3, error="APIConnectionError", message="the connection to the API broke", retryable=True, has_request_id=True),
    Row(name="30e head, then reset, not to be repeated", modes=STREAM, script=[Reset(after_events=0)], settings={"retry_ambiguous": False}, error="APIConnectionError", message="the connection to the API broke"),
    Row(name="31 head, then the end", modes=STREAM, script=[Truncate(after_events=0), None], posts=2),
    Row(name="31b head, comments, then the end", modes=STREAM, script=[served(b": hi\n\n"), None], posts=2),
    Row(name="31c an empty body", modes=STREAM, script=[RawBody(b"", content_type="text/event-stream"), None], posts=2),
    Row(name="32 reset before the head", script=[Reset(before_head=True), None], posts=2),
    Row(name="32b closed before the head", script=[Drop(before_head=True), None], posts=2),
    Row(name="32c reset before the head, for ever", script=[Reset(before_head=True)] * 3, posts=3, error="APIConnectionError", message="the connection to the API broke", retryable=True, has_request_id=False),
    Row(name="32d reset before the head, not to be repeated", script=[Reset(before_head=True)], settings={"retry_ambiguous": False}, error="APIConnectionError", message="the connection to the API broke"),
    Row(name="32e a status is repeated whatever happens to resets", script=[BUSY, None], settings={"retry_ambiguous": False}, posts=2),
    Row(name="32f reset, then busy, then fine", script=[Reset(before_head=True), BUSY, None], posts=3),
    Row(name="33 [DONE] alone", modes=STREAM, script=[served(DONE)], error="ProtocolError", message="the stream ended without an answer in it"),
    Row(name="33b [DONE] behind usage alone", modes=STREAM, script=[served(data({"choices": [], "usage": {"prompt_tokens": 3}}) + DONE)], error="ProtocolError", message="the stream ended without an answer in it", partial=""),
    Row(name="34 cut by the token limit", modes=("whole", *STREAM), reply={"text": "Hello", "finish_reason": "length"}, text="Hello", finish="length"),
    Row(name="34b stopped by a filter", modes=("whole", *STREAM), reply={"text": "", "finish_reason": "content_filter"}, text="", finish="content_filter"),
    Row(name="35 a finish reason of tomorrow", modes=("whole", *STREAM), reply={"text": "Hello", "finish_reason": "guardrail_v9"}, text="Hello", finish="guardrail_v9"),
    Row(name="36 JSON error instead of a stream", modes=STREAM, script=[JSON_ERROR], error="BadRequestError", message="400 Bad Request: no", status=400),
    Row(name="36b page instead of a stream", modes=STREAM, script=[PAGE], error="ProtocolError", message="the response is not JSON: an HTML page (Sign in)", retryable=False),
    Row(name="36c whole reply instead of a stream", modes=STREAM, script=[WHOLE_REPLY], error="ProtocolError", message="the API answered a request for a stream with a whole response", partial="whole", delivered=""),
    Row(name="36d busy in JSON instead of a stream", modes=STREAM, script=[RawBody(b'{"error": {"message": "no", "code": 503}}'), None], posts=2),
    Row(name="36e plain text instead of a stream", modes=STREAM, script=[RawBody(b"upstream connect error", content_type="text/plain")], error="ProtocolError", message="the response is not JSON: upstream connect error"),
    Row(name="36f JSON error that calls itself a stream", modes=STREAM, script=[RawBody(b'{"error": {"message": "no", "code": 400}}', content_type="text/event-stream")], error="BadRequestError", message="400 Bad Request: no"),
    Row(name="36g a picture", modes=STREAM, script=[RawBody(b"\x89PNG\r\n\x1a\n" + bytes(range(256)), content_type="image/png")], error="ProtocolError", message="the response is not JSON: "),
    Row(name="37 stream that calls itself JSON", modes=STREAM, quirks=Quirks(stream_content_type="application/json")),
    Row(name="37b stream that calls itself JSON, in single bytes", modes=STREAM, script=[served(*[hello()[i : i + 1] for i in range(len(hello()))], content_type="application/json")], text="Hello"),
    Row(name="37c stream that calls itself JSON, comment first", modes=STREAM, script=[served(b": hello\n\n" + hello(), content_type="application/json")], text="Hello"),
    Row(name="37d stream instead of a whole reply", modes=WHOLE, script=[served(hello())], error="ProtocolError", message="the response is not JSON: data: "),
    Row(name="37e whole reply that calls itself a page", modes=WHOLE, script=[RawBody(completion({"content": "Hello"}), content_type="text/html")], text="Hello"),
]  # fmt: skip
