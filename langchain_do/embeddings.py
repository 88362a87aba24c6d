"""`DigitalOceanEmbeddings`, LangChain's embeddings on DigitalOcean's inference API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from langchain_core.embeddings import Embeddings
from pydantic import Field

from inference_do._adapters.arguments import check_text, check_texts
from inference_do._adapters.embedding_jobs import ENCODING, EmbeddingJob, check_size

from ._connection import Connected, Whole
from ._errors import translate

__all__ = ["DigitalOceanEmbeddings"]


class DigitalOceanEmbeddings(Connected, Embeddings, defer_build=False):
    """Embeddings of DigitalOcean's inference API.

    vectors = DigitalOceanEmbeddings(model="gte-large-en-v1.5").embed_documents(["a", "b"])
    """

    model: str = Field(description="An embedding model's id.")
    chunk_size: Whole = Field(
        default=256,
        ge=1,
        le=2048,
        description="Texts in one request, at most; fewer where they are long. The API takes up to 2048.",
    )
    max_concurrency: Whole = Field(default=8, ge=1, description="Requests at once, at most.")
    show_progress_bar: bool = Field(
        default=False, description="Whether `embed_documents` shows a bar of the texts that are done; it needs tqdm."
    )
    encoding_format: Literal["float", "base64"] = Field(default="base64", description=ENCODING)
    user: str | None = Field(default=None, description="An id of your user, so that the provider can trace abuse.")
    extra_body: Mapping[str, Any] | None = Field(
        default=None,
        description="Further fields of the request's body, such as `dimensions` where a model has them.",
    )

    def embed_documents(self, texts: list[str], chunk_size: int | None = None) -> list[list[float]]:
        """Return a vector for each text, in the order of the texts; no text, no request.

        Args:
            texts: The texts, any number of them.
            chunk_size: Texts in one request, instead of the object's own.

        Raises:
            InferenceError: A request failed. Its `texts` says which texts were in it, its `vectors` has those that
                came, and None for the others.
        """
        with translate(), self._job(texts, chunk_size) as job:
            return job.run(self._embed, workers=self.max_concurrency)

    async def aembed_documents(self, texts: list[str], chunk_size: int | None = None) -> list[list[float]]:
        """Return a vector for each text, in the order of the texts; see `embed_documents`."""
        with translate(), self._job(texts, chunk_size) as job:
            return await job.arun(self._aembed, workers=self.max_concurrency)

    def embed_query(self, text: str) -> list[float]:
        """Return a text's vector."""
        with translate():
            return self.embed_documents(check_text(text))[0]

    async def aembed_query(self, text: str) -> list[float]:
        """Return a text's vector."""
        with translate():
            return (await self.aembed_documents(check_text(text)))[0]

    def _embed(self, texts: list[str]) -> list[list[float]]:
        return [item.embedding for item in self._clients.sync.embed(**self._request(texts)).data]

    async def _aembed(self, texts: list[str]) -> list[list[float]]:
        return [item.embedding for item in (await self._clients.asynchronous.embed(**self._request(texts))).data]

    def _job(self, texts: Iterable[str], chunk_size: int | None) -> EmbeddingJob:
        inputs = check_texts(texts)
        size = self.chunk_size if chunk_size is None else check_size(chunk_size)
        return EmbeddingJob(inputs, size=size, show_progress=self.show_progress_bar and len(inputs) > 1)

    def _request(self, texts: list[str]) -> dict[str, Any]:
        given = {"encoding_format": self.encoding_format, "user": self.user, "extra_body": self.extra_body}
        return {**self.model_kwargs, **given, "model": self.model, "input": texts}
