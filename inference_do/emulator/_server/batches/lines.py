"""The lines of a batch's file: what makes the whole file wrong, and what becomes of each request."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from inference_do._provider_ids import platform_id
from inference_do.emulator._wire_errors import wire_error, wire_of

MOST_LINES = 50_000
MESSAGES = "/v1/messages"
MEDIA = frozenset({"image_url", "input_audio", "file", "image", "document", "input_image", "input_file", "video_url"})

Answering = Callable[[str, Mapping[str, Any]], tuple[int, Any]]
"""Takes an endpoint and a body; returns the status and the body of the answer."""


@dataclass(frozen=True, slots=True)
class Line:
    """One request of a batch."""

    custom_id: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a request, as a line of the output or of the error file."""

    value: Mapping[str, Any]
    is_failed: bool


def read_lines(data: bytes, endpoint: str | None) -> tuple[list[Line], list[dict[str, Any]]]:
    """Return a file's requests, and what is wrong with it as a whole.

    Args:
        data: The file.
        endpoint: Where the requests go; None: they are Anthropic's.
    """
    lines: list[Line] = []
    errors: list[dict[str, Any]] = []
    seen: set[str] = set()
    rows = [row for row in data.split(b"\n") if row.strip()]
    for number, row in enumerate(rows, 1):
        try:
            line = _line(row, endpoint, seen)
        except ValueError as error:
            errors.append({"code": "invalid_input_file", "message": f"Line {number}: {error}", "line": number})
        else:
            lines.append(line)
    if not rows:
        errors.append({"code": "empty_file", "message": "The input file has no requests.", "line": None})
    if len(rows) > MOST_LINES:
        text = f"The input file has more than {MOST_LINES} requests."
        errors.append({"code": "too_many_requests", "message": text, "line": None})
    return lines, errors


def _line(row: bytes, endpoint: str | None, seen: set[str]) -> Line:
    value = json.loads(row)
    if not isinstance(value, dict):
        _wrong("it is no object.")
    custom_id = value.get("custom_id")
    if not isinstance(custom_id, str) or not custom_id:
        _wrong("missing required field 'custom_id'.")
    if custom_id in seen:
        _wrong("duplicate custom_id.")
    expected = {"custom_id", "params"} if endpoint is None else {"custom_id", "method", "url", "body"}
    if value.keys() != expected:
        _wrong(f"the fields must be {sorted(expected)}, not {sorted(value)}.")
    if endpoint is not None and (value["method"], value["url"]) != ("POST", endpoint):
        _wrong(f"method and url must be POST {endpoint}.")
    body = value["params" if endpoint is None else "body"]
    if not isinstance(body, dict):
        _wrong("the request must be an object.")
    seen.add(custom_id)
    return Line(custom_id, body)


def _wrong(message: str) -> None:
    raise ValueError(message)


def answered(line: Line, endpoint: str | None, answer: Answering) -> Answered:
    """Answer a request, in the form of its provider."""
    status, body = _answer_of(line, endpoint or MESSAGES, answer)
    is_failed = status >= 400
    if endpoint is None:
        result = {"type": "errored", "error": body} if is_failed else {"type": "succeeded", "message": body}
        return Answered({"custom_id": line.custom_id, "result": result}, is_failed)
    response = {"status_code": status, "request_id": uuid.uuid4().hex, "body": body}
    return Answered(_openai_line(line.custom_id, response, None), is_failed)


def unanswered(line: Line, endpoint: str | None, reason: str) -> Answered:
    """Return the line of a request that a batch did not come to; `reason` is `expired` or `cancelled`."""
    if endpoint is None:
        kind = "canceled" if reason == "cancelled" else reason
        return Answered({"custom_id": line.custom_id, "result": {"type": kind}}, is_failed=True)
    error = {"code": f"batch_{reason}", "message": f"This request was not executed: the batch was {reason}."}
    return Answered(_openai_line(line.custom_id, None, error), is_failed=True)


def _openai_line(custom_id: str, response: Any, error: Any) -> dict[str, Any]:
    return {"id": f"batch_req_{uuid.uuid4().hex}", "custom_id": custom_id, "response": response, "error": error}


def _answer_of(line: Line, path: str, answer: Answering) -> tuple[int, Any]:
    model = line.body.get("model")
    body = {**line.body, "model": platform_id(model)} if isinstance(model, str) else dict(line.body)
    if body.get("stream"):
        return 400, wire_error(wire_of(path), 400, "a request of a batch cannot be streamed")
    if any(_has_media(value) for value in (body.get("messages"), body.get("input"))):
        return 400, wire_error(wire_of(path), 400, "batches take text only")
    status, value = answer(path, body)
    if status < 400 and path != MESSAGES and isinstance(value, dict):
        value = {**value, "model": model}
    return status, value


def _has_media(messages: Any) -> bool:
    return any(
        isinstance(part, dict) and part.get("type") in MEDIA
        for message in (messages if isinstance(messages, list) else ())
        for part in _parts(message)
    )


def _parts(message: Any) -> Iterator[Any]:
    content = message.get("content") if isinstance(message, dict) else None
    yield from content if isinstance(content, list) else ()
