"""How much an answer may cost: one thread answers everybody, and no request may keep it.

A request's answer is made with one `Effort`, which counts the values that are made, their size and the processor's
time. It is a context variable, because the rules that make an answer call each other in many ways.
"""

from __future__ import annotations

import time
from contextvars import ContextVar

__all__ = ["LONGEST", "Unanswerable", "begin", "spend"]

MOST_VALUES = 5_000
LONGEST = 100_000
"""Characters of a text, or items of an array, that a schema may ask for."""
SECONDS = 1.0
"""Of the processor, for one answer."""


class Unanswerable(ValueError):  # noqa: N818  it is the API's answer, not a defect
    """A request whose answer would take too much, or whose schema cannot be followed."""


class Effort:
    """What the making of one answer has cost."""

    def __init__(self) -> None:
        self._values = self._size = 0
        self._ends = time.thread_time() + SECONDS

    def spend(self, size: int) -> None:
        """Count one value, or one step of a search."""
        self._values += 1
        self._size += size
        if size > LONGEST or self._size > LONGEST:
            msg = f"the schema asks for a text or array of more than {LONGEST:,} characters or items"
            raise Unanswerable(msg)
        if self._values > MOST_VALUES:
            msg = f"the schema asks for more than {MOST_VALUES:,} values"
            raise Unanswerable(msg)
        if time.thread_time() > self._ends:
            msg = f"the answer takes more than {SECONDS:g} s of the processor"
            raise Unanswerable(msg)


_CURRENT: ContextVar[Effort | None] = ContextVar("effort", default=None)


def begin() -> None:
    """Begin another answer."""
    _CURRENT.set(Effort())


def spend(size: int = 0) -> None:
    """Count one value of so many characters or items.

    Raises:
        Unanswerable: The answer takes too much.
    """
    effort = _CURRENT.get()
    if effort is not None:
        effort.spend(size)
