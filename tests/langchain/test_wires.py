"""The three APIs behind one chat model, over HTTP: which one answers, and what of an answer goes back to it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any

import httpx
import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.load import dumps, loads
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    ToolMessage,
    message_chunk_to_message,
    message_to_dict,
    messages_from_dict,
)
from langchain_core.tools import tool
from pydantic import BaseModel

from inference_do import models
from inference_do.emulator import Emulator, Status
from inference_do.models import register_model
from langchain_do import ChatDigitalOcean, ConfigError

Make = Callable[..., ChatDigitalOcean]

HOSTED = "hosted-thinker"
THINKING = {"model_kwargs": {"thinking": {"type": "enabled", "budget_tokens": 1024}}, "max_tokens": 4000}
WIRES: dict[str, dict[str, Any]] = {
    "chat_completions": {"model": "qwen3.8-max"},
    "responses": {"model": "openai-gpt-5.4", "reasoning_effort": "low"},
    "hosted": {"model": HOSTED, "api": "responses"},
    "messages": {"model": "anthropic-claude-haiku-4.5", **THINKING},
}
PATHS = {
    "chat_completions": "/v1/chat/completions",
    "responses": "/v1/responses",
    "hosted": "/v1/responses",
    "messages": "/v1/messages",
}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()
PDF = base64.b64encode(b"%PDF-1.4 a").decode()

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*is in beta:langchain_core._api.beta_decorator.LangChainBetaWarning",
    "ignore:The default value of `allowed_objects`",
)


@pytest.fixture(autouse=True)
def hosted_thinker(monkeypatch: pytest.MonkeyPatch) -> None:
    """An open model that thinks; which of them answer by which API is not known of all."""
    monkeypatch.setattr(models, "_REGISTERED", dict(models._REGISTERED))
    register_model(HOSTED, kind="chat", provider="Moonshot AI", reasoning=True, tools=True, structured_output=True)


@tool("add")
def plus(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Sum(BaseModel):
    """A sum."""

    total: int


def whole(model: Any, prompt: Any) -> AIMessage:
    """Return a streamed answer put together."""
    return message_chunk_to_message(reduce(add, model.stream(prompt)))  # type: ignore[return-value]


async def ask(model: Any, prompt: Any, entry: str) -> AIMessage:
    match entry:
        case "invoke":
            return model.invoke(prompt)
        case "ainvoke":
            return await model.ainvoke(prompt)
        case "stream":
            return whole(model, prompt)
        case "astream":
            chunks: list[AIMessageChunk] = [chunk async for chunk in model.astream(prompt)]
            return message_chunk_to_message(reduce(add, chunks))  # type: ignore[return-value]
        case _:
            return model.stream_events(prompt, version="v3").output


ENTRIES = ["invoke", "ainvoke", "stream", "astream", "events"]


# --- which API ---


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("wire", WIRES)
async def test_the_metadata_say_which_api_answered(emu: Emulator, make: Make, wire: str, entry: str) -> None:
    emu.script(Status(503))
    answer = await ask(make(**WIRES[wire]), "hi", entry)
    assert emu.requests[-1].path == PATHS[wire]
    assert answer.response_metadata["api"] == PATHS[wire].removeprefix("/v1/").replace("/", "_")
    assert answer.response_metadata["attempts"] == 2
    assert answer.response_metadata["model_name"] == WIRES[wire]["model"]


def test_the_api_may_be_chosen(emu: Emulator, make: Make) -> None:
    model = make(model=HOSTED)
    for given in ({"api": "responses"}, {"use_responses_api": True}):
        assert make(model=HOSTED, **given).api == "responses"
        for asked in (make(model=HOSTED, **given), model.bind(**given)):
            assert asked.invoke("hi").response_metadata["api"] == "responses"
            assert whole(asked, "hi").response_metadata["api"] == "responses"
        assert model.invoke("hi", **given).response_metadata["api"] == "responses"
    chosen = make(model=HOSTED, api="responses")
    assert chosen.invoke("hi", api="auto").response_metadata["api"] == "chat_completions"
    assert make(model=HOSTED, api="messages").invoke("hi", use_responses_api=True).response_metadata["api"] == (
        "responses"
    )
    assert make(use_responses_api=False).api == "auto"
    assert model.invoke("hi", use_responses_api=False).response_metadata["api"] == "chat_completions"


def test_a_call_takes_the_other_name_back(emu: Emulator, make: Make) -> None:
    for given, expected in (
        ({"use_responses_api": True}, "chat_completions"),
        ({"api": "responses"}, "chat_completions"),
        ({"api": "messages"}, "messages"),
    ):
        for model in (make(model=HOSTED, **given), make(model=HOSTED, model_kwargs=given)):
            assert model.invoke("hi", use_responses_api=False).response_metadata["api"] == expected
            assert whole(model.bind(use_responses_api=False), "hi").response_metadata["api"] == expected


def test_where_no_api_can_be_chosen_it_is_refused(emu: Emulator, make: Make) -> None:
    for choice in ({"api": "responses"}, {"use_responses_api": True}):
        assert make(model=HOSTED, model_kwargs=choice).invoke("hi").response_metadata["api"] == "responses"
        with pytest.raises(ConfigError, match=r"extra_body: '\w+' says which API is asked"):
            make(extra_body=choice)
        with pytest.raises(ConfigError, match=r"extra_body: '\w+' says which API is asked"):
            make().bind(extra_body=choice).invoke("hi")
        with pytest.raises(ConfigError, match="'model_kwargs': its fields are given under their own names"):
            make().bind(model_kwargs=choice).invoke("hi")
    assert emu.posts == 2


@pytest.mark.parametrize("value", ["false", "true", 1])
def test_the_other_name_is_on_or_off(emu: Emulator, make: Make, value: Any) -> None:
    with pytest.raises(ConfigError, match="use_responses_api must be True or False"):
        make(use_responses_api=value)
    with pytest.raises(ConfigError, match="use_responses_api must be True or False"):
        make().invoke("hi", use_responses_api=value)
    assert emu.posts == 0


def test_an_api_that_is_none_is_refused(emu: Emulator, make: Make) -> None:
    with pytest.raises(ConfigError, match="api"):
        make(api="completions")
    with pytest.raises(ConfigError, match="api must be"):
        make().invoke("hi", api="completions")
    with pytest.raises(ConfigError, match="use_responses_api is another name of api='responses'"):
        make(api="messages", use_responses_api=True)
    with pytest.raises(ConfigError, match="use_responses_api is another name of api='responses'"):
        make().invoke("hi", api="messages", use_responses_api=True)
    assert emu.posts == 0


def test_the_api_is_part_of_what_a_cache_knows(make: Make) -> None:
    plain, chosen = make(), make(api="responses")
    assert plain._get_llm_string() != chosen._get_llm_string()
    assert "api" not in plain._identifying_params


# --- round trips ---


def again(answer: AIMessage) -> list[AIMessage]:
    """Return the answer as it comes back from wherever conversations are kept."""
    [from_dict] = messages_from_dict(json.loads(json.dumps([message_to_dict(answer)])))
    return [answer, loads(dumps(answer)), from_dict, AIMessage(content=json.loads(json.dumps(answer.content_blocks)))]


def turn_of(request: dict[str, Any]) -> Any:
    """Return what a request has between the question and the tool's result."""
    return (request.get("input") or request["messages"])[1:-1]


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("entry", ["invoke", "stream", "astream", "events"])
@pytest.mark.parametrize("wire", ["responses", "hosted", "messages"])
async def test_reasoning_goes_back_unchanged(emu: Emulator, make: Make, wire: str, entry: str, version: str) -> None:
    model = make(output_version=version, **WIRES[wire])
    bound = model.bind_tools([plus])
    emu.reply("I add.", tool_calls=[("add", {"a": 1, "b": 2})], reasoning="One and two.")
    answer = await ask(bound, "add", entry)
    assert "".join(block.get("reasoning", "") for block in answer.content_blocks) == "One and two."
    kinds = [block["type"] for block in answer.content_blocks if block["type"] != "non_standard"]
    assert list(dict.fromkeys(kinds)) == ["reasoning", "text", "tool_call"]
    assert answer.text == "I add."
    [call] = answer.tool_calls
    assert (call["name"], call["args"]) == ("add", {"a": 1, "b": 2})
    assert answer.additional_kwargs["reasoning_details"]
    turns = []
    for kept in again(answer):
        reply = bound.invoke([HumanMessage("add"), kept, ToolMessage("3", tool_call_id=call["id"])])
        assert reply.response_metadata["api"] == answer.response_metadata["api"]
        turns.append(turn_of(emu.requests[-1].json))
    assert all(turn == turns[0] for turn in turns)
    match wire:
        case "messages":
            [turn] = turns[0]
            thinking, text, used = turn["content"]
            assert thinking["thinking"] == "One and two."
            assert thinking["signature"]
            assert (text["text"], used["input"]) == ("I add.", {"a": 1, "b": 2})
        case _:
            assert [item["type"] for item in turns[0]] == ["reasoning", "message", "function_call"]
            assert bool(turns[0][0].get("encrypted_content")) == (wire == "responses")


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_conversation_may_change_model_and_api(emu: Emulator, make: Make, streamed: bool, version: str) -> None:
    messages: list[Any] = []
    for wire in ("responses", "messages", "chat_completions", "hosted", "messages", "responses"):
        model = make(output_version=version, **WIRES[wire]).bind_tools([plus])
        messages.append(HumanMessage("add"))
        emu.reply("I add.", tool_calls=[("add", {"a": 1, "b": 2})], reasoning="One and two.")
        answer = whole(model, messages) if streamed else model.invoke(messages)
        messages += [answer, ToolMessage("3", tool_call_id=answer.tool_calls[0]["id"])]
        messages.append(model.invoke(messages))
        assert emu.requests[-1].path == PATHS[wire]
    assert emu.posts == 12


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("entry", ["invoke", "stream"])
@pytest.mark.parametrize("wire", ["responses", "messages"])
async def test_what_cannot_be_read_is_not_counted(
    emu: Emulator, make: Make, wire: str, entry: str, version: str
) -> None:
    model = make(output_version=version, **WIRES[wire])
    emu.reply("I add.", tool_calls=[("add", {"a": 1, "b": 2})], reasoning="One and two.")
    answer = await ask(model.bind_tools([plus]), "add", entry)
    readable = AIMessage(
        "I add.", tool_calls=answer.tool_calls, additional_kwargs={"reasoning_content": "One and two."}
    )
    expected = model.get_num_tokens_from_messages([readable])
    assert len(str(answer.content_blocks)) > 500
    assert [model.get_num_tokens_from_messages([kept]) for kept in again(answer)] == [expected] * 4


