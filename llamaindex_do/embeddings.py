"""`DigitalOceanEmbedding`: texts in batches, one request for each, up to `num_workers` at once.

LlamaIndex's own loop sends one after another in synchronous code, and loses what has come when one fails. Each batch is
reported as LlamaIndex reports it, and asks its cache and its rate limiter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

from llama_index.core.base.embeddings.base import BaseEmbedding, Embedding
from llama_index.core.callbacks.schema import CBEventType, EventPayload
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]  # it is documented there
from llama_index.core.instrumentation.events.embedding import EmbeddingEndEvent, EmbeddingStartEvent
from pydantic import Field
from typing_extensions import override

from inference_do._adapters.arguments import check_text, check_texts
from inference_do._adapters.embedding_jobs import ENCODING, EmbeddingJob
from inference_do._adapters.settings import Whole
from inference_do._adapters.spans import with_spans_of
from inference_do.types import EmbeddingResponse

from ._connection import Connected, check_model
from ._loading import register_class

__all__ = ["DigitalOceanEmbedding"]

dispatcher = get_dispatcher(__name__)
WORKERS = 8
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
    embed_batch_size: Whole = Field(
        default=64, gt=0, le=2048, description="Texts in one request, at most; fewer where they are long."
    )
    num_workers: Whole | None = Field(
        default=WORKERS, gt=0, description="Requests at once, at most; one where there is a cache, in synchronous code."
    )
    encoding_format: Literal["float", "base64"] = Field(default="base64", description=ENCODING)
    user: str | None = Field(default=None, description="An id of your user, so that the provider can trace abuse.")
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
        """Return a vector for each text, in the order of the texts; no text, no request.

        Args:
            texts: The texts, any number of them.
            show_progress: Whether to show a bar of the texts that are done.
            **kwargs: Nothing that this class uses.

        Raises:
            InferenceError: A request failed. Its `texts` says which texts were in it, its `vectors` has those that
                came, and None for the others.
        """
        workers = 1 if self.embeddings_cache else self.num_workers or WORKERS  # a cache may be its thread's alone
        with self._job(texts, show_progress) as job:
            return job.run(self._embed_batch, workers=workers)

    @override
    async def aget_text_embedding_batch(
        self, texts: list[str], show_progress: bool = False, **kwargs: Any
    ) -> list[Embedding]:
        """Return a vector for each text, in the order of the texts; see `get_text_embedding_batch`."""
        with self._job(texts, show_progress) as job:
            return await job.arun(self._aembed_batch, workers=self.num_workers or WORKERS)

    def _job(self, texts: list[str], show_progress: bool) -> EmbeddingJob:
        return EmbeddingJob(check_texts(texts), size=self.embed_batch_size, show_progress=show_progress)

    def _embed_batch(self, texts: list[str]) -> list[Embedding]:
        with self._reported(texts) as report:
            if self.rate_limiter is not None:
                self.rate_limiter.acquire()
            embed = self._get_text_embeddings_cached if self.embeddings_cache else self._get_text_embeddings
            return report(embed(texts))

    async def _aembed_batch(self, texts: list[str]) -> list[Embedding]:
        with self._reported(texts) as report:
            if self.rate_limiter is not None:
                await self.rate_limiter.async_acquire()
            embed = self._aget_text_embeddings_cached if self.embeddings_cache else self._aget_text_embeddings
            return report(await embed(texts))

    @contextmanager
    def _reported(self, texts: list[str]) -> Iterator[Callable[[list[Embedding]], list[Embedding]]]:
        """Report a batch to LlamaIndex's callbacks and instrumentation; yields what takes its vectors."""
        payload = self.to_payload()
        dispatcher.event(EmbeddingStartEvent(model_dict=payload))
        with self.callback_manager.event(CBEventType.EMBEDDING, payload={EventPayload.SERIALIZED: payload}) as event:

            def report(vectors: list[Embedding]) -> list[Embedding]:
                event.on_end(payload={EventPayload.CHUNKS: texts, EventPayload.EMBEDDINGS: vectors})
                dispatcher.event(EmbeddingEndEvent(chunks=texts, embeddings=vectors))
                return vectors

            yield report

    @override
    def get_agg_embedding_from_queries(self, queries: list[str], agg_fn: Aggregate | None = None) -> Embedding:
        """Return one vector for several queries, by default their mean."""
        return super().get_agg_embedding_from_queries(check_texts(queries), agg_fn)

    @override
    async def aget_agg_embedding_from_queries(self, queries: list[str], agg_fn: Aggregate | None = None) -> Embedding:
        """Return one vector for several queries, by default their mean."""
        return await super().aget_agg_embedding_from_queries(check_texts(queries), agg_fn)

    def _get_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        with with_spans_of("llama_index"):
            return _vectors(self._clients.sync.embed(**self._request(texts))) if texts else []

    async def _aget_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        with with_spans_of("llama_index"):
            return _vectors(await self._clients.asynchronous.embed(**self._request(texts))) if texts else []

    def _get_text_embedding(self, text: str) -> Embedding:
        return EmbeddingJob(check_text(text), size=1).run(self._get_text_embeddings, workers=1)[0]

    async def _aget_text_embedding(self, text: str) -> Embedding:
        return (await EmbeddingJob(check_text(text), size=1).arun(self._aget_text_embeddings, workers=1))[0]

    def _get_query_embedding(self, query: str) -> Embedding:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> Embedding:
        return await self._aget_text_embedding(query)


register_class(DigitalOceanEmbedding, module="llama_index.core.embeddings.loading", table="RECOGNIZED_EMBEDDINGS")


def _vectors(response: EmbeddingResponse) -> list[Embedding]:
    return [item.embedding for item in response.data]
