"""The two drivers of a run: one asks rows in threads, one in tasks of an event loop.

Both do what the run says. The thread that began a job reads the rows, as cursors of databases want it; what comes of a
row is written by whoever asked it, so that nothing paid waits for a slow source.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import partial
from types import FrameType
from typing import Any

from inference_do._observer import observed

from .machine import NextRow, Over, Start, Task, Wait
from .results import RowResult, read_result
from .runs import Run
from .workers import Workers

__all__ = ["drive_tasks", "drive_threads", "in_threads"]

TICK = 0.2
"""Seconds between two looks at signals and at what is shown."""
AT_A_TIME = 100
"""Rows read before other tasks of an event loop have their turn."""
END = object()


def drive_threads(run: Run, ask: Callable[[Any], Any]) -> None:
    """Ask the rows in threads; Ctrl-C lets those that are being asked end, a second one does not.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed twice.
        ConfigError: The output is of other rows.
    """
    lock, workers, context = threading.Condition(), Workers(), copy_context()

    def work(task: Task) -> None:
        try:
            with observed(task.meter):
                outcome: RowResult | BaseException = read_result(ask(task.row.content))
        except BaseException as error:  # noqa: BLE001  SystemExit too: it would end the thread and nothing else
            outcome = error
        with lock:
            run.settle(task, outcome)
            lock.notify()

    values = run.source.values
    assert values is not None  # noqa: S101  others are for event loops
    with _draining_signals() as presses:
        try:
            while True:
                match _next_step(run, lock, presses):
                    case Start(task):
                        workers.submit(partial(context.copy().run, work, task))
                    case NextRow():
                        item = _next(run, values)
                        with lock:
                            _take(run, item)
                    case Over():
                        return
        except BaseException:
            with lock:
                run.abandon()
            raise
        finally:
            workers.close()


def _next_step(run: Run, lock: threading.Condition, presses: list[int]) -> Start | NextRow | Over:
    """Return what to do next, when there is something."""
    with lock:
        while True:
            if presses:
                run.interrupt()
            step = run.poll()
            if not isinstance(step, Wait):
                return step
            lock.wait(TICK if step.seconds is None else min(step.seconds, TICK))


def _next(run: Run, values: Iterator[Any]) -> Any:
    try:
        return next(values, END)
    except Exception as error:  # noqa: BLE001  a caller's own, which is raised when the run has ended
        run.fail(error)
        return END


def _take(run: Run, item: Any) -> None:
    if item is END:
        run.exhausted()
    else:
        run.offer(*item)


@contextmanager
def _draining_signals() -> Iterator[list[int]]:
    """Collect the first SIGINT instead of a KeyboardInterrupt; the second one is one. Other handlers are left alone."""
    presses: list[int] = []

    def press(number: int, frame: FrameType | None) -> None:
        presses.append(number)
        if len(presses) > 1:
            signal.default_int_handler(number, frame)

    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield presses
        return
    signal.signal(signal.SIGINT, press)
    try:
        yield presses
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


async def drive_tasks(run: Run, ask: Callable[[Any], Awaitable[Any]]) -> None:
    """Ask the rows in tasks; a cancellation lets those that are being asked end, a second one does not.

    Raises:
        asyncio.CancelledError: It was cancelled; all that was asked is written.
        ConfigError: The output is of other rows.
    """
    driver = _TaskDriver(run, ask)
    is_cancelled = False
    try:
        while True:
            try:
                if not await driver.step():
                    break
            except asyncio.CancelledError:
                if is_cancelled:
                    raise
                is_cancelled = True
                run.interrupt()
    finally:
        await driver.close()
    if is_cancelled:
        raise asyncio.CancelledError


class _TaskDriver:
    """The state of a run in an event loop."""

    def __init__(self, run: Run, ask: Callable[[Any], Awaitable[Any]]) -> None:
        self._run = run
        self._ask = ask
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._reading: asyncio.Task[Any] | None = None
        self._read = 0

    async def step(self) -> bool:
        """Do the next thing; return whether there is another one."""
        match self._run.poll():
            case Start(task):
                asked = asyncio.create_task(self._work(task))
                self._tasks.add(asked)
                asked.add_done_callback(self._tasks.discard)
            case NextRow():
                await self._read_row()
            case Wait(seconds):
                await self._wait(TICK if seconds is None else min(seconds, TICK))
            case Over():
                return False
        return True

    async def close(self) -> None:
        """End what is still under way."""
        reading = [] if self._reading is None else [self._reading]
        for task in (*self._tasks, *reading):
            task.cancel()
        await asyncio.gather(*self._tasks, *reading, return_exceptions=True)
        source = self._run.source.asynchronous
        if source is not None and hasattr(source, "aclose"):
            with suppress(Exception):
                await source.aclose()

    async def _work(self, task: Task) -> None:
        try:
            with observed(task.meter):
                outcome: RowResult | BaseException = read_result(await self._ask(task.row.content))
        except Exception as error:  # noqa: BLE001  it is the row's
            outcome = error
        self._run.settle(task, outcome)
        self._wake.set()

    async def _read_row(self) -> None:
        source = self._run.source
        if source.asynchronous is None:
            assert source.values is not None  # noqa: S101  it is one or the other
            _take(self._run, _next(self._run, source.values))
            self._read += 1
            if self._read % AT_A_TIME == 0:
                await asyncio.sleep(0)
            return
        if self._reading is None:
            self._reading = asyncio.create_task(_following(source.asynchronous))
            self._reading.add_done_callback(lambda _: self._wake.set())
        await self._wait(TICK)
        if self._reading.done():
            reading, self._reading = self._reading, None
            if (error := reading.exception()) is not None:
                self._run.fail(error)
            _take(self._run, END if error is not None else reading.result())

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
        self._wake.clear()


async def _following(values: AsyncIterator[Any]) -> Any:
    return await anext(values, END)


def in_threads(workers: Workers, ask: Callable[[Any], Any]) -> Callable[[Any], Awaitable[Any]]:
    """Return what asks in a thread, to be awaited.

    Args:
        workers: The threads.
        ask: What asks; what it returns is awaited if it can be.
    """

    async def asked(content: Any) -> Any:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def work() -> None:
            try:
                done = partial(_set, future, ask(content), None)
            except BaseException as error:  # noqa: BLE001  as in a thread of a run
                done = partial(_set, future, None, error)
            with suppress(RuntimeError):  # the loop has been closed
                loop.call_soon_threadsafe(done)

        workers.submit(partial(copy_context().run, work))
        result = await future
        return await result if hasattr(result, "__await__") else result

    return asked


def _set(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(
            error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__} in a row")
        )
