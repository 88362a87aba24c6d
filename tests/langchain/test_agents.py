"""Agents and chains of LangChain and LangGraph, over HTTP."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain.chat_models import init_chat_model
from langchain.embeddings import init_embeddings
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.tools import tool
from pydantic import BaseModel

import langchain_do
from inference_do.emulator import Emulator, Quirks, Status
from langchain_do import ChatDigitalOcean, DigitalOceanEmbeddings, register

Make = Callable[..., ChatDigitalOcean]


@tool
def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"Sunny in {city}."


class Weather(BaseModel):
    """The weather."""

    city: str


def test_agent_with_a_tool(emu: Emulator, model: ChatDigitalOcean) -> None:
    agent = create_agent(model, [get_weather], system_prompt="You are brief.", name="weather man")
    state = agent.invoke({"messages": [HumanMessage("What is the weather in Paris?")]})
    kinds = [message.type for message in state["messages"]]
    assert kinds == ["human", "ai", "tool", "ai"]
    assert state["messages"][-1].text == "The answer is: Sunny in Paris."
    assert [message["role"] for message in emu.requests[-1].json["messages"]] == ["system", "user", "assistant", "tool"]
    assert emu.posts == 2


async def test_agent_again_and_again(emu: Emulator, make: Make) -> None:
    agent = create_agent(make(model="qwen3.8-max", output_version="v1"), [get_weather])
    messages: list[Any] = []
    for city in ("Paris", "Rome"):
        messages.append(HumanMessage(f"What is the weather in {city}?"))
        messages = (await agent.ainvoke({"messages": messages}))["messages"]
        assert messages[-1].text == f"The answer is: Sunny in {city}."
    assistants = [item for item in emu.requests[-1].json["messages"] if item["role"] == "assistant"]
    assert len(assistants) == 3
    assert all(item["reasoning_content"] for item in assistants)


@pytest.mark.parametrize("tools", [[], [get_weather]], ids=["no tools", "a tool"])
@pytest.mark.parametrize("strategy", [ToolStrategy, ProviderStrategy, None])
def test_agent_with_structured_answer(emu: Emulator, make: Make, tools: list[Any], strategy: Any) -> None:
    model = make(model="qwen3.8-max")
    agent = create_agent(model, tools, response_format=strategy(Weather) if strategy else Weather)
    state = agent.invoke({"messages": [HumanMessage("What is the weather in Paris?")]})
    assert isinstance(state["structured_response"], Weather)
    assert state["structured_response"].city
    sent = emu.requests[0].json
    if strategy is ToolStrategy:
        assert sent["tool_choice"] == "required"
    else:
        assert sent["response_format"]["type"] == "json_schema"
        assert ("tools" in sent) is bool(tools)


class Report(BaseModel):
    """What was found."""

    city: str
    degrees: int


def test_an_agent_that_must_always_call_ends_with_its_answer(emu: Emulator, model: ChatDigitalOcean) -> None:
    agent = create_agent(model, [get_weather], response_format=ToolStrategy(Report))
    question = {"messages": [HumanMessage("What is the weather in Paris? Use the tool.")]}
    state = agent.invoke(question, {"recursion_limit": 10})
    assert state["structured_response"].city == "Paris"
    assert [message.type for message in state["messages"]] == ["human", "ai", "tool", "ai", "tool"]
    assert emu.posts == 2


async def test_streamed_messages_of_a_graph(emu: Emulator, model: ChatDigitalOcean) -> None:
    agent = create_agent(model, [get_weather])
    question = {"messages": [HumanMessage("What is the weather in Paris?")]}
    synced = [message for message, _ in agent.stream(question, stream_mode="messages")]
    awaited = [message async for message, _ in agent.astream(question, stream_mode="messages")]
    for messages in (synced, awaited):
        chunks = [message for message in messages if isinstance(message, AIMessageChunk)]
        assert len(chunks) > 4
        assert "".join(str(chunk.text) for chunk in chunks) == "The answer is: Sunny in Paris."
    assert all(request.json["stream"] for request in emu.requests)


def test_invalid_calls_do_not_stop_an_agent(emu: Emulator, model: ChatDigitalOcean) -> None:
    emu.reply(tool_calls=[("get_weather", "{city: Paris}")])
    agent = create_agent(model, [get_weather])
    state = agent.invoke({"messages": [HumanMessage("What is the weather in Paris?")]})
    assert state["messages"][-1].type == "ai"
    first = next(message for message in state["messages"] if isinstance(message, AIMessage))
    assert first.invalid_tool_calls


@pytest.mark.parametrize("mode", ["values", "messages"])
def test_a_call_that_was_cut_is_not_run(emu: Emulator, model: ChatDigitalOcean, mode: str) -> None:
    """With `messages` LangGraph streams, and LangChain's parser would close the JSON."""
    ran: list[str] = []

    @tool
    def write(text: str) -> str:
        """Write a text."""
        ran.append(text)
        return "written"

    emu.reply(tool_calls=[("write", '{"text": "the first ha')], finish_reason="length")
    list(create_agent(model, [write]).stream({"messages": [HumanMessage("write")]}, stream_mode=mode))
    assert ran == []


def test_batches(emu: Emulator, model: ChatDigitalOcean) -> None:
    texts = [f"number {n}" for n in range(6)]
    wanted = [f"You said: {text}" for text in texts]
    assert [answer.text for answer in model.batch(texts)] == wanted
    assert [answer.text for answer in asyncio.run(model.abatch(texts, {"max_concurrency": 2}))] == wanted
    done = dict(model.batch_as_completed(texts))
    assert [done[n].text for n in range(6)] == wanted
    emu.script(Status(400))
    (failed,) = model.batch(["x"], return_exceptions=True)
    assert isinstance(failed, Exception)
    assert emu.posts == 19


