"""Embeddings and the list of models."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from client_kit import VECTORS, caught, make, make_async

from inference_do import ConfigError, ProtocolError
from inference_do.emulator import Quirks, RawBody, Status


def embed(emu: Any, **options: Any) -> Any:
    return caught(lambda: make(emu).embed(model=VECTORS, **options))


def aembed(emu: Any, **options: Any) -> Any:
    async def call() -> Any:
        return await make_async(emu).embed(model=VECTORS, **options)

    return caught(lambda: asyncio.run(call()))


both = pytest.mark.parametrize("ask", [embed, aembed])


@both
@pytest.mark.parametrize("shuffled", [False, True])
def test_vectors_come_in_the_order_of_the_inputs(emu, ask, shuffled):
    emu.quirks = Quirks(shuffle_embeddings=shuffled)
    texts = ["red apples", "green trees", "blue seas", "red apples"]
    response = ask(emu, input=texts)
    vectors = [item.embedding for item in response.data]
    assert [item.index for item in response.data] == [0, 1, 2, 3]
    assert vectors[0] == vectors[3] != vectors[1]
    assert response.usage.prompt_tokens > 0
    assert response.request_id
    assert emu.requests[-1].json == {"model": VECTORS, "input": texts}


@both
def test_one_text_gives_one_vector(emu, ask):
    assert len(ask(emu, input="hello").data) == 1
    assert emu.requests[-1].json["input"] == "hello"
    assert len(ask(emu, input=("a", "b")).data) == 2


def test_base64_and_numbers_are_the_same(emu):
    numbers, packed = (embed(emu, input="hello", encoding_format=form).data[0] for form in ("float", "base64"))
    assert packed.embedding == pytest.approx(numbers.embedding, abs=1e-6)


def reply(*indexes: Any) -> RawBody:
    return RawBody(json.dumps({"data": [{"index": index, "embedding": [1.0]} for index in indexes]}).encode())


BAD = [
    reply(),
    reply(0),
    reply(0, 0),
    reply(1, 2),
    reply(0, 1, 2),
    RawBody(b'{"data": null}'),
    RawBody(b"{}"),
    RawBody(b'{"data": [{"index": 0}, {"index": 1}]}'),
    RawBody(b'{"data": [{"index": 0, "embedding": "!"}, {"index": 1, "embedding": [1]}]}'),
    RawBody(b"[]"),
    RawBody(b"<html>"),
]


@both
@pytest.mark.parametrize("fault", BAD, ids=lambda fault: fault.data[:40].decode())
def test_vectors_that_do_not_match_are_never_handed_out(emu, ask, fault):
    emu.script(fault)
    assert isinstance(ask(emu, input=["a", "b"]), ProtocolError)
    assert emu.posts == 1


@both
@pytest.mark.parametrize("texts", [[], None, 5, ["a", 5], [["a"]], b"bytes", {"a": 1}], ids=repr)
def test_inputs_that_are_none_are_refused_before_sending(emu, ask, texts):
    assert isinstance(ask(emu, input=texts), ConfigError)
    assert emu.posts == 0


# --- models ---


def test_the_models_are_listed(emu):
    models = make(emu).models()
    assert "gemma-4-31B-it" in {model.id for model in models}
    assert (emu.requests[-1].method, emu.requests[-1].path, emu.requests[-1].body) == ("GET", "/v1/models", b"")
    assert "content-type" not in emu.requests[-1].headers


async def test_the_models_are_listed_to_both(emu):
    async with make_async(emu) as client:
        listed = await client.models()
    assert [model.id for model in listed] == [model.id for model in make(emu).models()]


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b'{"data": null}', 0),
        (b'{"data": [{"id": "m", "x": 1}]}', 1),
        (b"{}", None),
        (b'{"data": [{}]}', None),
        (b"[]", None),
    ],
)
def test_what_is_no_list_is_an_error(emu, body, count):
    emu._faults_on_get = True
    emu.script(RawBody(body))
    models = caught(make(emu).models)
    assert isinstance(models, ProtocolError) if count is None else len(models) == count


def test_the_list_is_asked_for_again_and_its_options_count(emu):
    emu._faults_on_get = True
    emu.script(Status(503, headers={"retry-after": "0"}), None)
    assert make(emu).models(timeout=5, max_retries=1)
    emu.script(Status(503))
    assert caught(lambda: make(emu).models(max_retries=0)).attempts == 1
