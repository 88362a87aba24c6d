"""LangChain's messages as the API's messages.

    system, developer <- SystemMessage        assistant <- AIMessage, AIMessageChunk
    user              <- HumanMessage         tool      <- ToolMessage, and Anthropic's tool_result blocks

Reasoning goes back as `reasoning_content`, once, however often a message holds it. Tool calls are read from
`tool_calls` and `invalid_tool_calls`; blocks that repeat them are skipped. A message's `name` is sent where the API
takes it. A ToolMessage's `status` and `artifact` have no field in this API: tools say in their text what went wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from inference_do import ConfigError

from ._content import wire_part

__all__ = ["to_wire"]

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
ROLES = {
    "human": "user",
    "user": "user",
    "ai": "assistant",
    "assistant": "assistant",
    "system": "system",
    "developer": "developer",
}
REASONING = {"reasoning": "reasoning", "thinking": "thinking", "reasoning_content": "reasoning_content"}
CALLS = frozenset(
    {"tool_call", "tool_call_chunk", "invalid_tool_call", "tool_use", "input_json_delta", "function_call"}
)
ENCRYPTED = frozenset({"redacted_thinking"})
"""Blocks that only the API that made them can read."""


def to_wire(
    messages: Sequence[BaseMessage], *, cache_control: bool = False, reasoning: bool | str = True
) -> list[dict[str, Any]]:
    """Return the messages in the API's form.

    Args:
        messages: The conversation.
        cache_control: Whether the model takes `cache_control` on text parts (DigitalOcean: Anthropic's models do).
        reasoning: Whether the reasoning of answers goes along, or the name to send it under.

    Raises:
        ConfigError: A message or block has no form in this API.
    """

    def part(block: Any, where: str) -> dict[str, Any]:
        return wire_part(block, where=where, cache_control=cache_control)

    wire: list[dict[str, Any]] = []
    for position, message in enumerate(messages):
        wire.extend(_wire(message, f"messages[{position}]", part))
    if reasoning is not True:
        for sent in wire:
            if (text := sent.pop("reasoning_content", None)) and reasoning:
                sent[reasoning] = text
    return wire


Part = Callable[[Any, str], dict[str, Any]]

write_json = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps would make an encoder for each call


def _wire(message: BaseMessage, where: str, part: Part) -> Iterator[dict[str, Any]]:
    match message:
        case SystemMessage():
            role = message.additional_kwargs.get("__openai_role__") or "system"
            yield _named({"role": role, "content": _content(message.content, where, part)}, message)
        case HumanMessage():
            yield from _user(message, where, part)
        case AIMessage():
            yield _assistant(message, where, part)
        case ToolMessage():
            yield {
                "role": "tool",
                "tool_call_id": message.tool_call_id,
                "content": _content(message.content, where, part),
            }
        case ChatMessage():
            yield _chat(message, where, part)
        case FunctionMessage():
            reason = f"{where}: this API has no role for a FunctionMessage; use a ToolMessage with the call's id"
            raise ConfigError(reason)
        case RemoveMessage():
            reason = f"{where} is a RemoveMessage, an order to a store of messages: it must not reach a model"
            raise ConfigError(reason)
        case _:
            reason = f"{where}: a {type(message).__name__} has no role in this API"
            raise ConfigError(reason)


def _named(wire: dict[str, Any], message: BaseMessage) -> dict[str, Any]:
    if message.name and NAME.fullmatch(message.name):
        wire["name"] = message.name
    return wire


def _content(content: Any, where: str, part: Part) -> str | list[dict[str, Any]]:
    """Return text, or a list of parts; a single plain text part is text, which every model takes."""
    if isinstance(content, str):
        return content
    parts = [part(block, f"{where}.content[{place}]") for place, block in enumerate(content)]
    return _plainest(parts)


def _plainest(parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    match parts:
        case []:
            return ""
        case [{"type": "text", "text": str() as text, **rest}] if not rest:
            return text
        case _:
            return parts


def _user(message: HumanMessage, where: str, part: Part) -> Iterator[dict[str, Any]]:
    """Yield a user message, after the tool results that Anthropic's form puts into it."""
    content = message.content
    if isinstance(content, str):
        yield _named({"role": "user", "content": content}, message)
        return
    parts: list[dict[str, Any]] = []
    results = 0
    for place, block in enumerate(content):
        at = f"{where}.content[{place}]"
        match block:
            case {"type": "tool_result", "tool_use_id": str() as id_, **rest}:
                results += 1
                yield {"role": "tool", "tool_call_id": id_, "content": _content(rest.get("content") or "", at, part)}
            case _:
                parts.append(part(block, at))
    if parts or not results:
        yield _named({"role": "user", "content": _plainest(parts)}, message)


def _chat(message: ChatMessage, where: str, part: Part) -> dict[str, Any]:
    role = ROLES.get(message.role.lower())
    if role is None:
        reason = f"{where}: {message.role!r} is no role of this API ({', '.join(sorted(set(ROLES.values())))})"
        raise ConfigError(reason)
    return _named({"role": role, "content": _content(message.content, where, part)}, message)


# --- assistant ---


def _assistant(message: AIMessage, where: str, part: Part) -> dict[str, Any]:
    text = message.content if isinstance(message.content, str) else None
    parts: list[dict[str, Any]] = []
    reasoning: list[str] = []
    refusal = message.additional_kwargs.get("refusal")
    for place, block in enumerate(message.content if text is None else ()):
        match block:
            case {"type": "refusal", "refusal": str() as refusal} | {
                "type": "non_standard",
                "value": {"type": "refusal", "refusal": str() as refusal},
            }:
                pass
            case {"type": str() as kind, **rest} if kind in REASONING:
                reasoning.append(_thoughts(rest.get(REASONING[kind]), rest.get("summary")))
            case {"type": str() as kind} if kind in CALLS or kind in ENCRYPTED:
                pass
            case _:
                parts.append(part(block, f"{where}.content[{place}]"))
    wire: dict[str, Any] = {"role": "assistant", "content": _plainest(parts) if text is None else text}
    if calls := _calls(message, where):
        wire["tool_calls"] = calls
    if refusal:
        wire["refusal"] = refusal
    if thoughts := "".join(reasoning) or _kept_reasoning(message):
        wire["reasoning_content"] = thoughts
    if not wire["content"] and (calls or refusal):
        wire["content"] = None
    return _named(wire, message)


def _thoughts(text: Any, summary: Any) -> str:
    if isinstance(text, str):
        return text
    items = summary if isinstance(summary, list) else []
    return "".join(item["text"] for item in items if isinstance(item, Mapping) and isinstance(item.get("text"), str))


def _kept_reasoning(message: AIMessage) -> str:
    text = message.additional_kwargs.get("reasoning_content")
    return text if isinstance(text, str) else ""


def _calls(message: AIMessage, where: str) -> list[dict[str, Any]]:
    """Return the message's tool calls; those that only blocks hold count as well."""
    both: tuple[Mapping[str, Any], ...] = (*message.tool_calls, *message.invalid_tool_calls)
    calls = [(call["id"], call["name"], call["args"]) for call in both]
    seen = {id_ for id_, _, _ in calls}
    for block in message.content if isinstance(message.content, list) else ():
        match block:
            case {"type": "tool_call" | "tool_use", "id": id_, "name": name, **rest} if id_ not in seen:
                calls.append((id_, name, rest.get("args") or rest.get("input") or {}))
    if not calls and "function_call" in message.additional_kwargs:
        reason = f"{where}: this API has no function_call; write it as one of tool_calls"
        raise ConfigError(reason)
    return [_call(*call, where) for call in calls]


def _call(id_: str | None, name: str | None, arguments: Any, where: str) -> dict[str, Any]:
    if not id_:
        reason = f"{where}: the call of tool {name!r} has no id, and its result could not be matched"
        raise ConfigError(reason)
    return {"id": id_, "type": "function", "function": {"name": name or "unknown", "arguments": _as_json(arguments)}}


def _as_json(arguments: Any) -> str:
    """Return arguments as JSON text of an object; text that is none is kept inside one, so that the API takes it."""
    if isinstance(arguments, str):
        try:
            parsed = json.loads(arguments or "{}")
        except ValueError:
            parsed = None
        arguments = parsed if isinstance(parsed, dict) else {"invalid_json": arguments}
    return write_json(arguments or {})
