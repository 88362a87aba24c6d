"""Tools on their way out, tool calls on their way in."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatResponse, ToolCallBlock
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools.types import AsyncBaseTool, BaseTool, ToolMetadata, ToolOutput
from pydantic_core import from_json

from inference_do._adapters.rhythm import Rhythm
from inference_do._adapters.tool_arguments import CUT, UNREADABLE, arguments_or_problem, is_cut_off
from inference_do._adapters.tool_forms import form_of, object_schema, wire_choice
from inference_do.errors import ConfigError

if TYPE_CHECKING:
    from llama_index.core.chat_engine.types import AgentChatResponse

__all__ = [
    "CallableTools",
    "OpenCall",
    "PartialObject",
    "chosen_tool",
    "keep_one_call",
    "partial_object",
    "selections",
    "tool_specs",
    "with_text",
]

logger = logging.getLogger("inference_do")


def tool_specs(tools: object) -> list[dict[str, Any]]:
    """Describe tools of LlamaIndex to the API; a dict among them is already such a description.

    Raises:
        ConfigError: They are no tools.
    """
    if not isinstance(tools, Iterable) or isinstance(tools, str | Mapping):
        message = f"tools must be a list of tools, not {tools!r}"
        raise ConfigError(message)
    return [_spec(tool, position) for position, tool in enumerate(tools) if not isinstance(tool, RefusedCall)]


def _spec(tool: Any, position: int) -> dict[str, Any]:
    if isinstance(tool, Mapping):
        formed = form_of(tool)
        if formed is None:
            message = f"tools[{position}] must be a tool, not the schema {tool!r}: give it a name"
            raise ConfigError(message)
        return formed
    if not hasattr(tool, "metadata"):
        message = f"tools[{position}] must be a tool, not {tool!r}: use FunctionTool.from_defaults for a function"
        raise ConfigError(message)
    function: dict[str, Any] = {
        "name": tool.metadata.get_name(),
        "parameters": object_schema(tool.metadata.get_parameters_dict()),
    }
    if tool.metadata.description:
        function["description"] = tool.metadata.description
    return {"type": "function", "function": function}


def chosen_tool(choice: object, tools: Sequence[Mapping[str, Any]], *, required: bool) -> str | dict[str, Any]:
    """Return the API's `tool_choice` for LlamaIndex's: a mode, a tool's name, the API's own form, or None.

    Raises:
        ConfigError: It is something else, or names a tool that is not among the tools.
    """
    return wire_choice(choice, tools) or ("required" if required else "auto")


def selections(response: ChatResponse, *, error_on_no_tool_call: bool) -> list[ToolSelection]:
    """Return the tool calls of an answer, or of what has been streamed of it.

    Arguments that are still being streamed are read as far as they go. In a finished answer a call whose arguments were
    cut off or cannot be read must reach no tool, whatever arguments that tool takes: it is given under a name that no
    tool has and that says why. Agents answer it with an error that repeats the name, so the model can call again.

    Raises:
        ValueError: There is no call, and that was to be an error.
    """
    selected = _selections(response)
    if not selected and error_on_no_tool_call:
        message = f"expected at least one tool call, but the model answered: {response.message.content!r}"
        raise ValueError(message)
    for selection, problem in selected:
        if problem:
            logger.warning("%s: %s", selection.tool_name, problem)
    return [selection for selection, _ in selected]


def _selections(response: ChatResponse) -> list[tuple[ToolSelection, str]]:
    """Return the tool calls of an answer, each with what is wrong with its arguments."""
    calls = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
    is_cut = is_cut_off(response.additional_kwargs.get("finish_reason"))
    return [_selection(call, is_cut=is_cut and call is calls[-1]) for call in calls]


def _selection(call: ToolCallBlock, *, is_cut: bool) -> tuple[ToolSelection, str]:
    name, arguments = call.tool_name, call.tool_kwargs
    if isinstance(call, OpenCall):
        arguments = call.read
    elif isinstance(arguments, str):
        arguments = arguments_or_problem(arguments, is_cut=is_cut)
    problem = ""
    if isinstance(arguments, str):
        problem, arguments = arguments, {}
        name = refused_name(name, CUT if problem == CUT else UNREADABLE)
    return ToolSelection(tool_id=call.tool_call_id or "", tool_name=name, tool_kwargs=dict(arguments)), problem


def refused_name(name: str, reason: str) -> str:
    """Return the name under which a call is refused; agents write "Tool {name} not found" for the model to read."""
    return f"{name} (not run, because {reason}: call {name} again with complete arguments)"


class RefusedCall(AsyncBaseTool):
    """What answers a call that cannot be run where LlamaIndex looks its name up among the tools: with no KeyError."""

    def __init__(self, name: str, answer: str) -> None:
        self._metadata = ToolMetadata(name=name, description="")
        self._answer = answer

    @property
    def metadata(self) -> ToolMetadata:
        """Its name; it is never described to a model."""
        return self._metadata

    def call(self, *_: Any, **__: Any) -> ToolOutput:
        """Return what the model is to read."""
        answer = self._answer
        return ToolOutput(
            content=answer, tool_name=self._metadata.get_name(), raw_input={}, raw_output=answer, is_error=True
        )

    async def acall(self, *_: Any, **__: Any) -> ToolOutput:
        """Return what the model is to read."""
        return self.call()


class CallableTools(list[BaseTool]):
    """The tools of `predict_and_call`, which looks up each call among them, and what answers the calls of no tool.

    Raises:
        ConfigError: One of them cannot be called.
    """

    def __init__(self, tools: Any) -> None:
        if not isinstance(tools, Iterable) or isinstance(tools, str | Mapping):
            message = f"tools must be a list of tools, not {tools!r}"
            raise ConfigError(message)
        super().__init__(tools)
        for position, tool in enumerate(self):
            if isinstance(tool, Mapping) or not hasattr(tool, "metadata"):
                message = f"tools[{position}] must be a tool that can be called here, not {tool!r}: make a FunctionTool"
                raise ConfigError(message)
        self._names = [tool.metadata.get_name() for tool in self]
        self.text = ""
        """The text of the answer."""

    def answer_calls_of(self, response: ChatResponse) -> None:
        """Add what answers the calls of a response that no tool can, and keep its text."""
        self.text = response.message.content or ""
        for call, _ in _selections(response):
            if call.tool_name not in self._names:
                self.append(RefusedCall(call.tool_name, self._answer(call.tool_name)))

    def _answer(self, name: str) -> str:
        for own in self._names:
            for reason in (CUT, UNREADABLE):
                if name == refused_name(own, reason):
                    return f"Tool {own} was not run, because {reason}. Call it again with complete arguments."
        return f"There is no tool {name!r}. The tools are: {', '.join(self._names)}."


def with_text(answer: AgentChatResponse, tools: Sequence[BaseTool]) -> AgentChatResponse:
    """Give an answer without tool calls its text, which LlamaIndex drops where several calls are allowed."""
    if isinstance(tools, CallableTools) and not answer.sources and not answer.response:
        answer.response = tools.text
    return answer


class PartialObject:
    """The beginning of a JSON object, read again as it grows; a long one is a sixteenth behind meanwhile."""

    __slots__ = ("_rhythm", "_value")

    def __init__(self) -> None:
        self._rhythm = Rhythm()
        self._value: dict[str, Any] = {}

    def read(self, text: str) -> dict[str, Any]:
        """Return what there is of the object, given its whole text so far, or, of an earlier block, its text then."""
        if len(text) < self._rhythm.read:
            return partial_object(text)
        if self._rhythm.is_due(len(text)):
            self._value = partial_object(text)
        return self._value


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
