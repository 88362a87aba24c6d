"""Odd fields that no answer depends on, content in parts, calls that share ids or change them (rows 123 to 125)."""

# ruff: noqa: E501  the rows of its table stay rows

from __future__ import annotations

import json
from typing import Any

from rows import DONE, STREAM, WHOLE, Row, completion, data, delta, served
from rows_payload import ADD, MULTIPLY, TWO, calling, part

from inference_do.emulator import RawBody

HELLO: dict[str, Any] = {"text": "Hello"}
CALLED: dict[str, Any] = {"text": "", "calls": TWO, "finish": "tool_calls"}
THOUGHT: list[Any] = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
    {"type": "text", "text": "Hello"},
]


def odd(number: str, name: str, *, seen: tuple[int, int, int] | None = None, **fields: Any) -> list[Row]:
    """Return rows with fields beside the choices, whole and in every chunk of a stream."""
    stream = data({**delta("Hel"), **fields}) + data({**delta("lo", finish="stop"), **fields}) + DONE
    return [
        Row(name=f"{number} {name}, whole", modes=WHOLE, script=[whole_with({"content": "Hello"}, **fields)], usage=seen, **HELLO),
        Row(name=f"{number}s {name}, streamed", modes=STREAM, script=[served(stream)], usage=seen, **HELLO),
    ]  # fmt: skip


def whole_with(message: dict[str, Any], **fields: Any) -> RawBody:
    return RawBody(json.dumps({**json.loads(completion(message)), **fields}).encode())


def choice(
    number: str, name: str, message: dict[str, Any], deltas: list[dict[str, Any]], *, more: Any = None, **seen: Any
) -> list[Row]:
    """Return rows with a message, whole and as deltas."""
    body = b"".join(data({"choices": [{"index": 0, "delta": one, **(more or {})}]}) for one in deltas)
    whole = {"choices": [{"index": 0, "message": message, "finish_reason": "stop", **(more or {})}]}
    return [
        Row(name=f"{number} {name}, whole", modes=WHOLE, script=[RawBody(json.dumps(whole).encode())], **seen),
        Row(
            name=f"{number}s {name}, streamed",
            modes=STREAM,
            script=[served(body + data(delta(finish="stop")) + DONE)],
            **seen,
        ),
    ]


def call(id_: Any, name: str, arguments: str) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def called(number: str, name: str, first: Any, second: Any) -> Row:
    calls = [call(first, *ADD), call(second, *MULTIPLY)]
    return Row(
        name=f"{number} {name}",
        modes=WHOLE,
        script=[RawBody(completion({"tool_calls": calls}, finish="tool_calls"))],
        **CALLED,
    )


def streamed(number: str, name: str, *chunks: list[dict[str, Any]], **seen: Any) -> Row:
    return Row(name=f"{number} {name}", modes=STREAM, script=[calling(*chunks)], **{**CALLED, **seen})


A, B = '{"a": 1,', ' "b": 2}'
C, D = '{"a": 3,', ' "b": 4}'
ROWS = [
    *odd("123a", "created is a date", created="2026-11-02"),
    *odd("123b", "an integer id", id=5),
    *odd("123c", "service_tier is an object", service_tier={"name": "x"}, system_fingerprint=[]),
    *odd("123d", "usage is a list", usage=[1]),
    *odd("123e", "counts are texts and fractions", seen=(5, 2, 7), usage={"prompt_tokens": "5", "completion_tokens": 2.5, "total_tokens": "7"}),
    *odd("123f", "details are lists", usage={"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": [], "completion_tokens_details": [1]}, seen=(5, 2, 7)),
    *choice("123g", "logprobs are a list", {"content": "Hello"}, [{"content": "Hel"}, {"content": "lo"}], more={"logprobs": []}, **HELLO),
    *choice("123h", "logprobs are a text", {"content": "Hello"}, [{"content": "Hello"}], more={"logprobs": "none"}, **HELLO),
    *choice("123i", "refusal is false", {"content": "Hello", "refusal": False}, [{"content": "Hello", "refusal": False}], **HELLO),
    *choice("124a", "content in parts", {"content": THOUGHT}, [{"content": [THOUGHT[0]]}, {"content": [THOUGHT[1]]}], text="Hello", reasoning="hm"),
    *choice("124b", "content in parts and in text", {"content": ["Hel", {"type": "text", "text": "lo"}]}, [{"content": [{"type": "text", "text": "Hel"}]}, {"content": "lo"}], **HELLO),
    *choice("124c", "content is an empty list", {"content": []}, [{"content": []}], text=""),
    called("125a", "one id for two calls, whole", "call_0", "call_0"),
    called("125b", "ids that are none, whole", "", "null"),
    called("125c", "integer ids, whole", 0, 1),
    streamed("125d", "one id under two indexes", [part(ADD[1], id="call_0", name="add")], [part(MULTIPLY[1], index=1, id="call_0", name="multiply")]),
    streamed("125e", "one id under two indexes, in pieces", [part(A, id="x", name="add")], [part(C, index=1, id="x", name="multiply")], [part(B, id="x")], [part(D, index=1, id="x")]),
    streamed("125f", "one id, one index, another name", [part(ADD[1], id="x", name="add")], [part(MULTIPLY[1], id="x", name="multiply")]),
    streamed("125g", "one id, no index, one name", [part(ADD[1], index=..., id="x", name="add")], [part(ADD[1], index=..., id="x", name="add")], calls=(ADD, ADD)),
    streamed("125k", "one id, one index, one name, arguments behind it", [part("", id="x", name="add")], [part(A)], [part(B)], [part("", id="x", name="add")], [part(A)], [part(B)], calls=(ADD, ADD)),
    streamed("125l", "one id, no index, one name, arguments behind it", [part("", index=..., id="x", name="add")], [part(ADD[1], index=...)], [part("", index=..., id="x", name="add")], [part(ADD[1], index=...)], calls=(ADD, ADD)),
    streamed("125m", "id and name once more at the end", [part("", id="x", name="add")], [part(A)], [part(B)], [part("", id="x", name="add")], [part("")], [part("\n")], calls=(ADD,)),
    streamed("125h", "a new id on every fragment", [part(A, id="x", name="add")], [part(B, id="y")], [part(C, index=1, id="z", name="multiply")], [part(D, index=1, id="t")]),
    streamed("125i", "a new id on every fragment, no index", [part(A, index=..., id="x", name="add")], [part(B, index=..., id="y")], calls=(ADD,)),
    streamed("125j", "integer ids", [part(ADD[1], id=0, name="add")], [part(MULTIPLY[1], index=1, id=1, name="multiply")]),
]  # fmt: skip
