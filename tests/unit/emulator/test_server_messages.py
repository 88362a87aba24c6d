"""The emulator's messages wire: what it refuses, what it answers, its events, and what has to come back unchanged."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from emulator_wires import BOTH, CLAUDE, CLAUDE_5, HOSTED, OPENAI, PLACE, PNG, WireAsker, events_in

from inference_do import models
from inference_do.emulator import Emulator, ErrorEvent, NoTerminator, Quirks, RateLimited, Status, Truncate
from inference_do.models import register_model

WEATHER = {"name": "get_weather", "description": "Weather at a place.", "input_schema": PLACE}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
ADAPTIVE = {"thinking": {"type": "adaptive"}}
USE = {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {"place": "Paris"}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "rain"}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
MARK = {"cache_control": {"type": "ephemeral"}}
TEXT = {"type": "text", "text": "x"}


@pytest.fixture(autouse=True)
def hosted_thinker(monkeypatch):
    monkeypatch.setattr(models, "_REGISTERED", {})
    register_model(HOSTED, kind="chat", provider="Moonshot AI", reasoning=True, reasoning_efforts=["none", "low"])


@pytest.fixture
def emu():
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def ask(emu):
    return WireAsker(emu, "/messages", model=CLAUDE, max_tokens=2000, messages=[user("Hello")])


@pytest.fixture
def hosted(emu):
    return WireAsker(emu, "/messages", model=HOSTED, max_tokens=2000, messages=[user("Hello")])


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content[0] if isinstance(content[0], str) else list(content)}


def said(*content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content[0] if isinstance(content[0], str) else list(content)}


def text_in(message: dict[str, Any]) -> str:
    return "".join(block["text"] for block in message["content"] if block["type"] == "text")


def by_type(message: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [block for block in message["content"] if block["type"] == kind]


def chat_with(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"messages": [user("x"), *messages], **fields}


# --- what is refused ---

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": None}, "max_tokens: Field required"),
    ({"max_tokens": 0}, "max_tokens: Input should be at least 1"),
    ({"max_tokens": 100_000}, "maximum allowed number of output tokens"),
    ({"messages": None}, "messages: Field required"),
    ({"messages": []}, "at least one message"),
    ({"messages": "x"}, "messages: Input should be a list"),
    ({"messages": [said("x")]}, "first message must use the user role"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
    ({"messages": [{"role": "user"}]}, "messages.0.content"),
    ({"messages": [user("x") | {"name": "n"}]}, "messages.0.name"),
    ({"messages": [user("")]}, "non-empty content"),
    ({"messages": [{"role": "user", "content": []}]}, "non-empty content"),
    (chat_with(said("y")), "prefill"),
    (chat_with(said(""), user("z")), "non-empty content"),
    ({"messages": [user({"type": "text", "text": ""})]}, "text content blocks must be non-empty"),
    ({"messages": [user("  ")]}, "non-whitespace"),
    ({"messages": [user({"type": "text"})]}, "messages.0.content.0.text"),
    ({"messages": [user({"type": "image_url", "image_url": {}})]}, "'image_url' found"),
    ({"messages": [user("x", TEXT | {"name": "n"})]} | {"messages": [user(TEXT | {"name": "n"})]}, "text.name"),
    ({"messages": [user(USE)]}, "'tool_use' found"),
    ({"messages": [user({"type": "thinking", "thinking": "x", "signature": "y"})]}, "'thinking' found"),
    (chat_with(said(IMAGE), user("z")), "'image' found"),
    (
        {"messages": [user(IMAGE | {"source": {"type": "base64", "media_type": "image/bmp", "data": PNG}})]},
        "media_type",
    ),
    ({"messages": [user(IMAGE | {"source": {"type": "base64", "media_type": "image/png", "data": "?"}})]}, "base64"),
    ({"messages": [user(IMAGE | {"source": {"type": "url", "url": "http://a/b"}})]}, "Only HTTPS"),
    ({"messages": [user(IMAGE | {"source": f"data:image/png;base64,{PNG}"})]}, "messages.0.content.0.source"),
    (chat_with(said(USE)), "without `tool_result` blocks"),
    (chat_with(said(USE), user("z")), "without `tool_result` blocks"),
    (chat_with(said(USE), said("z"), user("z")), "without `tool_result` blocks"),
    (chat_with(said(USE), user(TEXT, RESULT)), "without `tool_result` blocks"),
    (chat_with(user(RESULT)), "unexpected `tool_use_id`"),
    (chat_with(said(USE), user(RESULT), user(RESULT)), "unexpected `tool_use_id`"),
    (chat_with(said(USE), user(RESULT, RESULT)), "unexpected `tool_use_id`"),
    (chat_with(said(USE), user(RESULT | {"tool_use_id": 1})), "tool_use_id"),
    (chat_with(said(USE), user(RESULT | {"content": 1})), "tool_result.content"),
    (chat_with(said(USE), user(RESULT | {"content": [{"type": "text", "text": ""}]})), "non-empty"),
    (chat_with(said(USE), user(RESULT | {"is_error": "no"})), "is_error"),
    (chat_with(said(USE), user(RESULT), said(USE), user(RESULT)), "ids must be unique"),
    (chat_with(said(USE | {"id": "functions.f:0"}), user(RESULT)), "should match pattern"),
    (chat_with(said(USE | {"name": "a.b"}), user(RESULT)), "should match pattern"),
    (chat_with(said(USE | {"input": "{}"}), user(RESULT)), "valid dictionary"),
    ({"messages": [{"role": "system", "content": "x"}, user("y")]}, "first message must use the user role"),
    ({"system": [{"type": "text", "text": ""}]}, "system.0"),
    ({"system": [IMAGE]}, "system.0"),
    ({"system": {"type": "text", "text": "x"}}, "system: Input should be a list"),
    ({"temperature": 1.2}, "between 0 and 1"),
    ({"temperature": None}, "null"),
    ({"top_k": -1}, "top_k"),
    ({"stop": ["x"]}, "stop: Extra inputs"),
    ({"max_completion_tokens": 5}, "Extra inputs"),
    ({"stop_sequences": "x"}, "list of strings"),
    ({"stop_sequences": [" "]}, "non-whitespace"),
    ({"metadata": {"user": "x"}}, "metadata.user"),
    ({"metadata": {"user_id": "x" * 257}}, "256"),
    ({"speed": "slow"}, "speed"),
    ({"reasoning_effort": "enormous"}, "reasoning_effort"),
    ({"thinking": {"type": "on"}}, "'on'"),
    ({"thinking": {"type": "enabled"}}, "budget_tokens: Field required"),
    ({"thinking": {"type": "enabled", "budget_tokens": 1000}}, "at least 1024"),
    ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "must be greater than"),
    ({"thinking": {"type": "disabled", "budget_tokens": 2000}}, "budget_tokens"),
    ({**THINKING, "temperature": 0.5}, "may only be set to 1"),
    ({**THINKING, "top_k": 5}, "top_k"),
    ({**THINKING, "top_p": 0.5}, "top_p"),
    ({**THINKING, "tools": [WEATHER], "tool_choice": {"type": "any"}}, "forces tool use"),
    ({"tools": [{"type": "function", "function": {}}]}, "'function' found"),
    ({"tools": [{"name": "f"}]}, "input_schema: Field required"),
    ({"tools": [{"name": "f", "input_schema": {}}]}, "input_schema.type"),
    ({"tools": [{"name": "f", "input_schema": PLACE | {"properties": []}}]}, "properties"),
    ({"tools": [{"name": "a.b", "input_schema": PLACE}]}, "should match pattern"),
    ({"tools": [WEATHER, WEATHER]}, "must be unique"),
    ({"tools": [WEATHER | {"parameters": PLACE}]}, "parameters"),
    ({"tools": [SEARCH | {"max_uses": 0}]}, "max_uses"),
    ({"tools": [{"type": "thing_20260101", "name": "x"}]}, "'thing_20260101' found"),
    ({"tools": [{"name": "f", "input_schema": PLACE, "strict": "yes"}]}, "strict"),
    ({"messages": [user({"type": "search_result", "source": "x"})]}, "search_result"),
    ({"tool_choice": {"type": "auto"}}, "while providing tools"),
    ({"tools": [WEATHER], "tool_choice": "auto"}, "tool_choice"),
    ({"tools": [WEATHER], "tool_choice": {"type": "required"}}, "'required'"),
    ({"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "other"}}, "'other' not found"),
    ({"tools": [WEATHER], "tool_choice": {"type": "tool"}}, "tool_choice.tool.name"),
    ({"tools": [WEATHER], "tool_choice": {"type": "none", "disable_parallel_tool_use": True}}, "disable_parallel"),
    ({"messages": [user(*[TEXT | MARK] * 5)]}, "maximum of 4"),
    ({"messages": [user(TEXT | {"cache_control": {"type": "ephemeral", "ttl": "1d"}})]}, "ttl"),
    ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format"),
    ({"output_config": {"format": {"type": "json_schema", "schema": PLACE}}}, "additionalProperties"),
    (chat_with(said({"type": "server_tool_use", "id": "s", "name": "w", "input": {}}, TEXT), user("z")), "its result"),
    (chat_with(said({"type": "web_search_tool_result", "tool_use_id": "s", "content": []}), user("z")), "without its"),
]


@pytest.mark.parametrize(("fields", "detail"), REFUSED, ids=str)
def test_what_is_refused(ask, fields, detail):
    assert detail in ask.refused(**fields)


def test_a_model_that_is_elsewhere_and_one_that_is_nowhere(ask):
    assert "not served on /v1/messages" in ask.refused(model=OPENAI)
    response = ask.post(model="nobody")
    assert (response.status_code, response.json()["error"]["type"]) == (404, "not_found_error")
    failing = ask.post(model="glm-5.1", tools=[WEATHER], tool_choice={"type": "any"})
    assert (failing.status_code, failing.json()["error"]["type"]) == (500, "api_error")
    register_model("anthropic-plain", kind="chat", reasoning=False)
    assert "does not support thinking" in ask.refused(model="anthropic-plain", **THINKING)
    assert "does not take images" in ask.refused(model="glm-5.1", messages=[user(IMAGE)])


def test_the_key_may_be_in_a_header_of_this_wire(emu):
    def status(**headers: str) -> int:
        body = {"model": CLAUDE, "max_tokens": 9, "messages": [user("x")]}
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{emu.base_url}/messages"
        return httpx.post(url, json=body, headers=headers, timeout=5).status_code

    assert status(x_api_key=emu.api_key, anthropic_version="2023-06-01") == 200
    assert status(x_api_key="wrong") == 401
    assert status() == 401
    chat = {"model": HOSTED, "messages": [user("x")]}
    url = f"{emu.base_url}/chat/completions"
    headers = {"x-api-key": emu.api_key}
    assert httpx.post(url, json=chat, headers=headers, timeout=5).status_code == 401


# --- whole answers ---


def test_a_whole_answer_of_claude(ask):
    body = ask.whole(system="Be brief.")
    assert (body["type"], body["role"], body["model"]) == ("message", "assistant", "claude-haiku-4-5-20251001")
    assert body["id"].startswith("msg_")
    assert body["content"] == [{"type": "text", "text": "You said: Hello"}]
    assert (body["stop_reason"], body["stop_sequence"], body["stop_details"]) == ("end_turn", None, None)
    usage = body["usage"]
    assert usage["cache_creation"] == {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}
    assert usage["output_tokens_details"] == {"thinking_tokens": 0}


@pytest.mark.parametrize(
    ("model", "own"),
    [
        (CLAUDE_5, "claude-sonnet-5-5"),
        ("anthropic-claude-4.5-sonnet", "claude-sonnet-4-5-20250929"),
        ("anthropic-claude-opus-4.8", "claude-opus-4-8"),
        ("anthropic-claude-fable-5.1", "claude-fable-5-1"),
    ],
)
def test_claude_has_an_id_of_its_own(ask, model, own):
    assert ask.whole(model=model)["model"] == own


def test_a_whole_answer_of_a_hosted_model(hosted):
    body = hosted.whole()
    assert body["model"] == HOSTED
    assert [block["type"] for block in body["content"]] == ["thinking", "text"]
    assert body["content"][0]["signature"] == ""
    assert "cache_creation" not in body["usage"]
    assert [b["type"] for b in hosted.whole(reasoning_effort="none")["content"]] == ["text"]
    assert [b["type"] for b in hosted.whole(reasoning_effort="xhigh")["content"]] == ["thinking", "text"]
    assert [b["type"] for b in hosted.whole(thinking={"type": "disabled"})["content"]] == ["text"]
    messages = [user("x"), said(*body["content"]), user("y")]
    assert hosted.whole(messages=messages)


def test_the_answer_is_that_of_chat_completions(ask):
    system, question = "The sky is green.", "What is the sky?"
    chat = ask.http.post(
        "/chat/completions",
        json={
            "model": CLAUDE,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": question}],
        },
    ).json()
    assert text_in(ask.whole(system=system, messages=[user(question)])) == chat["choices"][0]["message"]["content"]
    blocks = [{"type": "text", "text": system, **MARK}]
    assert text_in(ask.whole(system=blocks, messages=[user(question)])) == system
    late = [user("Hi"), {"role": "system", "content": system}, user(question)]
    assert text_in(ask.whole(messages=late)) == system
    history = [user("My name is Ada."), said("Hello Ada."), user("What is my name?")]
    assert "Ada" in text_in(ask.whole(messages=history))


def test_images_and_documents_reach_the_model(ask):
    linked = {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}}
    pdf = {
        "type": "document",
        "title": "a",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="},
    }
    assert (
        text_in(ask.whole(messages=[user(TEXT, IMAGE, linked, pdf)]))
        == "You said: x You sent an image and an image and a file."
    )
    plain = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a note"}}
    assert text_in(ask.whole(messages=[user(plain)])) == "You said: a note"
    found = {"type": "search_result", "source": "https://a", "title": "A", "content": [{"type": "text", "text": "hit"}]}
    assert text_in(ask.whole(messages=[user(found)])) == "You said: hit"
    result = RESULT | {"content": [{"type": "text", "text": "a map"}, IMAGE], "is_error": False}
    assert text_in(ask.whole(messages=[user("x"), said(USE), user(result)])) == "The answer is: a map, an image"


def test_parallel_calls_and_choices(ask):
    body = ask.whole(messages=[user(BOTH)], tools=[WEATHER])
    calls = by_type(body, "tool_use")
    assert body["stop_reason"] == "tool_use"
    assert [call["input"] for call in calls] == [{"place": "Paris"}, {"place": "London"}]
    assert all(call["id"].startswith("toolu_") and call["caller"] == {"type": "direct"} for call in calls)
    results = [RESULT | {"tool_use_id": call["id"]} for call in calls]
    messages = [user(BOTH), said(*calls), user(*results)]
    assert text_in(ask.whole(messages=messages, tools=[WEATHER])) == "The answer is: rain; rain"
    question = [*messages[:2], user(*results, {"type": "text", "text": "Thanks."})]
    assert text_in(ask.whole(messages=question)) == "You said: Thanks."

    def count(**fields: Any) -> int:
        return len(by_type(ask.whole(tools=[WEATHER], **fields), "tool_use"))

    one = {"type": "auto", "disable_parallel_tool_use": True}
    assert count(messages=[user(BOTH)], tool_choice=one) == 1
    assert count(messages=[user(BOTH)], tool_choice={"type": "none"}) == 0
    assert count(tool_choice={"type": "any"}) == 1
    assert count(tool_choice={"type": "tool", "name": "get_weather"}) == 1


def test_structured_output(ask):
    wanted = {"type": "json_schema", "schema": {**PLACE, "additionalProperties": False}}
    body = ask.whole(messages=[user("I am in Paris")], output_config={"format": wanted})
    assert json.loads(text_in(body)) == {"place": "Paris"}


def test_reasons_to_stop(emu, ask):
    assert ask.whole(max_tokens=2)["stop_reason"] == "max_tokens"
    body = ask.whole(stop_sequences=["xyz", ": H"])
    assert (body["stop_reason"], body["stop_sequence"]) == ("stop_sequence", ": H")
    assert text_in(body) == "You said"
    emu.reply(message={"refusal": "No."})
    body = ask.whole()
    assert (body["stop_reason"], body["stop_details"]["type"], text_in(body)) == ("refusal", "refusal", "No.")
    emu.reply("Half", finish_reason="content_filter")
    assert ask.whole()["stop_reason"] == "refusal"
    emu.reply("Half", finish_reason="pause_turn")
    assert ask.whole()["stop_reason"] == "pause_turn"
    cut = ask.whole(messages=[user(BOTH)], tools=[WEATHER], max_tokens=9)
    assert (cut["stop_reason"], by_type(cut, "tool_use")[0]["input"]) == ("max_tokens", {})


def test_cached_tokens_are_beside_the_input(ask):
    long = {"type": "text", "text": "word " * 2000}
    plain, _ = (ask.whole(messages=[user(long)])["usage"] for _ in range(2))
    assert plain["cache_read_input_tokens"] == plain["cache_creation_input_tokens"] == 0
    first, second = (ask.whole(messages=[user(long | MARK, TEXT)])["usage"] for _ in range(2))
    assert first["cache_creation_input_tokens"] == second["cache_read_input_tokens"] > 2000
    assert first["input_tokens"] == second["input_tokens"] < 20
    assert second["cache_creation_input_tokens"] == 0
    assert first["cache_creation"]["ephemeral_5m_input_tokens"] == first["cache_creation_input_tokens"]
    hour = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    described = WEATHER | {"description": "word " * 3000, **hour}
    usage = ask.whole(tools=[described])["usage"]
    assert usage["cache_creation"]["ephemeral_1h_input_tokens"] == usage["cache_creation_input_tokens"] > 3000


# --- events ---


def test_the_events_of_a_text(ask):
    events = ask.events()
    kinds = [event["type"] for event in events]
    deltas = kinds.count("content_block_delta")
    assert kinds == [
        "message_start",
        "content_block_start",
        "ping",
        *["content_block_delta"] * deltas,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    text = "".join(event["delta"]["text"] for event in events if event["type"] == "content_block_delta")
    whole = ask.whole()
    assert text == text_in(whole)
    begun = events[0]["message"]
    assert begun["content"] == []
    assert begun["stop_reason"] is None
    assert begun["model"] == "claude-haiku-4-5-20251001"
    assert (begun["usage"]["output_tokens"], "output_tokens_details" in begun["usage"]) == (1, False)
    assert events[-2]["usage"] == whole["usage"]
    assert events[-2]["delta"]["stop_reason"] == "end_turn"


def joined(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put the blocks of a stream together."""
    blocks: list[dict[str, Any]] = []
    arguments: dict[int, str] = {}
    for event in events:
        if event["type"] == "content_block_start":
            assert event["index"] == len(blocks)
            blocks.append(dict(event["content_block"]))
        elif event["type"] == "content_block_delta":
            block = blocks[event["index"]]
            match event["delta"]:
                case {"type": "text_delta", "text": text}:
                    block["text"] += text
                case {"type": "thinking_delta", "thinking": text}:
                    block["thinking"] += text
                case {"type": "signature_delta", "signature": text}:
                    block["signature"] += text
                case {"type": "input_json_delta", "partial_json": text}:
                    arguments[event["index"]] = arguments.get(event["index"], "") + text
                case {"type": "citations_delta", "citation": citation}:
                    block["citations"].append(citation)
    for index, text in arguments.items():
        blocks[index]["input"] = json.loads(text)
    return blocks


