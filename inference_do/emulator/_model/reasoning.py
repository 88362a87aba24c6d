"""What a model thinks before it answers, and how much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .text import shortened, text_of
from .tokens import tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference_do.models import ModelInfo

SENTENCES = {"minimal": 1, "low": 1, "medium": 2, "high": 4, "xhigh": 6, "max": 8}
"""How many sentences a model thinks for an effort."""

BUDGETS = {"low": 0.2, "medium": 0.5, "high": 0.8, "max": 0.95}
"""Shares of the token limit that Anthropic's models may think with, by effort."""


def reasoning_for(request: Mapping[str, Any], info: ModelInfo) -> str | None:
    """Return the reasoning, if the model thinks, within the budget.

    The models that DigitalOcean hosts think unless the request turns it off, OpenAI's too, which hide it; Anthropic's
    think when the request asks for it, and the newer ones always.
    """
    asked = request.get("reasoning") or {}
    effort = request.get("reasoning_effort") or asked.get("effort")
    thinking = (request.get("chat_template_kwargs") or {}).get("enable_thinking", True)
    unasked = info.thinks_unasked or info.provider != "Anthropic"
    if not info.reasoning or effort == "none" or not thinking or not (unasked or effort or asked):
        return None
    last = request["messages"][-1]
    sentence = f"The last message is from the {last['role']}: {shortened(text_of(last), 60)!r}. I answer it."
    pieces = tokens(" ".join([sentence] * SENTENCES.get(effort or "low", 1)))
    return "".join(pieces[: _budget(request, effort, info)])


def _budget(request: Mapping[str, Any], effort: str | None, info: ModelInfo) -> int | None:
    """Return the most tokens of the reasoning; None leaves it to the limit of the whole answer."""
    budget = (request.get("reasoning") or {}).get("max_tokens")
    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    if budget is not None or info.provider != "Anthropic" or effort not in BUDGETS or not limit:
        return int(budget) if budget is not None else None
    return int(limit * BUDGETS[effort])
