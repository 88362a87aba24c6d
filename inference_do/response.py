"""The HTTP side of a response: how an answer came, and what its headers report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["LimitState", "ResponseInfo"]


LONGEST_COUNT = 18
"""Digits of a count that means something; Python reads no more than 4,300."""


class LimitState(NamedTuple):
    """One of the account's limits, as it stood when a response was made."""

    limit: int
    remaining: int
    reset: int | None
    """Unix seconds when there will be room again; 0 if there is now."""


class ResponseInfo(NamedTuple):
    """How an answer came: the HTTP side of a response."""

    status: int
    headers: Mapping[str, str]
    """Reply headers by their lower-case names."""
    attempts: int
    """Requests sent for this call, 1 if the first was answered."""
    api: str | None = None
    """Which API a chat request took: `chat_completions`, `responses` or `messages`."""

    @property
    def request_id(self) -> str | None:
        """The API's `x-request-id`."""
        return self.headers.get("x-request-id")

    @property
    def route(self) -> str | None:
        """The task that a router matched; the model that it chose is the answer's `model`."""
        return self.headers.get("x-model-router-selected-route")

    @property
    def limits(self) -> dict[str, LimitState]:
        """The account's rate limits, by `requests`, `tokens-per-minute`, `tokens-per-day`; empty without headers."""
        found: dict[str, LimitState] = {}
        for name in ("requests", "tokens-per-minute", "tokens-per-day"):
            limit, remaining, reset = (
                self.headers.get(f"x-ratelimit-{part}-{name}", "") for part in ("limit", "remaining", "reset")
            )
            if _is_count(limit) and _is_count(remaining):
                found[name] = LimitState(int(limit), int(remaining), int(reset) if _is_count(reset) else None)
        return found


def _is_count(text: str) -> bool:
    return text.isdecimal() and len(text) <= LONGEST_COUNT
