"""Graphs of LangGraph over HTTP: every stream mode, with threads that SQLite remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, MessagesState, StateGraph

from inference_do import StreamInterrupted
from inference_do.emulator import Emulator, Truncate
from langchain_do import ChatDigitalOcean

Make = Callable[..., ChatDigitalOcean]
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}


@tool
def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"Sunny in {city}."


def graph_of(model: ChatDigitalOcean, saver: Any = None, *, tags: list[str] | None = None) -> Any:
    def call(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"], {"tags": tags or []})]}

    async def acall(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"], {"tags": tags or []})]}

    builder = StateGraph(MessagesState)
    builder.add_node("model", RunnableLambda(call, acall))
    builder.add_edge(START, "model")
    return builder.compile(checkpointer=saver)


def thread(name: str) -> Any:
    return {"configurable": {"thread_id": name}}


def content(text: str) -> dict[str, Any]:
    return {"messages": [HumanMessage(text)]}


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_stream_modes(emu: Emulator, make: Make, version: str) -> None:
    graph = graph_of(make(output_version=version))
    modes: dict[str, list[Any]] = {"messages": [], "updates": [], "values": []}
    for mode, part in graph.stream(content("hi there"), stream_mode=list(modes)):
        modes[mode].append(part)
    chunks = [chunk for chunk, _ in modes["messages"]]
    assert all(isinstance(chunk, AIMessageChunk) for chunk in chunks)
    assert len({chunk.id for chunk in chunks}) == 1
    assert "".join(str(chunk.text) for chunk in chunks) == "You said: hi there"
    (update,) = modes["updates"]
    (whole,) = update["model"]["messages"]
    assert isinstance(whole, AIMessage)
    assert whole.text == "You said: hi there"
    assert whole.id == chunks[0].id
    assert whole.response_metadata["finish_reason"] == "stop"
    assert [len(value["messages"]) for value in modes["values"]] == [1, 2]
    assert emu.posts == 1


async def test_stream_modes_awaited(emu: Emulator, make: Make) -> None:
    graph = graph_of(make())
    modes = [
        mode async for mode, _ in graph.astream(content("hi there"), stream_mode=["messages", "updates", "values"])
    ]
    assert modes.count("messages") > 3
    assert (modes.count("updates"), modes.count("values")) == (1, 2)
    assert emu.requests[0].json["stream"] is True


def test_without_messages_nothing_is_streamed(emu: Emulator, make: Make) -> None:
    list(graph_of(make()).stream(content("hi"), stream_mode="values"))
    list(graph_of(make(), tags=["langsmith:nostream"]).stream(content("hi"), stream_mode="messages"))
    assert "stream" not in emu.requests[0].json


def test_threads_are_remembered(emu: Emulator, make: Make, tmp_path: Path) -> None:
    """What SQLite gives back, in another process's place, is what the model is sent."""
    path = str(tmp_path / "threads.db")
    model = make(model="qwen3.8-max", logprobs=True, include_response_headers=True)
    with SqliteSaver.from_conn_string(path) as saver:
        emu.reply("I look.", tool_calls=[("get_weather", {"city": "Paris"}), ("get_weather", "{")], usage=USAGE)
        first = create_agent(model, [get_weather], checkpointer=saver).invoke(content("weather?"), thread("a"))
    with SqliteSaver.from_conn_string(path) as saver:
        agent = create_agent(model, [get_weather], checkpointer=saver)
        assert agent.get_state(thread("a")).values["messages"] == first["messages"]
        again = agent.invoke(content("thanks"), thread("a"))
        assert again["messages"][-1].text == "You said: thanks"
        sent = emu.requests[-1].json["messages"]
        assert [message["role"] for message in sent[:3]] == ["user", "assistant", "tool"]
        assert len(sent[1]["tool_calls"]) == 2
        assert len(agent.invoke(content("hello"), thread("b"))["messages"]) == 2


def test_threads_are_remembered_across_event_loops(emu: Emulator, make: Make, tmp_path: Path) -> None:
    model = make(output_version="v1")

    async def turn(text: str) -> list[BaseMessage]:
        async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as saver:
            graph = graph_of(model, saver)
            async for _ in graph.astream(content(text), thread("a"), stream_mode="messages"):
                pass
            state = await graph.aget_state(thread("a"))
            messages: list[BaseMessage] = state.values["messages"]
            return messages

    assert len(asyncio.run(turn("one"))) == 2
    messages = asyncio.run(turn("two"))
    assert [str(message.text) for message in messages] == ["one", "You said: one", "two", "You said: two"]
    assert [message["role"] for message in emu.requests[-1].json["messages"]] == ["user", "assistant", "user"]


def test_a_stream_that_breaks_leaves_the_thread_as_it_was(emu: Emulator, make: Make, tmp_path: Path) -> None:
    with SqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as saver:
        graph = graph_of(make(), saver)
        graph.invoke(content("one"), thread("a"))
        emu.script(Truncate(after_events=2))
        with pytest.raises(StreamInterrupted):
            list(graph.stream(content("two or more words"), thread("a"), stream_mode="messages"))
        state = graph.get_state(thread("a"))
        assert state.next == ("model",)
        assert graph.invoke(None, thread("a"))["messages"][-1].text == "You said: two or more words"


@pytest.mark.filterwarnings("ignore:.*is in beta:langchain_core._api.beta_decorator.LangChainBetaWarning")
async def test_events_of_an_agent(emu: Emulator, make: Make) -> None:
    agent = create_agent(make(), [get_weather])
    events = agent.astream_events(content("What is the weather in Paris?"), version="v2")
    parts = [event["data"]["chunk"] async for event in events if event["event"] == "on_chat_model_stream"]
    assert "".join(str(part.text) for part in parts) == "The answer is: Sunny in Paris."
    assert emu.posts == 2


@pytest.mark.filterwarnings("ignore:.*is experimental:langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.filterwarnings("ignore:.*is in beta:langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_the_newer_streams_of_an_agent(emu: Emulator, make: Make) -> None:
    """The dict-shaped stream, and the one of protocol events, in which the model is asked through its events."""
    agent = create_agent(make(model="qwen3.8-max"), [get_weather])
    parts = list(agent.stream(content("What is the weather in Paris?"), stream_mode="messages", version="v2"))
    chunks = [part["data"][0] for part in parts if isinstance(part["data"][0], AIMessageChunk)]
    assert "".join(str(chunk.text) for chunk in chunks) == "The answer is: Sunny in Paris."
    events = agent.stream_events(content("What is the weather in Paris?"), version="v3")
    heard = [
        ("".join(message.text), [call["name"] for call in message.tool_calls.get()]) for message in events.messages
    ]
    assert heard == [("", ["get_weather"]), ("The answer is: Sunny in Paris.", [])]
    assert emu.posts == 4
