"""Dicts that describe tools: each form becomes the API's, choices of tools that the server runs, names, secrets."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumps
from langchain_core.messages import HumanMessage
from langchain_core.tools import StructuredTool, Tool
from langchain_core.tracers import BaseTracer
from pydantic import SecretStr

from inference_do import ConfigError
from inference_do.emulator import Emulator, RawBody
from langchain_do import ChatDigitalOcean

Make = Callable[..., ChatDigitalOcean]
EMPTY = {"type": "object", "properties": {}}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def sent(emu: Emulator) -> list[dict[str, Any]]:
    tools = emu.requests[-1].json["tools"]
    assert "null" not in json.dumps(tools)
    return tools  # type: ignore[no-any-return]


def function(parameters: Any = CITY, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "look", "parameters": parameters, **more}}


FORMS: dict[str, tuple[Any, dict[str, Any]]] = {
    "E26 an object without properties": (function({"type": "object"}), function(EMPTY)),
    "E26 parameters and description None": (function(None, description=None, strict=None), function(EMPTY)),
    "no parameters": ({"type": "function", "function": {"name": "look"}}, function(EMPTY)),
    "empty parameters": (function({}), function(EMPTY)),
    "properties None": (function({"type": "object", "properties": None}), function(EMPTY)),
    "without type": (function({"properties": {}}), function(EMPTY)),
    "further keywords": (
        function({"type": "object", "additionalProperties": True}),
        function({"type": "object", "additionalProperties": True, "properties": {}}),
    ),
    "E26 MCP": ({"name": "look", "description": "d", "inputSchema": CITY}, function(description="d")),
    "MCP with all": (
        {"name": "look", "title": "Look", "inputSchema": CITY, "outputSchema": EMPTY, "annotations": None},
        function(),
    ),
    "MCP without parameters": ({"name": "look", "inputSchema": {"type": "object"}}, function(EMPTY)),
    "Anthropic": ({"name": "look", "input_schema": CITY}, function()),
    "Anthropic with its type": ({"type": "custom", "name": "look", "input_schema": CITY}, function()),
    "Gemini": ({"name": "look", "parameters_json_schema": CITY}, function()),
    "flat": ({"type": "function", "name": "look", "parameters": CITY, "description": None}, function()),
    "without its type": ({"function": {"name": "look", "parameters": CITY}}, function()),
    "an MCP adapter's": (
        StructuredTool(name="look", description="d", args_schema={"type": "object"}, func=print),
        function(EMPTY, description="d"),
    ),
}


@pytest.mark.parametrize(("tool", "expected"), FORMS.values(), ids=FORMS)
def test_forms(emu: Emulator, model: ChatDigitalOcean, tool: Any, expected: dict[str, Any]) -> None:
    before = copy.deepcopy(tool)
    for bound in (model.bind_tools([tool]), model.bind(tools=[tool])):
        bound.invoke("hi")
        assert sent(emu) == [expected]
    assert tool == before


CUSTOM: dict[str, Any] = {
    "E26 flat": {"type": "custom", "name": "run", "description": "Runs code.", "format": {"type": "text"}},
    "nested": {"type": "custom", "custom": {"name": "run"}},
    "a LangChain tool": Tool("run", print, "Runs code.", metadata={"type": "custom_tool"}),
}


@pytest.mark.parametrize("tool", CUSTOM.values(), ids=CUSTOM)
def test_custom_tools_are_refused(model: ChatDigitalOcean, tool: Any) -> None:
    with pytest.raises(ConfigError, match=r"custom tool|is no tool or schema"):
        model.bind_tools([tool])


def test_parameters_that_are_no_schema_are_refused(model: ChatDigitalOcean) -> None:
    with pytest.raises(ConfigError, match="the parameters of tool 'look' must be a JSON schema, not 'city'"):
        model.bind_tools([{"name": "look", "inputSchema": "city"}])


# --- choices ---

ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}]}
SERVED: list[dict[str, Any]] = [
    {"type": "web_search", "max_uses": 1},
    {"type": "knowledge_base_retrieval", "knowledge_base_id": "7"},
    {"type": "mcp", "server_label": "docs", "server_url": "https://mcp.example.com"},
    {"type": "web_search_preview"},
    {"type": "web_search_20250305", "name": "search"},
]
CHOICES: dict[str, tuple[Any, Any]] = {
    "H45": ("web_search", {"type": "web_search"}),
    "retrieval": ("knowledge_base_retrieval", {"type": "knowledge_base_retrieval"}),
    "mcp": ("mcp", {"type": "mcp", "server_label": "docs"}),
    "mcp by its label": ("docs", {"type": "mcp", "server_label": "docs"}),
    "preview": ("web_search_preview", {"type": "web_search_preview"}),
    "by a name": ("search", {"type": "web_search_20250305"}),
    "a dict": ({"type": "web_search"}, {"type": "web_search"}),
    "a dict with a name": (
        {"type": "mcp", "server_label": "docs", "name": "find"},
        {"type": "mcp", "server_label": "docs", "name": "find"},
    ),
    "Anthropic's": ({"type": "tool", "name": "web_search"}, {"type": "web_search"}),
    "a function": ("look", {"type": "function", "function": {"name": "look"}}),
    "a flat function": ({"type": "function", "name": "look"}, {"type": "function", "function": {"name": "look"}}),
    "any": ("any", "required"),
}


@pytest.mark.parametrize(("choice", "expected"), CHOICES.values(), ids=CHOICES)
def test_choices_of_tools_that_the_server_runs(
    emu: Emulator, model: ChatDigitalOcean, choice: Any, expected: Any
) -> None:
    emu.always = RawBody(json.dumps(ANSWER).encode())  # the emulator knows this API's own tools only
    tools = [*SERVED, function()]
    model.bind_tools(tools, tool_choice=choice).invoke("hi")
    assert emu.requests[-1].json["tool_choice"] == expected
    model.invoke("hi", tools=tools, tool_choice=choice)
    assert emu.requests[-1].json["tool_choice"] == expected


def test_a_choice_of_none_of_them_is_refused(model: ChatDigitalOcean) -> None:
    with pytest.raises(ConfigError, match="tool_choice names 'file_search', which is not among the tools: web_search"):
        model.bind_tools(SERVED, tool_choice="file_search")


# --- names ---

NAMES = ["weather.get", "wetter.für.münchen", "天气", "🌤️", "a" * 80, "a" * 79 + "b", "add it", "add_it", "Page[int]"]


@pytest.mark.parametrize("streamed", [False, True])
def test_names_of_any_kind_go_there_and_back(emu: Emulator, make: Make, *, streamed: bool) -> None:
    tools = [
        StructuredTool.from_function(lambda city, name=name: f"{name}:{city}", name=name, description="Look.")
        for name in NAMES
    ]
    for tool in tools:
        tool.args_schema = CITY
    model = make(streaming=streamed)
    model.bind_tools(tools, tool_choice=NAMES[0]).invoke("hi")
    names = [tool["function"]["name"] for tool in sent(emu)]
    assert len(set(names)) == len(NAMES)
    assert emu.requests[-1].json["tool_choice"]["function"]["name"] == names[0]
    emu.reply(tool_calls=[(name, {"city": "Rome"}) for name in names])
    emu.reply("Done.")
    state = create_agent(model, tools).invoke({"messages": [HumanMessage("hi")]})
    assert [message.content for message in state["messages"][2:-1]] == [f"{name}:Rome" for name in NAMES]
    assert [call["name"] for call in state["messages"][1].tool_calls] == NAMES
    history = emu.requests[-1].json["messages"][1]["tool_calls"]
    assert [call["function"]["name"] for call in history] == names


# --- secrets ---

SECRET = "mcp-token-0123456789"
MCP: dict[str, Any] = {
    "type": "mcp",
    "server_label": "docs",
    "server_url": "https://mcp.example.com",
    "authorization": SECRET,
    "headers": {"X-Gate": SECRET},
}


def as_secret(tool: dict[str, Any]) -> dict[str, Any]:
    return {**tool, "authorization": SecretStr(SECRET), "headers": {"X-Gate": SecretStr(SECRET)}}


TOOLS = {
    "B8 SecretStr": (as_secret(MCP), MCP),
    "B8 text": (MCP, MCP),
    "in the URL": ({**MCP, "server_url": f"https://mcp.example.com?key={SECRET}"},) * 2,
    "under short names": ({"type": "web_fetch", "auth": SECRET, "headers": [{"name": "X-Gate", "value": SECRET}]},) * 2,
    "in another tool": ({"type": "web_fetch", "auth": {"api_key": [SECRET], "access_token": SECRET}},) * 2,
}


class Traces(BaseTracer):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def _persist_run(self, run: Any) -> None:
        self.seen.append(repr(run.model_dump() if hasattr(run, "model_dump") else vars(run)))


class Told(BaseCallbackHandler):
    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.seen.append(repr((args, kwargs)))


@pytest.mark.parametrize(("tool", "expected"), TOOLS.values(), ids=TOOLS)
async def test_secrets_of_tools_are_sent_and_not_shown(
    emu: Emulator, make: Make, tool: dict[str, Any], expected: dict[str, Any]
) -> None:
    model = make()
    traces, told = Traces(), Told()
    config: Any = {"callbacks": [traces, told]}
    bound = [
        model.bind_tools([tool]),
        model.bind(tools=[tool]),
        make(model_kwargs={"tools": [tool]}),
        make(extra_body={"tools": [tool]}),
        copy.deepcopy(model.bind_tools([tool])),
        model.bind(extra_body={"tools": [tool]}),
        model.model_copy(update={"extra_body": {"tools": [tool]}}),
        make(),
    ]
    bound[-1].model_kwargs = {"tools": [tool]}  # type: ignore[union-attr]
    for one in bound:
        one.invoke("hi", config)
        assert sent(emu) == [expected]
        await one.ainvoke("hi", config)
        list(one.stream("hi", config))
        assert sent(emu) == [expected]
        for view in (repr(one), str(one), dumps(one), repr(pickle.dumps(one)), dumps(one | (lambda x: x))):
            assert SECRET not in view
    model.invoke("hi", config, tools=[tool])
    list(model.stream("hi", config, tools=[tool]))
    model.batch(["hi"], config, extra_body={"tools": [tool]})
    assert sent(emu) == [expected]
    assert len(traces.seen) == len(told.seen) == 27
    assert SECRET not in "".join(traces.seen + told.seen)
    assert model.get_num_tokens_from_messages([], tools=[tool]) > 0
    assert SECRET not in model._get_llm_string(tools=[tool])


def test_a_lost_secret_is_missed(emu: Emulator, model: ChatDigitalOcean, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITALOCEAN_INFERENCE_KEY", emu.api_key)
    lost = pickle.loads(pickle.dumps(model.bind_tools([MCP])))
    for one in (lost, model.bind_tools([{**MCP, "authorization": "**********"}])):
        with pytest.raises(ConfigError, match=r"a tool's secret is .*, a mask: .* give the tool again"):
            one.invoke("hi")
    assert emu.posts == 0
