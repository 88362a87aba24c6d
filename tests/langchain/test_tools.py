"""Tools: every form they may have, every choice, and calls there and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from inference_do import ConfigError
from inference_do.emulator import Emulator, RawBody, RawStream
from langchain_do import ChatDigitalOcean


@tool
def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"Sunny in {city}."


def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


class Lookup(BaseModel):
    """Look a word up."""

    word: str = Field(description="the word")


class Note(TypedDict):
    """Write a note."""

    text: str


ANTHROPIC = {"name": "pick", "description": "Pick.", "input_schema": {"type": "object", "properties": {}}}
SCHEMA = {"title": "count", "description": "Count.", "type": "object", "properties": {"n": {"type": "integer"}}}
NAMED = {"type": "function", "function": {"name": "get_weather"}}


FLAT = {"type": "function", "name": "flat", "description": "Flat.", "parameters": {"type": "object", "properties": {}}}
BARE = {"name": "bare", "description": "No parameters."}


def sent(emu: Emulator) -> dict[str, Any]:
    return emu.requests[-1].json


def test_forms_of_tools(emu: Emulator, model: ChatDigitalOcean) -> None:
    search_tool = {"type": "web_search", "max_uses": 1}
    model.bind_tools([get_weather, add, Lookup, Note, ANTHROPIC, SCHEMA, FLAT, BARE, search_tool]).invoke("-")
    *functions, search = sent(emu)["tools"]
    names = [item["function"]["name"] for item in functions]
    assert names == ["get_weather", "add", "Lookup", "Note", "pick", "count", "flat", "bare"]
    assert all(item["type"] == "function" for item in functions)
    assert functions[2]["function"]["parameters"]["properties"]["word"]["description"] == "the word"
    assert search == {"type": "web_search", "max_uses": 1}
    assert "tool_choice" not in sent(emu)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("get_weather", NAMED),
        ("any", "required"),
        ("required", "required"),
        (True, "required"),
        ("auto", "auto"),
        ("none", "none"),
        (None, None),
        (False, None),
        (NAMED, NAMED),
        ({"type": "tool", "name": "get_weather"}, NAMED),
        ({"type": "any"}, "required"),
        ({"type": "auto", "disable_parallel_tool_use": True}, "auto"),
    ],
)
@pytest.mark.parametrize("how", ["bind_tools", "call"])
def test_tool_choice(emu: Emulator, model: ChatDigitalOcean, choice: Any, expected: Any, how: str) -> None:
    if how == "bind_tools":
        model.bind_tools([get_weather, add], tool_choice=choice).invoke("hello")
    else:
        model.invoke("hello", tools=[get_weather, add], tool_choice=choice)
    assert sent(emu).get("tool_choice") == expected


@pytest.mark.parametrize("choice", ["get_wether", {"function": {"name": "x"}}, 7, {}])
def test_wrong_choice_is_refused(model: ChatDigitalOcean, choice: Any) -> None:
    with pytest.raises(ConfigError, match="tool_choice"):
        model.bind_tools([get_weather], tool_choice=choice)


@pytest.mark.parametrize("tool", [7, {"type": "object", "properties": {}}, "add"], ids=["number", "untitled", "name"])
def test_what_is_no_tool_is_refused(model: ChatDigitalOcean, tool: Any) -> None:
    with pytest.raises(ConfigError, match="is no tool or schema"):
        model.bind_tools([tool])


def test_strict_and_parallel(emu: Emulator, model: ChatDigitalOcean) -> None:
    model.bind_tools([add], strict=True, parallel_tool_calls=False).invoke("add 1 and 2")
    function = sent(emu)["tools"][0]["function"]
    assert function["strict"] is True
    assert function["parameters"]["additionalProperties"] is False
    assert function["parameters"]["required"] == ["a", "b"]
    assert sent(emu)["parallel_tool_calls"] is False
    model.bind_tools([add], strict=False).invoke("hi")
    assert sent(emu)["tools"][0]["function"]["strict"] is False


def test_no_tools_leave_no_trace(emu: Emulator, model: ChatDigitalOcean) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "properties": {}}}}
    bound = model.bind_tools([], tool_choice="any", parallel_tool_calls=True, response_format=form)
    bound.invoke("hi")
    assert set(sent(emu)) == {"model", "messages", "response_format"}


def test_parallel_setting_waits_for_tools(emu: Emulator) -> None:
    model = ChatDigitalOcean(
        model="llama3.3-70b-instruct", api_key=emu.api_key, base_url=emu.base_url, parallel_tool_calls=False
    )
    model.invoke("hi")
    assert "parallel_tool_calls" not in sent(emu)
    model.bind_tools([add]).invoke("hi")
    assert sent(emu)["parallel_tool_calls"] is False


@pytest.mark.parametrize("streamed", [False, True])
def test_a_round(emu: Emulator, model: ChatDigitalOcean, *, streamed: bool) -> None:
    bound = model.bind_tools([get_weather])
    question = HumanMessage("What is the weather in Paris and Rome?")
    if streamed:
        first, *rest = bound.stream([question])
        answer = first + rest
    else:
        answer = bound.invoke([question])
    assert [call["args"] for call in answer.tool_calls] == [{"city": "Paris"}, {"city": "Rome"}]
    results = [get_weather.invoke(call) for call in answer.tool_calls]
    assert all(isinstance(result, ToolMessage) for result in results)
    final = bound.invoke([question, answer, *results])
    assert final.text == "The answer is: Sunny in Paris.; Sunny in Rome."


def test_tool_without_arguments(emu: Emulator, model: ChatDigitalOcean) -> None:
    emu.reply(tool_calls=[("now", "")])
    assert model.invoke("time?").tool_calls[0]["args"] == {}


@pytest.mark.parametrize("arguments", ["[1]", '"x"', "{", "nope"])
def test_arguments_that_are_no_object(emu: Emulator, model: ChatDigitalOcean, arguments: str) -> None:
    emu.reply(tool_calls=[("f", arguments), ("g", {"a": 1})])
    answer = model.invoke("x")
    assert [call["name"] for call in answer.tool_calls] == ["g"]
    (call,) = answer.invalid_tool_calls
    assert (call["name"], call["args"]) == ("f", arguments)
    assert call["id"]


EPHEMERAL = {"type": "ephemeral"}


@pytest.mark.parametrize(("name", "marks"), [("anthropic-claude-4.5-sonnet", 3), ("llama3.3-70b-instruct", 0)])
def test_cache_marks_of_tools_are_for_anthropic_models(
    emu: Emulator, model: ChatDigitalOcean, name: str, marks: int
) -> None:
    @tool(extras={"cache_control": EPHEMERAL})
    def get_time(city: str) -> str:
        """Tell the time of a city."""
        return f"Noon in {city}."

    formed = {"type": "function", "function": {"name": "formed"}, "cache_control": EPHEMERAL}
    bound = model.bind_tools([get_weather, get_time, {**ANTHROPIC, "cache_control": EPHEMERAL}, formed])
    bound.invoke("-", model=name)
    tools = sent(emu)["tools"]
    assert [item["cache_control"] for item in tools if "cache_control" in item] == [EPHEMERAL] * marks
    assert [item["function"]["name"] for item in tools] == ["get_weather", "get_time", "pick", "formed"]


@pytest.mark.parametrize("how", ["bind_tools", "call"])
def test_strict_is_for_tools_and_answers(emu: Emulator, model: ChatDigitalOcean, how: str) -> None:
    if how == "bind_tools":
        model.bind_tools([add], strict=True, response_format=Lookup).invoke("hi")
        assert sent(emu)["response_format"]["json_schema"]["strict"] is True
    else:
        model.invoke("hi", tools=[add], strict=True)
    assert sent(emu)["tools"][0]["function"]["strict"] is True
    assert "strict" not in sent(emu)


@pytest.mark.parametrize("streamed", [False, True])
def test_further_facts_of_a_choice_are_kept(emu: Emulator, model: ChatDigitalOcean, *, streamed: bool) -> None:
    """vLLM says by `stop_reason` which of the stop texts ended an answer."""
    if streamed:
        head, tail = {"index": 0, "delta": {"content": "hi"}}, {"index": 0, "delta": {}, "finish_reason": "stop"}
        chunks = [{"choices": [{**head, "stop_reason": None}]}, {"choices": [{**tail, "stop_reason": "END"}]}]
        emu.script(RawStream([b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks]))
        first, *rest = model.stream("x")
        answer = first + rest
    else:
        choice = {"message": {"content": "hi"}, "finish_reason": "stop", "stop_reason": "END"}
        emu.script(RawBody(json.dumps({"choices": [choice]}).encode()))
        answer = model.invoke("x")
    assert answer.response_metadata["stop_reason"] == "END"
    assert answer.response_metadata["finish_reason"] == "stop"


def test_a_strict_function_that_a_caller_wrote_is_closed(emu: Emulator, model: ChatDigitalOcean) -> None:
    parameters = {"type": "object", "properties": {"n": {"type": "integer", "default": 1}}}
    written = {"type": "function", "function": {"name": "f", "strict": True, "parameters": parameters}}
    before = json.dumps(written)
    model.bind_tools([written]).invoke("hi")
    assert sent(emu)["tools"][0]["function"]["parameters"] == {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    assert json.dumps(written) == before
