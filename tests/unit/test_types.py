"""What comes in: leniency, typed access to chunks, usage rules, vectors."""

from __future__ import annotations

import base64
import copy
import pickle
from array import array
from typing import Any

import pytest
from pydantic import ValidationError

from inference_do.types import (
    ChatCompletion,
    ChatCompletionChunk,
    EmbeddingResponse,
    ModelList,
    ResponseInfo,
    ToolCallFragment,
    Usage,
)

SAMPLE = {
    "id": "",
    "object": "chat.completion",
    "created": 1747247763,
    "model": "m",
    "service_tier": None,
    "choices": [
        {
            "index": 0,
            "finish_reason": "something new",
            "logprobs": None,
            "message": {"role": "", "content": "Hi", "refusal": None, "audio": None, "tool_calls": None},
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "speed": None},
    "brand_new": {"a": 1},
}


def test_the_apis_own_sample():
    completion = ChatCompletion.model_validate(SAMPLE)
    assert (completion.text, completion.id, completion.choices[0].finish_reason) == ("Hi", "", "something new")
    assert (completion.choices[0].message.tool_calls, completion.choices[0].message.role) == ([], "")
    assert (completion.brand_new, completion.usage.speed) == ({"a": 1}, None)
    assert (completion.response_info, completion.request_id) == (None, None)


@pytest.mark.parametrize("raw", [{}, {"choices": None}, {"choices": []}, {"id": None, "model": None, "object": None}])
def test_a_completion_may_lack_everything(raw):
    completion = ChatCompletion.model_validate(raw)
    assert (completion.text, completion.id, completion.model, completion.choices) == ("", "", "", [])


def test_a_message_may_have_no_text():
    assert ChatCompletion.model_validate({"choices": [{"message": {"content": None}}]}).text == ""


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ({"arguments": '{"a": '}, '{"a": '),
        ({"arguments": {"a": "é"}}, '{"a": "é"}'),
        ({"arguments": None}, ""),
        ({}, ""),
    ],
)
def test_arguments_are_text_and_nothing_is_corrected(function, arguments):
    raw = {"choices": [{"message": {"tool_calls": [{"id": None, "type": None, "function": function}]}}]}
    (call,) = ChatCompletion.model_validate(raw).choices[0].message.tool_calls
    assert (call.id, call.type, call.function.name, call.function.arguments) == ("", "", "", arguments)


@pytest.mark.parametrize(
    "raw", [{"choices": {}}, {"choices": [{}]}, {"choices": [5]}, {"model": 5}, {"choices": [{"message": 5}]}]
)
def test_a_field_of_the_wrong_shape_is_an_error(raw):
    with pytest.raises(ValidationError):
        ChatCompletion.model_validate(raw)


def test_responses_are_frozen_and_travel_with_how_they_came():
    completion = ChatCompletion.model_validate(SAMPLE)
    completion.came_with(ResponseInfo(200, {"x-request-id": "r"}, 2))
    with pytest.raises(ValidationError):
        completion.model = "other"  # type: ignore[misc]
    for other in (pickle.loads(pickle.dumps(completion)), copy.deepcopy(completion), completion.model_copy()):
        assert (other.text, other.request_id, other.response_info.attempts) == ("Hi", "r", 2)


def test_an_answer_without_an_id_has_none():
    assert ResponseInfo(200, {}, 1).request_id is None


# --- usage ---

