"""What is never written or shown: keys and tokens, and in recordings the ids of requests."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ._key_forms import KEY_FORMS

HIDDEN = "(secret)"
NAMES = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)
"""How the names of variables end whose values are secrets."""
FIELDS = re.compile(
    r"(x-)?request[-_]?id|(proxy-)?authorization|api[-_]?key|access[-_]?token|(client[-_]?)?secret|password|(set-)?cookie",
    re.IGNORECASE,
)
"""Names of fields whose values are."""
SHORTEST = 16
"""Characters of a value of the environment that is hidden; a shorter one may be a word of any text."""


class Secrets:
    """What is hidden: by its value, by its form, by the name of its field.

    Args:
        environment: Whose variables' values are hidden, if their names say that they are secrets.
        values: Further values.
    """

    def __init__(self, *values: str, environment: Mapping[str, str] | None = None) -> None:
        named = os.environ if environment is None else environment
        found = {*values, *(value for name, value in named.items() if NAMES.search(name))}
        known = sorted((value for value in found if len(value) >= SHORTEST), key=len, reverse=True)
        self._secret = re.compile("|".join([*map(re.escape, known), KEY_FORMS]))

    def hide(self, value: Any) -> Any:
        """Return a JSON value without secrets; the names of its fields stay."""
        match value:
            case str():
                return self._secret.sub(HIDDEN, value)
            case list():
                return [self.hide(item) for item in value]
            case dict():
                return {
                    self.hide(name): HIDDEN if FIELDS.fullmatch(name) and isinstance(item, str) else self.hide(item)
                    for name, item in value.items()
                }
            case _:
                return value

    def hide_split(self, events: list[Any]) -> None:
        """Hide, in the events of a stream themselves, what is split over several of them, such as pieces of a text.

        What was at the same place of each event is read as one text. The first piece of a secret takes its mark.
        """
        places: dict[tuple[Any, ...], list[_Place]] = {}
        for event in events:
            for path, place in _strings(event):
                places.setdefault(path, []).append(place)
        for found in places.values():
            pieces = [holder[key] for holder, key in found]
            if len(set(pieces)) > 1:  # else it is a name, repeated in each event
                for (holder, key), piece in zip(found, self._without_split(pieces), strict=True):
                    holder[key] = piece

    def _without_split(self, pieces: list[str]) -> list[str]:
        text, left = "".join(pieces), list(pieces)
        for secret in reversed(list(self._secret.finditer(text))):
            end = len(text)
            for place in range(len(pieces) - 1, -1, -1):
                start = end - len(pieces[place])
                if start < secret.end() and secret.start() < end:
                    cut_from, cut_to = max(secret.start() - start, 0), secret.end() - start
                    mark = HIDDEN if start <= secret.start() else ""
                    left[place] = left[place][:cut_from] + mark + left[place][cut_to:]
                end = start
        return left


_Place = tuple[Any, Any]
"""What holds a string, and by which key or position."""


def _strings(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], _Place]]:
    """Yield the path to each string of a JSON value, with its holders' kinds and numbers, and its place."""
    if isinstance(value, dict):
        path = (*path, *(str(value.get(name)) for name in ("type", "index", "output_index")))
        items: Any = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return
    for key, item in items:
        if isinstance(item, str):
            yield (*path, key), (value, key)
        else:
            yield from _strings(item, (*path, key))
