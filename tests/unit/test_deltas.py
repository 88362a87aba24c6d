"""Fields of deltas put together: lists, objects, pieces of text."""

# ruff: noqa: E501  the rows of its table stay rows

from __future__ import annotations

import base64
from typing import Any

import pytest

from inference_do._deltas import put_together
from inference_do.accumulate import Accumulator

B = base64.b64encode
URL = {"type": "image_url", "image_url": {"url": "https://a/1.png"}}
CASES: dict[str, tuple[str, list[Any], Any]] = {
    # D19
    "reasoning details by index": (
        "reasoning_details",
        [
            [{"type": "reasoning.text", "text": "Let ", "index": 0, "format": "f", "signature": None}],
            [{"type": "reasoning.text", "text": "me", "index": 0, "format": "f"}],
            [{"type": "reasoning.text", "index": 0, "signature": "c2ln"}],
        ],
        [{"type": "reasoning.text", "text": "Let me", "index": 0, "format": "f", "signature": "c2ln"}],
    ),
    "reasoning details of two indexes": (
        "reasoning_details",
        [[{"index": 0, "text": "a"}], [{"index": 1, "text": "b"}], [{"index": 0, "text": "c"}, {"index": 1, "text": "d"}]],
        [{"index": 0, "text": "ac"}, {"index": 1, "text": "bd"}],
    ),
    "two types under one index": (
        "reasoning_details",
        [
            [{"type": "reasoning.summary", "summary": "a", "index": 0}],
            [{"type": "reasoning.encrypted", "data": "xyz", "id": "rs_1", "index": 0}],
            [{"type": "reasoning.summary", "summary": "b", "index": 0}],
        ],
        [
            {"type": "reasoning.summary", "summary": "ab", "index": 0},
            {"type": "reasoning.encrypted", "data": "xyz", "id": "rs_1", "index": 0},
        ],
    ),
    "by id": (
        "reasoning_details",
        [[{"id": "a", "text": "1"}], [{"id": "b", "text": "2"}], [{"id": "a", "text": "3"}]],
        [{"id": "a", "text": "13"}, {"id": "b", "text": "2"}],
    ),
    "the id comes with the first part only": (
        "reasoning_details",
        [[{"id": "a", "index": 0, "text": "1"}], [{"index": 0, "text": "2"}]],
        [{"id": "a", "index": 0, "text": "12"}],
    ),
    "another id under one index": (
        "reasoning_details",
        [[{"id": "a", "index": 0, "text": "1"}], [{"id": "b", "index": 0, "text": "2"}], [{"index": 0, "text": "3"}]],
        [{"id": "a", "index": 0, "text": "1"}, {"id": "b", "index": 0, "text": "23"}],
    ),
    "a signature again and again": (
        "reasoning_details",
        [[{"index": 0, "text": "a", "signature": "s"}], [{"index": 0, "text": "b", "signature": "s"}]],
        [{"index": 0, "text": "ab", "signature": "s"}],
    ),
    "neither index nor id": ("reasoning_details", [[{"text": "a"}], [{"text": "a"}]], [{"text": "a"}, {"text": "a"}]),
    "annotations": (
        "annotations",
        [[{"type": "url_citation", "url_citation": {"url": "u"}}], [{"type": "url_citation", "url_citation": {"url": "v"}}]],
        [{"type": "url_citation", "url_citation": {"url": "u"}}, {"type": "url_citation", "url_citation": {"url": "v"}}],
    ),
    "images": ("images", [[URL], [{**URL, "image_url": {"url": "data:b"}}]], [URL, {**URL, "image_url": {"url": "data:b"}}]),
    "two images under one index": (
        "images",
        [[{**URL, "index": 0}], [{"type": "image_url", "image_url": {"url": "data:b"}, "index": 0}]],
        [{**URL, "index": 0}, {"type": "image_url", "image_url": {"url": "data:b"}, "index": 0}],
    ),
    "audio": (
        "audio",
        [{"id": "a1"}, {"transcript": "Hel"}, {"data": "AAAA", "transcript": "lo"}, {"data": "BBBB"}, {"expires_at": 5}],
        {"id": "a1", "transcript": "Hello", "data": "AAAABBBB", "expires_at": 5},
    ),
    "audio whose pieces are padded": (
        "audio",
        [{"data": B(b"a").decode()}, {"data": B(b"bc").decode()}, {"data": B(b"d").decode()}],
        {"data": B(b"abcd").decode()},
    ),
    "data that is no base64": ("audio", [{"data": "a="}, {"data": "é"}], {"data": "a=é"}),
    "function_call": (
        "function_call",
        [{"name": "f", "arguments": ""}, {"arguments": '{"a"'}, {"name": "", "arguments": ":1}"}],
        {"name": "f", "arguments": '{"a":1}'},
    ),
    "nulls in objects": ("audio", [{"id": None, "data": None}, {"id": None}], {"id": None, "data": None}),
    "a list of texts": ("citations", [["a"], ["b", "a"]], ["a", "b", "a"]),
    "pieces of text": ("thinking", ["a", "b"], "ab"),
    "a text that is no piece": ("provider", ["x", "x"], "x"),
    "numbers": ("progress", [1, 2], 2),
    "an object, then a list": ("audio", [{"a": 1}, [2]], [2]),
    "parts within one list": ("reasoning_details", [[{"index": 0, "text": "a"}, {"index": 0, "text": "b"}]], [{"index": 0, "text": "ab"}]),
}  # fmt: skip


@pytest.mark.parametrize(("name", "values", "whole"), CASES.values(), ids=CASES)
def test_put_together(name, values, whole):
    assert put_together(name, values) == whole


def test_values_of_deltas_are_put_together_in_the_completion_and_stay_as_they_are():
    accumulator = Accumulator()
    deltas = [
        {"reasoning_details": [{"index": 0, "type": "reasoning.text", "text": "a"}], "annotations": [{"n": 1}]},
        {"reasoning_details": [{"index": 0, "text": "b"}], "content": "x", "annotations": [{"n": 2}]},
    ]
    for delta in deltas:
        accumulator.add({"choices": [{"index": 0, "delta": delta}]})
    for _ in range(2):
        message = accumulator.completion().choices[0].message
        assert message.reasoning_details == [{"index": 0, "type": "reasoning.text", "text": "ab"}]
        assert message.annotations == [{"n": 1}, {"n": 2}]
    assert deltas[0]["reasoning_details"] == [{"index": 0, "type": "reasoning.text", "text": "a"}]