def test_reasoning_stays_here_if_it_is_not_wanted(emu: Emulator, make: Make) -> None:
    model = make(**WIRES["responses"]).bind_tools([plus])
    emu.reply("I add.", tool_calls=[("add", {"a": 1, "b": 2})], reasoning="One and two.")
    answer = model.invoke("add")
    history = [HumanMessage("add"), answer, ToolMessage("3", tool_call_id=answer.tool_calls[0]["id"])]
    model.invoke(history, send_reasoning=False)
    assert [item["type"] for item in turn_of(emu.requests[-1].json)] == ["message", "function_call"]


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("entry", ["invoke", "stream", "events"])
@pytest.mark.parametrize("wire", ["responses", "messages"])
async def test_searches_and_citations_are_blocks(
    emu: Emulator, make: Make, wire: str, entry: str, version: str
) -> None:
    tools = {"responses": {"type": "web_search"}, "messages": {"type": "web_search_20250305", "name": "web_search"}}
    settings = {name: value for name, value in WIRES[wire].items() if name in {"model", "api"}}
    model = make(output_version=version, **{"api": "messages", **settings} if wire == "messages" else settings)
    model_with = model.bind(tools=[tools[wire]])
    answer = await ask(model_with, "Search the web for droplets", entry)
    by_kind = {block["type"]: block for block in answer.content_blocks}
    call, result = by_kind["server_tool_call"], by_kind["server_tool_result"]
    assert call["name"] == "web_search"
    assert call["args"]["query"]
    assert result["tool_call_id"] == call["id"]
    assert result["status"] == "success"
    cited = by_kind["text"]["annotations"]
    assert cited[0]["type"] == "citation"
    assert cited[0]["url"].startswith("http")
    requests = []
    for kept in again(answer):
        model_with.invoke([HumanMessage("Search the web for droplets"), kept, HumanMessage("thanks")])
        requests.append(turn_of(emu.requests[-1].json))
    assert all(sent == requests[0] for sent in requests)
    assert "search" in json.dumps(requests[0])


