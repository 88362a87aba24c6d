"""A job: which state it has at what time, and what has been answered by then."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from inference_do.emulator._json import to_json

from .lines import Answered, Line, answered, unanswered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .lines import Answering

WINDOW = 24 * 3600.0
RETENTION = 30 * 24 * 3600.0
FINAL = frozenset({"completed", "failed", "expired", "cancelled"})


@dataclass(slots=True, kw_only=True)
class BatchJob:
    """One batch. By the clock it takes `seconds`: a quarter to be validated, two to be answered, one to be written."""

    id: str
    given: Mapping[str, Any]
    """The request that made it."""
    created: float
    seconds: float
    lines: list[Line]
    errors: list[dict[str, Any]]
    cancelled: float | None = None
    """When it was asked to end."""
    answers: list[Answered] = field(default_factory=list)

    @property
    def endpoint(self) -> str | None:
        """Where its requests go; None for Anthropic's."""
        endpoint: str | None = self.given.get("endpoint")
        return endpoint

    @property
    def times(self) -> dict[str, float]:
        """When it reaches each state, as far as it does."""
        start, quarter = self.created, self.seconds / 4
        if self.errors:
            return {"validating": start, "failed": start + quarter}
        times = {
            "validating": start,
            "in_progress": start + quarter,
            "finalizing": start + 3 * quarter,
            "completed": start + self.seconds,
        }
        ended, end = {}, start + WINDOW
        if self.cancelled is not None:
            end = self.cancelled
            ended = {"cancelling": end, "cancelled": end + quarter / 2}
        elif times["completed"] > end:
            ended = {"expired": end}
        return {**{name: time for name, time in times.items() if not ended or time < end}, **ended}

    def status(self, now: float) -> str:
        """Return its state."""
        return [name for name, time in self.times.items() if time <= now][-1]

    def go_on(self, now: float, answer: Answering) -> None:
        """Answer the requests that are due by now."""
        status, times = self.status(now), self.times
        if "in_progress" not in times or now < times["in_progress"]:
            return
        until = min([now, *(times[name] for name in ("cancelling", "expired") if name in times)])
        share = (until - times["in_progress"]) / (self.seconds / 2)
        due = len(self.lines) if status == "completed" else min(len(self.lines), int(len(self.lines) * share))
        while len(self.answers) < due:
            self.answers.append(answered(self.lines[len(self.answers)], self.endpoint, answer))

    def files(self, now: float) -> tuple[bytes, bytes]:
        """Return the output and the error file of a job that has ended: the last request first, as any order is right.

        Anthropic's batches have one file for both.
        """
        left = self.lines[len(self.answers) :]
        rows = [*self.answers, *(unanswered(line, self.endpoint, self.status(now)) for line in left)]
        if self.endpoint is None:
            return _written(rows), b""
        return _written([row for row in rows if not row.is_failed]), _written([row for row in rows if row.is_failed])

    def shown(self, now: float) -> dict[str, Any]:
        """Return it as the API shows it."""
        status, times = self.status(now), self.times
        failed = sum(row.is_failed for row in self.answers)
        counts = {"total": len(self.lines), "completed": len(self.answers) - failed, "failed": failed}
        if status == "validating":
            counts["total"] = 0
        has_files = status in FINAL - {"failed"}
        has_errors = has_files and self.endpoint is not None and counts["completed"] < counts["total"]
        has_output = has_files and (self.endpoint is None or counts["completed"] > 0)
        dates = ("in_progress", "finalizing", "completed", "cancelled", "failed")
        return {
            "batch_id": self.id,
            "status": status,
            "provider": self.given["provider"],
            **({"endpoint": self.endpoint} if self.endpoint else {}),
            "completion_window": "24h",
            "input_file_id": self.given["file_id"],
            "output_file_id": f"{self.id}-output" if has_output else None,
            "error_file_id": f"{self.id}-errors" if has_errors else None,
            "request_counts": counts,
            "request_id": self.given["request_id"],
            "metadata": self.given.get("metadata"),
            "errors": self.errors if status == "failed" else None,
            "created_at": date_of(self.created),
            **{f"{name}_at": date_of(times[name]) if times.get(name, now + 1) <= now else None for name in dates},
            "expires_at": date_of(self.created + WINDOW),
        }


def _written(rows: list[Answered]) -> bytes:
    return b"".join(to_json(row.value) + b"\n" for row in reversed(rows))


def date_of(seconds: float) -> str:
    """Return a time as the API writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
