"""A flow that is watched, for telemetry and for the log's line about each call.

It stands between a flow and its driver, only where somebody watches, and sees all that the two say to each other: so
it is written once for whole answers and streams, threads and event loops, and a flow that nobody watches costs nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from dataclasses import replace
from typing import Any, Protocol

from .call import LOGGER, Call, Command, Disconnected, Head, Read, Send, TimedOut

Flow = Generator[Any, Any, None]


class PartialAnswer(Protocol):
    """What has come of a stream."""

    usage: dict[str, Any] | None

    @property
    def has_begun(self) -> bool:
        """Whether some part of an answer has come."""

    def completion(self) -> Any:
        """Return it as an answer."""


def watched(call: Call, flow: Flow, stream: PartialAnswer | None = None, *, has_many: bool = False) -> Flow:
    """Return a flow as it is, or under watch if there are telemetry or a log that wants every call.

    Args:
        call: The call.
        flow: Its flow.
        stream: What takes the chunks of a streamed answer.
        has_many: Whether the flow hands out more than one result, although there is no such thing.
    """
    if call.telemetry is None and not LOGGER.isEnabledFor(logging.DEBUG):
        return flow
    return _watch(call, flow, stream, has_one=stream is None and not has_many)


def _watch(call: Call, flow: Flow, stream: PartialAnswer | None, *, has_one: bool) -> Flow:
    """Hand on what a flow and its driver say to each other; whatever ends the flow ends the record, once."""
    record = _Record(call, stream, has_one=has_one)
    answer: Any = None
    failure: Disconnected | TimedOut | None = None
    try:
        while True:
            step = flow.send(answer) if failure is None else flow.throw(failure)
            answer = failure = None
            if not isinstance(step, Command):
                record.result(step)
            elif isinstance(step, Send):
                step = replace(step, telemetry=call.telemetry)
            try:
                answer = yield step
            except (Disconnected, TimedOut) as marker:
                failure = marker
            else:
                record.answered(step, answer)
    except StopIteration:
        record.end(None)
    except GeneratorExit as closing:  # by `break`, `close()`, the garbage collector, or what ended the driver
        flow.close()
        cause = closing.__context__
        record.end(None if isinstance(cause, GeneratorExit) or record.whole is not None else cause, is_closed=True)
        raise
    except BaseException as error:
        record.end(error)
        raise


class _Record:
    """What is known of a call that is watched."""

    def __init__(self, call: Call, stream: PartialAnswer | None, *, has_one: bool) -> None:
        self._call, self._stream, self._has_one = call, stream, has_one
        self.whole: Any = None
        """What the call returns, if it is one thing."""
        self._started = call.clock()
        self._head: float | None = None
        self._first: float | None = None
        self._size = 0
        if call.telemetry is not None:
            call.telemetry.begin()

    def answered(self, step: Any, answer: Any) -> None:
        """Take what the driver answered a step with."""
        if isinstance(step, Read):
            self._size += len(answer)
        elif isinstance(answer, Head):
            self._head = self._call.clock() - self._started

    def result(self, result: Any) -> None:
        """Take what the flow hands out."""
        if self._has_one:
            self.whole = result
            return
        if self._first is None:
            self._first = self._call.clock() - self._started
        if self._call.telemetry is not None:
            self._call.telemetry.chunk()

    def end(self, failure: BaseException | None, *, is_closed: bool = False) -> None:
        """Report the end of the call."""
        call = self._call
        if call.telemetry is not None:
            call.telemetry.end(self._answer, failure, attempts=call.attempts, info=call.info)
        if LOGGER.isEnabledFor(logging.DEBUG):
            self._log(failure, is_closed=is_closed)

    def _answer(self) -> Any:
        if self._stream is not None and self._stream.has_begun:
            return self._stream.completion()
        return self.whole

    def _log(self, failure: BaseException | None, *, is_closed: bool) -> None:
        """Write the line about the call: numbers and names, nothing of what was said."""
        call = self._call
        usage = self._stream.usage if self._stream is not None else getattr(self.whole, "usage", None)
        if failure is not None:
            outcome = f"failed with {type(failure).__name__}"
        else:
            outcome = "closed early" if is_closed and self.whole is None and not call.is_complete else "answered"
        LOGGER.debug(
            "%s %s: model %s, attempts %d, head after %s, first token after %s, end after %s, tokens in %s, out %s, "
            "%d bytes, request id %s",
            call.api or call.for_log(call.path),
            outcome,
            call.for_log(call.model),
            call.attempts,
            _seconds(self._head),
            _seconds(self._first),
            _seconds(call.clock() - self._started),
            _count(usage, "prompt_tokens"),
            _count(usage, "completion_tokens"),
            self._size,
            call.request_id or "-",
        )


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f} s"


def _count(usage: Any, name: str) -> Any:
    value = usage.get(name) if isinstance(usage, dict) else getattr(usage, name, None)
    return "-" if value is None else value
