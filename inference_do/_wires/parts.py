"""A message whose content is a list of parts, as Mistral's reasoning models write it, in the canonical form.

Text is the content, thinking is `reasoning_content`, images stand under `images`.
https://docs.mistral.ai/capabilities/reasoning/
"""

from __future__ import annotations

import logging
from typing import Any

__all__ = ["plain_message"]

logger = logging.getLogger("inference_do")
THINKING = frozenset({"reasoning", "redacted_thinking", "thinking", "thought"})
IMAGES = frozenset({"image", "image_url", "input_image", "output_image"})
TEXTS = ("text", "thinking", "reasoning", "thought", "content", "summary")
"""Where a part of thinking has its text, or a list of parts."""


def plain_message(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message or delta with text where it has lists of parts.

    Raises:
        ValueError: A list holds something that is no part.
    """
    changed: dict[str, Any] = {}
    if isinstance(thought := message.get("reasoning_content"), list):
        changed["reasoning_content"] = _thinking(thought) or None
    if isinstance(parts := message.get("content"), list):
        changed |= _sorted(parts, message | changed)
    return message | changed


def _sorted(parts: list[Any], message: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, list[str]] = {"content": [], "refusal": [], "reasoning_content": []}
    images: list[Any] = []
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        match part:
            case str():
                found["content"].append(part)
            case {"type": str()} if kind in THINKING:
                found["reasoning_content"].append(_thinking(part))
            case {"type": str()} if kind in IMAGES:
                images.append(part)
            case {"text": str(text)}:
                found["content"].append(text)
            case {"refusal": str(text)}:
                found["refusal"].append(text)
            case dict() if part.get("text") is None:
                logger.warning("a part of an answer is left out: it is neither text, thinking nor an image")
            case _:
                reason = "content: a list holds something that is neither text nor a part"
                raise ValueError(reason)
    texts = {name: "".join(pieces) or None for name, pieces in found.items()}
    changed: dict[str, Any] = {"content": texts["content"]}
    changed |= {name: text for name, text in texts.items() if text and not message.get(name)}
    if images:
        changed["images"] = [*(message.get("images") or ()), *images]
    return changed


def _thinking(value: Any) -> str:
    """Return the text of thinking, in whatever it is wrapped."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(_thinking, value))
    if isinstance(value, dict):
        return next((text for name in TEXTS if (text := _thinking(value.get(name)))), "")
    return ""
