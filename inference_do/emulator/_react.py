"""The ReAct text protocol: tools described in the system message, `Thought`, `Action` and `Answer` in words.

The conversation is read back into messages with tool calls, so that the same rules decide what to call.
"""

from __future__ import annotations

import ast
import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ._calls import calls_to_make
from ._http import to_json
from ._prompt import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOOL = re.compile(r"> Tool Name: (\S+)\s*\nTool Description: (.*?)\nTool Args: (\{.*\})", re.DOTALL)
ACTION = re.compile(r"\nAction: ([^\n( ]+).*?\nAction Input: (\{.*\})", re.DOTALL)
NEEDED = "I need to use a tool to help me answer the question."
ENOUGH = "I can answer without using any more tools. I'll use the user's language to answer"


def react(messages: Sequence[Mapping[str, Any]]) -> tuple[str | None, list[dict[str, Any]]] | None:
    """Take the next step of a ReAct conversation.

    Returns:
        `None` for any other conversation; else the text of an action, or no text and the conversation as plain
        messages, from which the answer is to be made.
    """
    header = next((text_of(m) for m in messages if "Action Input:" in text_of(m) and "Thought:" in text_of(m)), None)
    if header is None or "Answer:" not in header:
        return None
    plain = _plain([message for message in messages if text_of(message) != header])
    calls = calls_to_make({"messages": plain, "tools": _tools(header), "parallel_tool_calls": False}) if plain else []
    for name, arguments in calls:
        return f"Thought: {NEEDED}\nAction: {name}\nAction Input: {to_json(arguments).decode()}", plain
    return None, plain


def answered(text: str) -> str:
    """Put an answer into the protocol's form."""
    return f"Thought: {ENOUGH}\nAnswer: {text}"


def _tools(header: str) -> list[dict[str, Any]]:
    tools: list[dict[str, Any]] = []
    for block in re.split(r"(?=> Tool Name: )", header):
        found = TOOL.search(block)
        if found is not None:
            parameters, _ = json.JSONDecoder().raw_decode(found[3])
            function = {"name": found[1], "description": found[2], "parameters": parameters}
            tools.append({"type": "function", "function": function})
    return tools


def _plain(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    plain: list[dict[str, Any]] = []
    for index, message in enumerate(messages):
        text = text_of(message)
        action = ACTION.search("\n" + text) if message["role"] == "assistant" else None
        if action is not None:
            function = {"name": action[1], "arguments": to_json(_read_input(action[2])).decode()}
            plain.append(
                {"role": "assistant", "content": None, "tool_calls": [{"id": str(index), "function": function}]}
            )
        elif text.startswith("Observation:"):
            plain.append({"role": "tool", "content": text.removeprefix("Observation:").strip()})
        else:
            plain.append(dict(message))
    return plain


def _read_input(text: str) -> Any:
    """Read an action's input; LlamaIndex repeats it as a Python literal."""
    for read in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError):
            return read(text)
    return {}
