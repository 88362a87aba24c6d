"""What the examples of this folder take from the folder above: where they run, and the documents."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from _documents import Section, sections
from _place import place

__all__ = ["Section", "argument", "place", "sections"]


def argument(meaning: str) -> str:
    """Return the command's only argument."""
    if len(sys.argv) != 2:  # noqa: PLR2004
        sys.exit(f"usage: python {sys.argv[0]} {meaning}")
    return sys.argv[1]
