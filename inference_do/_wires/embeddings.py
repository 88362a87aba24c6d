"""Embeddings: texts to a body, a body to vectors in the order of the texts."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from inference_do._protocol.json import load_json
from inference_do.errors import ConfigError
from inference_do.types import EmbeddingResponse

from .bodies import given
from .codec import refuse_reported
from .repair import HEAD, read_leniently

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
    """Read vectors, and put them in the order of the inputs; without indexes they are in it.

    Raises:
        ValueError: They are not one vector of finite numbers for each input, all of one length.
    """
    parsed = _parse(data)
    refuse_reported(parsed)
    response = read_leniently(EmbeddingResponse.model_validate, _with_indexes(parsed), HEAD)
    vectors = sorted(response.data, key=lambda item: item.index)
    if [item.index for item in vectors] != list(range(count)):
        message = f"{count} inputs were sent, and {len(vectors)} vectors came back that do not match them"
        raise ValueError(message)
    for item in vectors:
        _check_vector(item.index, item.embedding, len(vectors[0].embedding))
    return response.model_copy(update={"data": vectors})


class _Vector(TypedDict, total=False):
    __pydantic_config__ = ConfigDict(val_json_bytes="base64", extra="allow")  # type: ignore[misc]  # pydantic's name
    embedding: bytes


class _Body(TypedDict, total=False):
    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]  # pydantic's name
    data: list[_Vector]


@cache
def _reader() -> TypeAdapter[_Body]:
    return TypeAdapter(_Body)


def _parse(data: bytes) -> Any:
    """Parse JSON; base64 becomes bytes at once.

    pydantic's parser makes no text of it in between: 2,048 vectors of 1,024 numbers take it 7 ms, and 28 ms with
    `base64.b64decode`. What it refuses is parsed as any other JSON is, and judged there.
    """
    first = re.search(rb'"embedding"\s*:\s*(.)', data)
    if first and first[1] == b'"':
        with suppress(ValidationError):
            return _reader().validate_json(data)
    return load_json(data)


def _with_indexes(parsed: Any) -> Any:
    """Return a response whose vectors have indexes, where none of them has one."""
    items = parsed.get("data") if isinstance(parsed, dict) else None
    if isinstance(items, list) and all(isinstance(item, dict) and item.get("index") is None for item in items):
        return {**parsed, "data": [{**item, "index": index} for index, item in enumerate(items)]}
    return parsed


def _check_vector(index: int, vector: list[float], size: int) -> None:
    # the sum is a quick look at all numbers; of finite ones it may be too large, so it is no proof
    if not math.isfinite(sum(vector)) and not all(map(math.isfinite, vector)):
        message = f"vector {index} holds numbers that are not finite"
        raise ValueError(message)
    if not vector:
        message = f"vector {index} is empty"
        raise ValueError(message)
    if len(vector) != size:
        message = f"vector {index} has {len(vector)} numbers, and vector 0 has {size}"
        raise ValueError(message)
