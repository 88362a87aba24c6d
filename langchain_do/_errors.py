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
    """Any other failure of a call."""


class ConfigError(ours.ConfigError, ModelInvalidRequestError):
    """Refused before anything was sent."""


class APIConnectionError(ours.APIConnectionError, ModelConnectionError):
    """The API could not be reached."""


class APITimeoutError(ours.APITimeoutError, ModelTimeoutError):
    """A deadline passed."""


class APIStatusError(ours.APIStatusError, ModelError):
    """A status without a class of its own."""


class BadRequestError(ours.BadRequestError, ModelInvalidRequestError):
    """400, 413 or 422."""


class ContextLengthError(ours.ContextLengthError, ContextOverflowError, ModelInvalidRequestError):
    """The messages do not fit."""


class AuthenticationError(ours.AuthenticationError, ModelAuthenticationError):
    """401."""


class PermissionDeniedError(ours.PermissionDeniedError, ModelPermissionDeniedError):
    """403."""


class NotFoundError(ours.NotFoundError, ModelNotFoundError):
    """404."""


class ConflictError(ours.ConflictError, ModelError):
    """409."""


class RateLimitError(ours.RateLimitError, ModelRateLimitError):
    """429."""


class QuotaExceededError(ours.QuotaExceededError, ModelRateLimitError):
    """A quota or a balance is used up."""


class ServerError(ours.ServerError, ModelAPIError):
    """5xx."""


class ProtocolError(ours.ProtocolError, ModelAPIError):
    """A response that is not this API's."""


class StreamError(ours.StreamError, ModelAPIError):
    """A stream failed after it began."""


class StreamInterrupted(ours.StreamInterrupted, ModelConnectionError):  # noqa: N818  named for what happened
    """A stream ended without its end."""


class StreamFailed(ours.StreamFailed, ModelAPIError):  # noqa: N818  named for what happened
    """The API reported an error in a stream."""


class StreamRateLimited(ours.StreamFailed, ModelRateLimitError):  # noqa: N818  named for what happened
    """The API reported 429 in a stream."""


class StreamRefused(ours.StreamFailed, ModelInvalidRequestError):  # noqa: N818  named for what happened
    """The API reported another 4xx in a stream."""


class StreamContextLengthError(ours.StreamFailed, ContextOverflowError, ModelInvalidRequestError):
    """The API reported in a stream that the messages do not fit."""


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
