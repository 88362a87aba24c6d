"""Bytes of an HTTP/1.1 response, and the values that a response is made of."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal, TypeAlias

from ._json import to_json

HeaderList: TypeAlias = tuple[tuple[str, str], ...]
Wire: TypeAlias = Literal["chat", "responses", "messages"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerResponse:
    """One response, before it travels: `pieces` are SSE events, or the one piece of a whole body."""

    status: int = 200
    headers: HeaderList = ()
    pieces: tuple[bytes, ...] = ()
    chunked: bool = False
    tokens: int | None = None
    """Tokens that it counts with a rate limit; None for a response that reports no limits."""
    wire: Wire = "chat"
    """In whose shape an error inside it is, or in place of it."""


class Refusal(Exception):  # noqa: N818 - it is the API's answer, not a defect
    """A request that the API answers with an error body."""

    def __init__(
        self,
        status: int,
        message: str,
        type: str = "invalid_request_error",  # noqa: A002 - the wire's own name
        *,
        headers: HeaderList = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.headers = headers


def json_response(
    value: object,
    *,
    status: int = 200,
    headers: HeaderList = (),
    kind: str = "application/json",
    tokens: int | None = None,
) -> ServerResponse:
    """Build a whole response from a JSON value."""
    headers = (("content-type", kind), *headers, request_id())
    return ServerResponse(status=status, headers=headers, pieces=(to_json(value),), tokens=tokens)


def request_id() -> tuple[str, str]:
    """Make a header that no other response has."""
    return ("x-request-id", str(uuid.uuid4()))


def error_body(status: int, message: str | None = None, kind: str | None = None) -> dict[str, Any]:
    """Build the API's error body for a status.

    401 has the shape seen live at the gateway, everything else the shape of the inference plane.
    """
    default_message, default_kind = (
        _ERRORS.get(status) or _ERRORS[500 if status >= HTTPStatus.INTERNAL_SERVER_ERROR else 400]
    )
    if status == HTTPStatus.UNAUTHORIZED:
        return {"id": "Unauthorized", "message": message or default_message}
    return {"error": {"message": message or default_message, "type": kind or default_kind}}


def head(response: ServerResponse, *, length: int | None, close: bool) -> bytes:
    """Write the status line and headers; `length` of `None` means chunked."""
    try:
        reason = HTTPStatus(response.status).phrase
    except ValueError:
        reason = "Unknown"
    lines = [f"HTTP/1.1 {response.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    lines.append("transfer-encoding: chunked" if length is None else f"content-length: {length}")
    if close:
        lines.append("connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def chunk(data: bytes) -> bytes:
    """Frame one HTTP chunk; empty data has no frame, because an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


_ERRORS = {
    400: ("The request is invalid.", "invalid_request_error"),
    401: ("Unable to authenticate you.", "authentication_error"),
    402: ("Payment required: the account's balance is exhausted.", "billing_error"),
    403: ("this model is not available for your subscription tier", "forbidden_error"),
    404: ("model not found", "not_found_error"),
    405: ("method not allowed", "invalid_request_error"),
    409: ("The request conflicts with another one.", "conflict_error"),
    413: ("The request body is too large.", "invalid_request_error"),
    422: ("The request could not be processed.", "unprocessable_entity_error"),
    429: ("API rate limit exceeded.", "rate_limit_error"),
    500: ("Server Error.", "server_error"),
    502: ("Bad gateway.", "server_error"),
    503: ("The service is temporarily unavailable.", "server_error"),
    504: ("The upstream did not answer in time.", "server_error"),
}
