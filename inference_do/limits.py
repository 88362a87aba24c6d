"""A limit of requests and tokens, which a client keeps to and the emulator enforces."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import ConfigError

__all__ = ["RateLimit", "check_rate_limit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """At most so many requests, tokens or both within any `seconds` seconds.

        Client(rate_limit=RateLimit(requests=120, seconds=60))

    Raises:
        ConfigError: A number is not above 0, or there is neither `requests` nor `tokens`.
    """

    requests: int | None = None
    """Requests; None is no limit."""
    seconds: float = 60.0
    """Seconds that the limit is for."""
    tokens: int | None = None
    """Tokens of requests and answers together; None is no limit."""

    def __post_init__(self) -> None:
        for name in ("requests", "tokens"):
            value = getattr(self, name)
            if value is not None and (not _is_number(value) or value != int(value) or value < 1):
                message = f"rate_limit: {name} must be a whole number from 1 up, not {_shown(value)}"
                raise ConfigError(message)
        if not _is_number(self.seconds) or not 0 < self.seconds < float("inf"):
            message = f"rate_limit: seconds must be a number above 0, not {_shown(self.seconds)}"
            raise ConfigError(message)
        if self.requests is None and self.tokens is None:
            message = "rate_limit: give requests=, tokens= or both, as in RateLimit(requests=120, seconds=60)"
            raise ConfigError(message)


def check_rate_limit(value: object) -> RateLimit | None:
    """Return a limit of the user's if it is one.

    Raises:
        ConfigError: It is something else.
    """
    if value is None or isinstance(value, RateLimit):
        return value
    message = f"rate_limit must be a RateLimit, as in RateLimit(requests=120, seconds=60), not {_shown(value)}"
    raise ConfigError(message)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124  not NaN


def _shown(value: object) -> str:
    """Return how a message shows a wrong value: a text may be a key that was given in the wrong place."""
    return repr(value) if isinstance(value, int | float) else f"a {type(value).__name__}"