CITATIONS = [
    (
        {"type": "knowledge_base", "knowledge_base": {"id": "k", "title": "T", "url": "https://x.test", "text": "c"}},
        {
            "title": "T",
            "url": "https://x.test",
            "cited_text": "c",
            "extras": {"id": "k", "text": "c", "type": "knowledge_base"},
        },
    ),
    (
        {"type": "knowledge_base", "filename": "a.pdf", "start_index": 0, "end_index": 5, "score": 0.5},
        {
            "title": "a.pdf",
            "start_index": 0,
            "end_index": 5,
            "extras": {"filename": "a.pdf", "score": 0.5, "type": "knowledge_base"},
        },
    ),
    (
        {"type": "char_location", "document_title": "d", "cited_text": "c", "start_char_index": 3},
        {
            "title": "d",
            "cited_text": "c",
            "extras": {"document_title": "d", "start_char_index": 3, "type": "char_location"},
        },
    ),
    (
        {"type": "url_citation", "url_citation": {"url": "https://x.test", "title": None, "start_index": 2}},
        {"url": "https://x.test", "start_index": 2},
    ),
]


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("entry", ["invoke", "stream"])
async def test_citations_of_every_kind_are_the_standards(emu: Emulator, make: Make, entry: str, version: str) -> None:
    odd = {"type": "knowledge_base", "score": 0.5}
    emu.reply(message={"content": "Hello", "annotations": [*(given for given, _ in CITATIONS), odd]})
    answer = await ask(make(output_version=version), "hi", entry)
    (text,) = answer.content_blocks
    expected = [{"type": "citation", **block} for _, block in CITATIONS]
    assert text["annotations"] == [*expected, {"type": "non_standard_annotation", "value": odd}]
    make().invoke([HumanMessage("hi"), answer, HumanMessage("on")])
    assert emu.requests[-1].json["messages"][1]["content"] == "Hello"


