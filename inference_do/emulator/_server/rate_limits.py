"""The rate limits that a response reports; the emulator enforces none of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference_do.emulator._http import HeaderList

LIMITS = (("requests", 120), ("tokens-per-minute", 1_000_000), ("tokens-per-day", 100_000_000))


def limit_headers(used: int) -> HeaderList:
    """Return three headers for each limit, after so many tokens."""
    return tuple(_headers(used))


def _headers(used: int) -> Iterator[tuple[str, str]]:
    reset = str(int(time.time()) + 60)
    for name, limit in LIMITS:
        spent = 1 if name == "requests" else used
        yield f"x-ratelimit-limit-{name}", str(limit)
        yield f"x-ratelimit-remaining-{name}", str(max(0, limit - spent))
        yield f"x-ratelimit-reset-{name}", reset
