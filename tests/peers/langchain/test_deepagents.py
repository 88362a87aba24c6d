"""deepagents, which finds this package by its entry point: a model by name, and recovery from a full context window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from deepagents import create_deep_agent

from inference_do.emulator import Emulator, Status
from langchain_do import ChatDigitalOcean

LONG = {"error": {"message": "the token count: [4] exceeds the model: [m]'s maximum token count: [2]", "type": "x"}}

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def emu() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"Sunny in {city}."


def test_a_model_by_name(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITALOCEAN_INFERENCE_KEY", emu.api_key)
    monkeypatch.setenv("DIGITALOCEAN_INFERENCE_BASE_URL", emu.base_url)
    agent = create_deep_agent("digitalocean:qwen3.8-max", tools=[get_weather])
    state = agent.invoke({"messages": [("user", "What is the weather in Paris?")]})
    assert state["messages"][-1].text == "The answer is: Sunny in Paris."
    assert emu.posts == 2


THINKING = {"model_kwargs": {"thinking": {"type": "enabled", "budget_tokens": 1024}}, "max_tokens": 4000}
SETTINGS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "qwen3.8-max"},
    "/v1/responses": {"model": "openai-gpt-5.4", "reasoning_effort": "low"},
    "/v1/messages": {"model": "anthropic-claude-haiku-4.5", **THINKING},
}


@pytest.mark.parametrize("path", SETTINGS)
def test_an_agent_on_each_api(emu: Emulator, path: str) -> None:
    """It thinks, writes a file, asks a subagent, and goes on."""
    model = ChatDigitalOcean(api_key=emu.api_key, base_url=emu.base_url, **SETTINGS[path])
    agent = create_deep_agent(model, tools=[get_weather])
    emu.reply(tool_calls=[("write_file", {"file_path": "/a.txt", "content": "hello"})], reasoning="I write.")
    emu.reply(tool_calls=[("task", {"description": "Say hi", "subagent_type": "general-purpose"})], reasoning="I ask.")
    state = agent.invoke({"messages": [("user", "Go on")]})
    assert [message.type for message in state["messages"]] == ["human", "ai", "tool", "ai", "tool", "ai"]
    assert list(state["files"]) == ["/a.txt"]
    assert {request.path for request in emu.requests} == {path}


def test_a_full_window_is_recovered_from(emu: Emulator) -> None:
    model = ChatDigitalOcean(
        model="llama3.3-70b-instruct",
        api_key=emu.api_key,
        base_url=emu.base_url,
        profile={"max_input_tokens": 20_000},
    )
    history: list[Any] = [("user", "word " * 400), ("ai", "yes " * 300)] * 6
    emu.script(Status(400, LONG))
    state = create_deep_agent(model).invoke({"messages": [*history, ("user", "hello")]})
    assert state["messages"][-1].text == "You said: hello"
    refused, summary, again = (len(request.body) for request in emu.requests)
    assert summary < refused
    assert again < refused
