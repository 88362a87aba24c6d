"""Every error that this project raises.

    InferenceError                        .retryable .attempts .request_id .partial .texts .vectors
      ConfigError (ValueError)            refused before anything was sent
      APIConnectionError                  no connection, or it broke before the answer was complete: .peer
        APITimeoutError (TimeoutError)    .phase: connect | pool | write | first_token | idle | total
      APIStatusError                      the API answered with an error: .status .code .type .retry_after .body
        BadRequestError                   400, 413, 422
          ContextLengthError              the messages do not fit the model's context window
        AuthenticationError               401
        PermissionDeniedError             403
        NotFoundError                     404
        ConflictError                     409
        RateLimitError                    429
          QuotaExceededError              a quota or balance is used up: waiting does not help
        ServerError                       5xx
      ProtocolError                       a response that is not this API's
      StreamError                         the stream failed after it began
        StreamInterrupted                 it was cut: the answer is incomplete
        StreamFailed                      the API reported an error in it: .status .code .type

None derives from RuntimeError: LlamaIndex's `asyncio_run` would replace it by an error of its own. All of them can be
pickled and copied. None holds a request, a header that was sent or another library's exception: those carry the key.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from .types import ChatCompletion

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ConfigError",
    "ConflictError",
    "ContextLengthError",
    "InferenceError",
    "NotFoundError",
    "PermissionDeniedError",
    "Phase",
    "ProtocolError",
    "QuotaExceededError",
    "RateLimitError",
    "ServerError",
    "StreamError",
    "StreamFailed",
    "StreamInterrupted",
]

Phase = Literal["connect", "pool", "write", "first_token", "idle", "total"]

MESSAGE_LIMIT = 500
"""The most characters of a server's message that an error repeats."""


CONTROLS = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"
"""Characters that steer a terminal, forge a line of a log or turn the order of what is read. A pattern as text: it is
compiled when it is needed."""


def printable(text: str) -> str:
    """Return text for terminals and logs: each character of `CONTROLS` becomes U+FFFD; line ends and tabs stay."""
    return text if text.isprintable() else re.sub(CONTROLS, "\ufffd", text)


class InferenceError(Exception):
    """The base of every error of this project: `except InferenceError` catches all of them."""

    retryable: bool
    """Whether the same call may succeed if it is made again later."""
    attempts: int
    """Requests that were sent for this call, retries included; 0 if none was."""
    request_id: str | None
    """The API's `x-request-id` of the last response, for DigitalOcean's support; None if there was no response."""
    partial: ChatCompletion | None
    """Of a stream: what had arrived before it failed. None for other calls."""

    texts: range | None = None
    """Of embeddings: the positions of the texts in the request that failed."""
    vectors: list[list[float] | None] | None = None
    """Of embeddings: one item for each text, its vector if it arrived, else None."""

    def __init__(
        self,
        message: str = "",
        *,
        retryable: bool = False,
        attempts: int = 0,
        request_id: str | None = None,
        partial: ChatCompletion | None = None,
    ) -> None:
        message = printable(message)  # much of it may be a server's
        super().__init__(message)
        self.message = message
        self.retryable = retryable
        self.attempts = attempts
        self.request_id = request_id
        self.partial = partial

    def __str__(self) -> str:
        peer = getattr(self, "peer", None)
        notes = [f"at {peer}"] if peer else []
        if self.request_id:
            notes.append(f"request id {printable(self.request_id)}")
        if self.attempts > 1:
            notes.append(f"{self.attempts} attempts")
        return f"{self.message} ({', '.join(notes)})" if notes else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)


class ConfigError(InferenceError, ValueError):
    """A setting or an argument is wrong. Nothing was sent. It is a `ValueError` too."""


class UnknownArgumentError(ConfigError, TypeError):
    """There is no such argument. It is a `TypeError` too."""


class UnknownAttributeError(ConfigError, AttributeError):
    """There is no such attribute; other packages' clients have it. It is an `AttributeError` too."""


