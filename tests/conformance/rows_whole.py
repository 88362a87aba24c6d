"""Whole replies that are not what was asked for (rows 49 to 54)."""

# ruff: noqa: E501  the rows of its table stay rows

from __future__ import annotations

from rows import BOTH, NEVER, STREAM, WHOLE, Row, completion

from inference_do.emulator import Drop, GzipBomb, NoTerminator, RawBody, Reset, Status

NOT_ASKED = "the response is not what was asked for: "
NOT_JSON = "the response is not JSON: "
GOOD = completion({"content": "Hello"})
GZIP = {"content-encoding": "gzip"}
CUT = RawBody(GOOD[:-10])
ERROR = RawBody(b'{"error": {"message": "no", "code": 400}}')
BUSY = RawBody(b'{"error": {"message": "no", "type": "overloaded_error"}}')
UNNAMED = RawBody(b'{"error": "no"}')


def body(data: bytes) -> list[RawBody]:
    return [RawBody(data)]


def wrong(name: str, data: bytes, message: str) -> Row:
    return Row(name=name, modes=WHOLE, script=body(data), error="ProtocolError", message=message, retryable=False)


ROWS = [
    Row(name="49 a page", modes=WHOLE, script=[RawBody(b"<html><title>Log in</title>", content_type="text/html")], error="ProtocolError", message=NOT_JSON + "an HTML page (Log in)"),
    wrong("49b a page that calls itself JSON", b"<html>" + b"x" * 100_000, NOT_JSON + "an HTML page"),
    wrong("49c text", b"upstream connect error or disconnect/reset before headers " * 100, NOT_JSON + "upstream connect error"),
    Row(name="50 200 with an error", modes=WHOLE, script=[ERROR], error="BadRequestError", message="400 Bad Request: no", status=400, code="400"),
    Row(name="50b 200 with an overload", modes=WHOLE, script=[BUSY, None], posts=2),
    Row(name="50c 200 with an error of no name", modes=WHOLE, script=[UNNAMED], error="ProtocolError", message="the API answered 200 with an error: no"),
    wrong("51 choices empty", b'{"choices": []}', NOT_ASKED + "it has no choices"),
    wrong("51b choices missing", b"{}", NOT_ASKED + "it has no choices"),
    wrong("51c choices null", b'{"choices": null}', NOT_ASKED + "it has no choices"),
    wrong("51d message missing", b'{"choices": [{}]}', NOT_ASKED + "choices.0.message: "),
    wrong("51e message null", b'{"choices": [{"message": null}]}', NOT_ASKED + "choices.0.message: "),
    wrong("51f message is a text", b'{"choices": [{"message": "hi"}]}', NOT_ASKED + "choices.0.message: "),
    wrong("51g content is a number", b'{"choices": [{"message": {"content": 42}}]}', NOT_ASKED + "choices.0.message.content: "),
    wrong("52 JSON cut short", GOOD[:-10], NOT_JSON),
    wrong("52b nothing", b"", NOT_JSON + "it is empty"),
    wrong("52c a list", b"[]", NOT_ASKED),
    wrong("52d a number", b"42", NOT_ASKED),
    wrong("52e null", b"null", NOT_ASKED),
    wrong("52f not UTF-8", b'{"choices": [{"message": {"content": "w\xf6rld"}}]}', NOT_JSON),
    wrong("52g too deep", b'{"choices": ' + b"[" * 100_000, NOT_JSON),
    wrong("52h two documents", GOOD + GOOD, NOT_JSON),
    wrong("52i a byte order mark before an error page", b"\xef\xbb\xbf<html>", NOT_JSON + "an HTML page"),
    Row(name="52j a byte order mark before the answer", modes=WHOLE, script=body(b"\xef\xbb\xbf" + GOOD), text="Hello"),
    Row(name="52k 204", modes=WHOLE, script=[Status(204, b"")], error="ProtocolError", message=NOT_JSON + "it is empty"),
    Row(name="53 the body breaks off", modes=WHOLE, script=[NoTerminator(), None], posts=2),
    Row(name="53b a reset in the body", modes=WHOLE, script=[Reset(after_events=2), None], posts=2),
    Row(name="53c the body breaks off, not to be repeated", modes=WHOLE, script=[Drop(after_events=2)], settings={"retry_ambiguous": False}, error="APIConnectionError", message="the connection to the API broke", has_request_id=True),
    Row(name="53d gzip that is none", modes=WHOLE, script=[RawBody(GOOD, headers=GZIP)], error="ProtocolError", message="the response cannot be decompressed"),
    Row(name="54 a gzip bomb", modes=WHOLE, script=[GzipBomb(100 * 1024 * 1024)], settings=NEVER, error="ProtocolError", message="the response is larger than 67,108,864 bytes"),
    Row(name="54e a gzip bomb in a stream", modes=STREAM, script=[GzipBomb(100 * 1024 * 1024)], settings=NEVER, error="ProtocolError", message="an event of the stream is larger than 8,388,608 bytes"),
    Row(name="54b 5 MB of error", modes=BOTH, script=[Status(500, "x" * 5_000_000)], settings=NEVER, error="ServerError", message="500 Internal Server Error: xxx", status=500),
    Row(name="54c 5 MB of message", modes=BOTH, script=[Status(400, {"error": {"message": "y" * 50_000}})], error="BadRequestError", message="400 Bad Request: yyy"),
    Row(name="54d an error whose gzip is broken", modes=BOTH, script=[Status(400, b"no", headers=GZIP)], error="BadRequestError", message="400 Bad Request", status=400),
]  # fmt: skip
