"""Which row is next, what a result means, when to stop: the rules of a job, without I/O and without a clock.

A driver asks `poll()` and does what it says: start a row, read one from the source and `offer()` it, or wait. When a
row has been answered or has failed it calls `finish()`. All of it happens under one lock, or in one event loop.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from inference_do.pricing import Ledger

from .finished import CHANGED, DONE, FinishedRows
from .level import Level
from .meters import Meter
from .reports import Stop, StopKind, as_dollars
from .results import RowResult
from .rows import Row
from .verdicts import Verdict, describe_error, judge

__all__ = ["Machine", "NextRow", "Over", "Rules", "Start", "Stop", "Tally", "Task", "Wait"]

ALIKE = 20
"""When so many rows have failed alike and none has been answered, every row would."""
LOOKED_AT = 20
"""Rows that are looked at before the first call, to see whether an output is of these rows."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds to wait when the API is down, or refuses without saying for how long."""
OUTAGE_SECONDS = 120.0
"""How long nothing may have been answered before an outage ends the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When a job ends before its last row."""

    max_cost: float | None = None
    """US dollars, those of earlier runs among them."""
    max_failures: int | None = None
    patience: float = 600.0
    """Seconds that a row may wait for rate limits."""


@dataclass(slots=True, eq=False)
class Task:
    """A row that is being asked, or waits for it."""

    row: Row
    meter: Meter = field(default_factory=Meter)
    started: float = 0.0
    refused: float | None = None
    """When a rate limit refused it first."""
    refusals: int = 0


@dataclass(frozen=True, slots=True)
class Start:
    """Ask this row."""

    task: Task


@dataclass(frozen=True, slots=True)
class NextRow:
    """Read a row from the source, and offer it."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait until something happens, so many seconds at most; None for no bound."""

    seconds: float | None


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing is left to do."""


@dataclass(slots=True)
class Tally:
    """What has happened."""

    done: int = 0
    failed: int = 0
    skipped: int = 0
    """Rows that the output had results of."""
    changed: int = 0
    """Rows whose content is not that of the output's row of the same key: they are asked again."""
    read: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    """What answers used, by model."""
    waited: float = 0.0
    """Seconds in which rows waited for limits, added up."""
    errors: dict[str, int] = field(default_factory=dict)
    """Failures by class."""


