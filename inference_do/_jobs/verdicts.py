"""What the error of a row means for the job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from inference_do.errors import (
    APIConnectionError,
    AuthenticationError,
    InferenceError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
    StreamFailed,
)

__all__ = ["Verdict", "describe_error", "judge"]

MESSAGE_LIMIT = 2_000
"""The most characters of an error's message that an output has."""

REFUSED = {401, 402, 403}
TOO_MANY = 429
SERVER_ERRORS = range(500, 600)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do."""

    kind: Literal["row", "wait", "outage", "stop", "unknown"]
    """`row`: it is this row's. `wait`: the row is asked again. `outage`: it is the API's, for a while. `stop`: every
    row would meet it. `unknown`: every row would, unless one has been answered."""
    retry_after: float | None = None
    """Seconds after which there is room again, if the API said."""


def judge(error: BaseException) -> Verdict:
    """Return what the error of a row means.

    Errors of other libraries count where they have a `status_code`, as those of the OpenAI SDK have.
    """
    if isinstance(error, StreamFailed) and error.like is not None:
        return _of_class(error.like, None)
    if isinstance(error, InferenceError):
        return _of_class(type(error), getattr(error, "retry_after", None))
    status = getattr(error, "status_code", None)
    if status in REFUSED or (status == TOO_MANY and getattr(error, "code", None) == "insufficient_quota"):
        return Verdict("stop")
    if status == TOO_MANY:
        return Verdict("wait", _retry_after(error))
    return Verdict("outage" if isinstance(status, int) and status in SERVER_ERRORS else "row")


def _of_class(kind: type[BaseException], retry_after: float | None) -> Verdict:
    if issubclass(kind, QuotaExceededError | AuthenticationError | PermissionDeniedError):
        return Verdict("stop")
    if issubclass(kind, RateLimitError):
        return Verdict("wait", retry_after)
    if issubclass(kind, NotFoundError):
        return Verdict("unknown")
    return Verdict("outage" if issubclass(kind, APIConnectionError | ServerError) else "row")


def _retry_after(error: BaseException) -> float | None:
    headers: Any = getattr(getattr(error, "response", None), "headers", None) or {}
    try:
        return max(0.0, float(headers.get("retry-after")))
    except (AttributeError, TypeError, ValueError):
        return None


def describe_error(error: BaseException) -> dict[str, Any]:
    """Return an error as an output has it: class, message, and what the API said of itself."""
    described: dict[str, Any] = {"class": type(error).__name__, "message": str(error)[:MESSAGE_LIMIT]}
    for name in ("status", "code", "request_id"):
        value = getattr(error, name, None)
        if value and isinstance(value, str | int):
            described[name] = value
    return described
