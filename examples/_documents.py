"""The documents that the examples ask about: the guides in examples/data, by sections."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parent / "data"


class Section(NamedTuple):
    """A section of a guide."""

    source: str
    """The file and the section's title."""
    text: str


def sections() -> list[Section]:
    """Return the sections of all guides."""
    found = []
    for path in sorted(DATA.glob("*.md")):
        for part in path.read_text(encoding="utf-8").split("\n## "):
            title, _, text = part.partition("\n")
            found.append(Section(f"{path.name}: {title.lstrip('# ')}", " ".join(text.split())))
    return found
