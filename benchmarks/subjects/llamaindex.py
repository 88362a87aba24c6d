"""LlamaIndex's LLMs."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, ClassVar

from benchmarks import scenarios
from benchmarks.scenarios import EMBEDDING_MODEL, INSTRUCTIONS, KEY, MODEL, question

from .base import CHAT, OTHER_APIS, PATIENCE, Subject, Take


class LlamaIndex(Subject):
    """Any LLM, used as LlamaIndex documents it."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.messages = cache(self._messages)

    def _messages(self, scenario: str) -> list[Any]:
        from llama_index.core.base.llms.types import ChatMessage

        return [
            ChatMessage(role="system", content=INSTRUCTIONS),
            ChatMessage(role="user", content=question(scenario)),
        ]

    def call(self, model: Any, scenario: str) -> str:
        return model.chat(self.messages(scenario)).message.content

    async def acall(self, model: Any, scenario: str) -> str:
        return (await model.achat(self.messages(scenario))).message.content

    def stream(self, model: Any, scenario: str, take: Take) -> None:
        for response in model.stream_chat(self.messages(scenario)):
            take(response.delta or "")

    async def astream(self, model: Any, scenario: str, take: Take) -> None:
        async for response in await model.astream_chat(self.messages(scenario)):
            take(response.delta or "")

    def tools(self, model: Any, scenario: str) -> str:
        last = None
        for response in model.stream_chat(self.messages(scenario)):
            last = response
        if last is None:
            return ""
        kept = [block.tool_kwargs for block in last.message.blocks if block.block_type == "tool_call"]
        if not kept:
            calls = last.message.additional_kwargs.get("tool_calls") or ()
            kept = [
                call["function"]["arguments"] if isinstance(call, dict) else call.function.arguments for call in calls
            ]
        return "".join(part if isinstance(part, str) else json.dumps(part, ensure_ascii=False) for part in kept)

    def embed(self, model: Any, texts: list[str]) -> list[list[float]]:
        return model.get_text_embedding_batch(texts)

    async def aembed(self, model: Any, texts: list[str]) -> list[list[float]]:
        return await model.aget_text_embedding_batch(texts)


class Ours(LlamaIndex):
    apis: ClassVar = {CHAT: {}, **{api: {"api": api} for api in OTHER_APIS}}

    def bring(self) -> Any:
        from llamaindex_do import DigitalOcean

        return DigitalOcean

    def build(self) -> Any:
        return self.bring()(model=MODEL, base_url=self.base_url, api_key=KEY, max_retries=0, **self.options)

    def build_embeddings(self, batch: int | None) -> Any:
        from llamaindex_do import DigitalOceanEmbedding

        options = {"embed_batch_size": batch} if batch else {}
        return DigitalOceanEmbedding(model=EMBEDDING_MODEL, base_url=self.base_url, api_key=KEY, **options)


class OpenAILike(LlamaIndex):
    def bring(self) -> Any:
        from llama_index.llms.openai_like import OpenAILike

        return OpenAILike

    def build(self) -> Any:
        return self.bring()(
            model=MODEL,
            api_base=self.base_url,
            api_key=KEY,
            max_retries=0,
            timeout=PATIENCE,
            is_chat_model=True,
            is_function_calling_model=True,
        )

    def build_embeddings(self, batch: int | None) -> Any:
        from llama_index.embeddings.openai import OpenAIEmbedding

        options: dict[str, Any] = {"embed_batch_size": batch} if batch else {}
        options.update(api_base=self.base_url, api_key=KEY, max_retries=0)
        return OpenAIEmbedding(model_name=EMBEDDING_MODEL, **options)


class OpenAIResponses(LlamaIndex):
    """It has `/responses` only, and wants to know the context window of a model that it does not know."""

    apis: ClassVar = {"responses": {}}

    def bring(self) -> Any:
        from llama_index.llms.openai import OpenAIResponses

        return OpenAIResponses

    def build(self) -> Any:
        options = {"model": MODEL, "api_base": self.base_url, "api_key": KEY, "context_window": 128_000}
        return self.bring()(max_retries=0, timeout=PATIENCE, **options)


