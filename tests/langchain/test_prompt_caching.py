"""Marks for the prompt cache: where they go, and to which models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool

import langchain_do
from inference_do.emulator import Emulator
from langchain_do import ChatDigitalOcean, ConfigError, DigitalOceanPromptCachingMiddleware

Make = Callable[..., ChatDigitalOcean]

CLAUDE = "anthropic-claude-haiku-4.5"
MARK = {"type": "ephemeral"}
PROMPT = [SystemMessage("Be brief."), HumanMessage("one"), AIMessage("1"), HumanMessage("two")]


@tool
def now() -> str:
    """Tell the time."""
    return "noon"


def marks(body: Any) -> list[Any]:
    """Return the parts of a request's system message and messages that are marked."""
    turns = [*([{"content": body["system"]}] if "system" in body else []), *body["messages"]]
    parts = [part for turn in turns if isinstance(turn["content"], list) for part in turn["content"]]
    return [part for part in parts if "cache_control" in part]


@pytest.mark.parametrize("api", ["chat_completions", "messages"])
def test_the_ends_are_marked(emu: Emulator, make: Make, api: str) -> None:
    for model, given in ((make(model=CLAUDE, api=api, cache_control=MARK), {}), (make(model=CLAUDE, api=api), MARK)):
        model.invoke(PROMPT, **({"cache_control": given} if given else {}))
        marked = marks(emu.requests[-1].json)
        assert [(part["text"], part["cache_control"]) for part in marked] == [("Be brief.", MARK), ("two", MARK)]
        assert "cache_control" not in emu.requests[-1].json
    make(model=CLAUDE, api=api).invoke(PROMPT)
    assert marks(emu.requests[-1].json) == []


def test_other_models_are_sent_none(emu: Emulator, make: Make) -> None:
    make(cache_control=MARK).invoke(PROMPT, cache_control=MARK)
    make(model="openai-gpt-5.4", cache_control=MARK).invoke(PROMPT)
    assert all(b"cache_control" not in request.body for request in emu.requests)


def test_marks_of_the_callers_stay_and_there_are_four_at_most(emu: Emulator, make: Make) -> None:
    model = make(model=CLAUDE, api="messages", cache_control=MARK)
    long = {**MARK, "ttl": "1h"}
    own = HumanMessage([{"type": "text", "text": text, "cache_control": long} for text in "abc"])
    model.invoke([SystemMessage("Be brief."), own, AIMessage("1"), HumanMessage("two")])
    assert [part["text"] for part in marks(emu.requests[-1].json)] == ["a", "b", "c", "two"]
    model.invoke([SystemMessage([{"type": "text", "text": "s", "cache_control": long}]), own])
    assert [part["cache_control"] for part in marks(emu.requests[-1].json)] == [long] * 4


def test_what_is_no_mark_is_refused(make: Make) -> None:
    with pytest.raises(ConfigError, match="cache_control"):
        make(cache_control="ephemeral")
    with pytest.raises(ConfigError, match="cache_control"):
        make(model=CLAUDE).invoke("hi", cache_control="ephemeral")


def test_a_result_of_a_tool_is_marked(emu: Emulator, make: Make) -> None:
    call = AIMessage("", tool_calls=[{"name": "now", "args": {}, "id": "c1"}])
    history = [HumanMessage("time?"), call, ToolMessage("noon", tool_call_id="c1")]
    make(model=CLAUDE, cache_control=MARK).bind_tools([now]).invoke(history)
    [marked] = marks(emu.requests[-1].json)
    assert marked["type"] == "tool_result"
    assert emu.requests[-1].path == "/v1/messages"


async def test_the_middleware_marks_each_step_of_an_agent(emu: Emulator, make: Make) -> None:
    agent = create_agent(
        make(model=CLAUDE, api="messages"),
        [now],
        system_prompt="Be brief.",
        middleware=[DigitalOceanPromptCachingMiddleware(ttl="1h")],
    )
    for run in (agent.invoke, agent.ainvoke):
        emu.reply(tool_calls=[("now", {})])
        state = run({"messages": [HumanMessage("What time is it?")]})
        state = state if isinstance(state, dict) else await state
        for request in emu.requests[-2:]:
            assert [part["cache_control"] for part in marks(request.json)] == [{"type": "ephemeral", "ttl": "1h"}] * 2


def test_the_middleware_leaves_other_models_and_short_conversations_alone(emu: Emulator, make: Make) -> None:
    for model, middleware in (
        (make(), DigitalOceanPromptCachingMiddleware()),
        (make(model=CLAUDE), DigitalOceanPromptCachingMiddleware(min_messages_to_cache=3)),
    ):
        create_agent(model, [], middleware=[middleware]).invoke({"messages": [HumanMessage("hi")]})
        assert b"cache_control" not in emu.requests[-1].body


def test_the_middleware_is_imported_when_it_is_touched() -> None:
    assert "DigitalOceanPromptCachingMiddleware" in dir(langchain_do)
    assert "DigitalOceanPromptCachingMiddleware" in langchain_do.__all__
