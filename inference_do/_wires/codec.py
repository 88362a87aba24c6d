"""What a wire is. The protocol knows no wire by its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from math import isfinite
from typing import Any, Protocol

from inference_do.types import ChatCompletion

__all__ = [
    "MESSAGE_FIELDS",
    "STATUS_FIELDS",
    "Codec",
    "EventReader",
    "ReportedError",
    "error_of_choice",
    "is_reported",
    "refuse_reported",
    "whole_number",
]

EventReader = Callable[[str, bytes], dict[str, Any] | Sequence[dict[str, Any]] | None]
"""Takes an event's name and data, and returns the canonical chunk or chunks that it comes to; None where it ends the
stream.

Raises a `ReportedError` for an error that the API reports, and a ValueError for what is no event of this wire."""


class ReportedError(Exception):
    """An event that is an error of the API, in any of its shapes."""


MESSAGE_FIELDS = ("message", "detail", "errors", "msg", "error_message", "errorMessage", "error_msg")
"""Names under which servers say what went wrong."""
STATUS_FIELDS = ("code", "status_code", "statusCode", "status", "http_status")
"""Names under which they put the status."""


def is_reported(parsed: Any, *, has_answer: bool) -> bool:
    """Return whether JSON in place of an answer, or beside it, is an error that the API reports.

    Args:
        parsed: The JSON, of a whole body or of an event.
        has_answer: Whether there is what an answer consists of; what is left is an error if it has a message or status
            of one, as `{"id", "message"}` has, this API's own form.
    """
    if isinstance(parsed, list) and len(parsed) == 1:  # as Google's endpoints write it
        parsed = parsed[0]
    if not isinstance(parsed, dict):
        return False
    if parsed.get("error") or parsed.get("object") == "error" or parsed.get("type") == "error":
        return True
    choices = parsed.get("choices")
    if isinstance(choices, list) and any(isinstance(choice, dict) and _has_failed(choice) for choice in choices):
        return True
    return not has_answer and (
        parsed.get("error", False) not in (None, False)
        or parsed.get("success") is False
        or any(_is_message(parsed.get(name)) for name in MESSAGE_FIELDS)
        or any(_is_failure(parsed.get(name)) for name in STATUS_FIELDS)
    )


def refuse_reported(parsed: Any) -> None:
    """Refuse a whole body that is an error or has one beside its answer.

    Raises:
        ValueError: It is one.
    """
    if is_reported(parsed, has_answer=True):
        message = "it is an error"
        raise ValueError(message)


def _has_failed(choice: dict[str, Any]) -> bool:
    """Return whether an answer ended in an error, as OpenRouter reports those of its providers."""
    return bool(error_of_choice(choice)) or choice.get("finish_reason") == "error"


def error_of_choice(choice: dict[str, Any]) -> Any:
    """Return the error that stands in a choice, or in its message or delta."""
    inner = (choice.get(name) for name in ("delta", "message"))
    return next((found for part in (choice, *inner) if isinstance(part, dict) and (found := part.get("error"))), None)


def _is_message(value: Any) -> bool:
    return bool(value.strip() if isinstance(value, str) else value) and isinstance(value, str | list)


def _is_failure(value: Any) -> bool:
    return str(value) == "error" or (isinstance(value, int | str) and re.fullmatch(r"[45]\d\d", str(value)) is not None)


def whole_number(value: Any) -> int | None:
    """Return a count of tokens that a server wrote in whatever form of a number; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or not isfinite(value):
        return None
    return int(value)


class Codec(Protocol):
    """One of the API's ways to ask for an answer."""

    @property
    def path(self) -> str:
        """What follows the base URL."""

    def body(self, request: Mapping[str, Any], defaults: AbstractSet[str] = frozenset()) -> dict[str, Any]:
        """Return a canonical request as this wire's body.

        Args:
            request: The canonical request; fields that are none of it go out as they are.
            defaults: Names of fields that no caller asked for: what this wire cannot express of them is left out.

        Raises:
            ConfigError: The caller asked for something that this wire cannot express.
        """

    def read(self, data: bytes) -> ChatCompletion:
        """Return a whole body as a canonical completion.

        Raises:
            ValueError: It is no answer of this wire; it says why.
        """

    def events(self) -> EventReader:
        """Return what reads the events of one stream."""