# Each row: what came, and what input, output, cached and reasoning tokens are read from it.
USAGES: list[tuple[dict[str, Any], tuple[int, int, int, int]]] = [
    ({}, (0, 0, 0, 0)),
    ({"prompt_tokens": None, "prompt_tokens_details": None}, (0, 0, 0, 0)),
    ({"prompt_tokens": 10, "completion_tokens": 5}, (10, 5, 0, 0)),
    ({"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 8}}, (10, 0, 8, 0)),
    ({"prompt_tokens": 10, "cache_read_input_tokens": 8}, (10, 0, 8, 0)),
    ({"prompt_tokens": 14, "cache_read_input_tokens": 1043}, (1057, 0, 1043, 0)),
    ({"prompt_tokens": 14, "cache_read_input_tokens": 3, "cache_created_input_tokens": 20}, (37, 0, 3, 0)),
    ({"prompt_tokens": 8, "cache_read_input_tokens": 8}, (8, 0, 8, 0)),
    (
        {"prompt_tokens_details": {"cached_tokens": None}, "completion_tokens_details": {"reasoning_tokens": "x"}},
        (0, 0, 0, 0),
    ),
    ({"completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 7}}, (0, 9, 0, 7)),
]


@pytest.mark.parametrize(("raw", "counts"), USAGES)
def test_usage_is_read_alike_for_every_family(raw, counts):
    usage = Usage.model_validate(raw)
    assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens) == counts


# --- vectors and models ---


def test_vectors_may_be_lists_or_base64():
    packed = base64.b64encode(array("f", [0.5, -1.0]).tobytes()).decode()
    raw = {"data": [{"index": 1, "embedding": [1, 2.5]}, {"index": None, "embedding": packed}]}
    response = EmbeddingResponse.model_validate(raw)
    assert [(item.index, item.embedding) for item in response.data] == [(1, [1.0, 2.5]), (0, [0.5, -1.0])]


@pytest.mark.parametrize("vector", ["not base64!", base64.b64encode(b"abc").decode(), None, 5, ["a"], "é"])
def test_what_is_no_vector_is_an_error(vector):
    with pytest.raises(ValidationError):
        EmbeddingResponse.model_validate({"data": [{"embedding": vector}]})


def test_the_list_of_models_may_be_null():
    assert ModelList.model_validate({"data": None}).data == []
    (model,) = ModelList.model_validate({"data": [{"id": "m", "owned_by": None, "new": 1}]}).data
    assert (model.id, model.owned_by, model.new) == ("m", "", 1)


# --- chunks ---

RAW = {
    "model": "m",
    "created": 5,
    "choices": [{"index": 0, "delta": {"content": "Hi", "tool_calls": [{"function": {"arguments": {"a": 1}}}]}}],
    "extra": 1,
}


def test_a_chunk_reads_as_typed_objects():
    chunk = ChatCompletionChunk(RAW)
    assert (chunk.text, chunk.model, chunk.created, chunk.id, chunk.usage, chunk.extra) == ("Hi", "m", 5, "", None, 1)
    delta = chunk.choices[0].delta
    assert (delta.content, delta.tool_calls[0].function.arguments) == ("Hi", '{"a": 1}')
    assert chunk.choices is chunk.choices
    assert chunk.model_dump() is RAW


def test_a_chunk_without_a_delta_has_an_empty_one():
    (choice,) = ChatCompletionChunk({"choices": [{"delta": None}]}).choices
    assert (choice.index, choice.delta.content, choice.delta.tool_calls) == (0, None, [])


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ({}, ""),
        ({"choices": None}, ""),
        ({"choices": [{"delta": None}]}, ""),
        ({"choices": [{"index": 1, "delta": {"content": "b"}}, {"index": 0, "delta": {"content": "a"}}]}, "a"),
        ({"choices": [{"index": 1, "delta": {"content": "b"}}]}, ""),
        ({"choices": [{"delta": {"content": None}}]}, ""),
    ],
)
def test_the_text_of_a_chunk_is_the_first_answers(raw, text):
    assert ChatCompletionChunk(raw).text == text


def test_unknown_attributes_are_attribute_errors():
    chunk = ChatCompletionChunk({})
    for name in ("nothing", "_private", "__length_hint__"):
        with pytest.raises(AttributeError, match=name):
            getattr(chunk, name)


def test_chunks_compare_show_and_travel():
    fragment = ToolCallFragment(0, 0, "a", "f", "{}")
    chunk = ChatCompletionChunk(RAW, (fragment,))
    for other in (copy.copy(chunk), copy.deepcopy(chunk), pickle.loads(pickle.dumps(chunk))):
        assert other == chunk
        assert other.tool_fragments == (fragment,)
    assert chunk != ChatCompletionChunk({})
    assert chunk != RAW
    assert repr(chunk) == f"ChatCompletionChunk({RAW!r})"
    with pytest.raises(TypeError):
        hash(chunk)