# --- images and files ---


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "base64": PNG, "mime_type": "image/png"},
        {"type": "image", "url": "https://example.com/a.png"},
        {"type": "file", "base64": PDF, "mime_type": "application/pdf"},
        {"type": "file", "url": "https://example.com/a.pdf", "mime_type": "application/pdf"},
    ],
    ids=["image", "image url", "pdf", "pdf url"],
)
@pytest.mark.parametrize("model", ["anthropic-claude-haiku-4.5", "openai-gpt-5.4"])
def test_images_and_files_take_the_api_that_reads_them(emu: Emulator, make: Make, model: str, block: Any) -> None:
    prompt = [HumanMessage([{"type": "text", "text": "What is it?"}, block])]
    for answer in (make(model=model).invoke(prompt), whole(make(model=model), prompt)):
        assert answer.text
        assert answer.response_metadata["api"] == ("messages" if "claude" in model else "responses")


def test_a_profile_knows_what_any_api_reads(make: Make) -> None:
    profile = make(model="anthropic-claude-haiku-4.5").profile or {}
    assert profile["image_inputs"]
    assert profile["pdf_inputs"]


# --- structured output and agents ---


@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
@pytest.mark.parametrize("wire", WIRES)
def test_structured_output(emu: Emulator, make: Make, wire: str, method: Any) -> None:
    settings = {name: value for name, value in WIRES[wire].items() if name in {"model", "api"}}
    model = make(**{"api": "messages", **settings} if wire == "messages" else settings)
    asked = model.with_structured_output(Sum, method=method)
    for ask_it in (asked.invoke, lambda prompt: list(asked.stream(prompt))[-1]):
        emu.reply('{"total": 3}')
        assert ask_it("What is 1 + 2? Answer as a JSON object with `total`.") == Sum(total=3)
        assert emu.requests[-1].path == PATHS[wire]


