"""Streams: the order of chunks, limits, scripted answers, and every quirk."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from emulator_kit import body, chunks_of, raw, tool

from inference_do.emulator import Quirks, Scripted

if TYPE_CHECKING:
    from emulator_kit import Asker

    from inference_do.emulator import Emulator

WEATHER = tool("get_weather", "Weather at a place.", place={"type": "string"})
BOTH = "What is the weather in Paris and London?"
THINKER = "qwen3.8-max"


def deltas(chunks: list[Any]) -> list[dict[str, Any]]:
    return [chunk["choices"][0]["delta"] for chunk in chunks if chunk != "[DONE]" and chunk["choices"]]


def fragments(chunks: list[Any]) -> list[dict[str, Any]]:
    return [fragment for delta in deltas(chunks) for fragment in delta.get("tool_calls", ())]


def test_the_order_of_a_text_stream(ask: Asker) -> None:
    chunks = ask.stream("one two three", stream_options={"include_usage": True})
    assert chunks[-1] == "[DONE]"
    assert chunks[-2]["choices"] == []
    assert chunks[-2]["usage"] == ask.post("one two three").json()["usage"]
    first, *middle, last = deltas(chunks)
    assert (first["role"], first["content"]) == ("assistant", "")
    assert "".join(delta["content"] for delta in middle) == ask.says("one two three") == "You said: one two three"
    assert last == {}
    finishes = [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-2]]
    assert finishes == [None] * (len(finishes) - 1) + ["stop"]
    assert all("usage" not in chunk for chunk in chunks[:-2])


def test_no_usage_unless_asked(ask: Asker) -> None:
    assert all("usage" not in chunk for chunk in ask.stream()[:-1])
    assert all("usage" not in chunk for chunk in ask.stream(stream_options={"include_usage": False})[:-1])


def test_the_order_of_a_tool_call_stream(ask: Asker) -> None:
    chunks = ask.stream(BOTH, tools=[WEATHER])
    found = fragments(chunks)
    assert [fragment["index"] for fragment in found] == sorted(fragment["index"] for fragment in found)
    assert {fragment["index"] for fragment in found} == {0, 1}
    opening = [fragment for fragment in found if "id" in fragment]
    assert len(opening) == 2
    assert all(f["type"] == "function" and f["function"] == {"name": "get_weather", "arguments": ""} for f in opening)
    assert len(found) > 6
    for index, place in enumerate(["Paris", "London"]):
        text = "".join(f["function"]["arguments"] for f in found if f["index"] == index)
        assert json.loads(text) == {"place": place}
    rest = [delta for delta in deltas(chunks) if delta.get("tool_calls", [{}])[0].get("type") == ""]
    assert rest
    assert all(delta["role"] == "assistant" and delta["content"] is None for delta in rest)
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"


def test_reasoning_comes_first_and_counts(ask: Asker) -> None:
    chunks = ask.stream("Why?", model=THINKER, stream_options={"include_usage": True})
    kinds = ["r" if delta.get("reasoning_content") else "c" for delta in deltas(chunks)[1:-1]]
    assert "".join(kinds).lstrip("r").strip("c") == ""
    assert kinds[0] == "r"
    reasoning = chunks[-2]["usage"]["completion_tokens_details"]["reasoning_tokens"]
    assert 0 < reasoning < chunks[-2]["usage"]["completion_tokens"]
    for off in (
        {"reasoning_effort": "none"},
        {"reasoning": {"effort": "none"}},
        {"chat_template_kwargs": {"enable_thinking": False}},
    ):
        assert ask.message("Why?", model=THINKER, **off)["reasoning_content"] is None
    assert ask.message("Why?", model="openai-gpt-5")["reasoning_content"] is None
    assert ask.message("Why?", model="openai-gpt-oss-120b")["reasoning_content"]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_limits_cut(ask: Asker, name: str) -> None:
    choice = ask.post("one two three four", **{name: 4}).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("You said: one", "length")
    assert ask.post(max_tokens=2, max_completion_tokens=50).json()["usage"]["completion_tokens"] == 2
    assert ask.post("Hello", max_tokens=500).json()["choices"][0]["finish_reason"] == "stop"
    response = ask.post("Why?", model=THINKER, **{name: 3}).json()
    message = response["choices"][0]["message"]
    assert message["content"] is None
    assert message["reasoning_content"]
    assert response["usage"]["completion_tokens_details"]["reasoning_tokens"] == 3
    cut = ask.post(BOTH, tools=[WEATHER], **{name: 12}).json()["choices"][0]
    assert cut["finish_reason"] == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut["message"]["tool_calls"][0]["function"]["arguments"])
    assert "tool_calls" not in ask.post(BOTH, tools=[WEATHER], **{name: 2}).json()["choices"][0]["message"]


def test_stop_n_and_logprobs(ask: Asker) -> None:
    assert ask.says("one two three", stop=["two", "three"]) == "You said: one "
    assert ask.says("one two", stop="zzz") == "You said: one two"
    completion = ask.post("one two", n=3, logprobs=True, top_logprobs=2).json()
    assert [choice["index"] for choice in completion["choices"]] == [0, 1, 2]
    entries = completion["choices"][0]["logprobs"]["content"]
    assert "".join(entry["token"] for entry in entries) == "You said: one two"
    assert all(
        len(entry["top_logprobs"]) == 2 and bytes(entry["bytes"]).decode() == entry["token"] for entry in entries
    )
    streamed = ask.stream("one two", n=2, logprobs=True)
    tokens = [
        e["token"]
        for c in streamed[:-1]
        if c["choices"][0]["index"] == 1 and c["choices"][0]["logprobs"]
        for e in c["choices"][0]["logprobs"]["content"]
    ]
    assert "".join(tokens) == "You said: one two"
    assert completion["choices"][0]["logprobs"]["content"][0]["top_logprobs"][0]["logprob"] == -0.01


class TestScripted:
    def test_text_tool_calls_and_reasoning(self, emu: Emulator, ask: Asker) -> None:
        emu.reply("Hi there", reasoning="hmm", finish_reason="content_filter", usage={"prompt_tokens": 1})
        completion = ask.post(max_tokens=1).json()
        message = completion["choices"][0]["message"]
        assert (message["content"], message["reasoning_content"]) == ("Hi there", "hmm")
        assert completion["choices"][0]["finish_reason"] == "content_filter"
        assert completion["usage"] == {"prompt_tokens": 1}
        emu.reply(tool_calls=[("f", {"a": 1}), ("g", "{broken")])
        message = ask.message("x")
        assert [call["function"] for call in message["tool_calls"]] == [
            {"name": "f", "arguments": '{"a":1}'},
            {"name": "g", "arguments": "{broken"},
        ]
        assert message["content"] is None
        assert ask.says("x") == "You said: x"

    def test_a_refused_request_takes_none(self, emu: Emulator, ask: Asker) -> None:
        emu.reply("kept")
        assert ask.post(temperature=3).status_code == 400
        assert ask.says("x") == "kept"

    def test_messages_and_chunks(self, emu: Emulator, ask: Asker) -> None:
        call = {"id": "mine", "function": {"name": "f", "arguments": "{}"}}
        emu.reply(message={"role": "assistant", "content": "c", "tool_calls": [call], "annotations": [1]})
        message = ask.message("x")
        assert (message["tool_calls"][0]["id"], message["annotations"]) == ("mine", [1])
        chunks = [
            {"choices": [{"delta": {"content": "a", "reasoning_content": "r"}}]},
            {"choices": None},
            {
                "choices": [
                    {"delta": {"tool_calls": [{"index": 0, "id": "i", "function": {"name": "f", "arguments": "{"}}]}}
                ]
            },
            {
                "choices": [
                    {
                        "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]},
                        "finish_reason": "tool_calls",
                    }
                ]
            },
        ]
        emu.reply(chunks=chunks)
        assert ask.stream() == [*chunks, "[DONE]"]
        emu.reply(chunks=chunks)
        choice = ask.post().json()["choices"][0]
        assert (choice["message"]["content"], choice["message"]["reasoning_content"]) == ("a", "r")
        assert choice["message"]["tool_calls"][0] == {
            "id": "i",
            "type": "function",
            "function": {"name": "f", "arguments": "{}"},
        }
        assert choice["finish_reason"] == "tool_calls"

    def test_as_an_option(self) -> None:
        from emulator_kit import Asker

        from inference_do.emulator import Emulator

        replies: list[Any] = [
            "one",
            {"content": "two"},
            [{"choices": [{"delta": {"content": "three"}}]}],
            Scripted(text="4"),
        ]
        with Emulator(replies=replies) as emu:
            ask = Asker(emu)
            assert [ask.says("x") for _ in range(4)] == ["one", "two", "three", "4"]
            ask.http.close()
        with pytest.raises(TypeError, match="scripted answer"):
            Emulator(replies=[3])


def quirked(emu: Emulator, ask: Asker, prompt: str = "one two three", **quirks: Any) -> list[Any]:
    emu.quirks = Quirks(**quirks)
    return ask.stream(prompt, tools=[WEATHER], stream_options={"include_usage": True})


class TestQuirks:
    def test_ids_roles_and_missing_fields(self, emu: Emulator, ask: Asker) -> None:
        assert {chunk["id"] for chunk in quirked(emu, ask)[:-1]} == {""}
        ids = {chunk["id"] for chunk in quirked(emu, ask, empty_id=False)[:-1]}
        assert len(ids) == 1
        assert ids != {""}
        assert deltas(quirked(emu, ask, empty_role=True))[0]["role"] == ""
        assert all("role" in delta for delta in deltas(quirked(emu, ask, role_on_every_delta=True)))
        assert all(
            "id" not in c and "model" not in c for c in quirked(emu, ask, no_chunk_id=True, no_chunk_model=True)[:-1]
        )
        assert ask.post().json()["id"] == ""

    def test_usage(self, emu: Emulator, ask: Asker) -> None:
        on_finish = quirked(emu, ask, usage_on_finish_chunk=True)
        assert on_finish[-2]["choices"][0]["finish_reason"] == "stop"
        assert on_finish[-2]["usage"]["total_tokens"] > 0
        assert all(chunk["usage"] is None for chunk in quirked(emu, ask, usage_null=True)[:-2])
        running = [c["usage"]["completion_tokens"] for c in quirked(emu, ask, usage_on_every_chunk=True)[:-1]]
        assert running == sorted(running)
        assert running[-1] == running[-2] > running[0]
        assert len(quirked(emu, ask, usage_three_fields=True)[-2]["usage"]) == 3
        assert all("usage" not in chunk for chunk in quirked(emu, ask, ignore_include_usage=True)[:-1])
        assert quirked(emu, ask, usage_choices_null=True)[-2]["choices"] is None
        plain = quirked(emu, ask)[-2]["usage"]
        cached = quirked(emu, ask, cached_tokens=5, created_tokens=3)[-2]["usage"]
        assert cached["prompt_tokens"] == plain["prompt_tokens"]
        assert cached["cache_read_input_tokens"] == cached["prompt_tokens_details"]["cached_tokens"] == 5
        beside = quirked(emu, ask, cached_tokens=5, created_tokens=3, usage_excludes_cached=True)[-2]["usage"]
        assert beside["prompt_tokens"] == plain["prompt_tokens"] - 8

    def test_line_ends_and_framing(self, emu: Emulator) -> None:
        def text(**quirks: Any) -> bytes:
            emu.quirks = Quirks(**quirks)
            return b"".join(chunks_of(raw(emu, body(stream=True))[0]))

        assert text(line_end="\r\n").endswith(b"data: [DONE]\r\n\r\n")
        assert b"\n" not in text(line_end="\r")
        assert text(no_space=True).startswith(b"data:{")
        assert text(bom=True).startswith(b"\xef\xbb\xbfdata: ")
        assert b"[DONE]" not in text(no_done=True)
        assert b'"stop"' not in text(no_finish_reason=True)
        comments = text(comments=True)
        assert comments.count(b": keep-alive\n\n") == comments.count(b"data: ")
        assert text(tokens_per_event=1).count(b"data: ") > text(tokens_per_event=99).count(b"data: ") == 4

    def test_gzip_is_flushed_per_event(self, emu: Emulator, ask: Asker) -> None:
        emu.quirks = Quirks(gzip=True)
        received, _ = raw(emu, body(stream=True))
        assert b"content-encoding: gzip" in received
        pieces = chunks_of(received)
        assert len(pieces) > 4
        assert gzip.decompress(b"".join(pieces)).endswith(b"data: [DONE]\n\n")
        assert ask.says("x") == "You said: x"
        assert ask.stream()[-1] == "[DONE]"

    def test_content_types(self, emu: Emulator, ask: Asker) -> None:
        emu.quirks = Quirks(stream_content_type="application/json", json_content_type="text/plain")
        assert ask.post(stream=True).headers["content-type"] == "application/json"
        assert ask.post().headers["content-type"] == "text/plain"

    def test_tool_fragments(self, emu: Emulator, ask: Asker) -> None:
        assert all("index" not in f for f in fragments(quirked(emu, ask, BOTH, tool_index="missing")))
        assert all(f["index"] is None for f in fragments(quirked(emu, ask, BOTH, tool_index="null")))
        assert {f["index"] for f in fragments(quirked(emu, ask, BOTH, tool_index="zero"))} == {0}
        assert all("id" not in f for f in fragments(quirked(emu, ask, BOTH, tool_ids="missing")))
        assert {f["id"] for f in fragments(quirked(emu, ask, BOTH, tool_ids="empty"))} == {""}
        assert len({f["id"] for f in fragments(quirked(emu, ask, BOTH, tool_ids="every"))}) == 2
        named = fragments(quirked(emu, ask, BOTH, tool_name_on_every_fragment=True))
        assert all(f["function"]["name"] == "get_weather" for f in named)
        assert len(fragments(quirked(emu, ask, BOTH, arguments_in_one_fragment=True))) == 2
        assert all("type" not in f or f["type"] for f in fragments(quirked(emu, ask, BOTH, empty_tool_type=False)))
        order = [f["index"] for f in fragments(quirked(emu, ask, BOTH, interleave_calls=True))]
        assert order[:4] == [0, 1, 0, 1]
        two = [
            len(d["tool_calls"])
            for d in deltas(quirked(emu, ask, BOTH, two_fragments_per_chunk=True))
            if "tool_calls" in d
        ]
        assert set(two[:-1]) == {2}

    def test_reasoning_field(self, emu: Emulator, ask: Asker) -> None:
        emu.quirks = Quirks(reasoning_field="reasoning")
        assert ask.message("Why?", model=THINKER)["reasoning"]
        assert any(delta.get("reasoning") for delta in deltas(ask.stream("Why?", model=THINKER)))
