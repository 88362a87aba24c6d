"""The middlewares that agents are built with, each doing its work over HTTP, counted in the requests that were sent."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    ClearToolUsesEdit,
    ContextEditingMiddleware,
    LLMToolSelectorMiddleware,
    ModelFallbackMiddleware,
    ModelRetryMiddleware,
    SummarizationMiddleware,
    ToolRetryMiddleware,
)
from langchain_core.exceptions import ContextOverflowError, ModelAuthenticationError
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from packaging.version import Version

from inference_do.emulator import Emulator, ErrorEvent, Status
from langchain_do import ChatDigitalOcean

Make = Callable[..., ChatDigitalOcean]
LONG = {"error": {"message": "the token count: [4] exceeds the model: [m]'s maximum token count: [2]", "type": "x"}}


@tool
def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"Sunny in {city}."


@tool
def get_time(city: str) -> str:
    """Tell the time of a city."""
    return f"Noon in {city}."


def ask(agent: Any, text: str = "hello") -> str:
    return str(agent.invoke({"messages": [HumanMessage(text)]})["messages"][-1].text)


def sent(emu: Emulator, place: int = -1) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = emu.requests[place].json["messages"]
    return messages


# --- summarization ---


@pytest.mark.parametrize("trigger", [("fraction", 0.5), ("tokens", 50)], ids=str)
def test_summarization_by_what_the_model_is_known_to_take(emu: Emulator, make: Make, trigger: Any) -> None:
    model = make(profile={"max_input_tokens": 100})
    emu.reply("They spoke of tulips.")
    agent = create_agent(model, [], middleware=[SummarizationMiddleware(model, trigger=trigger, keep=("messages", 1))])
    long = [HumanMessage("Tell me of tulips. " * 20), AIMessage("Tulips are flowers."), HumanMessage("hello")]
    messages = agent.invoke({"messages": long})["messages"]
    assert emu.posts == 2
    assert [message["role"] for message in sent(emu)] == ["user", "user"]
    assert "They spoke of tulips." in sent(emu)[0]["content"]
    assert messages[-1].text == "You said: hello"


def test_summarization_by_reported_tokens(emu: Emulator, make: Make) -> None:
    """The count that the API reported triggers it only for a message of the same provider."""
    model = make()
    emu.reply("first", usage={"prompt_tokens": 900, "completion_tokens": 100, "total_tokens": 1000})
    emu.reply("A summary.")
    middleware = SummarizationMiddleware(model, trigger=("tokens", 1000), keep=("messages", 1))
    agent = create_agent(model, [], middleware=[middleware])
    state = agent.invoke({"messages": [HumanMessage("one")]})
    assert emu.posts == 1
    agent.invoke({"messages": [*state["messages"], HumanMessage("two")]})
    assert emu.posts == 3
    assert "A summary." in sent(emu)[0]["content"]


@pytest.mark.skipif(Version(version("langchain")) < Version("1.4.4"), reason="langchain shortens from 1.4.4 on")
def test_summarization_shortens_once_on_overflow(emu: Emulator, make: Make) -> None:
    model = make()
    middleware = SummarizationMiddleware(model, trigger=("messages", 3), keep=("messages", 1))
    history = [HumanMessage("word " * 400), AIMessage("yes"), HumanMessage("hello")]
    emu.script(Status(400, LONG))
    answer = create_agent(model, [], middleware=[middleware]).invoke({"messages": history})["messages"][-1]
    assert answer.text == "You said: hello"
    assert emu.posts == 3
    assert len(emu.requests[1].body) < len(emu.requests[0].body)


def test_every_known_chat_model_tells_its_window(make: Make) -> None:
    for name in ("llama3.3-70b-instruct", "openai-gpt-oss-120b", "anthropic-claude-4.5-sonnet", "qwen3.8-max"):
        model = make(model=name)
        SummarizationMiddleware(model, trigger=("fraction", 0.8), keep=("fraction", 0.3))
        assert model.profile["max_input_tokens"] > 1000


# --- context editing ---


def test_context_editing_counts_with_the_model(emu: Emulator, make: Make) -> None:
    edit = ClearToolUsesEdit(trigger=200, keep=1, placeholder="[gone]")
    middleware = ContextEditingMiddleware(edits=[edit], token_count_method="model")
    agent = create_agent(make(), [get_weather], middleware=[middleware])
    history: list[Any] = [HumanMessage("What is the weather in Paris?")]
    for number in range(3):
        call = {"name": "get_weather", "args": {"city": "Paris"}, "id": f"c{number}"}
        history += [AIMessage("", tool_calls=[call]), ToolMessage("Sunny. " * 60, tool_call_id=f"c{number}")]
    agent.invoke({"messages": history})
    results = [message["content"] for message in sent(emu) if message["role"] == "tool"]
    assert results[:2] == ["[gone]", "[gone]"]
    assert results[2].startswith("Sunny.")


# --- fallback and retry ---


@pytest.mark.parametrize("fault", [Status(500), Status(401), Status(400), Status(429)], ids=str)
def test_fallback(emu: Emulator, make: Make, fault: Any) -> None:
    emu.script(fault)
    agent = create_agent(
        make(max_retries=0), [], middleware=[ModelFallbackMiddleware(make(model="openai-gpt-oss-120b"))]
    )
    assert ask(agent) == "You said: hello"
    assert [request.json["model"] for request in emu.requests] == ["llama3.3-70b-instruct", "openai-gpt-oss-120b"]


async def test_fallback_from_a_stream_that_fails(emu: Emulator, make: Make) -> None:
    emu.script(ErrorEvent(after_events=2))
    agent = create_agent(make(), [], middleware=[ModelFallbackMiddleware(make(model="openai-gpt-oss-120b"))])
    question = {"messages": [HumanMessage("a long enough text")]}
    parts = [message async for message, _ in agent.astream(question, stream_mode="messages")]
    content: dict[str, str] = {}
    for part in parts:
        content[part.id] = content.get(part.id, "") + str(part.text)
    assert list(content.values()) == ["You said", "You said: a long enough text"]
    assert emu.posts == 2


@pytest.mark.parametrize(("own", "middlewares", "posts"), [(0, 2, 3), (2, 0, 3), (0, 0, 1), (1, 1, 4)], ids=str)
def test_retries_multiply_only_if_both_layers_retry(
    emu: Emulator, make: Make, own: int, middlewares: int, posts: int
) -> None:
    emu.always = Status(503, headers={"retry-after": "0"})
    middleware = ModelRetryMiddleware(max_retries=middlewares, initial_delay=0.0, jitter=False, on_failure="error")
    agent = create_agent(make(max_retries=own), [], middleware=[middleware])
    with pytest.raises(Exception, match="503"):
        ask(agent)
    assert emu.posts == posts


def test_non_retryable_calls_are_not_repeated(emu: Emulator, make: Make) -> None:
    emu.always = Status(401)
    middleware = ModelRetryMiddleware(max_retries=3, initial_delay=0.0, jitter=False)
    with pytest.raises(ModelAuthenticationError):
        ask(create_agent(make(), [], middleware=[middleware]))
    assert emu.posts == 1


def test_overflow_reaches_the_agent_as_overflow(emu: Emulator, make: Make) -> None:
    emu.always = Status(400, LONG)
    with pytest.raises(ContextOverflowError) as caught:
        ask(create_agent(make(), [get_weather]))
    assert caught.value.status_code == 400  # deepagents looks at it
    assert emu.posts == 1


def test_a_tool_that_fails_is_tried_again(emu: Emulator, make: Make) -> None:
    seen: list[str] = []

    @tool
    def get_news(city: str) -> str:
        """Tell the news of a city."""
        seen.append(city)
        if len(seen) == 1:
            raise OSError
        return "No news."

    middleware = ToolRetryMiddleware(max_retries=1, initial_delay=0.0, jitter=False)
    agent = create_agent(make(), [get_news], middleware=[middleware])
    assert ask(agent, "Use the tool get_news for Paris.") == "The answer is: No news."
    assert len(seen) == 2


# --- tool selection ---


@pytest.mark.parametrize("name", ["llama3.3-70b-instruct", "qwen3.8-max"])
def test_tools_are_selected_by_a_model(emu: Emulator, make: Make, name: str) -> None:
    """It asks with a JSON Schema dict, in the way that the model's profile says it can."""
    chosen = {"tools": ["get_weather"]}
    if name == "qwen3.8-max":
        emu.reply('{"tools": ["get_weather"]}')
    else:
        emu.reply(tool_calls=[("ToolSelectionResponse", chosen)])
    model = make(model=name)
    agent = create_agent(model, [get_weather, get_time], middleware=[LLMToolSelectorMiddleware(max_tools=1)])
    assert ask(agent, "What is the weather in Paris?") == "The answer is: Sunny in Paris."
    assert ("response_format" in emu.requests[0].json) is (name == "qwen3.8-max")
    assert [item["function"]["name"] for item in emu.requests[1].json["tools"]] == ["get_weather"]
