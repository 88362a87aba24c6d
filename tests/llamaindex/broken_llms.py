"""LLMs that are each broken in one way: subclasses of ours with one changed habit."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, ClassVar

from llama_index.core.base.llms.types import (
    CachePoint,
    ChatMessage,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from inference_do import InferenceError
from llamaindex_do import DigitalOcean

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = "gemma-4-31B-it"


class Habit(DigitalOcean):
    """An LLM whose requests and responses can be tampered with."""

    def bend(self, body: dict[str, Any]) -> None:
        """Change a request."""

    def spoil(self, response: Any) -> Any:
        """Change a response, whole or of a stream."""
        return response

    def _request(self, messages: Any, kwargs: Any, *, streaming: bool = False) -> Any:
        request = super()._request(messages, kwargs, streaming=streaming)
        self.bend(request.params)
        return request

    def _chat(self, messages: Any, kwargs: Any) -> Any:
        return self.spoil(super()._chat(messages, kwargs))

    async def _achat(self, messages: Any, kwargs: Any) -> Any:
        return self.spoil(await super()._achat(messages, kwargs))

    def _stream(self, messages: Any, kwargs: Any) -> Any:
        inner = super()._stream(messages, kwargs)  # sends nothing yet, but checks

        def spoiled() -> Any:
            for response in inner:
                yield self.spoil(response)

        return spoiled()

    def _astream(self, messages: Any, kwargs: Any) -> Any:
        inner = super()._astream(messages, kwargs)

        async def spoiled() -> Any:
            async for response in inner:
                yield self.spoil(response)

        return spoiled()


class Talkative(Habit):
    def spoil(self, response: Any) -> Any:
        response.message.blocks = [
            TextBlock(text=block.text.strip() + " :)") if isinstance(block, TextBlock) else block
            for block in response.message.blocks
        ]
        response.delta = (response.delta or "").strip()
        return response


class Twice(Habit):
    def _chat(self, messages: Any, kwargs: Any) -> Any:
        super()._chat(messages, kwargs)
        return super()._chat(messages, kwargs)

    async def _achat(self, messages: Any, kwargs: Any) -> Any:
        await super()._achat(messages, kwargs)
        return await super()._achat(messages, kwargs)

    def _stream(self, messages: Any, kwargs: Any) -> Any:
        list(super()._stream(messages, kwargs))
        return super()._stream(messages, kwargs)


class Stubborn(Habit):
    """Retries on its own, on top of the client."""

    def _chat(self, messages: Any, kwargs: Any) -> Any:
        try:
            return super()._chat(messages, kwargs)
        except InferenceError:
            return super()._chat(messages, kwargs)


class WithoutSystem(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        body["messages"] = [message for message in body["messages"] if message["role"] != "system"]


class OwnWill(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        body.update(temperature=0.1, tool_choice="auto") if body.get("tools") else body.update(temperature=0.1)
        for name in ("seed", "top_p", "parallel_tool_calls", "response_format"):
            body.pop(name, None)


class NoUsage(Habit):
    def spoil(self, response: Any) -> Any:
        response.raw = None
        response.additional_kwargs = {}
        return response


class NoLogprobs(Habit):
    def spoil(self, response: Any) -> Any:
        response.logprobs = None
        return response


class Object:
    function = None


class SDKObjects(Habit):
    def spoil(self, response: Any) -> Any:
        response.message.additional_kwargs["tool_calls"] = [Object()]
        return response


class Thoughtless(Habit):
    def spoil(self, response: Any) -> Any:
        response.message.blocks = [b for b in response.message.blocks if not isinstance(b, ThinkingBlock)]
        response.additional_kwargs.pop("thinking_delta", None)
        return response


class NoDeltas(Habit):
    def spoil(self, response: Any) -> Any:
        response.delta = ""
        return response


class DeltasOnly(Habit):
    def _stream(self, messages: Any, kwargs: Any) -> Any:
        for response in super()._stream(messages, kwargs):
            response.message = ChatMessage(role=MessageRole.ASSISTANT, content=response.delta)
            yield response


class Shared(Habit):
    def _stream(self, messages: Any, kwargs: Any) -> Any:
        message = ChatMessage(role=MessageRole.ASSISTANT, blocks=[])
        for response in super()._stream(messages, kwargs):
            message.blocks.append(TextBlock(text=response.delta or ""))
            yield response.model_copy(update={"message": message})


class Leaking(Habit):
    leaked: ClassVar[list[Any]] = []

    def _stream(self, messages: Any, kwargs: Any) -> Any:
        inner = super()._stream(messages, kwargs)
        self.leaked.append(inner)
        yield from _without_closing(inner)

    async def _astream_apart(self, messages: Any, kwargs: Any) -> Any:
        queue: asyncio.Queue[Any] = asyncio.Queue()

        async def pump() -> None:
            async for response in super(Leaking, self)._astream(messages, kwargs):
                queue.put_nowait(response)

        task = asyncio.create_task(pump())
        while not task.done():
            yield await queue.get()

    def _astream(self, messages: Any, kwargs: Any) -> Any:
        return self._astream_apart(messages, kwargs)


def _without_closing(inner: Any) -> Iterator[Any]:
    while (item := next(inner, None)) is not None:
        yield item


class FirstLine(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        for message in body["messages"]:
            if isinstance(message["content"], str):
                message["content"] = message["content"].splitlines()[0]


class NoAssistants(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        for message in body["messages"]:
            message["role"] = "user"


class TextOnly(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        kept = []
        for message in body["messages"]:
            if isinstance(message["content"], list):
                texts = [part["text"] for part in message["content"] if part["type"] == "text"]
                message["content"] = "\n".join(texts)
            kept.append(message)
        body["messages"] = kept


class NoCachePoints(Habit):
    def _request(self, messages: Any, kwargs: Any, *, streaming: bool = False) -> Any:
        if any(isinstance(block, CachePoint) for message in messages for block in message.blocks):
            reason = "what is a CachePoint?"
            raise ValueError(reason)
        return super()._request(messages, kwargs, streaming=streaming)


class Scribbling(Habit):
    def _request(self, messages: Any, kwargs: Any, *, streaming: bool = False) -> Any:
        messages[0].additional_kwargs["seen"] = True
        return super()._request(messages, kwargs, streaming=streaming)

    def _prepare_chat_with_tools(
        self, tools: Any, user_msg: Any = None, chat_history: Any = None, **kwargs: Any
    ) -> dict[str, Any]:
        if chat_history is not None:
            chat_history.append(ChatMessage(content=str(user_msg)))
        return super()._prepare_chat_with_tools(tools, None if chat_history else user_msg, chat_history, **kwargs)


class NoIds(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        for message in body["messages"]:
            message.pop("tool_call_id", None)


class IdsEverywhere(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        for message in body["messages"]:
            if message["role"] == "assistant" and "tool_calls" not in message:
                message["tool_call_id"] = "call_1"


class CallsTwice(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        for message in body["messages"]:
            message["tool_calls"] = [*message.get("tool_calls", ()), *message.get("tool_calls", ())]
            if not message["tool_calls"]:
                del message["tool_calls"]


class EncodedTwice(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        for message in body["messages"]:
            for call in message.get("tool_calls", ()):
                call["function"]["arguments"] = json.dumps(call["function"]["arguments"])


class NoCalls(Habit):
    def spoil(self, response: Any) -> Any:
        response.message.blocks = [b for b in response.message.blocks if not isinstance(b, ToolCallBlock)]
        response.message.additional_kwargs.pop("tool_calls", None)
        return response


class BlocksOnly(Habit):
    def spoil(self, response: Any) -> Any:
        response.message.additional_kwargs.pop("tool_calls", None)
        return response


class OneCall(Habit):
    def spoil(self, response: Any) -> Any:
        blocks = response.message.blocks
        calls = [block for block in blocks if isinstance(block, ToolCallBlock)]
        response.message.blocks = [block for block in blocks if block not in calls[1:]]
        return response


class Strict(Habit):
    """Reads arguments only when they are whole."""

    def get_tool_calls_from_response(self, response: Any, error_on_no_tool_call: bool = True, **_: Any) -> Any:
        for block in response.message.blocks:
            if isinstance(block, ToolCallBlock) and isinstance(block.tool_kwargs, str):
                json.loads(block.tool_kwargs + "!" * (not block.tool_kwargs))
        return super().get_tool_calls_from_response(response, error_on_no_tool_call)


class Content(Habit):
    """Finds no error in an answer without calls."""

    def get_tool_calls_from_response(self, response: Any, error_on_no_tool_call: bool = True, **_: Any) -> Any:
        return super().get_tool_calls_from_response(response, error_on_no_tool_call=False)


class AllCalls(Habit):
    def _validate_chat_with_tools_response(self, response: Any, *_: Any, **__: Any) -> Any:
        return response


class EmptyTools(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        body.setdefault("tools", [])


class WireNames(Habit):
    def _request(self, messages: Any, kwargs: Any, *, streaming: bool = False) -> Any:
        request = super()._request(messages, kwargs, streaming=streaming)
        return type(request)(request.params, {})
