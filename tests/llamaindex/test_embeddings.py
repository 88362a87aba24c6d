"""Embeddings: one request for each batch, vectors in the order of the texts, a bounded number at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from llama_index.core.base.embeddings.base import BaseEmbedding, Embedding
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler
from llama_index.core.callbacks.schema import EventPayload
from llama_index.core.rate_limiter import BaseRateLimiter
from llama_index.core.storage.kvstore import SimpleKVStore

from inference_do import ConfigError, ProtocolError
from inference_do.emulator import DelayHead, Emulator, Quirks, RawBody, Status
from inference_do.errors import BadRequestError, ContextLengthError, RateLimitError
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


# --- many texts ---


def embed(model: DigitalOceanEmbedding, texts: list[str], **options: Any) -> list[Embedding]:
    return model.get_text_embedding_batch(texts, **options)


def aembed(model: DigitalOceanEmbedding, texts: list[str], **options: Any) -> list[Embedding]:
    async def call() -> list[Embedding]:
        try:
            return await model.aget_text_embedding_batch(texts, **options)
        finally:
            await model.aclose()

    return asyncio.run(call())


both = pytest.mark.parametrize("ask", [embed, aembed])


@both
def test_several_requests_at_once_and_in_order(embedding: DigitalOceanEmbedding, emu: Emulator, ask: Any) -> None:
    texts = TEXTS * 4
    ordered = embed(embedding, texts)
    embedding.embed_batch_size, embedding.num_workers = 1, 3
    emu.reset()
    emu.script(*[DelayHead(0.05) if number % 3 == 0 else DelayHead(0.005) for number in range(40)])
    assert ask(embedding, texts) == ordered
    assert emu.posts == 40
    assert 2 <= emu.connections <= 3


@both
def test_a_failure_keeps_what_came(embedding: DigitalOceanEmbedding, emu: Emulator, ask: Any) -> None:
    ordered = embed(embedding, TEXTS)
    embedding.embed_batch_size, embedding.num_workers = 3, 1
    emu.reset()
    emu.script(None, Status(400, {"error": {"message": "this is no text"}}))
    with pytest.raises(BadRequestError, match=r"texts\[3:6\]; of 10 texts, 3 have their vector") as caught:
        ask(embedding, TEXTS)
    assert (caught.value.texts, caught.value.vectors) == (range(3, 6), [*ordered[:3], *[None] * 7])
    assert emu.posts == 2


@both
def test_a_text_that_is_too_long_is_named(embedding: DigitalOceanEmbedding, emu: Emulator, ask: Any) -> None:
    too_long = Status(400, {"error": {"message": "maximum context length is 512 tokens, you requested 600"}})
    embedding.embed_batch_size, embedding.num_workers = 4, 1
    emu.script(None, too_long, None, too_long, too_long)  # 0:4, 4:8, 4:6, 6:8, 6
    with pytest.raises(ContextLengthError, match=r"texts\[6\] of 13 characters; of 10 texts, 6 have"):
        ask(embedding, TEXTS)
    assert [len(request.json["input"]) for request in emu.requests] == [4, 4, 2, 2, 1]


@both
def test_a_progress_bar(
    embedding: DigitalOceanEmbedding, ask: Any, capsys: pytest.CaptureFixture[str], emu: Emulator
) -> None:
    embedding.embed_batch_size = 4
    ask(embedding, TEXTS, show_progress=True)
    assert "10/10" in capsys.readouterr().err
    ask(embedding, [], show_progress=True)
    ask(embedding, TEXTS)
    assert capsys.readouterr().err == ""


@both
def test_each_batch_is_reported(embedding: DigitalOceanEmbedding, emu: Emulator, ask: Any) -> None:
    debug = LlamaDebugHandler(print_trace_on_end=False)
    embedding.callback_manager = CallbackManager([debug])
    embedding.embed_batch_size = 4
    vectors = ask(embedding, TEXTS)
    ends = [end for _, end in debug.get_event_pairs(CBEventType.EMBEDDING)]
    chunks = {tuple(end.payload[EventPayload.CHUNKS]): end.payload[EventPayload.EMBEDDINGS] for end in ends}
    assert chunks == {tuple(TEXTS[at : at + 4]): vectors[at : at + 4] for at in (0, 4, 8)}


@both
def test_the_cache_and_the_limiter_are_asked(embedding: DigitalOceanEmbedding, emu: Emulator, ask: Any) -> None:
    class Limiter(BaseRateLimiter):
        asked = 0

        def acquire(self, num_tokens: int = 0) -> None:
            self.asked += 1

        async def async_acquire(self, num_tokens: int = 0) -> None:
            self.asked += 1

    embedding.embed_batch_size, embedding.rate_limiter = 4, Limiter()
    embedding.embeddings_cache = SimpleKVStore()
    vectors = ask(embedding, TEXTS)
    assert embedding.rate_limiter.asked == emu.posts == 3
    assert ask(embedding, TEXTS) == vectors
    assert emu.posts == 3


def test_a_server_without_base64(embedding: DigitalOceanEmbedding, emu: Emulator) -> None:
    emu.script(*[Status(400, {"error": {"message": "base64 encoding is not currently supported"}})] * 2)
    for ask in (embedding.get_text_embedding, lambda text: embed(embedding, [text])):
        with pytest.raises(BadRequestError, match="encoding_format='float'"):
            ask("Paris")


@both
def test_a_class_of_somebody_else_that_loses_a_vector(emu: Emulator, ask: Any) -> None:
    class Losing(DigitalOceanEmbedding):
        def _get_text_embeddings(self, texts: list[str]) -> list[Embedding]:
            return [[1.0] for _ in texts[1:]]

        async def _aget_text_embeddings(self, texts: list[str]) -> list[Embedding]:
            return self._get_text_embeddings(texts)

    model = Losing(model_name="bge-m3", base_url=emu.base_url, api_key=emu.api_key)
    with pytest.raises(ProtocolError, match="10 texts were given, and 9 vectors came back"):
        ask(model, TEXTS)
