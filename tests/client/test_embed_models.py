"""Embeddings and the list of models."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import sys
from typing import Any

import pytest
from client_kit import VECTORS, caught, make, make_async

from inference_do import ConfigError, ProtocolError
from inference_do._wires.embeddings import read_embeddings
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


def body(*vectors: Any, **further: Any) -> RawBody:
    items = [{"index": index, "embedding": vector, "own": "kept"} for index, vector in enumerate(vectors)]
    return RawBody(json.dumps({"data": items, **further}).encode())


def packed(*numbers: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


@both
def test_base64_is_little_endian_and_what_stands_beside_it_is_kept(emu, ask):
    usage = {"prompt_tokens": 3, "total_tokens": 3, "cost": 0.5}
    emu.script(body(packed(1.5, -2.25, 0.1), packed(0.0, 3.0, -1e-30), model="m \ud83d", usage=usage, own=[1]))
    response = ask(emu, input=["a", "b"], encoding_format="base64")
    vectors = [item.embedding for item in response.data]
    assert vectors == [list(struct.unpack("3f", struct.pack("3f", 1.5, -2.25, 0.1))), [0.0, 3.0, vectors[1][2]]]
    assert vectors[1][2] == pytest.approx(-1e-30)
    assert {type(number) for vector in vectors for number in vector} == {float}
    assert (response.usage.prompt_tokens, response.usage.cost, response.own, response.data[0].own) == (
        3,
        0.5,
        [1],
        "kept",
    )


@pytest.mark.parametrize("order", ["little", "big"])
def test_base64_is_read_alike_on_every_machine(monkeypatch, order):
    """Say that the machine has another order, and give it bytes that are in the order that is then wrong."""
    other = ">" if sys.byteorder == "little" else "<"
    data = struct.pack(f"{other if order == 'big' else '='}2f", 1.5, -2.0)
    monkeypatch.setattr(sys, "byteorder", order)
    parsed = {"data": [{"index": 0, "embedding": base64.b64encode(data).decode()}]}
    assert read_embeddings(json.dumps(parsed).encode(), 1).data[0].embedding == [1.5, -2.0]


@pytest.mark.parametrize("vectors", [[[1, 2.5]], [packed(1.0, 2.5)]], ids=["numbers", "base64"])
def test_numbers_are_floats(emu, vectors):
    emu.script(body(*vectors))
    read = embed(emu, input="a").data[0].embedding
    assert read == [1.0, 2.5]
    assert {type(number) for number in read} == {float}


def test_a_response_may_mix_both_forms(emu):
    emu.script(body(packed(1.0), [2.0]), body([1.0], packed(2.0)))
    assert [item.embedding for item in embed(emu, input=["a", "b"]).data] == [[1.0], [2.0]]
    assert [item.embedding for item in embed(emu, input=["a", "b"]).data] == [[1.0], [2.0]]


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
    body("AACAPw==", "AACA"),
    body("AACAPw==", "AACAPwAAgD8="),
    body("AACAPw==", ""),
    body("AACAPw==", packed(float("nan"))),
    body(packed(float("inf")), [1.0]),
    body("AACAPw==", None),
    RawBody(b"[]"),
    RawBody(b"<html>"),
]


@both
@pytest.mark.parametrize("fault", BAD, ids=lambda fault: fault.data[:80].decode())
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
