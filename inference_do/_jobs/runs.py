"""One run of a job: the rules, the output and what is shown, for both drivers.

Whatever a driver reports is taken under one lock, or in one event loop.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict
from typing import Any

from inference_do.errors import ConfigError, printable

from .machine import Machine, NextRow, Over, Start, Task, Wait
from .output import Output, encode_line
from .reports import JobProgress, JobReport, Reporter
from .results import RowResult
from .rows import Row, RowReader, RowSource
from .verdicts import describe_error

__all__ = ["Run"]

SHOWN_FAILURES = 5
SHOWN_CHARACTERS = 200
WINDOW = 30.0
"""Seconds whose rows make the rate."""


class Run:
    """One run.

    Args:
        machine: The rules.
        source: Where the rows come from.
        reader: What makes rows of them.
        output: Where lines go; None keeps them.
        reporter: What shows it.
        job: What the job is known by.
    """

    def __init__(
        self,
        machine: Machine,
        source: RowSource,
        reader: RowReader,
        *,
        output: Output | None,
        reporter: Reporter,
        job: str,
    ) -> None:
        self.machine = machine
        self.source = source
        self.broken: BaseException | None = None
        """What ended the run that is no row's: an error of the source or of the output."""
        self._is_abandoned = False
        self._reader = reader
        self._output = output
        self._job = job
        self._results: list[dict[str, Any]] = []
        self._failures: list[tuple[int, str]] = []
        self._began = self._shown = time.monotonic()
        self._samples: deque[tuple[float, int]] = deque([(self._began, 0)])
        self._total = source.total
        self._reporter = reporter

    # --- what a driver calls ---

    def poll(self) -> Start | NextRow | Wait | Over:
        """Return what to do next, and show how things stand."""
        now = time.monotonic()
        if now - self._shown >= self._reporter.every:
            self._shown = now
            self._reporter.update(self._progress(now))
        return self.machine.poll(now)

    def offer(self, number: int, value: Any) -> None:
        """Take a row from the source.

        Raises:
            ConfigError: The output is of other rows.
        """
        row = self._reader.read(number, value)
        if (bad := self.machine.offer(row)) is not None:
            self._write(bad, {"error": {"class": "BadRowError", "message": bad.problem}})
        self._check_rows()

    def exhausted(self) -> None:
        """Take note that there are no more rows.

        Raises:
            ConfigError: The output is of other rows.
        """
        self.machine.exhausted()
        self._total = self.machine.tally.read
        self._check_rows()

    def settle(self, task: Task, outcome: RowResult | BaseException) -> None:
        """Take what came of a row, and write it."""
        now = time.monotonic()
        if self._is_abandoned or not self.machine.finish(task, outcome, now):
            return
        meter = task.meter
        fields: dict[str, Any] = {"seconds": round(now - task.started, 3)}
        if (tokens := meter.tokens) is not None:
            fields |= {"model": meter.model, "usage": asdict(tokens), "cost": meter.cost}
        if isinstance(outcome, RowResult):
            fields |= {**outcome.metadata, "result": outcome.result}
        else:
            fields["error"] = describe_error(outcome)
        self._write(task.row, fields)

    def fail(self, error: BaseException) -> None:
        """End the run for an error that is no row's; what is being asked ends first."""
        self.broken = self.broken or error
        self.machine.halt("error", f"{type(error).__name__}: {error}")

    def interrupt(self) -> None:
        """Begin no more rows."""
        self.machine.halt("interrupted", "it was interrupted")

    def abandon(self) -> None:
        """Take nothing more: what is being asked is not waited for."""
        self._is_abandoned = True

    def end(self) -> JobReport:
        """Close the output, show the report and return it."""
        try:
            if self._output is not None:
                self._output.close()
        finally:
            report = self._report()
            self._reporter.end(self._progress(time.monotonic()), report if self.broken is None else None)
        return report

    # --- inside ---

    def _check_rows(self) -> None:
        if self.machine.is_of_other_rows:
            where = str(self._output.path) if self._output else ""
            message = (
                f"{where!r} is the output of other rows: none of the first has the content that it has there. If rows "
                "were put in or moved, key= (--key) names the field that each is known by. Otherwise give another "
                "output, or resume=False (--no-resume), which moves this one aside"
            )
            raise ConfigError(message)

    def _write(self, row: Row, fields: dict[str, Any]) -> None:
        record = {"job": self._job, "row": row.number, "key": row.key, "digest": row.digest, **fields}
        if (error := fields.get("error")) and len(self._failures) < SHOWN_FAILURES:
            sentence = printable(f"{error['class']}: {error['message']}".replace("\n", " "))
            self._failures.append((row.number, sentence[:SHOWN_CHARACTERS]))
        if self._output is None:
            self._results.append(record)
            return
        try:
            self._output.append(encode_line(record))
        except OSError as failure:
            self.fail(failure)

    def _progress(self, now: float) -> JobProgress:
        tally, machine = self.machine.tally, self.machine
        settled = tally.done + tally.failed
        self._samples.append((now, settled))
        while len(self._samples) > 2 and now - self._samples[1][0] >= WINDOW:  # noqa: PLR2004  one is always kept
            self._samples.popleft()
        since, before = self._samples[0]
        rate = (settled - before) / (now - since) if now > since else 0.0
        left = None if self._total is None else self._total - settled - tally.skipped
        waits = [task.meter.waiting_until - now for task in machine.running if task.meter.waiting_until > now]
        waits += [machine.paused_until - now] * machine.refused if machine.paused_until > now else []
        spent = tally.ledger.total
        return JobProgress(
            done=tally.done,
            failed=tally.failed,
            skipped=tally.skipped,
            total=self._total,
            running=len(machine.running),
            concurrency=machine.level.limit,
            seconds=now - self._began,
            rows_per_second=rate,
            tokens=spent.tokens,
            cost=spent.cost,
            waiting=len(waits),
            waiting_seconds=max(waits, default=0.0),
            seconds_left=None if left is None or not rate else max(0, left) / rate,
            is_stopping=machine.stop is not None,
        )

    def _report(self) -> JobReport:
        tally, output = self.machine.tally, self._output
        return JobReport(
            done=tally.done,
            failed=tally.failed,
            skipped=tally.skipped,
            changed=tally.changed,
            total=self._total,
            errors=dict(tally.errors),
            failures=tuple(self._failures),
            stop=self.machine.stop,
            spent=tally.ledger.by_model,
            cost_before=output.cost if output else 0.0,
            seconds=time.monotonic() - self._began,
            waited=tally.waited,
            output=output.path if output else None,
            mended=output.mended if output else 0,
            moved=output.moved if output else None,
            results=sorted(self._results, key=lambda record: record["row"]),
        )
