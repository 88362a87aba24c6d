"""What a user asks for as structured output: its schema as it is sent, and the check of an answer against it.

The API's tools and response formats take objects. A type whose schema is another one (a list, a choice, a text, an
object or null) is asked for as the one property of an object, and taken out of it again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, get_args

from pydantic import BaseModel, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter

from inference_do.errors import ConfigError

from .arguments import names_of
from .json_text import JSONTextError, parse_json
from .schema_check import definition, problem_of
from .tool_names import wire_name

__all__ = ["OutputSchema", "as_object", "inlined", "of_json_schema", "of_type", "properties_of"]

VALUE = "value"
"""The property that holds what is no object."""

DATA = frozenset({"const", "default", "enum", "example", "examples", "required"})
NAMED = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
DEFINITIONS = ("$defs", "definitions")
ABOUT = frozenset({"$comment", "$schema", "description", "title", *DEFINITIONS})
CHOICES = frozenset({"allOf", "anyOf", "const", "enum", "if", "not", "oneOf"})

CALLED = ("name", "function", "tool", "tool_name", "function_name", "action", "recipient_name")
ARGUMENTS = ("parameters", "arguments", "args", "input", "params", "kwargs", "tool_input", "tool_args", "action_input")
CALL_TYPES = frozenset({"function", "function_call", "tool_call", "tool_use"})
CALLS = ("tool_calls", "tool_call", "function_call", "function")
"""Keys under which an answer in words has a call, or a list of one."""
ABOUT_CALL = frozenset({"type", "id", "call_id", "index", *CALLED})


@dataclass(frozen=True, slots=True)
class OutputSchema:
    """What is asked for."""

    name: str
    """As the user has it; the wire's form is another's business."""
    schema: Mapping[str, Any]
    """The JSON schema of an object, as it is sent where it is not strict."""
    validate: Callable[[Any], Any] = field(repr=False)
    """Make the user's object of a value of JSON, or raise a ValueError."""
    description: str = ""
    is_wrapped: bool = False
    strict: bool | None = None
    is_validated: bool = False
    """Whether `validate` knows everything that a strict schema may leave out."""
    is_plain: bool = False
    """Whether the user's object is the value itself, so that a part of it is one too."""
    fields: frozenset[str] = field(default_factory=frozenset)
    """Names of an object's own properties."""

    def read(self, value: Any) -> Any:
        """Return the user's object for an answer's value.

        Raises:
            ValueError: It does not fit.
        """
        if not self.is_wrapped or not (isinstance(value, dict) and value.keys() == {VALUE}):
            return self.validate(value)  # some models answer with what was meant, and leave the wrapping out
        try:
            return self.validate(value[VALUE])
        except ValueError as error:
            if not _has_value({**self.schema, "properties": {"": properties_of(self.schema)[VALUE]}}):
                raise  # an object that takes any properties, or has none that it needs, would take the wrapping as well
            try:
                return self.validate(value)
            except ValueError:
                raise error from None

    def read_partly(self, value: Any) -> Any:
        """Return the user's object for what has come of a value, or None if it is none yet."""
        if self.is_wrapped and isinstance(value, dict):
            value = value.get(VALUE)
        if value is None or self.is_plain:
            return value
        try:
            return self.validate(value)
        except ValueError:
            return None

    def called(self, value: Any) -> Any:
        """Return the arguments of a call that a model wrote as text, or the value if it is no call.

            {"type": "function", "name": "Filter", "parameters": {"year": 1999}}   ->   {"year": 1999}

        Raises:
            JSONTextError: It is a call of something else or no such object, or its arguments cannot be read.
        """
        envelope = value[0] if isinstance(value, list) and len(value) == 1 else value
        if not self.name or not isinstance(envelope, dict) or envelope.keys() <= self.fields:
            return value
        names = {self.name, wire_name(self.name)}
        if len(envelope) == 1 and (name := next(iter(envelope))) in names and isinstance(envelope[name], dict):
            return envelope[name]
        call = self._inner_call(envelope)
        name = next((call[key].removeprefix("functions.") for key in CALLED if isinstance(call.get(key), str)), None)
        holder = next((key for key in ARGUMENTS if key in call), None)
        if call is envelope and holder in self.fields:
            return value
        if holder is None and name in names:  # whatever the one object beside its name is called
            others = [key for key in call if key not in ABOUT_CALL]
            if len(others) == 1 and others[0] not in self.fields and isinstance(call[others[0]], dict):
                holder = others[0]
        if name is None or (holder is None and envelope.get("type") not in CALL_TYPES):
            return self._own(value)
        if name not in names:
            message = f"the model called {name!r} instead of {self.name!r}"
            raise JSONTextError(message)
        arguments = {} if holder is None else call[holder]
        return parse_json(arguments) if isinstance(arguments, str) else arguments

    def _inner_call(self, envelope: dict[str, Any]) -> dict[str, Any]:
        """Return the call that an object holds, or the object."""
        call = envelope
        for key in CALLS:
            inner = call.get(key) if key not in self.fields else None
            inner = inner[0] if isinstance(inner, list) and len(inner) == 1 else inner
            call = inner if isinstance(inner, dict) else call
        return call

    def _own(self, value: Any) -> Any:
        """Return an answer that is no call.

        Raises:
            JSONTextError: It is the schema, or an object around the one that was asked for, and would be read as an
                object whose fields all have their defaults.
        """
        if self.is_plain or self.has_fields(value):
            return value
        try:
            self.validate(value)
        except ValueError:
            return value  # what reads it says more
        message = f"the answer has none of its fields: {value!r}"[:300]
        raise JSONTextError(message)

    def has_fields(self, value: Any) -> bool:
        """Return whether a value may be what was asked for: an object has one of its fields, unless keys are free."""
        if not isinstance(value, dict) or not value or not self.fields:
            return True
        if value.get("type") == "object" and isinstance(value.get("properties"), dict):
            return "properties" in self.fields  # else it is the schema, which may have a field's name as a keyword
        return self.is_wrapped or bool(self.schema.get("additionalProperties")) or not self.fields.isdisjoint(value)

    def may_be_call(self, value: Any) -> bool:
        """Return whether the beginning of an answer may be that of a call in words, whose name is no field's value."""
        if not self.name or not isinstance(value, dict):
            return False
        if value.keys() & {*ARGUMENTS, *CALLED, *CALLS, "type"} and not value.keys() <= self.fields:
            return True
        named = [value[key] for key in CALLED if key in value]
        return len(value) <= 2 and any(isinstance(name, str) and self.name.startswith(name) for name in named)  # noqa: PLR2004  a type and a name


