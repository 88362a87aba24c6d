"""What a job was: the report at its end, and the look at it meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from inference_do.pricing import Spent, Tokens

__all__ = ["JobProgress", "JobReport", "Reporter", "Stop", "StopKind", "as_dollars", "as_time", "plural"]

StopKind: TypeAlias = Literal["max_cost", "max_failures", "interrupted", "limits", "error"]


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a job ended before its last row."""

    kind: StopKind
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """A job as it stands."""

    done: int
    """Rows that were answered in this run."""
    failed: int
    skipped: int
    """Rows that the output had results of."""
    total: int | None
    """Rows in all, None if nobody knows."""
    running: int
    """Rows that are being asked."""
    concurrency: int
    """How many may be."""
    seconds: float
    """Since the job began."""
    rows_per_second: float
    """Of the last half minute."""
    tokens: Tokens
    cost: float
    """US dollars, as far as they are known."""
    waiting: int
    """Rows that wait for a rate limit."""
    waiting_seconds: float
    """How long the last of them will wait."""
    seconds_left: float | None
    """None if it cannot be said."""
    is_stopping: bool
    """Whether no more rows are begun."""

    @property
    def seen(self) -> int:
        """Rows that need nothing more in this run."""
        return self.done + self.failed + self.skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """What a job has done."""

    done: int
    """Rows that were answered in this run."""
    failed: int
    """Rows that failed in it: the next run tries them again."""
    skipped: int
    """Rows that the output had results of, from earlier runs or under the same key."""
    changed: int
    """Rows that were asked again, as their content is not what it was under the same key."""
    total: int | None
    """Rows in all; None if the job stopped before the last one of a source that does not know."""
    errors: Mapping[str, int]
    """Failures by the class of their error."""
    failures: Sequence[tuple[int, str]]
    """The first failures: a row's number, and what was wrong."""
    stop: Stop | None
    """Why the job ended before its last row, if it did: its `kind` and, in words, its `reason`."""
    spent: Mapping[str, Spent]
    """Calls, tokens and cost of this run by model."""
    cost_before: float
    """US dollars of earlier runs, by what the output says."""
    seconds: float
    waited: float
    """Seconds in which rows waited for rate limits, added up."""
    output: Path | None
    mended: int
    """Lines of the output that had been cut or could not be read."""
    moved: Path | None
    """Where an earlier output was moved to."""
    results: Sequence[dict[str, Any]] = field(default=(), repr=False)
    """Without an output: its lines as dicts, in the order of the rows."""

    @property
    def is_complete(self) -> bool:
        """Whether every row has a result."""
        return self.stop is None and not self.failed

    @property
    def total_spent(self) -> Spent:
        """Calls, tokens and cost of this run."""
        return sum(self.spent.values(), Spent())

    def __str__(self) -> str:
        parts = [f"{self.done:,} answered", f"{self.failed:,} failed" if self.failed else ""]
        parts += [f"{self.skipped:,} done before" if self.skipped else ""]
        parts += [f"{self.changed:,} asked again, as they have changed" if self.changed else ""]
        rows = plural(self.total, "row") if self.total is not None else "rows"
        lines = [f"{rows}: {', '.join(part for part in parts if part)}. {self._used()}"]
        if self.failed:
            kinds = ", ".join(f"{count:,} {name}" for name, count in self.errors.items())
            lines.append(f"Failed: {kinds}.")
            lines += [f"  row {number}: {what}" for number, what in self.failures]
        if self.mended:
            lines.append(f"{plural(self.mended, 'line')} of the output had been cut, and their rows were asked again.")
        if self.moved is not None:
            lines.append(f"The earlier output is now {str(self.moved)!r}.")
        if self.stop is not None:
            lines.append(f"Stopped: {self.stop.reason}.")
        if not self.is_complete and self.output is not None:
            lines.append("Run the same job again to ask the rows that have no result.")
        return "\n".join(lines)

    def _used(self) -> str:
        spent = self.total_spent
        parts = [as_time(self.seconds)]
        if spent.calls:
            parts.append(f"{spent.tokens.total:,} tokens")
            more = f" besides {plural(spent.unpriced, 'call')} of unknown cost" if spent.unpriced else ""
            if spent.date:
                parts.append(f"about {as_dollars(spent.cost)}{more} (prices of {spent.date})")
            if self.cost_before:
                parts.append(f"{as_dollars(self.cost_before + spent.cost)} with earlier runs")
        if self.waited >= 1:
            parts.append(f"rows waited {self.waited:.0f} s for limits")
        return ", ".join(parts)


class Reporter(Protocol):
    """Shows a job."""

    every: float
    """Seconds between two looks at it."""

    def update(self, progress: JobProgress) -> None:
        """Show it as it stands."""

    def end(self, progress: JobProgress, report: JobReport | None) -> None:
        """Show what it was; the report is None if it broke off."""


def as_dollars(cost: float) -> str:
    """Return US dollars with the digits that say something."""
    digits = 2 if cost >= 100 else 4 if cost >= 0.01 or not cost else 6  # noqa: PLR2004  a hundred dollars, a cent
    return f"${cost:,.{digits}f}"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def as_time(seconds: float) -> str:
    """Return a time as people write it."""
    if seconds < 60:  # noqa: PLR2004  seconds of a minute
        return f"{seconds} s" if isinstance(seconds, int) else f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
