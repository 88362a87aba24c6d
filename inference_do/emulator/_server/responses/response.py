"""The response object, whole or as the events of a stream carry it."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from .family import is_openai

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inference_do.emulator._server.completion import Completion
    from inference_do.models import ModelInfo

    from .output import Item
    from .request import ResponsesRequest

INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def response_of(
    completion: Completion,
    asked: ResponsesRequest,
    body: Mapping[str, Any],
    info: ModelInfo,
    output: Sequence[Item],
) -> Item:
    """Return the response object at its end."""
    finish = completion.answers[0].finish
    status = "incomplete" if finish in INCOMPLETE else "failed" if finish in {"error", "failed"} else "completed"
    response = begun_response(completion, asked, body, info)
    response |= {"status": status, "output": list(output), "usage": usage_of(completion.usage, info)}
    if status == "incomplete":
        response["incomplete_details"] = {"reason": INCOMPLETE[finish]}
    if status == "failed":
        response["error"] = {"code": "server_error", "message": "The model failed while answering."}
    if status == "completed" and is_openai(info):
        response["completed_at"] = completion.created
    return response | dict(completion.extra)


def begun_response(completion: Completion, asked: ResponsesRequest, body: Mapping[str, Any], info: ModelInfo) -> Item:
    """Return the response object as a stream begins with it: instructions and tools are in it each time."""
    reasoning = body.get("reasoning") or {}
    response: Item = {
        "id": response_id(completion.id, info),
        "object": "response",
        "created_at": completion.created,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "max_tool_calls": body.get("max_tool_calls"),
        "metadata": body.get("metadata", {}),
        "model": completion.model,
        "output": [],
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "previous_response_id": body.get("previous_response_id"),
        "reasoning": {"effort": asked.effort, "summary": reasoning.get("summary"), "context": None, "mode": None},
        "service_tier": "default",
        "store": body.get("store", True),
        "temperature": body.get("temperature", 1.0),
        "text": body.get("text") or ({"format": {"type": "text"}, "verbosity": "medium"} if is_openai(info) else None),
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": [_echoed(tool) for tool in body.get("tools", ())],
        "top_p": body.get("top_p", 1.0),
        "truncation": body.get("truncation", "disabled"),
        "usage": None,
        "user": body.get("user"),
    }
    if is_openai(info):
        key = hashlib.sha256(info.id.encode()).hexdigest()[:32]
        return response | {
            "completed_at": None,
            "moderation": None,
            "prompt_cache_key": body.get("prompt_cache_key", key),
            "prompt_cache_retention": body.get("prompt_cache_retention", "in_memory"),
            "safety_identifier": body.get("safety_identifier"),
            "tool_usage": {"image_gen": None, "web_search": {"num_requests": 0}},
        }
    return response | dict.fromkeys(
        ("kv_transfer_params", "ec_transfer_params", "input_messages", "output_messages"), None
    )


def _echoed(tool: Mapping[str, Any]) -> Item:
    """Return a tool as the response repeats it: strict is on unless the request turned it off."""
    return {"strict": True, **tool} if tool.get("type") == "function" else dict(tool)


def response_id(completion: str, info: ModelInfo) -> str:
    """Return an id as the gateway makes it: long, opaque, and it may end in `=`."""
    provider = "openai" if is_openai(info) else "hosted_vllm"
    routing = f"litellm:custom_llm_provider:{provider};model_id:{info.id};response_id:{completion}"
    return f"resp_{base64.b64encode(routing.encode()).decode()}"


def usage_of(usage: Mapping[str, Any], info: ModelInfo) -> Item:
    """Return canonical usage as this wire counts: cached tokens are in the input, and reasoning is in the output.

    Scripted usage under this wire's own names stays as it is.
    """
    if "input_tokens" in usage:
        return dict(usage)
    read, written = usage.get("cache_read_input_tokens", 0), usage.get("cache_created_input_tokens", 0)
    prompt = usage.get("prompt_tokens", 0)
    output = usage.get("completion_tokens", 0)
    input_details: Item = {"cached_tokens": (usage.get("prompt_tokens_details") or {}).get("cached_tokens", read)}
    output_details: Item = {
        "reasoning_tokens": (usage.get("completion_tokens_details") or {}).get("reasoning_tokens", 0)
    }
    if is_openai(info):
        input_details["cache_write_tokens"] = written
    else:
        input_details["cached_tokens_per_turn"] = []
        output_details["tool_output_tokens"] = 0
    return {
        "input_tokens": prompt,
        "input_tokens_details": input_details,
        "output_tokens": output,
        "output_tokens_details": output_details,
        "total_tokens": usage.get("total_tokens", prompt + output),
        "cost": None,
    }