@pytest.mark.parametrize(
    "fields",
    [
        {},
        THINKING,
        {**THINKING, "messages": [user(BOTH)], "tools": [WEATHER]},
        {"messages": [user("Search the web for cats")], "tools": [SEARCH]},
    ],
    ids=str,
)
def test_a_stream_says_what_a_whole_answer_says(emu, ask, fields):
    for quirks in (Quirks(), Quirks(redacted_thinking=True, ping_every=2, arguments_in_one_fragment=True)):
        emu.quirks = quirks
        events = ask.events(**fields)
        assert joined(events) == ask.whole(**fields)["content"]
    assert sum(event["type"] == "ping" for event in events) > 1


def test_events_of_a_hosted_model(hosted):
    events = hosted.events(messages=[user(BOTH)], tools=[WEATHER])
    assert set(events[0]["message"]["usage"].values()) == {0}
    assert "ping" not in {event["type"] for event in events}
    assert events[-2]["usage"]["output_tokens"] > 0
    calls = [block for block in joined(events) if block["type"] == "tool_use"]
    assert all(call["id"].startswith("call_") and "caller" not in call for call in calls)


# --- what has to come back unchanged ---


def turn(ask: WireAsker, **fields: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the blocks of a turn that calls after it has thought, and the message with their results."""
    fields = {**THINKING, **fields}
    blocks = ask.whole(messages=[user(BOTH)], tools=[WEATHER], **fields)["content"]
    results = [RESULT | {"tool_use_id": block["id"]} for block in blocks if block["type"] == "tool_use"]
    return blocks, user(*results)


def test_what_comes_back_unchanged_is_taken(emu, ask):
    blocks, results = turn(ask)
    assert [block["type"] for block in blocks] == ["thinking", "tool_use", "tool_use"]
    messages = [user(BOTH), said(*blocks), results]
    again = ask.whole(messages=messages, tools=[WEATHER], **THINKING)
    assert text_in(again) == "The answer is: rain; rain"
    assert ask.whole(messages=[*messages, said(*again["content"]), user("Thanks")], tools=[WEATHER], **THINKING)
    assert ask.whole(messages=messages)
    emu.quirks = Quirks(redacted_thinking=True)
    blocks, results = turn(ask)
    assert [block["type"] for block in blocks[:3]] == ["redacted_thinking", "thinking", "tool_use"]
    assert ask.whole(messages=[user(BOTH), said(*blocks), results], tools=[WEATHER], **THINKING)


def test_what_was_changed_foreign_or_misplaced_is_refused(emu, ask):
    emu.quirks = Quirks(redacted_thinking=True)
    (hidden, thought, first, second), results = turn(ask)

    def refused(*blocks: dict[str, Any], **fields: Any) -> str:
        return ask.refused(messages=[user(BOTH), said(*blocks), results], tools=[WEATHER], **fields)

    calls = [first, second]
    assert "`signature`" in refused(thought | {"thinking": "Else."}, *calls)
    assert "`signature`" in refused(thought | {"signature": thought["signature"][:-4]}, *calls)
    assert "`signature`" in refused(thought | {"signature": "x"}, *calls)
    assert "signature: Field required" in refused({"type": "thinking", "thinking": "x"}, *calls)
    assert "`data`" in refused(hidden | {"data": "x"}, *calls)
    assert "`signature`" in refused(thought, *calls, model="anthropic-claude-opus-4.8")
    assert "cannot be `thinking`" in refused(*calls, ask.whole(**THINKING)["content"][1])
    other = turn(ask, system="Else.")[0]
    assert "did not lead to it" in refused(thought, *other[2:])
    answer = ask.whole(**THINKING)["content"][1]
    assert "did not lead to it" in refused(answer, *calls)
    missing = [user(BOTH), said(thought, first), user(results["content"][0])]
    assert "cannot be modified or moved" in ask.refused(messages=missing, tools=[WEATHER])
    assert "Expected `thinking`" in refused(*calls, **THINKING)
    assert ask.whole(
        messages=[user(BOTH), said(*calls), results, said("Done."), user("x")], tools=[WEATHER], **THINKING
    )


def test_thinking_that_is_not_shown(ask):
    thought, text = ask.whole(model=CLAUDE_5, **ADAPTIVE)["content"]
    assert (thought["thinking"], bool(thought["signature"])) == ("", True)
    assert ask.whole(model=CLAUDE_5, messages=[user("x"), said(thought, text), user("y")], **ADAPTIVE)
    shown = {
        "thinking": {
            "type": "adaptive",
            "display": "summarized",
            "block_binding": {"prefix_mismatch_behavior": "drop_block"},
        }
    }
    assert ask.whole(model=CLAUDE_5, **shown)["content"][0]["thinking"]
    unasked = ask.whole(model=CLAUDE_5)["content"][0]
    assert (unasked["type"], unasked["thinking"]) == ("thinking", "")
    events = ask.events(model=CLAUDE_5, **ADAPTIVE)
    deltas = [event["delta"]["type"] for event in events if event["type"] == "content_block_delta"]
    assert deltas[:2] == ["thinking_delta", "signature_delta"]
    assert ask.whole(**ADAPTIVE, output_config={"effort": "high"})["usage"]["output_tokens_details"]["thinking_tokens"]


# --- searches, scripts, faults ---


def test_a_search_has_blocks_and_citations(ask):
    asked = {"messages": [user("Search the web for cats")], "tools": [SEARCH]}
    body = ask.whole(**asked)
    called, found, plain, cited = body["content"]
    assert (called["type"], called["id"][:9], called["input"]) == (
        "server_tool_use",
        "srvtoolu_",
        {"query": "Search the web for cats"},
    )
    assert (found["type"], found["tool_use_id"]) == ("web_search_tool_result", called["id"])
    (page,) = found["content"]
    (citation,) = cited["citations"]
    assert (citation["type"], citation["url"]) == ("web_search_result_location", page["url"])
    assert plain == {"type": "text", "text": "You said: Search the web for cats "}
    assert citation["cited_text"] == cited["text"]
    assert body["usage"]["server_tool_use"] == {"web_search_requests": 1}
    back = [*asked["messages"], said(*body["content"]), user("Thanks")]
    assert ask.whole(messages=back)
    foreign = found | {"content": [page | {"url": "https://else"}]}
    changed = [*asked["messages"], said(called, foreign, plain), user("Thanks")]
    assert "`encrypted_content`" in ask.refused(messages=changed)
    forced = {"tools": [SEARCH, WEATHER], "tool_choice": {"type": "tool", "name": "web_search"}}
    assert by_type(ask.whole(**forced), "server_tool_use")
    assert by_type(ask.whole(tools=[SEARCH], tool_choice={"type": "any"}), "server_tool_use")


def test_scripted_answers(emu, ask):
    emu.reply(
        "Yes.", usage={"prompt_tokens": 10, "completion_tokens": 5, "cache_read_input_tokens": 4}, reasoning="Hm."
    )
    body = ask.whole()
    assert [block["type"] for block in body["content"]] == ["thinking", "text"]
    assert (body["usage"]["input_tokens"], body["usage"]["cache_read_input_tokens"]) == (10, 4)
    emu.reply("Yes.", usage={"input_tokens": 1, "output_tokens": 2}, extra={"extra": 1})
    body = ask.whole()
    assert (body["usage"], body["extra"]) == ({"input_tokens": 1, "output_tokens": 2}, 1)
    emu.reply(tool_calls=[("any", "not json")])
    assert by_type(ask.whole(), "tool_use")[0]["input"] == "not json"
    details = [{"type": "reasoning.text", "text": "a"}, {"type": "reasoning.encrypted"}, {"type": "reasoning.text"}]
    item = {"type": "mcp_tool_use", "id": "m", "format": "messages"}
    emu.reply(message={"content": "Yes.", "reasoning_details": details, "server_tool_calls": [item]})
    blocks = ask.whole()["content"]
    assert [b["type"] for b in blocks] == ["thinking", "redacted_thinking", "thinking", "mcp_tool_use", "text"]
    assert ask.whole(messages=[user("x"), said(*blocks[:3], blocks[4]), user("y")])


def test_faults_have_this_wires_shape(emu, ask):
    emu.script(Status(503), RateLimited(), Status(529), Status(418), Status(401))
    kinds = [ask.post().json()["error"]["type"] for _ in range(4)]
    assert kinds == ["overloaded_error", "rate_limit_error", "overloaded_error", "invalid_request_error"]
    assert ask.post().json()["id"] == "Unauthorized"
    emu.script(ErrorEvent(after_events=4), ErrorEvent())
    text = ask.post(stream=True).text
    *before, error = events_in(text)
    assert len(before) == 4
    assert (error["type"], error["error"]["type"]) == ("error", "api_error")
    assert "[DONE]" not in text
    assert ask.whole()["type"] == "error"


def test_cut_streams(emu, ask):
    emu.script(Truncate(4), NoTerminator())
    assert len(events_in(ask.post(stream=True).text)) == 4
    with pytest.raises(httpx.RemoteProtocolError):
        ask.post(stream=True)
    emu.quirks = Quirks(no_finish_reason=True)
    assert ask.events()[-1]["type"] == "content_block_stop"
