"""A clock that a test sets, for what takes hours."""

from __future__ import annotations

__all__ = ["Clock"]


class Clock:
    """Stands still until it is moved; calling it gives Unix seconds. `Emulator(clock=Clock())`."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now

    def __call__(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move on."""
        if seconds < 0:
            msg = f"a clock goes forward only, not by {seconds!r}"
            raise ValueError(msg)
        self._now += seconds
