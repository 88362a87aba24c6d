"""Values from schemas: always valid, and from the prompt where it offers any."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_do.emulator._model.arguments import value_for

TEXT, INTEGER = {"type": "string"}, {"type": "integer"}


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


@pytest.mark.parametrize(
    ("schema", "prompt", "expected"),
    [
        (closed(a=INTEGER, b=INTEGER), "subtract 5 from -7", {"a": 5, "b": -7}),
        (closed(b=INTEGER, a=INTEGER), "with a = 4 and b = 3", {"b": 3, "a": 4}),
        (closed(price={"type": "number"}), "it costs 1,299.50 today", {"price": 1299.5}),
        (closed(count=INTEGER), "take 2.5 then three", {"count": 3}),
        (closed(n={**INTEGER, "maximum": 5}), "use 9", {"n": 1}),
        (closed(n={**INTEGER, "exclusiveMinimum": 10, "multipleOf": 4}), "none", {"n": 12}),
        (closed(x={"type": "number", "minimum": 0.25, "maximum": 0.5}), "none", {"x": 0.25}),
        (closed(x={"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5}), "none", {"x": 0.25}),
        (closed(city=TEXT, name=TEXT), "the name is Bob Smith, city: Oslo", {"city": "Oslo", "name": "Bob Smith"}),
        (closed(title=TEXT), 'the book "Dune" by Herbert', {"title": "Dune"}),
        (closed(query=TEXT), "find cheap droplets", {"query": "find cheap droplets"}),
        (closed(unit={"enum": ["celsius", "kelvin"]}), "in Kelvin please", {"unit": "kelvin"}),
        (closed(unit={"enum": [1, 2], "default": 2}), "x", {"unit": 2}),
        (closed(urgent={"type": "boolean"}), "make it urgent", {"urgent": True}),
        (closed(urgent={"type": "boolean"}), "it is not urgent", {"urgent": False}),
        (closed(urgent={"type": "boolean"}), "urgent is false", {"urgent": False}),
        (closed(urgent={"type": "boolean", "default": True}), "x", {"urgent": True}),
        (closed(day={**TEXT, "format": "date"}), "on 2026-03-04, at noon", {"day": "2026-03-04"}),
        (closed(mail={**TEXT, "format": "email"}), "write to a.b@c.org.", {"mail": "a.b@c.org"}),
        (closed(id={**TEXT, "pattern": "^[A-Z]{2}-[0-9]+$"}), "order AB-17", {"id": "AB-17"}),
        (closed(code={**TEXT, "maxLength": 3}), "'abcdef'", {"code": "abc"}),
        (closed(names={"type": "array", "items": TEXT}), "ask Ann, Bob and Eve", {"names": ["Ann", "Bob", "Eve"]}),
        (closed(ns={"type": "array", "items": INTEGER}), "sort 3 1 2", {"ns": [3, 1, 2]}),
        (closed(ns={"type": "array", "items": INTEGER, "maxItems": 2}), "sort 3 1 2", {"ns": [3, 1]}),
        (closed(ns={"type": "array", "items": INTEGER, "minItems": 2}), "none", {"ns": [1, 1]}),
        (closed(p={"type": "array", "prefixItems": [INTEGER, TEXT], "items": False}), "4 to Ann", {"p": [4, "Ann"]}),
        (closed(x={"anyOf": [INTEGER, {"type": "null"}]}), "none", {"x": None}),
        (closed(x={"anyOf": [INTEGER, {"type": "null"}]}), "it is 8", {"x": 8}),
        (closed(x={"type": ["string", "null"]}), "", {"x": None}),
        (closed(x={"const": "k"}, y={"type": "null"}), "", {"x": "k", "y": None}),
        (closed(x={"allOf": [closed(a=INTEGER), closed(b=INTEGER)]}), "1 2", {"x": {"a": 1, "b": 2}}),
        ({"type": "object", "properties": {"a": INTEGER, "s": TEXT}}, "5", {"a": 5}),
        ({"type": "object", "properties": {"a": INTEGER}}, "nothing", {}),
        ({"$ref": "#/$defs/A", "$defs": {"A": closed(a=INTEGER)}}, "5", {"a": 5}),
        ({"properties": {"a": INTEGER}, "required": ["a"]}, "5", {"a": 5}),
        (closed(s={**TEXT, "default": "d"}), "", {"s": "d"}),
        (closed(n={**INTEGER, "default": 7}), "", {"n": 7}),
        (closed(s={**TEXT, "minLength": 3}), "", {"s": "s: "}),
    ],
)
def test_values(schema: Any, prompt: str, expected: Any) -> None:
    assert value_for(schema, prompt) == expected


def is_valid(value: Any, schema: Any, root: Any) -> bool:
    """Validate the parts of JSON schema that the strategy below uses."""
    if "$ref" in schema:
        return is_valid(value, root["$defs"][schema["$ref"].split("/")[-1]], root)
    if "anyOf" in schema:
        return any(is_valid(value, option, root) for option in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return value in schema.get("enum", [schema.get("const")])
    match schema.get("type"):
        case "object":
            known = schema["properties"]
            return (
                isinstance(value, dict)
                and set(schema["required"]) <= set(value) <= set(known)
                and all(is_valid(item, known[key], root) for key, item in value.items())
            )
        case "array":
            return (
                isinstance(value, list)
                and schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 99)
                and all(is_valid(item, schema["items"], root) for item in value)
            )
        case "integer" | "number" as kind:
            fits = isinstance(value, int if kind == "integer" else int | float) and not isinstance(value, bool)
            return fits and schema.get("minimum", value) <= value <= schema.get("maximum", value)
        case "string":
            return isinstance(value, str) and len(value) <= schema.get("maxLength", len(value))
        case kind:
            return isinstance(value, bool) if kind == "boolean" else value is None


SCALARS: list[dict[str, Any]] = [
    TEXT,
    {**TEXT, "maxLength": 4},
    INTEGER,
    {"type": "number", "minimum": 0.5, "maximum": 9},
    {"type": "boolean"},
    {"type": "null"},
    {"enum": ["red", 3]},
    {"const": {"k": 1}},
    {"$ref": "#/$defs/Node"},
    {"anyOf": [INTEGER, {"type": "null"}]},
]
NODE = closed(value=INTEGER, next={"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]})
SCHEMAS = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: st.one_of(
        st.builds(lambda item, least: {"type": "array", "items": item, "minItems": least}, inner, st.integers(0, 2)),
        st.builds(
            lambda properties, optional: {
                "type": "object",
                "properties": properties,
                "required": [key for key in properties if key not in optional],
            },
            st.dictionaries(st.sampled_from(["name", "count", "query", "tags", "urgent"]), inner, max_size=4),
            st.sets(st.sampled_from(["name", "count"])),
        ),
    ),
    max_leaves=8,
)
WORDS = st.lists(
    st.sampled_from(
        re.findall(r"\S+", "name is Ann and Bob , 3 4.5 'x y' in red count: 9 tags not urgent 1,000 -2 . “q”")
    )
)
PROMPTS = st.one_of(WORDS.map(" ".join), st.text(max_size=30))


@settings(max_examples=150, deadline=None)
@given(SCHEMAS, PROMPTS)
def test_values_are_valid(schema: dict[str, Any], prompt: str) -> None:
    root = {**schema, "$defs": {"Node": NODE}}
    value = value_for(root, prompt)
    assert is_valid(value, schema, root), value
