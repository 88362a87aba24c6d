"""Tools that are given as dicts, in each of the forms that are about, and tool choices, as the API has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inference_do._tool_secrets import mask_secrets, mask_tools
from inference_do.errors import ConfigError

__all__ = ["form_of", "mask_tools", "object_schema", "wire_choice"]

SCHEMA_FIELDS = (
    "parameters",
    "input_schema",
    "inputSchema",
    "parameters_json_schema",
    "parametersJsonSchema",
    "schema",
)
"""Where a function's parameters stand: in OpenAI's form, Anthropic's, MCP's, Gemini's."""

FUNCTION_TYPES = frozenset({None, "function", "custom", "object"})
"""Types of dicts that describe functions; a dict of another type is a tool that the server runs."""

MODES: Mapping[Any, str] = {"auto": "auto", "none": "none", "any": "required", "required": "required", True: "required"}


def form_of(tool: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a tool in the API's form; None for a dict that is a JSON Schema, not a tool.

    Args:
        tool: A function in OpenAI's form (nested or flat), Anthropic's or MCP's; or a tool that the server runs
            (`web_search`, `mcp`, ...), which stays as it is, its secrets masked. The dict is not changed but copied.

    Raises:
        ConfigError: It is a custom tool, which takes free text, or its parameters are no schema.
    """
    kind = tool.get("type")
    if kind not in FUNCTION_TYPES:
        return mask_secrets(tool)
    mark = {"cache_control": tool["cache_control"]} if tool.get("cache_control") else {}
    if isinstance(function := tool.get("function"), Mapping):
        given = {name: value for name, value in function.items() if value is not None and name not in SCHEMA_FIELDS}
        return {"type": "function", "function": {**given, "parameters": _parameters_of(function)}, **mark}
    if kind == "custom" and all(tool.get(name) is None for name in SCHEMA_FIELDS):
        message = (
            f"{tool.get('name') or 'a tool'!r} is a custom tool, which takes free text and has no form in this API: "
            "describe a function with one parameter for the text"
        )
        raise ConfigError(message)
    if "name" not in tool:
        return None
    given = {name: tool[name] for name in ("name", "description", "strict") if tool.get(name) is not None}
    return {"type": "function", "function": {**given, "parameters": _parameters_of(tool)}, **mark}


def _parameters_of(function: Mapping[str, Any]) -> dict[str, Any]:
    found = next((function[name] for name in SCHEMA_FIELDS if function.get(name) is not None), None)
    if isinstance(found, Mapping) and found.keys() == {"json"}:  # Bedrock's
        found = found["json"]
    if found is not None and not isinstance(found, Mapping):
        message = f"the parameters of tool {function.get('name')!r} must be a JSON schema, not {found!r}"
        raise ConfigError(message)
    return object_schema(found)


def object_schema(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the schema of a function's parameters; one of an object has `properties`, which some models insist on."""
    if not schema:
        return {"type": "object", "properties": {}}
    if "type" not in schema and isinstance(schema.get("properties"), Mapping):
        schema = {"type": "object", **schema}
    if schema.get("type") == "object" and schema.get("properties") is None:
        return {**schema, "properties": {}}
    return dict(schema)


def wire_choice(choice: Any, tools: Sequence[Mapping[str, Any]]) -> str | dict[str, Any] | None:
    """Return a tool choice in the API's form.

    Args:
        choice: "auto", "none", "any", "required" or True; a tool's name, or the type of one that the server runs; None
            or False for no choice; or a dict in OpenAI's or Anthropic's form.
        tools: The tools in the API's form.

    Raises:
        ConfigError: It names a tool that is not among them, or cannot be read.
    """
    match choice:
        case None | False:
            return None
        case {"function": {"name": str() as name}} | {"type": "function" | "tool", "name": str() as name}:
            return _named(name, tools)
        case {"type": str() as kind}:
            return MODES.get(kind) or dict(choice)
        case {"name": str() as name}:
            return _named(name, tools)
        case str() | True:
            return MODES.get(choice) or _named(str(choice), tools)
        case _:
            message = f"tool_choice must be a tool's name, 'auto', 'none', 'any', a bool or a dict, not {choice!r}"
            raise ConfigError(message)


def _named(name: str, tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the choice of a tool by its name, or of one that the server runs by its type, name or label."""
    names: list[str] = []
    served: dict[str, Any] | None = None
    for tool in tools:
        if tool.get("type") == "function":
            names.append(tool["function"]["name"])
            if names[-1] == name:
                return {"type": "function", "function": {"name": name}}
        else:
            names.append(str(tool.get("type")))
            if served is None and name in (tool.get("type"), tool.get("name"), tool.get("server_label")):
                served = {key: tool[key] for key in ("type", "server_label") if tool.get(key)}
    if served is None:
        message = f"tool_choice names {name!r}, which is not among the tools: {', '.join(names)}"
        raise ConfigError(message)
    return served
