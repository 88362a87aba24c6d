"""Arguments of tool calls, and their ids."""

from __future__ import annotations

import json
import uuid
from typing import Any

__all__ = ["new_call_id", "read_arguments"]


def new_call_id() -> str:
    """Return an id for a tool call that came without one."""
    return f"call_{uuid.uuid4().hex[:24]}"


def read_arguments(text: str | None) -> dict[str, Any] | None:
    """Return the arguments of a tool call, or None if they cannot be read without guessing.

    Two things that are not JSON of an object can mean only one thing: no text or `null`, which is what a tool without
    parameters is called with, and raw control characters inside a string, as open models write code. Text that was cut,
    or that is followed by something else, is never completed.
    """
    if text is None or not text.strip():
        return {}
    try:
        parsed = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    if parsed is None:
        return {}
    return parsed if isinstance(parsed, dict) else None
