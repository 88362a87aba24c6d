"""LangChain's messages as the API's messages.

    system, developer <- SystemMessage        assistant <- AIMessage, AIMessageChunk
    user              <- HumanMessage         tool      <- ToolMessage, and Anthropic's tool_result blocks

Reasoning goes back as `reasoning_content`, once, however often a message holds it. Signed and encrypted reasoning and
the calls of the API's own tools go back unread; the client sends those that the request's API and model know. Tool
calls are read from `tool_calls` and `invalid_tool_calls`; blocks that repeat them are skipped. Of what other providers
put into their answers (traces of tools that they ran, generated images) nothing is sent; a debug line says so. A
message's `name` is sent where the API takes it. A ToolMessage's `status` and `artifact` have no field in this API:
tools say in their text what went wrong.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

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
from inference_do._adapters.call_results import NoArguments
from inference_do._adapters.histories import call_arguments, send_reasoning

from ._content import block_type, is_text, is_untyped_image, result_parts, wire_parts, with_image_type
from ._opaque import is_opaque, opaque_parts

__all__ = ["readable_by_core", "to_wire"]

logger = logging.getLogger("inference_do")

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
ROLES = {
    "human": "user",
    "user": "user",
    "ai": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "system": "system",
    "developer": "developer",
}
REASONING = frozenset({"reasoning", "thinking", "reasoning_content"})
CALLS = frozenset(
    {"tool_call", "tool_call_chunk", "invalid_tool_call", "tool_use", "input_json_delta", "function_call"}
)

SERVER_TOOLS = frozenset({"server_tool_call", "server_tool_result"})
"""Of the API's own tools; those of this API go back as they came (`_opaque`)."""


def to_wire(
    messages: Sequence[BaseMessage],
    *,
    cache_control: bool = False,
    file_urls: bool = False,
    reasoning: bool | str = True,
) -> list[dict[str, Any]]:
    """Return the messages in the API's form.

    Args:
        messages: The conversation.
        cache_control: Whether the model takes `cache_control` on text parts (DigitalOcean: Anthropic's models do).
        file_urls: Whether the API takes a file by its URL.
        reasoning: Whether the reasoning of answers goes along, or the name to send it under.

    Raises:
        ConfigError: A message or block has no form in this API.
    """
    readers = Readers(
        partial(wire_parts, cache_control=cache_control, file_urls=file_urls),
        partial(result_parts, cache_control=cache_control, file_urls=file_urls),
    )
    wire = [
        sent for position, message in enumerate(messages) for sent in _wire(message, f"messages[{position}]", readers)
    ]
    send_reasoning(wire, reasoning)
    if not reasoning:
        for sent in wire:
            sent.pop("reasoning_details", None)
    return wire


def readable_by_core(messages: list[BaseMessage]) -> list[BaseMessage]:
    """Return the messages without what core itself fails on before it asks this package.

    Those are blocks whose `type` is no text, and images without a type, as langchain-openai keeps generated ones.

    Raises:
        ConfigError: A message of the user or the system has a block whose `type` is no text.
    """
    readable = [
        message
        if isinstance(message.content, str) or all(map(_is_readable, message.content))
        else _readable(message, f"messages[{position}]")
        for position, message in enumerate(messages)
    ]
    return readable if any(new is not old for new, old in zip(readable, messages, strict=True)) else messages


def _is_readable(block: Any) -> bool:
    return isinstance(block, str) or (block_type(block) != "" and not is_untyped_image(block))


def _readable(message: BaseMessage, where: str) -> BaseMessage:
    content: list[Any] = []
    for place, block in enumerate(message.content):
        if _is_readable(block):
            content.append(block)
        elif is_untyped_image(block):
            content.append(with_image_type(block))
        elif isinstance(message, ToolMessage):
            content += result_parts(block, where=f"{where}.content[{place}]")
        elif not isinstance(message, AIMessage):
            wire_parts(block, where=f"{where}.content[{place}]")  # it says what is wrong
    return message.model_copy(update={"content": content})


Read = Callable[..., list[dict[str, Any]]]


class Readers(NamedTuple):
    """What reads a block: one of a message, and one of a tool's result, which takes any."""

    content: Read
    result: Read


def _wire(message: BaseMessage, where: str, readers: Readers) -> Iterator[dict[str, Any]]:
    match message:
        case SystemMessage():
            developer = message.additional_kwargs.get("__openai_role__") == "developer"
            role = "developer" if developer else "system"
            yield _named({"role": role, "content": _content(message.content, where, readers.content)}, message)
        case HumanMessage():
            yield from _user(message, where, readers)
        case AIMessage():
            yield _assistant(message, where, readers)
        case ToolMessage():
            yield _result(message.tool_call_id, message.content, where, readers)
        case ChatMessage():
            yield _chat(message, where, readers)
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


def _content(content: Any, where: str, read: Read) -> str | list[dict[str, Any]]:
    """Return text, or a list of parts; a single plain text part is text, which every model takes."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else [content]
    return _plainest(
        [part for place, block in enumerate(blocks) for part in read(block, where=f"{where}.content[{place}]")]
    )


def _result(id_: str, content: Any, where: str, readers: Readers) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id_, "content": _content(content, where, readers.result)}


def _plainest(parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    match parts:
        case []:
            return ""
        case [{"type": "text", "text": str() as text, **rest}] if not rest:
            return text
        case _:
            return parts


def _user(message: HumanMessage, where: str, readers: Readers) -> Iterator[dict[str, Any]]:
    """Yield a user message, after the tool results that Anthropic's form puts into it."""
    content = message.content
    if isinstance(content, str):
        yield _named({"role": "user", "content": content}, message)
        return
    parts: list[dict[str, Any]] = []
    has_results = False
    for place, block in enumerate(content):
        at = f"{where}.content[{place}]"
        match block:
            case {"type": "tool_result", "tool_use_id": str() as id_, **rest}:
                has_results = True
                yield _result(id_, rest.get("content") or "", at, readers)
            case _:
                parts += readers.content(block, where=at)
    if parts or not has_results:
        yield _named({"role": "user", "content": _plainest(parts)}, message)


