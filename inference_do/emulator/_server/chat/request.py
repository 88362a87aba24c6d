"""What a chat request must look like: its fields, their types and their ranges, and its tools.

Stricter than any one provider behind the API, so that a request that passes here passes there. Messages are checked
in `_messages.py`, what a particular model refuses in `_profile.py`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from inference_do.emulator._http import Refusal

from .messages import check_messages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
NULLABLE = frozenset({"reasoning_effort", "user"})
SERVER_TOOLS = frozenset({"knowledge_base_retrieval", "mcp", "web_search", "web_fetch", "tool_search", "computer_use"})
MISCELLANEOUS = frozenset(
    {
        "audio",
        "functions",
        "function_call",
        "guided_choice",
        "guided_grammar",
        "guided_json",
        "guided_regex",
        "ignore_eos",
        "include_reasoning",
        "length_penalty",
        "min_p",
        "min_tokens",
        "modalities",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_retention",
        "repetition_penalty",
        "safety_identifier",
        "service_tier",
        "skip_special_tokens",
        "stop_token_ids",
        "store",
        "structured_outputs",
        "thinking",
        "top_a",
        "top_k",
        "verbosity",
        "web_search_options",
    }
)
"""Fields that OpenAI, vLLM or this API know and that the emulator accepts without looking at them."""


def check_chat(body: Mapping[str, Any], *, allow_unknown: bool, cache_control: bool) -> None:
    """Refuse a chat request that the API would refuse.

    Args:
        body: The request.
        allow_unknown: Accept fields that no documentation names, and null for any field, as some providers do.
        cache_control: Accept `cache_control` on text parts and tools, as Anthropic models do.

    Raises:
        Refusal: With the status and message of the first thing that is wrong.
    """
    for name, value in body.items():
        if value is None and name not in NULLABLE and not allow_unknown:
            raise Refusal(400, f"{name} must not be null; leave it out instead")
        check = CHECKS.get(name)
        if check is not None and value is not None:
            check(name, value)
        elif check is None and name not in MISCELLANEOUS and not allow_unknown:
            raise Refusal(400, f"Unrecognized request argument supplied: {name}")
    if "messages" not in body:
        raise Refusal(400, "messages is required")
    if "top_logprobs" in body and not body.get("logprobs"):
        raise Refusal(400, "top_logprobs needs logprobs to be true")
    if "stream_options" in body and not body.get("stream"):
        raise Refusal(400, "Stream options can only be defined when `stream=True`.")
    _check_tool_choice(body)
    if not cache_control and any("cache_control" in tool for tool in body.get("tools", ())):
        raise Refusal(400, "a tool must not have the key 'cache_control'")
    check_messages(body["messages"], cache_control=cache_control)


def _number(low: float, high: float) -> Callable[[str, Any], None]:
    def check(name: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Refusal(400, f"{name} must be a number, not {value!r}")
        if not low <= value <= high:
            raise Refusal(400, f"{name} must be between {low:g} and {high:g}, not {value!r}")

    return check


def _integer(low: int, high: int | None = None) -> Callable[[str, Any], None]:
    def check(name: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Refusal(400, f"{name} must be an integer, not {value!r}")
        if value < low or (high is not None and value > high):
            limits = f"at least {low}" if high is None else f"between {low} and {high}"
            raise Refusal(400, f"{name} must be {limits}, not {value!r}")

    return check


def _of_type(kind: type, noun: str) -> Callable[[str, Any], None]:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, kind):
            raise Refusal(400, f"{name} must be {noun}, not {value!r}")

    return check


def _stop(name: str, value: Any) -> None:
    match value:
        case str():
            return
        case [*items] if 1 <= len(items) <= 4 and all(isinstance(item, str) for item in items):
            return
        case _:
            raise Refusal(400, f"{name} must be a string or an array of 1 to 4 strings, not {value!r}")


def _logit_bias(name: str, value: Any) -> None:
    _of_type(dict, "an object")(name, value)
    for token, bias in value.items():
        if not token.lstrip("-").isdigit() or isinstance(bias, bool) or not isinstance(bias, int | float):
            raise Refusal(400, f"{name} must map token ids to numbers, not {token!r} to {bias!r}")


def _metadata(name: str, value: Any) -> None:
    _of_type(dict, "an object")(name, value)
    if len(value) > 16 or any(len(k) > 64 or not isinstance(v, str) or len(v) > 512 for k, v in value.items()):
        raise Refusal(400, f"{name} takes at most 16 keys of 64 characters with text values of 512 characters")


def _stream_options(name: str, value: Any) -> None:
    _of_type(dict, "an object")(name, value)
    for key, item in value.items():
        if key not in {"include_usage", "include_obfuscation", "continuous_usage_stats"} or not isinstance(item, bool):
            raise Refusal(400, f"{name}.{key} is not a known boolean option")


def _reasoning(name: str, value: Any) -> None:
    _of_type(dict, "an object")(name, value)
    if not isinstance(value.get("effort"), str | None):
        raise Refusal(400, f"{name}.effort must be a string, not {value['effort']!r}")
    if value.get("max_tokens") is not None:
        _integer(0)(f"{name}.max_tokens", value["max_tokens"])


def _tools(name: str, value: Any) -> None:
    if not isinstance(value, list) or not value:
        raise Refusal(400, f"{name} must be a non-empty array; leave it out when there are none")
    names: set[str] = set()
    for tool in value:
        kind = tool.get("type") if isinstance(tool, dict) else None
        if isinstance(kind, str) and kind in SERVER_TOOLS:
            continue
        if kind != "function" or not isinstance(tool.get("function"), dict):
            raise Refusal(400, f"{name} must hold objects with type 'function' and a function, not type {kind!r}")
        _check_function(tool["function"], names)
        _only(tool, {"type", "function", "cache_control"}, "a tool")


def _check_function(function: Mapping[str, Any], names: set[str]) -> None:
    name = function.get("name")
    if not isinstance(name, str) or not NAME.match(name):
        raise Refusal(400, f"a function's name must match ^[a-zA-Z0-9_-]{{1,64}}$, not {name!r}")
    if name in names:
        raise Refusal(400, f"function names must be unique, {name!r} is there twice")
    names.add(name)
    _only(function, {"name", "description", "parameters", "strict"}, "a function")
    if not isinstance(function.get("description", ""), str):
        raise Refusal(400, f"the description of function {name!r} must be a string")
    parameters = function.get("parameters", {"type": "object"})
    if not isinstance(parameters, dict) or (parameters and parameters.get("type") != "object"):
        raise Refusal(400, f"the parameters of function {name!r} must be a JSON schema of type 'object'")
    if not isinstance(parameters.get("properties", {}), dict):
        raise Refusal(400, f"the properties of function {name!r} must be an object")
    if function.get("strict") not in {None, True, False}:
        raise Refusal(400, f"strict of function {name!r} must be a boolean")
    if function.get("strict"):
        _check_strict(parameters, f"function {name!r}")


def _check_tool_choice(body: Mapping[str, Any]) -> None:
    tools = body.get("tools")
    for name in ("tool_choice", "parallel_tool_calls"):
        if name in body and not tools:
            raise Refusal(400, f"'{name}' is only allowed when 'tools' are specified")
    match body.get("tool_choice", "auto"):
        case "none" | "auto" | "required":
            return
        case {"type": "function", "function": {"name": str() as wanted}}:
            names = {tool["function"]["name"] for tool in tools or () if tool.get("type") == "function"}
            if wanted not in names:
                raise Refusal(400, f"tool_choice names {wanted!r}, which is not among the tools: {sorted(names)}")
        case {"type": str() as kind} if kind != "function" and any(tool.get("type") == kind for tool in tools or ()):
            return
        case other:
            raise Refusal(400, f"tool_choice must be none, auto, required or a tool, not {other!r}")


def _response_format(name: str, value: Any) -> None:
    match value:
        case {"type": "text" | "json_object"}:
            _only(value, {"type"}, name)
        case {"type": "json_schema", "json_schema": {"name": str() as title, "schema": dict() as schema} as spec}:
            if not NAME.match(title):
                raise Refusal(400, f"{name}.json_schema.name must match ^[a-zA-Z0-9_-]{{1,64}}$, not {title!r}")
            _only(spec, {"name", "schema", "strict", "description"}, f"{name}.json_schema")
            if spec.get("strict") not in {None, True, False}:
                raise Refusal(400, f"{name}.json_schema.strict must be a boolean")
            if spec.get("strict"):
                _check_strict(schema, f"{name}.json_schema")
        case {"type": "json_schema"}:
            raise Refusal(400, f"{name}.json_schema needs a name and a schema")
        case _:
            raise Refusal(400, f"{name}.type must be text, json_object or json_schema, not {value!r}")


def _check_strict(schema: object, where: str) -> None:
    """A strict schema closes every object and requires each of its properties."""
    match schema:
        case list():
            for item in schema:
                _check_strict(item, where)
        case dict():
            if schema.get("type") == "object" or isinstance(schema.get("properties"), dict):
                if schema.get("additionalProperties") is not False:
                    raise Refusal(
                        400, f"Invalid schema for {where}: 'additionalProperties' must be false in strict mode"
                    )
                missing = set(schema.get("properties", {})) - set(schema.get("required", ()))
                if missing:
                    raise Refusal(
                        400, f"Invalid schema for {where}: 'required' must list {sorted(missing)} in strict mode"
                    )
            for key, item in schema.items():
                children: Sequence[Any] = list(item.values()) if key in _NAMED and isinstance(item, dict) else [item]
                if key not in {"default", "const", "enum", "examples", "required"}:
                    _check_strict(children, where)


_NAMED = frozenset({"properties", "$defs", "definitions"})


def _only(value: Mapping[str, Any], allowed: set[str], where: str) -> None:
    for key in value:
        if key not in allowed:
            raise Refusal(400, f"{where} must not have the key {key!r}")


CHECKS: Mapping[str, Callable[[str, Any], None]] = {
    "model": _of_type(str, "a string"),
    "messages": _of_type(list, "an array"),
    "temperature": _number(0, 2),
    "top_p": _number(0, 1),
    "frequency_penalty": _number(-2, 2),
    "presence_penalty": _number(-2, 2),
    "max_tokens": _integer(1),
    "max_completion_tokens": _integer(1),
    "n": _integer(1, 128),
    "seed": _integer(-(2**63), 2**63 - 1),
    "stop": _stop,
    "logprobs": _of_type(bool, "a boolean"),
    "top_logprobs": _integer(0, 20),
    "logit_bias": _logit_bias,
    "stream": _of_type(bool, "a boolean"),
    "stream_options": _stream_options,
    "tools": _tools,
    "tool_choice": lambda _name, _value: None,
    "parallel_tool_calls": _of_type(bool, "a boolean"),
    "response_format": _response_format,
    "reasoning_effort": _of_type(str, "a string"),
    "reasoning": _reasoning,
    "chat_template_kwargs": _of_type(dict, "an object"),
    "user": _of_type(str, "a string"),
    "metadata": _metadata,
}
