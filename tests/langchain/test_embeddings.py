"""Embeddings: what is sent, in which batches, and that vectors come back in the order of their texts."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from client_kit import asoon

from inference_do import ConfigError
from inference_do.emulator import DelayHead, Emulator, Quirks, Status
from langchain_do import AuthenticationError, BadRequestError, ContextLengthError, DigitalOceanEmbeddings, ServerError

TEXTS = [f"text number {number}" for number in range(40)]
TOO_LONG = Status(400, {"error": {"message": "the input is longer than the model's context length of 8192 tokens"}})
FAILED = Status(500)


@pytest.fixture
def make_embeddings(emu: Emulator) -> Callable[..., DigitalOceanEmbeddings]:
    def build(**settings: Any) -> DigitalOceanEmbeddings:
        given = {"model": "bge-m3", "api_key": emu.api_key, "base_url": emu.base_url, "max_retries": 0}
        return DigitalOceanEmbeddings(**{**given, **settings})

    return build


def embed(model: DigitalOceanEmbeddings, texts: list[str], **options: Any) -> list[list[float]]:
    return model.embed_documents(texts, **options)


def aembed(model: DigitalOceanEmbeddings, texts: list[str], **options: Any) -> list[list[float]]:
    async def call() -> list[list[float]]:
        try:
            return await model.aembed_documents(texts, **options)
        finally:
            await model.aclose()

    return asyncio.run(call())


both = pytest.mark.parametrize("ask", [embed, aembed])


def sizes(emu: Emulator) -> list[int]:
    return [len(request.json["input"]) for request in emu.requests]


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


# --- many texts ---


@both
def test_several_requests_at_once_and_in_order(emu, make_embeddings, ask):
    model = make_embeddings(chunk_size=1, max_concurrency=3)
    ordered = model.embed_documents(TEXTS, chunk_size=2048)
    emu.reset()
    emu.script(*[DelayHead(0.05) if number % 3 == 0 else None for number in range(len(TEXTS))])
    assert ask(model, TEXTS) == ordered
    assert emu.posts == len(TEXTS)
    assert emu.connections <= 3
    assert sorted(request.json["input"][0] for request in emu.requests) == sorted(TEXTS)


def test_threads_work_together(emu, make_embeddings):
    emu.always = DelayHead(0.02)
    make_embeddings(chunk_size=1, max_concurrency=4).embed_documents(TEXTS)
    assert 2 <= emu.connections <= 4


def test_long_texts_are_fewer_in_a_request(emu, make_embeddings):
    make_embeddings().embed_documents(["a " * 60_000] * 5 + ["short"] * 20)
    assert sizes(emu) == [2, 2, 21]
    emu.reset()
    make_embeddings(max_concurrency=1).embed_documents(["ж" * 60_000] * 2)
    assert sizes(emu) == [1, 1]


@both
def test_texts_of_a_request_can_be_said_for_one_call(emu, make_embeddings, ask):
    ask(make_embeddings(max_concurrency=1), TEXTS, chunk_size=30)
    assert sizes(emu) == [30, 10]
    for wrong in (0, 2049, True, "7", 1.5):
        with pytest.raises(ConfigError, match="chunk_size must be a whole number from 1 to 2048"):
            ask(make_embeddings(), TEXTS, chunk_size=wrong)
    assert emu.posts == 2


@both
def test_a_failure_says_which_texts_and_keeps_what_came(emu, make_embeddings, ask):
    model = make_embeddings(chunk_size=10, max_concurrency=1)
    ordered = model.embed_documents(TEXTS)
    emu.reset()
    emu.script(None, None, FAILED)
    with pytest.raises(ServerError, match=r"texts\[20:30\]; of 40 texts, 20 have their vector") as caught:
        ask(model, TEXTS)
    assert caught.value.status == 500
    assert caught.value.texts == range(20, 30)
    assert caught.value.vectors == [*ordered[:20], *[None] * 20]
    assert emu.posts == 3
    rest = [text for text, vector in zip(TEXTS, caught.value.vectors, strict=True) if vector is None]
    assert ask(model, rest) == ordered[20:]


@both
def test_a_failure_ends_what_is_not_begun(emu, make_embeddings, ask):
    model = make_embeddings(chunk_size=1, max_concurrency=4)
    ordered = model.embed_documents(TEXTS, chunk_size=2048)
    emu.reset()
    emu.script(*[None] * 10, Status(401))
    with pytest.raises(AuthenticationError) as caught:
        ask(model, TEXTS)
    have = [place for place, vector in enumerate(caught.value.vectors) if vector is not None]
    assert 10 <= len(have) == emu.posts - 1 < 30  # what had begun, however slowly threads are told
    assert all(caught.value.vectors[place] == ordered[place] for place in have)
    assert len(caught.value.texts) == 1
    assert f"of 40 texts, {len(have)} have" in str(caught.value)


@both
def test_a_text_that_is_too_long_is_named(emu, make_embeddings, ask):
    model = make_embeddings(chunk_size=8, max_concurrency=1)
    texts = [f"{text}, and much more" if place == 13 else text for place, text in enumerate(TEXTS)]
    ordered = model.embed_documents(texts)
    emu.reset()
    emu.script(None, TOO_LONG, None, TOO_LONG, TOO_LONG, None, TOO_LONG)  # 0:8, 8:16, 8:12, 12:16, 12:14, 12, 13
    with pytest.raises(ContextLengthError, match=r"texts\[13\] of 29 characters; of 40 texts, 13 have") as caught:
        ask(model, texts)
    assert sizes(emu) == [8, 8, 4, 4, 2, 1, 1]
    assert caught.value.texts == range(13, 14)
    assert caught.value.vectors == [*ordered[:13], *[None] * 27]


@both
@pytest.mark.parametrize(
    "refusal", [Status(413, "too large"), Status(422, {"error": "batch size 8 > maximum allowed batch size 4"})]
)
def test_what_is_too_much_for_one_request_goes_in_two(emu, make_embeddings, ask, refusal):
    model = make_embeddings(chunk_size=8, max_concurrency=1)
    ordered = model.embed_documents(TEXTS[:8])
    emu.reset()
    emu.script(refusal)
    assert ask(model, TEXTS[:8]) == ordered
    assert [request.json["input"] for request in emu.requests] == [TEXTS[:8], TEXTS[:4], TEXTS[4:8]]


@both
def test_empty_texts_are_sent_and_named_where_they_are_refused(emu, make_embeddings, ask):
    model = make_embeddings()
    assert len(ask(model, ["a", "", " "])) == 3
    emu.script(Status(400, {"error": {"message": "input cannot be an empty string"}}))
    with pytest.raises(BadRequestError, match=r"texts\[0:3\].*texts\[1\] is empty, and 1 more are"):
        ask(model, ["a", "", " "])
    assert emu.posts == 2


@both
def test_a_server_without_base64(emu, make_embeddings, ask):
    model = make_embeddings()
    assert ask(make_embeddings(encoding_format="float"), ["a"]) == ask(model, ["a"])
    assert [request.json["encoding_format"] for request in emu.requests] == ["float", "base64"]
    emu.script(Status(400, {"error": {"message": "base64 encoding is not currently supported"}}))
    with pytest.raises(BadRequestError, match="encoding_format='float'"):
        ask(model, ["a"])
    ask(make_embeddings(model_kwargs={"encoding_format": "float"}), ["a"])
    assert emu.requests[-1].json["encoding_format"] == "float"


async def test_a_call_that_is_cancelled_sends_no_more(emu, make_embeddings):
    model = make_embeddings(chunk_size=1, max_concurrency=2)
    emu.always = DelayHead(5)
    call = asyncio.ensure_future(model.aembed_documents(TEXTS))
    assert await asoon(lambda: emu.posts == 2, 10)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert emu.posts == 2
    await model.aclose()


def test_an_interrupt_does_not_wait_for_the_requests(emu, make_embeddings, monkeypatch):
    """Ctrl-C is raised in the thread that waits; here it comes out of the first worker."""
    model = make_embeddings(chunk_size=1, max_concurrency=2)
    held = threading.Event()
    sent = model._embed

    def embed_one(texts: list[str]) -> list[list[float]]:
        if texts == TEXTS[0:1]:
            raise KeyboardInterrupt
        held.wait(10)
        return sent(texts)

    monkeypatch.setattr(DigitalOceanEmbeddings, "_embed", lambda _, texts: embed_one(texts))
    try:
        with pytest.raises(KeyboardInterrupt):
            model.embed_documents(TEXTS)
        assert not held.is_set()
    finally:
        held.set()


@both
def test_a_progress_bar(emu, make_embeddings, ask, capsys):
    pytest.importorskip("tqdm")
    ask(make_embeddings(chunk_size=4, show_progress_bar=True), TEXTS)
    assert "40/40" in capsys.readouterr().err
    ask(make_embeddings(), TEXTS)
    make_embeddings(show_progress_bar=True).embed_query("a")
    assert capsys.readouterr().err == ""


def test_a_bar_without_tqdm_is_a_warning(emu, make_embeddings, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.warns(UserWarning, match="pip install tqdm") as warned:
        assert len(make_embeddings(show_progress_bar=True).embed_documents(TEXTS)) == 40
    assert warned[0].filename == __file__
