"""Arguments of a tool call for the frameworks: an object that a tool may be called with, or why there is none."""

from __future__ import annotations

import json
import re
from typing import Any

from inference_do._tool_calls import read_arguments

__all__ = ["CUT", "UNREADABLE", "arguments_or_problem", "is_cut_off"]

CUT = "its arguments were cut off"
UNREADABLE = "its arguments are unreadable, as they are no JSON object"

CUTTING = re.compile(
    r"length|max_|_limit|exceed|filter|safety|recitation|blocklist|prohibited|malformed|truncat|incomplete|abort"
    r"|cancel|interrupt|error|time_?out|insufficient|budget",
    re.IGNORECASE,
)
"""What finish reasons of answers that ended too early have in them: this API's, and those of servers behind it."""


def is_cut_off(finish_reason: str | None) -> bool:
    """Return whether an answer ended early, so that its last tool call may be the beginning of one."""
    return finish_reason is not None and CUTTING.search(finish_reason) is not None


def arguments_or_problem(text: str, *, is_cut: bool) -> dict[str, Any] | str:
    """Return the arguments of a call, or `CUT` or `UNREADABLE`, the latter with the place where it is no JSON.

    Args:
        text: What the model wrote.
        is_cut: Whether the answer was cut off in this call. No arguments at all are then not yet begun, and a whole
            object is whole.
    """
    arguments = read_arguments(text)
    if is_cut and (arguments is None or not text.strip()):
        return CUT
    return f"{UNREADABLE}{_place(text)}" if arguments is None else arguments


def _place(text: str) -> str:
    try:
        json.loads(text, strict=False)
    except RecursionError:
        return " (nested too deeply)"
    except ValueError as error:
        return f" ({error})"
    return ""
