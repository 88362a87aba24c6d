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


def in_an_object(node: Any, **beside: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": node}, **beside}


def strict_form(node: Any, *, is_validated: bool = False, **beside: Any) -> Any:
    """Return the strict form of one property's schema."""
    return to_strict(in_an_object(node, **beside), is_validated=is_validated)["properties"]["a"]


TEXT = {"type": "string"}
FORMATS = ("date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uuid")
KNOWN: dict[str, Any] = {
    "bounds": {
        "type": "number",
        "minimum": 1,
        "maximum": 9,
        "exclusiveMinimum": 0,
        "exclusiveMaximum": 10,
        "multipleOf": 0.5,
    },
    "a list": {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 3},
    "a choice": {"anyOf": [TEXT, {"type": "null"}], "description": "one of two"},
    "a constant": {"const": {"title": "no schema"}},
    "some values": {"enum": [{"title": "no schema"}, "b"]},
    **{name: {"type": "string", "format": name} for name in FORMATS},
}


@pytest.mark.parametrize("name", KNOWN)
def test_what_strict_mode_knows_stays_as_it_is(name):
    assert strict_form(KNOWN[name]) == KNOWN[name]


ANNOTATIONS = (
    *("$comment", "$schema", "contentEncoding", "contentMediaType", "contentSchema", "default", "deprecated"),
    *("discriminator", "example", "examples", "readOnly", "title", "writeOnly", "x-order"),
)


@pytest.mark.parametrize("name", ANNOTATIONS)
def test_an_annotation_goes(name):
    assert strict_form({**TEXT, name: "x"}) == TEXT


@pytest.mark.parametrize("name", ["maxLength", "maxProperties", "minLength", "minProperties", "uniqueItems"])
def test_what_narrows_goes_where_the_answer_is_validated(name):
    assert strict_form({**TEXT, name: 1}, is_validated=True) == TEXT
    with pytest.raises(NotStrictError, match=f"it has the keyword '{name}'"):
        strict_form({**TEXT, name: 1})


@pytest.mark.parametrize("place", ["$defs", "definitions"])
def test_a_definition_stands_in_the_place_of_a_reference_with_a_description(place):
    definition = {"type": "array", "items": {"$ref": f"#/{place}/Text"}, "description": "general"}
    definitions = {place: {"Text": {**TEXT, "title": "Text"}, "List": definition}}
    list_of = {"$ref": f"#/{place}/List"}
    schema = {
        "type": "object",
        "properties": {
            "a": {**list_of, "description": "special"},
            "b": {**list_of, "description": "other"},
            "c": list_of,
        },
        **definitions,
    }
    strict = to_strict(schema, is_validated=False)
    expanded = {"type": "array", "items": {"$ref": f"#/{place}/Text"}}
    assert strict["properties"] == {
        "a": {**expanded, "description": "special"},
        "b": {**expanded, "description": "other"},
        "c": list_of,
    }
    assert strict[place] == {"Text": TEXT, "List": definition}


def test_a_reference_to_itself_has_no_description():
    tree = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Tree", "description": "more"}}}
    strict = strict_form({"$ref": "#/$defs/Tree", "description": "first"}, **{"$defs": {"Tree": tree}})
    assert strict["description"] == "first"
    assert strict["properties"] == {"next": {"$ref": "#/$defs/Tree"}}


@pytest.mark.parametrize(
    "definitions", [{"A": {"$ref": "#/$defs/A"}}, {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}]
)
def test_a_definition_that_is_nothing_but_itself_is_refused(definitions):
    with pytest.raises(NotStrictError):
        to_strict({"$ref": "#/$defs/A", "$defs": definitions}, is_validated=True)


def test_one_of_and_all_of_one_have_a_form():
    assert strict_form({"oneOf": [TEXT, {"type": "null"}], "description": "d"}) == {
        "anyOf": [TEXT, {"type": "null"}],
        "description": "d",
    }
    assert strict_form({"allOf": [{**TEXT, "description": "general"}], "description": "special"}) == {
        "type": "string",
        "description": "special",
    }


@pytest.mark.parametrize("closed", [{}, {"additionalProperties": False}])
def test_what_has_properties_is_an_object(closed):
    assert strict_form({"properties": {"b": TEXT}, **closed}) == {
        "type": "object",
        "properties": {"b": TEXT},
        "additionalProperties": False,
        "required": ["b"],
    }


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        ({"type": "object", "properties": {}, "additionalProperties": {}}, "it has an object whose keys are free"),
        ({"type": "object", "properties": {}, "additionalProperties": True}, "it has an object whose keys are free"),
        ({"type": "object", "properties": ["b"]}, r"it has \['b'\] where a schema belongs"),
        ({"description": "anything"}, "it has a value of any type"),
        ({"type": "array"}, "it has a list whose items are free"),
        ({"type": "array", "items": True}, "it has True where a schema belongs"),
        ({"type": "string", "format": "uri"}, "it has format: 'uri'"),
        ({"$ref": "#", "nullable": True, "description": "d"}, "it has nullable beside a reference to itself"),
        ({"type": "array", "prefixItems": []}, "it has the keyword 'prefixItems'"),
    ],
)
def test_the_reason_is_named(node, reason):
    with pytest.raises(NotStrictError, match=f"^{reason}$"):
        strict_form(node)


def test_a_long_pattern_is_not_named_whole():
    with pytest.raises(NotStrictError, match=r"^it has pattern: ") as caught:
        strict_form({"type": "string", "pattern": f"(?!{'a' * 300})"})
    assert len(str(caught.value)) == 200


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


def test_a_class_that_another_refers_to_with_a_description_keeps_it():
    node = {"type": "object", "properties": {"edges": {"type": "array", "items": {"$ref": "#/$defs/Edge"}}}}
    edge = {"type": "object", "properties": {"target": {"$ref": "#/$defs/Node", "description": "where it leads"}}}
    strict = to_strict({"$ref": "#/$defs/Node", "$defs": {"Node": node, "Edge": edge}}, is_validated=True)
    target = strict["$defs"]["Edge"]["properties"]["target"]
    assert target["description"] == "where it leads"
    assert list(target["properties"]) == ["edges"]


@pytest.mark.parametrize(
    ("definitions", "reason"),
    [({}, "which is not there"), ({"A": {"$ref": "#/$defs/A"}}, "which is nothing but itself")],
)
def test_a_root_that_refers_to_nothing_is_named(definitions, reason):
    with pytest.raises(NotStrictError, match=f"^its root refers to '#/\\$defs/A', {reason}$"):
        to_strict({"$ref": "#/$defs/A", "$defs": definitions}, is_validated=True)
