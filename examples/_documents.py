"""The documents that the examples ask about: the handbook of a small company in examples/data, by sections."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

DATA = Path(__file__).parent / "data"


class Section(NamedTuple):
    """A section of the handbook."""

    source: str
    """The file and the section's title."""
    text: str

    @property
    def id(self) -> str:
        """An id made of source and text: the same on every run, another one once the section has changed."""
        return str(uuid5(NAMESPACE_URL, f"{self.source}\n{self.text}"))


def sections() -> list[Section]:
    """Return the sections of all files."""
    found = []
    for path in sorted(DATA.glob("*.md")):
        for part in path.read_text(encoding="utf-8").split("\n## "):
            title, _, text = part.partition("\n")
            found.append(Section(f"{path.name}: {title.lstrip('# ')}", " ".join(text.split())))
    return found
