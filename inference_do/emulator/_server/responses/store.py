"""Responses that the API keeps, unless a request says `store: false`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST = 1_000
"""Responses that are kept, and ten times as many items; the oldest are forgotten first."""


class StoredResponses:
    """Responses by id: the items of each conversation up to its end; and items by id."""

    def __init__(self) -> None:
        self._conversations: dict[str, list[Any]] = {}
        self._items: dict[str, dict[str, Any]] = {}

    def clear(self) -> None:
        """Forget everything."""
        self._conversations.clear()
        self._items.clear()

    def conversation(self, response: str) -> list[Any] | None:
        """Return the items of a response's conversation, its output included; None if it is not kept."""
        return self._conversations.get(response)

    def item(self, id_: object) -> dict[str, Any] | None:
        """Return an item by its id; None if it is not kept."""
        return self._items.get(id_) if isinstance(id_, str) else None

    def keep(self, response: str, given: Sequence[Any], output: Sequence[Mapping[str, Any]]) -> None:
        """Keep a response."""
        made = [{key: value for key, value in item.items() if value is not None} for item in output]
        self._conversations[response] = [*given, *made]
        self._items.update((item["id"], item) for item in made)
        _shorten(self._conversations, MOST)
        _shorten(self._items, 10 * MOST)


def _shorten(kept: dict[str, Any], most: int) -> None:
    while len(kept) > most:
        del kept[next(iter(kept))]
