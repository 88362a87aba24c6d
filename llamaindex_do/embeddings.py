"""`DigitalOceanEmbedding`: one request for each batch, sync and async.

LlamaIndex cuts texts into batches of `embed_batch_size` and runs up to `num_workers` of them at once in async code;
the client puts the vectors in the order of the texts and refuses an answer that has not one for each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

from llama_index.core.base.embeddings.base import BaseEmbedding, Embedding
from pydantic import Field
from typing_extensions import override

from inference_do._adapters.arguments import check_text, check_texts
from inference_do._adapters.settings import Whole
from inference_do.types import EmbeddingResponse

from ._connection import Connected, check_model
from ._loading import register_class

__all__ = ["DigitalOceanEmbedding"]

Aggregate = Callable[..., Embedding]
"""A function that makes one vector of several."""


class DigitalOceanEmbedding(Connected, BaseEmbedding, defer_build=False):
    """An embedding model of DigitalOcean's inference API.

    Raises:
        ConfigError: An argument is unknown or cannot be right, or there is no key.
    """

    ALIASES: ClassVar[Mapping[str, str]] = {
        "model": "model_name",
        "request_timeout": "timeout",
    }

    model_name: str = Field(description="An embedding model's id.")
    embed_batch_size: Whole = Field(default=64, gt=0, le=2048, description="Texts in one request.")
    num_workers: Whole | None = Field(default=8, gt=0, description="Requests at once in asynchronous code.")
    encoding_format: Literal["float", "base64"] | None = Field(
        default=None, description="How vectors travel; base64 is a third of the size and exact."
    )
    user: str | None = Field(default=None, description="An id of your user, for the provider to tell abuse apart.")
    additional_kwargs: dict[str, Any] = Field(default_factory=dict, description="Further fields of every request.")

    def _check(self) -> None:
        super()._check()
        check_model(self.model_name)

    @classmethod
    def class_name(cls) -> str:
        """Return the name that serialized objects are known by."""
        return "DigitalOcean_Embedding"

    def _request(self, texts: list[str]) -> dict[str, Any]:
        given = {"encoding_format": self.encoding_format, "user": self.user, **self.additional_kwargs}
        return {"model": self.model_name, "input": texts, **given}

    @override
    def get_text_embedding_batch(self, texts: list[str], show_progress: bool = False, **kwargs: Any) -> list[Embedding]:
        """Return a vector for each text, in the order of the texts; no text, no request."""
        return super().get_text_embedding_batch(check_texts(texts), show_progress, **kwargs)

    @override
    async def aget_text_embedding_batch(
        self, texts: list[str], show_progress: bool = False, **kwargs: Any
    ) -> list[Embedding]:
        """Return a vector for each text, in the order of the texts; no text, no request."""
        return await super().aget_text_embedding_batch(check_texts(texts), show_progress, **kwargs)

    @override
    def get_agg_embedding_from_queries(self, queries: list[str], agg_fn: Aggregate | None = None) -> Embedding:
        """Return one vector for several queries, by default their mean."""
        return super().get_agg_embedding_from_queries(check_texts(queries), agg_fn)

    @override
    async def aget_agg_embedding_from_queries(self, queries: list[str], agg_fn: Aggregate | None = None) -> Embedding:
        """Return one vector for several queries, by default their mean."""
        return await super().aget_agg_embedding_from_queries(check_texts(queries), agg_fn)

    def _get_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return _vectors(self._clients.sync.embed(**self._request(texts))) if texts else []

    async def _aget_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return _vectors(await self._clients.asynchronous.embed(**self._request(texts))) if texts else []

    def _get_text_embedding(self, text: str) -> Embedding:
        return self._get_text_embeddings(check_text(text))[0]

    async def _aget_text_embedding(self, text: str) -> Embedding:
        return (await self._aget_text_embeddings(check_text(text)))[0]

    def _get_query_embedding(self, query: str) -> Embedding:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> Embedding:
        return await self._aget_text_embedding(query)


register_class(DigitalOceanEmbedding, module="llama_index.core.embeddings.loading", table="RECOGNIZED_EMBEDDINGS")


def _vectors(response: EmbeddingResponse) -> list[Embedding]:
    return [item.embedding for item in response.data]
