"""A canonical request as the body of `/messages`, which is of Anthropic's form.

What this API takes there: `POST /v1/messages` of https://docs.digitalocean.com/reference/api/ and Anthropic's
https://platform.claude.com/docs/en/api/messages.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from inference_do.errors import ConfigError
from inference_do.models import model_info

from .messages_parts import content_blocks
from .messages_thinking import is_thinking, lacks_thoughts, set_limit, set_sampling, take_back_choice, thinking_fields

__all__ = ["FORMAT", "answer_tool", "messages_body"]

logger = logging.getLogger("inference_do")

FORMAT = "messages"
"""The name of this wire in opaque parts."""
SAME = ("model", "stream", "top_p", "top_k", "thinking", "speed", "reasoning_effort")
"""Fields that have the same name and meaning."""
RENAMED = ("messages", "max_completion_tokens", "max_tokens", "stop", "temperature", "user", "metadata", "tools")
READ = (*RENAMED, "tool_choice", "parallel_tool_calls", "response_format", "reasoning", "stream_options")
WITHOUT_MEANING: Mapping[str, Sequence[Any]] = {"n": (1,), "store": (False,), "logprobs": (False,)}
"""Fields that this wire has not, and the values that mean the same as leaving them out."""
REFUSED = frozenset(
    {
        "audio",
        "chat_template_kwargs",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "modalities",
        "n",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_retention",
        "seed",
        "service_tier",
        "store",
        "top_logprobs",
        "verbosity",
        "web_search_options",
    }
)
"""Fields of chat completions that this wire cannot express."""
OWN_TOO = frozenset({"service_tier"})
"""Fields of this wire as well, with other values: `extra_body` sends them."""
JSON_ONLY = "Answer with one JSON object and nothing else."
"""What is asked for by `json_object`, for which this wire has no field."""
UNTAKEN = re.compile(r"[^a-zA-Z0-9_-]")
"""What no id of a call may have."""
THOUGHTS = frozenset({"thinking", "redacted_thinking"})
"""Blocks of thinking; a turn that ends in one is refused."""
CHOICES = {"auto": "auto", "none": "none", "required": "any"}


def messages_body(request: Mapping[str, Any], defaults: AbstractSet[str] = frozenset()) -> dict[str, Any]:
    """Return a canonical request as a body of this wire.

    Args:
        request: The request, in the form of chat completions.
        defaults: Names of fields that the user did not set: they are left out where this wire cannot express them.

    Raises:
        ConfigError: The user asked for something that this wire cannot express.
    """
    request = {name: value for name, value in request.items() if not _is_left_out(name, value, defaults)}
    if isinstance(more := request.get("extra_body"), Mapping):
        refused = {name for name in REFUSED - OWN_TOO if name in more and _is_left_out(name, more[name])}
        request["extra_body"] = {name: value for name, value in more.items() if name not in refused}
    system, messages = _conversation(request)
    if _format_type(request) == "json_object":  # a tool without a schema would be called without arguments
        system.append({"type": "text", "text": JSON_ONLY})
    body = {name: request[name] for name in SAME if name in request}
    body["messages"] = messages
    if system:
        body["system"] = system
    if stop := request.get("stop"):
        body["stop_sequences"] = [stop] if isinstance(stop, str) else list(stop)
    if metadata := _metadata(request):
        body["metadata"] = metadata
    body.update(thinking_fields(request))
    if lacks_thoughts(messages) and (body.get("thinking") or {}).get("type") == "enabled":
        logger.warning("thinking is left out: the tool calls under way were made without thoughts of this model")
        del body["thinking"]
    set_limit(body, request, defaults)
    set_sampling(body, request, defaults)
    body.update(_tools(request))
    if is_thinking({**body, "extra_body": request.get("extra_body")}) and (words := take_back_choice(body)):
        body.setdefault("system", []).append({"type": "text", "text": words})
    return {**body, **{name: value for name, value in request.items() if name not in SAME and name not in READ}}


def answer_tool(request: Mapping[str, Any]) -> str | None:
    """Return the name of the tool whose call is the answer: a schema of `response_format` is asked for by a tool.

    It is none of the caller's own tools.
    """
    wanted = request.get("response_format")
    if not isinstance(wanted, Mapping) or wanted.get("type") != "json_schema":
        return None
    name = str((wanted.get("json_schema") or {}).get("name") or "answer")
    taken = {_name_of(tool) for tool in request.get("tools") or ()}
    while name in taken:
        name += "_answer"
    return name


def _is_left_out(name: str, value: Any, defaults: AbstractSet[str] = frozenset()) -> bool:
    if value is None:
        return True
    if name not in REFUSED:
        return False
    if name in defaults or any(value == same for same in WITHOUT_MEANING.get(name, ())):
        return True
    message = (
        f"the messages API has no {name}: leave it out, or send the request by chat completions "
        'with api="chat_completions"'
    )
    raise ConfigError(message)


def _metadata(request: Mapping[str, Any]) -> dict[str, Any]:
    metadata = dict(request.get("metadata") or {})
    if unknown := sorted(metadata.keys() - {"user_id"}):
        message = f"metadata has only user_id on the messages API, not {unknown[0]!r}"
        raise ConfigError(message)
    if user := request.get("user"):
        metadata.setdefault("user_id", user)
    return metadata


# --- tools ---


def _tools(request: Mapping[str, Any]) -> dict[str, Any]:
    tools = [_tool(tool) for tool in request.get("tools") or ()]
    choice = _choice(request.get("tool_choice"))
    if name := answer_tool(request):
        tools.append(_schema_tool(name, request["response_format"]["json_schema"]))
        if (choice or {}).get("type") != "tool":
            choice = {"type": "any"} if len(tools) > 1 else {"type": "tool", "name": name}
    elif (kind := _format_type(request)) not in {None, "text", "json_object"}:
        message = (
            f"the messages API has no response_format of type {kind!r}: use a schema (type 'json_schema'), or "
            'api="chat_completions"'
        )
        raise ConfigError(message)
    if tools and request.get("parallel_tool_calls") is False and (choice or {}).get("type") != "none":
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    return {**({"tools": tools} if tools else {}), **({"tool_choice": choice} if choice else {})}


def _name_of(tool: Mapping[str, Any]) -> Any:
    return (tool.get("function") or tool).get("name")


def _format_type(request: Mapping[str, Any]) -> Any:
    wanted = request.get("response_format")
    return wanted.get("type") if isinstance(wanted, Mapping) else wanted


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool; one that the API runs itself is sent as it is."""
    if tool.get("type", "function") != "function" or not isinstance(tool.get("function"), Mapping):
        return dict(tool)
    function = tool["function"]
    made: dict[str, Any] = {"name": function.get("name")}
    if description := function.get("description"):
        made["description"] = description
    made["input_schema"] = function.get("parameters") or {"type": "object", "properties": {}}
    if mark := tool.get("cache_control") or function.get("cache_control"):
        made["cache_control"] = mark
    return made


