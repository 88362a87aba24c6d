"""Keys, taken out of what the page lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from inference_do._key_forms import KEY_FORMS

HIDDEN = "(hidden)"
NAMES = re.compile(r"authorization|cookie|(api|access|auth)[-_]?key|token\b|secret|password", re.IGNORECASE)
"""Headers whose values are never shown."""
FIELDS = re.compile(r"(?<=[?&])([^=&]*)=([^&]*)")
SHAPE = re.compile(KEY_FORMS)
SHORTEST = 6
"""Characters of a key that is looked for in texts; a shorter one could be a part of any word."""


@dataclass(frozen=True, slots=True)
class Masks:
    """Hides an emulator's own keys, and those that a request came with.

    Args:
        keys: The emulator's.
    """

    keys: frozenset[str]

    def of(self, headers: Mapping[str, str]) -> Masks:
        """Return masks that hide the keys of a request as well, whether or not they are taken."""
        given = (value.split()[-1] for name, value in headers.items() if NAMES.search(name) and value.strip())
        return Masks(self.keys | {key for key in given if len(key) >= SHORTEST})

    def text(self, text: str) -> str:
        """Return a text without keys."""
        for key in sorted(self.keys, key=len, reverse=True):
            text = text.replace(key, HIDDEN)
        return SHAPE.sub(HIDDEN, text)

    def target(self, text: str) -> str:
        """Return a path and its query without keys."""
        return FIELDS.sub(_hidden_field, self.text(text))

    def headers(self, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return headers without keys."""
        return [(name, _hidden(value) if NAMES.search(name) else self.text(value)) for name, value in pairs]

    def body(self, data: bytes, most: int) -> str:
        """Return the beginning of a body as text, without keys.

        Args:
            data: The body.
            most: The most characters.
        """
        longest = max(map(len, self.keys), default=0)
        text = self.text(data[: most + longest].decode(errors="replace"))
        is_whole = len(data) <= most + longest
        return text[: most if is_whole else max(0, min(most, len(text) - longest))]  # its end may be half a key


def _hidden_field(field: re.Match[str]) -> str:
    name, _ = field.groups()
    return f"{name}={HIDDEN}" if name == "key" or NAMES.search(name) else field[0]


def _hidden(value: str) -> str:
    scheme, _, rest = value.partition(" ")
    return f"{scheme} {HIDDEN}" if rest and scheme.isalpha() else HIDDEN
