"""Chunks to a completion: the merge rules of tool calls, what is kept, re-chunking, linear time."""

from __future__ import annotations

import gc
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_do import accumulate
from inference_do.accumulate import MAX_CALLS, Accumulator, new_call_id, reasoning_text
from inference_do.errors import ProtocolError


def fragment(
    index: int | None = None, id_: Any = None, name: str | None = None, arguments: Any = None
) -> dict[str, Any]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    found = {key: value for key, value in (("index", index), ("id", id_)) if value is not None}
    return {**found, "function": function}


def chunk(finish: str | None = None, index: int = 0, **delta: Any) -> dict[str, Any]:
    return {"model": "m", "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def merge(*chunks: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Return (id, name, arguments) of each call, after checking that the settled fragments add up to the same."""
    accumulator = Accumulator()
    added: dict[int, list[str]] = {}
    for fragments in chunks:
        for settled in accumulator.add(chunk(tool_calls=fragments)):
            assert (settled.id is not None) == (settled.position not in added)
            call = added.setdefault(settled.position, [settled.id or "", "", ""])
            call[1] += settled.name or ""
            call[2] += settled.arguments
    assert sorted(added) == list(range(len(added)))
    calls = [
        (call.id, call.function.name, call.function.arguments)
        for choice in accumulator.completion().choices
        for call in choice.message.tool_calls
    ]
    assert [tuple(call) for _, call in sorted(added.items())] == calls
    return [("new" if id_.startswith("call_") else id_, name, arguments) for id_, name, arguments in calls]


F = fragment
CALLS: dict[str, tuple[list[list[dict[str, Any]]], list[tuple[str, str, str]]]] = {
    "one call, id first": (
        [[F(0, "a", "f", "")], [F(0, arguments='{"x"')], [F(0, arguments=":1}")]],
        [("a", "f", '{"x":1}')],
    ),
    "live: continuation with empty id and name": (
        [[F(0, "a", "f", "")], [F(0, "", "", '{"x":')], [F(0, "", "", "1}")]],
        [("a", "f", '{"x":1}')],
    ),
    "id repeated everywhere": (
        [[F(0, "a", "f", '{"x"')], [F(0, "a", "f", ":1")], [F(0, "a", "f", "}")]],
        [("a", "f", '{"x":1}')],
    ),
    "two calls": ([[F(0, "a", "f", "{}")], [F(1, "b", "g", "{}")]], [("a", "f", "{}"), ("b", "g", "{}")]),
    "two in one chunk": ([[F(0, "a", "f", "{}"), F(1, "b", "g", "{}")]], [("a", "f", "{}"), ("b", "g", "{}")]),
    "interleaved by index": (
        [
            [F(0, "a", "f", "")],
            [F(1, "b", "g", "")],
            [F(0, arguments="{")],
            [F(1, arguments="{}")],
            [F(0, arguments="}")],
        ],
        [("a", "f", "{}"), ("b", "g", "{}")],
    ),
    "interleaved by id": (
        [
            [F(None, "a", "f", "{")],
            [F(None, "b", "g", "{")],
            [F(None, "a", arguments="}")],
            [F(None, "b", arguments="}")],
        ],
        [("a", "f", "{}"), ("b", "g", "{}")],
    ),
    "a new id under an index in use": (
        [[F(0, "a", "f", '{"x":')], [F(0, arguments="1}")], [F(0, "b", "f", '{"x":2}')], [F(0, arguments=" ")]],
        [("a", "f", '{"x":1}'), ("b", "f", '{"x":2} ')],
    ),
    "indexes out of order": ([[F(1, "b", "g", "{}")], [F(0, "a", "f", "{}")]], [("b", "g", "{}"), ("a", "f", "{}")]),
    "indexes with gaps": ([[F(3, "a", "f", "{}")], [F(7, "b", "g", "{}")]], [("a", "f", "{}"), ("b", "g", "{}")]),
    "no index, ids first": (
        [[F(None, "a", "f", '{"x"')], [F(arguments=":1}")], [F(None, "b", "g", "{}")]],
        [("a", "f", '{"x":1}'), ("b", "g", "{}")],
    ),
    "neither index nor id": (
        [[F(name="f", arguments='{"x":1}')], [F(name="f", arguments='{"x":2}')], [F(name="g", arguments="{}")]],
        [("new", "f", '{"x":1}'), ("new", "f", '{"x":2}'), ("new", "g", "{}")],
    ),
    "neither, in pieces": (
        [[F(name="f", arguments="{")], [F(arguments="}")], [F(name="g", arguments="{")], [F(arguments="}")]],
        [("new", "f", "{}"), ("new", "g", "{}")],
    ),
    "neither, and the name on every piece": (
        [[F(name="f", arguments='{"x"')], [F(name="f", arguments=":1")], [F(name="f", arguments="}")]],
        [("new", "f", '{"x":1}')],
    ),
    "index 0 for all, no ids": (
        [[F(0, None, "f", '{"x":1}')], [F(0, None, "f", '{"x":2}')]],
        [("new", "f", '{"x":1}'), ("new", "f", '{"x":2}')],
    ),
    "index 0 for all, no ids, in pieces": (
        [[F(0, None, "f", "{")], [F(0, arguments="}")], [F(0, None, "g", "{")], [F(0, arguments="}")]],
        [("new", "f", "{}"), ("new", "g", "{}")],
    ),
    "calls without arguments": (
        [[F(0, None, "f", "")], [F(0, None, "g", "")]],
        [("new", "f", ""), ("new", "g", "")],
    ),
    "the id comes late": ([[F(0, None, "f", "")], [F(0, "z", None, "{}")]], [("new", "f", "{}")]),
    "a late id is known from then on": (
        [[F(0, None, "f", "")], [F(0, "z", None, "{")], [F(None, "z", None, "}")]],
        [("new", "f", "{}")],
    ),
    "a second id under the index is another call": (
        [[F(0, None, "f", "{}")], [F(0, "z", "g", "{}")]],
        [("new", "f", "{}"), ("z", "g", "{}")],
    ),
    "a split name": (
        [[F(0, "a", "get_")], [F(0, None, "weather")], [F(0, arguments="{}")]],
        [("a", "get_weather", "{}")],
    ),
    "the name comes late": ([[F(0, "a")], [F(0, None, "f")], [F(0, arguments="{}")]], [("a", "f", "{}")]),
    "ids that are none": (
        [[F(0, "", "f", "{")], [F(0, "null", arguments="}")], [F(1, 5, "g", "{}")]],
        [("new", "f", "{}"), ("new", "g", "{}")],
    ),
    "arguments as an object": ([[F(0, "a", "f", {"x": "é"})]], [("a", "f", '{"x": "é"}')]),
    "broken arguments are kept": ([[F(0, "a", "f", '{"x": tru')]], [("a", "f", '{"x": tru')]),
    "a fragment alone begins a call": ([[F(arguments="{}")]], [("new", "", "{}")]),
    # A5: calls that share an id
    "no ids, and a name alone after a whole call": (
        [[F(0, None, "f", "{}")], [F(0, None, "f", "")], [F(0, None, None, '{"a":1}')]],
        [("new", "f", "{}"), ("new", "f", '{"a":1}')],
    ),
    "one id, another index": (
        [[F(0, "x", "f", '{"a":1}')], [F(1, "x", "f", '{"a":2}')]],
        [("x", "f", '{"a":1}'), ("new", "f", '{"a":2}')],
    ),
    "one id, another index, in pieces": (
        [
            [F(0, "x", "f", "")],
            [F(0, arguments="{")],
            [F(0, arguments="}")],
            [F(1, "x", "g", "{")],
            [F(1, arguments="}")],
        ],
        [("x", "f", "{}"), ("new", "g", "{}")],
    ),
    "one id on every fragment, alternating": (
        [[F(0, "x", "f", "{")], [F(1, "x", "f", "{")], [F(0, "x", None, "}")], [F(1, "x", None, "}")]],
        [("x", "f", "{}"), ("new", "f", "{}")],
    ),
    "one id in one chunk": (
        [[F(0, "x", "f", "{}"), F(1, "x", "g", "{}"), F(2, "x", "f", "{}")]],
        [("x", "f", "{}"), ("new", "g", "{}"), ("new", "f", "{}")],
    ),
    "one id, another name, one index": (
        [[F(0, "x", "f", '{"a":1}')], [F(0, "x", "g", '{"a":2}')]],
        [("x", "f", '{"a":1}'), ("new", "g", '{"a":2}')],
    ),
    "one id, another name, no index": (
        [[F(None, "x", "f", "{}")], [F(None, "x", "g", "")], [F(None, "x", None, "{}")]],
        [("x", "f", "{}"), ("new", "g", "{}")],
    ),
    "one id, one name, one index": (
        [[F(0, "x", "f", '{"a":1}')], [F(0, "x", "f", '{"a":2}')], [F(None, "x", "f", '{"a":3}')]],
        [("x", "f", '{"a":1}'), ("new", "f", '{"a":2}'), ("new", "f", '{"a":3}')],
    ),
    "one id, and calls without arguments": (
        [[F(0, "x", "f", "")], [F(1, "x", "g", "")]],
        [("x", "f", ""), ("new", "g", "")],
    ),
    "one id, and the index runs on with the fragments": (
        [[F(0, "x", "f", "")], [F(1, "x", None, '{"a"')], [F(2, "x", None, ":1}")]],
        [("x", "f", '{"a":1}')],
    ),
    "a repeated id under a late index": (
        [[F(None, "x", "f", '{"a"')], [F(0, "x", None, ":1")], [F(0, None, None, "}")]],
        [("x", "f", '{"a":1}')],
    ),
    "an index comes late, without an id": ([[F(None, "x", "f", "{")], [F(0, arguments="}")]], [("x", "f", "{}")]),
    "a name, no id, after a call with one": (
        [[F(0, "x", "f", "{}")], [F(0, None, "g", "{}")]],
        [("x", "f", "{}"), ("new", "g", "{}")],
    ),
    "another name after a call that was cut": (
        [[F(0, None, "f", '{"a":')], [F(0, None, "g", "{}")]],
        [("new", "f", '{"a":'), ("new", "g", "{}")],
    ),
    "name and id again, with nothing": (
        [[F(0, "x", "f", "{}")], [F(0, "x", "f", "")], [F(0, "x", "f")]],
        [("x", "f", "{}")],
    ),
    # A5: calls whose id changes
    "a new id on every fragment": (
        [[F(0, "x", "f", '{"a"')], [F(0, "y", None, ":1")], [F(0, "z", "", "}")]],
        [("x", "f", '{"a":1}')],
    ),
    "a new id on every fragment, two calls": (
        [[F(0, "x", "f", "")], [F(1, "y", "g", "")], [F(0, "z", None, "{}")], [F(1, "t", None, "{}")], [F(1, "u")]],
        [("x", "f", "{}"), ("y", "g", "{}")],
    ),
    "a new id on every fragment, no index": (
        [[F(None, "x", "f", '{"a"')], [F(None, "y", None, ":1}")], [F(None, "z", "g", "{")], [F(None, "t", None, "}")]],
        [("x", "f", '{"a":1}'), ("z", "g", "{}")],
    ),
    "a new id and the name on every fragment": (
        [[F(0, "x", "f", '{"a"')], [F(0, "y", "f", ":1")], [F(0, "z", "f", "}")]],
        [("x", "f", '{"a":1}')],
    ),
    "a new id and the name, one index, two calls": (
        [[F(0, "x", "f", '{"a":1}')], [F(0, "y", "f", '{"a":2}')]],
        [("x", "f", '{"a":1}'), ("y", "f", '{"a":2}')],
    ),
    "no function": ([[{"index": 0, "id": "a"}], [{"index": 0, "function": None}]], [("a", "", "")]),
}


@pytest.mark.parametrize(("chunks", "calls"), CALLS.values(), ids=CALLS)
def test_tool_calls(chunks, calls):
    assert merge(*chunks) == calls


def test_calls_of_two_answers_do_not_mix():
    accumulator = Accumulator()
    accumulator.add(chunk(tool_calls=[F(0, "a", "f", "{}")]))
    (settled,) = accumulator.add(chunk(index=1, tool_calls=[F(0, "b", "g", "{}")]))
    assert (settled.choice, settled.position, settled.id) == (1, 0, "b")


def test_made_ids_differ_and_stay():
    accumulator = Accumulator()
    (first,) = accumulator.add(chunk(tool_calls=[F(0, None, "f", "{")]))
    (second,) = accumulator.add(chunk(tool_calls=[F(0, None, None, "}")]))
    assert (first.id or "").startswith("call_")
    assert second.id is None
    assert [accumulator.completion().choices[0].message.tool_calls[0].id for _ in range(2)] == [first.id] * 2
    assert len({new_call_id() for _ in range(100)}) == 100


# --- everything else ---


def test_text_reasoning_and_refusal_are_joined():
    accumulator = Accumulator()
    for part in ({"role": "assistant", "content": ""}, {"content": "a"}, {"content": None, "reasoning_content": "r"}):
        accumulator.add(chunk(**part))
    accumulator.add(chunk(content="b", refusal="no", reasoning_content="s"))
    message = accumulator.completion().choices[0].message
    assert (message.content, message.reasoning_content, message.refusal) == ("ab", "rs", "no")


def test_reasoning_by_its_other_name_is_joined_too():
    accumulator = Accumulator()
    accumulator.add(chunk(reasoning="r"))
    accumulator.add(chunk(reasoning="s"))
    assert accumulator.completion().choices[0].message.reasoning == "rs"


def test_fragments_of_one_chunk_take_linear_time():
    def seconds(count: int) -> float:
        raw = chunk(tool_calls=[F(0, "a", "f", "x" * 100)] * count)
        started = time.thread_time()
        Accumulator().add(raw)
        return time.thread_time() - started

    small = min(seconds(1_000) for _ in range(3))
    assert min(seconds(8_000) for _ in range(2)) < 8 * small * 4 + 0.02


BOUNDS = {
    "calls of several answers": lambda n: chunk(index=n % 100, tool_calls=[F(n, f"id{n}", "f", "{}")]),
    "fragments of one chunk": lambda _: chunk(tool_calls=[{}] * (MAX_CALLS + 1)),
    "answers": lambda n: chunk(index=n, content="a"),
    "entries of a list": lambda _: chunk(images=[{}] * 100),
    "fields": lambda n: chunk(**{f"field{n}-{m}": 1 for m in range(100)}),
    "fields of chunks": lambda n: {f"field{n}-{m}": 1 for m in range(100)},
    "logprobs": lambda _: {"choices": [{"logprobs": {"content": [{}] * 100}}]},
}


@pytest.mark.parametrize("make", BOUNDS.values(), ids=BOUNDS)
def test_an_answer_is_bounded(make, monkeypatch):
    monkeypatch.setattr(accumulate, "MAX_PARTS", 1_000)
    accumulator = Accumulator()
    with pytest.raises(ProtocolError, match=r"more than (1,000 parts|10,000 (fragments of )?tool calls|128 answers)$"):
        for n in range(MAX_CALLS + 1):
            accumulator.add(make(n))


@pytest.mark.parametrize(("asked", "most"), [(1, 128), (128, 128), (130, 130)])
def test_there_are_as_many_answers_as_were_asked_for(asked, most):
    accumulator = Accumulator(asked)
    for index in range(most):
        accumulator.add(chunk(index=index, content="a"))
    with pytest.raises(ProtocolError, match=f"more than {most} answers"):
        accumulator.add(chunk(index=most, content="a"))


def test_what_an_agent_adds_is_kept_and_the_last_of_it_counts():
    accumulator = Accumulator()
    head = {"id": "x", "model": "m", "created": 5, "system_fingerprint": "fp"}
    accumulator.add({**head, "choices": [], "retrieval": [1], "functions": None})
    accumulator.add({**dict.fromkeys(head, "late"), "service_tier": "late", "choices": [], "retrieval": [2]})
    completion = accumulator.completion()
    assert accumulator.model == "m"
    assert {name: getattr(completion, name) for name in head} == head
    assert completion.retrieval == [2]
    assert completion.service_tier is None
    assert not hasattr(completion, "functions")


@pytest.mark.parametrize("name", ["content", "refusal", "reasoning", "reasoning_content"])
def test_pieces_of_text_are_no_parts(name, monkeypatch):
    monkeypatch.setattr(accumulate, "MAX_PARTS", 10)
    accumulator = Accumulator()
    for _ in range(20):
        accumulator.add(chunk(**{name: "a"}))
    for value in range(10):
        accumulator.add(chunk(custom=value + 1))
    message = accumulator.completion().choices[0].message
    assert getattr(message, name) == "a" * 20
    assert message.custom == 10
    with pytest.raises(ProtocolError, match="more than 10 parts"):
        accumulator.add(chunk(custom=1))


def test_each_entry_of_a_list_is_a_part(monkeypatch):
    monkeypatch.setattr(accumulate, "MAX_PARTS", 10)
    accumulator = Accumulator()
    accumulator.add(chunk(images=[{}] * 10))
    with pytest.raises(ProtocolError, match="more than 10 parts"):
        accumulator.add(chunk(images=[{}]))


def test_a_text_that_is_no_piece_counts_as_it_came_last():
    accumulator = Accumulator()
    accumulator.add(chunk(custom="a", role="model"))
    accumulator.add(chunk(custom="b", role="assistant"))
    message = accumulator.completion().choices[0].message
    assert (message.custom, message.role) == ("b", "assistant")
    accumulator.add(chunk(role="model"))
    assert accumulator.completion().choices[0].message.role == "assistant"


def test_one_chunk_may_have_as_many_fragments_as_a_stream_has_calls():
    accumulator = Accumulator()
    accumulator.add(chunk(tool_calls=[F(0, "a", "f", "")] * MAX_CALLS))
    assert len(accumulator.completion().choices[0].message.tool_calls) == 1


EMPTY = {
    "nothing": ([], False),
    "no text": ([chunk(finish="length")], True),
    "thoughts alone": ([chunk(reasoning_content="hm"), chunk(finish="length")], True),
    "text": ([chunk(content="a"), chunk(finish="length")], False),
    "a refusal": ([chunk(refusal="no"), chunk(finish="length")], False),
    "a call": ([chunk(tool_calls=[F(0, "a", "f", "{}")]), chunk(finish="length")], False),
    "a common end": ([chunk(finish="stop")], False),
    "no end": ([chunk(role="assistant")], False),
    "another answer": ([chunk(content="a", finish="length"), chunk(index=1, finish="length")], False),
}


@pytest.mark.parametrize(("chunks", "is_empty"), EMPTY.values(), ids=EMPTY)
def test_an_answer_without_text_is_noticed(chunks, is_empty):
    accumulator = Accumulator()
    for raw in chunks:
        accumulator.add(raw)
    assert accumulator.is_empty is is_empty


def test_unknown_fields_of_a_delta_are_kept():
    accumulator = Accumulator()
    accumulator.add(chunk(audio={"id": "x"}, content="a"))
    accumulator.add(chunk(reasoning={"details": 1}))
    message = accumulator.completion().choices[0].message
    assert (message.audio, message.reasoning) == ({"id": "x"}, {"details": 1})


def test_a_message_without_text_has_none():
    accumulator = Accumulator()
    accumulator.add(chunk(role="", content=""))
    message = accumulator.completion().choices[0].message
    assert (message.role, message.content, message.tool_calls) == ("assistant", None, [])


def test_answers_are_sorted_by_index_and_a_missing_index_is_the_first():
    accumulator = Accumulator()
    accumulator.add(chunk(index=1, content="b", finish="length"))
    accumulator.add({"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]})
    choices = accumulator.completion().choices
    assert [(c.index, c.message.content, c.finish_reason) for c in choices] == [(0, "a", "stop"), (1, "b", "length")]


def test_logprobs_are_joined():
    accumulator = Accumulator()
    for token in "ab":
        part = {"index": 0, "delta": {"content": token}, "logprobs": {"content": [{"token": token}], "refusal": None}}
        accumulator.add({"choices": [part]})
    assert accumulator.completion().choices[0].logprobs == {"content": [{"token": "a"}, {"token": "b"}]}


def test_the_last_usage_counts_and_null_is_none():
    accumulator = Accumulator()
    for usage in ({"total_tokens": 1}, None, {"total_tokens": 3}, None):
        accumulator.add({"choices": [], "usage": usage})
    assert accumulator.completion().usage.total_tokens == 3


def test_the_head_is_that_of_the_first_chunk_which_names_the_model():
    accumulator = Accumulator()
    accumulator.add({"id": "", "choices": None})
    assert not accumulator.has_begun
    accumulator.add({"id": "x", "choices": []})
    accumulator.add({"id": "y", "model": "m", "created": 5, "service_tier": "flex", "extra": 1, "choices": []})
    accumulator.add({"id": "z", "model": "n", "choices": []})
    completion = accumulator.completion()
    assert (completion.id, completion.model, completion.created, completion.extra) == ("y", "m", 5, 1)
    assert completion.service_tier == "flex"
    assert completion.object == "chat.completion"


@pytest.mark.parametrize("delta", [None, {}])
def test_a_choice_without_a_delta_may_finish(delta):
    accumulator = Accumulator()
    accumulator.add({"choices": [{"index": 0, "delta": delta, "finish_reason": "stop"}]})
    assert accumulator.is_finished


def test_finished_is_what_has_begun_and_the_first_answer_with_it():
    accumulator = Accumulator()
    assert not accumulator.is_finished
    accumulator.add(chunk(index=1, finish="stop"))
    assert not accumulator.is_finished
    accumulator.add(chunk(finish="anything"))
    assert accumulator.is_finished
    accumulator.add(chunk(index=2))
    assert not accumulator.is_finished
    two = Accumulator(2)
    two.add(chunk(finish="stop"))
    assert not two.is_finished
    two.add(chunk(index=1, finish="stop"))
    assert two.is_finished


BROKEN = [
    ("", False),
    ("{}", False),
    ('{"a": 1}\n', False),
    ("{", True),
    ("{} x", True),
    ("nul", True),
    ("[" * 9999 + "}", True),
    ("null", False),
    ("null null", True),
    ('{"code": "a\nb"}', False),
    ("  ", False),
    ("[]", True),
]


@pytest.mark.parametrize(("arguments", "broken"), BROKEN)
def test_broken_arguments_are_noticed(arguments, broken):
    accumulator = Accumulator()
    accumulator.add(chunk(tool_calls=[F(0, "a", "f", arguments)]))
    assert accumulator.has_broken_call is broken
    again = Accumulator()
    for piece in arguments[:40]:  # asked after each character, the answer is the same in the end
        again.add(chunk(tool_calls=[F(0, "a", "f", piece)]))
        again.has_broken_call  # noqa: B018
    if len(arguments) < 40:
        assert again.has_broken_call is broken


def test_an_empty_completion_is_one():
    completion = Accumulator().completion()
    assert (completion.choices, completion.text, completion.usage) == ([], "", None)


@pytest.mark.parametrize(
    ("message", "text"),
    [({}, ""),
     ({"reasoning_content": "a", "reasoning": "b"}, "a"), ({"reasoning_content": None, "reasoning": "b"}, "b"),
     ({"reasoning_content": "", "reasoning": "b"}, "b"),
     ({"reasoning": {"x": 1}}, ""), ({"reasoning_content": ""}, "")],
)  # fmt: skip
def test_reasoning_has_two_names(message, text):
    assert reasoning_text(message) == text


# --- properties ---

PIECES = st.text(max_size=12)
WHOLE = st.fixed_dictionaries(
    {
        "content": PIECES,
        "reasoning_content": PIECES,
        "calls": st.lists(
            st.tuples(st.sampled_from("fgh"), st.dictionaries(st.sampled_from("ab"), PIECES, max_size=2)), max_size=3
        ),
    }
)


def cut(text: str, sizes: list[int]) -> list[str]:
    parts, start = [], 0
    for size in sizes:
        parts.append(text[start : start + size])
        start += size
    return [*parts, text[start:]]


@given(WHOLE, st.lists(st.integers(1, 4), max_size=6), st.sampled_from(["both", "index", "id"]))
@settings(max_examples=150, deadline=None)
def test_an_answer_is_the_same_however_it_was_cut(whole, sizes, named):
    deltas: list[dict[str, Any]] = [
        {field: part} for field in ("reasoning_content", "content") for part in cut(whole[field], sizes)
    ]
    for number, (name, arguments) in enumerate(whole["calls"]):
        index = number if named != "id" else None
        first = F(index, f"id{number}" if named != "index" else None, name, "")
        rest = [
            F(index, f"id{number}" if named == "id" else None, None, part) for part in cut(json.dumps(arguments), sizes)
        ]
        deltas += [{"tool_calls": [part]} for part in (first, *rest)]
    accumulator = Accumulator()
    for delta in deltas:
        accumulator.add(chunk(**delta))
    accumulator.add(chunk(finish="stop"))
    message = accumulator.completion().choices[0].message
    assert (message.content or "", message.reasoning_content or "") == (whole["content"], whole["reasoning_content"])
    got = [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls]
    assert got == whole["calls"]


FRAGMENTS = st.lists(
    st.builds(
        F,
        st.none() | st.integers(0, 2),
        st.none() | st.sampled_from(["", "null", "a", "b"]),
        st.none() | st.sampled_from(["", "f", "g"]),
        st.none() | st.sampled_from(["", "{", "}", "{}", '"x"']),
    ),
    max_size=12,
)


@given(FRAGMENTS)
@settings(max_examples=200, deadline=None)
def test_whatever_the_fragments_no_argument_is_lost_and_they_add_up(fragments):
    calls = merge(*([part] for part in fragments))
    sent = "".join(part["function"].get("arguments") or "" for part in fragments)
    assert sorted("".join(arguments for _, _, arguments in calls)) == sorted(sent)


def seconds_for(count: int, make: Any) -> float:
    accumulator = Accumulator()
    chunks = [make(n) for n in range(count)]
    gc.disable()  # a full collection takes as long as the heap of all tests is large
    try:
        started = time.thread_time()
        for raw in chunks:
            accumulator.add(raw)
        return time.thread_time() - started
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "make",
    [
        lambda _: chunk(content="word "),
        lambda n: chunk(tool_calls=[F(0, "a" if n == 0 else None, None, "word ")]),
        lambda n: chunk(tool_calls=[F(n, f"id{n}", "f", "{}")]),
        lambda _: chunk(tool_calls=[F(0, None, "f", '"}')]),
        lambda _: chunk(tool_calls=[F(0, None, "f", '{"')]),
        lambda _: chunk(tool_calls=[F(0, "a", "f", '{"a":"}')]),
        lambda n: chunk(tool_calls=[F(0, "a", "f", "{" + '"x":1,' * 9_999 + '"y":1}' if n == 0 else "  ")]),
        lambda n: chunk(tool_calls=[F(0, f"id{n}", None, "l")]),
        lambda n: chunk(tool_calls=[F(0, f"id{n}", "f", "l")]),
        lambda n: chunk(reasoning_details=[{"index": 0, "text": "word "}], audio={"data": "AAAA"}),
    ],
    ids=[
        "text",
        "one long call",
        "many calls",
        "a name and a brace on every fragment",
        "a name and an open brace",
        "id, name and a brace",
        "a long call, then blanks",
        "a new id on every fragment",
        "a new id and a name",
        "entries and objects",
    ],
)
def test_time_is_linear(make):
    small = min(seconds_for(1_000, make) for _ in range(3))
    large = min(seconds_for(8_000, make) for _ in range(2))
    assert large < 8 * small * 4 + 0.02


def test_an_empty_name_in_a_head_is_none():
    accumulator = Accumulator()
    accumulator.add({"id": "x", "model": "m", "system_fingerprint": "", "service_tier": "", "choices": []})
    completion = accumulator.completion()
    assert (completion.system_fingerprint, completion.service_tier) == (None, None)
