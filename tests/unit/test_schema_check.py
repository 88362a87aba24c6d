"""The check of answers against a dict of JSON Schema, compared with the package `jsonschema`."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from inference_do._adapters.schema_check import problem_of

NODE = {
    "$ref": "#/$defs/N",
    "$defs": {
        "N": {
            "type": "object",
            "properties": {"v": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/N"}, {"type": "null"}]}},
            "required": ["v"],
            "additionalProperties": False,
        }
    },
}
SCHEMAS = {
    "object": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {}}, "required": ["a"]},
    "closed": {"properties": {"a": {"type": "string"}}, "additionalProperties": False},
    "mapping": {"type": "object", "additionalProperties": {"type": "number"}, "minProperties": 1, "maxProperties": 2},
    "patterns": {"patternProperties": {"^x": {"type": "integer"}}, "propertyNames": {"maxLength": 3}},
    "array": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3, "uniqueItems": True},
    "tuple": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False},
    "choice": {"anyOf": [{"type": "string", "maxLength": 2}, {"type": "integer", "minimum": 3}]},
    "one": {"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 5}]},
    "all": {"allOf": [{"type": "integer"}, {"multipleOf": 2}], "not": {"const": 4}},
    "enum": {"enum": [1, "a", None, [1], {"a": 1}]},
    "const": {"const": True},
    "types": {"type": ["object", "null"], "properties": {"a": {"type": "boolean"}}},
    "bounds": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 5, "multipleOf": 0.5},
    "text": {"type": "string", "minLength": 1, "pattern": "^[ab]+$"},
    "recursive": NODE,
    "itself": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"$ref": "#"}]}},
    "never": {"properties": {"a": False}},
}
VALUES = [
    None, True, False, 0, 1, 1.0, 2, 2.5, 4, 6, -3, "", "a", "ab", "abc", "c", [], [1], [1, 1], [1, "a"], ["a", 1],
    ["a", 1, 2], [1, 2, 3, 4], [[1], [[2]]], [["a"]], {}, {"a": 1}, {"a": 1.0}, {"a": "x"}, {"a": True}, {"b": 1},
    {"a": 1, "b": 2, "c": 3}, {"x1": 1}, {"x1": "a"}, {"long": 1}, {"v": 1}, {"v": 1, "next": {"v": 2, "next": None}},
    {"v": 1, "next": {"v": "2"}}, {"v": 1, "w": 1},
]  # fmt: skip


@pytest.mark.parametrize("name", SCHEMAS)
def test_it_judges_as_jsonschema_does(name):
    schema = SCHEMAS[name]
    validator = Draft202012Validator(schema)
    judged = [(value, problem_of(value, schema)) for value in VALUES]
    assert [(value, problem is None) for value, problem in judged] == [
        (value, validator.is_valid(value)) for value in VALUES
    ]
    assert {problem is None for _, problem in judged} == {True, False}


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        (SCHEMAS["object"], {}, "the answer lacks 'a'"),
        (SCHEMAS["object"], {"a": "x"}, "a must be of type 'integer', not 'x'"),
        (NODE, {"v": 1, "next": {"v": "2"}}, "next fits none of its 2 forms"),
        ({"items": {"properties": {"a": {"enum": [1]}}}}, [{"a": 2}], r"\[0\].a must be one of"),
    ],
)
def test_it_says_where_and_what(schema, value, said):
    import re

    assert re.search(said, problem_of(value, schema))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "str"},
        {"required": True},
        {"pattern": "(?<x"},
        {"nullable": True, "type": "string"},
        {"$ref": "#"},
        {"format": "uri"},
    ],
    ids=str,
)
def test_what_is_no_keyword_of_json_schema_allows_anything(schema):
    assert problem_of(None if "nullable" in schema else "x", schema) is None


def test_loops_and_depths_end():
    assert problem_of(1, {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}) is None
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    assert "nested too deeply" in problem_of(deep, SCHEMAS["itself"])
