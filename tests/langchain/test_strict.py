"""`strict=True` and names of any kind: sent as the API takes them, or refused; names come back as they were."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import StructuredTool
from pydantic import BaseModel, Field

from inference_do import ConfigError
from inference_do.emulator import Emulator
from langchain_do import ChatDigitalOcean

T = TypeVar("T")


class Counts(BaseModel):
    """Words and how often they stand there."""

    counts: dict[str, int]


class Short(BaseModel):
    """A short text."""

    text: str = Field(max_length=20)


class Page(BaseModel, Generic[T]):
    """A page."""

    items: list[T]


def weather(city: str) -> str:
    """Return the weather."""
    return f"sunny in {city}"


def tool(name: str) -> StructuredTool:
    return StructuredTool.from_function(weather, name=name)


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_a_schema_without_a_strict_form_is_refused(model: ChatDigitalOcean, emu: Emulator, method: Any) -> None:
    with pytest.raises(ConfigError, match=r"the schema of 'Counts' cannot be strict: it has an object whose keys are"):
        model.with_structured_output(Counts, method=method, strict=True)
    with pytest.raises(ConfigError, match="cannot be strict"):
        model.bind_tools([Counts], strict=True)
    assert emu.posts == 0


def test_without_strict_it_is_sent_as_it_is(model: ChatDigitalOcean, emu: Emulator) -> None:
    emu.reply('{"counts": {"a": 1}}')
    assert model.with_structured_output(Counts, method="json_schema").invoke("?") == Counts(counts={"a": 1})
    sent = emu.requests[-1].json["response_format"]["json_schema"]["schema"]["properties"]["counts"]
    assert sent["additionalProperties"] == {"type": "integer"}


def test_of_a_class_narrowing_keywords_are_left_out_and_of_a_dict_they_are_refused(
    model: ChatDigitalOcean, emu: Emulator
) -> None:
    emu.reply('{"text": "short"}')
    assert model.with_structured_output(Short, method="json_schema", strict=True).invoke("?") == Short(text="short")
    form = emu.requests[-1].json["response_format"]["json_schema"]
    assert form["strict"] is True
    assert form["schema"]["properties"]["text"] == {"type": "string"}
    with pytest.raises(ConfigError, match="it has the keyword 'maxLength'"):
        model.with_structured_output(Short.model_json_schema(), method="json_schema", strict=True)


@pytest.mark.parametrize("name", ["weather.get", "x" * 70, "天気", "get weather"])
def test_a_tool_of_any_name_is_called_by_its_own(model: ChatDigitalOcean, emu: Emulator, name: str) -> None:
    bound = model.bind_tools([tool(name)], tool_choice=name)
    answer = bound.invoke("What is the weather in Paris?")
    sent = emu.requests[-1].json
    wire = sent["tools"][0]["function"]["name"]
    assert wire != name
    assert sent["tool_choice"]["function"]["name"] == wire
    assert [call["name"] for call in answer.tool_calls] == [name]
    whole = None
    for chunk in bound.stream("What is the weather in Paris?"):
        whole = chunk if whole is None else whole + chunk
    assert [call["name"] for call in whole.tool_calls] == [name]


def test_names_in_a_history_are_sent_as_the_tools_are(model: ChatDigitalOcean, emu: Emulator) -> None:
    call = {"type": "tool_call", "id": "call_1", "name": "weather.get", "args": {"city": "Paris"}}
    history = [HumanMessage("?"), AIMessage("", tool_calls=[call]), ToolMessage("sunny", tool_call_id="call_1")]
    model.bind_tools([tool("weather.get"), tool("weather_get")]).invoke(history)
    sent = emu.requests[-1].json
    names = [item["function"]["name"] for item in sent["tools"]]
    assert len(set(names)) == 2
    assert sent["messages"][1]["tool_calls"][0]["function"]["name"] == names[0] != "weather_get"


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_a_class_of_any_name_is_asked_for(model: ChatDigitalOcean, emu: Emulator, method: Any) -> None:
    if method == "function_calling":
        emu.reply(tool_calls=[("Page_int_", {"items": [1, 2]})])
    else:
        emu.reply('{"items": [1, 2]}')
    assert model.with_structured_output(Page[int], method=method).invoke("?") == Page[int](items=[1, 2])


def test_a_title_of_any_kind_is_asked_for(model: ChatDigitalOcean, emu: Emulator) -> None:
    schema = {"title": "My Answer", "type": "object", "properties": {"a": {"type": "integer"}}}
    emu.reply(tool_calls=[("My_Answer", {"a": 1})])
    assert model.with_structured_output(schema, method="function_calling").invoke("?") == {"a": 1}
    assert emu.requests[-1].json["tools"][0]["function"]["name"] == "My_Answer"