@pytest.mark.parametrize("strategy", [ToolStrategy, ProviderStrategy, None])
@pytest.mark.parametrize("wire", WIRES)
async def test_agents(emu: Emulator, make: Make, wire: str, strategy: Any) -> None:
    settings = {name: value for name, value in WIRES[wire].items() if name in {"model", "api"}}
    model = make(**{"api": "messages", **settings} if wire == "messages" else settings)
    form = strategy and strategy(Sum)
    agent = create_agent(model, [plus], system_prompt="You are brief.", response_format=form)
    for run in (agent.invoke, agent.ainvoke):
        emu.reply("I add.", tool_calls=[("add", {"a": 1, "b": 2})], reasoning="One and two.")
        if strategy is ToolStrategy:
            emu.reply(tool_calls=[("Sum", {"total": 3})])
        else:
            emu.reply('{"total": 3}')
        state = run({"messages": [HumanMessage("add 1 and 2")]})
        state = state if isinstance(state, dict) else await state
        assert [request.path for request in emu.requests[-2:]] == [PATHS[wire]] * 2
        if strategy:
            assert state["structured_response"] == Sum(total=3)
        assert [message.type for message in state["messages"]][:3] == ["human", "ai", "tool"]


# --- what the emulator does not say ---


def served(events: list[dict[str, Any]], make: Make, **settings: Any) -> tuple[ChatDigitalOcean, list[Any]]:
    """Return a model that is answered by these events, and the requests that it sends."""
    sent: list[Any] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
        return httpx.Response(200, text=text, headers={"content-type": "text/event-stream"})

    client = httpx.Client(transport=httpx.MockTransport(handle))
    return make(http_client=client, streaming=True, **settings), sent


REASONED = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "First."}, {"type": "summary_text", "text": "Second."}],
    "encrypted_content": "c2VjcmV0",
}
ANSWERED = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "Done.", "annotations": [], "logprobs": []}],
}


def summary_of(part: int, text: str) -> list[dict[str, Any]]:
    kind = "response.reasoning_summary_text.delta"
    return [{"type": kind, "output_index": 0, "summary_index": part, "delta": piece} for piece in (text[:2], text[2:])]