class APIConnectionError(InferenceError):
    """There is no connection to the API, or it broke before the answer was complete."""

    peer: str | None
    """The host and port that the request was for, as `host:port`."""

    def __init__(self, message: str = "", *, peer: str | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.peer = peer


class APITimeoutError(APIConnectionError, TimeoutError):
    """A phase of the call took longer than its timeout. It is a `TimeoutError` too."""

    phase: Phase
    """Which phase of `Timeout`: `connect`, `pool`, `write`, `first_token`, `idle` or `total`."""

    def __init__(self, message: str = "", *, phase: Phase = "total", **details: Any) -> None:
        super().__init__(message, **details)
        self.phase = phase


class _Reported(InferenceError):  # noqa: N818  a part of others
    """An error that the API reported."""

    def __init__(
        self,
        message: str = "",
        *,
        status: int = 0,
        code: str | None = None,
        type: str | None = None,  # noqa: A002  the API's own name for it
        **details: Any,
    ) -> None:
        super().__init__(message, **details)
        self.status = status
        self.code = code
        self.type = type


class APIStatusError(_Reported):
    """The API answered with an error status, of 400 or above."""

    status: int
    """The HTTP status."""
    code: str | None
    """The API's own code of the error, if it has one."""
    type: str | None
    """The API's own type of the error, if it has one."""
    retry_after: float | None
    """Seconds to wait until the API takes a request again, if it said so."""
    body: str
    """The start of the response's body: up to 2,000 characters."""

    def __init__(self, message: str = "", *, retry_after: float | None = None, body: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after = retry_after
        self.body = body


class BadRequestError(APIStatusError):
    """400, 413 or 422: something in the request is wrong. The same request fails each time."""


class ContextLengthError(BadRequestError):
    """The messages, and the answer that is asked for, have more tokens than the model's context window."""


class AuthenticationError(APIStatusError):
    """401: the key is wrong, or it is a personal access token without full access."""


class PermissionDeniedError(APIStatusError):
    """403: the key or the account may not call this model, or the prepaid balance is used up."""


class NotFoundError(APIStatusError):
    """404: there is no such model or path. The message names the closest ids, or the base URL that is meant."""


class ConflictError(APIStatusError):
    """409: the request conflicts with another one, such as a second batch with the same `request_id`."""


class RateLimitError(APIStatusError):
    """429: a rate limit has no room. `retry_after` says when it has, in seconds, if that is known."""


class QuotaExceededError(RateLimitError):
    """402, or 403 or 429 that say so: a quota or the balance is used up. Waiting does not help; it is never retried."""


class ServerError(APIStatusError):
    """500 or above: the API or the model failed."""


class ProtocolError(InferenceError):
    """The response is not one of this API: HTML, a redirect, broken JSON, a missing field, too many bytes."""


class StreamError(InferenceError):
    """A stream failed after its first chunk; `partial` has what had arrived. It is never retried."""


class StreamInterrupted(StreamError):  # noqa: N818  named for what happened
    """The stream ended, or its connection broke, before the answer was complete."""


Kind = type[APIStatusError]


class StreamFailed(StreamError, _Reported):  # noqa: N818  named for what happened
    """The API reported an error inside the stream."""

    status: int
    """The HTTP status that the report names, or 0."""
    code: str | None
    """The API's own code of the error, if it has one."""
    type: str | None
    """The API's own type of the error, if it has one."""
    like: Kind | None
    """The class of the same error outside of a stream, such as `RateLimitError`; None if the report does not say."""

    def __init__(self, message: str = "", *, like: Kind | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.like = like


E_ = TypeVar("E_", bound=InferenceError)


for _name in __all__:
    if _name != "Phase":
        globals()[_name].__module__ = "inference_do"  # a traceback shows the name that users import


def _rebuild(cls: type[E_], args: tuple[Any, ...], state: dict[str, Any]) -> E_:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error
