"""Errors in the shape of each wire: as the body of a refusal, and inside a response that has begun well."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ._http import Wire, error_body
from ._json import to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

PATHS: dict[str, Wire] = {"/v1/responses": "responses", "/v1/messages": "messages"}
"""The paths of the wires beside chat completions."""

ANTHROPIC_KINDS = {
    400: "invalid_request_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
FAILED = "The model failed while answering."


def wire_of(path: str) -> Wire:
    """Return the wire of a path; chat completions' errors are those of all other paths."""
    return PATHS.get(path, "chat")


def wire_error(wire: Wire, status: int, message: str | None = None, kind: str | None = None) -> dict[str, Any]:
    """Build a wire's error body for a status.

    401 comes from the gateway before them, in its own shape.
    """
    plain = error_body(status, message, kind)
    if wire == "chat" or "error" not in plain:
        return plain
    error = plain["error"]
    if wire == "responses":
        return {"error": {**error, "param": None, "code": str(status)}}
    name = ANTHROPIC_KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": name, "message": error["message"]}}


def failed_body(wire: Wire) -> dict[str, Any]:
    """Build the body of a whole response that reports an error although its status is 200."""
    if wire == "responses":
        return _failed_response({})
    return wire_error(wire, 500, FAILED)


def failed_event(wire: Wire, pieces: Sequence[bytes], name: str | None) -> tuple[str | None, dict[str, Any]]:
    """Build the event that ends a stream by an error.

    Args:
        wire: The wire.
        pieces: The events before it.
        name: The event's name, where a test wants another than the wire's own.

    Returns:
        Its name and its data.
    """
    match wire, name:
        case "responses", "error":
            event: dict[str, Any] = {"type": "error", "code": "server_error", "message": FAILED, "param": None}
            return name, {**event, "sequence_number": len(pieces)}
        case "responses", _:
            response = _failed_response(_begun(pieces))
            event = {"type": "response.failed", "response": response, "sequence_number": len(pieces)}
            return name or "response.failed", event
        case "messages", _:
            return name or "error", wire_error(wire, 500, FAILED)
        case _:
            return name, error_body(500, FAILED)


def _begun(pieces: Sequence[bytes]) -> dict[str, Any]:
    """Return the response that a stream's first event announces."""
    for line in pieces[0].splitlines() if pieces else ():
        name, _, data = line.lstrip(b"\xef\xbb\xbf").partition(b":")
        if name == b"data":
            response = json.loads(data).get("response")
            return dict(response) if isinstance(response, dict) else {}
    return {}


def _failed_response(begun: dict[str, Any]) -> dict[str, Any]:
    error = {"code": "server_error", "message": FAILED}
    empty = {"id": "resp_failed", "object": "response", "created_at": 0, "output": [], "usage": None}
    return {**empty, **begun, "status": "failed", "error": error}


def event_bytes(name: str | None, data: bytes) -> bytes:
    """Write one event, its data already in bytes."""
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + data + b"\n\n"


def error_event_bytes(wire: Wire, pieces: Sequence[bytes], name: str | None, body: object) -> bytes:
    """Write the event of an error, by default the wire's own."""
    if body is None:
        name, body = failed_event(wire, pieces, name)
    elif wire != "chat" and name is None:
        kind = body.get("type") if isinstance(body, dict) else None
        name = kind if isinstance(kind, str) else "error"
    return event_bytes(name, body.encode() if isinstance(body, str) else to_json(body))
