"""Fields of deltas, put together: reasoning details, annotations, images, audio, and whatever a server adds.

Lists grow. An entry that carries an index or an id goes on with the entry of the same one, as long as nothing that
identifies it (its type, an image's URL) differs; any other entry is one more. In objects, fields that hold a piece of
text or data are joined, and of any other field the last value counts.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["put_together"]

PIECES = frozenset({
    "arguments", "content", "data", "input", "output", "partial_json", "reasoning", "reasoning_content",
    "reasoning_text", "refusal", "signature", "summary", "text", "thinking", "thought", "thoughts", "transcript",
})  # fmt: skip
"""Fields whose texts are pieces of one text; the names are those of this API's, OpenAI's and OpenRouter's objects."""


def put_together(name: str, values: Sequence[Any]) -> Any:
    """Return what the values that a field had in one delta after the other come to.

    Args:
        name: The field's name.
        values: Its values, at least one.
    """
    if all(isinstance(value, list) for value in values):
        return _entries([entry for value in values for entry in value])
    if len(values) == 1:
        return values[0]
    if all(isinstance(value, dict) for value in values):
        return _object(values)
    if name in PIECES and all(isinstance(value, str) for value in values):
        return _text(name, values)
    return values[-1]


def _object(values: Sequence[dict[str, Any]]) -> dict[str, Any]:
    parts: dict[str, list[Any]] = {}
    for value in values:
        for name, part in value.items():
            known = parts.setdefault(name, [])
            if part is not None and part != "":
                known.append(part)
    return {name: put_together(name, found) if found else None for name, found in parts.items()}


def _text(name: str, values: Sequence[str]) -> str:
    if name == "signature" and len(set(values)) == 1:
        return values[0]  # repeated, not cut in pieces
    if name == "data" and any(value.endswith("=") for value in values[:-1]):  # base64 of each piece
        try:
            return base64.b64encode(b"".join(base64.b64decode(value, validate=True) for value in values)).decode()
        except (binascii.Error, ValueError):
            pass
    return "".join(values)


def _entries(entries: Sequence[Any]) -> list[Any]:
    groups: list[_Group] = []
    known: dict[Any, _Group] = {}
    for entry in entries:
        places = _places(entry)
        group = next((known[place] for place in places if place in known), None)
        if group is None or not group.takes(entry):
            group = _Group()
            groups.append(group)
        group.add(entry)
        known.update(dict.fromkeys(places, group))
    return [group.parts[0] if len(group.parts) == 1 else _object(group.parts) for group in groups]


def _places(entry: Any) -> list[tuple[str, Any, Any]]:
    """Return what another entry of a list may name this one by: its index or id, with and without its type."""
    if not isinstance(entry, dict):
        return []
    index, id_, kind = _index_of(entry), entry.get("id"), entry.get("type")
    named: list[tuple[str, Any]] = []
    if index is not None:
        named.append(("index", index))
    if isinstance(id_, str) and id_:
        named.append(("id", id_))
    return [(*name, kind) for name in named if isinstance(kind, str)] + [(*name, None) for name in named]


def _index_of(entry: dict[str, Any]) -> int | None:
    index = entry.get("index")
    return index if isinstance(index, int) and not isinstance(index, bool) else None


class _Group:
    """The parts of one entry."""

    __slots__ = ("_index", "_labels", "parts")

    def __init__(self) -> None:
        self.parts: list[Any] = []
        self._labels: dict[str, str] = {}
        self._index: int | None = None

    def takes(self, entry: dict[str, Any]) -> bool:
        """Return whether nothing that identifies an entry differs from this one's; parts of one item share its id."""
        index = _index_of(entry)
        if index is not None and self._index is not None and index != self._index:
            return False
        return all(self._labels.get(path, label) == label for path, label in _labels(entry))

    def add(self, part: Any) -> None:
        self.parts.append(part)
        if isinstance(part, dict):
            self._index = _index_of(part) if self._index is None else self._index
            self._labels.update(_labels(part))


def _labels(entry: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the texts of an object that are no pieces."""
    for name, value in entry.items():
        if isinstance(value, dict):
            yield from _labels(value, f"{path}{name}.")
        elif isinstance(value, str) and value and name not in PIECES:
            yield f"{path}{name}", value
