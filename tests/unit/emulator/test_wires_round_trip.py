"""The client's codecs against the emulator: what they make is taken, and what they read goes back unchanged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from emulator_wires import BOTH, CLAUDE, HOSTED, OPENAI, PLACE, PNG, WireAsker

from inference_do import models
from inference_do._wires.messages import Messages
from inference_do._wires.responses import Responses
from inference_do.accumulate import Accumulator
from inference_do.emulator import Emulator, Quirks
from inference_do.models import register_model

if TYPE_CHECKING:
    from inference_do.types import ChatCompletion

WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "Weather.", "parameters": PLACE}}
RESPONSES, MESSAGES = "/responses", "/messages"
CASES = [(RESPONSES, OPENAI), (RESPONSES, HOSTED), (MESSAGES, CLAUDE), (MESSAGES, HOSTED)]


@pytest.fixture(autouse=True)
def hosted_thinker(monkeypatch):
    monkeypatch.setattr(models, "_REGISTERED", {})
    register_model(HOSTED, kind="chat", provider="Moonshot AI", reasoning=True)


@pytest.fixture
def emu():
    with Emulator() as emulator:
        yield emulator


def ask(emulator: Emulator, path: str, stream: bool, **request: Any) -> ChatCompletion:
    codec: Any = Responses(request["model"]) if path == RESPONSES else Messages(request)
    body = codec.body({**request, **({"stream": True} if stream else {})})
    response = WireAsker(emulator, path).post(**body)
    assert response.status_code == 200, (response.text, body)
    if not stream:
        return codec.read(response.content)
    read, answer = codec.events(), Accumulator()
    for block in response.text.split("\n\n"):
        if not block:
            continue
        name, data = block.split("\n") if block.startswith("event:") else ("event: message", block)
        found = read(name.removeprefix("event: "), data.removeprefix("data: ").encode())
        if found is None:
            break
        for chunk in [found] if isinstance(found, dict) else found:
            answer.add(chunk)
    return answer.completion()


def message_of(completion: ChatCompletion) -> dict[str, Any]:
    return completion.choices[0].message.model_dump(exclude_none=True)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "model"), CASES)
def test_a_conversation_with_calls(emu, path, model, stream):
    emu.quirks = Quirks(redacted_thinking=True)
    system = {"role": "system", "content": "Be brief."}
    request: dict[str, Any] = {"model": model, "tools": [WEATHER], "max_completion_tokens": 3000}
    request["reasoning"] = {"max_tokens": 1024} if model == CLAUDE else {"effort": "low"}
    messages = [system, {"role": "user", "content": BOTH}]
    first = ask(emu, path, stream, messages=messages, **request)
    message = message_of(first)
    assert first.choices[0].finish_reason == "tool_calls"
    calls = message["tool_calls"]
    assert [json.loads(call["function"]["arguments"])["place"] for call in calls] == ["Paris", "London"]
    assert message["reasoning_content"]
    is_counted = (path, model) != (MESSAGES, HOSTED)
    assert bool(first.usage.completion_tokens_details["reasoning_tokens"]) == is_counted
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": [{"type": "text", "text": "rain"}, image]}
        for call in calls
    ]
    register_model(HOSTED, vision=True)
    messages += [message, *results]
    second = ask(emu, path, stream, messages=messages, **request)
    assert message_of(second)["content"] == "The answer is: rain, an image; rain, an image"
    messages += [message_of(second), {"role": "user", "content": "Thanks."}]
    third = ask(emu, path, stream, messages=messages, **request)
    assert message_of(third)["content"] == "You said: Thanks."


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "model"), [(RESPONSES, OPENAI), (MESSAGES, CLAUDE)])
def test_searches_structured_output_and_ends(emu, path, model, stream):
    def of(prompt: str, **fields: Any) -> ChatCompletion:
        return ask(emu, path, stream, model=model, messages=[{"role": "user", "content": prompt}], **fields)

    message = message_of(
        of(
            "Search the web for cats",
            tools=[{"type": "web_search", **({"name": "web_search"} if path == MESSAGES else {})}],
        )
    )
    assert message["annotations"][0]["url_citation"]["url"].startswith("https://example.com/")
    assert message["server_tool_calls"]
    back = [{"role": "user", "content": "x"}, message, {"role": "user", "content": "y"}]
    assert ask(emu, path, stream, model=model, messages=back)
    schema = {**PLACE, "additionalProperties": False}
    wanted = {"type": "json_schema", "json_schema": {"name": "where", "schema": schema}}
    assert json.loads(message_of(of("I am in Paris", response_format=wanted))["content"]) == {"place": "Paris"}
    cut = of("word " * 50, max_completion_tokens=16)
    assert cut.choices[0].finish_reason == "length"
    emu.reply(
        message={"refusal": "No."}, usage={"prompt_tokens": 9, "completion_tokens": 2, "cache_read_input_tokens": 4}
    )
    refused = of("x")
    assert "No." in str(message_of(refused))
