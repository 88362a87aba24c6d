"""The live line with a bar, by rich."""

from __future__ import annotations

from rich.console import Console
from rich.live import Live
from rich.text import Text

from .lines import LIVE_SECONDS, fit, parts_of
from .reports import JobProgress, JobReport

__all__ = ["Bar"]

STYLES = {"rows": "bold", "failed": "red", "waiting": "yellow", "stopping": "yellow", "left": "cyan", "running": "dim"}
SHORT, LONG = 10, 24
NARROW = 80
"""Columns of a terminal below which the bar is short."""
FILLED, EMPTY = "━", "─"


class Bar:
    """One line at the bottom of the terminal; what else is printed stands above it."""

    every = LIVE_SECONDS

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._progress: JobProgress | None = None
        self._live = Live(
            console=self._console,
            get_renderable=self._line,
            refresh_per_second=1 / LIVE_SECONDS,
            transient=True,
            redirect_stdout=False,  # what goes to a file or a pipe is data
        )
        self._live.start()

    def update(self, progress: JobProgress) -> None:
        """Show it as it stands."""
        self._progress = progress

    def end(self, progress: JobProgress, report: JobReport | None) -> None:
        """Show what it was in place of the line."""
        self._progress = progress
        self._live.stop()
        if report is not None:
            self._console.print(Text(str(report)), soft_wrap=False)

    def _line(self) -> Text:
        progress, columns = self._progress, self._console.width
        if progress is None:
            return Text("")
        line = Text(no_wrap=True, overflow="crop", end="")
        if progress.total:
            length = SHORT if columns < NARROW else LONG
            filled = round(length * min(1.0, progress.seen / progress.total))
            line.append(FILLED * filled, "green").append(EMPTY * (length - filled) + " ", "dim")
            columns -= length + 1
        for number, (text, kind) in enumerate(fit(parts_of(progress), columns)):
            line.append(" · " if number else "", "dim").append(text, STYLES.get(kind, ""))
        return line
