"""A pydantic model as the JSON schema that structured output takes.

Strict mode knows a part of JSON schema: every object is closed and requires all of its properties, a `$ref` stands
alone, and some keywords are unknown (https://platform.openai.com/docs/guides/structured-outputs#supported-schemas).
Keywords that only narrow a value are left out, because the answer is validated here afterwards anyway. A schema that
cannot be made strict (an object with free keys, a tuple) is sent as it is, and not as strict.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

__all__ = ["response_format", "schema_name", "strict_schema"]

DROPPED = frozenset(
    {
        "default",
        "discriminator",
        "examples",
        "maxLength",
        "maxProperties",
        "minLength",
        "minProperties",
        "title",
        "uniqueItems",
    }
)
"""Keywords that strict mode refuses and that a validation of the answer makes up for."""

UNSTRICT = frozenset({"if", "not", "patternProperties", "prefixItems", "dependentSchemas", "propertyNames"})
"""Keywords that strict mode refuses and that say what a value is."""

FORMATS = frozenset({"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uuid"})
NAMED = frozenset({"properties", "$defs"})
LONGEST_NAME = 64


class NotStrictError(Exception):
    """A schema has no strict form."""


def schema_name(cls: type[BaseModel]) -> str:
    """Return a class's name as the API takes it: letters, digits, `_` and `-`, at most 64 of them."""
    title = cls.model_config.get("title") or cls.__name__
    return re.sub(r"[^a-zA-Z0-9_-]", "_", title)[:LONGEST_NAME]


def response_format(cls: type[BaseModel]) -> dict[str, Any]:
    """Return the `response_format` that asks for an object of this class."""
    schema = cls.model_json_schema()
    described = {"description": schema["description"]} if "description" in schema else {}
    strict = strict_schema(schema)
    spec = {"name": schema_name(cls), **described, "schema": strict or schema, "strict": strict is not None}
    return {"type": "json_schema", "json_schema": spec}


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a schema in strict form, or None if it has none; the one given stays as it is."""
    try:
        strict: dict[str, Any] = _Strict(schema.get("$defs", {})).of(schema)
    except NotStrictError:
        return None
    return strict if strict.get("type") == "object" else None


class _Strict:
    """One schema's way into strict form."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._expanding: list[str] = []

    def of(self, node: Any) -> Any:
        """Return a schema, or a part of one, in strict form."""
        match node:
            case list():
                return [self.of(item) for item in node]
            case {"$ref": str() as ref, **siblings} if siblings:
                return self._expanded(ref, siblings)
            case {"allOf": [single], **siblings}:
                return self.of({**single, **siblings})
            case {"oneOf": choices, **siblings}:
                return self.of({"anyOf": choices, **siblings})
            case dict():
                return self._object(node)
            case _:
                return node

    def _expanded(self, ref: str, siblings: dict[Any, Any]) -> Any:
        """Put a definition in the place of a reference that has something beside it."""
        name = ref.rpartition("/")[2]
        if name in self._expanding:
            return {"$ref": ref}  # within itself: what stands beside it is only a description
        self._expanding.append(name)
        try:
            return self.of({**self._definitions[name], **siblings})
        finally:
            self._expanding.pop()

    def _object(self, node: dict[str, Any]) -> dict[str, Any]:
        if UNSTRICT & node.keys() or "allOf" in node:
            raise NotStrictError
        strict = {key: self._value(key, value) for key, value in node.items() if not _is_dropped(key, value)}
        if strict.get("type") == "object":
            if node.get("additionalProperties") not in (None, False) or "properties" not in strict:
                raise NotStrictError
            strict["additionalProperties"] = False
            strict["required"] = list(strict["properties"])
        if "type" not in strict and not strict.keys() & {"$ref", "anyOf", "enum", "const"}:
            raise NotStrictError  # a field of any type
        return strict

    def _value(self, key: str, value: Any) -> Any:
        if key in NAMED:
            return {name: self.of(item) for name, item in value.items()}
        return value if key in {"enum", "const", "required"} else self.of(value)


def _is_dropped(key: str, value: Any) -> bool:
    return key in DROPPED or (key == "format" and value not in FORMATS)
