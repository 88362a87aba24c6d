"""JSON schemas in the form that strict mode takes.

Strict mode knows a part of JSON Schema: every object is closed and requires all its properties, and a keyword that it
does not know is refused (https://platform.openai.com/docs/guides/structured-outputs#supported-schemas). What cannot be
said in it is never left out silently: the schema then has no strict form. The exceptions are annotations, which allow
and forbid nothing, and, where the answer is validated afterwards anyway, keywords that only narrow a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from inference_do.errors import ConfigError

__all__ = ["NotStrictError", "must_be_strict", "to_strict"]

KEPT = frozenset(
    {
        "$defs",
        "$ref",
        "additionalProperties",
        "anyOf",
        "const",
        "definitions",
        "description",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "items",
        "maximum",
        "maxItems",
        "minimum",
        "minItems",
        "multipleOf",
        "pattern",
        "properties",
        "required",
        "type",
    }
)
ANNOTATIONS = frozenset(
    {
        "$comment",
        "$schema",
        "contentEncoding",
        "contentMediaType",
        "contentSchema",
        "default",
        "deprecated",
        "discriminator",
        "example",
        "examples",
        "readOnly",
        "title",
        "writeOnly",
    }
)
"""Keywords that allow and forbid nothing: JSON Schema 2020-12, sections 7 to 9 of the validation vocabulary."""
NARROWING = frozenset({"maxLength", "maxProperties", "minLength", "minProperties", "uniqueItems"})
"""Keywords that only narrow a value."""
FORMATS = frozenset({"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uuid"})
LOOKAROUND = re.compile(r"\(\?(?:[=!]|<[=!])")
NAMED = frozenset({"properties", "$defs", "definitions"})


class NotStrictError(ValueError):
    """A schema has no strict form; the message says why."""


def to_strict(schema: Mapping[str, Any], *, is_validated: bool) -> dict[str, Any]:
    """Return a schema in strict form; the one given stays as it is.

    Args:
        schema: A JSON schema of an object.
        is_validated: Whether the answer is validated against the user's type afterwards, so that keywords which only
            narrow a value may be left out.

    Raises:
        NotStrictError: It has no strict form.
    """
    definitions = {**schema.get("definitions", {}), **schema.get("$defs", {})}
    root, opened = dict(schema), set[str]()
    while isinstance(ref := root.get("$ref"), str):  # a recursive class is a reference to itself
        name = ref.rpartition("/")[2]
        if name in opened or name not in definitions:
            message = f"its root refers to {ref!r}, which is {'nothing but itself' if name in opened else 'not there'}"
            raise NotStrictError(message)
        opened.add(name)
        del root["$ref"]
        root = {**definitions[name], **root}
    strict: dict[str, Any] = _Writer(definitions, is_validated=is_validated).of(root)
    if strict.get("type") != "object":
        message = "its root is not an object with properties"
        raise NotStrictError(message)
    return strict


def must_be_strict(schema: Mapping[str, Any], name: Any, *, is_validated: bool) -> dict[str, Any]:
    """Return a schema in strict form, where a user asked for it; see `to_strict`.

    Raises:
        ConfigError: It has no strict form.
    """
    try:
        return to_strict(schema, is_validated=is_validated)
    except NotStrictError as error:
        reason = str(error)
    message = f"the schema of {name!r} cannot be strict: {reason}; leave strict out, or change the schema"
    raise ConfigError(message)


class _Writer:
    def __init__(self, definitions: Mapping[str, Any], *, is_validated: bool) -> None:
        self._definitions = definitions
        self._is_validated = is_validated
        self._expanding: list[str] = []

    def of(self, node: Any) -> Any:
        """Return a schema, or a part of one, in strict form."""
        match node:
            case list():
                return [self.of(item) for item in node]
            case {"$ref": str() as ref, **siblings} if siblings.keys() - ANNOTATIONS:
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
        if name in self._expanding or name not in self._definitions:
            if named := siblings.keys() - ANNOTATIONS - {"description"}:
                message = f"it has {', '.join(sorted(named))} beside a reference to itself"
                raise NotStrictError(message)
            return {"$ref": ref}
        self._expanding.append(name)
        try:
            return self.of({**self._definitions[name], **siblings})
        finally:
            self._expanding.pop()

    def _object(self, node: dict[str, Any]) -> dict[str, Any]:
        strict = {key: self._value(key, value) for key, value in node.items() if self._is_kept(key, value)}
        types = strict.get("type")
        types = types if isinstance(types, list) else [types]
        if "object" in types or "properties" in strict:
            if node.get("additionalProperties") not in (None, False) or "properties" not in strict:
                message = "it has an object whose keys are free"
                raise NotStrictError(message)
            strict.setdefault("type", "object")
            strict.update(additionalProperties=False, required=list(strict["properties"]))
        if not strict.keys() & {"$ref", "anyOf", "const", "enum", "type"}:
            message = "it has a value of any type"
            raise NotStrictError(message)
        if "array" in types and "items" not in strict:
            message = "it has a list whose items are free"
            raise NotStrictError(message)
        return strict

    def _is_kept(self, key: str, value: Any) -> bool:
        """Return whether a keyword is sent; False for one that may be left out.

        Raises:
            NotStrictError: Leaving it out would change what is allowed.
        """
        if key in ANNOTATIONS or key.startswith("x-"):
            return False
        is_unknown = (key == "format" and value not in FORMATS) or (
            key == "pattern" and bool(LOOKAROUND.search(str(value)))
        )
        if key in KEPT and not is_unknown:
            return True
        if self._is_validated and (is_unknown or key in NARROWING):
            return False
        message = f"it has {key}: {value!r}"[:200] if is_unknown else f"it has the keyword {key!r}"
        raise NotStrictError(message)

    def _value(self, key: str, value: Any) -> Any:
        if key in NAMED and isinstance(value, dict):
            return {name: self._part(item) for name, item in value.items()}
        if key in NAMED or key == "items":
            return self._part(value)
        return value if key in {"additionalProperties", "const", "enum"} else self.of(value)

    def _part(self, value: Any) -> Any:
        """Return the strict form of what must be a schema; one that is true or false allows everything or nothing.

        Raises:
            NotStrictError: It is no dict.
        """
        if not isinstance(value, dict):
            message = f"it has {value!r} where a schema belongs"
            raise NotStrictError(message)
        return self.of(value)
