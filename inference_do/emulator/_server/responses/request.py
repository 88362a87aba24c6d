"""What a request must look like: its fields, their types and ranges; it becomes a canonical request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inference_do.emulator._http import Refusal
from inference_do.emulator._server.chat.request import CHECKS as CHAT
from inference_do.emulator._server.fields import (
    BOOLEAN,
    OBJECT,
    STRING,
    Check,
    check_object,
    integer,
    number,
    one_of,
    text_list,
)
from inference_do.emulator._server.fields import accept_anything as anything

from .family import ENCRYPTED, default_effort, is_openai
from .items import check_input, messages_of
from .tools import ResponsesTools, tools_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference_do.models import ModelInfo

    from .store import StoredResponses

LOGPROBS = "message.output_text.logprobs"
INCLUDES = frozenset(
    {
        ENCRYPTED,
        LOGPROBS,
        "message.input_image.image_url",
        "web_search_call.action.sources",
        "web_search_call.results",
        "file_search_call.results",
        "code_interpreter_call.outputs",
        "computer_call_output.output.image_url",
    }
)
LEAST_OUTPUT = 16
"""The smallest `max_output_tokens` that OpenAI takes."""
MOVED = {
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
    "messages": "input",
}
"""Fields of chat completions, and where they are here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsesRequest:
    """A request that was checked."""

    chat: dict[str, Any]
    """The canonical request."""
    items: list[Any]
    """The whole conversation so far."""
    effort: str | None
    tools: ResponsesTools


def read_request(
    body: Mapping[str, Any], info: ModelInfo, stored: StoredResponses, *, allow_unknown: bool
) -> ResponsesRequest:
    """Check a request.

    Raises:
        Refusal: 400, with what is wrong first.
    """
    _check_fields(body, allow_unknown=allow_unknown)
    _check_family(body, info)
    items = check_input(body["input"])
    if (earlier := body.get("previous_response_id")) is not None:
        before = stored.conversation(earlier)
        if before is None:
            raise Refusal(400, f"Previous response with id '{earlier}' not found.")
        items = [*before, *items]
    messages, updated = messages_of(items, info, stored)
    effort = updated or (body.get("reasoning") or {}).get("effort") or default_effort(info)
    tools = tools_of(body, info)
    if body.get("instructions"):
        messages.insert(0, {"role": "system", "content": body["instructions"]})
    _check_json_word(body, messages)
    chat = _canonical(body, messages, tools, effort)
    return ResponsesRequest(chat=chat, items=items, effort=effort, tools=tools)


def _check_fields(body: Mapping[str, Any], *, allow_unknown: bool) -> None:
    for name, value in body.items():
        check = CHECKS.get(name)
        if name in MOVED:
            raise Refusal(
                400, f"Unsupported parameter: '{name}'. In the Responses API, it has moved to '{MOVED[name]}'."
            )
        if check is None and not allow_unknown:
            raise Refusal(400, f"Unknown parameter: '{name}'.")
        if value is None and not allow_unknown:
            raise Refusal(400, f"Invalid type for '{name}': it must not be null; leave it out instead.")
        if check is not None and value is not None:
            check(name, value)
    if body.get("input") is None:
        raise Refusal(400, "Missing required parameter: 'input'.")
    if "stream_options" in body and not body.get("stream"):
        raise Refusal(400, "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
    if "top_logprobs" in body and LOGPROBS not in body.get("include", ()):
        raise Refusal(400, f"'top_logprobs' needs '{LOGPROBS}' in 'include'.")


def _check_family(body: Mapping[str, Any], info: ModelInfo) -> None:
    """Refuse what OpenAI refuses of its own models."""
    if not is_openai(info):
        return
    limit = body.get("max_output_tokens", LEAST_OUTPUT)
    if limit < LEAST_OUTPUT:
        raise Refusal(
            400,
            f"Invalid 'max_output_tokens': integer below minimum value. Expected a value >= {LEAST_OUTPUT}, but got "
            f"{limit} instead.",
        )
    if not info.reasoning and ENCRYPTED in body.get("include", ()):
        raise Refusal(400, "Encrypted content is not supported with this model.")
    for key in body.get("reasoning") or () if not info.reasoning else ():
        raise Refusal(400, f"Unsupported parameter: 'reasoning.{key}' is not supported with this model.")


def _check_json_word(body: Mapping[str, Any], messages: list[dict[str, Any]]) -> None:
    wanted = (body.get("text") or {}).get("format") or {}
    if wanted.get("type") == "json_object" and "json" not in str(messages).casefold():
        raise Refusal(
            400, "The input must contain the word 'json' in some form to use 'text.format' of type 'json_object'."
        )


def _canonical(
    body: Mapping[str, Any], messages: list[dict[str, Any]], tools: ResponsesTools, effort: str | None
) -> dict[str, Any]:
    chat = {name: body[name] for name in SAME if name in body}
    chat["messages"] = messages
    if tools.tools:
        chat |= {"tools": tools.tools, "tool_choice": tools.choice}
        if "parallel_tool_calls" in body:
            chat["parallel_tool_calls"] = body["parallel_tool_calls"]
    if "max_output_tokens" in body:
        chat["max_completion_tokens"] = body["max_output_tokens"]
    if effort is not None:
        chat["reasoning_effort"] = effort
    if LOGPROBS in body.get("include", ()):
        chat |= {"logprobs": True, "top_logprobs": body.get("top_logprobs", 0)}
    wanted = (body.get("text") or {}).get("format")
    if wanted is not None:
        chat["response_format"] = nested_format(wanted)
    return chat


SAME = ("model", "temperature", "top_p", "stop", "user", "metadata", "prompt_cache_retention")


def nested_format(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form of an answer as chat completions have it."""
    if flat.get("type") != "json_schema":
        return dict(flat)
    return {"type": "json_schema", "json_schema": {key: value for key, value in flat.items() if key != "type"}}


def _format(name: str, value: Any) -> None:
    OBJECT(name, value)
    CHAT["response_format"](name, nested_format(value))


def _text(name: str, value: Any) -> None:
    check_object(value, {"format": _format, "verbosity": one_of("low", "medium", "high")}, name)


def _reasoning(name: str, value: Any) -> None:
    summaries = one_of("auto", "concise", "detailed")
    check_object(value, {"effort": STRING, "summary": summaries, "generate_summary": summaries}, name)


def _include(name: str, value: Any) -> None:
    text_list()(name, value)
    for item in value:
        if item not in INCLUDES:
            raise Refusal(
                400, f"Invalid value: '{item}'. Supported values of '{name}' are: {', '.join(sorted(INCLUDES))}."
            )


CHECKS: Mapping[str, Check] = {
    "model": STRING,
    "input": anything,
    "instructions": STRING,
    "max_output_tokens": integer(1),
    "max_tool_calls": integer(1),
    "metadata": CHAT["metadata"],
    "stop": CHAT["stop"],
    "stream": BOOLEAN,
    "stream_options": CHAT["stream_options"],
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "top_logprobs": integer(0, 20),
    "tool_choice": anything,
    "tools": anything,
    "parallel_tool_calls": BOOLEAN,
    "user": STRING,
    "store": BOOLEAN,
    "include": _include,
    "reasoning": _reasoning,
    "text": _text,
    "previous_response_id": STRING,
    "prompt_cache_key": STRING,
    "prompt_cache_retention": one_of("in_memory", "24h"),
    "safety_identifier": STRING,
    "service_tier": one_of("auto", "default", "flex", "priority"),
    "truncation": one_of("auto", "disabled"),
    "background": one_of(False),
}
