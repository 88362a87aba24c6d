"""A line of the tables of `docs/migration.md`, and the words that many of them share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

HEADS = ("There", "Here", "What differs, and why")
ABSENT = "(not sent)"
"""Stands for a field that a request does not have."""


@dataclass(frozen=True)
class Row:
    """One line of a table.

    `code` is what is written there, with our class in place of the other one. It runs with the emulator's key and
    address in the environment, and may assert something itself. Where `NAME` stands in it, in `says`, `warns` or `env`,
    it runs once for each argument and variable that `there` has.
    """

    there: str
    here: str
    differs: str
    code: str
    sent: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the last request's body."""
    says: str = ""
    """A part of the error's text, where it is refused; it names what stands in `here`."""
    warns: str = ""
    """A part of the warning's text."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables besides; an empty one is taken away."""

    def names(self) -> list[str]:
        """Return the arguments and variables of `there`."""
        found = re.findall(r"`(?:\w+\()?(?:(\w+)=|([A-Z]+_[A-Z_]+)`)", self.there)
        return [argument or variable for argument, variable in found]


def marks(section: str) -> tuple[str, str]:
    """Return the comments between which a section's table stands in the page."""
    return f"<!-- {section}: begin -->", f"<!-- {section}: end -->"


def table(rows: Iterable[Row]) -> str:
    """Return rows as a table in Markdown."""
    lines = [HEADS, ("---",) * len(HEADS), *((row.there, row.here, row.differs) for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


KEY = "'sk-do-v1-ELSEWHERE1'"
URL = "'https://gateway.example/v1'"
SAME = "the same"
KEY_HERE = "`api_key=`, or a variable"
URL_HERE = "`base_url=`, or the variable"
ONE_KEY = "Refused: the key has one name, so that it never becomes a field of a request."
ONE_URL = "Refused: the address has one name. DigitalOcean's is the default."
REFUSED = "Refused."
LEAVE = "leave it out"
NO_KEY = {"DIGITALOCEAN_INFERENCE_KEY": ""}
NO_URL = {"DIGITALOCEAN_INFERENCE_BASE_URL": ""}
NO_MODEL = "there is no default model."
OWN_CLIENT = "`http_client=`, `http_async_client=`"
