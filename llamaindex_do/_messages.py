"""Chat messages of LlamaIndex as the API's messages.

Each message becomes one of the wire, with these exceptions, all of which providers behind the API insist on:

1. Every tool call is answered right after it. A call whose result is missing (an interrupted run, a memory that was
   cut) gets a result that says so; a result whose call is missing is sent as the user's text. Both are logged.
2. Results are text on chat completions. Images and files in them follow in a message of the user, after the last
   result; where the other APIs are asked, they stay in the result.
3. Names of tools are altered where the API does not take them (`_tools.py`), and so are ids that calls of one answer
   share.

What only the API can read of an answer (`reasoning_details`, `server_tool_calls`) goes back as it came; the client
leaves out what another API or model gave.

Histories of other providers' integrations are read as they keep them: calls without ids, or in `additional_kwargs`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, CitationBlock, ThinkingBlock, ToolCallBlock

from inference_do._adapters.histories import KeptCall, OpenCalls, call_arguments, read_call, send_reasoning
from inference_do._adapters.tool_names import wire_name
from inference_do.models import CHAT_PATH, model_info

from ._parts import Part, Takes, content_of, parts_of

__all__ = ["DETAILS", "SENT_BACK", "to_wire"]

ROLES: Mapping[str, str] = {"chatbot": "assistant", "model": "assistant", "function": "tool"}
"""Other names that LlamaIndex has for the API's roles."""

BESIDE_CONTENT = (CitationBlock, ThinkingBlock, ToolCallBlock)
"""What an answer has beside its text; what it cites stands in its text already."""
DETAILS = "reasoning_details"
SENT_BACK = (DETAILS, "server_tool_calls")
"""Parts of an answer that go back as they came."""
IN_RESULTS = frozenset({"text", "image_url", "file"})
"""Kinds of parts that results carry on the APIs beside chat completions."""
RESULT_IDS = ("tool_call_id", "tool_use_id", "toolUseId", "call_id")
NO_RESULT = "No result was recorded for this call."

logger = logging.getLogger("inference_do")

Wire = dict[str, Any]


def to_wire(
    messages: Sequence[ChatMessage], model: str, *, reasoning: bool | str = True, api: str = "auto"
) -> list[Wire]:
    """Return the messages as the API takes them; those given stay as they are.

    Args:
        messages: The conversation.
        model: The model it goes to: only Anthropic's take cache points.
        reasoning: Whether the reasoning of answers goes along, or the name to send it under.
        api: The API that is asked for.

    Raises:
        ConfigError: A block of a message of the user or the system cannot be expressed.
    """
    takes = Takes(caching=bool(model_info(model).cache_control), files_by_url=_is_beyond_chat(model, api))
    conversation = _Conversation(takes, opaque=bool(reasoning))
    for position, message in enumerate(messages):
        conversation.add(message, position)
    wire = conversation.finished()
    send_reasoning(wire, reasoning)
    return wire


def _is_beyond_chat(model: str, api: str) -> bool:
    """Return whether a request with an image or a file goes to another API than chat completions."""
    if api != "auto":
        return api != "chat_completions"
    info = model_info(model)
    return bool(info.endpoints) and (info.images_on_chat is False or CHAT_PATH not in info.endpoints)


