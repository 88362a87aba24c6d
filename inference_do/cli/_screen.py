"""Writing to the terminal: rich's consoles, and text that may come from anywhere made harmless."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from textwrap import wrap
from typing import Any

from rich.console import Console, ConsoleDimensions
from rich.text import Text

__all__ = ["clean", "drop_output", "errors", "one_line", "prepare_output", "say", "screen", "whole_text", "write"]

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Characters that steer a terminal; a model's or a server's text must not."""

WIDE = 1000


def clean(text: str) -> str:
    """Return text without control characters, line ends and tabs apart."""
    return CONTROLS.sub("", text)


def one_line(text: str) -> str:
    """Return text for a cell of a table or the middle of a sentence."""
    return " ".join(clean(text).split())


def whole_text(text: str) -> str:
    """Join halves of characters (surrogates), which JSON can spell; half a character alone becomes U+FFFD."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def prepare_output() -> None:
    """Make standard output and error replace what their encoding does not have, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            with suppress(OSError, ValueError):  # it is closed
                reconfigure(errors="replace")


def drop_output() -> None:
    """Point standard output to nowhere: its reader is gone, and Python would try to write the rest at its exit."""
    with suppress(OSError, ValueError, AttributeError):  # it is closed, or no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def screen() -> Console:
    """Return the console for what was asked for. A file or a pipe has room for any line, unless COLUMNS says else."""
    console = Console(highlight=False, soft_wrap=True)
    if "COLUMNS" not in os.environ and not console.is_terminal:
        console.width = WIDE
    return _of_its_width(console, sys.stdout)


def errors() -> Console:
    """Return the console for everything else."""
    return _of_its_width(Console(stderr=True, highlight=False, soft_wrap=True), sys.stderr)


def _of_its_width(console: Console, stream: Any) -> Console:
    """Return a console that knows how wide a terminal without abilities (TERM=dumb) is; for rich all have 80."""
    if console.is_dumb_terminal:
        with suppress(OSError, ValueError, AttributeError):  # it tells no width
            columns, lines = os.get_terminal_size(stream.fileno())
            given = os.environ.get("COLUMNS", "")
            console.size = ConsoleDimensions(int(given) if given.isdecimal() else columns or console.width, lines)
    return console


def write(console: Console, text: str, style: str = "", *, end: str = "\n") -> None:
    """Write text as it is, whatever is in it."""
    console.print(Text(clean(text), style=style), end=end)


def say(console: Console, text: str, style: str = "", *, indent: int = 0, label: str = "") -> None:
    """Write sentences. On a terminal lines end between words; elsewhere each is one line.

    Args:
        console: Where to.
        text: The sentences, with line ends where there must be some.
        style: How they look.
        indent: By how much lines after the first are indented.
        label: How the text begins, if only that is to look so.
    """
    lines = clean(text).split("\n")
    if console.is_terminal:
        follows = " " * indent
        lines = [
            part
            for line in lines
            for part in wrap(
                line, max(console.width, 20), subsequent_indent=follows, break_long_words=False, break_on_hyphens=False
            )
            or [""]
        ]
    shown = Text("\n".join(lines), style="" if label else style)
    shown.stylize(style, 0, len(label))
    console.print(shown)
