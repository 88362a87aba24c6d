"""Writes what a program made into the part of a document that two marks enclose; the rest is written by hand."""

from __future__ import annotations

from pathlib import Path


def put(document: Path, begin: str, end: str, text: str) -> None:
    """Replace what stands between two marks.

    Args:
        document: A text file.
        begin: The first mark.
        end: The second one.
        text: What to put between them, its last line ended.
    """
    before, _, rest = document.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    document.write_text(f"{before}{begin}\n\n{text}\n{end}{after}", encoding="utf-8")
