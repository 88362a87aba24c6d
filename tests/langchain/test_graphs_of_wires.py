"""Graphs of LangGraph over each API.

Signed thinking and encrypted reasoning come through checkpointers, in the middle of a tool call, and a thread goes on
with another model by another API.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.load import dumps, loads
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from pydantic import BaseModel

from inference_do.emulator import Emulator
from langchain_do import ChatDigitalOcean

Make = Callable[..., ChatDigitalOcean]

THINKING = {"model_kwargs": {"thinking": {"type": "enabled", "budget_tokens": 1024}}, "max_tokens": 4000}
WIRES: dict[str, dict[str, Any]] = {
    "chat_completions": {"model": "qwen3.8-max"},
    "responses": {"model": "openai-gpt-5.4", "reasoning_effort": "low"},
    "messages": {"model": "anthropic-claude-haiku-4.5", **THINKING},
}
PATHS = {"chat_completions": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
THREAD: Any = {"configurable": {"thread_id": "a"}}

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*is in beta:langchain_core._api.beta_decorator.LangChainBetaWarning",
    "ignore:The default value of `allowed_objects`",
)


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Sum(BaseModel):
    """A sum."""

    total: int


def graph_of(model: Any, saver: Any, **options: Any) -> Any:
    """Return a graph of a model and its tools, as LangGraph's pages write it."""
    bound = model.bind_tools([add])

    def call(state: MessagesState) -> dict[str, Any]:
        return {"messages": [bound.invoke(state["messages"])]}

    def where_next(state: MessagesState) -> str:
        last = state["messages"][-1]
        return "tools" if isinstance(last, AIMessage) and last.tool_calls else END

    builder = StateGraph(MessagesState)
    builder.add_node("model", call)
    builder.add_node("tools", ToolNode([add]))
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", where_next, ["tools", END])
    builder.add_edge("tools", "model")
    return builder.compile(checkpointer=saver, **options)


def question(text: str) -> dict[str, Any]:
    return {"messages": [HumanMessage(text)]}


def opaque_in(value: Any) -> list[str]:
    """Return the signatures and the encrypted reasoning that stand anywhere in a request, in their order."""
    match value:
        case dict():
            own = [value[name] for name in ("signature", "encrypted_content") if isinstance(value.get(name), str)]
            return [*own, *(text for inner in value.values() for text in opaque_in(inner))]
        case list():
            return [text for inner in value for text in opaque_in(inner)]
    return []


def opaque_of(answer: AIMessage) -> list[str]:
    entries = answer.additional_kwargs.get("reasoning_details") or ()
    return [text for entry in entries if (text := entry.get("signature") or entry.get("data"))]


@pytest.fixture(params=["memory", "sqlite"])
def open_saver(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Any]:
    """Return what opens a checkpointer: the same one each time, or a new one on the same file."""
    if request.param == "memory":
        saver = InMemorySaver()
        return lambda: saver
    opened = []

    def open_it() -> Any:
        opened.append(SqliteSaver.from_conn_string(str(tmp_path / "threads.db")))
        request.addfinalizer(lambda manager=opened[-1]: manager.__exit__(None, None, None))
        return opened[-1].__enter__()

    return open_it


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("wire", WIRES)
def test_a_call_goes_on_after_a_checkpoint(
    emu: Emulator, make: Make, open_saver: Callable[[], Any], wire: str, version: str
) -> None:
    settings = {**WIRES[wire], "output_version": version}
    emu.reply("I add.", tool_calls=[("add", {"a": 1, "b": 2})], reasoning="One and two.")
    graph_of(make(**settings), open_saver(), interrupt_before=["tools"]).invoke(question("add"), THREAD)
    later = graph_of(make(**settings), open_saver())
    asked = later.get_state(THREAD).values["messages"][-1]
    assert bool(opaque_of(asked)) == (wire != "chat_completions")
    messages = later.invoke(None, THREAD)["messages"]  # the emulator checks what comes back
    assert [message.type for message in messages] == ["human", "ai", "tool", "ai"]
    assert messages[-1].text == "The answer is: 3"
    assert opaque_in(emu.requests[-1].json) == opaque_of(asked)
    assert {request.path for request in emu.requests} == {PATHS[wire]}


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_a_thread_goes_on_by_another_api(
    emu: Emulator, make: Make, open_saver: Callable[[], Any], version: str
) -> None:
    """A model is asked in the middle of a call that another one made, and has its own thoughts back when it returns."""
    saver, order = open_saver(), ("messages", "responses", "chat_completions", "responses", "messages")
    for before, after in zip(order, (*order[1:], "chat_completions"), strict=True):
        emu.reply("I add.", tool_calls=[("add", {"a": 1, "b": 2})], reasoning="One and two.")
        first = make(**WIRES[before], output_version=version)
        graph_of(first, saver, interrupt_before=["tools"]).invoke(question("add"), THREAD)
        assert emu.requests[-1].path == PATHS[before]
        second = make(**WIRES[after], output_version=version)
        messages = graph_of(second, open_saver()).invoke(None, THREAD)["messages"]
        assert messages[-1].text == "The answer is: 3"
        assert emu.requests[-1].path == PATHS[after]
    own = [text for message in messages if message.type == "ai" for text in opaque_of(message)]
    graph_of(make(**WIRES["messages"]), saver).invoke(question("Thanks"), THREAD)
    sent = opaque_in(emu.requests[-1].json)
    assert len(sent) >= 2
    assert set(sent) < set(own)


