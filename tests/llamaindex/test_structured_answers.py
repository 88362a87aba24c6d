"""What a model may answer instead of the object: a call in words, another tool, prose around it, half of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.prompts import PromptTemplate
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, RootModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference_do.emulator import Emulator
    from llamaindex_do import DigitalOcean

    Make = Callable[..., DigitalOcean]

NATIVE, BY_CALL = "gemma-4-31B-it", "llama3.3-70b-instruct"
PROMPT = PromptTemplate("Which?")
FORMS = ["whole", "async", "streamed", "async streamed"]


class Filter(BaseModel):
    """A filter."""

    year: int | None = None
    genre: str | None = Field(default=None, max_length=10)


class Person(BaseModel):
    """Has a field of the name that a call has, too."""

    name: str
    age: int | None = None


class Call(BaseModel):
    """Looks like a call itself."""

    name: str
    arguments: dict[str, int]


class Numbers(RootModel[list[int]]):
    pass


async def ask(llm: DigitalOcean, cls: type[BaseModel], form: str) -> list[Any]:
    match form:
        case "whole":
            return [llm.structured_predict(cls, PROMPT)]
        case "async":
            return [await llm.astructured_predict(cls, PROMPT)]
        case "streamed":
            return list(llm.stream_structured_predict(cls, PROMPT))
        case _:
            return [item async for item in await llm.astream_structured_predict(cls, PROMPT)]


CALLS: dict[str, str] = {
    "parameters": '{"type": "function", "name": "%s", "parameters": %s}',
    "arguments": '{"name": "%s", "arguments": %s}',
    "function": '{"type": "function", "function": {"name": "%s", "arguments": %s}}',
    "function as a name": '{"function": "%s", "parameters": %s}',
    "input": '{"type": "tool_use", "id": "1", "name": "%s", "input": %s}',
    "action": '{"action": "%s", "action_input": %s}',
    "a list": '[{"name": "%s", "args": %s}]',
    "tags": '<tool_call>\n{"name": "%s", "arguments": %s}\n</tool_call>',
    "prose": 'I will call it: ```json\n{"name": "%s", "parameters": %s}\n```',
    "the name as a key": '{"%s": %s}',
    "a list of calls": '{"tool_calls": [{"type": "function", "function": {"name": "%s", "arguments": %s}}]}',
    "one tool call": '{"tool_call": {"name": "%s", "arguments": %s}}',
    "function_call": '{"function_call": {"name": "%s", "arguments": %s}}',
    "a namespace": '{"recipient_name": "functions.%s", "parameters": %s}',
    "any other name": '{"type": "function", "name": "%s", "payload": %s}',
}


def call(form: str, name: str, arguments: str) -> str:
    if form == "arguments first":
        return f'{{"parameters": {arguments}, "name": "{name}"}}'
    return CALLS[form] % (name, arguments)


@pytest.mark.parametrize("model", [BY_CALL, NATIVE])
@pytest.mark.parametrize("form", [*CALLS, "arguments first"])
async def test_a_call_in_words_is_unwrapped(make: Make, emu: Emulator, form: str, model: str) -> None:
    llm = make(model)
    for way in FORMS:
        emu.reply(call(form, "Filter", '{"year": 1999}'))
        found = await ask(llm, Filter, way)
        assert found[-1] == Filter(year=1999)
        assert all(item.year in (None, 1999, 1, 19, 199) for item in found)
        emu.reply(call(form, "Person", '{"name": "Ada", "age": 36}'))
        found = await ask(llm, Person, way)
        assert found[-1] == Person(name="Ada", age=36)
        assert all("Ada".startswith(item.name or "") for item in found)
    await llm.aclose()


async def test_arguments_may_be_a_text(make: Make, emu: Emulator) -> None:
    llm = make(BY_CALL)
    for way in FORMS:
        emu.reply(r'{"name": "Filter", "arguments": "{\"year\": 1999}"}')
        assert (await ask(llm, Filter, way))[-1] == Filter(year=1999)
        emu.reply('{"type": "function", "name": "Filter"}')
        assert (await ask(llm, Filter, way))[-1] == Filter()
    await llm.aclose()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (call("parameters", "Search", '{"year": 1999}'), "called 'Search' instead of 'Filter'"),
        (call("arguments", "search", '{"year": 1999}'), "called 'search' instead of 'Filter'"),
        (call("parameters", "Filter", '{"year": "soon"}'), "year"),
        (call("parameters", "Filter", '{"genre": "much too long a genre"}'), "genre"),
        ('{"name": "Filter", "arguments": "{\\"year\\": "}', "ends before its JSON"),
        ('{"filter_by": {"year": 1999}}', "none of its fields"),
        ('{"result": {"year": 1999}}', "none of its fields"),
        ('{"title": "Filter", "type": "object", "properties": {"year": {"type": "integer"}}}', "none of its fields"),
        ('{"type": "object", "properties": {"year": 1999}}', "none of its fields"),
    ],
)
@pytest.mark.parametrize("model", [BY_CALL, NATIVE])
async def test_a_call_of_something_else_is_an_error(
    make: Make, emu: Emulator, model: str, text: str, said: str
) -> None:
    llm = make(model)
    for way in FORMS:
        emu.reply(text)
        with pytest.raises(ValueError, match=said):
            await ask(llm, Filter, way)
    await llm.aclose()


class Titled(BaseModel):
    title: str
    year: int | None = None


class Free(BaseModel):
    model_config = ConfigDict(extra="allow")

    year: int | None = None


class Spelled(BaseModel):
    year: int | None = Field(default=None, validation_alias=AliasChoices("year", "jahr"))


class Counts(RootModel[dict[str, int]]):
    pass


@pytest.mark.parametrize("model", [BY_CALL, NATIVE])
async def test_the_schema_is_no_object_of_it(make: Make, emu: Emulator, model: str) -> None:
    llm = make(model)
    for way in FORMS:
        emu.reply('{"title": "Titled", "type": "object", "properties": {"title": {"type": "string"}}}')
        with pytest.raises(ValueError, match="none of its fields"):
            await ask(llm, Titled, way)
    await llm.aclose()


async def test_arguments_of_a_call_inside_its_arguments_are_unwrapped(make: Make, emu: Emulator) -> None:
    llm = make(BY_CALL)
    for way in FORMS:
        emu.reply(tool_calls=[("Filter", {"Filter": {"year": 1999}})])
        assert (await ask(llm, Filter, way))[-1] == Filter(year=1999)
        emu.reply(tool_calls=[("Filter", {"name": "Filter", "parameters": {"year": 1999}})])
        assert (await ask(llm, Filter, way))[-1] == Filter(year=1999)
        emu.reply(tool_calls=[("Filter", {"filters": {"year": 1999}})])
        with pytest.raises(ValueError, match="none of its fields"):
            await ask(llm, Filter, way)
    await llm.aclose()


@pytest.mark.parametrize("model", [BY_CALL, NATIVE])
@pytest.mark.parametrize(
    ("text", "right"),
    [
        ('{"genre": "jazz"}', Free(genre="jazz")),  # type: ignore[call-arg]
        ('{"jahr": 1999}', Spelled(year=1999)),
        ('{"a": 1}', Counts({"a": 1})),
        ("{}", Filter()),
    ],
)
async def test_free_keys_and_other_names_are_fields(
    make: Make, emu: Emulator, model: str, text: str, right: BaseModel
) -> None:
    llm = make(model)
    for way in FORMS:
        emu.reply(text)
        assert (await ask(llm, type(right), way))[-1] == right
    await llm.aclose()


async def test_a_long_object_is_read_now_and_then(make: Make, emu: Emulator) -> None:
    """Each partial object is made of all that has come: one for each of the chunks would take quadratic time."""
    numbers = list(range(5000))
    for model in (NATIVE, BY_CALL):
        emu.reply(json.dumps({"all": numbers}))
        llm = make(model)
        found = await ask(llm, Listed, "streamed")
        lengths = [len(item.all or ()) for item in found]
        assert lengths == sorted(lengths)
        assert (len(set(lengths)) > 20, found[-1]) == (True, Listed(all=numbers))
        assert len(found) < 1000
        await llm.aclose()


class Listed(BaseModel):
    all: list[int]


async def test_an_object_with_the_fields_of_a_call_is_itself(make: Make, emu: Emulator) -> None:
    for model in (NATIVE, BY_CALL):
        llm = make(model)
        for way in FORMS:
            emu.reply('{"name": "add", "arguments": {"a": 1}}')
            assert (await ask(llm, Call, way))[-1] == Call(name="add", arguments={"a": 1})
            emu.reply('{"name": "add", "arguments": {"a": 1}, "id": "more than was asked for"}')
            assert (await ask(llm, Call, way))[-1] == Call(name="add", arguments={"a": 1})
        await llm.aclose()


async def test_the_call_of_another_tool_is_an_error(make: Make, emu: Emulator) -> None:
    llm = make(BY_CALL)
    for way in FORMS:
        emu.reply(tool_calls=[("Search", {"year": 1999})])
        with pytest.raises(ValueError, match="called 'Search' instead of 'Filter'"):
            await ask(llm, Filter, way)
    await llm.aclose()


async def test_its_own_call_counts_beside_others_and_beside_text(make: Make, emu: Emulator) -> None:
    llm = make(BY_CALL)
    for way in FORMS:
        emu.reply('{"year": 1}', tool_calls=[("Search", {"year": 2}), ("Filter", {"year": 3}), ("Filter", {"year": 4})])
        assert (await ask(llm, Filter, way))[-1] == Filter(year=3)
    await llm.aclose()


@pytest.mark.parametrize(
    "text",
    [
        '<think>perhaps {"year": 1}</think>{"year": 1999}',
        'Here is the JSON [as requested]:\n```json\n{"year": 1999}\n```',
        'As [1] says: {"year": 1999}.',
        '```\n{"year": 1999}',
    ],
)
@pytest.mark.parametrize("model", [NATIVE, BY_CALL])
async def test_the_json_is_found_in_a_text(make: Make, emu: Emulator, text: str, model: str) -> None:
    llm = make(model)
    for way in FORMS:
        emu.reply(text)
        found = await ask(llm, Filter, way)
        assert found[-1] == Filter(year=1999)
    await llm.aclose()


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ({"text": '{"year": 1999,}'}, "a comma before '}'"),
        ({"text": '{"year": 1999', "finish_reason": "length"}, "cut off by the token limit"),
        ({"text": '{"year": 1999', "finish_reason": "content_filter"}, "content_filter"),
        ({"text": '{"year": 1999'}, "ends before its JSON"),
        ({"message": {"content": None, "refusal": "I must not."}}, "refused: I must not"),
        ({"message": {"content": None}}, "the answer is empty"),
        ({"message": {"content": None, "reasoning_content": "A filter, then."}}, "the answer is empty"),
        ({"message": {"content": None, "reasoning_content": '{"year": 1999}'}}, "the answer is empty"),
    ],
)
@pytest.mark.parametrize("model", [NATIVE, BY_CALL])
async def test_what_is_wrong_is_said(make: Make, emu: Emulator, reply: dict[str, Any], said: str, model: str) -> None:
    llm = make(model)
    for way in FORMS:
        emu.reply(**reply)
        with pytest.raises(ValueError, match=said):
            await ask(llm, Filter, way)
    await llm.aclose()


async def test_null_beside_reasoning_and_a_call(make: Make, emu: Emulator) -> None:
    llm = make(BY_CALL)
    arguments = {"id": "1", "type": "function", "function": {"name": "Filter", "arguments": '{"year": 1999}'}}
    for way in FORMS[:2]:
        emu.reply(message={"content": None, "reasoning_content": "Hm.", "tool_calls": [arguments]})
        assert (await ask(llm, Filter, way))[-1] == Filter(year=1999)
    await llm.aclose()


@pytest.mark.parametrize("model", [NATIVE, BY_CALL])
async def test_a_root_that_is_a_list(make: Make, emu: Emulator, model: str) -> None:
    llm = make(model)
    for way in FORMS:
        emu.reply('{"value": [1, 2]}') if model == NATIVE else emu.reply(tool_calls=[("Numbers", {"value": [1, 2]})])
        assert (await ask(llm, Numbers, way))[-1] == Numbers([1, 2])
        emu.reply("[1, 2]")
        assert (await ask(llm, Numbers, way))[-1] == Numbers([1, 2])
        emu.reply('{"value": ["a"]}')
        with pytest.raises(ValueError, match="int"):
            await ask(llm, Numbers, way)
    await llm.aclose()
