"""A world with a clock of its own: workers that wait for turns, and servers that limit them in several ways."""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from inference_do._protocol.pacing import Pacer, Turn

REFUSED = 429
UNIX = 1_800_000_000.37
"""What the wall clock shows when the world's own is at 0."""


@dataclass
class LimitingServer:
    """A server that takes `limit` requests in `seconds`; `write` makes the text of `reset`."""

    limit: int
    seconds: float
    write: Callable[[float], str] = lambda moment: str(math.ceil(moment))
    refused: int = 0
    taken: int = 0

    def ask(self, now: float) -> tuple[int, dict[str, str]]:
        """Answer a request that arrives now, by the wall clock: a status and headers."""
        left, status = self.left(now), REFUSED
        if left:
            left, status = left - 1, 200
            self.taken += 1
            self.take(now)
        else:
            self.refused += 1
        return status, self.headers(left, now)

    def headers(self, left: int, now: float) -> dict[str, str]:
        values = {"limit": str(self.limit), "remaining": str(left), "reset": self.write(self.opens(now))}
        return {f"x-ratelimit-{part}-requests": value for part, value in values.items()}

    def left(self, now: float) -> int:
        raise NotImplementedError

    def take(self, now: float) -> None:
        raise NotImplementedError

    def opens(self, now: float) -> float:
        raise NotImplementedError


@dataclass
class FixedWindows(LimitingServer):
    """Windows of the wall clock, or such that begin with a first request."""

    is_aligned: bool = False
    start: float = -math.inf
    used: int = 0

    def left(self, now: float) -> int:
        if now >= self.start + self.seconds:
            self.start, self.used = (now // self.seconds * self.seconds if self.is_aligned else now), 0
        return self.limit - self.used

    def take(self, now: float) -> None:
        self.used += 1

    def opens(self, now: float) -> float:
        return self.start + self.seconds


@dataclass
class Rolling(LimitingServer):
    """Room comes back continuously."""

    level: float = math.inf
    at: float = 0.0

    def left(self, now: float) -> int:
        self.level = min(self.limit, self.level + (now - self.at) * self.limit / self.seconds)
        self.at = now
        return int(self.level)

    def take(self, now: float) -> None:
        self.level -= 1

    def opens(self, now: float) -> float:
        return now + max(0.0, 1 - self.level) * self.seconds / self.limit


@dataclass
class SlidingLog(LimitingServer):
    """A request leaves the count `seconds` after it came."""

    times: deque[float] = field(default_factory=deque)

    def left(self, now: float) -> int:
        while self.times and self.times[0] + self.seconds <= now:
            self.times.popleft()
        return self.limit - len(self.times)

    def take(self, now: float) -> None:
        self.times.append(now)

    def opens(self, now: float) -> float:
        return self.times[0] + self.seconds if self.times else now


@dataclass
class World:
    """Workers of one or more processes that send rows to a server, each process with a pacer of its own."""

    server: LimitingServer
    rows: int
    workers: int
    processes: int = 1
    answer_seconds: float = 0.01
    seed: int = 1
    now: float = 0.0
    done: int = 0
    order: list[int] = field(default_factory=list)
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _ids: Any = field(default_factory=count)

    def run(self) -> World:
        """Run until every row is answered."""
        self._chance = random.Random(self.seed)
        self._left = [self.rows // self.processes] * self.processes
        pacers = [Pacer(clock=lambda: self.now) for _ in range(self.processes)]
        for process, pacer in enumerate(pacers):
            for _ in range(self.workers):
                self._later(self._chance.uniform(0, 0.002), partial(self._begin, process, pacer))
        while self._events and self.done < self.rows // self.processes * self.processes:
            self.now, _, what = heapq.heappop(self._events)
            what()
        return self

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._ids), what))

    def _begin(self, process: int, pacer: Pacer) -> None:
        if self._left[process]:
            self._left[process] -= 1
            self._look(pacer.turn(), partial(self._begin, process, pacer))

    def _look(self, turn: Turn, then: Callable[[], None]) -> None:
        pause, _ = turn.look()
        if not pause:
            self.order.append(turn.number)
            self._later(self._chance.uniform(0.001, 0.004), partial(self._arrive, turn, then))
            return
        is_back: list[bool] = []

        def back() -> None:
            if not is_back:
                is_back.append(True)
                self._look(turn, then)

        turn.on_wake(lambda: self._later(self._chance.uniform(0, 0.001), back))
        self._later(pause + self._chance.uniform(0, 0.002), back)

    def _arrive(self, turn: Turn, then: Callable[[], None]) -> None:
        status, headers = self.server.ask(self.now + UNIX)
        takes = 0.001 if status == REFUSED else self.answer_seconds * self._chance.uniform(0.5, 1.5)
        self._later(takes, partial(self._answer, turn, then, status, headers))

    def _answer(self, turn: Turn, then: Callable[[], None], status: int, headers: Mapping[str, str]) -> None:
        wait = turn.answered(status, headers, self.now + UNIX)
        if status == REFUSED:
            assert wait is not None
            self._look(turn, then)
            return
        self.done += 1
        then()

    @property
    def ideal(self) -> float:
        """Seconds that a client needs that knows the server's rule."""
        limit, seconds = self.server.limit, self.server.seconds
        if isinstance(self.server, Rolling):
            return (self.rows - limit) / limit * seconds
        return (math.ceil(self.rows / limit) - 1) * seconds

    @property
    def share_refused(self) -> float:
        return self.server.refused / (self.server.refused + self.server.taken)


WRITERS: dict[str, Callable[[float], str]] = {
    "up": lambda moment: str(math.ceil(moment)),
    "down": lambda moment: str(int(moment)),
    "near": lambda moment: str(round(moment)),
    "exact": lambda moment: f"{moment:.6f}",
}
SERVERS: dict[str, Callable[..., Any]] = {
    "aligned windows": lambda *given: FixedWindows(*given, is_aligned=True),
    "windows": FixedWindows,
    "rolling": Rolling,
    "sliding log": SlidingLog,
}
