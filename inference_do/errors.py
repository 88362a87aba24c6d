"""Every error that this project raises.

    InferenceError                        .retryable .attempts .request_id .partial .texts .vectors
      ConfigError (ValueError)            refused before anything was sent
      APIConnectionError                  the API could not be reached, or went away before it answered: .peer
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
        StreamInterrupted                 it ended without its end
        StreamFailed                      the API reported an error in it: .status .code .type

None derives from RuntimeError, which LlamaIndex's `asyncio_run` would replace by a message of its own. All of them
pickle and copy. None holds a request, a header that was sent or another library's exception: those carry the key.
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
    """Base of every error of this project."""

    retryable: bool
    """Whether the same call may succeed later; it is what the retry policy went by."""
    attempts: int
    """How many requests were sent for this call."""
    request_id: str | None
    """The API's `x-request-id`, to quote to DigitalOcean's support."""
    partial: ChatCompletion | None
    """What a stream had delivered before it failed; or a whole response that came where a stream was asked for."""

    texts: range | None = None
    """Of texts to embed, the positions of those in the request that failed."""
    vectors: list[list[float] | None] | None = None
    """A vector for each of those texts that was embedded before, or beside it, and None for the others."""

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
    """A setting or an argument that was refused before anything was sent."""


class UnknownArgumentError(ConfigError, TypeError):
    """An argument that a class does not take, which is Python's `TypeError` too."""


class UnknownAttributeError(ConfigError, AttributeError):
    """An attribute that clients of other packages have."""


class APIConnectionError(InferenceError):
    """The API could not be reached, or the connection went away before it answered."""

    peer: str | None
    """The host and port that the request was for."""

    def __init__(self, message: str = "", *, peer: str | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.peer = peer


class APITimeoutError(APIConnectionError, TimeoutError):
    """A deadline passed; `phase` names which."""

    phase: Phase

    def __init__(self, message: str = "", *, phase: Phase = "total", **details: Any) -> None:
        super().__init__(message, **details)
        self.phase = phase


class _Reported(InferenceError):  # noqa: N818  a part of others
    """An error that the API described."""

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
    """The API answered with an error status."""

    status: int
    code: str | None
    type: str | None
    retry_after: float | None
    """Seconds that the API asked to wait, if it said."""
    body: str
    """The start of the response's body."""

    def __init__(self, message: str = "", *, retry_after: float | None = None, body: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after = retry_after
        self.body = body


class BadRequestError(APIStatusError):
    """400, 413 or 422: the request as it stands will never be answered."""


class ContextLengthError(BadRequestError):
    """The messages and the response asked for do not fit the model's context window."""


class AuthenticationError(APIStatusError):
    """401: the key is not valid, or a personal access token lacks full access."""


class PermissionDeniedError(APIStatusError):
    """403: this key may not call this model, or the account's balance is used up."""


class NotFoundError(APIStatusError):
    """404: no such model or path."""


class ConflictError(APIStatusError):
    """409."""


class RateLimitError(APIStatusError):
    """429: too many requests or tokens in too short a time."""


class QuotaExceededError(RateLimitError):
    """A quota or a balance is used up. It is never retried."""


class ServerError(APIStatusError):
    """5xx: the API failed."""


class ProtocolError(InferenceError):
    """A response that is not this API's: HTML, a redirect, broken JSON, a missing field, too many bytes."""


class StreamError(InferenceError):
    """A stream failed after its first chunk; `partial` holds what had come."""


class StreamInterrupted(StreamError):  # noqa: N818  named for what happened
    """The stream ended, or its connection broke, before the response was complete."""


Kind = type[APIStatusError]


class StreamFailed(StreamError, _Reported):  # noqa: N818  named for what happened
    """The API reported an error inside the stream."""

    status: int
    code: str | None
    type: str | None
    like: Kind | None
    """The class that the same error would have had as a response with a status; None if it names no known condition."""

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
