"""What an error response means: its detail, in whatever form it comes, and the class of error.

DigitalOcean's hosts answer in at least eight shapes: `{"error": {"message", "type"}}`, the same with `status_code`
beside it, `{"id", "message"}`, `{"type": "error", "error": {…}}`, `{"detail": [{"msg"}]}`, `{"error": "text", "code"}`,
vLLM's `{"object": "error", "message", "type", "code"}`, a failed response of `/responses`, whole or in an event, which
has its error inside, and whatever a proxy on the way sends. OpenRouter puts an error into a choice:
https://openrouter.ai/docs/api-reference/errors
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from inference_do._wires.codec import MESSAGE_FIELDS, STATUS_FIELDS, error_of_choice
from inference_do.errors import (
    MESSAGE_LIMIT,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ContextLengthError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
    StreamFailed,
    printable,
)

from .json import load_json

BODY_LIMIT = 2000
"""The most characters of a response's body that an error keeps."""

BY_STATUS: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: QuotaExceededError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    413: BadRequestError,
    422: BadRequestError,
    429: RateLimitError,
}

ADVICE = {
    AuthenticationError: "check the key: a model access key, or a personal access token with full access",
    PermissionDeniedError: "this key or the account's tier may not call this model, or the prepaid balance is used up",
    QuotaExceededError: "waiting does not help: raise the limit or top up the balance in DigitalOcean's control panel",
}

STATUS = r"[45]\d\d"
OUT_OF_CONTEXT = (
    r"(?is)context[ _](length|window|size|limit)|context_length_exceeded|exceed_context_size"
    r"|token count.*exceeds|maximum (token count|number of tokens)|(prompt|input) is too long|reduce the length"
)
OUT_OF_QUOTA = (
    r"(?i)insufficient[ _](quota|balance|funds|credits?)|billing[ _](hard[ _])?limit|exceeded your current quota"
    r"|payment required|balance (is )?(too low|exhausted|depleted|empty|used up)|out of credits?"
    r"|billing_not_active|check your billing"
)
"""Patterns as texts: they are compiled when a request has failed, not on import."""


STATUS_OF_NAME = {
    "accessdenied": 403,
    "api": 500,
    "authentication": 401,
    "badgateway": 502,
    "badrequest": 400,
    "conflict": 409,
    "deadlineexceeded": 504,
    "forbidden": 403,
    "gatewaytimeout": 504,
    "insufficientquota": 402,
    "internal": 500,
    "internalserver": 500,
    "invalidapikey": 401,
    "invalidargument": 400,
    "invalidrequest": 400,
    "modelnotfound": 404,
    "notfound": 404,
    "overloaded": 529,
    "paymentrequired": 402,
    "permission": 403,
    "permissiondenied": 403,
    "ratelimit": 429,
    "ratelimitexceeded": 429,
    "resourceexhausted": 429,
    "requesttoolarge": 413,
    "server": 500,
    "serviceunavailable": 503,
    "throttling": 429,
    "timeout": 504,
    "toomanyrequests": 429,
    "unauthenticated": 401,
    "unauthorized": 401,
    "unavailable": 503,
    "unprocessableentity": 422,
}
"""Names that servers give to errors, without `_`, case and a final "error"; inside a 200 its name is
all that identifies it. https://platform.claude.com/docs/en/api/errors lists most of them, vLLM's are
Python's class names (`BadRequestError`)."""


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """What an error response says."""

    message: str
    type: str | None = None
    code: str | None = None
    number: int | None = None
    """The HTTP status, where it is given beside a code that is none."""

    @property
    def status(self) -> int | None:
        """The HTTP status that is given or that code or type name, if they do."""
        if self.code and re.fullmatch(STATUS, self.code):
            return int(self.code)
        named = (_status_of(name) for name in (self.code, self.type) if name)
        return self.number or next(filter(None, named), None)

    def scrubbed(self, scrub: Callable[[str], str]) -> ErrorDetail:
        """Return the same detail with the key masked."""
        kind, code = (name and scrub(printable(name))[:MESSAGE_LIMIT] for name in (self.type, self.code))
        return ErrorDetail(scrub(self.message), kind, code, self.number)

    @property
    def text(self) -> str:
        """All of it, to look for signs in."""
        return " ".join(filter(None, (self.code, self.type, self.message)))


def _status_of(name: str) -> int | None:
    plain = re.sub(r"[-_ .]", "", name.lower()).removesuffix("error").removesuffix("exception")
    return STATUS_OF_NAME.get(plain)


def parse_error_body(body: Any) -> ErrorDetail | None:
    """Read an error's detail from parsed JSON; None if it has none."""
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if not isinstance(body, dict):
        return None
    response = body if body.get("object") == "response" else body.get("response")
    if isinstance(response, dict):  # its own id, which others use as an error's name, is none here
        return parse_error_body({"error": response.get("error")}) or ErrorDetail(f"status {response.get('status')!r}")
    inner = body.get("error") or _error_of_choice(body.get("choices"))
    match inner:
        case dict():
            source = inner
        case str():
            source = {"type": inner, **body} if _message(body) else {"message": inner}
        case list():
            source = {"message": inner}
        case int():
            source = {"code": inner, **body}
        case _:
            source = body
    if (message := _message(source) or _message(body)) is None:
        return ErrorDetail(snippet(repr(inner))) if inner else None
    code = _name(source, body, *STATUS_FIELDS)
    return ErrorDetail(
        _one_line(message),
        _name(source, body, "type") or (None if inner else _name(source, body, "id")),
        code,
        number=None if code and re.fullmatch(STATUS, code) else _number(source, body),
    )


