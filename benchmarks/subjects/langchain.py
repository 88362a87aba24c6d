"""LangChain's chat models."""

from __future__ import annotations

import re
from functools import cache, partial
from typing import Any, ClassVar

from benchmarks import scenarios
from benchmarks.scenarios import EMBEDDING_MODEL, INSTRUCTIONS, KEY, MODEL, question

from .base import CHAT, OTHER_APIS, PATIENCE, Subject, Take


class LangChain(Subject):
    """Any chat model, used as LangChain documents it."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.messages = cache(self._messages)

    def _messages(self, scenario: str) -> list[Any]:
        from langchain_core.messages import HumanMessage, SystemMessage

        return [SystemMessage(INSTRUCTIONS), HumanMessage(question(scenario))]

    def call(self, model: Any, scenario: str) -> str:
        return model.invoke(self.messages(scenario)).content

    async def acall(self, model: Any, scenario: str) -> str:
        return (await model.ainvoke(self.messages(scenario))).content

    def stream(self, model: Any, scenario: str, take: Take) -> None:
        for chunk in model.stream(self.messages(scenario)):
            take(chunk.content)

    async def astream(self, model: Any, scenario: str, take: Take) -> None:
        async for chunk in model.astream(self.messages(scenario)):
            take(chunk.content)

    def tools(self, model: Any, scenario: str) -> str:
        parts: list[str] = []
        for chunk in model.stream(self.messages(scenario)):
            parts += [call["args"] or "" for call in chunk.tool_call_chunks]
        return "".join(parts)

    def embed(self, model: Any, texts: list[str]) -> list[list[float]]:
        return model.embed_documents(texts)

    async def aembed(self, model: Any, texts: list[str]) -> list[list[float]]:
        return await model.aembed_documents(texts)


class Ours(LangChain):
    apis: ClassVar = {CHAT: {}, **{api: {"api": api} for api in OTHER_APIS}}

    def bring(self) -> Any:
        from langchain_do import ChatDigitalOcean

        return ChatDigitalOcean

    def build(self) -> Any:
        return self.bring()(model=MODEL, base_url=self.base_url, api_key=KEY, max_retries=0, **self.options)

    def build_embeddings(self, batch: int | None) -> Any:
        from langchain_do import DigitalOceanEmbeddings

        options = {"chunk_size": batch} if batch else {}
        return DigitalOceanEmbeddings(model=EMBEDDING_MODEL, base_url=self.base_url, api_key=KEY, **options)


class OpenAI(LangChain):
    apis: ClassVar = {CHAT: {}, "responses": {"use_responses_api": True}}

    def stream(self, model: Any, scenario: str, take: Take) -> None:
        if not self.options:
            super().stream(model, scenario, take)
            return
        for chunk in model.stream(self.messages(scenario)):
            take(chunk.text)  # content is a list of blocks there

    def bring(self) -> Any:
        from langchain_openai import ChatOpenAI

        return ChatOpenAI

    def build(self) -> Any:
        options: dict[str, Any] = {"max_retries": 0, "timeout": PATIENCE, "stream_usage": True, **self.options}
        return self.bring()(model=MODEL, base_url=self.base_url, api_key=KEY, **options)

    def build_embeddings(self, batch: int | None) -> Any:
        """Make one that sends texts: by default it sends OpenAI's tokens, which no other model knows."""
        from langchain_openai import OpenAIEmbeddings

        options: dict[str, Any] = {"chunk_size": batch} if batch else {}
        options["check_embedding_ctx_length"] = False
        return OpenAIEmbeddings(model=EMBEDDING_MODEL, base_url=self.base_url, api_key=KEY, **options)


class Anthropic(LangChain):
    """It has `/messages` only."""

    apis: ClassVar = {"messages": {}}

    def bring(self) -> Any:
        from langchain_anthropic import ChatAnthropic

        return ChatAnthropic

    def build(self) -> Any:
        return self.bring()(model=MODEL, base_url=self.host, api_key=KEY, max_retries=0, timeout=PATIENCE)

    def stream(self, model: Any, scenario: str, take: Take) -> None:
        for chunk in model.stream(self.messages(scenario)):
            take(chunk.text)  # content is an empty list at the beginning


class Gradient(LangChain):
    """DigitalOcean's own package. It takes no address, and its SDK no plain http: both are put right from outside."""

    is_countable_async = False

    def bring(self) -> Any:
        from langchain_gradient import ChatGradient

        return ChatGradient

    def build(self) -> Any:
        kind = self.bring()
        import langchain_gradient.chat_models as home

        if not isinstance(home.Client, partial):
            from azure.core.pipeline.policies import _authentication as policies

            home.Client = partial(home.Client, inference_endpoint=self.host)
            policies._enforce_https = lambda _: None  # noqa: SLF001  there is no setting that reaches it
        return kind(model=MODEL, api_key=KEY, max_retries=0)


class Groq(LangChain):
    def bring(self) -> Any:
        from langchain_groq import ChatGroq

        return ChatGroq

    def build(self) -> Any:
        return self.bring()(model=MODEL, base_url=self.host, api_key=KEY, max_retries=0)


class OpenRouter(LangChain):
    def bring(self) -> Any:
        from langchain_openrouter import ChatOpenRouter

        return ChatOpenRouter

    def build(self) -> Any:
        return self.bring()(model=MODEL, base_url=self.base_url, api_key=KEY, max_retries=0)


class LiteLLM(LangChain):
    def bring(self) -> Any:
        from langchain_litellm import ChatLiteLLM

        return ChatLiteLLM

    def build(self) -> Any:
        return self.bring()(model="openai/" + MODEL, api_base=self.base_url, api_key=KEY, max_retries=0)


class Baseline(LangChain):
    """A model that hands out objects made beforehand: what LangChain itself costs."""

    def bring(self) -> Any:
        from langchain_core.language_models import BaseChatModel

        return BaseChatModel

    def build(self) -> Any:
        return _baseline_class(self.bring())()

    def prepare(self, scenario: str) -> None:
        _chunks(scenario)


def _scenario(messages: list[Any]) -> str:
    found = re.search(r"\[(\S+)\]", messages[-1].content)
    assert found
    return found[1]


@cache
def _baseline_class(base: Any) -> Any:
    from langchain_core.messages import AIMessage
    from langchain_core.outputs import ChatGeneration, ChatResult

    @cache
    def result(scenario: str) -> Any:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(scenarios.text(scenario)))])

    class Prebuilt(base):
        @property
        def _llm_type(self) -> str:
            return "prebuilt"

        def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
            return result(_scenario(messages))

        async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
            return result(_scenario(messages))

        def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
            yield from _chunks(_scenario(messages))

        async def _astream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
            for chunk in _chunks(_scenario(messages)):
                yield chunk

    return Prebuilt


@cache
def _chunks(scenario: str) -> list[Any]:
    from langchain_core.messages import AIMessageChunk
    from langchain_core.outputs import ChatGenerationChunk

    kind, _, count = scenario.partition("-")
    if kind == "tools":
        pieces = scenarios.fragments(int(count))
        first = {"name": "write_file", "args": "", "id": "call_1", "index": 0, "type": "tool_call_chunk"}
        calls = [first, *({**first, "name": None, "id": None, "args": piece} for piece in pieces)]
        messages = [AIMessageChunk(content="", tool_call_chunks=[call]) for call in calls]
    else:
        messages = [AIMessageChunk(content=piece) for piece in scenarios.deltas(int(count))]
    return [ChatGenerationChunk(message=message) for message in messages]
