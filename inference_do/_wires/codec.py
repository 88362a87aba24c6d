"""What a wire is. The protocol knows no wire by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from inference_do.types import ChatCompletion

__all__ = ["Codec", "EventReader", "ReportedError"]

EventReader = Callable[[str, bytes], dict[str, Any] | Sequence[dict[str, Any]] | None]
"""Takes an event's name and data, and returns the canonical chunk or chunks that it comes to; None where it ends the
stream.

Raises a `ReportedError` for an error that the API reports, and a ValueError for what is no event of this wire."""


class ReportedError(Exception):
    """An event that is an error of the API, in any of its shapes."""


class Codec(Protocol):
    """One of the API's ways to ask for an answer."""

    path: str
    """What follows the base URL."""

    def body(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return a canonical request as this wire's body."""

    def read(self, data: bytes) -> ChatCompletion:
        """Return a whole body as a canonical completion.

        Raises:
            ValueError: It is no answer of this wire; it says why.
        """

    def events(self) -> EventReader:
        """Return what reads the events of one stream."""
