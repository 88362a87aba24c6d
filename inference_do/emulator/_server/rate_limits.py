"""The rate limits that responses report, and the one that `Emulator(rate_limit=…)` enforces.

A limit is of a key and a model. Room comes back continuously, as the API's does: `reset` is the Unix second, rounded
up, at which there is room for a request again, 0 if there is now. A refusal has the three headers of what is used up
and no `Retry-After`. Tokens are counted when the answer is known, so that one answer can take more than is left.
Source: https://docs.digitalocean.com/reference/quota-specific-response-headers/
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from inference_do.emulator._http import Refusal

if TYPE_CHECKING:
    from inference_do.emulator._http import HeaderList, ServerResponse
    from inference_do.limits import RateLimit

REQUESTS, TOKENS, TOKENS_OF_DAY = "requests", "tokens-per-minute", "tokens-per-day"
UNLIMITED = {REQUESTS: 1_000_000, TOKENS: 100_000_000, TOKENS_OF_DAY: 10_000_000_000}
"""What is reported where no limit is enforced."""

MOST = 1_000
"""Accounts whose use is remembered; the oldest are forgotten first."""

Account = tuple[str, str]
"""A key and a model."""


@dataclass(slots=True)
class LimitLevel:
    """What is left of one limit, and when it was so much."""

    limit: int
    left: float
    at: float


@dataclass(slots=True, kw_only=True)
class RateLimits:
    """The limits of every account.

    Args:
        enforced: The limit; None to enforce none.
        now: Returns the Unix time.
    """

    enforced: RateLimit | None = None
    now: Callable[[], float] = time.time
    _levels: dict[Account, dict[str, LimitLevel]] = field(default_factory=dict, init=False)

    def admit(self, account: Account) -> None:
        """Take a request's place.

        Raises:
            Refusal: 429: there is no room.
        """
        levels = self._levels_of(account)
        for name, level in levels.items():
            if level.left < (1 if name == REQUESTS else 0):
                message = f"Rate limit exceeded: {name.replace('-', '_')}."
                raise Refusal(429, message, "rate_limit_error", headers=self._headers(name, level))
        if (requests := levels.get(REQUESTS)) is not None:
            requests.left -= 1

    def reported(self, response: ServerResponse, account: Account | None = None) -> ServerResponse:
        """Return a response with the limits as it leaves them."""
        if response.tokens is None:
            return response
        levels = {} if account is None else self._levels_of(account)
        if (tokens := levels.get(TOKENS)) is not None:
            tokens.left -= response.tokens
        headers: HeaderList = ()
        for name, limit in UNLIMITED.items():
            spent = 1 if name == REQUESTS else response.tokens
            headers += self._headers(name, levels.get(name) or LimitLevel(limit, limit - spent, self.now()))
        return replace(response, headers=(*response.headers, *headers))

    def clear(self) -> None:
        """Forget what was used."""
        self._levels.clear()

    def set(self, limit: RateLimit | None) -> None:
        """Enforce another limit, or none, from now on; what was used of the one before is forgotten."""
        self.enforced = limit
        self.clear()

    def left(self) -> list[dict[str, Any]]:
        """Return what is left now of each limit that somebody used, without keys."""
        return [
            {"model": model, "name": name, "limit": level.limit, "left": max(0, int(level.left))}
            for key, model in list(self._levels)
            for name, level in self._levels_of((key, model)).items()
        ]

    def _levels_of(self, account: Account) -> dict[str, LimitLevel]:
        """Return what is left now of the limits that are enforced."""
        if self.enforced is None:
            return {}
        now, limits = self.now(), {REQUESTS: self.enforced.requests, TOKENS: self.enforced.tokens}
        while len(self._levels) >= MOST and account not in self._levels:
            del self._levels[next(iter(self._levels))]
        levels = self._levels.setdefault(
            account, {name: LimitLevel(limit, limit, now) for name, limit in limits.items() if limit is not None}
        )
        for level in levels.values():
            level.left = min(level.limit, level.left + max(0.0, now - level.at) * self._per_second(level))
            level.at = now
        return levels

    def _per_second(self, level: LimitLevel) -> float:
        return level.limit / self.enforced.seconds if self.enforced else 0.0

    def _headers(self, name: str, level: LimitLevel) -> HeaderList:
        missing = 1 - level.left
        reset = 0 if self.enforced else int(level.at) + 60
        if missing > 0 and self.enforced is not None:
            reset = math.ceil(level.at + missing / self._per_second(level))
        values = {"limit": level.limit, "remaining": max(0, int(level.left)), "reset": reset}
        return tuple((f"x-ratelimit-{part}-{name}", str(value)) for part, value in values.items())
