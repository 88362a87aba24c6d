"""Where telemetry is told of calls. Without it, a call costs one attribute look-up here.

`inference_do.telemetry.instrument()` puts its object into `INSTALLED`; nothing of OpenTelemetry is imported before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Protocol

__all__ = ["INSTALLED", "CallTelemetry", "Telemetry", "has_span_elsewhere", "with_span_elsewhere"]


class CallTelemetry(Protocol):
    """Is told of one call, whatever its attempts. None of its methods raises."""

    def begin(self) -> None:
        """Begin: the call is about to send its first request, or to wait until it may."""

    def headers(self) -> dict[str, str]:
        """Return the headers that carry the trace on, for one attempt."""

    def scope(self) -> AbstractContextManager[Any]:
        """Make the call's span the current one, for one attempt, until the context that is returned is left."""

    def chunk(self) -> None:
        """Take note of a chunk that is handed out."""

    def end(self, answer: Callable[[], Any], failure: BaseException | None, *, attempts: int, info: Any) -> None:
        """End.

        Args:
            answer: Returns what the call returns, or as much of it as came; None if nothing did.
            failure: What the call ended in; None if it was answered, or a stream was closed.
            attempts: Requests that were sent.
            info: The last response's side of HTTP, a `ResponseInfo`, if there was one.
        """


class Telemetry(Protocol):
    """Makes what is told of calls."""

    def of_call(self, path: str, body: Mapping[str, Any], *, api: str | None, base_url: str) -> CallTelemetry | None:
        """Return what is to be told of a call.

        Args:
            path: What follows the base URL.
            body: The request's fields; a chat's in the form of chat completions.
            api: Which API a chat takes, `agent` for an agent's; None where the body is sent as it was given.
            base_url: Where it goes.
        """


class _Installed:
    """The telemetry of this process."""

    __slots__ = ("telemetry",)

    def __init__(self) -> None:
        self.telemetry: Telemetry | None = None


INSTALLED = _Installed()
"""Module state, the only one of its kind: instrumentations are of a process, as OpenTelemetry's providers are."""

_ELSEWHERE: ContextVar[bool] = ContextVar("inference_do_span_elsewhere", default=False)


def has_span_elsewhere() -> bool:
    """Return whether something else makes the span of a call that is made now."""
    return _ELSEWHERE.get()


def with_span_elsewhere(*, found: bool) -> AbstractContextManager[None]:
    """Return a context whose calls get no span, if something else makes it and does not say so in the context.

    Args:
        found: Whether there is such a thing.
    """
    return _marked() if found else _UNMARKED


_UNMARKED = nullcontext()


@contextmanager
def _marked() -> Iterator[None]:
    token = _ELSEWHERE.set(True)
    try:
        yield
    finally:
        _ELSEWHERE.reset(token)
