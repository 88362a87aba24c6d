"""Errors that are caught under either name: ours, or the one that LangChain has for the same condition.

    inference_do.RateLimitError  +  langchain_core's ModelRateLimitError  ->  RateLimitError of this module

`translate()` stands around every call. LangChain's retry middleware goes by `is_retryable`, its summarization by
`ContextOverflowError`, fallbacks by either family.
"""

from __future__ import annotations

from typing import Self

from langchain_core import exceptions as theirs
from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
)
from langchain_core.messages import BaseMessage

import inference_do.errors as ours

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
    "ProtocolError",
    "QuotaExceededError",
    "RateLimitError",
    "RefusalError",
    "ServerError",
    "StreamContextLengthError",
    "StreamError",
    "StreamFailed",
    "StreamInterrupted",
    "StreamRateLimited",
    "StreamRefused",
    "translate",
]

# langchain-core has it from 1.7.5 on
ModelRefusalError: type[ModelError] = getattr(theirs, "ModelRefusalError", ModelError)


class InferenceError(ours.InferenceError, ModelError):
    """The base of every error of this project, as LangChain's `ModelError`."""


class ConfigError(ours.ConfigError, ModelInvalidRequestError):
    """A setting or an argument is wrong. Nothing was sent."""


class APIConnectionError(ours.APIConnectionError, ModelConnectionError):
    """There is no connection to the API, or it broke before the answer was complete."""


class APITimeoutError(ours.APITimeoutError, ModelTimeoutError):
    """A phase of the call took longer than its timeout."""


class APIStatusError(ours.APIStatusError, ModelError):
    """An error status that has no class of its own."""


class BadRequestError(ours.BadRequestError, ModelInvalidRequestError):
    """400, 413 or 422: something in the request is wrong."""


class ContextLengthError(ours.ContextLengthError, ContextOverflowError, ModelInvalidRequestError):
    """The messages do not fit the model's context window."""


class AuthenticationError(ours.AuthenticationError, ModelAuthenticationError):
    """401: the key is wrong, or lacks full access."""


class PermissionDeniedError(ours.PermissionDeniedError, ModelPermissionDeniedError):
    """403: the key or the account may not call this model."""


class NotFoundError(ours.NotFoundError, ModelNotFoundError):
    """404: there is no such model or path."""


class ConflictError(ours.ConflictError, ModelError):
    """409: the request conflicts with another one."""


class RateLimitError(ours.RateLimitError, ModelRateLimitError):
    """429: a rate limit has no room."""


class QuotaExceededError(ours.QuotaExceededError, ModelRateLimitError):
    """A quota or the balance is used up. Waiting does not help."""


class ServerError(ours.ServerError, ModelAPIError):
    """500 or above: the API or the model failed."""


class ProtocolError(ours.ProtocolError, ModelAPIError):
    """The response is not one of this API."""


class StreamError(ours.StreamError, ModelAPIError):
    """A stream failed after its first chunk."""


class StreamInterrupted(ours.StreamInterrupted, ModelConnectionError):  # noqa: N818  named for what happened
    """A stream ended before the answer was complete."""


class StreamFailed(ours.StreamFailed, ModelAPIError):  # noqa: N818  named for what happened
    """The API reported an error inside a stream."""


class StreamRateLimited(ours.StreamFailed, ModelRateLimitError):  # noqa: N818  named for what happened
    """The API reported a rate limit or a used-up quota inside a stream."""


class StreamRefused(ours.StreamFailed, ModelInvalidRequestError):  # noqa: N818  named for what happened
    """The API refused the request inside a stream: 400, 401, 403, 404 and the like."""


class StreamContextLengthError(ours.StreamFailed, ContextOverflowError, ModelInvalidRequestError):
    """The API reported inside a stream that the messages do not fit."""


class RefusalError(ours.InferenceError, ModelRefusalError):  # type: ignore[misc, valid-type]
    """The model refused to give the structured answer that was asked for; the message holds its text."""

    raw_message: BaseMessage | None
    """The answer that refuses."""

    @classmethod
    def of(cls, text: str, message: BaseMessage) -> Self:
        """Make one for the message that refuses."""
        error = cls(text)
        error.raw_message = message
        return error


PAIRS: dict[type[ours.InferenceError], type[ours.InferenceError]] = {
    pair.__mro__[1]: pair
    for pair in (
        InferenceError,
        ConfigError,
        APIConnectionError,
        APITimeoutError,
        APIStatusError,
        BadRequestError,
        ContextLengthError,
        AuthenticationError,
        PermissionDeniedError,
        NotFoundError,
        ConflictError,
        RateLimitError,
        QuotaExceededError,
        ServerError,
        ProtocolError,
        StreamError,
        StreamInterrupted,
        StreamFailed,
    )
}


for _name in set(__all__) - {"translate"}:
    globals()[_name].__module__ = "langchain_do"  # a traceback shows the name that users import


class translate:  # noqa: N801  read as a verb: `with translate():`
    """Raise our errors as errors of LangChain's too, with all their attributes."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, ours.InferenceError):
            raise paired(error) from error.__cause__  # without the frames below, of which none is the user's


def paired(error: ours.InferenceError) -> ours.InferenceError:
    """Return the same error as an instance of both families."""
    kind = _of_stream(error) if isinstance(error, ours.StreamFailed) else _nearest(type(error))
    twin = kind.__new__(kind, *error.args)
    twin.__dict__.update(error.__dict__, is_retryable=error.retryable)
    if isinstance(error, ours.APIStatusError):
        twin.__dict__["status_code"] = error.status  # the name that agents know it by
    return twin


def _nearest(kind: type[ours.InferenceError]) -> type[ours.InferenceError]:
    return next(PAIRS[base] for base in kind.__mro__ if base in PAIRS)


def _of_stream(error: ours.StreamFailed) -> type[ours.InferenceError]:
    """Choose by the class that the same error would have had as a response with a status."""
    match error.like:
        case None:
            return StreamFailed
        case kind if issubclass(kind, ours.RateLimitError):
            return StreamRateLimited
        case kind if issubclass(kind, ours.ContextLengthError):
            return StreamContextLengthError
        case kind if issubclass(kind, ours.ServerError):
            return StreamFailed
        case _:
            return StreamRefused