def of_type(kind: Any, *, inline: bool = False) -> OutputSchema:
    """Return what a type asks for: a pydantic class, a dataclass, a TypedDict, `list[X]`, ...

    Args:
        kind: The type; answers are made objects of it.
        inline: Whether to send definitions in the place of references to them.

    Raises:
        ConfigError: Pydantic has no schema for it.
    """
    try:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            schema, fields = kind.model_json_schema(), names_of(kind.model_fields, {})
            validate: Callable[[str], Any] = kind.model_validate_json
        else:
            adapter = TypeAdapter(kind)
            schema, fields = adapter.json_schema(), frozenset()
            validate = adapter.validate_json
    except (PydanticUserError, PydanticSchemaGenerationError, NameError, TypeError) as error:
        message = f"{kind!r} has no JSON schema: {error}"
        raise ConfigError(message) from error
    sent, is_wrapped = as_object(inlined(schema) if inline else schema)
    return OutputSchema(
        str(schema.get("title") or sent.get("title") or _shown(kind)),
        {key: value for key, value in sent.items() if key not in {"title", "description"}} if inline else sent,
        partial(_validated, validate),
        description=sent.get("description") or "",
        is_wrapped=is_wrapped,
        is_validated=True,
        fields=frozenset({*properties_of(sent), *(fields - {"root"})}),
    )


def _shown(kind: Any) -> str:
    """Return a type's name without its modules: `list[City]`."""
    if isinstance(kind, type) and not get_args(kind):
        return kind.__name__
    return re.sub(r"\w+\.(?=\w)", "", str(kind))


def of_json_schema(schema: Mapping[str, Any], name: str, **details: Any) -> OutputSchema:
    """Return what a dict of JSON Schema asks for; answers are checked against it and stay as they are."""
    sent, is_wrapped = as_object(schema)
    return OutputSchema(
        name,
        sent,
        partial(_checked, dict(schema), name),
        is_wrapped=is_wrapped,
        is_plain=True,
        fields=frozenset(properties_of(sent)),
        **details,
    )


def _validated(validate: Callable[[str], Any], value: Any) -> Any:
    """Validate a value as JSON is: strict classes take texts for dates then."""
    return validate(json.dumps(value))