def _chat(message: ChatMessage, where: str, readers: Readers) -> dict[str, Any]:
    extra = message.additional_kwargs
    if message.role.lower() == "tool" and isinstance(id_ := extra.get("tool_call_id"), str):
        return _result(id_, message.content, where, readers)
    role = ROLES.get(message.role.lower())
    if role is None:
        reason = f"{where}: {message.role!r} is no role of this API ({', '.join(sorted(set(ROLES.values())))})"
        raise ConfigError(reason)
    if role == "assistant":  # it may hold calls and reasoning, as an AIMessage does
        return _assistant(AIMessage(message.content, additional_kwargs=extra, name=message.name), where, readers)
    return _named({"role": role, "content": _content(message.content, where, readers.content)}, message)


# --- assistant ---


def _assistant(message: AIMessage, where: str, readers: Readers) -> dict[str, Any]:
    content, thoughts, refusal = _answer(message, where, readers)
    wire: dict[str, Any] = {"role": "assistant", "content": content}
    if calls := _calls(message, where):
        wire["tool_calls"] = calls
    if refusal:
        wire["refusal"] = refusal
    if thoughts is not None:
        wire["reasoning_content"] = thoughts
    wire.update(opaque_parts(message.content, message.additional_kwargs))
    if not content and (calls or refusal):
        wire["content"] = None
    return _named(wire, message)


def _answer(message: AIMessage, where: str, readers: Readers) -> tuple[str | list[dict[str, Any]], str | None, str]:
    """Return an answer's content, its reasoning, and what the model said when it refused."""
    extra = message.additional_kwargs
    refusal = text if isinstance(text := extra.get("refusal"), str) else ""
    if isinstance(message.content, str):
        return message.content, _kept_reasoning(extra), refusal
    parts: list[dict[str, Any]] = []
    reasoning = ""
    for place, block in enumerate(message.content):
        match _unwrapped(block):
            case {"type": "refusal", "refusal": str() as refusal}:
                pass
            case inner if inner is not block and is_opaque(inner):
                pass
            case {"type": str() as kind} as inner if kind in REASONING:
                reasoning += _thoughts(inner)
            case {"type": str() as kind} if kind in CALLS or kind in SERVER_TOOLS:
                pass
            case inner if is_text(inner):
                parts += readers.content(inner, where=f"{where}.content[{place}]")
            case inner:
                shown = block_type(inner)
                logger.warning("%s.content[%d]: %r of an answer has no form here and is left out", where, place, shown)
    return _plainest(parts), reasoning or _kept_reasoning(extra), refusal


def _unwrapped(block: Any) -> Any:
    is_wrapped = isinstance(block, Mapping) and block.get("type") == "non_standard"
    return block["value"] if is_wrapped and isinstance(block.get("value"), Mapping) else block


THOUGHTS = ("reasoning", "thinking", "reasoning_content", "text", "summary", "content")
"""Where blocks of reasoning keep it: as text, as a list of texts, or one level further down."""


def _thoughts(value: Any) -> str:
    match value:
        case str():
            return value
        case list():
            return "".join(map(_thoughts, value))
        case Mapping():
            return next((text for name in THOUGHTS if (text := _thoughts(value.get(name)))), "")
        case _:
            return ""


def _kept_reasoning(extra: Mapping[str, Any]) -> str | None:
    """Return reasoning that stands beside the content; an empty one too, which some models want back."""
    kept = extra.get("reasoning_content")
    return kept if isinstance(kept, str) else _thoughts([extra.get(name) for name in REASONING]) or None


def _calls(message: AIMessage, where: str) -> list[dict[str, Any]]:
    """Return the message's tool calls; those that only blocks hold count as well."""
    both: tuple[Mapping[str, Any], ...] = (*message.tool_calls, *message.invalid_tool_calls)
    calls = [(call["id"], call["name"], call["args"]) for call in both]
    cut = {call["id"] for call in message.invalid_tool_calls if not (call["args"] or "").strip()}
    seen = {id_ for id_, _, _ in calls}
    for block in message.content if isinstance(message.content, list) else ():
        match block:
            case {"type": "tool_call" | "tool_use", "id": str() as id_, "name": name, **rest} if id_ not in seen:
                calls.append((id_, name, rest.get("args") or rest.get("input")))
            case {"type": "function_call", "call_id": str() as id_, "name": name, **rest} if id_ not in seen:
                calls.append((id_, name, rest.get("arguments")))
    if not calls and "function_call" in message.additional_kwargs:
        reason = f"{where}: this API has no function_call; write it as one of tool_calls"
        raise ConfigError(reason)
    sent = [_call(*call, where) for call in calls]
    for call in sent:
        if call["id"] in cut:
            call["function"]["arguments"] = NoArguments()
    return sent


def _call(id_: str | None, name: str | None, arguments: Any, where: str) -> dict[str, Any]:
    if not id_:
        reason = f"{where}: the call of tool {name!r} has no id, and its result could not be matched"
        raise ConfigError(reason)
    function = {"name": name or "unknown", "arguments": call_arguments(arguments)}
    return {"id": id_, "type": "function", "function": function}