class _Conversation:
    """Messages put in line, with the tool calls that wait for their results."""

    def __init__(self, takes: Takes, *, opaque: bool) -> None:
        self._takes = takes
        self._opaque = opaque
        self._wire: list[Wire] = []
        self._open = OpenCalls()
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
        parts = parts_of(message.blocks, where, self._takes, media=role == "user")
        self._wire.append({"role": role, "content": content_of(parts), **_name(message)})

    def finished(self) -> list[Wire]:
        """Return the messages, once all have been added."""
        self._end_results()
        return self._wire

    def _add_answer(self, message: ChatMessage, position: int, where: str) -> None:
        parts = parts_of(message.blocks, where, self._takes, media=False, elsewhere=BESIDE_CONTENT, otherwise="omit")
        kept = list(_kept_calls(message, where))
        made = {f"call_{position}_{number}" for number, call in enumerate(kept) if not call.id}
        calls = [_call(call, call.id or f"call_{position}_{number}") for number, call in enumerate(kept)]
        wire: Wire = {"role": "assistant", "content": content_of(parts) or (None if calls else ""), **_name(message)}
        if (thoughts := _reasoning(message)) is not None:
            wire["reasoning_content"] = thoughts
        if self._opaque:
            wire.update(_sent_back(message))
        if calls:
            wire["tool_calls"] = calls
            self._open.ask(calls, made)
        self._wire.append(wire)

    def _add_result(self, message: ChatMessage, where: str) -> None:
        extra = message.additional_kwargs
        given = next((id_ for name in RESULT_IDS if isinstance(id_ := extra.get(name), str) and id_), None)
        call = self._open.answer(given, extra.get("name") or extra.get("tool_name"))
        parts = parts_of(message.blocks, where, self._takes, otherwise="describe")
        if call is None:
            logger.warning("%s answers no tool call before it (%r): it is sent as a message of the user", where, given)
            self._end_results()
            head = f"Result of an earlier tool call ({given}):" if given else "Result of an earlier tool call:"
            self._wire.append({"role": "user", "content": content_of([{"type": "text", "text": head}, *parts])})
            return
        kinds = IN_RESULTS if self._takes.files_by_url else {"text"}
        kept = [part for part in parts if part["type"] in kinds]
        self._wire.append({"role": "tool", "tool_call_id": call, "content": content_of(kept)})
        if media := [part for part in parts if part["type"] not in kinds]:
            self._media += [{"type": "text", "text": f"Attached to the result of tool call {call}:"}, *media]

    def _end_results(self) -> None:
        """Answer the calls that have no result, and let what is no text follow the results."""
        for call in self._open.end():
            logger.warning("the tool call %r has no result in the conversation: one that says so is sent", call)
            self._wire.append({"role": "tool", "tool_call_id": call, "content": NO_RESULT})
        if self._media:
            self._wire.append({"role": "user", "content": self._media})
            self._media = []


def _sent_back(message: ChatMessage) -> Wire:
    """Return the parts of an answer that go back as they came; a memory may have made something else of them."""
    found: Wire = {}
    thoughts = (block.additional_information for block in message.blocks if isinstance(block, ThinkingBlock))
    kept_by_name = {name: message.additional_kwargs.get(name) for name in SENT_BACK}
    kept_by_name[DETAILS] = next((own for more in thoughts if (own := more.get(DETAILS))), kept_by_name[DETAILS])
    for name, kept in kept_by_name.items():
        if isinstance(kept, list) and (entries := [entry for entry in kept if isinstance(entry, Mapping)]):
            found[name] = entries
    return found


def _reasoning(message: ChatMessage) -> str | None:
    """Return what a model thought before this answer; an empty text if that was kept, which some models want back."""
    blocks = [block.content for block in message.blocks if isinstance(block, ThinkingBlock)]
    thoughts = [content for content in blocks if content is not None]
    kept = message.additional_kwargs.get("reasoning_content")
    if not any(thoughts) and isinstance(kept, str):
        return kept
    return "\n".join(filter(None, thoughts)) if thoughts else None


def _kept_calls(message: ChatMessage, where: str) -> Iterator[KeptCall]:
    """Yield a message's tool calls: its blocks, or, where it has none, what earlier versions kept beside them."""
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    if blocks:
        for block in blocks:
            yield KeptCall(block.tool_call_id, block.tool_name, block.tool_kwargs)
        return
    extra = message.additional_kwargs
    kept = extra.get("tool_calls") or ()
    calls = [kept] if isinstance(kept, Mapping) or not isinstance(kept, Iterable) else [*kept]
    if function := extra.get("function_call"):
        calls.append({"function": function})
    for call in calls:
        if (read := read_call(call)) is not None:
            yield read
        else:
            logger.warning("%s: a tool call that names no tool is left out", where)


def _call(call: KeptCall, call_id: str) -> Wire:
    function = {"name": call.name, "arguments": call_arguments(call.arguments)}
    return {"id": call_id, "type": "function", "function": function}


def _name(message: ChatMessage) -> Wire:
    name = message.additional_kwargs.get("name")
    return {"name": name} if isinstance(name, str) and name == wire_name(name) else {}
