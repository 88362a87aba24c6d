"""The two functions that perform what a flow asks for: one in a thread, one in an event loop.

They differ in `await` and in nothing else. A driver is itself a generator: it hands on the flow's results, and when it
is closed, by `break`, `close()`, cancellation or the garbage collector, it closes the flow and the response.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any, Protocol

from inference_do.errors import InferenceError

from .call import Command, Disconnected, Head, Read, Release, Send, Sleep, TimedOut
from .pacing import Turn


class Performs(Protocol):
    """Requests of one call, sent one after another; fails with `Disconnected` or `TimedOut` only."""

    def send(self, command: Send) -> Head:
        """Send the request and return the response's head."""

    def read(self, timeout: float | None) -> bytes:
        """Return more of the response's body, nothing at its end."""

    def sleep(self, seconds: float, turn: Turn | None) -> None:
        """Wait before the next attempt; less if `turn` is woken."""

    def release(self) -> None:
        """Release the response, if there is one."""


class PerformsAsync(Protocol):
    """The same for an event loop."""

    async def send(self, command: Send) -> Head:
        """Send the request and return the response's head."""

    async def read(self, timeout: float | None) -> bytes:  # noqa: ASYNC109  the driver's caller sets it
        """Return more of the response's body, nothing at its end."""

    async def sleep(self, seconds: float, turn: Turn | None) -> None:
        """Wait before the next attempt; less if `turn` is woken."""

    async def release(self) -> None:
        """Release the response, if there is one."""


def drive(flow: Generator[Any, Any, None], exchange: Performs) -> Generator[Any, None, None]:
    """Perform a flow in this thread; yields its results."""
    response: Head | bytes | None = None
    failure: Disconnected | TimedOut | None = None
    try:
        while True:
            try:
                command = flow.send(response) if failure is None else flow.throw(failure)
            except StopIteration:
                return
            except InferenceError as error:  # without the flow's frames: a server may have repeated the key
                response = None
                raise error.with_traceback(None)  # noqa: B904  it is the same error
            response = failure = None
            if not isinstance(command, Command):
                yield command
                continue
            try:
                match command:
                    case Read():
                        response = exchange.read(command.timeout)
                    case Send():
                        response = exchange.send(command)
                    case Sleep():
                        exchange.sleep(command.seconds, command.turn)
                    case Release():
                        exchange.release()
            except (Disconnected, TimedOut) as marker:
                failure = marker
    finally:
        flow.close()
        exchange.release()


async def adrive(flow: Generator[Any, Any, None], exchange: PerformsAsync) -> AsyncGenerator[Any, None]:
    """Perform a flow in the running event loop; yields its results."""
    response: Head | bytes | None = None
    failure: Disconnected | TimedOut | None = None
    try:
        while True:
            try:
                command = flow.send(response) if failure is None else flow.throw(failure)
            except StopIteration:
                return
            except InferenceError as error:  # without the flow's frames: a server may have repeated the key
                response = None
                raise error.with_traceback(None)  # noqa: B904  it is the same error
            response = failure = None
            if not isinstance(command, Command):
                yield command
                continue
            try:
                match command:
                    case Read():
                        response = await exchange.read(command.timeout)
                    case Send():
                        response = await exchange.send(command)
                    case Sleep():
                        await exchange.sleep(command.seconds, command.turn)
                    case Release():
                        await exchange.release()
            except (Disconnected, TimedOut) as marker:
                failure = marker
    finally:
        flow.close()
        await exchange.release()
