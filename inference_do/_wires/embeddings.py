"""Embeddings: texts to a body, a body to vectors in the order of the texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inference_do._protocol.json import load_json
from inference_do.errors import ConfigError
from inference_do.types import EmbeddingResponse

from .bodies import given

__all__ = ["PATH", "embedding_body", "read_embeddings"]

PATH = "/embeddings"


def embedding_body(model: str, texts: str | Sequence[str], params: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """Return the body of a request, and how many texts are in it.

    Raises:
        ConfigError: The input is no text, and no list of texts.
    """
    inputs = [texts] if isinstance(texts, str) else list(texts) if isinstance(texts, Sequence) else []
    if not inputs or not all(isinstance(text, str) for text in inputs):
        message = "input must be a string or a list of at least one string"
        raise ConfigError(message)
    return {"model": model, "input": texts if isinstance(texts, str) else inputs, **given(params)}, len(inputs)


def read_embeddings(data: bytes, count: int) -> EmbeddingResponse:
    """Read vectors, and put them in the order of the inputs."""
    response = EmbeddingResponse.model_validate(load_json(data))
    vectors = sorted(response.data, key=lambda item: item.index)
    if [item.index for item in vectors] != list(range(count)):
        message = f"{count} inputs were sent, and {len(vectors)} vectors came back that do not match them"
        raise ValueError(message)
    return response.model_copy(update={"data": vectors})
