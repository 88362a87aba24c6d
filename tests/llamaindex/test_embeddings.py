"""Embeddings: one request for each batch, vectors in the order of the texts, a bounded number at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from llama_index.core.base.embeddings.base import BaseEmbedding

from inference_do import ConfigError, ProtocolError
from inference_do.emulator import DelayHead, Emulator, Quirks, RawBody, Status
from inference_do.errors import RateLimitError
from llamaindex_do import DigitalOceanEmbedding

TEXTS = [f"text number {number}" for number in range(10)]


def test_it_is_an_embedding() -> None:
    assert issubclass(DigitalOceanEmbedding, BaseEmbedding)


def test_a_text_and_a_query(embedding: DigitalOceanEmbedding, emu: Emulator) -> None:
    vector = embedding.get_text_embedding("Paris")
    assert len(vector) == 1024
    assert vector == embedding.get_query_embedding("Paris")
    assert emu.requests[0].json == {"model": "bge-m3", "input": ["Paris"], "encoding_format": "base64"}
    assert emu.requests[0].path == "/v1/embeddings"


async def test_async_gives_the_same(embedding: DigitalOceanEmbedding) -> None:
    assert await embedding.aget_text_embedding("Paris") == embedding.get_text_embedding("Paris")
    assert await embedding.aget_query_embedding("Paris") == embedding.get_text_embedding("Paris")
    await embedding.aclose()


@pytest.mark.parametrize("quirks", [Quirks(), Quirks(shuffle_embeddings=True)], ids=["ordered", "shuffled"])
async def test_one_request_a_batch_in_order(embedding: DigitalOceanEmbedding, emu: Emulator, quirks: Quirks) -> None:
    emu.quirks = quirks
    expected = [embedding.get_text_embedding(text) for text in TEXTS]
    embedding.embed_batch_size = 4
    emu.reset()
    assert embedding.get_text_embedding_batch(TEXTS) == expected
    assert [len(request.json["input"]) for request in emu.requests] == [4, 4, 2]
    emu.reset()
    assert await embedding.aget_text_embedding_batch(TEXTS) == expected
    assert sorted(len(request.json["input"]) for request in emu.requests) == [2, 4, 4]
    await embedding.aclose()


async def test_only_so_many_requests_at_once(embedding: DigitalOceanEmbedding, emu: Emulator) -> None:
    embedding.embed_batch_size, embedding.num_workers = 1, 2
    emu.always = DelayHead(0.02)
    await embedding.aget_text_embedding_batch(TEXTS)
    assert emu.posts == 10
    assert emu.connections == 2
    await embedding.aclose()


def test_base64_is_exact(emu: Emulator, embedding: DigitalOceanEmbedding) -> None:
    numbers = embedding.model_copy(update={"encoding_format": "float"})
    assert numbers.get_text_embedding("Paris") == embedding.get_text_embedding("Paris")
    assert [request.json["encoding_format"] for request in emu.requests] == ["float", "base64"]


def test_no_texts_are_no_request(embedding: DigitalOceanEmbedding, emu: Emulator) -> None:
    assert embedding.get_text_embedding_batch([]) == []
    assert embedding._get_text_embeddings([]) == []
    assert asyncio.run(embedding._aget_text_embeddings([])) == []
    assert emu.posts == 0


def test_a_missing_vector_is_an_error(embedding: DigitalOceanEmbedding, emu: Emulator) -> None:
    emu.script(RawBody(b'{"object":"list","data":[{"index":0,"embedding":[1.0]}]}'))
    with pytest.raises(ProtocolError):
        embedding.get_text_embedding_batch(["a", "b"])


def test_errors_and_retries_are_the_clients(emu: Emulator) -> None:
    model = DigitalOceanEmbedding(model_name="bge-m3", base_url=emu.base_url, api_key=emu.api_key, max_retries=1)
    emu.script(Status(503, headers={"retry-after": "0"}))
    assert model.get_text_embedding("a")
    assert emu.posts == 2
    emu.always = Status(429, headers={"retry-after": "0"})
    with pytest.raises(RateLimitError, match="429"):
        model.get_text_embedding("a")
    assert emu.posts == 4


@pytest.mark.parametrize(
    ("options", "detail"),
    [
        ({"modle_name": "x"}, "did you mean 'model_name'"),
        ({"embed_batch_size": 0}, "embed_batch_size"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"base_url": "http://example.com"}, "https"),
    ],
)
def test_bad_settings(options: dict[str, Any], detail: str) -> None:
    with pytest.raises(ConfigError, match=detail):
        DigitalOceanEmbedding(**{"model_name": "bge-m3", "api_key": "k", **options})


def test_model_is_another_name() -> None:
    assert DigitalOceanEmbedding(model="bge-m3", api_key="k").model_name == "bge-m3"
