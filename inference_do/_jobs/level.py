"""How many rows are asked at once: more while calls succeed, fewer where the API has no room.

As TCP finds its window: doubled in each round until the first sign that it is too many, then one more a round; a sign
takes away three tenths, at most once a round. A round is as many rows as are asked at once.
Signs are a refusal by a rate limit, an API that is down or overloaded, and a row that spent more than half of its time
waiting for a limit. Where rows take twice as long as at their best, more at once would only wait in the API: it stays.
"""

from __future__ import annotations

__all__ = ["Level"]

START = 4
LESS = 0.7
WAITED = 0.5
"""The part of a row's time in waits for limits from which on there are too many at once."""
SLOWER = 2.0
"""How many times as long as at its best a round may take before the level stops growing."""
DRIFT = 1.02
"""How much the best may rise in a round: later rows may be longer ones."""


class Level:
    """How many rows may be asked at once.

    Args:
        most: Never more than this.
        fixed: Always this many, whatever happens.
    """

    def __init__(self, most: int, *, fixed: bool = False) -> None:
        self._most = most
        self._is_fixed = fixed
        self._now = float(most if fixed else min(START, most))
        self._is_doubling = True
        self._lowered = float("-inf")
        self._best: float | None = None
        self._rows, self._round = 0, self.limit
        self._seconds = 0.0
        self._is_slow = False

    @property
    def limit(self) -> int:
        """How many."""
        return int(self._now)

    def succeeded(self, *, started: float, seconds: float, waited: float, now: float) -> None:
        """Take note of a row that was answered.

        Args:
            started: When it was asked.
            seconds: How long it took.
            waited: How much of that it waited for rate limits.
            now: The time, by the same clock as `started`.
        """
        if seconds and waited > WAITED * seconds:
            self.congested(started=started, now=now)
            return
        self._measure(seconds - waited)
        if not self._is_fixed and not self._is_slow:
            self._now = min(self._most, self._now + (1 if self._is_doubling else 1 / self._now))

    def congested(self, *, started: float, now: float) -> None:
        """Take note of a sign that there are too many; of those asked before the last one was heeded, nothing."""
        if not self._is_fixed and started >= self._lowered:
            self._now = max(1.0, self._now * LESS)
            self._lowered = now
            self._is_doubling = False

    def _measure(self, seconds: float) -> None:
        self._rows += 1
        self._seconds += seconds
        if self._rows < self._round:
            return
        mean = self._seconds / self._rows
        self._best = mean if self._best is None else min(mean, self._best * DRIFT)
        self._is_slow = mean > SLOWER * self._best
        self._rows, self._seconds, self._round = 0, 0.0, self.limit