def _schema_tool(name: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    schema = wanted.get("schema") or {"type": "object"}
    if schema.get("type", "object") != "object":
        message = f"the messages API takes schemas of objects only, not of type {schema.get('type')!r}"
        raise ConfigError(message)
    description = wanted.get("description") or "Give the answer in this form."
    return {"name": name, "description": description, "input_schema": {"type": "object", **schema}}


def _choice(choice: Any) -> dict[str, Any] | None:
    if choice is None:
        return None
    if isinstance(choice, str) and choice in CHOICES:
        return {"type": CHOICES[choice]}
    if isinstance(choice, Mapping):
        name = (choice.get("function") or {}).get("name")
        if choice.get("type") == "function" and name:
            return {"type": "tool", "name": name}
        if choice.get("type") in {"auto", "any", "none", "tool"}:
            return dict(choice)
    message = f"the messages API has no tool_choice {choice!r}: it has 'auto', 'none', 'required' and one tool by name"
    raise ConfigError(message)


# --- messages ---


def _conversation(request: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the system blocks and the turns.

    System messages go to `system` wherever they stand, because not every model follows one among the turns. Messages of
    one role become one turn, with the results of tools first: https://platform.claude.com/docs/en/agents-and-tools/tool-use
    """
    system: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    for position, message in enumerate(request["messages"]):
        role, where = message.get("role"), f"messages[{position}]"
        if role in {"system", "developer"}:
            system += content_blocks(message.get("content"), where, only_text=True)
            continue
        if role == "assistant":
            blocks = _assistant(message, where, str(request["model"]))
        elif role == "tool":
            role, blocks = "user", [_result(message, where)]
        else:
            blocks = content_blocks(message.get("content"), where)
        if not blocks:
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    if system and not turns:  # a conversation cannot be empty here, and on chat completions this is one
        return [], [{"role": "user", "content": system}]
    for turn in turns:
        if turn["role"] == "user":
            turn["content"].sort(key=lambda block: block["type"] != "tool_result")
    return system, turns


def _assistant(message: Mapping[str, Any], where: str, model: str) -> list[dict[str, Any]]:
    """Return a turn of the model: thinking first, as it must stand before the calls that it led to."""
    blocks = [*_thoughts(message, model), *_server_calls(message, model)]
    blocks += content_blocks(message.get("content"), where, only_text=True)
    if refusal := message.get("refusal"):
        blocks.append({"type": "text", "text": refusal})
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        blocks.append(
            {
                "type": "tool_use",
                "id": _call_id(call.get("id")),
                "name": function.get("name"),
                "input": _input(function.get("arguments"), where),
            }
        )
    while blocks and blocks[-1]["type"] in THOUGHTS:  # the limit cut the answer before it began
        blocks.pop()
    return blocks


def _call_id(id_: Any) -> Any:
    """Return a call's id in the letters that this wire takes: other models' ids have more (`functions.add:0`)."""
    if not isinstance(id_, str) or not UNTAKEN.search(id_):
        return id_
    digest = hashlib.sha256(id_.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{UNTAKEN.sub('_', id_)}_{digest}"


def _input(arguments: Any, where: str) -> dict[str, Any]:
    """Return a call's arguments as an object, which this wire has in place of a text."""
    if isinstance(arguments, Mapping):
        return dict(arguments)
    try:
        value = json.loads(arguments or "{}", strict=False)
    except (ValueError, RecursionError):
        logger.debug("%s: the arguments of a tool call are no JSON and are sent as a text", where)
        return {"arguments": arguments}
    return value if isinstance(value, dict) else {"arguments": value} if value is not None else {}


def _thoughts(message: Mapping[str, Any], model: str) -> list[dict[str, Any]]:
    """Return the thoughts of this model; Anthropic's are refused without a signature, open models sign nothing."""
    blocks: list[dict[str, Any]] = []
    is_signed = model_info(model).provider == "Anthropic"
    for entry in message.get("reasoning_details") or ():
        if not isinstance(entry, Mapping):
            continue
        if entry.get("format") != FORMAT or entry.get("model") not in {None, model}:
            logger.debug("a thought of another model or API is left out: %s", entry.get("format"))
        elif entry.get("type") == "reasoning.text" and (entry.get("signature") or not is_signed):
            signature = entry.get("signature") or ""
            blocks.append({"type": "thinking", "thinking": entry.get("text") or "", "signature": signature})
        elif entry.get("type") == "reasoning.encrypted" and entry.get("data"):
            blocks.append({"type": "redacted_thinking", "data": entry["data"]})
    return blocks


def _server_calls(message: Mapping[str, Any], model: str) -> list[dict[str, Any]]:
    """Return calls of tools that the API ran itself, with their results, as they came."""
    return [
        dict(entry["item"])
        for entry in message.get("server_tool_calls") or ()
        if isinstance(entry, Mapping) and entry.get("format") == FORMAT and entry.get("model") in {None, model}
    ]


def _result(message: Mapping[str, Any], where: str) -> dict[str, Any]:
    result: dict[str, Any] = {"type": "tool_result", "tool_use_id": _call_id(message.get("tool_call_id"))}
    content = message.get("content")
    if isinstance(content, str):
        if content:
            result["content"] = content
    else:
        blocks = content_blocks(content, where)
        if blocks and (mark := blocks[-1].pop("cache_control", None)):
            result["cache_control"] = mark  # of a result it is the whole that is marked
        if blocks:
            result["content"] = blocks
    if mark := message.get("cache_control"):
        result["cache_control"] = mark
    return result
