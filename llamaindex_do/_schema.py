"""A pydantic model as the JSON schema that structured output takes.

A schema that cannot be made strict (an object with free keys, a tuple) is sent as it is, and not as strict.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from inference_do._adapters.strict_schemas import NotStrictError, to_strict
from inference_do._adapters.tool_names import wire_name

__all__ = ["response_format", "schema_name", "strict_schema"]


def schema_name(cls: type[BaseModel]) -> str:
    """Return a class's name as the API takes it."""
    return wire_name(cls.model_config.get("title") or cls.__name__)


def response_format(cls: type[BaseModel]) -> dict[str, Any]:
    """Return the `response_format` that asks for an object of this class."""
    schema = cls.model_json_schema()
    described = {"description": schema["description"]} if "description" in schema else {}
    strict = strict_schema(schema)
    spec = {"name": schema_name(cls), **described, "schema": strict or schema, "strict": strict is not None}
    return {"type": "json_schema", "json_schema": spec}


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a schema in strict form, or None if it has none; the answer is validated afterwards."""
    try:
        return to_strict(schema, is_validated=True)
    except NotStrictError:
        return None
