"""Marks for the prompt cache: at the end of the system message, and at the end of the conversation.

What stands before a mark is read from the cache when the same text comes again. A request has four at most:
https://platform.claude.com/docs/en/build-with-claude/prompt-caching
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["mark_for_cache", "warn_left_out"]

logger = logging.getLogger("inference_do")

MOST = 4
MARK = "cache_control"


def mark_for_cache(messages: Sequence[dict[str, Any]], mark: Mapping[str, Any], tools: Iterable[Any] = ()) -> None:
    """Mark the last part of the system message, and of the last message; parts that are marked stay as they are.

    Args:
        messages: The conversation in the API's form; it is changed.
        mark: The mark, such as `{"type": "ephemeral"}`.
        tools: The request's tools, which may have marks as well.
    """
    left = MOST - sum(MARK in tool for tool in tools) - sum(MARK in part for sent in messages for part in _parts(sent))
    system = [sent for sent in messages if sent["role"] in {"system", "developer"}]
    for sent in (*messages[-1:], *system[-1:]):
        if left > 0 and (part := _last_part(sent)) is not None and MARK not in part:
            part[MARK] = dict(mark)
            left -= 1


def warn_left_out(model: str) -> None:
    """Say that marks which were asked for are not sent."""
    logger.warning("cache_control is left out: model %r is not known to have such a control", model)


def _parts(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def _last_part(message: dict[str, Any]) -> dict[str, Any] | None:
    """Return a message's last part; a text becomes one. An empty text cannot be marked."""
    content = message.get("content")
    if isinstance(content, str) and content.strip():
        content = message["content"] = [{"type": "text", "text": content}]
    if not isinstance(content, list) or not content:
        return None
    last = content[-1]
    return None if last.get("type") == "text" and not last["text"].strip() else last
