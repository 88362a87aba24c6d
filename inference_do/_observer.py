"""What a call reports while it is made, to whoever observes the calls of a thread or a task: its usage and its waits.

A job sets an observer around each of its rows, so that it knows what they cost whatever stands between the row and the
client: a chain, a program, an agent, a function. Without an observer a report costs one look-up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

__all__ = ["CallObserver", "observed", "report_usage", "report_wait"]


class CallObserver(Protocol):
    """Hears of the calls that are made inside `observed()`, in whatever thread they run."""

    def on_usage(self, asked: str, answered: str, usage: Any) -> None:
        """Take the usage of an answer.

        Args:
            asked: The model that was asked for.
            answered: The model that the answer names, which may be empty.
            usage: The answer's usage, as an object or as it came; None if it came without.
        """

    def on_wait(self, seconds: float) -> None:
        """Take note that the call waits for a rate limit, for so long."""


_OBSERVER: ContextVar[CallObserver | None] = ContextVar("inference_do_observer", default=None)


@contextmanager
def observed(observer: CallObserver) -> Iterator[None]:
    """Report the calls of this context, and of those copied from it, to an observer."""
    token = _OBSERVER.set(observer)
    try:
        yield
    finally:
        _OBSERVER.reset(token)


def report_usage(asked: str | None, answered: Any, usage: Any) -> None:
    """Report what an answer used.

    Args:
        asked: The model that was asked for.
        answered: The model that the answer names.
        usage: The answer's usage.
    """
    if (observer := _OBSERVER.get()) is not None:
        observer.on_usage(asked or "", answered if isinstance(answered, str) else "", usage)


def report_wait(seconds: float) -> None:
    """Report that a call is about to wait for a rate limit."""
    if (observer := _OBSERVER.get()) is not None:
        observer.on_wait(seconds)
