"""Any answer, cut into chunks in any way, comes together as the same answer.

An answer is made by chance: one to three choices with text, reasoning, refusal, tool calls, logprobs and a finish
reason, and usage. It is taken apart the ways that servers do it, put together again, chunk by chunk and also through
the whole protocol as bytes, and compared with the answer as a whole reply would have spelled it.
`PROPERTY_SCALE` multiplies the examples.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from flow_kit import DONE, SSE, new_call, stream
from hypothesis import given
from hypothesis import strategies as st
from property_kit import cut_at, examples

from inference_do.accumulate import Accumulator
from inference_do.types import ChatCompletion, ChatCompletionChunk

if TYPE_CHECKING:
    from random import Random

HEAD = {"id": "c-1", "created": 1, "model": "m", "system_fingerprint": "fp"}
TEXT = st.text(max_size=20) | st.sampled_from(["", "data: x\n\n", "[DONE]", "\r\n\u2028\x85", '{"a"', "🎈é"])
ARGUMENTS = st.dictionaries(st.sampled_from("abc"), TEXT | st.integers(), max_size=3).map(json.dumps)
CALL = st.tuples(st.sampled_from(["f", "get_weather", "g"]), ARGUMENTS | st.just(""))
TOKEN = st.fixed_dictionaries({"token": st.text(max_size=3), "logprob": st.floats(-9, 0)})
CHOICE = st.fixed_dictionaries(
    {
        "content": TEXT,
        "reasoning_content": TEXT,
        "refusal": TEXT,
        "calls": st.lists(CALL, max_size=3),
        "logprobs": st.lists(TOKEN, max_size=4),
        "finish_reason": st.sampled_from(["stop", "length", "tool_calls", "something new"]),
    }
)
COUNT = st.integers(0, 10**6)
USAGE = st.none() | st.fixed_dictionaries({"prompt_tokens": COUNT, "completion_tokens": COUNT, "total_tokens": COUNT})
ANSWER = st.fixed_dictionaries({"choices": st.lists(CHOICE, min_size=1, max_size=3), "usage": USAGE})
DICE = st.randoms(use_true_random=False)
IDS = st.sampled_from(["first", "every", "no index"])
ODD_IDS = st.sampled_from(["shared", "changing"])
"""One id for all calls of an answer, or another one on every piece; the index tells the calls apart."""


def whole(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the answer as one response."""
    choices = []
    for number, choice in enumerate(answer["choices"]):
        message: dict[str, Any] = {"role": "assistant", "content": choice["content"] or None}
        message.update((name, choice[name]) for name in ("reasoning_content", "refusal") if choice[name])
        message["tool_calls"] = [
            {"id": f"id-{number}-{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for n, (name, arguments) in enumerate(choice["calls"])
        ]
        logprobs = {"content": choice["logprobs"]} if choice["logprobs"] else None
        choices.append(
            {"index": number, "message": message, "finish_reason": choice["finish_reason"], "logprobs": logprobs}
        )
    return {**HEAD, "object": "chat.completion", "choices": choices, "usage": answer["usage"]}


def slices(text: str, dice: Random) -> list[str]:
    edges = sorted(dice.randint(0, len(text)) for _ in range(dice.randint(0, 4)))
    return [text[a:b] for a, b in zip([0, *edges], [*edges, len(text)], strict=True)]


def shuffled_together(lists: list[list[Any]], dice: Random) -> list[Any]:
    """Merge lists, each in its own order."""
    lists = [list(items) for items in lists if items]
    merged = []
    while lists:
        chosen = dice.choice(lists)
        merged.append(chosen.pop(0))
        lists = [items for items in lists if items]
    return merged


def fragments(number: int, calls: list[tuple[str, str]], dice: Random, ids: str) -> list[dict[str, Any]]:
    """Take tool calls apart, their pieces in turns; without an index, every piece has to have its id."""
    taken = []
    for n, (name, arguments) in enumerate(calls):
        id_ = "id" if ids == "shared" else f"id-{number}-{n}"
        index = None if ids == "no index" else n
        first = {"index": index, "id": id_, "type": "function", "function": {"name": name, "arguments": ""}}
        rest = [
            {"index": index, "id": id_ if ids != "first" else dice.choice([None, "", "null"]),
             "type": dice.choice(["", None]), "function": {"name": dice.choice([None, ""]), "arguments": part}}
            for part in slices(arguments, dice)
        ]  # fmt: skip
        if ids == "changing":
            for place, piece in enumerate(rest):
                piece["id"] = f"{id_}-{place}"
        taken.append([first, *rest])
    begun = [pieces.pop(0) for pieces in taken] if dice.random() < 0.3 else []
    return [*begun, *shuffled_together(taken, dice)] if begun else in_order_of_beginning(taken, dice)


def in_order_of_beginning(taken: list[list[Any]], dice: Random) -> list[Any]:
    """Mix the pieces of several calls, but begin the calls in their order: that is what their order means."""
    merged: list[Any] = []
    for pieces in taken:
        keep = dice.randint(0, len(merged))
        head, tail = merged[:keep], merged[keep:]
        begins = max((place for place, piece in enumerate(tail) if piece["function"]["name"]), default=-1) + 1
        merged = [*head, *tail[:begins], pieces[0], *shuffled_together([tail[begins:], pieces[1:]], dice)]
    return merged


def parts_of(number: int, choice: dict[str, Any], dice: Random, ids: str) -> list[dict[str, Any]]:
    """Take one choice apart into parts of chunks."""
    deltas: list[list[dict[str, Any]]] = [
        [{name: piece} for piece in slices(choice[name], dice)] for name in ("reasoning_content", "content", "refusal")
    ]
    deltas.append([{"tool_calls": [piece]} for piece in fragments(number, choice["calls"], dice, ids)])
    parts: list[dict[str, Any]] = [
        {"index": number, "delta": {"role": dice.choice(["assistant", "", None]), **delta}}
        for delta in shuffled_together(deltas, dice)
    ]
    places = sorted(dice.randint(0, len(parts)) for _ in choice["logprobs"])
    for place, token in reversed(list(zip(places, choice["logprobs"], strict=True))):
        logprobs = {"content": [token], "refusal": None}
        parts.insert(place, {"index": number, "delta": dice.choice([None, {}]), "logprobs": logprobs})
    last = {"index": number, "delta": {}, "finish_reason": choice["finish_reason"]}
    if parts and dice.random() < 0.3:
        parts[-1]["finish_reason"] = choice["finish_reason"]
    else:
        parts.append(last)
    return parts


def chunks_of(answer: dict[str, Any], dice: Random, ids: str) -> list[dict[str, Any]]:
    """Take an answer apart into chunks."""
    parts = shuffled_together(
        [parts_of(number, choice, dice, ids) for number, choice in enumerate(answer["choices"])], dice
    )
    chunks: list[dict[str, Any]] = [
        {**HEAD, "object": "chat.completion.chunk", "choices": [{"finish_reason": None, "logprobs": None, **part}]}
        for part in parts
    ]
    merged = [chunks[0]]
    for chunk in chunks[1:]:
        if dice.random() < 0.3:
            merged[-1]["choices"] += chunk["choices"]
        else:
            merged.append(chunk)
    if (usage := answer["usage"]) is not None:
        running = dice.random() < 0.5
        for chunk in merged:
            chunk["usage"] = {name: dice.randint(0, count) for name, count in usage.items()} if running else None
        merged.append({**HEAD, "choices": dice.choice([[], None]), "usage": usage})
    for _ in range(dice.randint(0, 2)):
        merged.insert(dice.randint(0, len(merged)), {**HEAD, "choices": dice.choice([[], None])})
    return merged


def as_bytes(chunks: list[dict[str, Any]], dice: Random) -> bytes:
    """Spell chunks as a stream, in one of the ways that servers do."""
    end = dice.choice(["\n", "\r\n", "\r"])
    escaped = dice.random() < 0.5
    lines = []
    for chunk in chunks:
        if dice.random() < 0.2:
            lines += [": ping", ""]
        lines += [dice.choice(["data:", "data: "]) + json.dumps(chunk, ensure_ascii=escaped), ""]
    return (end.join([*lines, ""])).encode("utf-8", "surrogatepass")


def seen_of(completion: ChatCompletion) -> dict[str, Any]:
    return json.loads(completion.model_dump_json())  # type: ignore[no-any-return]


@given(ANSWER, DICE, IDS)
@examples(70)
def test_any_answer_taken_apart_in_any_way_comes_together_again(answer, dice, ids):
    accumulator = Accumulator()
    added: dict[tuple[int, int], list[str]] = {}
    for chunk in chunks_of(answer, dice, ids):
        for settled in accumulator.add(chunk):
            call = added.setdefault((settled.choice, settled.position), ["", "", ""])
            for place, text in enumerate((settled.id, settled.name, settled.arguments)):
                call[place] += text or ""
    assert accumulator.is_finished
    assert seen_of(accumulator.completion()) == seen_of(ChatCompletion.model_validate(whole(answer)))
    assert {
        (number, n): [f"id-{number}-{n}", name, arguments]
        for number, choice in enumerate(answer["choices"])
        for n, (name, arguments) in enumerate(choice["calls"])
    } == added


@given(ANSWER, DICE, ODD_IDS)
@examples(50)
def test_so_does_one_whose_calls_share_an_id_or_change_it_and_each_has_its_own(answer, dice, ids):
    accumulator = Accumulator()
    for chunk in chunks_of(answer, dice, ids):
        accumulator.add(chunk)
    for choice, seen in zip(answer["choices"], accumulator.completion().choices, strict=True):
        calls = seen.message.tool_calls
        assert [(call.function.name, call.function.arguments) for call in calls] == choice["calls"]
        assert len({call.id for call in calls}) == len(calls)


@given(ANSWER, DICE, IDS, st.lists(st.integers(0, 4000), max_size=30))
@examples(40)
def test_and_so_it_does_as_bytes_however_they_arrive(answer, dice, ids, cuts):
    text = as_bytes(chunks_of(answer, dice, ids), dice)
    accumulator = Accumulator()
    parts = [part for part in cut_at(text, cuts) if part]
    played = stream(new_call(), SSE, *parts, DONE, b"", accumulator=accumulator)
    assert played.outcome == "ok"
    assert seen_of(accumulator.completion()) == seen_of(ChatCompletion.model_validate(whole(answer)))


@given(ANSWER, DICE, IDS, st.floats(0, 1))
@examples(40)
def test_what_broke_off_is_a_beginning_of_the_answer_and_says_so(answer, dice, ids, share):
    """Cut anywhere before the first choice's finish reason, a stream is an error, and its partial a true beginning."""
    text = as_bytes(chunks_of(answer, dice, ids), dice)
    cut = text[: int(share * len(text))]
    played = stream(new_call(retries=0), SSE, *([cut] if cut else []), b"")
    if played.error is None:
        accumulator = Accumulator()
        for chunk in played.results:
            accumulator.add(chunk.raw)
        assert accumulator.is_finished
        return
    assert played.outcome.startswith(("StreamInterrupted: the stream ended without", "APIConnectionError: the stream"))
    for seen in played.error.partial.choices if played.error.partial else []:
        choice = answer["choices"][seen.index]
        assert choice["content"].startswith(seen.message.content or "")
        assert choice["reasoning_content"].startswith(seen.message.reasoning_content or "")
        for call, (name, arguments) in zip(seen.message.tool_calls, choice["calls"], strict=False):
            assert call.function.name == name
            assert arguments.startswith(call.function.arguments)


@pytest.mark.parametrize("field", ["content", "reasoning_content", "refusal"])
def test_an_emoji_whose_halves_came_in_two_chunks_is_one(field):
    """A server that cuts text between the two halves of a JSON escape sends each half as a lone surrogate."""
    accumulator = Accumulator()
    for half in (b'"a\\ud83c"', b'"\\udf88b"'):
        accumulator.add({"choices": [{"index": 0, "delta": {field: json.loads(half)}}]})
    message = accumulator.completion().choices[0].message
    assert getattr(message, field) == "a🎈b"


@given(ANSWER, DICE)
@examples(30, shrink=False)
def test_the_texts_of_chunks_add_up_to_the_text(answer, dice):
    """Also where one chunk has two parts of the first answer."""
    chunks = [ChatCompletionChunk(raw) for raw in chunks_of(answer, dice, "first")]
    assert "".join(chunk.text for chunk in chunks) == answer["choices"][0]["content"]
