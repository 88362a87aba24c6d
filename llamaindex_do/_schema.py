"""A pydantic model as the JSON schema that structured output takes.

A schema that cannot be made strict (an object with free keys, a tuple) is sent as it is, and not as strict.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from inference_do._adapters.output_schemas import OutputSchema, of_type
from inference_do._adapters.strict_schemas import NotStrictError, to_strict
from inference_do._adapters.tool_names import wire_name

__all__ = ["format_of", "response_format", "strict_schema", "tool_of"]


def response_format(cls: type[BaseModel]) -> dict[str, Any]:
    """Return the `response_format` that asks for an object of this class."""
    return format_of(of_type(cls))


def format_of(asked: OutputSchema) -> dict[str, Any]:
    """Return the `response_format` that asks for an object."""
    described = {"description": asked.description} if asked.description else {}
    strict = strict_schema(asked.schema)
    spec = {"name": wire_name(asked.name), **described, "schema": strict or asked.schema, "strict": strict is not None}
    return {"type": "json_schema", "json_schema": spec}


def tool_of(asked: OutputSchema) -> dict[str, Any]:
    """Return the tool that takes an object."""
    parameters = {name: value for name, value in asked.schema.items() if name not in {"title", "description"}}
    described = {"description": asked.description} if asked.description else {}
    return {"type": "function", "function": {"name": asked.name, **described, "parameters": parameters}}


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a schema in strict form, or None if it has none; the answer is validated afterwards."""
    try:
        return to_strict(schema, is_validated=True)
    except NotStrictError:
        return None
