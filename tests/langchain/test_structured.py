"""Structured output: each method with each kind of schema, and every way in which an answer can be none."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, get_type_hints

import pytest
from langchain_core import exceptions
from langchain_core.exceptions import ModelError, OutputParserException
from langchain_core.tools import tool
from pydantic import BaseModel, Field
from pydantic.v1 import BaseModel as BaseModelV1
from typing_extensions import TypedDict

from inference_do import ConfigError, InferenceError
from inference_do.emulator import Emulator, Quirks
from langchain_do import ChatDigitalOcean

Make = Callable[..., ChatDigitalOcean]


@tool
def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"Sunny in {city}."


class Inner(BaseModel):
    code: str = "x"


class City(BaseModel):
    """A city."""

    name: str = Field(description="its name")
    inner: Inner | None = None


class CityV1(BaseModelV1):
    """A city."""

    name: str


class CityDict(TypedDict):
    """A city."""

    name: str


JSON_SCHEMA = {
    "title": "City",
    "description": "A city.",
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
}
OPENAI = {"name": "City", "description": "A city.", "parameters": JSON_SCHEMA}
FORMAT = {"name": "City", "schema": JSON_SCHEMA, "strict": False}
METHODS = ["function_calling", "json_schema", "json_mode"]


def script(emu: Emulator, method: str, text: str = '{"name": "Paris"}') -> None:
    if method == "function_calling":
        emu.reply(tool_calls=[("City", text)])
    else:
        emu.reply(text)


def sent(emu: Emulator) -> dict[str, Any]:
    return emu.requests[-1].json


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("schema", [City, CityV1, CityDict, JSON_SCHEMA, OPENAI], ids=str)
async def test_answers(emu: Emulator, model: ChatDigitalOcean, method: Any, schema: Any) -> None:
    structured = model.with_structured_output(schema, method=method)
    for how in ("invoke", "ainvoke", "stream"):
        name = "CityV1" if schema is CityV1 else "CityDict" if schema is CityDict else "City"
        if method == "function_calling":
            emu.reply(tool_calls=[(name, {"name": "Paris"})])
        else:
            emu.reply('{"name": "Paris"}')
        match how:
            case "invoke":
                answer = structured.invoke("which?")
            case "ainvoke":
                answer = await structured.ainvoke("which?")
            case _:
                answer = list(structured.stream("which?"))[-1]
        if isinstance(schema, type) and issubclass(schema, BaseModel | BaseModelV1):
            assert isinstance(answer, schema)
            assert answer.name == "Paris"
        else:
            assert answer == {"name": "Paris"}
        assert "ls_structured_output_format" not in sent(emu)


def test_what_is_asked(emu: Emulator, model: ChatDigitalOcean) -> None:
    model.with_structured_output(City, method="function_calling").invoke("Tell me of the city Paris")
    assert sent(emu)["tool_choice"] == "required"
    assert [tool["function"]["name"] for tool in sent(emu)["tools"]] == ["City"]
    assert sent(emu)["tools"][0]["function"]["description"] == "A city."
    model.with_structured_output(City, method="json_schema").invoke("Tell me of the city Paris")
    form = sent(emu)["response_format"]["json_schema"]
    assert (form["name"], form["description"], "strict" in form) == ("City", "A city.", False)
    model.with_structured_output(FORMAT, method="json_schema").invoke("Tell me of the city Paris")
    assert sent(emu)["response_format"]["json_schema"] == FORMAT
    script(emu, "json_mode")
    model.with_structured_output(None, method="json_mode").invoke("a city as JSON")
    assert sent(emu)["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_strict_closes_the_schema_all_the_way_down(emu: Emulator, model: ChatDigitalOcean, method: Any) -> None:
    model.with_structured_output(City, method=method, strict=True).invoke("Tell me of the city Paris")
    if method == "json_schema":
        form = sent(emu)["response_format"]["json_schema"]
        schema = form["schema"]
    else:
        form = sent(emu)["tools"][0]["function"]
        schema = form["parameters"]
    assert form["strict"] is True
    assert schema["required"] == ["name", "inner"]
    inner = next(item for item in schema["properties"]["inner"]["anyOf"] if item["type"] == "object")
    assert (inner["additionalProperties"], inner["required"]) == (False, ["code"])


def test_default_method_follows_the_profile(emu: Emulator, make: Make) -> None:
    make(model="qwen3.8-max").with_structured_output(City).invoke("the city Paris")
    assert "response_format" in sent(emu)
    make(model="llama3.3-70b-instruct").with_structured_output(City).invoke("the city Paris")
    assert "tools" in sent(emu)
    make(profile={"structured_output": True}).with_structured_output(City).invoke("the city Paris")
    assert "response_format" in sent(emu)


@pytest.mark.parametrize(
    ("arguments", "detail"),
    [
        ({"schema": None}, "needs a schema"),
        ({"schema": City, "method": "yaml"}, "'yaml'"),
        ({"schema": City, "method": "json_mode", "strict": True}, "strict"),
        ({"schema": {"type": "object", "properties": {}}, "method": "json_schema"}, "needs a title"),
        ({"schema": {"type": "object", "properties": {}}, "method": "function_calling"}, "needs a title"),
    ],
)
def test_wrong_arguments(model: ChatDigitalOcean, arguments: dict[str, Any], detail: str) -> None:
    with pytest.raises(ConfigError, match=detail):
        model.with_structured_output(**arguments)


def test_json_mode_takes_a_schema_without_a_title(emu: Emulator, model: ChatDigitalOcean) -> None:
    emu.reply('{"name": "Rome"}')
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    assert model.with_structured_output(schema, method="json_mode").invoke("JSON, please") == {"name": "Rome"}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("schema", [City, JSON_SCHEMA], ids=["class", "dict"])
def test_refusal_is_raised(emu: Emulator, model: ChatDigitalOcean, method: Any, schema: Any) -> None:
    emu.reply(message={"content": None, "refusal": "I will not."})
    with pytest.raises(ModelError, match="I will not") as caught:
        model.with_structured_output(schema, method=method).invoke("bad")
    assert isinstance(caught.value, InferenceError)
    assert caught.value.is_retryable is False
    emu.reply(message={"content": None, "refusal": "I will not."})
    result = model.with_structured_output(schema, method=method, include_raw=True).invoke("bad")
    assert result["parsed"] is None
    assert "I will not" in str(result["parsing_error"])
    assert result["raw"].additional_kwargs["refusal"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("schema", [City, JSON_SCHEMA], ids=["class", "dict"])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("reason", ["length", "stop"])
def test_a_cut_answer_is_no_answer(
    emu: Emulator, model: ChatDigitalOcean, method: Any, schema: Any, reason: str, *, streamed: bool
) -> None:
    """LangChain's parsers would close the JSON and return half of it."""
    text = '{"name": "Par'
    if method == "function_calling":
        emu.reply(tool_calls=[("City", text)], finish_reason=reason)
    else:
        emu.reply(text, finish_reason=reason)
    structured = model.with_structured_output(schema, method=method)
    with pytest.raises(OutputParserException):
        list(structured.stream("x")) if streamed else structured.invoke("x")


