"""Chat messages of LlamaIndex as the API's messages.

Each message becomes one of the wire, with these exceptions, all of which providers behind the API insist on:

1. Every tool call is answered right after it. A call whose result is missing (an interrupted run, a memory that was
   cut) gets a result that says so; a result whose call is missing is sent as the user's text. Both are logged.
2. Results are text. Images and files in them follow in a message of the user, after the last result.
3. Names of tools are altered where the API does not take them (`_tools.py`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole, ThinkingBlock, ToolCallBlock

from inference_do._adapters.call_results import INVALID
from inference_do._adapters.tool_names import wire_name
from inference_do.errors import ConfigError
from inference_do.models import model_info

from ._parts import Part, content_of, parts_of
from ._tools import parsed_arguments

__all__ = ["to_wire"]

ROLES: Mapping[str, str] = {"chatbot": "assistant", "model": "assistant", "function": "tool"}
"""Other names that LlamaIndex has for the API's roles."""

MEDIA_ROLES = frozenset({"user", "tool"})
BESIDE_CONTENT = (ThinkingBlock, ToolCallBlock)
NO_RESULT = "No result was recorded for this call."

logger = logging.getLogger("llamaindex_do")

Wire = dict[str, Any]


def to_wire(messages: Sequence[ChatMessage], model: str) -> list[Wire]:
    """Return the messages as the API takes them; those given stay as they are.

    Args:
        messages: The conversation.
        model: The model it goes to: only Anthropic's take cache points.

    Raises:
        ConfigError: A block cannot be expressed, or a tool's result does not say which call it answers.
    """
    conversation = _Conversation(caching=bool(model_info(model).cache_control))
    for position, message in enumerate(messages):
        conversation.add(message, position)
    return conversation.finished()


class _Conversation:
    """Messages put in line, with the tool calls that wait for their results."""

    def __init__(self, *, caching: bool) -> None:
        self._caching = caching
        self._wire: list[Wire] = []
        self._open: list[str] = []
        self._media: list[Part] = []

    def add(self, message: ChatMessage, position: int) -> None:
        given = message.role.value
        role = ROLES.get(given, given)
        where = f"messages[{position}] ({given})"
        if role == "tool":
            self._add_result(message, where)
            return
        self._end_results()
        if role == "assistant":
            self._add_answer(message, position, where)
            return
        parts = parts_of(message.blocks, where, caching=self._caching, media=role in MEDIA_ROLES)
        self._wire.append({"role": role, "content": content_of(parts), **_name(message)})

    def finished(self) -> list[Wire]:
        """Return the messages, once all have been added."""
        self._end_results()
        return self._wire

    def _add_answer(self, message: ChatMessage, position: int, where: str) -> None:
        parts = parts_of(message.blocks, where, caching=self._caching, media=False, elsewhere=BESIDE_CONTENT)
        calls = list(_calls(message, position))
        wire: Wire = {"role": "assistant", "content": content_of(parts) or (None if calls else ""), **_name(message)}
        if thoughts := [b.content for b in message.blocks if isinstance(b, ThinkingBlock) and b.content]:
            wire["reasoning_content"] = "\n".join(thoughts)
        if calls:
            wire["tool_calls"] = calls
            self._open = [call["id"] for call in calls]
        self._wire.append(wire)

    def _add_result(self, message: ChatMessage, where: str) -> None:
        call = self._answered(message, where)
        parts = parts_of(message.blocks, where, caching=self._caching)
        if call not in self._open:
            logger.warning("%s answers no tool call before it (%r): it is sent as a message of the user", where, call)
            self._end_results()
            parts = [{"type": "text", "text": f"Result of an earlier tool call ({call}):"}, *parts]
            self._wire.append({"role": "user", "content": content_of(parts)})
            return
        self._open.remove(call)
        texts = [part for part in parts if part["type"] == "text"]
        self._wire.append({"role": "tool", "tool_call_id": call, "content": content_of(texts)})
        if media := [part for part in parts if part["type"] != "text"]:
            self._media += [{"type": "text", "text": f"Attached to the result of tool call {call}:"}, *media]

    def _answered(self, message: ChatMessage, where: str) -> str:
        """Return the id of the call that a result answers; it may be left out where only one call can be meant."""
        call = message.additional_kwargs.get("tool_call_id")
        if call:
            return str(call)
        came_one_by_one = message.role is MessageRole.FUNCTION  # before tool calls had ids
        if self._open and (came_one_by_one or len(self._open) == 1):
            return self._open[0]
        reason = f"{where}: a tool's result needs the id of its call: pass additional_kwargs={{'tool_call_id': ...}}"
        raise ConfigError(reason)

    def _end_results(self) -> None:
        """Answer the calls that have no result, and let what is no text follow the results."""
        for call in self._open:
            logger.warning("the tool call %r has no result in the conversation: one that says so is sent", call)
            self._wire.append({"role": "tool", "tool_call_id": call, "content": NO_RESULT})
        self._open = []
        if self._media:
            self._wire.append({"role": "user", "content": self._media})
            self._media = []


def _calls(message: ChatMessage, position: int) -> Iterable[Wire]:
    """Return a message's tool calls: its blocks, or, where it has none, what earlier versions kept beside them."""
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    if blocks:
        for number, block in enumerate(blocks):
            yield _call(block.tool_call_id or f"call_{position}_{number}", block.tool_name, block.tool_kwargs)
        return
    extra = message.additional_kwargs
    calls = [*(extra.get("tool_calls") or ())]
    if function := extra.get("function_call"):
        calls.append({"function": function})
    for number, kept in enumerate(calls):
        call = kept if isinstance(kept, Mapping) else kept.model_dump()
        function = call.get("function") or {}
        yield _call(
            call.get("id") or f"call_{position}_{number}", function.get("name") or "", function.get("arguments") or {}
        )


def _call(call_id: str, name: str, arguments: dict[str, Any] | str) -> Wire:
    if isinstance(arguments, str) and isinstance(parsed_arguments(arguments), str):
        arguments = {INVALID: arguments}  # providers parse arguments, also those that the model got wrong
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments or "{}"}}


def _name(message: ChatMessage) -> Wire:
    name = message.additional_kwargs.get("name")
    return {"name": name} if name and isinstance(name, str) and name == wire_name(name) else {}
