"""How the progress of a batch is shown: a bar on a terminal, lines elsewhere, or what a caller does with it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .types import Batch

__all__ = ["describe", "shown"]

QUIET = 60.0
"""Seconds after which a line is written although nothing has changed."""


@contextmanager
def shown(progress: bool | Callable[[Batch], Any]) -> Iterator[Callable[[Batch], Any] | None]:
    """Yield what is given the batch after each look; None where nothing is to be shown."""
    if not progress:
        yield None
    elif callable(progress):
        yield progress
    elif sys.stderr is not None and sys.stderr.isatty() and _has_rich():
        with _bar() as look:
            yield look
    else:
        yield _Lines()


def _has_rich() -> bool:
    from importlib.util import find_spec  # noqa: PLC0415  only where something is shown

    return find_spec("rich") is not None


def describe(batch: Batch) -> str:
    """Say in a line how a batch stands."""
    counts = batch.request_counts
    failed = f", {counts.failed:,} failed" if counts.failed else ""
    return f"{batch.status}: {counts.ended:,} of {counts.total:,} requests{failed}"


class _Lines:
    """Writes a line on standard error when something has changed, or nothing for a while."""

    def __init__(self) -> None:
        self._last, self._when = "", 0.0

    def __call__(self, batch: Batch) -> None:
        line, now = f"batch {batch.id}: {describe(batch)}", time.monotonic()
        if (line != self._last or now - self._when > QUIET) and sys.stderr is not None:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()
            self._last, self._when = line, now


@contextmanager
def _bar() -> Iterator[Callable[[Batch], Any]]:
    from rich.console import Console  # noqa: PLC0415  an extra
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.table import Column  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        BarColumn(bar_width=None, table_column=Column(ratio=1)),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
    )
    with Progress(*columns, console=Console(stderr=True), expand=True) as progress:
        task = progress.add_task("batch", total=None)

        def look(batch: Batch) -> None:
            counts = batch.request_counts
            failed = f", {counts.failed:,} failed" if counts.failed else ""
            progress.update(
                task, description=f"{batch.status}{failed}", total=counts.total or None, completed=counts.ended
            )

        yield look