class Anthropic(LlamaIndex):
    """It has `/messages` only, and refuses ids of models that it does not know."""

    apis: ClassVar = {"messages": {}}

    def bring(self) -> Any:
        from llama_index.llms.anthropic import Anthropic

        return Anthropic

    def build(self) -> Any:
        options = {"model": "claude-sonnet-4-0", "base_url": self.host, "api_key": KEY}
        return self.bring()(max_retries=0, timeout=PATIENCE, **options)


class GradientAI(LlamaIndex):
    """DigitalOcean's own package."""

    def bring(self) -> Any:
        from llama_index.llms.digitalocean.gradientai import GradientAI

        return GradientAI

    def build(self) -> Any:
        return self.bring()(model=MODEL, base_url=self.base_url, model_access_key=KEY)

    async def astream(self, model: Any, scenario: str, take: Take) -> None:
        async for response in model.astream_chat(self.messages(scenario)):  # not awaited, other than LlamaIndex's own
            take(response.delta or "")


class LiteLLM(LlamaIndex):
    def bring(self) -> Any:
        from llama_index.llms.litellm import LiteLLM

        return LiteLLM

    def build(self) -> Any:
        return self.bring()(model="openai/" + MODEL, api_base=self.base_url, api_key=KEY, max_retries=0)


class Baseline(LlamaIndex):
    """A model that hands out objects made beforehand: what LlamaIndex itself costs.

    It is a function-calling LLM, as ours is, so that what each of those has to import (tools, prompts, programs) counts
    as LlamaIndex's. Of LlamaIndex ours imports no module besides.
    """

    def bring(self) -> Any:
        from llama_index.core.base.llms.types import ChatResponse
        from llama_index.core.llms.callbacks import llm_chat_callback
        from llama_index.core.llms.function_calling import FunctionCallingLLM

        return FunctionCallingLLM, llm_chat_callback, ChatResponse

    def build(self) -> Any:
        return _baseline_class(*self.bring())()

    def prepare(self, scenario: str) -> None:
        _responses(scenario)


def _scenario(messages: Any) -> str:
    found = re.search(r"\[(\S+)\]", messages[-1].content)
    assert found
    return found[1]


@cache
def _baseline_class(base: Any, reported: Any, _: Any) -> Any:
    from llama_index.core.base.llms.types import LLMMetadata

    class Prebuilt(base):
        @property
        def metadata(self) -> Any:
            return LLMMetadata(is_chat_model=True, model_name=MODEL)

        @reported()
        def chat(self, messages: Any, **kwargs: Any) -> Any:
            return _result(_scenario(messages))

        @reported()
        async def achat(self, messages: Any, **kwargs: Any) -> Any:
            return _result(_scenario(messages))

        @reported()
        def stream_chat(self, messages: Any, **kwargs: Any) -> Any:
            return (response for response in _responses(_scenario(messages)))

        @reported()
        async def astream_chat(self, messages: Any, **kwargs: Any) -> Any:
            return _each(_responses(_scenario(messages)))

        def complete(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

        acomplete = stream_complete = astream_complete = _prepare_chat_with_tools = complete

    return Prebuilt


async def _each(items: list[Any]) -> Any:
    for item in items:
        yield item


def _message(*blocks: Any) -> Any:
    from llama_index.core.base.llms.types import ChatMessage

    return ChatMessage(role="assistant", blocks=list(blocks))


@cache
def _result(scenario: str) -> Any:
    from llama_index.core.base.llms.types import ChatResponse, TextBlock

    return ChatResponse(message=_message(TextBlock(text=scenarios.text(scenario))))


@cache
def _responses(scenario: str) -> list[Any]:
    from llama_index.core.base.llms.types import ChatResponse, TextBlock, ToolCallBlock

    kind, _, count = scenario.partition("-")
    if kind == "tools":  # one block for all: LlamaIndex does not look into them, and 50,000 texts so far would be large
        block = ToolCallBlock(
            tool_call_id="call_1", tool_name="write_file", tool_kwargs=scenarios.arguments(int(count))
        )
        return [ChatResponse(message=_message(block), delta="") for _ in scenarios.fragments(int(count))]
    block = TextBlock(text=scenarios.text(scenario))
    return [ChatResponse(message=_message(block), delta=piece) for piece in scenarios.deltas(int(count))]
