"""Schemas in every form that LangChain takes them, as `OutputSchema`.

LangChain's own conversion loses what a class refers to itself with, the constraints of a TypedDict, and roots that are
no object. Its conventions are kept: `Annotated[T, default, "description"]` in a TypedDict, names by `title`.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from typing import Annotated, Any, NotRequired, Required, get_args, get_origin, get_type_hints

from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo
from pydantic.v1 import BaseModel as BaseModelV1
from typing_extensions import ReadOnly, TypedDict, is_typeddict

from inference_do import ConfigError
from inference_do._adapters.output_schemas import OutputSchema, as_object, inlined, of_json_schema, of_type

__all__ = ["is_tool_class", "output_schema"]

_new_typed_dict: Any = TypedDict  # whose arguments type checkers want to read
WRAPPERS = (Required, NotRequired, ReadOnly)


def _is_type(schema: Any) -> bool:
    """Return whether a schema is a type, whose objects answers become: no dict, function or tool."""
    return isinstance(schema, type) or get_origin(schema) is not None or is_typeddict(schema)


def is_tool_class(tool: Any) -> bool:
    """Return whether a class describes a tool by its fields."""
    return is_typeddict(tool) or (isinstance(tool, type) and issubclass(tool, BaseModel | BaseModelV1))


def output_schema(schema: Any, *, needs_name: bool = True) -> OutputSchema:
    """Return what a schema asks for.

    Args:
        schema: A pydantic class (v1 or v2), a dataclass, a TypedDict, any other type that pydantic knows; a dict of
            JSON Schema, of OpenAI's functions or response formats, or of another provider's tools; a LangChain tool.
        needs_name: Whether it must have a name.

    Raises:
        ConfigError: It is none of them.
    """
    if isinstance(schema, Mapping):
        return _of_dict(schema, needs_name=needs_name)
    if isinstance(schema, type) and issubclass(schema, BaseModelV1):
        return _of_v1(schema)
    if _is_type(schema):
        try:
            found = of_type(_rebuilt(schema, {}), inline=True)
        except NameError as error:  # of a class that only a function knows
            message = f"{schema!r} has no JSON schema: {error}"
            raise ConfigError(message) from error
        if is_typeddict(schema) or is_dataclass(schema):
            return replace(found, name=schema.__name__, is_plain=is_typeddict(schema))
        return found
    return _of_function(_converted(schema))


def _of_v1(cls: type[BaseModelV1]) -> OutputSchema:
    schema = cls.schema()
    sent, is_wrapped = as_object(inlined(schema))
    description = sent.pop("description", "")
    return OutputSchema(
        schema.get("title") or cls.__name__,
        sent,
        cls.parse_obj,
        description=description,
        is_wrapped=is_wrapped,
        is_validated=True,
        fields=frozenset({*sent["properties"], *cls.__fields__}),
    )


def _of_dict(schema: Mapping[str, Any], *, needs_name: bool) -> OutputSchema:
    match schema:
        case (
            {"type": "json_schema", "json_schema": {"schema": Mapping() as inner} as form}
            | {"toolSpec": {"name": str(), "inputSchema": {"json": Mapping() as inner}} as form}
            | ({"name": str(), "schema": Mapping() as inner} as form)
            | ({"name": str(), "input_schema": Mapping() as inner} as form)
            | ({"name": str(), "inputSchema": Mapping() as inner} as form)
        ):
            return _of_form(form, inner)
        case {"type": "function", "function": Mapping() as form}:
            return _of_function(form)
        case {"name": str()} if "properties" not in schema:
            return _of_function(schema)
    sent = of_json_schema(schema, "")
    name = schema.get("title") or sent.schema.get("title") or ""
    if not isinstance(name, str) or (needs_name and not name):
        message = f"{dict(schema)!r} has no name: a dict of JSON Schema needs a title"
        raise ConfigError(message)
    root = {key: value for key, value in sent.schema.items() if key not in {"title", "description"}}
    return replace(of_json_schema(schema, name), schema=root, description=str(sent.schema.get("description") or ""))


def _of_function(function: Mapping[str, Any]) -> OutputSchema:
    return _of_form(function, function.get("parameters") or {})


def _of_form(form: Mapping[str, Any], schema: Mapping[str, Any]) -> OutputSchema:
    details = {"description": form.get("description") or "", "strict": form.get("strict")}
    return of_json_schema(schema, form.get("name") or schema.get("title") or "answer", **details)


def _converted(tool: Any) -> Mapping[str, Any]:
    """Return a tool or function as core describes it.

    Raises:
        ConfigError: It is none.
    """
    try:
        return dict(convert_to_openai_tool(tool)["function"])
    except (KeyError, TypeError, ValueError) as error:
        message = f"{tool!r} is no tool or schema that LangChain can convert"
        raise ConfigError(message) from error


def _rebuilt(kind: Any, seen: dict[Any, Any]) -> Any:
    """Return a type with its TypedDicts as pydantic takes them, whatever module they are of.

    `Annotated[T, default, "description"]` is LangChain's way to describe a key; one with a default may be left out.
    """
    if is_typeddict(kind):
        if kind in seen:
            return seen[kind]
        seen[kind] = kind
        fields = {}
        for name, hint in get_type_hints(kind, include_extras=True).items():
            wrapper = Required if name in kind.__required_keys__ else NotRequired
            fields[name] = _field(hint, wrapper, seen)
        made: Any = _new_typed_dict(kind.__name__, fields)
        made.__doc__, made.__module__ = kind.__doc__, kind.__module__
        if config := getattr(kind, "__pydantic_config__", None):
            made.__pydantic_config__ = config
        seen[kind] = made
        return made
    arguments = get_args(kind)
    if get_origin(kind) in (None, typing.Literal) or not any(_holds_typed_dict(item) for item in arguments):
        return kind
    inner = tuple(_rebuilt(item, seen) for item in arguments)
    if get_origin(kind) is Annotated:
        return Annotated[inner[0], *kind.__metadata__]
    if get_origin(kind) in (typing.Union, types.UnionType):
        return typing.Union[inner]  # noqa: UP007  of as many as there are
    return get_origin(kind)[inner]


def _holds_typed_dict(kind: Any) -> bool:
    return is_typeddict(kind) or any(_holds_typed_dict(item) for item in get_args(kind))


def _field(hint: Any, wrapper: Any, seen: dict[Any, Any]) -> Any:
    while (origin := get_origin(hint)) in WRAPPERS:
        wrapper = wrapper if origin is ReadOnly else origin
        (hint,) = get_args(hint)
    match getattr(hint, "__metadata__", ()):
        case (default, str() as description, *_) if not isinstance(default, FieldInfo):
            inner = _rebuilt(get_args(hint)[0], seen)
            wrapper = wrapper if default is ... else NotRequired
            return wrapper[Annotated[inner, Field(description=description)]]
        case _:
            return wrapper[_rebuilt(hint, seen)]
