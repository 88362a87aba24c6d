"""`CancelScope`: end calls from another thread, whatever stands between them and the client.

A chain or a query engine hands out plain generators, which no other thread can close while they are read. A scope
reaches the calls below them.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import ParamSpec, Protocol, TypeVar

__all__ = ["CancelScope"]

P = ParamSpec("P")
R = TypeVar("R")


class Interruptible(Protocol):
    """What a scope can end: a call, or a scope inside of it."""

    def interrupt(self) -> None:
        """End what is under way, from any thread, and refuse what comes."""


class CancelScope:
    """Calls that are ended together, from any thread.

        scope = CancelScope()
        chunks = chain.stream(question)
        first = scope.run(next, chunks)  # in one thread
        scope.cancel()  # in another one

    A call belongs to the scope that it begins in, also in threads and tasks that get a copy of its context, as
    LangChain, LlamaIndex, anyio and `asyncio.to_thread` give it. With an `httpx.Client` of the caller's a wait for more
    of a response ends when something comes, or with its timeout.
    """

    def __init__(self) -> None:
        self._calls: weakref.WeakSet[Interruptible] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._is_cancelled = False

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._is_cancelled

    def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what the function returns; the calls that begin in it belong to the scope.

        Args:
            function: Called at once, in this thread. For a generator it is `next`: its code runs in there.
            *args: Its arguments.
            **kwargs: Its keyword arguments.
        """

        def inside() -> R:
            if (outer := _SCOPE.get()) is not None and outer is not self:
                outer.add(self)
            _SCOPE.set(self)
            return function(*args, **kwargs)

        return copy_context().run(inside)

    def cancel(self) -> None:
        """End what is under way, and what begins later, as soon as it does; the API sees its connections close.

        A stream that is read raises `StreamInterrupted`, any other call `APIConnectionError`. Nothing is sent again.
        """
        with self._lock:
            self._is_cancelled = True
            calls = list(self._calls)
        for call in calls:
            call.interrupt()

    interrupt = cancel

    def add(self, call: Interruptible) -> None:
        """Let a call be ended with the scope; at once, if that was cancelled."""
        with self._lock:
            self._calls.add(call)
            is_cancelled = self._is_cancelled
        if is_cancelled:
            call.interrupt()


_SCOPE: ContextVar[CancelScope | None] = ContextVar("inference_do_cancel_scope", default=None)


def enter_scope(call: Interruptible) -> None:
    """Add a call to the scope that it begins in, if there is one."""
    if (scope := _SCOPE.get()) is not None:
        scope.add(call)
