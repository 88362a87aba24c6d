"""At its end a stream of structured output is judged as a whole answer is."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.exceptions import OutputParserException
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.v1 import BaseModel as BaseModelV1
from typing_extensions import TypedDict

from inference_do import InferenceError
from inference_do.emulator import Emulator
from langchain_do import ChatDigitalOcean

Make = Callable[..., ChatDigitalOcean]
METHODS = ["function_calling", "json_schema", "json_mode"]
FORMS = ["invoke", "ainvoke", "stream", "astream"]


class City(BaseModel):
    """A city."""

    model_config = ConfigDict(extra="forbid")
    name: str
    people: int = Field(default=1, ge=0)


class CityV1(BaseModelV1):
    name: str
    people: int = 1

    class Config:
        extra = "forbid"
        title = "City"


class CityDict(TypedDict):
    """A city."""

    name: str
    people: int


CityDict.__name__ = "City"
SCHEMA = {
    "title": "City",
    "type": "object",
    "properties": {"name": {"type": "string"}, "people": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}
SCHEMAS = {"class": City, "v1": CityV1, "TypedDict": CityDict, "dict": SCHEMA}
BREAKING = {
    "missing": '{"people": 3}',
    "wrong type": '{"name": "Paris", "people": "many"}',
    "another name": '{"nom": "Paris", "people": 3}',
}
ERRORS = (OutputParserException, ValidationError, ValueError)


def script(emu: Emulator, method: str, text: str, *, name: str = "City", **details: Any) -> None:
    if method == "function_calling":
        emu.reply(tool_calls=[(name, text)], **details)
    else:
        emu.reply(text, **details)


async def ask(structured: Any, form: str) -> Any:
    match form:
        case "invoke":
            return structured.invoke("?")
        case "ainvoke":
            return await structured.ainvoke("?")
        case "stream":
            return list(structured.stream("?"))[-1]
        case _:
            return [item async for item in structured.astream("?")][-1]


@pytest.mark.parametrize("broken", BREAKING)
@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("method", METHODS)
async def test_an_answer_that_breaks_its_schema_is_an_error(
    emu: Emulator, model: ChatDigitalOcean, method: Any, schema: str, broken: str
) -> None:
    structured = model.with_structured_output(SCHEMAS[schema], method=method)
    kinds = set()
    for form in FORMS:
        script(emu, method, BREAKING[broken])
        with pytest.raises(ERRORS) as caught:
            await ask(structured, form)
        kinds.add((type(caught.value), str(caught.value)))
    assert len(kinds) == 1


@pytest.mark.parametrize("broken", ['{"name": "Paris", "people": -1}', '{"name": "Paris", "extra": 1}'])
@pytest.mark.parametrize("schema", ["class", "dict"])
@pytest.mark.parametrize("method", METHODS)
async def test_no_earlier_part_is_left_as_the_last_word(
    emu: Emulator, model: ChatDigitalOcean, method: Any, schema: str, broken: str
) -> None:
    """Its beginning fits, and was yielded; so the end must say that the whole does not."""
    structured = model.with_structured_output(SCHEMAS[schema], method=method)
    for stream in ("stream", "astream"):
        script(emu, method, broken)
        with pytest.raises(ERRORS, match=r"people|extra"):
            await ask(structured, stream)


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("method", METHODS)
async def test_raw_parsed_and_error_are_there_in_every_form(
    emu: Emulator, model: ChatDigitalOcean, method: Any, schema: str
) -> None:
    structured = model.with_structured_output(SCHEMAS[schema], method=method, include_raw=True)
    for form in FORMS:
        script(emu, method, BREAKING["missing"])
        bad = await ask(structured, form)
        assert bad["parsed"] is None
        assert isinstance(bad["parsing_error"], ERRORS)
        assert bad["raw"].response_metadata["finish_reason"]
        script(emu, method, '{"name": "Paris", "people": 3}')
        good = await ask(structured, form)
        assert good["parsing_error"] is None
        assert (good["parsed"] if isinstance(good["parsed"], dict) else dict(good["parsed"])) == {
            "name": "Paris",
            "people": 3,
        }


@pytest.mark.parametrize("method", METHODS)
async def test_parts_come_before_the_whole(emu: Emulator, model: ChatDigitalOcean, method: Any) -> None:
    for schema in (SCHEMA, CityDict):
        structured = model.with_structured_output(schema, method=method)
        script(emu, method, '{"name": "Paris on the Seine", "people": 3}')
        found = list(structured.stream("?"))
        assert len(found) > 2
        assert all("Paris on the Seine".startswith(item.get("name", "")) for item in found)
        assert found[-1] == {"name": "Paris on the Seine", "people": 3}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("settings", [{"disable_streaming": True}, {"streaming": False}, {"n": 2}], ids=str)
async def test_models_that_do_not_stream_are_judged_alike(
    emu: Emulator, make: Make, method: Any, settings: dict[str, Any]
) -> None:
    structured = make(**settings).with_structured_output(City, method=method)
    for form in ("stream", "astream"):
        script(emu, method, '{"name": "Paris"}')
        assert await ask(structured, form) == City(name="Paris")
        script(emu, method, BREAKING["missing"])
        with pytest.raises(ERRORS):
            await ask(structured, form)


TEXTS = {
    "thinking": '<think>perhaps {"name": "Rome"}</think>\n{"name": "Paris"}',
    "brackets and a fence": 'Here is the JSON [as requested]:\n```json\n{"name": "Paris"}\n```',
    "prose": 'As [1] says, it is {"name": "Paris"}.',
    "a call in words": '{"type": "function", "name": "City", "parameters": {"name": "Paris"}}',
    "a raw newline": '{"name":\n"Paris"}',
}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
@pytest.mark.parametrize("schema", ["class", "dict"])
async def test_the_json_is_found_in_a_text(
    emu: Emulator, model: ChatDigitalOcean, method: Any, schema: str, text: str
) -> None:
    structured = model.with_structured_output(SCHEMAS[schema], method=method)
    for form in FORMS:
        emu.reply(TEXTS[text])
        assert await ask(structured, form) in ({"name": "Paris"}, City(name="Paris"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"name": "Paris",}', "a comma before '}'"),
        ('<think>{"name": "Paris"}', "there is no JSON"),
        ('{"name": "Par', "ends before its JSON"),
        ('{"type": "function", "name": "Town", "parameters": {"name": "Paris"}}', "called 'Town' instead of 'City'"),
    ],
)
async def test_what_is_wrong_with_a_text_is_said(emu: Emulator, model: ChatDigitalOcean, text: str, said: str) -> None:
    structured = model.with_structured_output(City, method="json_schema")
    for form in FORMS:
        emu.reply(text)
        with pytest.raises(OutputParserException, match=said):
            await ask(structured, form)


@pytest.mark.parametrize("method", METHODS)
async def test_the_limit_and_a_filter_are_named(emu: Emulator, model: ChatDigitalOcean, method: Any) -> None:
    structured = model.with_structured_output(City, method=method)
    for form in FORMS:
        script(emu, method, '{"name": "Par', finish_reason="length")
        with pytest.raises(OutputParserException, match="cut off by the token limit"):
            await ask(structured, form)
        script(emu, method, '{"name": "Par', finish_reason="content_filter")
        with pytest.raises(InferenceError, match="content_filter"):
            await ask(structured, form)


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_the_call_of_another_tool_is_an_error(emu: Emulator, model: ChatDigitalOcean, schema: str) -> None:
    structured = model.with_structured_output(SCHEMAS[schema], method="function_calling")
    for form in FORMS:
        script(emu, "function_calling", '{"name": "Paris", "people": 3}', name="Town")
        with pytest.raises(OutputParserException, match="called 'Town' instead of 'City'"):
            await ask(structured, form)


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_its_own_call_counts_beside_others(emu: Emulator, model: ChatDigitalOcean, schema: str) -> None:
    structured = model.with_structured_output(SCHEMAS[schema], method="function_calling")
    paris, rome = {"name": "Paris", "people": 3}, {"name": "Rome", "people": 2}
    for form in FORMS:
        emu.reply("Well, here it is.", tool_calls=[("search", {}), ("City", paris), ("City", rome)])
        found = await ask(structured, form)
        assert (found if isinstance(found, dict) else dict(found)) == paris


@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
async def test_a_call_of_a_tool_that_was_not_given_is_an_error(
    emu: Emulator, model: ChatDigitalOcean, method: Any
) -> None:
    structured = model.with_structured_output(SCHEMA, method=method)
    for form in FORMS:
        emu.reply(tool_calls=[("search", {"q": "Paris"})])
        with pytest.raises(OutputParserException, match="called 'search'"):
            await ask(structured, form)


def test_a_parser_can_be_pickled(model: ChatDigitalOcean) -> None:
    for schema in (City, SCHEMA):
        parser = model.with_structured_output(schema, method="json_schema").last
        assert dict(pickle.loads(pickle.dumps(parser)).parse('{"name": "Paris"}'))["name"] == "Paris"


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_a_long_answer_is_parsed_now_and_then(emu: Emulator, method: Any) -> None:
    class Notes(BaseModel):
        items: list[str]

    items = ["abcdefghi"] * 1_500
    if method == "function_calling":
        emu.reply(tool_calls=[("Notes", {"items": items})])
    else:
        emu.reply(json.dumps({"items": items}))
    model = ChatDigitalOcean(model="gemma-4-31B-it", base_url=emu.base_url, api_key=emu.api_key)
    yielded = list(model.with_structured_output(Notes, method=method).stream("as JSON"))
    assert yielded[-1] == Notes(items=items)
    assert 50 < len(yielded) < 1_000  # of about 5,000 chunks
