"""Lists and objects in deltas come together in the sum of chunks as a whole answer has them (D19)."""

# ruff: noqa: E501  the rows of its table stay rows

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any

import pytest

from inference_do.emulator import Emulator, RawBody, RawStream
from langchain_do import ChatDigitalOcean

Make = Callable[..., ChatDigitalOcean]
DETAIL = {"type": "reasoning.text", "index": 0, "format": "f", "id": "r1"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:a"}, "index": 0}
CASES: dict[str, tuple[str, list[Any], Any]] = {
    "reasoning_details": (
        "reasoning_details",
        [[{**DETAIL, "text": "Let "}], [{**DETAIL, "text": "me"}], [{**DETAIL, "signature": "s"}]],
        [{**DETAIL, "text": "Let me", "signature": "s"}],
    ),
    "entries by id alone": (
        "reasoning_details",
        [[{"id": "a", "text": "1"}], [{"id": "b", "text": "2"}], [{"id": "a", "text": "3"}]],
        [{"id": "a", "text": "13"}, {"id": "b", "text": "2"}],
    ),
    "annotations": (
        "annotations",
        [[{"type": "url_citation", "url_citation": {"url": url}}] for url in "ab"],
        [{"type": "url_citation", "url_citation": {"url": url}} for url in "ab"],
    ),
    "images": ("images", [[IMAGE], [{**IMAGE, "image_url": {"url": "data:b"}}]], None),
    "audio": ("audio", [{"id": "a1"}, {"data": "AA=="}, {"data": "BB=="}, {"expires_at": 5}], {"id": "a1", "data": "AAQ=", "expires_at": 5}),
    "function_call": ("function_call", [{"name": "f", "arguments": "{"}, {"name": "f", "arguments": "}"}], {"name": "f", "arguments": "{}"}),
}  # fmt: skip
CASES["images"] = (*CASES["images"][:2], [entry for entries in CASES["images"][1] for entry in entries])


def streamed(deltas: list[dict[str, Any]]) -> RawStream:
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]})
    return RawStream([b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks] + [b"data: [DONE]\n\n"])


@pytest.mark.parametrize(("name", "values", "whole"), CASES.values(), ids=CASES)
def test_the_sum_of_chunks_is_the_whole_answer(emu: Emulator, make: Make, name: str, values: list[Any], whole: Any):
    message = {"role": "assistant", "content": "Hi", name: whole}
    stream = streamed([{name: value} for value in values])
    emu.script(
        RawBody(json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()), stream, stream
    )
    model = make()

    async def collected() -> list[Any]:
        return [chunk async for chunk in model.astream("hi")]

    asked = [model.invoke("hi"), reduce(add, model.stream("hi")), reduce(add, asyncio.run(collected()))]
    assert [message.additional_kwargs for message in asked] == [{name: whole}] * 3
    assert [message.text for message in asked] == ["Hi"] * 3
