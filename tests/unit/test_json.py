"""JSON both ways: surrogates, NaN, depth, and the shape of chunks."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_do._protocol.json import dump_json, load_json
from inference_do._wires.chat_completions import chunk_parser
from inference_do.accumulate import Accumulator
from inference_do.types import ChatCompletionChunk

TEXTS = ["", "plain", "é🎈\u2028\0", "\ud83d", "a\udc00b", "NaN Infinity", '"\\\n']


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_text_survives_both_ways(text):
    assert load_json(dump_json({"a": [text]})) == {"a": [text]}
    assert json.loads(dump_json({"a": text})) == {"a": text}


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_no_byte_is_wasted(text):
    assert b": " not in dump_json({"a": text, "b": [1, 2]})
    assert b", " not in dump_json({"a": text, "b": [1, 2]})


def test_a_lone_surrogate_in_a_chunk_survives():
    raw = chunk_parser()(b'{"choices": [{"delta": {"content": "a\\ud83d"}}]}')
    assert raw["choices"][0]["delta"]["content"] == "a\ud83d"
    with pytest.raises(ValueError, match="choices"):
        chunk_parser()(b'{"choices": "\\ud83d"}')


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_numbers_without_a_json_form_are_refused(number):
    for value in ({"a": number}, {"a": [{"b": number}], "t": "NaN"}):
        with pytest.raises(ValueError, match=r"JSON|nan|range"):
            dump_json(value)


RICH: list[Any] = [dt.date(2026, 1, 2), uuid.UUID(int=5), {1, 2}, (1, 2)]


@pytest.mark.parametrize("value", RICH, ids=repr)
@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_what_can_be_written_does_not_depend_on_the_words_beside_it(value, text):
    alone = json.loads(dump_json({"v": value}))["v"]
    assert json.loads(dump_json({"v": value, "t": text})) == {"v": alone, "t": text}


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def circle() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    "value", [object(), deep(100_000), circle(), {"a": object(), "t": "NaN"}, b"\xff"], ids=lambda v: type(v).__name__
)
def test_what_cannot_be_written_is_a_value_or_type_error(value):
    with pytest.raises((TypeError, ValueError, RecursionError)):
        dump_json(value)


BAD = [
    b"",
    b"{",
    b"\xff",
    b'"\xff"',
    b"[" * 100_000,
    b"nul",
    b"1" * 5000,
    b"{'a': 1}",
    b'["\\ud800", ' + b"1" * 5000 + b"]",
]


@pytest.mark.parametrize("data", BAD, ids=lambda data: repr(data[:12]))
def test_bad_json_is_a_value_error(data):
    with pytest.raises(ValueError, match=r"."):
        load_json(data)
    with pytest.raises(ValueError, match=r"."):
        chunk_parser()(data)


@given(st.binary(max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_json_or_a_value_error(data):
    try:
        load_json(data)
    except ValueError:
        return


# --- chunks ---

LENIENT = [
    {},
    {"id": None, "model": None, "choices": None, "usage": None, "created": None, "object": None},
    {"choices": []},
    {"choices": [{}]},
    {"choices": [{"index": None, "delta": None, "finish_reason": None, "logprobs": None}]},
    {"choices": [{"delta": {"content": None, "tool_calls": None, "role": None, "refusal": None}}]},
    {"choices": [{"delta": {"tool_calls": [{}, {"index": None, "id": None, "type": None, "function": None}]}}]},
    {"choices": [{"delta": {"tool_calls": [{"type": "", "function": {"name": None, "arguments": None}}]}}]},
    {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": {"a": 1}}}]}}]},
    {"choices": [{"delta": {"unknown": {"a": []}}, "finish_reason": "whatever", "more": 1}], "speed": None},
    {"usage": {"total_tokens": 3, "speed": None, "cache_creation": {"a": 1}}},
    {"created": 1.5},
]


@pytest.mark.parametrize("raw", LENIENT, ids=lambda raw: json.dumps(raw)[:60])
def test_lenient_chunks(raw):
    assert chunk_parser()(json.dumps(raw).encode()) == raw


WRONG = [
    None, 42, [], "text", True,
    {"choices": {}}, {"choices": [5]}, {"choices": [{"delta": "x"}]}, {"choices": [{"index": "first"}]},
    {"choices": [{"delta": {"content": 5}}]}, {"choices": [{"delta": {"content": ["a", 5]}}]},
    {"choices": [{"delta": {"content": {"text": "a"}}}]}, {"choices": [{"delta": {"content": [{"text": 5}]}}]},
    {"choices": [{"delta": {"tool_calls": {}}}]}, {"choices": [{"delta": {"tool_calls": [5]}}]},
    {"choices": [{"delta": {"tool_calls": [{"function": "f"}]}}]},
    {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": [1]}}]}}]},
    {"choices": [{"finish_reason": 5}]}, {"id": 5, "choices": [{"finish_reason": 5}]},
    {"choices": [{"delta": {"content": ["a"], "tool_calls": {}}}]},
]  # fmt: skip


@pytest.mark.parametrize("raw", WRONG, ids=lambda raw: json.dumps(raw)[:60])
def test_chunks_of_the_wrong_shape_are_refused(raw):
    with pytest.raises(ValueError, match=r"."):
        chunk_parser()(json.dumps(raw).encode())


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4)
)
ANY = LEAVES | st.just([]) | st.just({})


def some(names: str, values: st.SearchStrategy[Any] = ANY) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names.split()), values, max_size=4)


TOOL_CALL = some("index id type more") | st.fixed_dictionaries({"function": some("name arguments more")})
DELTA = some("role content refusal reasoning reasoning_content more") | st.fixed_dictionaries(
    {"tool_calls": st.lists(TOOL_CALL, max_size=2)}
)
CHOICE = some("index finish_reason logprobs more") | st.fixed_dictionaries({"delta": DELTA})
USAGE = some("prompt_tokens completion_tokens total_tokens cache_read_input_tokens prompt_tokens_details more")
HEAD = some("id object created model service_tier system_fingerprint more")
CHUNK = st.builds(
    lambda head, **rest: {**head, **rest},
    HEAD,
    choices=st.none() | st.lists(CHOICE, max_size=2),
    usage=st.none() | USAGE,
)


@given(CHUNK)
@settings(max_examples=200, deadline=None)
def test_every_chunk_that_passes_can_be_read_and_put_together(raw):
    try:
        parsed = chunk_parser()(json.dumps(raw).encode())
    except ValueError:
        return
    accumulator = Accumulator()
    chunk = ChatCompletionChunk(parsed, accumulator.add(parsed))
    assert chunk.text is not None
    assert isinstance(chunk.choices, list)
    assert chunk.created is None or chunk.created == parsed["created"]
    assert accumulator.completion() is not None
    assert isinstance(accumulator.has_broken_call, bool)


def test_what_has_no_json_form_is_refused_without_its_bytes():
    with pytest.raises(ValueError, match=r"^Error serializing to JSON") as caught:
        dump_json({"content": b"\xff secret"})
    assert "secret" not in str(caught.value)
    assert not hasattr(caught.value, "object")
