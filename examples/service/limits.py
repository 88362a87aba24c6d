"""What one process of the service takes on."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a process; each can be set by the environment, as in SERVICE_STREAMS=20."""

    streams: int = 100
    """Answers that are made at once; a further request gets 503."""
    question: int = 4_000
    """Characters of a question."""
    seconds: float = 120.0
    """Seconds for an answer, from the request to its end."""
    head_seconds: float = 10.0
    """Seconds that the response's status waits for the first text. Until then a failure has a status of its own."""
    ping_seconds: float = 15.0
    """Seconds of silence after which a comment is sent, so that no proxy takes the connection for dead."""
    rate_limit_wait: float = 5.0
    """Seconds that an answer waits for the API's rate limit."""

    @classmethod
    def from_environment(cls) -> Self:
        """Return the defaults, but for what the environment sets."""
        given = {field.name: os.environ.get(f"SERVICE_{field.name.upper()}") for field in fields(cls)}
        values: dict[str, Any] = {name: type(DEFAULTS[name])(value) for name, value in given.items() if value}
        return cls(**values)


DEFAULTS = asdict(Limits())