class Machine:
    """The rules of one job.

    Args:
        level: How many rows at once.
        rules: When to stop early.
        finished: Which rows have a result.
        spent: US dollars of earlier runs.
        dearest: What their dearest row cost, if that is known.
        once: Whether a row is asked once only in this run, by its key and content.
    """

    def __init__(
        self,
        level: Level,
        rules: Rules,
        finished: FinishedRows,
        *,
        spent: float = 0.0,
        dearest: float | None = None,
        once: bool = False,
    ) -> None:
        self.level = level
        self.tally = Tally()
        self.stop: Stop | None = None
        self.running: dict[Task, None] = {}
        self.paused_until = 0.0
        self._rules = rules
        self._finished = finished
        self._earlier = len(finished)
        self._spent = spent
        self._once = once
        self._ready: deque[Task] = deque()
        self._is_exhausted = False
        self._is_other = False  # whether the output is of other rows, as far as has been seen
        self._is_decided = not self._earlier
        self._dearest = dearest
        self._alike: dict[tuple[Any, ...], int] = {}
        self._answered: float | None = None
        self._outage: float | None = None
        self._pause = FIRST_PAUSE

    def poll(self, now: float) -> Start | NextRow | Wait | Over:
        """Return what to do next."""
        if not self._is_decided and not self.stop:
            return NextRow()
        has_room = len(self.running) < self.level.limit and self.paused_until <= now
        if not self.stop and has_room and (self._ready or not self._is_exhausted) and self._is_affordable():
            return self._start(now) if self._ready else NextRow()
        if not self.running and (self.stop or not (self._ready or not self._is_exhausted)):
            return Over()
        return Wait(self.paused_until - now if self.paused_until > now else None)

    def _start(self, now: float) -> Start:
        task = self._ready.popleft()
        task.started = now
        task.meter.begin()
        self.running[task] = None
        return Start(task)

    def offer(self, row: Row) -> Row | None:
        """Take a row from the source; return it if it is one that cannot be asked, to be written as a failure."""
        self.tally.read += 1
        if row.problem is not None:
            self._failed(("row", row.problem), "BadRowError")
            return row
        found = self._finished.find(row.name, row.digest)
        if found == DONE:
            self.tally.skipped += 1
            self._decide()
            return None
        if found == CHANGED:
            self.tally.changed += 1
        if self._once:
            self._finished.add(row.name, row.digest)
        self._ready.append(Task(row))
        if not self._is_decided and self.tally.read >= LOOKED_AT:
            self._decide()
        return None

    def exhausted(self) -> None:
        """Take note that the source has no more rows."""
        self._is_exhausted = True
        self._decide()

    @property
    def refused(self) -> int:
        """How many rows wait to be asked again."""
        return sum(task.refusals > 0 for task in self._ready)

    @property
    def is_of_other_rows(self) -> bool:
        """Whether the output has the keys of these rows, but of none of them the content."""
        return self._is_other

    def _decide(self) -> None:
        if not self._is_decided:
            self._is_decided = True
            self._is_other = self.tally.changed > 0 and self.tally.skipped == 0

    # --- what came of a row ---

    def finish(self, task: Task, outcome: RowResult | BaseException, now: float) -> bool:
        """Take what came of a row; return whether it is settled: if not, it waits to be asked again, or is left out.

        Args:
            task: The row.
            outcome: Its answer or its error.
            now: The time.
        """
        del self.running[task]
        if isinstance(outcome, RowResult):
            task.meter.add(outcome.model, outcome.tokens)
        self._count(task, is_answered=isinstance(outcome, RowResult))
        if isinstance(outcome, RowResult):
            self.tally.done += 1
            self._answered, self._outage, self._pause = now, None, FIRST_PAUSE
            seconds = now - task.started
            self.level.succeeded(started=task.started, seconds=seconds, waited=task.meter.waited, now=now)
            return True
        verdict = judge(outcome)
        if verdict.kind == "wait":
            return self._refused(task, outcome, verdict, now)
        described = describe_error(outcome)
        if verdict.kind == "stop" or (verdict.kind == "unknown" and self._answered is None):
            self.halt("error", f"every row would fail as row {task.row.number} did: {_sentence(described)}")
        elif verdict.kind == "outage":
            self._down(task, described, now)
        self._failed((described["class"], described.get("status")), described["class"], _sentence(described))
        return True

    def put_back(self, task: Task) -> None:
        """Take back a row of which nothing came."""
        self.running.pop(task, None)

    def halt(self, kind: StopKind, reason: str) -> None:
        """Begin no more rows; the first reason counts."""
        if self.stop is None:
            self.stop = Stop(kind, reason)

    def _refused(self, task: Task, error: BaseException, verdict: Verdict, now: float) -> bool:
        """Let a row that a rate limit refused wait, with all that were not begun."""
        task.refused = now if task.refused is None else task.refused
        wait = (
            min(LONGEST_PAUSE, FIRST_PAUSE * 2**task.refusals) if verdict.retry_after is None else verdict.retry_after
        )
        task.refusals += 1
        self.level.congested(started=task.started, now=now)
        if now + wait - task.refused > self._rules.patience:
            if self._answered is not None and self._answered > task.refused:  # there was room for others
                self._failed((type(error).__name__, 429), type(error).__name__, str(error))
                return True
            self.halt(
                "limits", f"a rate limit has no room for {wait:.0f} s, and patience is {self._rules.patience:g} s"
            )
        self.paused_until = max(self.paused_until, now + wait)
        self.tally.waited += wait
        self._ready.appendleft(task)
        return False

    def _down(self, task: Task, described: dict[str, Any], now: float) -> None:
        """Slow down while the API fails, and stop if it goes on."""
        self.level.congested(started=task.started, now=now)
        if self._outage is None:
            self._outage = now
        if now >= self.paused_until:
            self.paused_until = now + self._pause
            self._pause = min(LONGEST_PAUSE, 2 * self._pause)
        if now - self._outage > OUTAGE_SECONDS:
            self.halt("error", f"nothing was answered for {now - self._outage:.0f} s: {_sentence(described)}")

    def _failed(self, kind: tuple[Any, ...], name: str, sentence: str | None = None) -> None:
        tally, limit = self.tally, self._rules.max_failures
        tally.failed += 1
        tally.errors[name] = tally.errors.get(name, 0) + 1
        if limit is not None and tally.failed > limit:
            self.halt("max_failures", f"{tally.failed} rows have failed, and max_failures is {limit}")
        if tally.done or tally.skipped or len(self._alike) > 1:
            return
        count = self._alike[kind] = self._alike.get(kind, 0) + 1
        if count >= ALIKE and len(self._alike) == 1:
            self.halt("error", f"the first {count} rows have all failed alike: {sentence or kind[-1]}")

    # --- money ---

    def _count(self, task: Task, *, is_answered: bool) -> None:
        """Add up what a row used since it was asked, and stop where a limit of its cost cannot be kept."""
        self.tally.waited += task.meter.waited
        calls = task.meter.new_calls
        costs = [self.tally.ledger.add(model, tokens) for model, tokens in calls]
        cost = sum(cost.total for cost in costs if cost.total is not None)
        unknown = next((cost.model for cost in costs if cost.total is None), None)
        self._spent += cost
        if costs and unknown is None:
            self._dearest = max(cost, self._dearest or 0.0)
        if self._rules.max_cost is None:
            return
        if unknown is not None:
            reason = f"what row {task.row.number} cost is not known (model {unknown!r})"
        elif is_answered and self._dearest is None:
            reason = f"what row {task.row.number} cost is not known: it reported no usage"
        else:
            return
        self.halt("error", f"{reason}, so that max_cost cannot be kept")

    def _is_affordable(self) -> bool:
        """Return whether one more row may be begun: all that run may cost as much as the dearest so far."""
        limit = self._rules.max_cost
        if limit is None:
            return True
        if self._dearest is None:
            allowed = not self.running and self._spent < limit
        else:
            allowed = self._spent + (len(self.running) + 1) * self._dearest <= limit
        if not allowed and not self.running:
            spent = f"{as_dollars(self._spent)} of max_cost {as_dollars(limit)} are spent"
            self.halt("max_cost", f"{spent}, and one more row may be too much")
        return allowed


def _sentence(described: dict[str, Any]) -> str:
    return f"{described['class']}: {described['message']}"
