"""What a model's family changes on this wire: OpenAI's own models are passed through, hosted ones are served by vLLM.

* OpenAI's have ids that they check, summaries of their reasoning, `encrypted_content`, padded deltas.
* Hosted ones show their reasoning as `reasoning_text`; ids of a stream are not those of the final object.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference_do.models import ModelInfo

ENCRYPTED = "reasoning.encrypted_content"
"""What a request includes to have its reasoning in a form that can come back."""
PHASED = re.compile(r"openai-gpt-(5\.[4-9]|[6-9])")
"""Models whose messages have a `phase`; they know namespaces of tools too."""
UPDATED = re.compile(r"openai-gpt-[6-9]")
"""Models that take `configuration_update` items."""


def is_openai(info: ModelInfo) -> bool:
    """Return whether a model is one of OpenAI's own, and not one of its open ones."""
    return info.provider == "OpenAI"


def default_effort(info: ModelInfo) -> str | None:
    """Return how much a model of OpenAI's thinks unasked: medium was seen with gpt-5-nano, none with gpt-5.4-nano."""
    if not is_openai(info) or not info.reasoning:
        return None
    return "none" if "none" in info.reasoning_efforts else "medium"