def test_broken_arguments_are_no_answer(emu: Emulator, model: ChatDigitalOcean) -> None:
    emu.reply(tool_calls=[("City", "{name: Paris}")])
    with pytest.raises(OutputParserException, match="'City'"):
        model.with_structured_output(JSON_SCHEMA, method="function_calling").invoke("x")


@pytest.mark.parametrize("method", METHODS)
def test_include_raw(emu: Emulator, model: ChatDigitalOcean, method: Any) -> None:
    structured = model.with_structured_output(City, method=method, include_raw=True)
    script(emu, method)
    good = structured.invoke("x")
    assert (good["parsed"], good["parsing_error"]) == (City(name="Paris"), None)
    script(emu, method, '{"nom": "Paris"}')
    bad = structured.invoke("x")
    assert bad["parsed"] is None
    assert "name" in str(bad["parsing_error"])


def test_further_arguments_go_along(emu: Emulator, model: ChatDigitalOcean) -> None:
    model.with_structured_output(City, method="json_schema", temperature=0.2).invoke("the city Paris")
    assert sent(emu)["temperature"] == 0.2


@pytest.mark.parametrize("schema", [City, JSON_SCHEMA], ids=["class", "dict"])
@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
def test_tools_beside_a_schema(emu: Emulator, model: ChatDigitalOcean, method: Any, schema: Any) -> None:
    structured = model.with_structured_output(schema, method=method, tools=[get_weather], include_raw=True)
    called = structured.invoke("What is the weather in Paris?")
    assert sent(emu)["tools"][0]["function"]["name"] == "get_weather"
    assert "response_format" in sent(emu)
    assert called["raw"].tool_calls[0]["args"] == {"city": "Paris"}
    assert (called["parsed"], called["parsing_error"]) == (None, None)
    script(emu, method)
    answered = structured.invoke("which?")
    assert answered["parsed"] in ({"name": "Paris"}, City(name="Paris"))


