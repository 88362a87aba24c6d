"""Checks of a value against a JSON schema, for answers whose schema is a dict and has no class to validate them.

The keywords of JSON Schema 2020-12 that models are given are checked; an annotation, a format or a keyword that is not
known allows anything, as the specification has it. `nullable` is OpenAPI's.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["definition", "problem_of"]

MAX_LOOPS = 12
"""How many schemas may apply to one value by way of each other; a reference to itself has no bottom."""

TYPES: dict[str, Any] = {
    "array": list,
    "boolean": bool,
    "null": type(None),
    "object": dict,
    "string": str,
}


def problem_of(value: Any, schema: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a value, with its place, or None if it fits."""
    try:
        return next(_Check(schema).problems(value, schema, "", 0), None)
    except RecursionError:
        return "the answer is nested too deeply"


def definition(root: Mapping[str, Any], reference: str) -> Any:
    """Return what a reference within a schema points to, or None if there is no such place."""
    node: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list):
            node = node[int(name)] if name.isdecimal() and int(name) < len(node) else None
        else:
            node = node.get(name) if isinstance(node, Mapping) else None
    return node


class _Check:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root

    def fits(self, value: Any, schema: Any, loops: int) -> bool:
        return next(self.problems(value, schema, "", loops), None) is None

    def problems(self, value: Any, schema: Any, where: str, loops: int) -> Iterator[str]:
        """Yield what is wrong with a value."""
        if schema is False:
            yield f"{where or 'the answer'} must not be there"
        if not isinstance(schema, Mapping) or loops > MAX_LOOPS:
            return
        if value is None and schema.get("nullable") is True:
            return
        place = where or "the answer"
        if "type" in schema and not _is_of(value, schema["type"]):
            yield f"{place} must be of type {schema['type']!r}, not {value!r}"[:300]
            return
        yield from _chosen(value, schema, place)
        yield from self._combined(value, schema, where, loops)
        match value:
            case dict():
                yield from self._in_object(value, schema, where, loops)
            case list():
                yield from self._in_array(value, schema, where)
            case str():
                yield from _in_text(value, schema, place)
            case int() | float() if not isinstance(value, bool):
                yield from _in_number(value, schema, place)
            case _:
                pass

    def _combined(self, value: Any, schema: Mapping[str, Any], where: str, loops: int) -> Iterator[str]:
        place = where or "the answer"
        if isinstance(reference := schema.get("$ref"), str) and reference.startswith("#"):
            yield from self.problems(value, definition(self._root, reference), where, loops + 1)
        for part in _list(schema, "allOf"):
            yield from self.problems(value, part, where, loops + 1)
        if (choices := _list(schema, "anyOf")) and not any(self.fits(value, item, loops + 1) for item in choices):
            yield f"{place} fits none of its {len(choices)} forms: {value!r}"[:300]
        if choices := _list(schema, "oneOf"):
            count = sum(self.fits(value, item, loops + 1) for item in choices)
            if count != 1:
                yield f"{place} fits {count} of its {len(choices)} forms, and must fit one: {value!r}"[:300]
        if "not" in schema and self.fits(value, schema["not"], loops + 1):
            yield f"{place} must not be {value!r}"[:300]

    def _in_object(self, value: dict[str, Any], schema: Mapping[str, Any], where: str, loops: int) -> Iterator[str]:
        properties, patterns = _mapping(schema, "properties"), _mapping(schema, "patternProperties")
        place = where or "the answer"
        for name in _list(schema, "required"):
            if name not in value:
                yield f"{place} lacks {name!r}"
        for name, item in value.items():
            inner = f"{where}.{name}" if where else str(name)
            if "propertyNames" in schema and not self.fits(name, schema["propertyNames"], loops + 1):
                yield f"{place} must not have a key {name!r}"
            own = [found for pattern, found in patterns.items() if _matches(pattern, name)]
            if name in properties:
                own.append(properties[name])
            for part in own or [schema.get("additionalProperties", True)]:
                if part is False:
                    yield f"{place} must not have {name!r}"
                else:
                    yield from self.problems(item, part, inner, 0)
        yield from _within(len(value), schema, ("minProperties", "maxProperties"), f"{place}: its number of keys")

    def _in_array(self, value: list[Any], schema: Mapping[str, Any], where: str) -> Iterator[str]:
        first = _list(schema, "prefixItems") or _list(schema, "items")
        rest = (
            schema.get("items", True) if "prefixItems" in schema or not first else schema.get("additionalItems", True)
        )
        for index, item in enumerate(value):
            part = first[index] if index < len(first) else rest
            yield from self.problems(item, part, f"{where}[{index}]", 0)
        place = where or "the answer"
        yield from _within(len(value), schema, ("minItems", "maxItems"), f"{place}: its length")
        if schema.get("uniqueItems") is True and len({json.dumps(item, sort_keys=True) for item in value}) < len(value):
            yield f"{place} must not hold anything twice"


def _chosen(value: Any, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    if isinstance(choices := schema.get("enum"), list) and not any(_equal(value, item) for item in choices):
        yield f"{place} must be one of {choices!r}, not {value!r}"[:300]
    if "const" in schema and not _equal(value, schema["const"]):
        yield f"{place} must be {schema['const']!r}, not {value!r}"[:300]


def _list(schema: Mapping[str, Any], name: str) -> list[Any]:
    found = schema.get(name)
    return found if isinstance(found, list) else []


def _mapping(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = schema.get(name)
    return found if isinstance(found, Mapping) else {}


def _is_of(value: Any, types: Any) -> bool:
    names = types if isinstance(types, list) else [types]
    return any(_is_of_type(value, name) for name in names)


def _is_of_type(value: Any, name: Any) -> bool:
    match name:
        case "integer":
            return not isinstance(value, bool) and (
                isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            )
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case str() if name in TYPES:
            return isinstance(value, TYPES[name])
        case _:
            return True  # no type of JSON's: nothing is known of it


def _equal(one: Any, other: Any) -> bool:
    """Return whether two values are the same JSON: 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(item, other[name]) for name, item in one.items())
    return bool(one == other)


def _matches(pattern: Any, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except (re.error, TypeError):
        return True  # a pattern of another dialect


def _in_text(value: str, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    if "pattern" in schema and not _matches(schema["pattern"], value):
        yield f"{place} must match {schema['pattern']!r}, not {value!r}"[:300]
    yield from _within(len(value), schema, ("minLength", "maxLength"), f"{place}: its length")


def _in_number(value: float, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    yield from _within(value, schema, ("minimum", "maximum"), place)
    low, high = _number(schema, "exclusiveMinimum"), _number(schema, "exclusiveMaximum")
    if (low is not None and value <= low) or (high is not None and value >= high):
        yield f"{place} must be above {low!r} and below {high!r}, not {value!r}"
    step = _number(schema, "multipleOf")
    times = value / step if step else 0.0
    if not math.isfinite(times) or not math.isclose(times, round(times), rel_tol=1e-9):
        yield f"{place} must be a multiple of {step!r}, not {value!r}"


def _within(size: float, schema: Mapping[str, Any], names: tuple[str, str], place: str) -> Iterator[str]:
    low, high = _number(schema, names[0]), _number(schema, names[1])
    if low is not None and size < low:
        yield f"{place} must be {low} at least, not {size}"
    if high is not None and size > high:
        yield f"{place} must be {high} at most, not {size}"


def _number(schema: Mapping[str, Any], name: str) -> float | None:
    found = schema.get(name)
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None
