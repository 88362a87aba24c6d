"""The two drivers, with exchanges and flows that are a few lines each."""

from __future__ import annotations

import asyncio
import gc
import time
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from inference_do._protocol.call import Disconnected, Head, Read, Release, Send, Sleep, TimedOut
from inference_do._protocol.drive import adrive, drive
from inference_do.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterator

SEND = Send(connect=1, pool=2, write=3, read=4)
HEAD = Head(200, {})


class Exchange:
    """Does what it is asked and records it."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.log: list[Any] = []

    def send(self, command: Send) -> Head:
        self.log.append(command)
        return self._answer("send", HEAD)

    def read(self, timeout: float | None) -> bytes:
        self.log.append(timeout)
        return self._answer("read", b"x")

    def sleep(self, seconds: float, turn: object = None) -> None:
        self.log.append(("sleep", seconds))
        if self.answers.get("sleep") == "never":
            return
        self._answer("sleep", None)

    def release(self) -> None:
        self.log.append("release")

    def _answer(self, what: str, usual: Any) -> Any:
        answer = self.answers.get(what, usual)
        if isinstance(answer, BaseException):
            raise answer
        return answer


class AsyncExchange(Exchange):
    async def send(self, command: Send) -> Head:  # type: ignore[override]
        return super().send(command)

    async def read(self, timeout: float | None) -> bytes:  # type: ignore[override]  # noqa: ASYNC109
        if self.answers.get("read") == "never":
            await asyncio.Event().wait()
        return super().read(timeout)

    async def sleep(self, seconds: float, turn: object = None) -> None:  # type: ignore[override]
        if self.answers.get("sleep") == "never":
            await asyncio.Event().wait()
        super().sleep(seconds, turn)

    async def release(self) -> None:  # type: ignore[override]
        super().release()


def run_sync(flow: Generator[Any, Any, None], **answers: Any) -> tuple[list[Any], list[Any]]:
    exchange = Exchange(**answers)
    return list(drive(flow, exchange)), exchange.log


def run_async(flow: Generator[Any, Any, None], **answers: Any) -> tuple[list[Any], list[Any]]:
    exchange = AsyncExchange(**answers)

    async def results() -> list[Any]:
        return [result async for result in adrive(flow, exchange)]

    return asyncio.run(results()), exchange.log


both = pytest.mark.parametrize("run", [run_sync, run_async])


@both
def test_commands_are_performed_and_answered(run):
    heard = []

    def flow() -> Iterator[Any]:
        heard.append((yield SEND))
        heard.append((yield Read(7.0)))
        heard.append((yield "result"))
        heard.append((yield Release()))

    results, log = run(flow())
    assert heard == [HEAD, b"x", None, None]
    assert results == ["result"]
    assert log == [SEND, 7.0, "release", "release"]


@both
def test_a_pause_is_the_exchanges_which_can_be_ended(run):
    heard = []

    def flow() -> Iterator[Any]:
        try:
            yield Sleep(0.05)
        except Disconnected as error:
            heard.append(error)

    assert run(flow())[1] == [("sleep", 0.05), "release"]
    closed = Disconnected("the client was closed", sent=False)
    run(flow(), sleep=closed)
    assert heard == [closed]


@both
@pytest.mark.parametrize("marker", [Disconnected("gone", sent=True), TimedOut("connect"), TimedOut()])
@pytest.mark.parametrize("place", ["send", "read"])
def test_failures_are_thrown_into_the_flow_which_may_go_on(run, marker, place):
    heard = []

    def flow() -> Iterator[Any]:
        try:
            yield SEND if place == "send" else Read(1.0)
        except (Disconnected, TimedOut) as error:
            heard.append(error)
        heard.append((yield Read(None) if place == "send" else SEND))

    run(flow(), **{place: marker})
    assert heard == [marker, b"x" if place == "send" else HEAD]


@both
def test_an_error_of_ours_comes_out_without_the_flows_frames(run):
    def flow() -> Iterator[Any]:
        yield SEND
        message = "no"
        raise ProtocolError(message)

    with pytest.raises(ProtocolError) as caught:
        run(flow())
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[-1] == ("drive" if run is run_sync else "adrive")
    assert "flow" not in names


@both
def test_what_the_flow_raises_comes_out_after_the_release(run):
    exchanges = []

    def flow() -> Iterator[Any]:
        yield SEND
        raise KeyError

    with pytest.raises(KeyError) as caught:
        exchanges.append(run(flow()))
    assert caught.value.__context__ is None


@both
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("foreign")])
def test_anything_else_that_an_exchange_raises_closes_the_flow(run, error):
    closed = []

    def flow() -> Iterator[Any]:
        try:
            yield SEND
        finally:
            closed.append(True)

    with pytest.raises(type(error)):
        run(flow(), send=error)
    assert closed == [True]


def endless(closed: list[str]) -> Generator[Any, Any, None]:
    try:
        yield SEND
        while True:
            yield "chunk"
    finally:
        closed.append("closed")


def test_closing_a_driver_closes_flow_and_response():
    closed: list[str] = []
    exchange = Exchange()
    driven = drive(endless(closed), exchange)
    assert next(driven) == "chunk"
    driven.close()
    assert (closed, exchange.log[-1]) == (["closed"], "release")
    driven.close()
    assert exchange.log.count("release") == 1


def test_dropping_a_driver_closes_at_once_without_the_collector():
    closed: list[str] = []
    gc.disable()
    try:
        driven = drive(endless(closed), Exchange())
        next(driven)
        del driven
        assert closed == ["closed"]
    finally:
        gc.enable()


def test_an_exception_thrown_by_the_consumer_closes_flow_and_response():
    closed: list[str] = []
    exchange = Exchange()
    driven = drive(endless(closed), exchange)
    next(driven)
    with pytest.raises(LookupError):
        driven.throw(LookupError())
    assert (closed, exchange.log[-1]) == (["closed"], "release")


def test_a_driver_that_was_never_started_has_nothing_to_release():
    exchange = Exchange()
    drive(endless([]), exchange).close()
    assert exchange.log == []


async def test_closing_an_async_driver_closes_flow_and_response():
    closed: list[str] = []
    exchange = AsyncExchange()
    driven = adrive(endless(closed), exchange)
    assert await anext(driven) == "chunk"
    await driven.aclose()
    assert (closed, exchange.log[-1]) == (["closed"], "release")


async def test_dropping_an_async_driver_closes_it_soon():
    closed: list[str] = []
    driven = adrive(endless(closed), AsyncExchange())
    await anext(driven)
    del driven
    await asyncio.sleep(0.01)
    assert closed == ["closed"]


async def _waiting(exchange: AsyncExchange, closed: list[str], command: Any) -> AsyncGenerator[Any, None]:
    def flow() -> Iterator[Any]:
        try:
            yield command
        finally:
            closed.append("closed")

    async for result in adrive(flow(), exchange):
        yield result


@pytest.mark.parametrize("command", [Read(None), Sleep(60)])
async def test_cancelling_closes_flow_and_response_at_once(command):
    closed: list[str] = []
    exchange = AsyncExchange(read="never", sleep="never")
    task = asyncio.create_task(anext(_waiting(exchange, closed, command)))  # type: ignore[arg-type]
    await asyncio.sleep(0.01)
    task.cancel()
    started = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 1
    assert (closed, exchange.log[-1]) == (["closed"], "release")
