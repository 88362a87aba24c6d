"""What a client tells of its waits: before a request is sent again, or until the API's rate limit has room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .errors import InferenceError

__all__ = ["OnRetry", "RetryDetails"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDetails:
    """A wait before a request is sent, or sent again; what `on_retry` is called with."""

    reason: Literal["retry", "rate_limit"]
    """`retry` after a failure, which `max_retries` counts; `rate_limit` until the API has room, which it does not."""
    wait_for: float
    """Seconds, as far as is known."""
    waited_so_far: float
    """Seconds that this call has waited for the rate limit before."""
    attempts: int
    """Requests that this call has sent so far."""
    model: str | None
    """The model's id, as it was asked for."""
    caused_by: InferenceError | None
    """What the last request ended in; None before the first."""

    @property
    def request_id(self) -> str | None:
        """The API's id of the last request."""
        return self.caused_by.request_id if self.caused_by else None


OnRetry = Callable[[RetryDetails], object]
"""What `on_retry` may be: it is called in the thread or event loop of the call, and returns at once."""