def test_fallbacks_while_streaming(emu: Emulator, make: Make) -> None:
    emu.script(Status(500))
    chain = make(max_retries=0).with_fallbacks([make(model="openai-gpt-oss-120b")])
    assert "".join(str(chunk.text) for chunk in chain.stream("hi")) == "You said: hi"
    assert [request.json["model"] for request in emu.requests] == ["llama3.3-70b-instruct", "openai-gpt-oss-120b"]


async def test_chains(emu: Emulator, model: ChatDigitalOcean) -> None:
    chain = ChatPromptTemplate.from_messages([("system", "Be {mood}."), ("user", "{text}")]) | model | StrOutputParser()
    given = {"mood": "kind", "text": "hello"}
    assert chain.invoke(given) == "You said: hello"
    assert "".join(chain.stream(given)) == "You said: hello"
    assert "".join([part async for part in chain.astream(given)]) == "You said: hello"
    kinds = {event["event"] async for event in chain.astream_events(given, version="v2")}
    assert {"on_chat_model_start", "on_chat_model_stream", "on_chat_model_end"} <= kinds


def test_register(emu: Emulator) -> None:
    register()
    register()
    settings = {"api_key": emu.api_key, "base_url": emu.base_url}
    model = init_chat_model("digitalocean:router:mine/model", temperature=0.5, **settings)
    assert isinstance(model, ChatDigitalOcean)
    assert (model.model, model.temperature) == ("router:mine/model", 0.5)
    model = init_chat_model("llama3.3-70b-instruct", model_provider="digitalocean", **settings)
    assert model.invoke("hi").text == "You said: hi"
    late = init_chat_model(configurable_fields=("model", "model_provider"), **settings)
    chosen = {"configurable": {"model": "llama3.3-70b-instruct", "model_provider": "digitalocean"}}
    assert late.invoke("hi", chosen).text == "You said: hi"
    assert isinstance(init_embeddings("digitalocean:bge-m3", **settings), DigitalOceanEmbeddings)


def test_register_without_langchain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain.chat_models", None)
    with pytest.raises(ImportError, match="pip install"):
        register()


def test_register_with_another_langchain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("langchain.chat_models.base._BUILTIN_PROVIDERS")
    with pytest.raises(ImportError, match="ChatDigitalOcean"):
        register()


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=150)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_costs_nothing() -> None:
    code = "import sys, langchain_do; print(sorted({'langchain_core', 'pydantic', 'httpx'} & set(sys.modules)))"
    assert run(code) == "[]"


def test_without_langchain_one_sentence() -> None:
    code = """
import sys
sys.modules["langchain_core"] = None
try:
    from langchain_do import ChatDigitalOcean
except ImportError as error:
    print(error)
"""
    assert 'pip install "inference-do[langchain]"' in run(code)


def test_names() -> None:
    assert set(langchain_do.__all__) <= set(dir(langchain_do))
    assert langchain_do.__version__
    with pytest.raises(AttributeError, match="ChatOcean"):
        getattr(langchain_do, "ChatOcean")  # noqa: B009


def test_the_entry_point_that_deepagents_reads() -> None:
    """It is declared for deepagents' group, can be loaded, takes no arguments, and makes the provider known."""
    project = tomllib.loads(Path(__file__).parents[2].joinpath("pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((name, value),) = project["entry-points"]["deepagents.provider_profiles"].items()
    assert name == "digitalocean"
    EntryPoint(name, value, "deepagents.provider_profiles").load()()
    assert init_chat_model("digitalocean:m", api_key="k").model == "m"


async def test_concurrency_is_bounded(emu: Emulator, make: Make) -> None:
    emu.quirks = Quirks(head_delay=0.03)
    model = make()
    await model.abatch([f"number {n}" for n in range(6)], {"max_concurrency": 2})
    assert (emu.posts, emu.connections) == (6, 2)
    model.batch([f"number {n}" for n in range(6)], {"max_concurrency": 2})
    assert (emu.posts, emu.connections) == (12, 4)


def test_a_rate_limiter_is_asked_once_a_call(emu: Emulator, make: Make) -> None:
    asked: list[bool] = []

    class Limiter(BaseRateLimiter):
        def acquire(self, *, blocking: bool = True) -> bool:
            asked.append(blocking)
            return True

        async def aacquire(self, *, blocking: bool = True) -> bool:
            return self.acquire(blocking=blocking)

    emu.script(Status(503, headers={"retry-after": "0"}))
    model = make(rate_limiter=Limiter())
    model.invoke("hi")
    list(model.stream("hi"))
    assert (len(asked), emu.posts) == (2, 3)


class Order(BaseModel):
    """An order."""

    city: str
    weather: Weather | None = None


@pytest.mark.parametrize("tools", [[], [get_weather]], ids=["no tools", "a tool"])
def test_a_strict_answer_of_an_agent(emu: Emulator, make: Make, tools: list[Any]) -> None:
    """LangChain hands strict schemas in as pydantic made them, and strict APIs refuse those."""
    agent = create_agent(make(model="qwen3.8-max"), tools, response_format=ProviderStrategy(Order, strict=True))
    state = agent.invoke({"messages": [HumanMessage("What is the weather in Paris?")]})
    assert isinstance(state["structured_response"], Order)
    form = emu.requests[0].json["response_format"]["json_schema"]
    assert (form["name"], form["strict"], form["schema"]["required"]) == ("Order", True, ["city", "weather"])
