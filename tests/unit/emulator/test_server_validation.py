"""What a strict server refuses, as a table: the request, and detail of the message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from emulator_kit import MODEL, tool, user

from inference_do.emulator import Emulator, Quirks

if TYPE_CHECKING:
    from emulator_kit import Asker

ADD = tool("add", "Add.", a={"type": "integer"}, b={"type": "integer"})
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a":1,"b":2}'}}
ASKED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "3"}
PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
PDF = {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}
TEXT = {"type": "text", "text": "hi"}
CACHED = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}
OBJECT = {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"], "additionalProperties": False}


def json_schema(schema: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, **fields}}


def function(**fields: Any) -> list[Any]:
    return [{"type": "function", "function": {"name": "f", **fields}}]


def call(**fields: Any) -> list[Any]:
    return [user("x"), {"role": "assistant", "content": None, "tool_calls": [{**CALL, **fields}]}, RESULT]


REFUSED_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"tools": []}, "non-empty"),
    ({"tools": None}, "tools must not be null"),
    ({"tools": {}}, "non-empty"),
    ({"tools": [{"type": "custom"}]}, "custom"),
    ({"tools": ["x"]}, "type None"),
    ({"tools": [ADD, ADD]}, "twice"),
    ({"tools": [{**ADD, "cache_control": {}}]}, "cache_control"),
    ({"tools": function(name="a" * 65)}, "name must match"),
    ({"tools": function(name="a.b")}, "name must match"),
    ({"tools": function(parameters={"type": "string"})}, "type 'object'"),
    ({"tools": function(parameters={"type": "object", "properties": []})}, "properties"),
    ({"tools": function(args={})}, "args"),
    ({"tools": function(description=None)}, "description"),
    ({"tools": function(strict="yes")}, "strict"),
    ({"tools": function(strict=True, parameters={"type": "object"})}, "additionalProperties"),
    ({"tool_choice": "auto"}, "only allowed when 'tools'"),
    ({"parallel_tool_calls": True}, "only allowed when 'tools'"),
    ({"tools": [ADD], "parallel_tool_calls": None}, "null"),
    ({"tools": [ADD], "tool_choice": "any"}, "tool_choice must be"),
    ({"tools": [ADD], "tool_choice": {"type": "function", "function": {"name": "sub"}}}, "'sub'"),
    ({"tools": [ADD], "tool_choice": {"type": "tool", "name": "add"}}, "tool_choice must be"),
    ({"stream_options": {"include_usage": True}}, "Stream options"),
    ({"stream": True, "stream_options": {"usage": True}}, "stream_options.usage"),
    ({"stream": "yes"}, "boolean"),
    ({"temperature": 2.1}, "between 0 and 2"),
    ({"temperature": -0.1}, "between 0 and 2"),
    ({"temperature": "1"}, "a number"),
    ({"temperature": True}, "a number"),
    ({"temperature": None}, "null"),
    ({"top_p": 1.1}, "between 0 and 1"),
    ({"frequency_penalty": 2.1}, "between -2 and 2"),
    ({"presence_penalty": -2.1}, "between -2 and 2"),
    ({"logprobs": True, "top_logprobs": 21}, "between 0 and 20"),
    ({"logprobs": True, "top_logprobs": -1}, "between 0 and 20"),
    ({"top_logprobs": 2}, "needs logprobs"),
    ({"n": 0}, "between 1 and 128"),
    ({"n": 129}, "between 1 and 128"),
    ({"stop": []}, "1 to 4"),
    ({"stop": ["a"] * 5}, "1 to 4"),
    ({"stop": [1]}, "1 to 4"),
    ({"max_tokens": 0}, "at least 1"),
    ({"max_completion_tokens": 1.5}, "an integer"),
    ({"seed": "x"}, "an integer"),
    ({"logit_bias": {"hello": 1}}, "token ids"),
    ({"metadata": {"a": 1}}, "metadata"),
    ({"response_format": {"type": "xml"}}, "response_format.type"),
    ({"response_format": {"type": "json_schema"}}, "name and a schema"),
    ({"response_format": {"type": "json_schema", "json_schema": {"schema": OBJECT}}}, "name and a schema"),
    ({"response_format": json_schema(OBJECT, name="a b")}, "name must match"),
    ({"response_format": json_schema(OBJECT, strict="x")}, "strict"),
    ({"response_format": json_schema(OBJECT, extra=1)}, "extra"),
    ({"response_format": json_schema({**OBJECT, "required": []}, strict=True)}, "'required'"),
    ({"response_format": json_schema({**OBJECT, "$defs": {"d": {"type": "object"}}}, strict=True)}, "additionalProp"),
    ({"ls_structured_output_format": {}}, "Unrecognized request argument supplied: ls_structured_output_format"),
    ({"stop_sequences": ["x"]}, "Unrecognized"),
    ({"messages": None}, "null"),
    ({"messages": "hi"}, "array"),
    ({"messages": []}, "empty"),
]

REFUSED_MESSAGES: list[tuple[list[Any], str]] = [
    ([{"role": "human", "content": "x"}], "role"),
    ([{"content": "x"}], "role"),
    (["x"], "role"),
    ([{"role": "user"}], "content is missing"),
    ([{"role": "user", "content": None}], "content is null"),
    ([{"role": "assistant", "content": None}], "content is null"),
    ([{"role": "user", "content": 3}], "string or an array"),
    ([{"role": "user", "content": []}], "empty array"),
    ([{**user("x"), "id": "1"}], "'id'"),
    ([{**user("x"), "additional_kwargs": {}}], "additional_kwargs"),
    ([{**user("x"), "name": "a b"}], "name must match"),
    ([{**user("x"), "name": "a" * 65}], "name must match"),
    ([user([{"type": "image", "base64": "x"}])], "unknown type 'image'"),
    ([user([{"type": "thinking", "thinking": "x"}])], "thinking"),
    ([user([{**TEXT, "index": 0}])], "'index'"),
    ([user([CACHED])], "cache_control"),
    ([user([{"type": "text", "text": None}])], "text has the wrong form"),
    ([user([{"type": "refusal", "refusal": "x"}])], "not allowed in a user"),
    ([{"role": "assistant", "content": [PNG]}, user("x")], "not allowed in a assistant"),
    ([user([{"type": "image_url", "image_url": "https://x/y.png"}])], "wrong form"),
    ([user([{"type": "image_url", "image_url": {"url": "data:image/tiff;base64,aGk="}}])], "png, jpeg"),
    ([user([{"type": "image_url", "image_url": {"url": "file:///x.png"}}])], "png, jpeg"),
    ([user([{"type": "image_url", "image_url": {**PNG["image_url"], "detail": "max"}}])], "detail"),
    ([user([{"type": "video_url", "video_url": {"url": "x"}}])], "video_url"),
    ([user([{"type": "input_audio", "input_audio": {"data": "data:x", "format": "wav"}}])], "base64"),
    ([user([{"type": "input_audio", "input_audio": {"data": "aGk=", "format": "flac"}}])], "wrong form"),
    ([user([{"type": "file", "file": {"file_data": "aGk="}}])], "application/pdf"),
    ([user([{"type": "file", "file": {"file_id": "x", "url": "y"}}])], "file_id"),
    ([user("x"), {"role": "tool", "content": "3"}], "tool_call_id is required"),
    ([user("x"), RESULT], "answers no preceding"),
    ([user("x"), ASKED, user("y")], "no answer: ['c1']"),
    ([user("x"), ASKED], "no answer: ['c1']"),
    ([user("x"), ASKED, RESULT, RESULT], "answers no preceding"),
    ([user("x"), {**ASKED, "tool_calls": []}, user("y")], "non-empty"),
    ([user("x"), {**ASKED, "tool_calls": [CALL, CALL]}, RESULT], "same id twice"),
    (call(type=""), "tool_calls must hold"),
    (call(id=""), "tool_calls must hold"),
    (call(args={}), "'args'"),
    (call(function={"name": "add", "arguments": {"a": 1}}), "as a string"),
    (call(function={"name": "add", "arguments": ""}), "JSON text of an object"),
    (call(function={"name": "add", "arguments": "{"}), "JSON text of an object"),
    (call(function={"name": "add", "arguments": "[]"}), "JSON text of an object"),
    (call(function={"name": "a b", "arguments": "{}"}), "tool_calls must hold"),
]

ACCEPTED: list[dict[str, Any]] = [
    {"reasoning_effort": None, "user": None},
    {"reasoning_effort": "none", "reasoning": {"effort": "low", "max_tokens": 5}, "user": "u"},
    {"max_tokens": 5, "max_completion_tokens": 6, "seed": 1, "n": 2, "logit_bias": {"12": -100}},
    {"temperature": 0, "top_p": 1, "frequency_penalty": 2, "presence_penalty": -2, "stop": "x"},
    {"logprobs": True, "top_logprobs": 0, "metadata": {"a": "b"}, "service_tier": "auto", "top_k": 3},
    {"chat_template_kwargs": {"enable_thinking": False}, "prompt_cache_retention": "24h", "min_p": 0.1},
    {"tools": [ADD], "tool_choice": "none", "parallel_tool_calls": False},
    {"tools": function(), "tool_choice": {"type": "function", "function": {"name": "f"}}},
    {"tools": function(strict=True, parameters=OBJECT)},
    {"tools": [{"type": "web_search", "max_uses": 2}]},
    {"response_format": {"type": "text"}},
    {"response_format": json_schema(OBJECT, strict=True, description="d")},
    {"response_format": json_schema({"title": "loose", "type": "object"})},
    {"messages": [{"role": "system", "content": "s"}, {"role": "developer", "content": "d"}, user("x")]},
    {"messages": [{**user("x"), "name": "example_user"}]},
    {"messages": [user([TEXT, "bare", PNG, PDF, SOUND, {"type": "file", "file": {"file_id": "f"}}])]},
    {"messages": [user(TEXT)]},
    {"messages": [user([{"type": "video_url", "video_url": {"url": "https://x/y.mp4"}}])]},
    {"messages": [user([{"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}}])]},
    {"messages": [user("x"), ASKED, RESULT]},
    {"messages": [user("x"), {**ASKED, "content": "", "reasoning_content": "r"}, {**RESULT, "name": "add"}, user("y")]},
    {"messages": [user("x"), ASKED, {**RESULT, "content": [TEXT, PNG, PDF]}]},
    {"messages": [user("x"), {"role": "assistant", "content": None, "refusal": "no"}, user("y")]},
    {"messages": [user("x"), {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}, user("y")]},
]

PROFILES: list[tuple[str, dict[str, Any], str]] = [
    ("kimi-k3", {"top_p": 1.0}, "'top_p' is not supported"),
    ("kimi-k3", {"presence_penalty": 0}, "'presence_penalty'"),
    ("openai-gpt-5", {"temperature": 0.5}, "temperature"),
    ("openai-gpt-oss-120b", {"messages": [user([PNG])]}, "does not take images"),
    ("anthropic-claude-opus-5", {"messages": [user([PNG])]}, "/v1/messages"),
    ("anthropic-claude-opus-5", {"messages": [user([{**PNG, "cache_control": {}}])]}, "cache_control"),
]


@pytest.mark.parametrize(("fields", "detail"), REFUSED_FIELDS, ids=lambda value: str(value)[:40])
def test_refused_fields(ask: Asker, fields: dict[str, Any], detail: str) -> None:
    response = (
        ask.post(**fields)
        if "messages" not in fields
        else ask.http.post("/chat/completions", json={"model": MODEL, **fields})
    )
    assert response.status_code == 400, response.text
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert detail in response.json()["error"]["message"]


@pytest.mark.parametrize(("messages", "detail"), REFUSED_MESSAGES, ids=lambda value: str(value)[:40])
def test_refused_messages(ask: Asker, messages: list[Any], detail: str) -> None:
    response = ask.post(messages, tools=[ADD])
    assert response.status_code == 400, response.text
    assert detail in response.json()["error"]["message"]


@pytest.mark.parametrize("fields", ACCEPTED, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("stream", [False, True])
def test_accepted(ask: Asker, fields: dict[str, Any], stream: bool) -> None:
    messages = fields.get("messages", [user("hi")])
    response = ask.http.post(
        "/chat/completions", json={"model": MODEL, "messages": messages, "stream": stream, **fields}
    )
    assert response.status_code == 200, response.text


@pytest.mark.parametrize(("model", "fields", "detail"), PROFILES)
def test_what_one_model_refuses(ask: Asker, model: str, fields: dict[str, Any], detail: str) -> None:
    payload = {"messages": [user("hi")], **fields, "model": model}
    response = ask.http.post("/chat/completions", json=payload)
    assert response.status_code == 400, response.text
    assert detail in response.json()["error"]["message"]


def test_what_the_same_models_take(ask: Asker) -> None:
    assert ask.post(model="openai-gpt-5", temperature=1).status_code == 200
    assert ask.post([user([CACHED])], model="anthropic-claude-opus-5").status_code == 200
    marked = {**ADD, "cache_control": {"type": "ephemeral"}}
    assert ask.post(tools=[marked], model="anthropic-claude-opus-5").status_code == 200


def test_missing_messages_and_model(ask: Asker) -> None:
    assert "messages is required" in ask.http.post("/chat/completions", json={"model": MODEL}).text
    assert "model is required" in ask.http.post("/chat/completions", json={"messages": []}).text


def test_switches(emu: Emulator, ask: Asker) -> None:
    emu.quirks = Quirks(refuse_both_max_tokens=True, claude_images=True)
    assert ask.post(max_tokens=3).status_code == 200
    assert ask.post(max_tokens=3, max_completion_tokens=3).status_code == 400
    assert ask.post([user([PNG])], model="anthropic-claude-opus-5").status_code == 200
    emu.quirks = Quirks(refuse_max_tokens=True)
    assert ask.post(max_tokens=3).status_code == 400
    assert ask.post(max_completion_tokens=3).status_code == 200


def test_unknown_fields_can_be_allowed() -> None:
    with Emulator(allow_unknown_fields=True) as emu:
        payload = {"model": MODEL, "messages": [user("x")], "anything": 1, "stop": None}
        headers = {"authorization": f"Bearer {emu.api_key}"}
        assert httpx.post(f"{emu.base_url}/chat/completions", json=payload, headers=headers).status_code == 200
