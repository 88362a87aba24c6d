"""The one place where a request's parameters come together.

Three layers, the later ones winning field by field: the object's own settings, its `additional_kwargs`, and what a call
is given. `None` means "not given" in each of them. Dictionaries that only collect (`extra_headers`, `extra_query`,
`extra_body`) are joined instead of replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from inference_do._adapters.merging import merge_layers
from inference_do.params import CHAT_FIELDS

from ._schema import response_format
from ._tools import chosen_tool, tool_specs

__all__ = ["ALIASES", "WIRE_FIELDS", "request_params"]

WIRE_FIELDS = (*CHAT_FIELDS, "max_completion_tokens", "model_affinity", "extra_body", "api")
"""Settings of the LLM that a request is made from."""

INTERNAL = frozenset(
    {
        "allow_parallel_tool_calls",
        "cache_control",
        "error_on_no_tool_call",
        "error_on_tool_error",
        "formatted",
        "send_reasoning",
        "stream",
        "tool_required",
        "use_chat_completions",
        "verbose",
    }
)
"""What LlamaIndex and its other integrations pass along, and the API does not know."""

ALIASES = {"max_tokens": "max_completion_tokens"}


def request_params(layers: Iterable[Mapping[str, Any]], *, streaming: bool) -> dict[str, Any]:
    """Merge the layers, the last one winning, into what the client takes.

    Args:
        layers: Parameters by name, as users write them.
        streaming: Whether the answer is to be streamed.

    Raises:
        ConfigError: A layer contradicts itself, or what should be a mapping or a tool is none.
    """
    params = merge_layers(layers, aliases=ALIASES, is_internal=INTERNAL.__contains__)
    if not streaming:
        params.pop("stream_options", None)  # the API refuses it without `stream`
    if isinstance(form := params.get("response_format"), type) and issubclass(form, BaseModel):
        params["response_format"] = response_format(form)
    if tools := params.pop("tools", None):
        params["tools"] = tool_specs(tools)
        if (choice := params.get("tool_choice")) is not None:
            params["tool_choice"] = chosen_tool(choice, params["tools"], required=False)
    else:
        _forget_tools(params)
    return params


def _forget_tools(params: dict[str, Any]) -> None:
    """Leave out what the API refuses in a request without tools."""
    params.pop("parallel_tool_calls", None)
    if params.get("tool_choice") in ("auto", "none"):
        del params["tool_choice"]
