"""Writing to the terminal: rich's consoles, and text that may come from anywhere made harmless."""

from __future__ import annotations

import re

from rich.console import Console
from rich.text import Text

__all__ = ["clean", "errors", "screen", "write"]

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Characters that steer a terminal; a model's or a server's text must not."""


def clean(text: str) -> str:
    """Return text without control characters, line ends and tabs apart."""
    return CONTROLS.sub("", text)


def screen() -> Console:
    """Return the console for what was asked for."""
    return Console(highlight=False, soft_wrap=True)


def errors() -> Console:
    """Return the console for everything else."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def write(console: Console, text: str, style: str = "", *, end: str = "\n") -> None:
    """Write text as it is, whatever is in it."""
    console.print(Text(clean(text), style=style), end=end)