IN_PARTS: list[dict[str, Any]] = [
    {"type": "response.output_item.added", "output_index": 0, "item": {**REASONED, "summary": []}},
    *summary_of(0, "First."),
    *summary_of(1, "Second."),
    {"type": "response.output_item.done", "output_index": 0, "item": REASONED},
    {"type": "response.output_item.added", "output_index": 1, "item": {**ANSWERED, "content": []}},
    {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "Done."},
    {"type": "response.output_item.done", "output_index": 1, "item": ANSWERED},
    {
        "type": "response.completed",
        "response": {"id": "resp_1", "model": "openai-gpt-5.4", "status": "completed", "output": [REASONED, ANSWERED]},
    },
]
HIDDEN: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"id": "msg_1", "model": "claude", "usage": {"input_tokens": 3}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "redacted_thinking", "data": "aGlkZGVu"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "thinking_delta", "thinking": "Seen."}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "signature_delta", "signature": "sig"}},
    {"type": "content_block_stop", "index": 1},
    {"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "text_delta", "text": "Done."}},
    {"type": "content_block_stop", "index": 2},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
    {"type": "message_stop"},
]


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("entry", ["invoke", "stream", "events"])
async def test_several_parts_of_one_thought_stay_apart(make: Make, entry: str, version: str) -> None:
    model, sent = served(IN_PARTS, make, model="openai-gpt-5.4", output_version=version)
    answer = await ask(model, "hi", entry)
    assert answer.content_blocks[0]["reasoning"] == "First.\n\nSecond."
    for kept in again(answer):
        model.invoke([HumanMessage("hi"), kept, HumanMessage("on")])
        assert turn_of(sent[-1])[0] == REASONED


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("entry", ["invoke", "stream", "events"])
async def test_hidden_thoughts_go_back_in_their_order(make: Make, entry: str, version: str) -> None:
    model, sent = served(HIDDEN, make, model="anthropic-claude-haiku-4.5", api="messages", output_version=version)
    answer = await ask(model, "hi", entry)
    readable, hidden = (block for block in answer.content_blocks if block["type"] == "reasoning")
    assert (readable["reasoning"], readable["extras"]["signature"]) == ("Seen.", "sig")
    assert (hidden["reasoning"], hidden["extras"]["data"]) == ("", "aGlkZGVu")
    assert answer.text == "Done."
    for kept in again(answer):
        model.invoke([HumanMessage("hi"), kept, HumanMessage("on")])
        [turn] = turn_of(sent[-1])
        assert turn["content"] == [
            {"type": "redacted_thinking", "data": "aGlkZGVu"},
            {"type": "thinking", "thinking": "Seen.", "signature": "sig"},
            {"type": "text", "text": "Done."},
        ]


def test_blocks_and_entries_of_others_are_left_out(emu: Emulator, make: Make) -> None:
    theirs = AIMessage(
        [
            {"type": "reasoning", "reasoning": "a", "extras": {"signature": "x"}},
            {"type": "server_tool_call", "id": "s", "name": "web_search", "args": {"query": "q"}},
            {"type": "server_tool_result", "tool_call_id": "s", "status": "success", "output": []},
            {"type": "text", "text": "Done."},
        ],
        additional_kwargs={"reasoning_details": "odd", "server_tool_calls": ["odd"]},
    )
    for settings in WIRES.values():
        make(**settings).invoke([HumanMessage("hi"), theirs, HumanMessage("on")])
        assert b"signature" not in emu.requests[-1].body
        assert b"web_search" not in emu.requests[-1].body


@pytest.mark.parametrize("strategy", [ProviderStrategy, ToolStrategy])
def test_an_agents_structured_answer_with_thinking(emu: Emulator, make: Make, strategy: Any) -> None:
    emu.reply("I add them.", tool_calls=[("add", {"a": 1, "b": 2})], reasoning="hm")
    emu.reply("Here it is:", tool_calls=[("Sum", {"total": 3})], reasoning="hm")
    agent = create_agent(make(**WIRES["messages"]), [plus], response_format=strategy(Sum))
    done = agent.invoke({"messages": [("user", "What is 1 + 2?")]})
    assert done["structured_response"] == Sum(total=3)
    assert [request.path for request in emu.requests] == ["/v1/messages"] * 2


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_structured_output_with_thinking(emu: Emulator, make: Make, method: str) -> None:
    model = make(**WIRES["messages"]).with_structured_output(Sum, method=method)
    emu.reply(tool_calls=[("Sum", {"total": 3})], reasoning="hm")
    assert model.invoke("What is 1 + 2?") == Sum(total=3)
    emu.reply(tool_calls=[("Sum", {"total": 3})], reasoning="hm")
    assert list(model.stream("What is 1 + 2?"))[-1] == Sum(total=3)
