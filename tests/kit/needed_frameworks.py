"""Which framework a test needs, by what its file or its folder mentions; for pytest's collection and for the matrix."""

from __future__ import annotations

import re
from pathlib import Path

MENTIONS = {"langchain": re.compile(r"\blangchain"), "llamaindex": re.compile(r"\bllama_?index")}
"""The extras of the frameworks, and how a test mentions each."""


def is_test_file(path: Path) -> bool:
    return path.name.startswith("test_") and path.suffix == ".py"


def needed_by(path: Path) -> set[str]:
    """Return the extras that a folder or a file of tests needs."""
    text = path.name if path.is_dir() else path.read_text(encoding="utf-8")
    return {extra for extra, mention in MENTIONS.items() if mention.search(text)}
