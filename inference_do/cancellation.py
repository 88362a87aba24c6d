"""`CancelScope`: end calls from another thread, whatever stands between them and the client.

A chain or a query engine hands out plain generators, which no other thread can close while they are read. A scope
reaches the calls below them.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, copy_context
from typing import ParamSpec, Protocol, TypeVar

from .errors import ConfigError

__all__ = ["CancelScope"]

P = ParamSpec("P")
R = TypeVar("R")


class Cancellable(Protocol):
    """What a scope can end: a call."""

    def cancel(self) -> None:
        """End what is under way, from any thread, and refuse what comes."""


class CancelScope:
    """Calls that are ended together, from any thread.

        scope = CancelScope()
        chunks = chain.stream(question)
        first = scope.run(next, chunks)  # in one thread
        scope.cancel()  # in another one

    A call belongs to every scope that it begins in, also in threads and tasks that get a copy of the context, as
    LangChain, LlamaIndex, anyio and `asyncio.to_thread` give it. A signal's handler may cancel a scope. With an
    `httpx.Client` of the caller's a wait for more of a response ends when something comes, or with its timeout.
    """

    def __init__(self) -> None:
        self._calls: weakref.WeakSet[Cancellable] = weakref.WeakSet()
        self._lock = threading.RLock()  # a signal's handler may run in the thread that holds it
        self._is_cancelled = False

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._is_cancelled

    def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what the function returns; the calls that begin in it belong to the scope.

        Args:
            function: Called at once, in this thread. For a generator it is `next`: its code runs in there. For a
                coroutine it is `asyncio.create_task`.
            *args: Its arguments.
            **kwargs: Its keyword arguments.

        Raises:
            ConfigError: The function returned a coroutine, whose code would run outside of the scope.
        """

        def inside() -> R:
            if self not in (outer := _SCOPES.get()):
                _SCOPES.set((*outer, self))
            return function(*args, **kwargs)

        made = copy_context().run(inside)
        if isinstance(made, Coroutine):
            made.close()
            message = (
                "scope.run() got a coroutine, whose code runs where it is awaited, outside of the scope: "
                "await scope.run(asyncio.create_task, coroutine), or cancel the task that awaits it"
            )
            raise ConfigError(message)
        return made

    def cancel(self) -> None:
        """End what is under way, and what begins later, as soon as it does; the API sees its connections close.

        A stream that is read raises `StreamInterrupted`, any other call `APIConnectionError`. Nothing is sent again.
        """
        with self._lock:
            self._is_cancelled = True
            calls = list(self._calls)
        for call in calls:
            call.cancel()

    def add(self, call: Cancellable) -> None:
        """Let a call be ended with the scope; at once, if that was cancelled."""
        with self._lock:
            self._calls.add(call)
            is_cancelled = self._is_cancelled
        if is_cancelled:
            call.cancel()


_SCOPES: ContextVar[tuple[CancelScope, ...]] = ContextVar("inference_do_cancel_scopes", default=())


def enter_scopes(call: Cancellable) -> None:
    """Add a call to the scopes that it begins in."""
    for scope in _SCOPES.get():
        scope.add(call)
