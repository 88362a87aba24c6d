"""What a model's family changes on this wire: Anthropic's own models are passed through, others are translated.

* Anthropic's have their own ids, signed thinking and `toolu_` ids, and pings in their streams.
* Others have the API's id, thinking without a signature, and usage at the end of a stream only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference_do.models import ModelInfo

DATED = {
    "haiku-4-5": "20251001",
    "opus-4-5": "20251101",
    "sonnet-4-5": "20250929",
    "opus-4-1": "20250805",
    "sonnet-4": "20250514",
    "opus-4": "20250514",
}
"""Anthropic's ids that end in a day."""
REORDERED = re.compile(r"^(\d+(?:-\d+)?)-([a-z]+)$")
FAILING_FORCED = frozenset({"glm-5", "glm-5.1", "kimi-k2.6", "mimo-v2.5-pro", "minimax-m2.5", "qwen3.5-397b-a17b"})
"""Models that answered a forced tool call with 500 on this wire, measured in August 2026."""


def is_anthropic(info: ModelInfo) -> bool:
    """Return whether a model is one of Anthropic's."""
    return info.provider == "Anthropic"


def own_id(info: ModelInfo) -> str:
    """Return the id by which a model names itself in its answers: Anthropic's own, which is not the API's."""
    if not is_anthropic(info):
        return info.id
    name = info.id.removeprefix("anthropic-").removeprefix("claude-").replace(".", "-")
    if found := REORDERED.match(name):
        name = f"{found[2]}-{found[1]}"
    return "-".join(filter(None, ("claude", name, DATED.get(name))))
