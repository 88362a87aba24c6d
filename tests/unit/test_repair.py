"""What is read although something in it is odd: what no answer depends on, and content as a list of parts."""

# ruff: noqa: E501  the rows of its tables stay rows

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from inference_do._wires.bodies import read_models
from inference_do._wires.chat_completions import chunk_parser, read_completion
from inference_do._wires.embeddings import read_embeddings
from inference_do.types import ChatCompletionChunk

ODD: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # what is sent beside an answer, and what is read (D17)
    "created is a date": ({"created": "2026-11-02T10:00:00Z"}, {"created": None}),
    "created is an object": ({"created": {"seconds": 5}}, {"created": None}),
    "an integer id": ({"id": 7}, {"id": ""}),
    "object and model are none": ({"object": [], "model": {"id": "m"}}, {"object": "", "model": ""}),
    "service_tier is an object": ({"service_tier": {"name": "default"}}, {"service_tier": None}),
    "a number for a fingerprint": ({"system_fingerprint": 5}, {"system_fingerprint": None}),
    "usage is a list": ({"usage": [1]}, {"usage": None}),
    "usage is a text": ({"usage": "12 tokens"}, {"usage": None}),
    "all at once": (
        {"id": 1, "created": "x", "usage": False, "service_tier": 2},
        {"id": "", "created": None, "usage": None, "service_tier": None},
    ),
}
USAGE: dict[str, tuple[dict[str, Any], tuple[int, int, int, int]]] = {
    # usage, and input, output, cached and reasoning tokens
    "texts": ({"prompt_tokens": "12", "completion_tokens": "3"}, (12, 3, 0, 0)),
    "fractions": ({"prompt_tokens": 12.5, "completion_tokens": "3.5"}, (12, 3, 0, 0)),
    "integral floats": ({"prompt_tokens": 12.0, "prompt_tokens_details": {"cached_tokens": 5.0}}, (12, 0, 5, 0)),
    "details as texts": (
        {"completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": "7"}},
        (0, 9, 0, 7),
    ),
    "details are a list": (
        {"prompt_tokens": 12, "prompt_tokens_details": [], "completion_tokens_details": ["a"]},
        (12, 0, 0, 0),
    ),
    "one that cannot be read": ({"prompt_tokens": "many", "completion_tokens": 3}, (0, 3, 0, 0)),
    "counts of other types": (
        {"prompt_tokens": [], "completion_tokens": 3, "cache_read_input_tokens": {}},
        (0, 3, 0, 0),
    ),
    "details of other types": ({"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": True}}, (1, 0, 0, 0)),
}
MESSAGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # a message or delta, and what is read of it
    "refusal is false": ({"content": "a", "refusal": False}, {"content": "a", "refusal": None}),
    "an odd role": ({"content": "a", "role": 5}, {"content": "a"}),
    "reasoning_content is an object": ({"content": "a", "reasoning_content": {}}, {"content": "a", "reasoning_content": None}),
    # D18
    "text parts": ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, {"content": "ab", "reasoning_content": None}),
    "thinking": (
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}, {"type": "text", "text": "!"}]}, {"type": "text", "text": "a"}]},
        {"content": "a", "reasoning_content": "hm!"},
    ),
    "thinking as text, and a text alone": ({"content": [{"type": "thinking", "thinking": "hm"}, "a"]}, {"content": "a", "reasoning_content": "hm"}),
    "reasoning": ({"content": [{"type": "reasoning", "text": "hm"}]}, {"content": None, "reasoning_content": "hm"}),
    "thoughts in both places": (
        {"content": [{"type": "thinking", "thinking": "hm"}], "reasoning_content": "well"}, {"content": None, "reasoning_content": "well"},
    ),
    "no parts": ({"content": []}, {"content": None}),
    "parts of other types": ({"content": [{"type": "reference", "reference_ids": [1]}, {"type": "output_text", "text": "a"}]}, {"content": "a"}),
    "a refusal": ({"content": [{"type": "refusal", "refusal": "no"}]}, {"content": None, "refusal": "no"}),
    "an image": ({"content": [{"type": "image_url", "image_url": {"url": "u"}}]}, {"content": None, "images": [{"type": "image_url", "image_url": {"url": "u"}}]}),
    "reasoning_content as parts": ({"content": "a", "reasoning_content": [{"type": "text", "text": "hm"}]}, {"content": "a", "reasoning_content": "hm"}),
}  # fmt: skip


