"""Streams: what each chunk carries, that sums are right, and that every habit of servers gives the same message."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler, UsageMetadataCallbackHandler
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.tools import tool

from inference_do import ConfigError
from inference_do.emulator import Emulator, Quirks
from langchain_do import ChatDigitalOcean

Make = Callable[..., ChatDigitalOcean]
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
COUNTED = {"input_tokens": 10, "output_tokens": 4, "total_tokens": 14}
CALLS = [("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4})]


def total(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    return reduce(add, chunks)


@tool
def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"Sunny in {city}."


def test_each_fact_comes_once(emu: Emulator, make: Make) -> None:
    emu.quirks = Quirks(empty_id=False)
    chunks = list(make(include_response_headers=True).stream("a longer text, please"))
    metadata = [chunk.response_metadata for chunk in chunks]
    assert all(data["model_provider"] == "digitalocean" for data in metadata)
    assert [("model_name" in data) for data in metadata] == [True] + [False] * (len(chunks) - 1)
    for name in ("finish_reason", "id", "request_id", "headers"):
        assert [name in data for data in metadata] == [False] * (len(chunks) - 1) + [True], name
    assert [chunk.chunk_position for chunk in chunks] == [None] * (len(chunks) - 1) + ["last"]
    assert [bool(chunk.usage_metadata) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert all(chunk.content for chunk in chunks[:-1])
    message = total(chunks)
    assert message.response_metadata["finish_reason"] == "stop"
    assert message.response_metadata["model_name"] == "llama3.3-70b-instruct"
    assert message.response_metadata["headers"]["x-ratelimit-limit-requests"] == "1000000"
    assert message.text == "You said: a longer text, please"


@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(),
        Quirks(usage_on_every_chunk=True),
        Quirks(usage_on_finish_chunk=True),
        Quirks(usage_null=True),
        Quirks(usage_choices_null=True),
        Quirks(role_on_every_delta=True, no_chunk_id=True, no_chunk_model=True),
        Quirks(tokens_per_event=1000),
        Quirks(comments=True, line_end="\r\n", bom=True, gzip=True),
        Quirks(no_done=True),
        Quirks(empty_role=True),
    ],
    ids=repr,
)
def test_habits_of_servers_do_not_show(emu: Emulator, model: ChatDigitalOcean, quirks: Quirks) -> None:
    emu.quirks = quirks
    emu.reply("One two three four five.", usage=USAGE, reasoning="Thinking about numbers.")
    message = total(list(model.stream("count")))
    assert message.text == "One two three four five."
    assert message.additional_kwargs == {"reasoning_content": "Thinking about numbers."}
    assert message.usage_metadata == COUNTED
    assert message.response_metadata["finish_reason"] == "stop"
    assert message.response_metadata["model_name"] == "llama3.3-70b-instruct"


def test_blocks_of_chunks_before_the_end(emu: Emulator, model: ChatDigitalOcean) -> None:
    emu.reply("I add.", tool_calls=CALLS[:1], reasoning="hm")
    *chunks, _last = model.stream("add")
    blocks = [block for chunk in chunks for block in chunk.content_blocks]
    assert {block["index"] for block in blocks} == {"lc_rs_0", "lc_txt_0", "lc_tc_0"}
    assert {block["type"] for block in blocks} == {"reasoning", "text", "tool_call_chunk"}
    assert "tool_call" not in [block["type"] for block in total(chunks).content_blocks]


def test_invalid_arguments_in_a_stream(emu: Emulator, model: ChatDigitalOcean) -> None:
    emu.reply(tool_calls=[("add", '{"a": oops}')])
    message = total(list(model.stream("add")))
    assert message.tool_calls == []
    (call,) = message.invalid_tool_calls
    assert (call["name"], call["args"]) == ("add", '{"a": oops}')
    assert call["id"]
    assert [block["type"] for block in message.content_blocks] == ["invalid_tool_call"]


@pytest.mark.parametrize(
    ("settings", "given", "asked"),
    [
        ({}, {}, {"include_usage": True}),
        ({"stream_usage": False}, {}, {"include_usage": False}),
        ({"stream_usage": False}, {"stream_usage": True}, {"include_usage": True}),
        ({}, {"stream_usage": False}, {"include_usage": False}),
        ({}, {"stream_options": {"include_usage": True, "include_obfuscation": False}}, None),
    ],
)
def test_usage_is_asked_for(
    emu: Emulator, make: Make, settings: dict[str, Any], given: dict[str, Any], asked: dict[str, Any] | None
) -> None:
    asked = asked or given["stream_options"]
    message = total(list(make(**settings).stream("hi", **given)))
    assert emu.requests[0].json["stream_options"] == asked
    assert bool(message.usage_metadata) is asked["include_usage"]
    make(**settings).invoke("hi", **given)
    assert not {"stream_options", "stream_usage", "stream"} & set(emu.requests[1].json)


def test_anthropic_accounting(emu: Emulator, model: ChatDigitalOcean) -> None:
    usage = {"prompt_tokens": 14, "completion_tokens": 6, "total_tokens": 20}
    for _ in range(2):
        emu.reply("hi", usage={**usage, "cache_read_input_tokens": 1043, "cache_created_input_tokens": 20})
    invoked, streamed = model.invoke("hi").usage_metadata, total(list(model.stream("hi"))).usage_metadata
    assert invoked == streamed
    assert streamed == {
        "input_tokens": 1077,
        "output_tokens": 6,
        "total_tokens": 1083,
        "input_token_details": {"cache_read": 1043, "cache_creation": 20},
    }


def test_invoke_and_stream_agree(emu: Emulator, make: Make) -> None:
    model = make(model="qwen3.8-max", logprobs=True, top_logprobs=1)
    whole = model.invoke("Say something")
    message = total(list(model.stream("Say something")))
    assert message.text == whole.text
    assert message.additional_kwargs == whole.additional_kwargs
    assert message.additional_kwargs["reasoning_content"]
    assert message.usage_metadata == whole.usage_metadata
    own = {"token_usage", "request_id"}
    assert {name: value for name, value in message.response_metadata.items() if name not in own} == {
        name: value for name, value in whole.response_metadata.items() if name not in own
    }
    assert len(whole.response_metadata["logprobs"]["content"]) > 2
    plain = [{**block, "index": None} for block in message.content_blocks]
    assert plain == [{**block, "index": None} for block in whole.content_blocks]


class Recorder(BaseCallbackHandler):
    def __init__(self) -> None:
        self.seen: list[str] = []
        self.tokens = ""

    def on_chat_model_start(self, *_: Any, **__: Any) -> None:
        self.seen.append("start")

    def on_llm_new_token(self, token: str, **_: Any) -> None:
        self.tokens += token
        self.seen.append("token")

    def on_llm_end(self, *_: Any, **__: Any) -> None:
        self.seen.append("end")

    def on_llm_error(self, *_: Any, **__: Any) -> None:
        self.seen.append("error")


@pytest.mark.parametrize("entry", ["stream", "invoke", "astream", "ainvoke"])
async def test_callbacks_come_once(make: Make, entry: str) -> None:
    recorder, usage = Recorder(), UsageMetadataCallbackHandler()
    config: Any = {"callbacks": [recorder, usage]}
    model = make(streaming=True)
    match entry:
        case "stream":
            chunks = len(list(model.stream("hi you there", config)))
        case "astream":
            chunks = len([chunk async for chunk in model.astream("hi you there", config)])
        case "invoke":
            chunks = 0
            message = model.invoke("hi you there", config)
        case _:
            chunks = 0
            message = await model.ainvoke("hi you there", config)
    assert recorder.tokens == "You said: hi you there"
    assert (recorder.seen[0], recorder.seen[-1], recorder.seen.count("end")) == ("start", "end", 1)
    if chunks:
        assert recorder.seen.count("token") == chunks
    else:
        assert message.response_metadata["finish_reason"] == "stop"
    assert usage.usage_metadata["llama3.3-70b-instruct"]["total_tokens"] == 15


def test_streaming_off_for_good(emu: Emulator, make: Make) -> None:
    (chunk,) = make(streaming=False).stream("hi")
    assert chunk.text == "You said: hi"
    assert "stream" not in emu.requests[0].json
    list(make(disable_streaming="tool_calling").bind_tools([get_weather]).stream("hi"))
    assert "stream" not in emu.requests[1].json


def test_several_answers_are_not_streamed(emu: Emulator, make: Make) -> None:
    model = make(n=2)
    (answer,) = model.stream("hi")
    assert answer.text == "You said: hi"
    assert "stream" not in emu.requests[0].json
    with pytest.raises(ConfigError, match="one answer"):
        list(model._stream([HumanMessage("hi")]))
    assert len(list(model.stream("hi", n=1))) > 1


def test_leaving_early_stops_the_server(emu: Emulator, model: ChatDigitalOcean) -> None:
    emu.quirks = Quirks(event_delay=0.02)
    stream = model.stream("a b c d e f g h i j k l m n o p q r s t u v w x y z " * 5)
    next(stream)
    stream.close()
    model.invoke("hi")  # the emulator has noticed by the time it has answered this
    assert len(emu.disconnects) == 1


async def test_events_of_version_3(emu: Emulator, model: ChatDigitalOcean) -> None:
    emu.reply("I look.", tool_calls=[("get_weather", {"city": "Paris"})], reasoning="hm", usage=USAGE)
    stream = model.stream_events("weather?", version="v3")
    message = stream.output
    assert [block["type"] for block in message.content] == ["reasoning", "text", "tool_call"]
    assert message.tool_calls[0]["args"] == {"city": "Paris"}
    assert message.usage_metadata == COUNTED
    assert message.response_metadata["model_name"] == "llama3.3-70b-instruct"
    assert message.response_metadata["finish_reason"] == "tool_calls"


def test_refusal_in_a_stream(emu: Emulator, model: ChatDigitalOcean) -> None:
    deltas = [{"role": "assistant", "refusal": "I will "}, {"refusal": "not."}, {}]
    finish = [None, None, "stop"]
    emu.reply(
        chunks=[
            {"model": "m", "choices": [{"index": 1, "delta": {"content": "of another answer"}, "finish_reason": None}]},
            *(
                {"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
                for delta, reason in zip(deltas, finish, strict=True)
            ),
        ]
    )
    message = total(list(model.stream("bad")))
    assert (message.text, message.additional_kwargs) == ("", {"refusal": "I will not."})
    assert message.response_metadata["model_name"] == "m"
    (block,) = message.content_blocks
    assert (block.get("refusal") or block["value"]["refusal"]) == "I will not."


def test_unknown_fields_of_a_delta_are_kept(emu: Emulator, model: ChatDigitalOcean) -> None:
    annotation = {"type": "url_citation", "url": "https://x.test"}
    emu.reply(message={"content": "See x.", "annotations": [annotation]})
    emu.reply(message={"content": "See x.", "annotations": [annotation]})
    assert model.invoke("hi").additional_kwargs == {"annotations": [annotation]}
    assert total(list(model.stream("hi"))).additional_kwargs == {"annotations": [annotation]}
