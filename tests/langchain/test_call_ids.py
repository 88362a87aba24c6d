"""Tool calls that share an id, as servers of some models send them: they stay the calls that they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool

from inference_do.emulator import Emulator
from langchain_do import ChatDigitalOcean

Make = Callable[..., ChatDigitalOcean]


@tool
def double(n: int) -> int:
    """Double a number."""
    return 2 * n


def call(number: int, id_: str | None) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": "double", "arguments": json.dumps({"n": number})}}


def pairs(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return each call's arguments with its result, in a request; ids must be distinct."""
    calls = [item for message in messages for item in message.get("tool_calls", ())]
    ids = [item["id"] for item in calls]
    assert len(set(ids)) == len(ids)
    results = {message["tool_call_id"]: message["content"] for message in messages if message["role"] == "tool"}
    assert set(results) == set(ids)
    return [(item["function"]["arguments"], results[item["id"]]) for item in calls]


@pytest.mark.parametrize("ids", [("call_0", "call_0"), ("grep:3", "grep:3"), (None, None), ("", ""), ("a", None)])
@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
async def test_an_agent_gives_each_call_its_own_result(
    emu: Emulator, make: Make, ids: tuple[str | None, ...], *, streaming: bool
) -> None:
    calls = [call(number, id_) for number, id_ in enumerate(ids, 1)]
    for _ in range(2):
        if streaming:
            chunks: list[dict[str, Any]] = [
                {"choices": [{"index": 0, "delta": {"tool_calls": [{**item, "index": position}]}}]}
                for position, item in enumerate(calls)
            ]
            emu.reply(chunks=[*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}])
        else:
            emu.reply(message={"role": "assistant", "content": None, "tool_calls": calls}, finish_reason="tool_calls")
        emu.reply("2 and 4.")
    agent = create_agent(make(streaming=streaming), [double])
    question = {"messages": [HumanMessage("Double 1 and 2")]}
    for state in (agent.invoke(question), await agent.ainvoke(question)):
        assert state["messages"][-1].text == "2 and 4."
        assert pairs(emu.requests[-1].json["messages"]) == [('{"n": 1}', "2"), ('{"n": 2}', "4")]


def test_a_stored_conversation_is_sent_with_distinct_ids(emu: Emulator, model: ChatDigitalOcean) -> None:
    def asked(*numbers: int) -> AIMessage:
        return AIMessage(
            "", tool_calls=[{"name": "double", "args": {"n": number}, "id": "call_0"} for number in numbers]
        )

    def result(text: str) -> ToolMessage:
        return ToolMessage(text, tool_call_id="call_0")

    question = HumanMessage("Double them")
    history = [question, asked(1, 2), result("2"), result("4"), question, asked(3), result("6")]
    before = [message.model_copy(deep=True) for message in history]
    model.invoke(history)
    model.invoke(history)
    first, second = (request.json["messages"] for request in emu.requests)
    assert pairs(first) == [('{"n": 1}', "2"), ('{"n": 2}', "4"), ('{"n": 3}', "6")]
    assert first == second  # a provider's cache finds it again
    assert history == before
