"""How much a model of `/messages` writes and thinks, and what thinking leaves no choice of.

https://platform.claude.com/docs/en/build-with-claude/extended-thinking
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from inference_do.errors import ConfigError
from inference_do.models import model_info

__all__ = ["is_thinking", "lacks_thoughts", "set_limit", "set_sampling", "take_back_choice", "thinking_fields"]

logger = logging.getLogger("inference_do")

DEFAULT_LIMIT = 4096
"""Tokens of an answer where the model's own limit is not known: `max_tokens` is required."""
CALL_ONE = "Call one of the tools."
CALL_IT = "Call the tool {}."
"""What is asked for by a choice of tools, where thinking forbids the choice."""
LEAST_TOP_P = 0.95
ANTHROPIC = "Anthropic"
SAMPLING: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "temperature": (lambda value: value == 1, "can only be 1"),
    "top_p": (
        lambda value: not isinstance(value, int | float) or value >= LEAST_TOP_P,
        f"must be {LEAST_TOP_P} or more",
    ),
    "top_k": (lambda _: False, "cannot be set"),
}
"""What Anthropic's models take of sampling while they think."""


def is_thinking(request: Mapping[str, Any]) -> bool:
    """Return whether a request, canonical or of this wire, asks for thinking."""
    thinking, reasoning, more = request.get("thinking"), request.get("reasoning"), request.get("extra_body")
    if isinstance(more, Mapping) and "thinking" in more:
        thinking = more["thinking"]
    if isinstance(thinking, Mapping):
        return thinking.get("type") != "disabled"
    return isinstance(reasoning, Mapping) and bool(reasoning.get("max_tokens"))


def set_limit(body: dict[str, Any], request: Mapping[str, Any], defaults: AbstractSet[str]) -> None:
    """Set how many tokens an answer has at most, which this wire must be told.

    Raises:
        ConfigError: The user's limit leaves one of Anthropic's models nothing beside its thinking.
    """
    name = next((name for name in ("max_completion_tokens", "max_tokens") if request.get(name)), None)
    info, budget = model_info(request["model"]), _budget(_asked(body, request))
    limit = int(request[name]) if name else None
    if limit is not None and limit <= budget and info.provider == ANTHROPIC:
        if name not in defaults:
            message = (
                f"{name} must be greater than the {budget} tokens of thinking, which are part of it, and it is "
                f"{limit}: raise it, leave it out, or let the model think less"
            )
            raise ConfigError(message)
        logger.debug("%s=%s is left out: the model may think for %s tokens", name, limit, budget)
        limit = None
    body["max_tokens"] = limit or info.max_output_tokens or DEFAULT_LIMIT + budget


def set_sampling(body: dict[str, Any], request: Mapping[str, Any], defaults: AbstractSet[str]) -> None:
    """Set the temperature, and see that thinking is compatible with what is set.

    Raises:
        ConfigError: The user asked for what this wire, or the model while it thinks, does not take.
    """
    if "temperature" in request:
        body["temperature"] = _temperature(request["temperature"])
    if model_info(request["model"]).provider != ANTHROPIC or not is_thinking(_asked(body, request)):
        return
    for name, (takes, rule) in SAMPLING.items():
        if name not in body or takes(body[name]):
            continue
        if name not in defaults:
            message = f"{name} {rule} while the model thinks, and it is {body[name]!r}: leave it out, or the thinking"
            raise ConfigError(message)
        logger.debug("%s=%r is left out: the model thinks", name, body.pop(name))


def _asked(body: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body with the further fields that are sent with it."""
    return {**body, "extra_body": request.get("extra_body")}


def _budget(asked: Mapping[str, Any]) -> int:
    """Return the tokens that a model may think for, 0 if nothing says how many."""
    more = asked["extra_body"]
    thinking = more["thinking"] if isinstance(more, Mapping) and "thinking" in more else asked.get("thinking")
    budget = thinking.get("budget_tokens") if isinstance(thinking, Mapping) else None
    return budget if isinstance(budget, int) else 0


def _temperature(value: Any) -> Any:
    if isinstance(value, int | float) and not 0 <= value <= 1:
        message = f"temperature must be between 0 and 1 on the messages API, not {value!r}"
        raise ConfigError(message)
    return value


def thinking_fields(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return how much to think: a budget is Anthropic's own field, an effort is one that this API adds."""
    wanted = request.get("reasoning")
    if not isinstance(wanted, Mapping):
        return {}
    found: dict[str, Any] = {}
    if effort := wanted.get("effort"):
        found["reasoning_effort"] = effort
    if (budget := wanted.get("max_tokens")) and "thinking" not in request:
        found["thinking"] = {"type": "enabled", "budget_tokens": budget}
    return found


def lacks_thoughts(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether tool calls are going on that another model began, or whose thoughts were not kept.

    With thinking on, Anthropic wants its own thoughts before the first calls since the user's last words:
    https://platform.claude.com/docs/en/build-with-claude/extended-thinking
    """
    first: str | None = None
    for message in reversed(messages):
        if message["role"] == "assistant":
            first = next((block["type"] for block in message["content"]), None)
            calls = any(block["type"] == "tool_use" for block in message["content"])
            first = first if calls else None
        elif any(block["type"] != "tool_result" for block in message["content"]):
            break
    return first is not None and first not in {"thinking", "redacted_thinking"}


def take_back_choice(body: dict[str, Any]) -> str | None:
    """Take back a choice that forces a call, and return it in words: with thinking on, Anthropic refuses it.

    https://platform.claude.com/docs/en/build-with-claude/extended-thinking
    """
    choice = body.get("tool_choice") or {}
    if choice.get("type") not in {"any", "tool"}:
        return None
    logger.debug("tool_choice is asked for in words: it cannot force a call while the model thinks")
    body["tool_choice"] = {**{name: choice[name] for name in choice if name != "name"}, "type": "auto"}
    return CALL_ONE if choice["type"] == "any" else CALL_IT.format(choice.get("name"))
