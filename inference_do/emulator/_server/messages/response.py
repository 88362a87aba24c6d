"""The message object, and the usage in it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from .family import is_anthropic, own_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference_do.emulator._server.completion import Completion
    from inference_do.emulator._server.searches import Search
    from inference_do.models import ModelInfo

    from .content import Block, Written

REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


def message_of(
    completion: Completion,
    info: ModelInfo,
    written: list[Written],
    search: Search | None,
    *,
    has_long_marks: bool,
    is_stream: bool,
) -> Block:
    """Return the message at its end.

    Args:
        completion: The completion.
        info: The model.
        written: The blocks.
        search: The search that the model made.
        has_long_marks: Whether what was cached stays for an hour.
        is_stream: Whether the message is streamed: gateways give ids of another kind then.
    """
    answer = completion.answers[0]
    reason = "stop_sequence" if answer.stop_sequence and answer.finish == "stop" else None
    is_refusal = bool(answer.extra.get("refusal")) and answer.finish == "stop"
    reason = reason or ("refusal" if is_refusal else REASONS.get(answer.finish, answer.finish))
    message: Block = {
        "id": _id(completion, info, is_stream=is_stream),
        "type": "message",
        "role": "assistant",
        "model": own_id(info) if is_anthropic(info) else completion.model,
        "content": [one.block for one in written],
        "stop_reason": reason,
        "stop_sequence": answer.stop_sequence if reason == "stop_sequence" else None,
        "stop_details": {"type": "refusal", "category": None, "explanation": None} if reason == "refusal" else None,
        "usage": usage_of(completion.usage, info, has_long_marks=has_long_marks),
    }
    if is_anthropic(info):
        message |= {"container": None, "diagnostics": None}
        if search is not None:
            message["usage"]["server_tool_use"] = {"web_search_requests": 1}
    return message | dict(completion.extra)


def _id(completion: Completion, info: ModelInfo, *, is_stream: bool) -> str:
    hexes = completion.id.removeprefix("chatcmpl-")
    if is_anthropic(info):
        return f"msg_01{hexes[:22]}"
    return f"msg_{uuid.UUID(hexes)}" if is_stream else f"chatcmpl-{hexes}"


def usage_of(usage: Mapping[str, Any], info: ModelInfo, *, has_long_marks: bool) -> Block:
    """Return canonical usage as this wire counts: cached tokens are beside the input.

    Scripted usage under this wire's own names stays as it is.
    """
    if "input_tokens" in usage:
        return dict(usage)
    read, created = usage.get("cache_read_input_tokens", 0), usage.get("cache_created_input_tokens", 0)
    counted: Block = {
        "input_tokens": usage.get("prompt_tokens", 0),
        "cache_creation_input_tokens": created,
        "cache_read_input_tokens": read,
        "output_tokens": usage.get("completion_tokens", 0),
    }
    if not is_anthropic(info):
        return counted
    names = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
    thinking = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens", 0)
    return counted | {
        "cache_creation": dict(zip(names, (0, created) if has_long_marks else (created, 0), strict=True)),
        "output_tokens_details": {"thinking_tokens": thinking},
        "inference_geo": "not_available",
        "service_tier": "standard",
    }
