"""The one place where a request's parameters come together.

Three layers, the later ones winning field by field: the object's own settings, its `additional_kwargs`, and what a call
is given. `None` means "not given" in each of them. Dictionaries that only collect (`extra_headers`, `extra_query`,
`extra_body`) are joined instead of replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from inference_do.errors import ConfigError
from inference_do.types import CHAT_FIELDS

from ._inputs import unveiled
from ._schema import response_format
from ._tools import chosen_tool, tool_specs

__all__ = ["WIRE_FIELDS", "check_limits", "request_params"]

WIRE_FIELDS = (*CHAT_FIELDS, "max_completion_tokens", "model_affinity", "extra_body")
"""Settings of the LLM that a request is made from."""

COLLECTED = frozenset({"extra_headers", "extra_query", "extra_body"})

INTERNAL = frozenset(
    {
        "allow_parallel_tool_calls",
        "error_on_no_tool_call",
        "error_on_tool_error",
        "formatted",
        "stream",
        "tool_required",
        "use_chat_completions",
        "verbose",
    }
)
"""What LlamaIndex and its other integrations pass along, and the API does not know."""

AFFINITY_HEADER = "X-Model-Affinity"


def request_params(layers: Iterable[Mapping[str, Any]], *, streaming: bool) -> dict[str, Any]:
    """Merge the layers, the last one winning, into what the client takes.

    Args:
        layers: Parameters by name, as users write them.
        streaming: Whether the answer is to be streamed.

    Raises:
        ConfigError: A layer contradicts itself, or what should be a mapping or a tool is none.
    """
    params: dict[str, Any] = {}
    for layer in layers:
        if layer:
            _lay_over(params, layer)
    if headers := params.get("extra_headers"):
        params["extra_headers"] = unveiled(headers)
    if affinity := params.pop("model_affinity", None):
        params["extra_headers"] = {AFFINITY_HEADER: affinity, **params.get("extra_headers", {})}
    if isinstance(effort := params.get("reasoning"), str):
        params["reasoning"] = {"effort": effort}
    if not streaming:
        params.pop("stream_options", None)  # the API refuses it without `stream`
    if isinstance(form := params.get("response_format"), type) and issubclass(form, BaseModel):
        params["response_format"] = response_format(form)
    if tools := params.pop("tools", None):
        params["tools"] = tool_specs(tools)
        if (choice := params.get("tool_choice")) is not None:
            params["tool_choice"] = chosen_tool(choice, required=False)
    else:
        _forget_tools(params)
    return params


def check_limits(layer: Mapping[str, Any]) -> int | None:
    """Return the limit of the answer's tokens, under either of its names.

    Raises:
        ConfigError: Both names are given, with different numbers.
    """
    old, new = layer.get("max_tokens"), layer.get("max_completion_tokens")
    if old is not None and new is not None and old != new:
        message = (
            f"max_tokens is another name for max_completion_tokens: give one of them, not {old!r} and {new!r} tokens"
        )
        raise ConfigError(message)
    return new if old is None else old


def _lay_over(params: dict[str, Any], layer: Mapping[str, Any]) -> None:
    given = {name: value for name, value in layer.items() if value is not None and name not in INTERNAL}
    if (limit := check_limits(given)) is not None:
        given.pop("max_tokens", None)
        given["max_completion_tokens"] = limit
    if body := params.get("extra_body"):
        params["extra_body"] = {name: value for name, value in body.items() if name not in given}
    for name in COLLECTED:
        if name not in given:
            continue
        if not isinstance(given[name], Mapping):
            message = f"{name} must be a mapping, not {type(given[name]).__name__}"
            raise ConfigError(message)
        given[name] = {**params.get(name, {}), **given[name]}
    params.update(given)


def _forget_tools(params: dict[str, Any]) -> None:
    """Leave out what the API refuses in a request without tools."""
    params.pop("parallel_tool_calls", None)
    if params.get("tool_choice") in ("auto", "none"):
        del params["tool_choice"]