def _one_line(message: str) -> str:
    """Return a server's message as one line, which cannot pass for further lines of a log."""
    return " ".join(filter(None, map(str.strip, message.splitlines())))


def _error_of_choice(choices: Any) -> Any:
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and (error := error_of_choice(choice)):
            return error
        if isinstance(choice, dict) and choice.get("finish_reason") == "error":
            return {"message": "the answer ended with the finish reason 'error'"}
    return None


def _message(source: dict[str, Any]) -> str | None:
    return next((text for name in MESSAGE_FIELDS if (text := _details(source.get(name)))), None)


def _name(source: dict[str, Any], body: dict[str, Any], *keys: str) -> str | None:
    for place in (source, body):
        for key in keys:
            value = place.get(key)
            if isinstance(value, str) and value not in {"", "error"}:
                return value
            if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9:
                return str(value)
    return None


def _number(source: dict[str, Any], body: dict[str, Any]) -> int | None:
    """Return the first HTTP status of an error under any name."""
    values = (str(place.get(key)) for place in (source, body) for key in STATUS_FIELDS)
    return next((int(value) for value in values if re.fullmatch(STATUS, value)), None)


def _details(detail: Any) -> str | None:
    """Read a message, or a list of what is wrong with a request, as FastAPI and others write it."""
    match detail:
        case str():
            return detail if detail.strip() else None
        case dict():
            return _message(detail) or (error if isinstance(error := detail.get("error"), str) else None)
        case list():
            return "; ".join(filter(None, map(_line, detail)))
        case _:
            return None


def _line(item: Any) -> str | None:
    text = item if isinstance(item, str) else _message(item) if isinstance(item, dict) else None
    place = item.get("loc") if isinstance(item, dict) else None
    where = ".".join(map(str, place)) if isinstance(place, list) else str(place or "")
    return f"{where}: {text}" if where and text else where or text


def from_status(
    status: int,
    body: str,
    *,
    attempts: int,
    request_id: str | None = None,
    retry_after: float | None = None,
    hint: str | None = None,
    scrub: Callable[[str], str] = str,
) -> APIStatusError:
    """Make the error for a response that is not a success.

    Args:
        status: The HTTP status, 400 or above.
        body: What could be read of the body, as text.
        attempts: Requests sent so far.
        request_id: The response's `x-request-id`.
        retry_after: Seconds that the API asked to wait.
        hint: What is known of the model that may be the reason.
        scrub: Masks the key, which a server may repeat; JSON's escapes may have hidden it in the body.
    """
    detail = (_detail_of(body) or ErrorDetail(snippet(scrub(body)))).scrubbed(scrub)
    kind = _kind(status, detail)
    advice = None if kind is ContextLengthError else hint or ADVICE.get(kind)
    text = f"{status} {_phrase(status)}: {detail.message[:MESSAGE_LIMIT]}".rstrip(": .")
    return kind(
        f"{text}; {advice}" if advice else text,
        status=status,
        code=detail.code,
        type=detail.type,
        body=scrub(body)[:BODY_LIMIT],
        attempts=attempts,
        request_id=request_id,
        retry_after=retry_after,
    )


def from_event(data: str, *, attempts: int, request_id: str | None, scrub: Callable[[str], str] = str) -> StreamFailed:
    """Make the error for an error event inside a stream."""
    detail = (_detail_of(data) or ErrorDetail(snippet(scrub(data)) or "no reason given")).scrubbed(scrub)
    return StreamFailed(
        f"the API reported an error in the stream: {detail.message[:MESSAGE_LIMIT]}",
        status=detail.status or 0,
        code=detail.code,
        type=detail.type,
        like=_kind_of_event(detail),
        attempts=attempts,
        request_id=request_id,
    )


def _detail_of(body: str) -> ErrorDetail | None:
    try:
        return parse_error_body(load_json(body.encode("utf-8", "replace")))
    except ValueError:
        return None


def _kind(status: int, detail: ErrorDetail) -> type[APIStatusError]:
    if status in {400, 413, 422} and re.search(OUT_OF_CONTEXT, detail.text):
        return ContextLengthError
    if status == HTTPStatus.BAD_REQUEST and "credit balance is too low" in detail.message:
        return QuotaExceededError
    if status in {403, 429} and re.search(OUT_OF_QUOTA, detail.text):
        return QuotaExceededError
    return BY_STATUS.get(status) or (ServerError if status >= HTTPStatus.INTERNAL_SERVER_ERROR else APIStatusError)


def _kind_of_event(detail: ErrorDetail) -> type[APIStatusError] | None:
    """Return what an error in a stream would have been as a status; its text counts where it names none."""
    if detail.status:
        return _kind(detail.status, detail)
    if re.search(OUT_OF_CONTEXT, detail.text):
        return ContextLengthError
    return QuotaExceededError if re.search(OUT_OF_QUOTA, detail.text) else None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Overloaded" if status == 529 else "error"  # noqa: PLR2004  not in the standard list


def snippet(text: str) -> str:
    """Return the start of a body that is no JSON of this API's; a page of HTML says nothing beyond its status."""
    text = " ".join(text.removeprefix("\ufeff").split())
    if text.startswith("<"):
        title = re.search(r"<title>(.{1,80}?)</title>", text, re.IGNORECASE)
        return f"an HTML page ({title[1].strip()})" if title else "an HTML page"
    return text[:200]
