"""What one model refuses or fails at although the API takes it: from the model data, never from its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference_do.emulator._http import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from inference_do.emulator.quirks import Quirks
    from inference_do.models import ModelInfo


def check_model_limits(body: Mapping[str, Any], info: ModelInfo, quirks: Quirks) -> None:
    """Refuse what this model refuses.

    Raises:
        Refusal: 400; 500 for what the model was seen to fail at.
    """
    _check_parameters(body, info)
    if "tools" in body and info.tools is False:
        raise Refusal(400, f"model {info.id!r} does not support tools")
    both = "max_tokens" in body and "max_completion_tokens" in body
    if (quirks.refuse_both_max_tokens and both) or (quirks.refuse_max_tokens and "max_tokens" in body):
        raise Refusal(400, "Unsupported parameter: use 'max_completion_tokens' and not 'max_tokens'")
    if any(kind == "image_url" for kind in part_kinds(body)):
        _check_images(info, quirks)


def _check_parameters(body: Mapping[str, Any], info: ModelInfo) -> None:
    for name in info.failing:
        if name in body:
            raise Refusal(500, "Server Error.", "server_error")
    for name in info.refused_parameters:
        if name in body:
            raise Refusal(400, f"Unsupported parameter: {name!r} is not supported with model {info.id!r}")
    for name, value in info.refused_values:
        if body.get(name) == value:
            raise Refusal(400, f"Unsupported value: {name!r} of model {info.id!r} cannot be {value!r}")
    effort = body.get("reasoning_effort") or (body.get("reasoning") or {}).get("effort")
    if effort is not None and info.reasoning_efforts and effort not in info.reasoning_efforts:
        known = ", ".join(info.reasoning_efforts)
        raise Refusal(400, f"reasoning_effort must be one of {known} for model {info.id!r}, not {effort!r}")
    if "prompt_cache_retention" in body and info.cache_retention is False:
        raise Refusal(400, f"Unsupported parameter: 'prompt_cache_retention' with model {info.id!r}")
    if info.temperature is False and body.get("temperature", 1) != 1:
        raise Refusal(400, f"Unsupported value: 'temperature' of model {info.id!r} can only be 1")


def _check_images(info: ModelInfo, quirks: Quirks) -> None:
    if info.images_on_chat is False and not quirks.claude_images:
        raise Refusal(400, f"model {info.id!r} takes images on /v1/messages, not on chat completions")
    if info.vision is False:
        raise Refusal(400, f"model {info.id!r} does not take images")


def part_kinds(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the type of every content part of a chat request."""
    for message in body["messages"]:
        content = message.get("content")
        for part in content if isinstance(content, list) else [content]:
            if isinstance(part, dict):
                yield part["type"]
