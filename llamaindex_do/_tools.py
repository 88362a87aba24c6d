"""Tools on their way out, tool calls on their way in."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatResponse, ToolCallBlock
from llama_index.core.llms.llm import ToolSelection
from pydantic_core import from_json

from inference_do.errors import ConfigError

__all__ = [
    "INVALID",
    "OpenCall",
    "PartialObject",
    "chosen_tool",
    "keep_one_call",
    "parsed_arguments",
    "selections",
    "tool_specs",
]

SHORT = 2000  # characters of arguments that are read anew at every chunk
logger = logging.getLogger("llamaindex_do")

INVALID = "invalid_json"
"""The name under which arguments stand that are not the JSON of an object."""


def tool_specs(tools: object) -> list[dict[str, Any]]:
    """Describe tools of LlamaIndex to the API; a dict among them is already such a description.

    Raises:
        ConfigError: They are no tools.
    """
    if not isinstance(tools, Iterable) or isinstance(tools, str | Mapping):
        message = f"tools must be a list of tools, not {tools!r}"
        raise ConfigError(message)
    return [_spec(tool, position) for position, tool in enumerate(tools)]


def _spec(tool: Any, position: int) -> dict[str, Any]:
    if isinstance(tool, dict):
        return tool
    if not hasattr(tool, "metadata"):
        message = f"tools[{position}] must be a tool, not {tool!r}: use FunctionTool.from_defaults for a function"
        raise ConfigError(message)
    function: dict[str, Any] = {
        "name": tool.metadata.get_name(),
        "parameters": tool.metadata.get_parameters_dict(),
    }
    if tool.metadata.description:
        function["description"] = tool.metadata.description
    return {"type": "function", "function": function}


def chosen_tool(choice: object, *, required: bool) -> str | dict[str, Any]:
    """Return the API's `tool_choice` for LlamaIndex's: a mode, a tool's name, the API's own form, or None.

    Raises:
        ConfigError: It is something else.
    """
    match choice:
        case None:
            return "required" if required else "auto"
        case "any":
            return "required"
        case "auto" | "none" | "required":
            return str(choice)
        case {"function": {"name": str() as name}}:
            return {"type": "function", "function": {"name": name}}
        case dict():
            return choice
        case str():
            return {"type": "function", "function": {"name": choice}}
        case _:
            message = f"tool_choice must be 'auto', 'none', 'required', a tool's name or the API's form, not {choice!r}"
            raise ConfigError(message)


def parsed_arguments(arguments: str) -> dict[str, Any] | str:
    """Parse a call's arguments; what is not the JSON of an object stays text."""
    if not arguments.strip():
        return {}
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
    return value if isinstance(value, dict) else arguments


def selections(response: ChatResponse, *, error_on_no_tool_call: bool) -> list[ToolSelection]:
    """Return the tool calls of an answer, or of what has been streamed of it.

    Arguments that are still being streamed are read as far as they go. In a finished answer broken arguments are given
    whole under a name of their own, so that the tool refuses them and the model reads why: half of them, or none, could
    call the tool with something that the model did not mean.

    Raises:
        ValueError: There is no call, and that was to be an error.
    """
    calls = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
    if not calls and error_on_no_tool_call:
        message = f"expected at least one tool call, but the model answered: {response.message.content!r}"
        raise ValueError(message)
    finished = "finish_reason" in response.additional_kwargs
    return [
        ToolSelection(
            tool_id=call.tool_call_id or "",
            tool_name=call.tool_name,
            tool_kwargs=_arguments(call, finished=finished),
        )
        for call in calls
    ]


def _arguments(call: ToolCallBlock, *, finished: bool) -> dict[str, Any]:
    if isinstance(call.tool_kwargs, dict):
        return dict(call.tool_kwargs)
    if finished:
        logger.warning("the model's arguments for the tool %r are not a JSON object", call.tool_name)
        return {INVALID: call.tool_kwargs}
    return dict(call.read) if isinstance(call, OpenCall) else partial_object(call.tool_kwargs)


class PartialObject:
    """The beginning of a JSON object, read again as it grows.

    A long one is read only when it has grown by a sixteenth, and is that much behind meanwhile: so all readings
    together take time in proportion to its length. A beginning that is shorter than one before is read by itself.
    """

    __slots__ = ("_latest",)

    def __init__(self) -> None:
        self._latest: tuple[int, int, dict[str, Any]] = (0, 0, {})

    def read(self, text: str) -> dict[str, Any]:
        """Return what there is of the object, given its whole text so far."""
        length = len(text)
        read, due, value = self._latest
        if read <= length < due:
            return value
        value = partial_object(text)
        if length >= read:
            self._latest = length, length + max(1, length // 16 if length >= SHORT else 0), value
        return value


def partial_object(text: str) -> dict[str, Any]:
    """Read the beginning of a JSON object as far as it goes."""
    try:
        value = from_json(text, allow_partial="trailing-strings")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


class OpenCall(ToolCallBlock):
    """A call of a tool whose arguments are still coming. They are read when somebody asks what is in them."""

    __slots__ = ("_reader",)  # no field and no private one of pydantic's: a copy has none, and reads for itself

    @classmethod
    def so_far(cls, call_id: str, name: str, arguments: str, reader: PartialObject) -> OpenCall:
        """Make the block for a chunk of a stream; `reader` is the same for all blocks of a call."""
        block = cls(tool_call_id=call_id, tool_name=name, tool_kwargs=arguments)
        object.__setattr__(block, "_reader", reader)
        return block

    @property
    def read(self) -> dict[str, Any]:
        """The arguments as far as they have come."""
        if isinstance(self.tool_kwargs, dict):
            return self.tool_kwargs
        reader = getattr(self, "_reader", None) or PartialObject()
        return reader.read(self.tool_kwargs)


def keep_one_call(response: ChatResponse) -> None:
    """Take all tool calls but the first off an answer, where the caller can carry out only one."""
    calls: Sequence[ToolCallBlock] = [b for b in response.message.blocks if isinstance(b, ToolCallBlock)]
    if len(calls) < 2:  # noqa: PLR2004
        return
    logger.warning("the model made %d tool calls where only one was allowed: the first is kept", len(calls))
    dropped = {id(call) for call in calls[1:]}
    message = response.message
    message.blocks = [block for block in message.blocks if id(block) not in dropped]
    message.additional_kwargs["tool_calls"] = message.additional_kwargs["tool_calls"][:1]
