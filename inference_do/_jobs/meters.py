"""What one row used: the calls of the client inside it report to its meter, whatever stands between."""

from __future__ import annotations

import time
from typing import Any

from inference_do.models import model_info
from inference_do.pricing import Tokens, estimate_cost

__all__ = ["Meter"]


class Meter:
    """The tokens, the cost and the waits of one row; a row may make several calls, in several threads."""

    __slots__ = ("_before", "_calls", "_waits", "waiting_until")

    def __init__(self) -> None:
        self._calls: list[tuple[str, Tokens | None]] = []
        self._waits: list[float] = []
        self._before = 0
        self.waiting_until = 0.0
        """When the last wait ends, by `time.monotonic`."""

    def begin(self) -> None:
        """Take note that the row is asked, perhaps again."""
        self._before = len(self._calls)
        self._waits.clear()

    def on_usage(self, asked: str, answered: str, usage: Any) -> None:
        """Take an answer's usage; see `CallObserver`."""
        if asked or answered:
            is_known = bool(answered) and (not asked or model_info(answered).is_known)
            self._calls.append((answered if is_known else asked, None if usage is None else Tokens.of(usage)))

    def on_wait(self, seconds: float) -> None:
        """Take note of a wait for a rate limit."""
        self._waits.append(seconds)
        self.waiting_until = time.monotonic() + seconds

    def add(self, model: str | None, tokens: Tokens | None) -> None:
        """Take what a result says of itself, if no call was seen: it was made by another client."""
        if len(self._calls) == self._before and tokens is not None:
            self._calls.append((model or "", tokens))

    @property
    def model(self) -> str | None:
        """The model that answered last."""
        return self._calls[-1][0] or None if self._calls else None

    @property
    def tokens(self) -> Tokens | None:
        """All tokens; None if none are known."""
        known = [tokens for _, tokens in self._calls if tokens is not None]
        return sum(known, Tokens()) if known else None

    @property
    def cost(self) -> float | None:
        """All US dollars; None if that of an answer is not known."""
        totals = [estimate_cost(model, tokens).total for model, tokens in self._calls]
        return sum(total for total in totals if total is not None) if totals and None not in totals else None

    @property
    def new_calls(self) -> list[tuple[str, Tokens | None]]:
        """The model and the tokens of each answer since the row was asked last."""
        return self._calls[self._before :]

    @property
    def waited(self) -> float:
        """Seconds in waits for rate limits since the row was asked last."""
        return sum(self._waits)
