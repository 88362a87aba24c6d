"""Conversations that other providers' integrations made, handed on to a model here: the emulator takes each of them.

The messages have the shapes that llama-index-llms-anthropic 0.12, -openai 0.8 (chat and responses), -gemini 0.6,
-google-genai 0.11, -bedrock-converse 0.15, -ollama 0.11 and -mistralai 0.11 store, these and earlier versions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from pydantic import BaseModel

from inference_do.emulator import Emulator
from inference_do.emulator.faults import RawBody
from llamaindex_do import DigitalOcean

Make = Callable[..., DigitalOcean]
ARGUMENTS = {"city": "Bonn"}


class Composite(MutableMapping[str, Any]):
    """What protobuf's messages hold in place of a dict."""

    def __init__(self, **items: Any) -> None:
        self._items = items

    def __getitem__(self, name: str) -> Any:
        return self._items[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._items[name] = value

    def __delitem__(self, name: str) -> None:
        del self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


class FunctionCall:
    """Gemini's message of protobuf, which is no dict and no pydantic model."""

    def __init__(self, name: str, args: Mapping[str, Any]) -> None:
        self.name = name
        self.args = args


class Function(BaseModel):
    name: str
    arguments: str


class OpenAICall(BaseModel):
    """The openai package's model of a call."""

    id: str | None
    function: Function
    type: str = "function"


def kept(*calls: Any) -> dict[str, Any]:
    return {"additional_kwargs": {"tool_calls": list(calls)}}


def block(id_: str | None, **kwargs: Any) -> ToolCallBlock:
    return ToolCallBlock(tool_call_id=id_, tool_name="weather", tool_kwargs=kwargs or ARGUMENTS)


NESTED = FunctionCall("weather", Composite(city="Bonn"))
RESPONSES = {"built_in_tool_calls": [{"type": "web_search_call", "id": "ws_1"}], "annotations": []}

ANSWERS: dict[str, tuple[dict[str, Any], str | None]] = {
    "gemini, as a dict": (kept({"name": "weather", "args": ARGUMENTS}), "8d1c-of-the-result-alone"),
    "gemini, as protobuf": (kept(NESTED), "8d1c-of-the-result-alone"),
    "anthropic": (kept({"id": "toolu_01", "name": "weather", "input": ARGUMENTS, "type": "tool_use"}), "toolu_01"),
    "bedrock": (kept({"toolUseId": "tooluse_1", "name": "weather", "input": ARGUMENTS}), "tooluse_1"),
    "bedrock, streamed": (
        kept({"toolUseId": "tooluse_1", "name": "weather", "input": '{"city": "Bonn"}'}),
        "tooluse_1",
    ),
    "bedrock, raw": (kept({"toolUse": {"toolUseId": "t1", "name": "weather", "input": ARGUMENTS}}), "t1"),
    "openai": (
        kept(OpenAICall(id="call_1", function=Function(name="weather", arguments='{"city": "Bonn"}'))),
        "call_1",
    ),
    "openai responses": (
        {"blocks": [ThinkingBlock(content=None), block("call_1")], "additional_kwargs": RESPONSES},
        "call_1",
    ),
    "responses' item": (
        kept({"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city": "Bonn"}'}),
        "c1",
    ),
    "ollama, earlier": (kept({"function": {"name": "weather", "arguments": ARGUMENTS}}), "weather"),
    "ollama": ({"blocks": [TextBlock(text=""), block(None)]}, "weather"),
    "google-genai": (
        {"blocks": [block("weather")], "additional_kwargs": {"thought_signatures": [b"x", None]}},
        "weather",
    ),
    "mistral": ({"blocks": [TextBlock(text=""), block("9aB3dE6f1")]}, "9aB3dE6f1"),
    "mistral, without ids": ({"blocks": [TextBlock(text=""), block(None)]}, None),
    "bedrock, now": (
        {"blocks": [block("tooluse_1")], "additional_kwargs": {"tool_call_id": ["tooluse_1"], "status": []}},
        "tooluse_1",
    ),
}


async def ask(llm: DigitalOcean, entry: str, messages: list[ChatMessage]) -> None:
    match entry:
        case "chat":
            llm.chat(messages)
        case "achat":
            await llm.achat(messages)
        case "stream":
            list(llm.stream_chat(messages))
        case _:
            _ = [response async for response in await llm.astream_chat(messages)]


@pytest.mark.parametrize("origin", ANSWERS)
@pytest.mark.parametrize("entry", ["chat", "achat", "stream", "astream"])
async def test_an_answer_of_another_provider_goes_on_here(
    llm: DigitalOcean, emu: Emulator, origin: str, entry: str
) -> None:
    """F30: a change of the model in mid-thread, with a tool call that was answered."""
    fields, result_id = ANSWERS[origin]
    answer = ChatMessage(role="assistant", **fields)
    extra = {} if result_id is None else {"tool_call_id": result_id}
    result = ChatMessage(role="tool", content="Rain.", additional_kwargs=extra)
    await ask(llm, entry, [ChatMessage(content="Bonn?"), answer, result, ChatMessage(content="And?")])
    _, sent, told, _ = emu.requests[-1].json["messages"]
    (call,) = sent["tool_calls"]
    assert call["function"]["name"] == "weather"
    assert json.loads(call["function"]["arguments"]) == ARGUMENTS
    assert told == {"role": "tool", "tool_call_id": call["id"], "content": "Rain."}


@pytest.mark.parametrize(
    ("ids", "result_ids"),
    [
        (["weather", "weather"], ["weather", "weather"]),
        (["call_0", "call_0", "call_0_2"], ["call_0", "call_0", "call_0_2"]),
        ([None, None], ["weather", "weather"]),
        ([None, None], [None, None]),
        ([None, None], ["8d1c", "77aa"]),
        (["a", None], ["a", None]),
    ],
)
def test_each_result_goes_to_its_call(llm: DigitalOcean, emu: Emulator, ids: list[Any], result_ids: list[Any]) -> None:
    answer = ChatMessage(role="assistant", blocks=[block(id_, n=place) for place, id_ in enumerate(ids)])
    results = [
        ChatMessage(role="tool", content=str(place), additional_kwargs={"tool_call_id": id_} if id_ else {})
        for place, id_ in enumerate(result_ids)
    ]
    llm.chat([ChatMessage(content="a"), answer, *results])
    messages = emu.requests[-1].json["messages"]
    numbers = {call["id"]: json.loads(call["function"]["arguments"])["n"] for call in messages[1]["tool_calls"]}
    assert len(numbers) == len(ids)
    assert {one["tool_call_id"]: int(one["content"]) for one in messages[2:]} == numbers


def test_results_without_ids_are_told_apart_by_the_tool(llm: DigitalOcean, emu: Emulator) -> None:
    """Ollama's package takes the tool's name for the id, and the results may come in another order."""
    calls = [ToolCallBlock(tool_name=name, tool_kwargs={}) for name in ("one", "two")]
    results = [
        ChatMessage(role="tool", content=name, additional_kwargs={"tool_call_id": name}) for name in ("two", "one")
    ]
    llm.chat([ChatMessage(content="a"), ChatMessage(role="assistant", blocks=calls), *results])
    messages = emu.requests[-1].json["messages"]
    names = {call["id"]: call["function"]["name"] for call in messages[1]["tool_calls"]}
    assert {one["tool_call_id"]: one["content"] for one in messages[2:]} == names


def test_a_result_without_id_and_call_is_told_by_the_user(
    llm: DigitalOcean, emu: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    llm.chat([ChatMessage(role="tool", content="Rain."), ChatMessage(content="And?")])
    sent = emu.requests[-1].json["messages"][0]
    assert sent == {"role": "user", "content": "Result of an earlier tool call:\nRain."}
    assert "messages[0]" in caplog.text


def test_a_call_that_names_no_tool_is_left_out(
    llm: DigitalOcean, emu: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    llm.chat(
        [
            ChatMessage(content="a"),
            ChatMessage(role="assistant", content="b", **kept({"id": "x"})),
            ChatMessage(content="c"),
        ]
    )
    assert emu.requests[-1].json["messages"][1] == {"role": "assistant", "content": "b"}
    assert "names no tool" in caplog.text


PNG = b"\x89PNG\r\n\x1a\n\x00\x00"


@pytest.mark.parametrize(
    "foreign",
    [ImageBlock(image=PNG), AudioBlock(audio=b"RIFF\x24\x00\x00\x00WAVEfmt "), DocumentBlock(data=b"%PDF-1.4 x")],
    ids=lambda value: type(value).__name__,
)
def test_what_an_answer_cannot_carry_is_left_out(
    llm: DigitalOcean, emu: Emulator, caplog: pytest.LogCaptureFixture, foreign: Any
) -> None:
    """Gemini's and OpenAI's packages put generated images into the answer; what it cites stands in its text."""
    cited = CitationBlock(cited_content="said", source="S", title="T", additional_location_info={})
    answer = ChatMessage(role="assistant", blocks=[TextBlock(text="b"), foreign, cited])
    llm.chat([ChatMessage(content="a"), answer, ChatMessage(content="c")])
    assert emu.requests[-1].json["messages"][1] == {"role": "assistant", "content": "b"}
    assert "left out" in caplog.text


@pytest.mark.parametrize(
    ("foreign", "content"),
    [
        (AudioBlock(url="https://x.test/a.wav"), "https://x.test/a.wav"),
        (DocumentBlock(url="https://x.test/a.pdf", title="a"), "https://x.test/a.pdf"),
        (DocumentBlock(data=b"PK\x03\x04\xff\x00", title="a.zip"), "a.zip"),
        (ThinkingBlock(content="Hm."), "Hm."),
        (DocumentBlock(data=b"a,b\n1,2", document_mimetype="text/csv", title="a.csv"), "a,b\n1,2"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_results_with_any_block_are_sent(llm: DigitalOcean, emu: Emulator, foreign: Any, content: str) -> None:
    """F32, in LlamaIndex: what is in a memory cannot be changed any more."""
    result = ChatMessage(role="tool", blocks=[foreign], additional_kwargs={"tool_call_id": "c1"})
    llm.chat([ChatMessage(content="a"), ChatMessage(role="assistant", blocks=[block("c1")]), result])
    sent = emu.requests[-1].json["messages"][2]
    assert (sent["role"], sent["tool_call_id"]) == ("tool", "c1")
    assert content in sent["content"]


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (date(2026, 1, 2), "2026-01-02"),
        (Decimal("1.50"), "1.50"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({"one"}, ["one"]),
        (Colour.RED, "red"),
        (b"\xff\xfe", "__4="),
        (float("nan"), None),
        (float("inf"), None),
        (Composite(a=1), {"a": 1}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_arguments_of_any_type_are_json(llm: DigitalOcean, emu: Emulator, value: Any, sent: Any) -> None:
    """F33."""
    llm.chat([ChatMessage(content="a"), ChatMessage(role="assistant", blocks=[block("c1", x=[value])])])
    (call,) = emu.requests[-1].json["messages"][1]["tool_calls"]
    assert json.loads(call["function"]["arguments"], parse_constant=pytest.fail) == {"x": [sent]}


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ('{"a": NaN}', {"a": None}),
        ('{"a": "two\nlines"}', {"a": "two\nlines"}),
        ("null", {}),
        ("[1]", {"invalid_json": "[1]"}),
    ],
)
def test_arguments_that_are_text_are_json(llm: DigitalOcean, emu: Emulator, text: str, sent: Any) -> None:
    call = ToolCallBlock(tool_call_id="c1", tool_name="weather", tool_kwargs=text)
    llm.chat([ChatMessage(content="a"), ChatMessage(role="assistant", blocks=[call])])
    (asked,) = emu.requests[-1].json["messages"][1]["tool_calls"]
    assert json.loads(asked["function"]["arguments"], parse_constant=pytest.fail) == sent


# --- reasoning ---


@pytest.mark.parametrize(
    ("chosen", "field"),
    [
        (True, "reasoning_content"),
        ("reasoning", "reasoning"),
        ("reasoning_content", "reasoning_content"),
        (False, None),
    ],
)
@pytest.mark.parametrize("given_as", ["setting", "argument"])
@pytest.mark.parametrize("entry", ["chat", "astream"])
async def test_reasoning_goes_back_as_is_wanted(
    make: Make, emu: Emulator, *, chosen: Any, field: str | None, given_as: str, entry: str
) -> None:
    """F34."""
    given = {"send_reasoning": chosen}
    llm = make(**(given if given_as == "setting" else {}))
    answer = ChatMessage(role="assistant", blocks=[ThinkingBlock(content="two and two"), TextBlock(text="Four.")])
    messages = [ChatMessage(content="2+2?"), answer, ChatMessage(content="sure?")]
    call = {} if given_as == "setting" else given
    if entry == "chat":
        llm.chat(messages, **call)
    else:
        _ = [response async for response in await llm.astream_chat(messages, **call)]
    sent = emu.requests[-1].json
    assert sent["messages"][1] == {"role": "assistant", "content": "Four.", **({field: "two and two"} if field else {})}
    assert "send_reasoning" not in sent


CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
MESSAGE = {"role": "assistant", "content": None, "reasoning_content": "", "tool_calls": [CALL]}


@pytest.mark.parametrize("entry", ["chat", "stream", "block", "kwargs"])
def test_an_empty_reasoning_goes_back(llm: DigitalOcean, emu: Emulator, entry: str) -> None:
    """F34: some models that think refuse an answer with calls that lacks the field."""
    match entry:
        case "chat":
            emu.reply(message=MESSAGE)
            answer = llm.chat([ChatMessage(content="a")]).message
        case "stream":
            choice = {"index": 0, "delta": {**MESSAGE, "tool_calls": [{**CALL, "index": 0}]}, "finish_reason": None}
            emu.reply(
                chunks=[{"choices": [choice]}, {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}]
            )
            answer = list(llm.stream_chat([ChatMessage(content="a")]))[-1].message
        case "block":
            answer = ChatMessage(role="assistant", blocks=[ThinkingBlock(content=""), block("c1")])
        case _:
            extra = {"reasoning_content": "", "tool_calls": [CALL]}
            answer = ChatMessage(role="assistant", additional_kwargs=extra)
    result = ChatMessage(role="tool", content="b", additional_kwargs={"tool_call_id": "c1"})
    llm.chat([ChatMessage(content="a"), answer, result])
    assert emu.requests[-1].json["messages"][1]["reasoning_content"] == ""


def test_a_thought_that_was_not_kept_is_not_sent(llm: DigitalOcean, emu: Emulator) -> None:
    """OpenAI's responses have such: what was thought is encrypted, or not there at all."""
    answer = ChatMessage(role="assistant", blocks=[ThinkingBlock(content=None), TextBlock(text="b")])
    llm.chat([ChatMessage(content="a"), answer, ChatMessage(content="c")])
    assert emu.requests[-1].json["messages"][1] == {"role": "assistant", "content": "b"}


# --- answers ---


@pytest.mark.parametrize("entry", ["chat", "stream"])
def test_an_answer_of_thoughts_alone_is_an_empty_text(llm: DigitalOcean, emu: Emulator, entry: str) -> None:
    """D20: a chat engine writes None as "None"."""
    emu.reply(message={"role": "assistant", "content": None, "reasoning_content": "Hm."}, finish_reason="stop")
    messages = [ChatMessage(content="a")]
    response = llm.chat(messages) if entry == "chat" else list(llm.stream_chat(messages))[-1]
    assert response.message.content == ""
    assert [block.block_type for block in response.message.blocks] == ["thinking", "text"]


ODD_LOGPROBS: list[dict[str, Any]] = [
    {"content": 5},
    {"content": ["x"]},
    {"content": [{"token": 5, "logprob": "low"}]},
    {"content": [{"token": "a", "logprob": -0.1, "bytes": "abc"}]},
    {"content": [{"token": "a", "logprob": -0.1, "top_logprobs": [5]}]},
    {"content": [{"token": "a", "logprob": -0.1, "top_logprobs": 5}]},
    {"content": {"token": "a"}},
]


@pytest.mark.parametrize("odd", ODD_LOGPROBS, ids=str)
def test_odd_logprobs_cost_no_answer_of_a_stream(llm: DigitalOcean, emu: Emulator, odd: Any) -> None:
    """J60."""
    choice = {"index": 0, "delta": {"role": "assistant", "content": "b"}, "logprobs": odd, "finish_reason": None}
    emu.reply(chunks=[{"choices": [choice]}, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}])
    *_, last = llm.stream_chat([ChatMessage(content="a")])
    assert (last.message.content, last.logprobs) == ("b", None)


@pytest.mark.parametrize("odd", ODD_LOGPROBS, ids=str)
def test_odd_logprobs_cost_no_whole_answer(llm: DigitalOcean, odd: Any, emu: Emulator) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "b"}, "logprobs": odd, "finish_reason": "stop"}
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    emu.script(RawBody(json.dumps(body).encode()))
    response = llm.chat([ChatMessage(content="a")])
    assert (response.message.content, response.logprobs) == ("b", None)


def test_a_call_of_the_responses_api_has_two_ids(make: Make, emu: Emulator) -> None:
    kept = {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": "weather",
        "arguments": '{"city": "Bonn"}',
    }
    make().chat(
        [
            ChatMessage(content="Q"),
            ChatMessage(role="assistant", content="", additional_kwargs={"tool_calls": [kept]}),
            ChatMessage(role="tool", content="Rain", additional_kwargs={"call_id": "call_1"}),
        ]
    )
    call, result = emu.requests[-1].json["messages"][1:]
    assert (call["tool_calls"][0]["id"], result) == (
        "call_1",
        {"role": "tool", "tool_call_id": "call_1", "content": "Rain"},
    )


@pytest.mark.parametrize("name", ["kwargs", "params", "tool_args", "tool_input", "tool_kwargs"])
def test_arguments_under_other_names_are_kept(make: Make, emu: Emulator, name: str) -> None:
    kept = {"id": "1", "name": "weather", name: ARGUMENTS}
    make().chat(
        [
            ChatMessage(content="Q"),
            ChatMessage(role="assistant", content="", additional_kwargs={"tool_calls": [kept]}),
            ChatMessage(role="tool", content="Rain", additional_kwargs={"tool_call_id": "1"}),
        ]
    )
    call = emu.requests[-1].json["messages"][1]["tool_calls"][0]
    assert json.loads(call["function"]["arguments"]) == ARGUMENTS


def test_a_result_without_an_id_may_name_its_tool(make: Make, emu: Emulator) -> None:
    calls = [ToolCallBlock(tool_call_id=name, tool_name=name, tool_kwargs={}) for name in ("one", "two")]
    results = [ChatMessage(role="tool", content=name, additional_kwargs={"tool_name": name}) for name in ("two", "one")]
    make().chat([ChatMessage(content="Q"), ChatMessage(role="assistant", blocks=calls), *results])
    sent = emu.requests[-1].json["messages"][2:]
    assert [(message["tool_call_id"], message["content"]) for message in sent] == [("two", "two"), ("one", "one")]
