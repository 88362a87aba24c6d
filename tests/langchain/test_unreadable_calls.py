"""Calls whose arguments were cut off or cannot be read: no tool runs, and the next request says why to the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import StructuredTool
from langgraph.checkpoint.memory import InMemorySaver

from inference_do.emulator import Emulator
from langchain_do import ChatDigitalOcean

Make = Callable[..., ChatDigitalOcean]
CUT_TEXT = '{"table": "orders", "where": "id = '


class Refused(NamedTuple):
    """A call that must not run."""

    arguments: str
    finish: str
    reason: str


REFUSED = {
    "A2 cut in a string": Refused(CUT_TEXT, "length", "cut off"),
    "cut before the arguments": Refused("", "length", "cut off"),
    "cut in white space": Refused(" ", "length", "cut off"),
    "cut by a filter": Refused("", "content_filter", "cut off"),
    "cut in null": Refused("nul", "length", "cut off"),
    "cut, and the server says otherwise": Refused(CUT_TEXT, "tool_calls", "unreadable"),
    "not JSON": Refused("{table: orders}", "tool_calls", "unreadable"),
    "two objects": Refused('{"table": "a"}{"table": "b"}', "tool_calls", "unreadable"),
    "a list": Refused('["orders"]', "stop", "unreadable"),
    "text": Refused("nulls", "stop", "unreadable"),
}
cases = pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)


async def answers_of(model: Any, reply: Callable[[], None]) -> list[Any]:
    """Return an answer whole and streamed, synchronous and asynchronous."""
    for _ in range(4):
        reply()
    first, *rest = model.stream("hi")
    streamed = first + rest
    begun: Any = None
    async for chunk in model.astream("hi"):
        begun = chunk if begun is None else begun + chunk
    return [model.invoke("hi"), await model.ainvoke("hi"), streamed, begun]


@cases
async def test_it_is_an_invalid_call(emu: Emulator, model: ChatDigitalOcean, case: Refused) -> None:
    def reply() -> None:
        emu.reply(tool_calls=[("delete_rows", case.arguments)], finish_reason=case.finish)

    whole, awaited, *streamed = await answers_of(model, reply)
    for answer in (whole, awaited, *streamed):
        assert answer.tool_calls == []
        (call,) = answer.invalid_tool_calls
        assert call["name"] == "delete_rows"
    for answer in (whole, awaited):
        assert case.reason in answer.invalid_tool_calls[0]["error"]
        assert answer.invalid_tool_calls[0]["args"] == case.arguments


@pytest.fixture
def ran() -> list[Any]:
    return []


@pytest.fixture
def tool(ran: list[Any]) -> StructuredTool:
    def delete_rows(**kwargs: Any) -> str:
        ran.append(kwargs)
        return "all deleted"

    schema = {"type": "object", "properties": {}, "additionalProperties": True}  # as MCP's adapter makes them
    return StructuredTool(name="delete_rows", description="Delete rows.", args_schema=schema, func=delete_rows)


@cases
@pytest.mark.parametrize("streamed", [False, True])
def test_an_agent_runs_nothing_and_its_thread_goes_on(
    emu: Emulator,
    make: Make,
    tool: StructuredTool,
    ran: list[Any],
    case: Refused,
    *,
    streamed: bool,
) -> None:
    emu.reply(tool_calls=[("delete_rows", case.arguments)], finish_reason=case.finish)
    emu.reply("I could not delete them.")
    agent = create_agent(make(streaming=streamed), [tool], checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    agent.invoke({"messages": [HumanMessage("Delete the old orders")]}, thread)
    state = agent.invoke({"messages": [HumanMessage("Well?")]}, thread)
    assert state["messages"][-1].text == "I could not delete them."
    assert ran == []
    roles = [message["role"] for message in emu.requests[-1].json["messages"]]
    assert roles == ["user", "assistant", "tool", "user"]


@pytest.mark.parametrize("arguments", [CUT_TEXT, "", " "])
async def test_a_model_without_an_agent_is_given_the_reason(
    emu: Emulator, model: ChatDigitalOcean, arguments: str
) -> None:
    emu.reply(tool_calls=[("delete_rows", arguments)], finish_reason="length")
    history = [HumanMessage("Delete"), model.invoke("Delete"), HumanMessage("Well?")]
    model.invoke(history)
    await model.ainvoke(history)
    for request in emu.requests[-2:]:
        _, call, result, last = request.json["messages"]
        assert result["tool_call_id"] == call["tool_calls"][0]["id"]
        assert "was not run, because its arguments were cut off or unreadable" in result["content"]
        assert last["content"] == "Well?"


def test_the_good_call_beside_it_runs_and_both_are_answered(
    emu: Emulator, model: ChatDigitalOcean, tool: StructuredTool, ran: list[Any]
) -> None:
    emu.reply(tool_calls=[("delete_rows", {"table": "a"}), ("delete_rows", CUT_TEXT)], finish_reason="length")
    emu.reply("Done.")
    agent = create_agent(model, [tool])
    state = agent.invoke({"messages": [HumanMessage("Delete the old orders")]})
    assert state["messages"][-1].text == "Done."
    assert ran == [{"table": "a"}]
    _, call, *results = emu.requests[-1].json["messages"]
    assert {result["tool_call_id"] for result in results} == {item["id"] for item in call["tool_calls"]}


READABLE = {
    "E23 null": ("null", {}),
    "null and white space": (" null\n", {}),
    "nothing": ("", {}),
    "white space": (" \n", {}),
    "E23 a raw newline in a string": ('{"code": "a = 1\nb = 2"}', {"code": "a = 1\nb = 2"}),
    "a tab": ('{"code": "\tx"}', {"code": "\tx"}),
    "an object that begins late": ('  {"n": null}', {"n": None}),
}


@pytest.mark.parametrize(("arguments", "expected"), READABLE.values(), ids=READABLE)
async def test_what_means_one_thing_only_is_read(
    emu: Emulator, model: ChatDigitalOcean, arguments: str, expected: dict[str, Any]
) -> None:
    for answer in await answers_of(model, lambda: emu.reply(tool_calls=[("run", arguments)])):
        assert answer.invalid_tool_calls == []
        assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("run", expected)]


@pytest.mark.parametrize(
    "pieces", [["null"], ["", "null"], ["n", "ull"], ["nu", "", "l", "l"], [" ", "null", " "]], ids=repr
)
async def test_null_in_pieces(emu: Emulator, model: ChatDigitalOcean, pieces: list[str]) -> None:
    fragments: list[dict[str, Any]] = [
        {"index": 0, "id": "call_1", "function": {"name": "run", "arguments": pieces[0]}}
    ]
    fragments += [{"index": 0, "function": {"arguments": piece}} for piece in pieces[1:]]
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"tool_calls": [fragment]}}]} for fragment in fragments
    ]
    emu.reply(chunks=[*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}])
    first, *rest = model.stream("hi")
    (call,) = (first + rest).tool_calls
    assert (call["name"], call["args"], call["id"]) == ("run", {}, "call_1")
