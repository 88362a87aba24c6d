"""Whether a failed request may be sent again, and when.

The policy is a frozen value without I/O; clock and chance are given to it, so that tests can hold them still.

What is sent again: anything that fails before a connection stands; `RETRIED_STATUSES`; an answer that broke off
before its first event. What is not: other statuses, quota and balance errors, whatever a stream has begun to deliver.
Where the request was written and no answer came, the API may be generating one that will be billed: such a request is
sent again too, as every SDK does, unless `retry_ambiguous` is off; after a timeout only once.
"""

from __future__ import annotations

import email.utils
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from random import random

from inference_do.errors import APIStatusError, APITimeoutError, InferenceError, QuotaExceededError

RETRIED_STATUSES = frozenset({408, 409, 429, 500, 502, 503, 504, 529, *range(520, 526), 530})
"""520 to 525 and 530 are Cloudflare's, which stands before the API: the origin could not be reached, or fell silent.
https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/"""
TOO_MANY_REQUESTS = 429
CLOCK_SECONDS = 5.0
"""Seconds by which the clocks of two machines may differ before theirs counts in place of ours."""

LIMIT_HEADERS = {
    name: (f"x-ratelimit-limit-{name}", f"x-ratelimit-remaining-{name}", f"x-ratelimit-reset-{name}")
    for name in ("requests", "tokens-per-minute", "tokens-per-day")
}
"""DigitalOcean's rate limits, and in which headers each is stated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How often and how patiently a call is sent again."""

    max_retries: int = 2
    retry_ambiguous: bool = True
    base: float = 0.5
    """Seconds of the first pause; each next one is twice as long."""
    cap: float = 8.0
    """Seconds that a pause of our own never exceeds."""
    hint_cap: float = 60.0
    """Seconds that a server may ask us to wait. If it asks for more, the error is raised at once."""
    chance: Callable[[], float] = field(default=random, repr=False)

    def allows(self, error: InferenceError, *, ambiguous: bool, paced: int = 0) -> bool:
        """Return whether the request that ended in `error` may be sent again, budget and deadline apart.

        Args:
            error: What the last request ended in.
            ambiguous: Whether the API may be working on it.
            paced: How many of the call's requests were refused by a rate limit that said when there is room.
        """
        if not error.retryable or error.attempts - paced > self.max_retries:
            return False
        if not ambiguous:
            return True
        if isinstance(error, APITimeoutError):
            return self.retry_ambiguous and error.attempts - paced == 1
        return self.retry_ambiguous

    def pause(self, error: InferenceError, *, paced: int = 0) -> float | None:
        """Return the seconds to wait before the next attempt, or None if the server asks for more than `hint_cap`.

        Throttling waits at least half of its step, so that retries do not all fall into the same window; other
        failures draw from the whole step.
        """
        hint = error.retry_after if isinstance(error, APIStatusError) else None
        if hint is not None:
            return hint if hint <= self.hint_cap else None
        step: float = min(self.cap, self.base * 2.0 ** min(error.attempts - paced - 1, 60))
        if isinstance(error, APIStatusError) and error.status == TOO_MANY_REQUESTS:
            return step / 2 + self.chance() * step / 2
        return self.chance() * step


class Budget:
    """A client's store of retries, so that an outage is not multiplied: a retry costs 10, a success gives 1 back."""

    def __init__(self, *, size: float = 100.0, cost: float = 10.0, refund: float = 1.0) -> None:
        self._size, self._cost, self._refund = size, cost, refund
        self._left = size
        self._lock = threading.Lock()

    @property
    def left(self) -> float:
        """What is in store."""
        return self._left

    def take(self) -> bool:
        """Pay for a retry; False if the store is too low."""
        with self._lock:
            if self._left < self._cost:
                return False
            self._left -= self._cost
            return True

    def refund(self) -> None:
        """Count a success."""
        if self._left < self._size:
            with self._lock:
                self._left = min(self._size, self._left + self._refund)


def is_retryable(error: APIStatusError, headers: Mapping[str, str]) -> bool:
    """Return whether a status may be retried; `x-should-retry` comes first, a spent quota rules over it."""
    if isinstance(error, QuotaExceededError):
        return False
    match headers.get("x-should-retry", "").lower():
        case "true":
            return True
        case "false":
            return False
        case _:
            return error.status in RETRIED_STATUSES


def wait_hint(headers: Mapping[str, str], *, now: float) -> float | None:
    """Read how many seconds a response asks to wait; None if it does not, or in no readable form.

    Args:
        headers: The response's headers by lower-case name.
        now: Unix time in seconds.
    """
    if (asked := asked_wait(headers, now=now)) is not None:
        return asked
    # DigitalOcean's way: the moment at which a limit that is not known to have room has it again
    waits = [limit.wait for limit in stated_limits(headers, now).values() if not limit.remaining and limit.wait]
    wait = max(waits, default=0.0)
    return wait if wait > 0 else None  # 0, or a second just past, says nothing: our own pause applies


def asked_wait(headers: Mapping[str, str], *, now: float) -> float | None:
    """Read the seconds of `Retry-After` or `retry-after-ms`."""
    if (milliseconds := read_number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "")
    if (seconds := read_number(value)) is not None:
        return seconds
    if (date := _date(value)) is not None:
        return max(0.0, date - now)
    return None


def server_time(headers: Mapping[str, str], now: float) -> float:
    """Return the server's Unix time: ours, unless its `Date` is further from it than `CLOCK_SECONDS`."""
    date = _date(headers["date"]) if "date" in headers else None
    return now if date is None or abs(date - now) <= CLOCK_SECONDS else date


@dataclass(frozen=True, slots=True)
class StatedLimit:
    """One limit as a response states it."""

    limit: float | None
    remaining: float
    wait: float | None
    """Seconds until there is room again, None if that is not stated; below 0 for a moment that has passed."""
    is_rounded: bool


def stated_limits(headers: Mapping[str, str], now: float) -> dict[str, StatedLimit]:
    """Read the limits that a response states; what cannot be read is left out.

    Args:
        headers: By lower-case name.
        now: Unix time of this machine.
    """
    found: dict[str, StatedLimit] = {}
    server_now: float | None = None
    for name, (limit_header, remaining_header, reset_header) in LIMIT_HEADERS.items():
        reset_text = headers.get(reset_header) or ""
        remaining, reset = read_number(headers.get(remaining_header)), read_number(reset_text)
        if remaining is None and reset is None:
            continue
        limit = read_number(headers.get(limit_header))
        if reset and server_now is None:
            server_now = server_time(headers, now)
        wait = reset - server_now if reset and server_now is not None else None
        found[name] = StatedLimit(limit or None, remaining or 0.0, wait, "." not in reset_text)
    return found


def read_number(text: str | None) -> float | None:
    """Read a number of a header; None if it is not one."""
    if text is None or not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?", text.strip(" \t"), re.ASCII):
        return None
    return float(text)


def _date(text: str) -> float | None:
    try:
        date = email.utils.parsedate_to_datetime(text)
        return (
            date if date.tzinfo else date.replace(tzinfo=UTC)
        ).timestamp()  # HTTP's dates are UTC, also without a zone
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None
