"""Tools, tool choices and response formats as the API has them, from everything that LangChain accepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.utils.function_calling import convert_to_openai_tool

from inference_do import ConfigError
from inference_do._adapters.strict_schemas import must_be_strict
from inference_do._adapters.tool_forms import form_of, object_schema
from inference_do._adapters.tool_names import wire_name

from ._schemas import is_tool_class, output_schema

__all__ = ["json_schema_format", "wire_format", "wire_tool"]


def wire_tool(tool: Any, *, strict: bool | None = None) -> dict[str, Any]:
    """Return a tool in the API's form.

    Args:
        tool: A LangChain tool, a function, a pydantic class, a TypedDict, or a schema in the form of JSON Schema, of
            OpenAI, Anthropic or MCP. A dict of another type (`web_search`, `mcp`, ...) is DigitalOcean's own tool and
            stays as it is, its secrets masked until it is sent.
        strict: Whether the arguments must follow the schema; None leaves it to the API.

    Raises:
        ConfigError: It has no form in the API.
    """
    formed = form_of(tool) if isinstance(tool, Mapping) else None
    if formed is None:
        function = _function(tool)
        formed = {"type": "function", "function": {**function, "parameters": object_schema(function.get("parameters"))}}
    if formed["type"] != "function":
        return formed
    formed |= _cache_mark(tool)
    function = formed["function"]
    if strict is not None:
        function["strict"] = strict
    if function.get("strict"):
        function["parameters"] = _strict(function["parameters"], function.get("name"), schema=tool)
    return formed


def _function(tool: Any) -> dict[str, Any]:
    """Return a tool or schema as core converts it.

    Raises:
        ConfigError: Core has no form for it; a JSON Schema, for one, is named by its `title`.
    """
    if is_tool_class(tool):  # core's conversion of a class loses what it refers to itself with
        asked = output_schema(tool)
        described = {"description": asked.description} if asked.description else {}
        return {"name": asked.name, **described, "parameters": dict(asked.schema)}
    try:
        return dict(convert_to_openai_tool(tool, strict=None)["function"])
    except (KeyError, TypeError, ValueError) as error:
        message = f"{tool!r} is no tool or schema that LangChain can convert; a dict of JSON Schema needs a title"
        raise ConfigError(message) from error


def _cache_mark(tool: Any) -> dict[str, Any]:
    """Return a tool's mark for the prompt cache: beside its schema, or among a LangChain tool's `extras`."""
    sources = (tool, tool.get("extras")) if isinstance(tool, Mapping) else (getattr(tool, "extras", None),)
    marks = [
        source["cache_control"] for source in sources if isinstance(source, Mapping) and source.get("cache_control")
    ]
    return {"cache_control": marks[0]} if marks else {}


def wire_format(value: Any, *, strict: bool | None = None) -> dict[str, Any]:
    """Return a response format in the API's form: a schema or class wrapped, a dict as it is.

    A strict schema is put into the form that strict means to the API; agents hand such schemas in as they are.
    """
    match value:
        case {"type": "json_schema", "json_schema": {"strict": True, "schema": schema} as form}:
            return {**value, "json_schema": {**form, "schema": _strict(schema, form.get("name"), schema=value)}}
        case {"type": "text" | "json_object" | "json_schema"}:
            return dict(value)
        case _:
            return json_schema_format(value, strict=strict)


def json_schema_format(schema: Any, *, strict: bool | None = None) -> dict[str, Any]:
    """Return the response format that asks for JSON of a schema.

    Args:
        schema: A pydantic class, a TypedDict, or a dict: JSON Schema with a title, or a function in OpenAI's form.
        strict: Whether the API must enforce it; every object is closed then, and all its properties required.
    """
    asked = output_schema(schema)
    strict = asked.strict if strict is None else strict
    form: dict[str, Any] = {"name": wire_name(asked.name), "schema": dict(asked.schema)}
    if asked.description:
        form["description"] = asked.description
    if strict is not None:
        form["strict"] = strict
    if strict:
        form["schema"] = must_be_strict(asked.schema, asked.name, is_validated=asked.is_validated)
    return {"type": "json_schema", "json_schema": form}


def _strict(parameters: Any, name: Any, *, schema: Any) -> dict[str, Any]:
    """Return a schema in strict form.

    Args:
        parameters: The JSON schema.
        name: Whose it is.
        schema: What the user gave: arguments and answers are validated against a class, and not against a dict.

    Raises:
        ConfigError: It has no strict form.
    """
    return must_be_strict(parameters, name, is_validated=not isinstance(schema, Mapping))
