"""What `on_retry` is called with: a wait before a request is sent again, or until a rate limit has room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .errors import InferenceError

__all__ = ["OnRetry", "RetryDetails"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDetails:
    """One wait of a call. `on_retry` is called with it before the wait begins."""

    reason: Literal["retry", "rate_limit"]
    """`retry`: after a failure; `max_retries` counts it. `rate_limit`: until the limit has room; it does not count."""
    wait_for: float
    """Seconds of this wait, as far as they are known."""
    waited_so_far: float
    """Seconds that this call has waited for the rate limit before this wait."""
    attempts: int
    """Requests that this call has sent so far."""
    model: str | None
    """The model's id of the request; None where it has none."""
    caused_by: InferenceError | None
    """The error of the last request; None where no request was sent yet."""

    @property
    def request_id(self) -> str | None:
        """The API's `x-request-id` of the last response."""
        return self.caused_by.request_id if self.caused_by else None


OnRetry = Callable[[RetryDetails], object]
"""A function for `on_retry`. It is called in the thread or event loop of the call, and must return at once."""
