"""Structured output: natively or by a forced call, sync, async and streamed, and what failures look like."""

from __future__ import annotations

import enum
import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.prompts import ChatPromptTemplate, PromptTemplate
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel, ConfigDict, Field

from llamaindex_do import DigitalOcean
from llamaindex_do._schema import response_format, strict_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference_do.emulator import Emulator
    from llamaindex_do import DigitalOcean

    Make = Callable[..., DigitalOcean]

NATIVE, BY_CALL = "gemma-4-31B-it", "llama3.3-70b-instruct"
PROMPT = PromptTemplate("Describe the city. name: {name}. country: France")


pytestmark = pytest.mark.filterwarnings(
    "ignore::pydantic.PydanticDeprecationWarning"  # StructuredLLM.stream_chat calls `json`
)


class City(BaseModel):
    """A city."""

    name: str
    country: str


def is_forced(body: dict[str, Any]) -> bool:
    if "response_format" in body:
        return body["response_format"]["json_schema"]["strict"] is True
    return body["tool_choice"] == "required" and [t["function"]["name"] for t in body["tools"]] == ["City"]


@pytest.mark.parametrize("model", [NATIVE, BY_CALL])
async def test_all_four_ways(make: Make, emu: Emulator, model: str) -> None:
    llm = make(model, system_prompt="Be exact.")
    outputs = [
        llm.structured_predict(City, PROMPT, name="Paris"),
        await llm.astructured_predict(City, PROMPT, name="Paris"),
        list(llm.stream_structured_predict(City, PROMPT, name="Paris"))[-1],
        [found async for found in await llm.astream_structured_predict(City, PROMPT, name="Paris")][-1],
    ]
    assert outputs == [City(name="Paris", country="France")] * 4
    assert emu.posts == 4
    for request in emu.requests:
        assert is_forced(request.json)
        assert ("response_format" in request.json) is (model == NATIVE)
        assert request.json["messages"][0] == {"role": "system", "content": "Be exact."}
    await llm.aclose()


@pytest.mark.parametrize("model", [NATIVE, BY_CALL])
def test_objects_grow_while_they_are_streamed(make: Make, emu: Emulator, model: str) -> None:
    if model == NATIVE:
        emu.reply('{"name": "Paris on the Seine", "country": "France"}')
    else:
        emu.reply(tool_calls=[("City", {"name": "Paris on the Seine", "country": "France"})])
    found = list(make(model).stream_structured_predict(City, PROMPT, name="x"))
    lengths = [len(item.name or "") for item in found]
    assert lengths == sorted(lengths)
    assert 0 < lengths[0] < lengths[-1] or lengths[0] == 0
    assert len(set(lengths)) > 2
    assert found[-1] == City(name="Paris on the Seine", country="France")


@pytest.mark.parametrize("model", [NATIVE, BY_CALL])
async def test_structured_llm(make: Make, emu: Emulator, model: str) -> None:
    llm = make(model).as_structured_llm(City)
    messages = [ChatMessage(content="name: Paris. country: France. {braces} stay")]
    whole = llm.chat(messages)
    assert whole.raw == City(name="Paris", country="France")
    assert City.model_validate_json(whole.message.content) == whole.raw
    assert (await llm.achat(messages)).raw == whole.raw
    assert list(llm.stream_chat(messages))[-1].raw == whole.raw
    assert [r async for r in await llm.astream_chat(messages)][-1].raw == whole.raw
    assert llm.complete("name: Paris. country: France").raw == whole.raw
    assert "{braces} stay" in emu.requests[0].json["messages"][-1]["content"]
    await llm.llm.aclose()


def test_arguments_of_the_call_are_sent_and_not_changed(make: Make, emu: Emulator) -> None:
    kwargs = {"temperature": 0.2, "tool_choice": None, "tool_required": True, "allow_parallel_tool_calls": True}
    before = dict(kwargs)
    make(BY_CALL).structured_predict(City, PROMPT, llm_kwargs=kwargs, name="Paris")
    assert kwargs == before
    body = emu.requests[0].json
    assert (body["temperature"], body["tool_choice"], body["parallel_tool_calls"]) == (0.2, "required", False)


def test_the_model_of_the_call_decides_how_it_is_asked(make: Make, emu: Emulator) -> None:
    make(BY_CALL).structured_predict(City, PROMPT, llm_kwargs={"model": NATIVE}, name="Paris")
    assert "response_format" in emu.requests[0].json


def test_function_mode_forces_a_call(make: Make, emu: Emulator) -> None:
    llm = make(NATIVE, pydantic_program_mode=PydanticProgramMode.FUNCTION)
    assert llm.structured_predict(City, PROMPT, name="Paris").name == "Paris"
    assert is_forced(emu.requests[0].json)
    assert "tools" in emu.requests[0].json


@pytest.mark.parametrize(
    "options",
    [
        {"pydantic_program_mode": PydanticProgramMode.LLM},
        {"model": BY_CALL, "is_function_calling_model": False},
    ],
)
async def test_llamaindex_asks_in_text_otherwise(make: Make, emu: Emulator, options: dict[str, Any]) -> None:
    llm = make(system_prompt="Be exact.", **options)
    answer = '```json\n{"name": "Paris", "country": "France"}\n```'
    for _ in range(3):
        emu.reply(answer)
    assert llm.structured_predict(City, PROMPT, name="Paris").name == "Paris"
    assert (await llm.astructured_predict(City, PROMPT, name="Paris")).name == "Paris"
    assert list(llm.stream_structured_predict(City, PROMPT, name="Paris"))
    for request in emu.requests:
        assert not {"tools", "response_format"} & set(request.json)
        assert request.json["messages"][0]["role"] == "system"
    await llm.aclose()


