"""Schemas in strict form: closed and complete, or refused; never silently another schema."""

from __future__ import annotations

import copy
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, Json, RootModel, TypeAdapter

from inference_do._adapters.strict_schemas import NotStrictError, to_strict


class Item(BaseModel):
    """An item."""

    name: str = Field(min_length=1, examples=["x"])
    price: float = 1.0
    kind: Literal["a", "b"] = "a"
    tags: list[str] = []


class Node(BaseModel):
    value: int
    children: list[Node] = []


class Order(BaseModel):
    item: Item = Field(description="What was ordered.")
    amount: Annotated[int, Field(ge=1)] | None = None


def objects_of(schema: Any) -> list[dict[str, Any]]:
    """Return all objects in a schema."""
    if isinstance(schema, list):
        return [found for item in schema for found in objects_of(item)]
    if not isinstance(schema, dict):
        return []
    inner = [found for item in schema.values() for found in objects_of(item)]
    return [schema, *inner] if schema.get("type") == "object" else inner


@pytest.mark.parametrize("cls", [Item, Node, Order])
def test_every_object_is_closed_and_requires_all_its_properties(cls):
    given = cls.model_json_schema()
    before = copy.deepcopy(given)
    strict = to_strict(given, is_validated=True)
    assert given == before
    objects = objects_of(strict)
    assert objects
    for found in objects:
        assert found["additionalProperties"] is False
        assert found["required"] == list(found["properties"])


def test_a_recursive_class_has_its_properties_at_the_root():
    strict = to_strict(Node.model_json_schema(), is_validated=True)
    assert list(strict["properties"]) == ["value", "children"]
    assert strict["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}
    assert "Node" in strict["$defs"]


def test_annotations_go_and_what_says_something_stays():
    schema = {
        "title": "T",
        "type": "object",
        "properties": {
            "a": {
                "type": "string",
                "description": "kept",
                "pattern": "^a",
                "default": "a",
                "example": "a",
                "deprecated": True,
                "writeOnly": True,
                "contentMediaType": "text/plain",
                "x-order": 1,
            }
        },
    }
    strict = to_strict(schema, is_validated=False)
    assert strict["properties"]["a"] == {"type": "string", "description": "kept", "pattern": "^a"}
    assert "title" not in strict


REFUSED: dict[str, Any] = {
    "free keys": {
        "type": "object",
        "properties": {"a": {"type": "object", "additionalProperties": {"type": "integer"}}},
    },
    "an object without properties": {"type": "object", "properties": {"a": {"type": "object"}}},
    "a tuple": {"type": "object", "properties": {"a": {"type": "array", "prefixItems": [{"type": "string"}]}}},
    "nullable": {"type": "object", "properties": {"a": {"type": "string", "nullable": True}}},
    "any value": {"type": "object", "properties": {"a": {"description": "anything"}}},
    "a root that is a list": {"type": "array", "items": {"type": "string"}},
    "a root that is a choice": {"anyOf": [{"type": "object", "properties": {}}]},
    "a list of anything": {"type": "object", "properties": {"a": {"type": "array"}}},
    "items of any kind": {"type": "object", "properties": {"a": {"type": "array", "items": True}}},
    "a property of any kind": {"type": "object", "properties": {"a": True}},
    "more beside a reference to itself": {
        "type": "object",
        "properties": {"a": {"$ref": "#", "minProperties": 1}},
    },
    "an object or null whose keys are free": {
        "type": "object",
        "properties": {"a": {"type": ["object", "null"], "additionalProperties": {"type": "string"}}},
    },
    "not": {"type": "object", "properties": {"a": {"type": "string", "not": {"const": "x"}}}},
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("is_validated", [False, True])
def test_what_strict_mode_cannot_say_is_refused(name, is_validated):
    with pytest.raises(NotStrictError):
        to_strict(REFUSED[name], is_validated=is_validated)


NARROW: dict[str, Any] = {
    "length": TypeAdapter(Annotated[str, Field(max_length=3)]).json_schema(),
    "lookaround": {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"}]},
    "format": {"type": "string", "format": "uri"},
    "unique": TypeAdapter(set[int]).json_schema(),
}


@pytest.mark.parametrize("name", NARROW)
def test_what_only_narrows_is_left_out_where_the_answer_is_validated(name):
    schema = {"type": "object", "properties": {"a": NARROW[name]}}
    strict = str(to_strict(schema, is_validated=True))
    assert not any(word in strict for word in ("maxLength", "(?!", "uri", "uniqueItems"))
    with pytest.raises(NotStrictError):
        to_strict(schema, is_validated=False)


@pytest.mark.parametrize("cls", [RootModel[list[int]], RootModel[dict[str, int]]])
def test_a_root_that_is_no_object_is_refused(cls):
    with pytest.raises(NotStrictError):
        to_strict(cls.model_json_schema(), is_validated=True)


def test_json_in_a_text_is_an_annotation():
    strict = to_strict(
        {"type": "object", "properties": {"a": TypeAdapter(Json[int]).json_schema(mode="serialization")}},
        is_validated=False,
    )
    assert strict["properties"]["a"] == {"type": "integer"}


def test_what_may_be_null_may_be_null_in_strict_form():
    inner = {"type": ["object", "null"], "properties": {"b": {"type": ["string", "null"]}}}
    strict = to_strict({"type": "object", "properties": {"a": inner}}, is_validated=False)
    assert strict["properties"]["a"] == {
        "type": ["object", "null"],
        "properties": {"b": {"type": ["string", "null"]}},
        "additionalProperties": False,
        "required": ["b"],
    }
