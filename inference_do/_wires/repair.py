"""What came in, read although something is odd in it that no answer depends on.

The check itself is strict and costs nothing more; only what it refuses is looked at here. An odd `created`, `id`,
`usage` or `logprobs` counts as not given, with a debug line in the log. Text, tool calls and the end of an answer are
never touched.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic_core import ValidationError

from inference_do.types import read_count

from .parts import plain_message

__all__ = ["HEAD", "Path", "read_leniently"]

logger = logging.getLogger("inference_do")
T = TypeVar("T")
Path = tuple[str, ...]
"""Where a field stands; `*` is any place in a list."""

COUNTS: frozenset[Path] = frozenset({
    ("usage", "prompt_tokens"), ("usage", "completion_tokens"), ("usage", "total_tokens"),
    ("usage", "cache_read_input_tokens"), ("usage", "cache_created_input_tokens"),
})  # fmt: skip
HEAD: frozenset[Path] = frozenset({
    ("id",), ("object",), ("created",), ("model",), ("usage",), ("service_tier",), ("system_fingerprint",),
    ("usage", "prompt_tokens_details"), ("usage", "completion_tokens_details"),
})  # fmt: skip
"""Fields of every response that nothing depends on."""


def read_leniently(read: Callable[[Any], T], raw: Any, incidental: frozenset[Path]) -> T:
    """Check parsed JSON; where that fails, mend what nothing depends on and check again.

    Args:
        read: Checks, and returns the result; a ValidationError says what is wrong.
        raw: What came; it may be changed.
        incidental: What counts as not given if it is odd. Lists of parts in a message are made text as well.

    Raises:
        ValueError: Something else is wrong.
    """
    try:
        return read(raw)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_context=False, include_input=False):
            if not _mend(raw, problem["loc"], incidental):
                raise
    return read(raw)


def _mend(raw: Any, loc: tuple[int | str, ...], incidental: frozenset[Path]) -> bool:
    """Put right what stands at a place; return whether that was possible."""
    kinds = tuple("*" if isinstance(step, int) else step for step in loc)
    known = (kinds[:depth] for depth in range(len(kinds), 0, -1))  # a union's last steps are types
    path = next((path for path in known if path in incidental or path in COUNTS or path[-1] == "content"), None)
    if path is None:
        return False
    parent, name = raw, path[-1]
    for step in loc[: len(path) - 1]:
        parent = parent[step]
    value = parent[name]
    if name in {"content", "reasoning_content"} and isinstance(value, list):
        parent.update(plain_message(parent))
        return True
    if path not in incidental and path not in COUNTS:
        return False
    parent[name] = read_count(value) if path in COUNTS else None
    if parent[name] is None:
        logger.debug("%s of a response is left out: it is a %s", ".".join(path), type(value).__name__)
    return True