@pytest.mark.parametrize(
    ("arguments", "detail"),
    [
        ({"method": "function_calling", "tools": [{"name": "f"}], "include_raw": True}, "one tool"),
        ({"method": "json_schema", "tools": [{"name": "f"}]}, "include_raw"),
        ({"method": "json_schema", "response_format": {"type": "text"}}, "response_format"),
    ],
    ids=["tools of tools", "tools without raw", "another format"],
)
def test_arguments_that_would_replace_the_schema(
    model: ChatDigitalOcean, arguments: dict[str, Any], detail: str
) -> None:
    with pytest.raises(ConfigError, match=detail):
        model.with_structured_output(City, **arguments)


def test_a_model_that_cannot_be_forced(emu: Emulator, model: ChatDigitalOcean) -> None:
    structured = model.with_structured_output(City, method="function_calling", tool_choice="auto", tools=[])
    script(emu, "function_calling")
    assert structured.invoke("which?") == City(name="Paris")
    assert sent(emu)["tool_choice"] == "auto"
    for ask in (structured.invoke, lambda text: list(structured.stream(text))):
        emu.reply("Paris, of course.")
        with pytest.raises(OutputParserException, match="did not call the tool"):
            ask("which?")


@pytest.mark.parametrize("method", METHODS)
def test_what_a_filter_withheld_is_a_refusal(emu: Emulator, model: ChatDigitalOcean, method: Any) -> None:
    emu.reply("", finish_reason="content_filter")
    with pytest.raises(ModelError, match="content_filter") as caught:
        model.with_structured_output(City, method=method).invoke("bad")
    assert caught.value.raw_message.response_metadata["finish_reason"] == "content_filter"


def test_refusal_error_has_the_class_and_message_of_core(emu: Emulator, model: ChatDigitalOcean) -> None:
    refusal_error = getattr(exceptions, "ModelRefusalError", ModelError)  # langchain-core has it from 1.7.5 on
    emu.reply(message={"content": None, "refusal": "I will not."})
    with pytest.raises(refusal_error) as caught:
        model.with_structured_output(City, method="json_schema").invoke("bad")
    assert caught.value.raw_message.additional_kwargs["refusal"] == "I will not."
    twin = pickle.loads(pickle.dumps(caught.value))
    assert (str(twin), twin.raw_message.additional_kwargs) == (str(caught.value), {"refusal": "I will not."})


@pytest.mark.parametrize(
    "text",
    ['```json\n{"name": "Paris"}\n```', '{"name": "Paris"}\n', '```\n{"name": "Paris"}\n```\nThat is it.'],
    ids=["fence", "newline", "words after"],
)
@pytest.mark.parametrize("schema", [City, JSON_SCHEMA], ids=["class", "dict"])
def test_what_stands_around_the_json(emu: Emulator, model: ChatDigitalOcean, text: str, schema: Any) -> None:
    structured = model.with_structured_output(schema, method="json_mode")
    emu.reply(text)
    assert structured.invoke("which?") in ({"name": "Paris"}, City(name="Paris"))
    emu.reply(text)
    assert list(structured.stream("which?"))[-1] in ({"name": "Paris"}, City(name="Paris"))


def test_a_stream_without_a_finish_reason(emu: Emulator, model: ChatDigitalOcean) -> None:
    emu.quirks = Quirks(no_finish_reason=True)
    structured = model.with_structured_output(JSON_SCHEMA, method="json_schema")
    emu.reply('{"name": "Paris"}')
    assert list(structured.stream("which?"))[-1] == {"name": "Paris"}
    emu.reply('{"name": "Par')
    with pytest.raises(OutputParserException, match="ends before"):
        list(structured.stream("which?"))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("schema", [City, JSON_SCHEMA], ids=["class", "dict"])
async def test_refusal_is_raised_in_streams_too(
    emu: Emulator, model: ChatDigitalOcean, method: Any, schema: Any
) -> None:
    structured = model.with_structured_output(schema, method=method)
    deltas: list[dict[str, Any]] = [{"refusal": "I will "}, {"refusal": "not."}, {}]
    choices = [{"index": 0, "delta": delta, "finish_reason": None if delta else "stop"} for delta in deltas]
    for _ in range(2):
        emu.reply(chunks=[{"model": "m", "choices": [choice]} for choice in choices])
    with pytest.raises(InferenceError, match="I will not"):
        list(structured.stream("bad"))
    with pytest.raises(InferenceError, match="I will not"):
        _ = [part async for part in structured.astream("bad")]


def test_the_types_of_its_arguments_can_be_asked_for():
    """As what makes a schema of a method does; so no type may be imported for the checker alone."""
    assert "json_schema" in str(get_type_hints(ChatDigitalOcean.with_structured_output)["method"])
