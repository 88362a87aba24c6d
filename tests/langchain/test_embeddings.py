"""Embeddings: what is sent, in which batches, and that vectors come back in the order of their texts."""

from __future__ import annotations

import asyncio

import pytest

from inference_do import ConfigError
from inference_do.emulator import Emulator, Quirks
from langchain_do import DigitalOceanEmbeddings


def test_chunk_size_is_checked(emu: Emulator) -> None:
    with pytest.raises(ConfigError, match="chunk_size"):
        DigitalOceanEmbeddings(model="bge-m3", api_key=emu.api_key, base_url=emu.base_url, chunk_size=0)


def test_embeddings_in_batches(emu: Emulator) -> None:
    model = DigitalOceanEmbeddings(
        model="bge-m3", api_key=emu.api_key, base_url=emu.base_url, chunk_size=2, user="u", max_retries=0
    )
    texts = ["one", "two", "three", "four", "five"]
    vectors = model.embed_documents(texts)
    assert [request.json["input"] for request in emu.requests] == [["one", "two"], ["three", "four"], ["five"]]
    assert emu.requests[0].json["user"] == "u"
    assert vectors == [model.embed_query(text) for text in texts]
    assert asyncio.run(model.aembed_documents(texts)) == vectors
    assert asyncio.run(model.aembed_query("two")) == vectors[1]
    posts = emu.posts
    assert model.embed_documents([]) == []
    assert emu.posts == posts


def test_embeddings_out_of_order(emu: Emulator) -> None:
    model = DigitalOceanEmbeddings(model="bge-m3", api_key=emu.api_key, base_url=emu.base_url)
    ordered = model.embed_documents(["a", "b", "c"])
    emu.quirks = Quirks(shuffle_embeddings=True)
    assert model.embed_documents(["a", "b", "c"]) == ordered