def whole(**fields: Any) -> Any:
    answer = {"choices": [{"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}], **fields}
    return read_completion(json.dumps(answer).encode())


def chunk(**fields: Any) -> Any:
    raw = {"choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": "stop"}], **fields}
    return ChatCompletionChunk(chunk_parser()(json.dumps(raw).encode()))


@pytest.mark.parametrize(("sent", "read"), ODD.values(), ids=ODD)
@pytest.mark.parametrize("make", [whole, chunk])
def test_what_nothing_depends_on_costs_no_answer(make, sent, read, caplog):
    with caplog.at_level(logging.DEBUG, "inference_do"):
        answer = make(**sent)
    assert answer.text == "Hello"
    if make is whole:
        assert {name: getattr(answer, name) for name in read} == read
    assert answer.usage is None
    assert all(f"{name} of a response is left out" in caplog.text for name in sent)


@pytest.mark.parametrize(("usage", "counts"), USAGE.values(), ids=USAGE)
@pytest.mark.parametrize("make", [whole, chunk])
def test_odd_counts_are_read_as_far_as_they_are_numbers(make, usage, counts):
    answer = make(usage=usage)
    read = answer.usage
    assert (read.input_tokens, read.output_tokens, read.cached_tokens, read.reasoning_tokens) == counts
    assert answer.text == "Hello"


@pytest.mark.parametrize(("sent", "read"), MESSAGES.values(), ids=MESSAGES)
def test_odd_messages(sent, read):
    completion = whole(choices=[{"message": sent, "finish_reason": "stop"}])
    message = completion.choices[0].message
    assert {name: getattr(message, name) for name in read} == read
    raw = chunk(choices=[{"delta": sent}]).raw
    delta = raw["choices"][0]["delta"]
    assert {name: delta.get(name) for name in read} == read


@pytest.mark.parametrize("logprobs", [[], [1], "none", 0.5])
def test_odd_logprobs(logprobs):
    choice = {"index": 0, "logprobs": logprobs, "finish_reason": "stop"}
    assert whole(choices=[{**choice, "message": {"content": "a"}}]).choices[0].logprobs is None
    assert chunk(choices=[{**choice, "delta": {"content": "a"}}]).raw["choices"][0]["logprobs"] is None


def test_odd_ids_of_calls_are_replaced():
    call = {"id": 0, "type": 5, "function": {"name": "f", "arguments": "{}"}}
    one, two = whole(choices=[{"message": {"tool_calls": [call, call]}}]).choices[0].message.tool_calls
    assert one.id.startswith("call_")
    assert one.id != two.id
    assert chunk(choices=[{"delta": {"tool_calls": [call]}}]).raw["choices"][0]["delta"]["tool_calls"][0]["id"] is None


@pytest.mark.parametrize(
    "message",
    [{"content": 5}, {"content": {"text": "a"}}, {"content": [5]}, {"content": [{"text": 5}]}, {"tool_calls": 5},
     {"tool_calls": [{"function": {"name": 5}}]}, {"tool_calls": [{"function": {"arguments": 5}}]}],
)  # fmt: skip
def test_text_and_calls_are_never_guessed(message):
    with pytest.raises(ValueError, match=r"."):
        whole(id=5, choices=[{"message": message}])
    with pytest.raises(ValueError, match=r"."):
        chunk(id=5, choices=[{"delta": message}])


def test_ids_that_repeat_in_a_whole_answer_are_replaced():
    """A5: the next request would be refused."""
    calls = [
        {"id": id_, "function": {"name": "f", "arguments": "{}"}} for id_ in ("x", "x", "y", "", "null", None, "x")
    ]
    read = whole(choices=[{"message": {"tool_calls": calls}}]).choices[0].message.tool_calls
    ids = [call.id for call in read]
    assert (ids[0], ids[2]) == ("x", "y")
    assert len(set(ids)) == len(calls)
    assert all(id_ in {"x", "y"} or id_.startswith("call_") for id_ in ids)


# --- models and vectors ---


def test_odd_entries_of_the_list_of_models():
    odd = {"id": "b", "created": "today", "owned_by": 5, "max_output_tokens": "many", "object": None}
    data = json.dumps({"object": 5, "data": [{"id": "a"}, None, "c", {"name": "d"}, {"id": 7}, odd]}).encode()
    models = read_models(data).data
    assert [model.id for model in models] == ["a", "b"]
    assert (models[1].created, models[1].owned_by, models[1].max_output_tokens) == (None, "", None)


@pytest.mark.parametrize(
    "data", [{}, [], {"data": "none"}, {"data": {}}, {"error": "no", "data": []}, {"data": [{}, 5]}]
)
def test_what_is_no_list_of_models(data):
    with pytest.raises(ValueError, match=r"."):
        read_models(json.dumps(data).encode())


def vectors(*items: Any, **fields: Any) -> bytes:
    return json.dumps({"data": list(items), **fields}).encode()


@pytest.mark.parametrize(
    "data",
    [
        vectors({"embedding": [1.0]}, {"embedding": [2.0]}),
        vectors({"embedding": [1.0], "index": None}, {"embedding": [2.0]}),
        vectors({"embedding": [2.0], "index": 1}, {"embedding": [1.0], "index": 0}, usage=[], model=5),
        vectors({"embedding": "AACAPw=="}, {"embedding": "AAAAQA=="}),
    ],
)
def test_vectors_without_indexes_are_in_order(data):  # D21
    response = read_embeddings(data, 2)
    assert [(item.index, item.embedding) for item in response.data] == [(0, [1.0]), (1, [2.0])]


NO_VECTORS = {
    "one too few": vectors({"embedding": [1.0]}),
    "one too many": vectors({"embedding": [1.0]}, {"embedding": [1.0]}, {"embedding": [1.0]}),
    "one index of two": vectors({"embedding": [1.0], "index": 0}, {"embedding": [1.0]}, usage=None)[:-1] + b"}",
    "an index twice": vectors({"embedding": [1.0], "index": 1}, {"embedding": [1.0], "index": 1}),
    "NaN": vectors({"embedding": [1.0]}, {"embedding": [float("nan")]}),
    "infinite": vectors({"embedding": [1.0, 2.0]}, {"embedding": [float("inf"), float("-inf")]}),
    "too large": vectors({"embedding": [1.0]}).replace(b"1.0", b"1e999")[:-2] + b', {"embedding": [1.0]}]}',
    "NaN in base64": vectors({"embedding": "AADAfw=="}, {"embedding": "AAAAQA=="}),
    "infinite in base64": vectors({"embedding": "AACAfw=="}, {"embedding": "AAAAQA=="}),
    "empty": vectors({"embedding": []}, {"embedding": []}),
    "empty base64": vectors({"embedding": ""}, {"embedding": ""}),
    "unequal": vectors({"embedding": [1.0]}, {"embedding": [1.0, 2.0]}),
    "unequal in base64": vectors({"embedding": "AAAAQA=="}, {"embedding": "AAAAQAAAAEA="}),
    "null in a vector": vectors({"embedding": [1.0]}, {"embedding": [None]}),
    "an error beside them": vectors({"embedding": [1.0]}, {"embedding": [1.0]}, error={"message": "no"}),
    "no list": vectors()[:-3] + b"{}}",
}


@pytest.mark.parametrize("data", NO_VECTORS.values(), ids=NO_VECTORS)
def test_what_is_no_vector_for_each_input_is_refused(data):
    with pytest.raises(ValueError, match=r"."):
        read_embeddings(data, 2)


def test_large_finite_numbers_are_no_infinity():
    assert read_embeddings(vectors({"embedding": [1.7e308, 1.7e308]}), 1).data[0].embedding == [1.7e308, 1.7e308]
