"""The models, settings and questions of the tests of the three APIs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatMessage, ThinkingBlock
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.storage.chat_store import SimpleChatStore
from llama_index.core.storage.chat_store.simple_chat_store import chat_message_serialization

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatResponse

    from llamaindex_do import DigitalOcean

OPENAI, HOSTED, CLAUDE = "openai-gpt-5.4", "hosted-thinker", "anthropic-claude-haiku-4.5"
PATHS = {"chat_completions": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
THINKING: dict[str, dict[str, Any]] = {
    "chat_completions": {},
    "responses": {"reasoning_effort": "low"},
    "messages": {"reasoning": {"max_tokens": 1024}, "max_tokens": 3000},
}
CASES = [(HOSTED, "chat_completions"), (OPENAI, "responses"), (HOSTED, "responses"), (CLAUDE, "messages")]
HELLO = [ChatMessage(content="Hello")]
BOTH = "What is the weather in Paris and London?"
WEATHER = {
    "name": "get_weather",
    "description": "Weather.",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
}


def details_of(message: ChatMessage) -> list[dict[str, Any]]:
    """Return what of a message's thoughts goes back as it came."""
    (thought,) = [block for block in message.blocks if isinstance(block, ThinkingBlock)]
    details: list[dict[str, Any]] = thought.additional_information["reasoning_details"]
    return details


async def every_way(llm: DigitalOcean, messages: list[ChatMessage], **kwargs: Any) -> list[ChatResponse]:
    return [
        llm.chat(messages, **kwargs),
        list(llm.stream_chat(messages, **kwargs))[-1],
        await llm.achat(messages, **kwargs),
        [response async for response in await llm.astream_chat(messages, **kwargs)][-1],
    ]


def through_memory(message: ChatMessage) -> ChatMessage:
    """Return a message as JSON and the stores of LlamaIndex keep it.

    The store's own `model_dump` fails on every message with pydantic 2.14 (llama-index-core 0.14.25), so that what it
    does to a message is done here.
    """
    message = ChatMessage.model_validate(json.loads(message.model_dump_json()))
    kept = chat_message_serialization(message, lambda given, _: given.model_dump(), None)
    form = json.dumps({"store": {"a": [kept]}})
    buffer = ChatMemoryBuffer.from_defaults(token_limit=100_000, chat_store=SimpleChatStore.model_validate_json(form))
    buffer.chat_store_key = "a"
    (message,) = buffer.get()
    return message
