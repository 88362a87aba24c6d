"""What is known of a model, as LangChain's profile.

Agents choose by it how to ask for structured output, and when to summarize.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

from langchain_core.language_models.model_profile import ModelProfile

from inference_do import ModelInfo, model_info

__all__ = ["is_known", "profile_of"]

KNOWN = frozenset(ModelProfile.__annotations__)


def profile_of(model: str) -> ModelProfile | None:
    """Return a model's profile; None for a model of which nothing is known. What is not known is left out."""
    info = model_info(model)
    if not info.is_known:
        return None
    efforts = {"reasoning_effort_levels": list(info.reasoning_efforts)} if info.reasoning_efforts else {}
    return cast("ModelProfile", {**_known_facts(info), **efforts})


def is_known(profile: object) -> bool:
    """Return whether core knows everything that a profile has."""
    return profile is None or (isinstance(profile, dict) and profile.keys() <= KNOWN)


@lru_cache(maxsize=64)
def _known_facts(info: ModelInfo) -> dict[str, Any]:
    return {name: value for name, value in _facts(info).items() if value is not None and name in KNOWN}


def _facts(info: ModelInfo) -> dict[str, Any]:
    return {
        "status": info.status,
        "max_input_tokens": info.usable_context,
        "max_output_tokens": info.max_output_tokens,
        "text_inputs": "text" in info.input_modalities if info.input_modalities else None,
        "image_inputs": info.vision,
        "image_url_inputs": info.vision,
        "pdf_inputs": "pdf" in info.input_modalities if info.input_modalities else None,
        "audio_inputs": "audio" in info.input_modalities if info.input_modalities else None,
        "video_inputs": "video" in info.input_modalities if info.input_modalities else None,
        "text_outputs": "text" in info.output_modalities if info.output_modalities else None,
        "image_outputs": "image" in info.output_modalities if info.output_modalities else None,
        "audio_outputs": "audio" in info.output_modalities if info.output_modalities else None,
        "reasoning_output": info.reasoning,
        "tool_calling": info.tools,
        "tool_choice": info.tools,
        "tool_call_streaming": info.tools,
        "structured_output": info.structured_output,
        "temperature": info.temperature,
    }
