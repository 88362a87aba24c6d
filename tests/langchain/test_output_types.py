"""What `with_structured_output` takes, and what answers become."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from typing import Annotated, Any, Literal, NotRequired, Optional

import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from inference_do import ConfigError
from inference_do.emulator import Emulator
from langchain_do import ChatDigitalOcean

Make = Callable[..., ChatDigitalOcean]


class Item(BaseModel):
    name: str


@dataclasses.dataclass
class Point:
    """A point."""

    x: int
    y: int = 0


class Joke(typing.TypedDict):  # of the standard library, which pydantic refuses before Python 3.12
    """A joke."""

    setup: Annotated[str, ..., "how it begins"]
    rating: Annotated[Optional[int], None, "from 1 to 10"]  # noqa: UP045  as LangChain's own pages have it
    parts: NotRequired[list[Part]]


class Part(typing.TypedDict, total=False):
    text: Annotated[str, ..., "its text"]


class Tree(TypedDict):
    name: str
    inner: list[Tree]


def sent_schema(emu: Emulator) -> dict[str, Any]:
    return emu.requests[-1].json["response_format"]["json_schema"]


def test_a_typed_dict_as_langchain_describes_it(emu: Emulator, model: ChatDigitalOcean) -> None:
    emu.reply('{"setup": "Knock", "parts": [{"text": "a"}]}')
    answer = model.with_structured_output(Joke, method="json_schema").invoke("?")
    assert answer == {"setup": "Knock", "parts": [{"text": "a"}]}
    form = sent_schema(emu)
    assert (form["name"], form["description"]) == ("Joke", "A joke.")
    properties = form["schema"]["properties"]
    assert form["schema"]["required"] == ["setup"]
    assert properties["setup"]["description"] == "how it begins"
    assert properties["rating"]["anyOf"] == [{"type": "integer"}, {"type": "null"}]
    assert properties["parts"]["items"]["properties"]["text"]["description"] == "its text"


def test_a_typed_dict_within_itself(emu: Emulator, model: ChatDigitalOcean) -> None:
    emu.reply('{"name": "a", "inner": [{"name": "b", "inner": []}]}')
    structured = model.with_structured_output(Tree, method="json_schema")
    assert structured.invoke("?")["inner"][0]["name"] == "b"
    emu.reply('{"name": "a", "inner": [{"name": 1, "inner": []}]}')
    with pytest.raises(ValueError, match="inner"):
        structured.invoke("?")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Point, '{"x": 1}', Point(1)),
        (list[Item], '{"value": [{"name": "a"}]}', [Item(name="a")]),
        (list[Item], '[{"name": "a"}]', [Item(name="a")]),
        (Item | Point, '{"value": {"x": 1, "y": 2}}', Point(1, 2)),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (Literal["a", "b"], '{"value": "b"}', "b"),
        ({"title": "List", "type": "array", "items": {"type": "integer"}}, '{"value": [1]}', [1]),
        ({"title": "Null", "type": ["object", "null"]}, '{"value": null}', None),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
async def test_answers_become_objects_of_the_type(
    emu: Emulator, model: ChatDigitalOcean, method: Any, kind: Any, text: str, *, value: Any
) -> None:
    structured = model.with_structured_output(kind, method=method)
    if method == "function_calling" and text.startswith("["):
        pytest.skip("the arguments of a call are an object")
    for stream in (False, True):
        name = structured.last.asked.name
        emu.reply(tool_calls=[(name, text)]) if method == "function_calling" else emu.reply(text)
        answer = [item async for item in structured.astream("?")][-1:] if stream else [await structured.ainvoke("?")]
        assert answer == ([] if stream and value is None else [value])


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"title": "X", "$ref": "#/$defs/Nowhere"}, "nowhere in it"),
        ({"type": "array", "items": {}}, "needs a title"),
        ({"type": "json_schema", "json_schema": {"name": "x"}}, "needs a title"),
        ("City", "no tool or schema"),
        (type("Plain", (), {}), "has no JSON schema"),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_what_is_no_schema_is_refused(model: ChatDigitalOcean, method: Any, schema: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        model.with_structured_output(schema, method=method)


class Filter(BaseModel):
    """A filter."""

    year: int | None = None


class Amount(BaseModel):
    """An amount."""

    value: int
    unit: str = "EUR"


WRAPPED: dict[str, Any] = {
    "a class that needs nothing": Filter | None,
    "several": list[Filter] | Filter,
    "a dict": {"title": "Filter", "type": ["object", "null"], "properties": {"year": {"type": "integer"}}},
}


@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
@pytest.mark.parametrize("name", WRAPPED)
async def test_the_wrapping_is_never_taken_for_the_object(
    emu: Emulator, model: ChatDigitalOcean, name: str, method: Any
) -> None:
    structured = model.with_structured_output(WRAPPED[name], method=method, include_raw=True)
    for ask in (structured.invoke, lambda text: list(structured.stream(text))[-1]):
        emu.reply('{"value": {"year": "soon"}}')
        answer = ask("?")
        assert answer["parsed"] is None
        assert isinstance(answer["parsing_error"], ValueError)


def test_an_object_whose_own_property_has_the_wrappings_name(emu: Emulator, model: ChatDigitalOcean) -> None:
    structured = model.with_structured_output(Amount | None, method="json_schema")  # type: ignore[arg-type]
    for answer in ('{"value": {"value": 5}}', '{"value": 5}', '{"value": 5, "unit": "EUR"}'):
        emu.reply(answer)
        assert structured.invoke("?") == Amount(value=5)