CONTINUE = """
import sys
from langchain_core.load import dumps, loads
from langchain_core.messages import ToolMessage
from langchain_do import ChatDigitalOcean

url, key, model, version = sys.argv[1:]
messages = loads(sys.stdin.read(), allowed_objects="all")
tool = {"title": "add", "description": "Add.", "type": "object", "properties": {"a": {"type": "integer"}}}
chat = ChatDigitalOcean(model=model, base_url=url, api_key=key, output_version=version).bind_tools([tool])
answer = chat.invoke([*messages, ToolMessage("3", tool_call_id=messages[-1].tool_calls[0]["id"])])
print(dumps([*messages, answer]))
"""


@pytest.mark.parametrize(
    ("wire", "version"), [("messages", "v1"), pytest.param("responses", "v0", marks=pytest.mark.long)]
)
def test_a_call_goes_on_in_another_process(emu: Emulator, make: Make, wire: str, version: str) -> None:
    emu.reply("I add.", tool_calls=[("add", {"a": 1, "b": 2})], reasoning="One and two.")
    asked = HumanMessage("add")
    answer = make(**WIRES[wire], output_version=version).bind_tools([add]).invoke([asked])
    arguments = [emu.base_url, emu.api_key, WIRES[wire]["model"], version]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CONTINUE, *arguments],
        input=dumps([asked, answer]),
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr
    _, kept, last = loads(done.stdout, allowed_objects="all")
    assert kept == answer
    assert last.text == "The answer is: 3"
    assert opaque_in(emu.requests[-1].json) == opaque_of(answer) != []
    assert emu.requests[-1].path == PATHS[wire]


@pytest.mark.parametrize("strategy", [ToolStrategy, ProviderStrategy])
@pytest.mark.parametrize("wire", WIRES)
def test_an_agents_thread_with_an_answer_of_a_class(
    emu: Emulator, make: Make, open_saver: Callable[[], Any], wire: str, strategy: Any
) -> None:
    """Thinking, a call, and an answer of a class, turn after turn."""
    for turn, version in enumerate(("v0", "v1", "v0"), 1):
        model = make(**WIRES[wire], output_version=version)
        agent = create_agent(model, [add], response_format=strategy(Sum), checkpointer=open_saver())
        emu.reply("I add.", tool_calls=[("add", {"a": 1, "b": 2})], reasoning="One and two.")
        if strategy is ToolStrategy:
            emu.reply(tool_calls=[("Sum", {"total": 3})], reasoning="Three.")
        else:
            emu.reply('{"total": 3}', reasoning="Three.")
        state = agent.invoke(question("What is 1 + 2?"), THREAD)
        assert state["structured_response"] == Sum(total=3)
        assert emu.posts == 2 * turn
    assert {request.path for request in emu.requests} == {PATHS[wire]}
    assert bool(opaque_in(emu.requests[-1].json)) == (wire != "chat_completions")
