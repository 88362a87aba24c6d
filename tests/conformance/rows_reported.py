"""Errors in whatever form and place: fields, bare JSON, this API's own shape, choices, whole bodies (rows 120 to 122)."""

# ruff: noqa: E501  the rows of its table stay rows

from __future__ import annotations

import json
from typing import Any

from rows import DONE, NEVER, STREAM, WHOLE, Row, completion, data, delta, served

from inference_do.emulator import RawBody

REPORTED = "the API reported an error in the stream: "
FAILED = {"code": 502, "message": "no"}
DELTA = {"choices": [{"index": 0, "delta": {"content": "", "error": FAILED}}]}
CHOICE = {"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error", "error": FAILED}]}
FORMS: dict[str, tuple[bytes, int]] = {
    # the bytes, and the status that they name
    "a field": (b'error: {"code": 502, "message": "no"}\n\n', 502),
    "a field with text": (b"error: no\n\n", 0),
    "bare JSON": (b'{"error": {"code": 502, "message": "no"}}\n\n', 502),
    "bare JSON in lines": (json.dumps({"error": FAILED}, indent=1).encode() + b"\n", 502),
    "this API's own shape": (data({"id": "server_error", "message": "no"}), 500),
    "this API's shape without a known id": (data({"id": "x", "message": "no"}), 0),
    "type error": (data({"type": "error", "message": "no"}), 0),
    "code and message": (data({"code": 503, "message": "no"}), 503),
    "an error in a choice": (data(CHOICE), 502),
    "detail": (data({"detail": [{"loc": ["body"], "msg": "no"}], "status": 503}), 503),
    "errors": (data({"errors": [{"message": "no"}], "code": 500}), 500),
    "a list": (data([{"error": {"code": 503, "message": "no", "status": "UNAVAILABLE"}}]), 503),
    "a name": (data({"error": "no", "type": "overloaded_error"}), 529),
    "beside what is no chunk": (data({"choices": "none", "error": FAILED}), 502),
    "an error in a delta": (data(DELTA), 502),
    "an event without data": (b"event: error\n\n", 0),
}
MESSAGES = {"detail": "body: no", "an event without data": "no reason given"}


def within(name: str, letter: str, body: bytes, status: int) -> Row:
    return Row(name=f"120{letter} {name} behind tokens", modes=STREAM, script=[served(data(delta("Hel")), body, DONE)], error="StreamFailed", message=REPORTED + MESSAGES.get(name, "no"), status=status, partial="Hel", retryable=False)  # fmt: skip


def first(name: str, letter: str, body: bytes, status: int) -> Row:
    script = [served(body, DONE), *([None] if status else [])]
    if status:
        return Row(name=f"121{letter} {name} as the first event", modes=STREAM, script=script, posts=2)
    named: dict[str, Any] = {"error": "StreamFailed", "message": REPORTED, "status": 0, "partial": ""}
    return Row(name=f"121{letter} {name} as the first event", modes=STREAM, script=script, **named)


def whole(name: str, value: Any, message: str = "the API answered 200 with an error: no", **more: Any) -> Row:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Row(name=name, modes=WHOLE, script=[RawBody(body)], **{"error": "ProtocolError", "settings": NEVER, "message": message, **more})  # fmt: skip


LETTERS = "abcdefghijklmnop"
BUSY: dict[str, Any] = {"error": "ServerError", "retryable": True}
ROWS = [
    *(within(name, letter, *form) for letter, (name, form) in zip(LETTERS, FORMS.items(), strict=False)),
    *(first(name, letter, *form) for letter, (name, form) in zip(LETTERS, FORMS.items(), strict=False)),
    Row(name="120q a finish reason that says error", modes=STREAM, script=[served(data(delta("Hel")), data(delta(finish="error")) + DONE)], error="StreamFailed", message=REPORTED + "the answer ended with the finish reason 'error'", partial="Hel"),
    Row(name="120r an error that no line break ends", modes=STREAM, script=[served(data(delta("Hel", finish="stop")), b'data: {"error": {"code": 500, "message": "no"}}')], error="StreamFailed", message=REPORTED + "no", status=500, partial="Hel"),
    Row(name="120s bare JSON at the very end", modes=STREAM, script=[served(data(delta("Hel", finish="stop")), b'{"error": "no"}')], error="StreamFailed", message=REPORTED + "no", partial="Hel"),
    Row(name="120t text that holds such words is text", modes=STREAM, script=[served(data(delta('"error": {"message": "no"}')) + data(delta("error")) + data(delta("\nerror: no\n{", finish="stop")) + DONE)], text='"error": {"message": "no"}error\nerror: no\n{'),
    Row(name="120u fields that are no errors", modes=STREAM, script=[served(data({"error": None, "message": None, **delta("Hel")}) + data({"error": False, "code": 200, **delta("lo", finish="stop")}) + data({"choices": [], "usage": {"prompt_tokens": 1}, "error": ""}) + DONE)], text="Hello"),
    Row(name="121q refused by a field", modes=STREAM, script=[served(b'error: {"code": 400, "message": "no"}\n\n', DONE)], error="BadRequestError", message="400 Bad Request: no", status=400),
    Row(name="121r refused in this API's shape", modes=STREAM, script=[served(data({"id": "unauthorized", "message": "no"}), DONE)], error="AuthenticationError", message="401 Unauthorized: no", status=401),
    Row(name="121s throttled in a choice", modes=STREAM, script=[served(data({"choices": [{"error": {"code": 429, "message": "slow"}}]}), DONE)], settings=NEVER, error="RateLimitError", message="429 Too Many Requests: slow", status=429, retryable=True),
    Row(name="121t an error of a stream that calls itself JSON", modes=STREAM, script=[served(b'error: {"code": 503, "message": "no"}\n\n', DONE, content_type="application/json"), None], posts=2),
    Row(name="121u a text in place of a stream", modes=STREAM, script=[served(b'{"code": 503, "message": "no"}'), None], posts=2),
    whole("122 code and message", {"code": 503, "message": "no"}, "503 Service Unavailable: no", **BUSY),
    whole("122b this API's own shape", {"id": "unauthorized", "message": "no"}, "401 Unauthorized: no", error="AuthenticationError", status=401),
    whole("122c a message alone", {"message": "no"}),
    whole("122d choices null beside a message", {"choices": None, "message": "no", "code": "E1"}),
    whole("122e detail", {"detail": "no"}),
    whole("122f errors", {"errors": ["no"]}),
    whole("122g success false", {"success": False, "errorMessage": "no"}),
    whole("122h an error beside an answer", json.loads(completion({"content": "Hello"})) | {"error": FAILED}, "502 Bad Gateway: no", **BUSY),
    whole("122i an error in a choice", {"choices": [{"message": {"content": "Hel"}, "finish_reason": "error", "error": FAILED}]}, "502 Bad Gateway: no", **BUSY),
    whole("122n an error in a message", {"choices": [{"message": {"content": None, "error": FAILED}, "finish_reason": "stop"}]}, "502 Bad Gateway: no", **BUSY),
    whole("122j a finish reason that says error", completion({"content": "Hel"}, finish="error"), "the API answered 200 with an error: the answer ended with the finish reason 'error'"),
    whole("122k a list", [{"error": {"code": 503, "message": "no"}}], "503 Service Unavailable: no", **BUSY),
    whole("122l a status in words", {"status": "error", "msg": "no"}),
    Row(name="122m null error beside an answer", modes=WHOLE, script=[RawBody(completion({"content": "Hello"}, error=None))], text="Hello"),
]  # fmt: skip
