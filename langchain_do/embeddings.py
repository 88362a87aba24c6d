"""`DigitalOceanEmbeddings`, LangChain's embeddings on DigitalOcean's inference API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from langchain_core.embeddings import Embeddings
from pydantic import Field

from inference_do._adapters.arguments import check_text, check_texts

from ._connection import Connected
from ._errors import translate

__all__ = ["DigitalOceanEmbeddings"]


class DigitalOceanEmbeddings(Connected, Embeddings, defer_build=False):
    """Embeddings of DigitalOcean's inference API.

    vectors = DigitalOceanEmbeddings(model="gte-large-en-v1.5").embed_documents(["a", "b"])
    """

    model: str = Field(description="An embedding model's id.")
    chunk_size: int = Field(default=256, ge=1, le=2048, description="Texts in one request; the API takes up to 2048.")
    user: str | None = Field(default=None, description="An id of your user, for the provider to tell abuse apart.")
    extra_body: Mapping[str, Any] | None = Field(
        default=None,
        description="Further fields of the request's body, such as `dimensions` where a model has them.",
    )

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text, in the order of the texts; no text, no request."""
        vectors: list[list[float]] = []
        with translate():
            for request in self._requests(texts):
                vectors += [item.embedding for item in self._clients.sync.embed(**request).data]
        return vectors

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text, in the order of the texts; no text, no request."""
        vectors: list[list[float]] = []
        with translate():
            for request in self._requests(texts):
                vectors += [item.embedding for item in (await self._clients.asynchronous.embed(**request)).data]
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """Return a text's vector."""
        with translate():
            return self.embed_documents(check_text(text))[0]

    async def aembed_query(self, text: str) -> list[float]:
        """Return a text's vector."""
        with translate():
            return (await self.aembed_documents(check_text(text)))[0]

    def _requests(self, texts: Iterable[str]) -> Iterator[dict[str, Any]]:
        inputs = check_texts(texts)
        params = {**self.model_kwargs, "model": self.model, "user": self.user, "extra_body": self.extra_body}
        for start in range(0, len(inputs), self.chunk_size):
            yield {**params, "input": inputs[start : start + self.chunk_size]}
