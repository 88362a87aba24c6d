"""Tools, tool choices and response formats as the API has them, from everything that LangChain accepts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.utils.function_calling import convert_to_openai_tool

from inference_do import ConfigError
from inference_do._adapters.strict_schemas import must_be_strict
from inference_do._adapters.tool_names import wire_name

from ._schemas import is_tool_class, output_schema

__all__ = ["json_schema_format", "wire_choice", "wire_format", "wire_tool"]

CHOICES = {"auto": "auto", "none": "none", "any": "required", "required": "required", True: "required"}


def wire_tool(tool: Any, *, strict: bool | None = None) -> dict[str, Any]:
    """Return a tool in the API's form.

    Args:
        tool: A LangChain tool, a function, a pydantic class, a TypedDict, or a schema in the form of JSON Schema, of
            OpenAI or of Anthropic. A dict of another type (`web_search`, `mcp`, ...) is DigitalOcean's own tool and
            stays as it is.
        strict: Whether the arguments must follow the schema; None leaves it to the API.
    """
    if isinstance(tool, Mapping) and _is_formed(tool, strict):
        return _strictly_formed(tool)
    mark = _cache_mark(tool)
    if isinstance(tool, Mapping) and "name" in tool:
        tool = {key: value for key, value in tool.items() if key != "type"}  # the flat form of OpenAI's responses API
    function = _function(tool)
    if strict is not None:
        function["strict"] = strict
    if "parameters" not in function:
        function["parameters"] = {"type": "object", "properties": {}}
    if function.get("strict"):
        function["parameters"] = _strict(function["parameters"], function["name"], schema=tool)
    return {"type": "function", "function": function, **mark}


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
    except (TypeError, ValueError) as error:
        message = f"{tool!r} is no tool or schema that LangChain can convert; a dict of JSON Schema needs a title"
        raise ConfigError(message) from error


def _cache_mark(tool: Any) -> dict[str, Any]:
    """Return a tool's mark for the prompt cache: beside its schema, or among a LangChain tool's `extras`."""
    sources = (tool, tool.get("extras")) if isinstance(tool, Mapping) else (getattr(tool, "extras", None),)
    marks = [
        source["cache_control"] for source in sources if isinstance(source, Mapping) and source.get("cache_control")
    ]
    return {"cache_control": marks[0]} if marks else {}


def _strictly_formed(tool: Mapping[str, Any]) -> dict[str, Any]:
    match tool:
        case {"function": {"strict": True, "parameters": parameters} as function}:
            return {
                **tool,
                "function": {**function, "parameters": _strict(parameters, function.get("name"), schema=tool)},
            }
        case _:
            return dict(tool)


def _is_formed(tool: Mapping[str, Any], strict: bool | None) -> bool:
    if tool.get("type") == "function":
        return "function" in tool and strict is None
    return tool.get("type") not in {None, "custom", "object"}


def wire_choice(choice: Any, tools: Sequence[Mapping[str, Any]]) -> str | dict[str, Any] | None:
    """Return a tool choice in the API's form.

    Args:
        choice: "auto", "none", "any", "required" or True; a tool's name; None or False for no choice; or a dict in
            OpenAI's or Anthropic's form.
        tools: The tools in the API's form.

    Raises:
        ConfigError: It names a tool that is not among them, or cannot be read.
    """
    match choice:
        case None | False:
            return None
        case {"function": {"name": str() as name}} | {"name": str() as name}:
            return _named(name, tools)
        case {"type": str() as kind}:
            return CHOICES.get(kind) or dict(choice)
        case str() | True:
            return CHOICES.get(choice) or _named(str(choice), tools)
        case _:
            message = f"tool_choice must be a tool's name, 'auto', 'none', 'any', a bool or a dict, not {choice!r}"
            raise ConfigError(message)


def _named(name: str, tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = [tool["function"]["name"] if tool.get("type") == "function" else tool.get("type") for tool in tools]
    if name not in names:
        message = f"tool_choice names {name!r}, which is not among the tools: {', '.join(map(str, names))}"
        raise ConfigError(message)
    return {"type": "function", "function": {"name": name}}


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