@pytest.mark.parametrize(
    "text", ['```json\n{"name": "a", "country": "b"}\n```', 'Here: ```\n{"name":"a","country":"b"}```']
)
def test_fences_are_looked_through(make: Make, emu: Emulator, text: str) -> None:
    emu.reply(text)
    assert make().structured_predict(City, PROMPT, name="x") == City(name="a", country="b")


def test_an_answer_in_text_of_a_model_that_should_have_called(make: Make, emu: Emulator) -> None:
    emu.reply('{"name": "a", "country": "b"}')
    assert make(BY_CALL).structured_predict(City, PROMPT, name="x") == City(name="a", country="b")


@pytest.mark.parametrize(
    ("model", "response", "detail"),
    [
        (NATIVE, {"text": '{"name": "a"}'}, "country"),
        (NATIVE, {"text": '{"name": "a", "cou', "finish_reason": "length"}, "cut off by the token limit"),
        (NATIVE, {"text": "", "finish_reason": "length"}, "'length'"),
        (NATIVE, {"message": {"role": "assistant", "content": None, "refusal": "I must not."}}, "refused: I must not"),
        (BY_CALL, {"tool_calls": [("City", {"name": "a"})]}, "country"),
        (BY_CALL, {"tool_calls": [("City", '{"name": ')]}, "ends before its JSON"),
        (BY_CALL, {"text": "I would rather talk."}, "there is no JSON"),
    ],
)
async def test_failures_are_value_errors(
    make: Make, emu: Emulator, model: str, response: dict[str, Any], detail: str
) -> None:
    llm = make(model)
    for _ in range(4):
        emu.reply(**response)
    with pytest.raises(ValueError, match=detail):
        llm.structured_predict(City, PROMPT, name="x")
    with pytest.raises(ValueError, match=detail):
        await llm.astructured_predict(City, PROMPT, name="x")
    with pytest.raises(ValueError, match=detail):
        list(llm.stream_structured_predict(City, PROMPT, name="x"))
    with pytest.raises(ValueError, match=detail):
        [item async for item in await llm.astream_structured_predict(City, PROMPT, name="x")]
    await llm.aclose()


def test_prompts_of_several_messages(make: Make, emu: Emulator) -> None:
    prompt = ChatPromptTemplate.from_messages([("system", "Be exact."), ("user", "name: {name}. country: France")])
    assert make().structured_predict(City, prompt, name="Rome") == City(name="Rome", country="France")
    assert [message["role"] for message in emu.requests[0].json["messages"]] == ["system", "user"]


# --- schemas ---------------------------------------------------------------


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    """What is inside."""

    size: int = Field(default=3, ge=0, description="How big.")


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Everything(BaseModel):
    model_config = ConfigDict(title="Every thing!")

    inner: Inner = Field(description="The inner one.")
    others: list[Inner] = []
    colour: Colour = Colour.RED
    note: str | None = Field(default=None, max_length=20)
    link: str = Field(json_schema_extra={"format": "uri"})
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]


class Tree(BaseModel):
    name: str
    children: list[Tree] = []
    parent: Tree | None = Field(default=None, description="Where it hangs.")


def test_a_strict_schema_is_closed_and_complete(make: Make, emu: Emulator) -> None:
    form = response_format(Everything)["json_schema"]
    assert form["name"] == "Every_thing_"
    assert form["strict"] is True
    schema = form["schema"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["inner", "others", "colour", "note", "link", "pet"]
    assert schema["$defs"]["Inner"]["required"] == ["size"]
    assert schema["$defs"]["Inner"]["properties"]["size"] == {
        "type": "integer",
        "minimum": 0,
        "description": "How big.",
    }
    assert schema["properties"]["inner"]["description"] == "The inner one."
    assert "$ref" not in schema["properties"]["inner"]
    assert schema["properties"]["link"] == {"type": "string"}
    assert set(schema["properties"]["pet"]) == {"anyOf"}
    assert schema["properties"]["note"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    make().structured_predict(Everything, PromptTemplate("x"))  # the server checks the schema
    assert emu.posts == 1


def test_a_class_within_itself_has_a_strict_schema() -> None:
    assert response_format(Tree)["json_schema"]["strict"] is True
    schema = {"$ref": "#/$defs/Node", "$defs": {"Node": {"type": "object", "properties": {}}}, "description": "x"}
    assert strict_schema(schema)["additionalProperties"] is False


@pytest.mark.parametrize("field", [dict[str, int], tuple[int, str], Any, dict[str, Any]], ids=str)
def test_what_has_no_strict_schema_is_sent_as_it_is(make: Make, emu: Emulator, field: Any) -> None:
    class Free(BaseModel):
        value: field

    form = response_format(Free)["json_schema"]
    assert form["strict"] is False
    assert form["schema"] == Free.model_json_schema()


def test_the_classes_own_schema_is_not_changed() -> None:
    before = Everything.model_json_schema()
    response_format(Everything)
    assert Everything.model_json_schema() == before


def test_a_fence_inside_an_answer_is_part_of_it(emu: Emulator) -> None:
    class Code(BaseModel):
        source: str

    source = 'Use:\n```json\n{"source": "wrong"}\n```\nend'
    emu.reply(json.dumps({"source": source}))
    llm = DigitalOcean(model="openai-gpt-4o", api_key=emu.api_key, base_url=emu.base_url)
    assert llm.structured_predict(Code, PromptTemplate("Write code")).source == source