def _checked(schema: Mapping[str, Any], name: str, value: Any) -> Any:
    if (problem := problem_of(value, schema)) is not None:
        message = f"the answer does not fit {name or 'its schema'}: {problem}"
        raise ValueError(message)
    return value


def as_object(schema: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return a schema whose root is an object with properties, and whether what was asked for is a property of it.

    Raises:
        ConfigError: The schema's root is a reference to nothing.
    """
    root = dict(schema)
    seen: set[str] = set()
    while isinstance(reference := root.get("$ref"), str):  # a recursive class is a reference to itself
        found = definition(schema, reference)
        if not isinstance(found, Mapping) or reference in seen:
            message = f"the schema's root is {reference!r}, which is nowhere in it"
            raise ConfigError(message)
        seen.add(reference)
        root = {**found, **{key: value for key, value in root.items() if key != "$ref"}}
    is_plain = "type" not in root and ("properties" in root or not root.keys() - ABOUT) and not root.keys() & CHOICES
    if root.get("type") == "object" or is_plain:
        return {**root, "type": "object", "properties": properties_of(root)}, False
    definitions = {key: root.pop(key) for key in DEFINITIONS if key in root}
    about = {key: root.pop(key) for key in ("title", "description") if key in root}
    wrapped = {"type": "object", "properties": {VALUE: _moved(root)}, "required": [VALUE]}
    return {**about, **wrapped, **_moved(definitions, is_named=True)}, True


def _moved(node: Any, *, is_named: bool = False) -> Any:
    """Return a part of a schema with its references led to where the root is now."""
    if isinstance(node, list):
        return [_moved(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    moved = {}
    for key, value in node.items():
        if not is_named and key == "$ref" and isinstance(value, str):
            is_elsewhere = not value.startswith("#") or value.startswith(("#/$defs/", "#/definitions/"))
            moved[key] = value if is_elsewhere else f"#/properties/{VALUE}{value[1:]}"
        elif not is_named and key in DATA:
            moved[key] = value
        else:
            moved[key] = _moved(value, is_named=not is_named and key in NAMED)
    return moved


def properties_of(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the properties of an object's schema."""
    properties = schema.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _has_value(node: Any) -> bool:
    """Return whether a property somewhere in a schema has the wrapping's name."""
    if isinstance(node, list):
        return any(map(_has_value, node))
    return isinstance(node, Mapping) and (VALUE in properties_of(node) or any(map(_has_value, node.values())))


def inlined(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with its definitions in the place of references to them, and without titles.

    Models do better without references. A definition that leads to itself stays one.
    """
    writer = _Inliner({**schema.get("definitions", {}), **schema.get("$defs", {})})
    root = {key: value for key, value in schema.items() if key not in DEFINITIONS}
    written: dict[str, Any] = writer.of(root)
    if writer.recursive:
        written["$defs"] = {name: writer.of_definition(name) for name in sorted(writer.recursive)}
    return written


class _Inliner:
    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self.recursive = {name for name in definitions if name in self._reached(name)}

    def _reached(self, name: str) -> set[str]:
        reached: set[str] = set()
        waiting = list(_references(self._definitions[name]))
        while waiting:
            if (other := waiting.pop()) not in reached:
                reached.add(other)
                waiting += _references(self._definitions.get(other))
        return reached

    def of_definition(self, name: str) -> Any:
        return self.of(self._definitions[name])

    def of(self, node: Any, *, is_named: bool = False) -> Any:
        if isinstance(node, list):
            return [self.of(item) for item in node]
        if not isinstance(node, Mapping):
            return node
        if not is_named and isinstance(reference := node.get("$ref"), str):
            name = _name(reference)
            siblings = {key: value for key, value in node.items() if key != "$ref"}
            if name in self.recursive:
                return {"$ref": f"#/$defs/{name}", **self.of(siblings)}
            if name in self._definitions:
                return self.of({**self._definitions[name], **siblings})
        return {
            key: value if key in DATA and not is_named else self.of(value, is_named=not is_named and key in NAMED)
            for key, value in node.items()
            if is_named or key != "title"
        }


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for item in node for found in _references(item)]
    if not isinstance(node, Mapping):
        return []
    own = [_name(node["$ref"])] if isinstance(node.get("$ref"), str) else []
    return own + [found for key, item in node.items() if key not in DATA for found in _references(item)]


def _name(reference: str) -> str:
    return reference.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
