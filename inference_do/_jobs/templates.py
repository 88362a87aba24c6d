"""Prompts with fields of a row in them: `{field}`, and `{{` or `}}` for a brace. Nothing else is done with a value."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from inference_do.errors import ConfigError

__all__ = ["PromptTemplate"]

PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
ODD = re.compile(r"[\"':!\n]|^\s|\s$|^$")
"""What is in no field's name, but in the JSON of an example and in Python's format language."""


class PromptTemplate:
    """A text whose `{field}` are filled in from a row.

    Args:
        text: The text. A field's name may have dots and spaces in it: they mean nothing.

    Raises:
        ConfigError: It has a brace that is neither a field nor doubled.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._parts: list[str | tuple[str]] = []
        position = 0
        for match in PART.finditer(text):
            self._parts.append(text[position : match.start()])
            position = match.end()
            if (name := match[1]) is not None and not ODD.search(name):
                self._parts.append((name,))
            elif match[0] in {"{{", "}}"}:
                self._parts.append(match[0][0])
            else:
                message = (
                    f"the prompt has {match[0]!r} at character {match.start() + 1}, which is no field: a field is "
                    "written {name}, a brace itself {{ or }}"
                )
                raise ConfigError(message)
        self._parts.append(text[position:])

    @property
    def fields(self) -> list[str]:
        """The names of the fields, in order, each once."""
        return list(dict.fromkeys(part[0] for part in self._parts if isinstance(part, tuple)))

    def fill(self, row: Mapping[str, Any]) -> str:
        """Return the text for a row; a value that is no text is written as JSON.

        Raises:
            ValueError: The row lacks a field, or has null for it.
        """
        return "".join(part if isinstance(part, str) else _text(row, part[0]) for part in self._parts)


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        message = f"it has null for {name!r}" if name in row else f"it has no field {name!r}"
        raise ValueError(message)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
