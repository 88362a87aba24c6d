"""What is shown while a job runs: one live line on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

from inference_do.errors import ConfigError

from .lines import LIVE_SECONDS, fit, parts_of
from .reports import JobProgress, JobReport, Reporter

__all__ = ["Progress", "reporter_of"]

Progress: TypeAlias = bool | Callable[[JobProgress], object]

LINE_SECONDS, CALL_SECONDS = 10.0, 1.0
"""How often lines in a file, and a function, are brought up to date."""
NOTEBOOK_COLUMNS = 100


def reporter_of(progress: object) -> Reporter:
    """Return what shows a job.

    Args:
        progress: Whether to show it, or a function that is given a `JobProgress` every second.

    Raises:
        ConfigError: It is neither.
    """
    if callable(progress):
        return Calls(progress)
    if not isinstance(progress, bool):
        message = f"progress must be True, False or a function that takes a JobProgress, not {progress!r}"
        raise ConfigError(message)
    return _shown() if progress and sys.stderr is not None else Calls(lambda _progress: None)


def _shown() -> Reporter:
    if "ipykernel" in sys.modules:
        return OneLine(sys.stdout, lambda: NOTEBOOK_COLUMNS)
    if not sys.stderr.isatty() or os.environ.get("TERM") in {"dumb", "unknown"}:
        return PlainProgress()
    try:
        from .bars import Bar  # noqa: PLC0415  rich is an extra
    except ModuleNotFoundError:
        return OneLine(sys.stderr, lambda: shutil.get_terminal_size().columns)
    return Bar()


class Calls:
    """Gives it to a function."""

    every = CALL_SECONDS

    def __init__(self, function: Callable[[JobProgress], object]) -> None:
        self._function = function

    def update(self, progress: JobProgress) -> None:
        """Show it as it stands."""
        self._function(progress)

    def end(self, progress: JobProgress, report: JobReport | None) -> None:
        """Give it to the function a last time."""
        del report  # the caller gets it
        self._function(progress)


class PlainProgress:
    """Writes a line now and then to standard error, for logs."""

    every = LINE_SECONDS

    def update(self, progress: JobProgress) -> None:
        """Show it as it stands."""
        print(" · ".join(text for _, text, _ in parts_of(progress)), file=sys.stderr, flush=True)  # noqa: T201

    def end(self, progress: JobProgress, report: JobReport | None) -> None:
        """Show what it was."""
        del progress
        if report is not None:
            print(report, file=sys.stderr, flush=True)  # noqa: T201


class OneLine:
    """Writes one line over itself: a terminal without rich, or a notebook."""

    every = LIVE_SECONDS

    def __init__(self, file: Any, columns: Callable[[], int]) -> None:
        self._file = file
        self._columns = columns
        self._written = 0

    def update(self, progress: JobProgress) -> None:
        """Show it as it stands."""
        self._write(" · ".join(text for text, _ in fit(parts_of(progress), self._columns() - 1)))

    def end(self, progress: JobProgress, report: JobReport | None) -> None:
        """Show what it was in place of the line."""
        del progress
        self._write("")
        print("" if report is None else str(report), file=self._file, flush=True)

    def _write(self, line: str) -> None:
        print(f"\r{line:<{self._written}}", end="\r" if not line else "", file=self._file, flush=True)
        self._written = len(line)
