"""A framework's requests as those of a batch: each with its `custom_id`, and without what only a call has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from inference_do.errors import ConfigError

__all__ = ["batch_request", "with_ids"]

T = TypeVar("T")

OF_CALLS = frozenset({"extra_headers", "extra_query", "max_retries", "stream", "stream_options", "timeout"})
"""Arguments of a call that no line of a batch has."""

END = object()


def with_ids(inputs: Iterable[T], custom_ids: Iterable[str] | None) -> Iterator[tuple[str, T]]:
    """Yield inputs with their ids, `request-0`, `request-1`, ... where none are given.

    Raises:
        ConfigError: There are more of one than of the other, or a text was given where a list belongs.
    """
    if isinstance(inputs, str | bytes | Mapping) or isinstance(custom_ids, str | bytes):
        message = "inputs and custom_ids must be lists: put a single one into a list"
        raise ConfigError(message)
    if custom_ids is None:
        yield from ((f"request-{position}", item) for position, item in enumerate(inputs))
        return
    ids, count = iter(custom_ids), 0
    for item in inputs:
        if (custom_id := next(ids, END)) is END:
            message = f"custom_ids has {count:,} ids, and there are more inputs"
            raise ConfigError(message)
        count += 1
        yield custom_id, item  # type: ignore[misc]  # whoever sends it checks it
    if next(ids, END) is not END:
        message = f"there are {count:,} inputs, and custom_ids has more ids"
        raise ConfigError(message)


def batch_request(custom_id: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a client's call as a request of a batch."""
    kept = {name: value for name, value in request.items() if name not in OF_CALLS and (name, value) != ("api", "auto")}
    return {"custom_id": custom_id, **kept}
