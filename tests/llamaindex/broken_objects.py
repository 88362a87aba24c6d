"""LLMs that are broken as objects: in structured output, metadata, storage, events, connections; embedding models."""

from __future__ import annotations

import threading
from typing import Any

import httpx
from broken_llms import MODEL, Habit
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.types import ChatMessage, LLMMetadata

from inference_do import InferenceError
from llamaindex_do import DigitalOceanEmbedding


class NoObjects(Habit):
    def structured_predict(self, *_: Any, **__: Any) -> Any:
        raise KeyError

    astructured_predict = _structured_stream_call = _structured_astream_call = structured_predict


class Popping(Habit):
    def structured_predict(self, output_cls: Any, prompt: Any, llm_kwargs: Any = None, **prompt_args: Any) -> Any:
        (llm_kwargs or {}).pop("tool_choice", None)
        return super().structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)


class NoSystemPrompt(Habit):
    def _extend_messages(self, messages: Any) -> Any:
        return messages


class Plain(Habit):
    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name=self.model)


class Greedy(Habit):
    @property
    def metadata(self) -> LLMMetadata:
        known = super().metadata
        return known.model_copy(update={"num_output": known.context_window})


class Closed(Habit):
    @property
    def metadata(self) -> LLMMetadata:
        if self.model != MODEL:
            reason = f"unknown model {self.model!r}"
            raise ValueError(reason)
        return super().metadata


class Nameless(Habit):
    @classmethod
    def class_name(cls) -> str:
        return "base_component"


class Forgetful(Habit):
    def to_dict(self, **kwargs: Any) -> dict[str, Any]:
        return {name: value for name, value in super().to_dict(**kwargs).items() if name != "temperature"}


class Unpicklable(Habit):
    def __reduce_ex__(self, protocol: Any) -> Any:
        return super().__reduce_ex__(protocol)[:1], (threading.Lock(),)


class Chatty(Habit):
    def to_payload(self) -> dict[str, Any]:
        return {**super().to_payload(), "key": self.api_key.get_secret_value()}


class Lax(Habit):
    def __init__(self, **options: Any) -> None:
        super().__init__(**{name: value for name, value in options.items() if name in type(self).model_fields})


class Doubled(Habit):
    """Completes by way of chat, whose event comes on top."""

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        self.chat([ChatMessage(content=prompt)])
        return super().complete(prompt, formatted, **kwargs)


class Unreported(Habit):
    async def astream_chat(self, messages: Any, **kwargs: Any) -> Any:
        return self._astream(messages, kwargs)

    async def achat(self, messages: Any, **kwargs: Any) -> Any:
        return await self._achat(messages, kwargs)


class LastIsEmpty(Habit):
    def _stream(self, messages: Any, kwargs: Any) -> Any:
        yield from super()._stream(messages, kwargs)
        yield self._chat(messages, kwargs).model_copy(update={"message": ChatMessage(role="assistant", content="")})


class Calming(Habit):
    """Ends a stream that broke as if it were whole."""

    def _stream(self, messages: Any, kwargs: Any) -> Any:
        try:
            yield from super()._stream(messages, kwargs)
        except InferenceError:
            return


class Runtime(Habit):
    async def _achat(self, messages: Any, kwargs: Any) -> Any:
        try:
            return await super()._achat(messages, kwargs)
        except InferenceError as error:
            raise RuntimeError(str(error)) from error


class Hasty(Habit):
    """Closes its connections after each call."""

    def spoil(self, response: Any) -> Any:
        self.close()
        return response


class ContextLost(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        del body["messages"][0]


class BadEmbedding(DigitalOceanEmbedding):
    """Breaks most promises at once."""

    def _get_text_embeddings(self, texts: list[str]) -> Any:
        return [super(BadEmbedding, self)._get_text_embeddings([text])[0] for text in texts]

    async def _aget_text_embeddings(self, texts: list[str]) -> Any:
        return [[1.0] for _ in texts]

    def _get_query_embedding(self, query: str) -> Any:
        try:
            return super()._get_query_embedding(query)
        except InferenceError:
            return super()._get_query_embedding(query)

    _get_text_embedding = _get_query_embedding

    @classmethod
    def class_name(cls) -> str:
        return "base_component"

    def to_payload(self) -> dict[str, Any]:
        return {**super().to_payload(), "key": self.api_key.get_secret_value()}

    def __reduce_ex__(self, protocol: Any) -> Any:
        return super().__reduce_ex__(protocol)[:1], (threading.Lock(),)


class TrustfulEmbedding(DigitalOceanEmbedding):
    """Takes vectors as they come."""

    def _get_text_embeddings(self, texts: list[str]) -> Any:
        headers = {"authorization": f"Bearer {self.api_key.get_secret_value()}"}
        body = {"model": self.model_name, "input": texts}
        reply = httpx.post(f"{self.base_url}/embeddings", json=body, headers=headers, timeout=5)
        return [item["embedding"] for item in reply.json()["data"]]

    get_text_embedding_batch = BaseEmbedding.get_text_embedding_batch  # ours would miss a vector
