"""Asking an LLM in any of its eight ways, and the tools that tests offer to it."""

from __future__ import annotations

import asyncio
import base64
import inspect
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, TypeVar

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole, ToolCallBlock
from llama_index.core.tools import FunctionTool

__all__ = [
    "ADD",
    "CALL",
    "CHATS",
    "METHODS",
    "PNG",
    "STREAMS",
    "add",
    "ask",
    "asked_for",
    "calls_of",
    "last",
    "run",
    "sent",
    "turn",
]

T = TypeVar("T")

CHATS = ("chat", "stream_chat", "achat", "astream_chat")
METHODS = (*CHATS, "complete", "stream_complete", "acomplete", "astream_complete")
STREAMS = ("stream_chat", "astream_chat", "stream_complete", "astream_complete")

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""An image of one pixel."""


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


ADD = FunctionTool.from_defaults(add)
CALL: tuple[str, dict[str, Any]] = ("add", {"a": 41, "b": 58})
"""A call of `ADD`, as the server is set to answer with."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in the test's own event loop."""
    return asyncio.get_event_loop().run_until_complete(work)


def ask(llm: Any, method: str, asked: Any = "Where is Skagen?", **kwargs: Any) -> list[Any]:
    """Ask in one of the eight ways, an asynchronous one in the test's event loop, and return every response."""
    if "chat" in method and isinstance(asked, str):
        asked = [ChatMessage(content=asked)]
    if method.startswith("a"):
        return run(_ask(llm, method, asked, kwargs))
    answer = getattr(llm, method)(asked, **kwargs)
    if "stream" not in method:
        return [answer]
    assert isinstance(answer, Iterator), f"{method}() must return a generator, not {type(answer).__name__}"
    return list(answer)


async def _ask(llm: Any, method: str, asked: Any, kwargs: dict[str, Any]) -> list[Any]:
    answer = getattr(llm, method)(asked, **kwargs)
    assert inspect.isawaitable(answer), (
        f"LlamaIndex awaits {method}(): it must be a coroutine, and return an async generator if it streams; "
        f"it returned {type(answer).__name__}"
    )
    answer = await answer
    if "stream" not in method:
        return [answer]
    assert isinstance(answer, AsyncIterator), f"{method}() must return an async generator when it has been awaited"
    return [response async for response in answer]


def last(llm: Any, method: str, asked: Any = "Where is Skagen?", **kwargs: Any) -> Any:
    """Ask, and return the last response: what LlamaIndex's observers see."""
    responses = ask(llm, method, asked, **kwargs)
    assert responses, f"{method}() yielded nothing: LlamaIndex's loops use the last response after them"
    return responses[-1]


def asked_for(llm: Any, method: str, tools: Any = (ADD,), **kwargs: Any) -> list[ChatResponse]:
    """Chat with tools in one of four ways and return every response."""
    method = f"{method}_with_tools"
    if not method.startswith("a"):
        answer = getattr(llm, method)(list(tools), "Add 41 and 58", **kwargs)
        return list(answer) if "stream" in method else [answer]

    async def answered() -> list[ChatResponse]:
        answer = getattr(llm, method)(list(tools), "Add 41 and 58", **kwargs)
        assert inspect.isawaitable(answer), f"{method}() must be a coroutine"
        answer = await answer
        return [response async for response in answer] if "stream" in method else [answer]

    return run(answered())


def calls_of(message: ChatMessage) -> list[ToolCallBlock]:
    """Return a message's tool calls."""
    return [block for block in message.blocks if isinstance(block, ToolCallBlock)]


def sent(server: Any) -> list[dict[str, Any]]:
    """Return the messages of the last request."""
    assert server.requests, "no request has arrived"
    messages: list[dict[str, Any]] = server.requests[-1].chat["messages"]
    return messages


def turn(call_id: str = "call_1", result: str = "99") -> list[ChatMessage]:
    """Return a finished turn with one tool call, as LlamaIndex's agents keep it."""
    block = ToolCallBlock(tool_call_id=call_id, tool_name="add", tool_kwargs={"a": 41, "b": 58})
    return [
        ChatMessage(content="Add 41 and 58"),
        ChatMessage(role=MessageRole.ASSISTANT, blocks=[block]),
        ChatMessage(role=MessageRole.TOOL, content=result, additional_kwargs={"tool_call_id": call_id}),
    ]
