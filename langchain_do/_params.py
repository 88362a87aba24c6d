"""One request from two sources: what the model was made with, and one call's arguments.

Every entry point (invoke, stream, batch, bind, agents; sync and async) comes through `merge()`. The call wins; None
is "not given"; LangChain's own arguments stay here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from inference_do import model_info
from inference_do._adapters.arguments import CALL_NAMES, check_names
from inference_do._adapters.cache_marks import warn_left_out
from inference_do._adapters.merging import merge_layers
from inference_do._adapters.tool_forms import wire_choice
from inference_do.models import CHAT_PATH
from inference_do.params import CHAT_FIELDS

from ._connection import Connected
from ._tools import wire_format, wire_tool

__all__ = [
    "ALIASES",
    "UNANSWERED",
    "Settings",
    "check_call",
    "merge",
    "streaming_options",
    "takes_cache_control",
    "takes_file_urls",
]

ALIASES: Mapping[str, str] = {
    "model_name": "model",
    "max_completion_tokens": "max_tokens",
    "stop_sequences": "stop",
    "request_timeout": "timeout",
}

INTERNAL = frozenset(
    {
        "cache_control",
        "callbacks",
        "config",
        "include_response_headers",
        "run_id",
        "run_manager",
        "run_name",
        "send_reasoning",
        "stream",
        "stream_usage",
        "streaming",
        "structured_output_format",
        "tags",
    }
)
"""LangChain's own arguments, and ours that are no fields of the request; so are all that begin with `ls_`, `lc_`."""


FIXED = frozenset(Connected.model_fields) - {"max_retries", "model_kwargs", "timeout"}
"""Settings that no call can change; above all a key must not end up in a request's body."""

CALL_ARGUMENTS = CALL_NAMES | INTERNAL | ALIASES.keys() | FIXED - {"api_key", "base_url"}
"""Names that an argument of a call may have."""

OWN = (*CHAT_FIELDS, "api", "extra_body", "model_affinity")
"""Settings of the model that a request is made from."""

UNANSWERED = frozenset({"extra_headers", "extra_query", "max_retries", "timeout"})
"""Arguments of a call that no answer depends on."""


class Settings(Protocol):
    """What a chat model must have to be merged."""

    model_kwargs: dict[str, Any]
    extra_body: Mapping[str, Any] | None
    model_affinity: str | None
    stream_usage: bool


def check_call(given: dict[str, Any]) -> None:
    """Refuse a key, an address or a slip among the arguments of a call, before anything is traced.

    Raises:
        ConfigError: There is one.
    """
    check_names(given, CALL_ARGUMENTS)


def merge(settings: Settings, stop: list[str] | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the client's arguments for one call, messages apart.

    Args:
        settings: The chat model.
        stop: LangChain's `stop` argument of the call.
        given: The call's further arguments.

    Raises:
        ConfigError: An argument is one of the model's own, has two values, or is of the wrong kind.
    """
    check_names(given if isinstance(given, dict) else dict(given), CALL_ARGUMENTS)
    values = vars(settings)
    own = {name: value for name in OWN if (value := values[name]) is not None}
    if own["api"] == "auto":
        del own["api"]  # nothing is asked for, and `model_kwargs` may ask
    call = {**given, "stop": stop} if stop is not None else given
    layers = (settings.model_kwargs, own, call)
    params = merge_layers(layers, aliases=ALIASES, is_internal=_is_internal, fixed=FIXED)
    if stop == []:
        params.pop("stop", None)
    _set_tools(params)
    if (form := params.get("response_format")) is not None:
        params["response_format"] = wire_format(form)
    params.pop("stream_options", None)
    if params.get("api") == "auto":
        del params["api"]
    return params


def streaming_options(settings: Settings, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `stream_options` of a streamed call; usage is asked for unless it was turned off."""
    if (options := given.get("stream_options", settings.model_kwargs.get("stream_options"))) is not None:
        return dict(options)
    wanted = given.get("stream_usage")
    return {"include_usage": settings.stream_usage if wanted is None else bool(wanted)}


def takes_cache_control(model: str) -> bool:
    """Return whether a model is known to take `cache_control` marks; elsewhere they are an unknown field."""
    return bool(model_info(model).cache_control)


def takes_file_urls(params: Mapping[str, Any]) -> bool:
    """Return whether a file may be given by its URL: chat completions takes its bytes only."""
    api, info = params.get("api", "auto"), model_info(params["model"])
    if api != "auto":
        return bool(api != "chat_completions")
    return info.images_on_chat is False or bool(info.endpoints and CHAT_PATH not in info.endpoints)


def _is_internal(name: str) -> bool:
    return name in INTERNAL or name.startswith(("ls_", "lc_"))


def _set_tools(params: dict[str, Any]) -> None:
    """Put tools in the API's form; without tools nothing about them is sent."""
    strict, given = params.pop("strict", None), params.pop("tools", None)
    choice, parallel = params.pop("tool_choice", None), params.pop("parallel_tool_calls", None)
    tools = [wire_tool(tool, strict=strict) for tool in given or ()]
    if not tools:
        return
    if any("cache_control" in tool for tool in tools) and not takes_cache_control(params["model"]):
        warn_left_out(params["model"])
        tools = [{key: value for key, value in tool.items() if key != "cache_control"} for tool in tools]
    params["tools"] = tools
    if (choice := wire_choice(choice, tools)) is not None:
        params["tool_choice"] = choice
    if parallel is not None:
        params["parallel_tool_calls"] = parallel
