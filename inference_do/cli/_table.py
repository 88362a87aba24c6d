"""A table that fits its terminal: columns that there is no room for are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["Column", "show_columns"]

GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table."""

    name: str
    cells: list[str]
    rank: int
    """Where there is no room for all columns, those with the highest ranks are left out."""
    is_number: bool = False
    least: int | None = None
    """To how many columns of the terminal it may be folded."""

    @property
    def width(self) -> int:
        """The room that it needs."""
        widest = max(map(cell_len, [self.name, *self.cells]))
        return widest if self.least is None else min(widest, max(self.least, cell_len(self.name)))


def show_columns(console: Console, columns: Sequence[Column]) -> list[str]:
    """Print a table, and return the names of the columns that were left out. What is not a terminal gets no rules."""
    shown, left_out = list(columns), list[str]()
    while sum(column.width + GAP for column in shown) - GAP > console.width and len(shown) > 1:
        least = max(shown, key=lambda column: column.rank)
        left_out.insert(0, least.name)
        shown.remove(least)
    box = SIMPLE_HEAD if console.is_terminal else None  # what is piped has a line for each row, and for the names
    table = Table(header_style="bold", box=box, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
    for column in shown:
        table.add_column(
            column.name,
            justify="right" if column.is_number else "left",
            no_wrap=column.least is None and len(shown) > 1,
            overflow="fold",
        )
    for row in zip(*(column.cells for column in shown), strict=True):
        table.add_row(*map(Text, row))  # as text: a string would be read as rich's markup
    console.print(table, soft_wrap=False)
    return left_out
