"""Many at once: paced streams in one event loop, and threads that share one object."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from benchmarks.scenarios import STAMP
from benchmarks.subjects.base import Subject

from ._tools import WrongAnswerError, attempt, busy, call, cpu, rss, server

DEADLINE = 4.0
"""Times the ideal, after which whoever is not done has failed."""
THREADS = 64
CALLS_EACH = 10


@dataclass(frozen=True, slots=True)
class Load:
    """So many streams at once, each of so many deltas, one every so many milliseconds."""

    streams: int
    deltas: int
    pause_ms: int

    @property
    def scenario(self) -> str:
        return f"paced-{self.deltas}-{self.pause_ms}"

    @property
    def ideal(self) -> float:
        """Seconds that it takes who is never late."""
        return self.deltas * self.pause_ms / 1000


class Listener:
    """Reads one stream: every delta must come, in its place, and how late it comes is noted."""

    def __init__(self, load: Load, delays: list[float]) -> None:
        self._load, self._delays = load, delays
        self._seen = 0

    def take(self, text: str) -> None:
        now = time.monotonic_ns()
        for number, sent in STAMP.findall(text):
            self._seen += 1
            if int(number) != self._seen:
                message = f"delta {number} came in place of {self._seen}"
                raise WrongAnswerError(message)
            self._delays.append((now - int(sent)) / 1e6)

    async def failure(self, subject: Subject, model: Any) -> str | None:
        """Read the stream; return what went wrong."""
        try:
            async with asyncio.timeout(self._load.ideal * DEADLINE):
                await subject.astream(model, self._load.scenario, self.take)
        except Exception as error:  # noqa: BLE001  an alternative may raise anything
            return "not done in time" if type(error) is TimeoutError else type(error).__name__
        return None if self._seen == self._load.deltas else "deltas are missing"


def measure_200(subject: Subject, control: int) -> dict[str, Any]:
    return _measured(subject, control, Load(streams=200, deltas=60, pause_ms=50))


def measure_1000(subject: Subject, control: int) -> dict[str, Any]:
    return _measured(subject, control, Load(streams=1000, deltas=30, pause_ms=200))


def _measured(subject: Subject, control: int, load: Load) -> dict[str, Any]:
    measured: dict[str, Any] = {}
    attempt(measured, lambda: asyncio.run(_all_at_once(subject, control, load)))
    return measured


async def _all_at_once(subject: Subject, control: int, load: Load) -> dict[str, Any]:
    model = subject.build()
    await subject.astream(model, "stream-20", lambda _: None)
    delays: list[float] = []
    memory = [rss()]
    watching = asyncio.create_task(_watch(memory))
    server(control, "reset")
    started, used = time.perf_counter(), cpu()
    ends = await asyncio.gather(*(Listener(load, delays).failure(subject, model) for _ in range(load.streams)))
    wall, used = time.perf_counter() - started, cpu() - used
    watching.cancel()
    share, connections = busy(control), server(control, "stats")["connections"]
    failures = Counter(end for end in ends if end is not None)
    return {
        "finished": load.streams - failures.total(),
        "wall_s": wall,
        "x_ideal": wall / load.ideal,
        "cpu_s": used,
        "cpu_us": used / max(1, len(delays)) * 1e6,
        "p50_ms": median(delays) if delays else None,
        "p99_ms": quantiles(delays, n=100)[98] if len(delays) > 1 else None,
        "mib": max(*memory, rss()) - memory[0],
        "connections": connections,
        "server_busy": share,
        **({"failures": dict(failures)} if failures else {}),
    }


async def _watch(memory: list[float]) -> None:
    while True:
        memory.append(rss())
        await asyncio.sleep(0.2)


def measure_threads(subject: Subject, control: int) -> dict[str, Any]:
    """Measure 64 threads, each making ten calls on the same object."""
    measured: dict[str, Any] = {}
    attempt(measured, lambda: _threads(subject, control))
    return measured


def _threads(subject: Subject, control: int) -> dict[str, Any]:
    model = subject.build()
    call(subject, model)
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda _: call(subject, model), range(THREADS)))
        server(control, "reset")
        started, used = time.perf_counter(), cpu()
        list(threads.map(lambda _: [call(subject, model) for _ in range(CALLS_EACH)], range(THREADS)))
        wall, used = time.perf_counter() - started, cpu() - used
    calls = THREADS * CALLS_EACH
    return {
        "calls_per_s": calls / wall,
        "cpu_us": used / calls * 1e6,
        "connections": server(control, "stats")["connections"],
    }
