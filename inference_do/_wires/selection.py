"""Which wire a request takes: what the caller asked for, else by the model's data and by what is in the request."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from inference_do._apis import CHAT, ENDPOINTS, MESSAGES, RESPONSES
from inference_do.models import CHAT_PATH, ModelInfo, model_info

from .chat_completions import ChatCompletions
from .codec import Codec
from .messages import Messages
from .responses import Responses

__all__ = ["choose_api", "open_wire"]

logger = logging.getLogger("inference_do")

RESPONSES_FIELDS = frozenset({"background", "include", "instructions", "previous_response_id", "store", "truncation"})
"""Fields that `/responses` alone has."""

_OPEN: Mapping[str, Callable[[Mapping[str, Any]], Codec]] = {
    CHAT: lambda _: ChatCompletions(),
    RESPONSES: lambda request: Responses(
        str(request["model"]), encrypted=model_info(str(request["model"])).reasoning is not False
    ),
    MESSAGES: Messages,
}


def choose_api(request: Mapping[str, Any], asked: str = "auto") -> str:
    """Return the API that a request goes to.

    Args:
        request: The canonical request.
        asked: What the caller asked for; it is obeyed, whatever is known of the model.
    """
    if asked != "auto":
        return asked
    info = model_info(str(request["model"]))
    api, reason = _by_data(info, request)
    if api != CHAT:
        logger.debug("model %r is asked on %s: %s", info.id, ENDPOINTS[api], reason)
    return api


def open_wire(api: str, request: Mapping[str, Any]) -> Codec:
    """Return the codec of one call."""
    return _OPEN[api](request)


def _by_data(info: ModelInfo, request: Mapping[str, Any]) -> tuple[str, str]:
    """Return an API and why: where the model has a choice, chat completions unless something needs another one."""
    if info.is_router or not info.endpoints:
        return CHAT, ""
    if CHAT_PATH not in info.endpoints:
        api = next((name for name in (RESPONSES, MESSAGES) if ENDPOINTS[name] in info.endpoints), CHAT)
        return api, "it is not on chat completions"
    if ENDPOINTS[MESSAGES] in info.endpoints and (reason := _needs_messages(info, request)):
        return MESSAGES, reason
    if ENDPOINTS[RESPONSES] in info.endpoints and (reason := _needs_responses(info, request)):
        return RESPONSES, reason
    return CHAT, ""


def _needs_messages(info: ModelInfo, request: Mapping[str, Any]) -> str:
    """Return what Anthropic's models take there only; the others answer there too, but not all of it works."""
    if info.images_on_chat is not False:
        return ""
    more = request.get("extra_body")
    if "thinking" in request or (isinstance(more, Mapping) and "thinking" in more):
        return "it has `thinking`"
    for message in request["messages"]:
        if any(part.get("type") in {"image_url", "file"} for part in _parts(message)):
            return "it has an image or a file"
        if message.get("role") == "tool" and ("cache_control" in message or _is_marked(message)):
            return "a tool's result has a cache point"
        if _has_opaque(message, MESSAGES, info.id):
            return "it has signed thinking"
    return ""


def _needs_responses(info: ModelInfo, request: Mapping[str, Any]) -> str:
    if fields := sorted(RESPONSES_FIELDS & request.keys()):
        return f"it has `{fields[0]}`"
    if any(_has_opaque(message, RESPONSES, info.id) for message in request["messages"]):
        return "it has reasoning of that API"
    return ""


def _parts(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    content = message.get("content")
    if isinstance(content, list):
        yield from (part for part in content if isinstance(part, Mapping))


def _is_marked(message: Mapping[str, Any]) -> bool:
    return any("cache_control" in part for part in _parts(message))


def _has_opaque(message: Mapping[str, Any], api: str, model: str) -> bool:
    """Return whether a message has parts that go back to this API and model only."""
    return any(
        isinstance(entry, Mapping) and entry.get("format") == api and entry.get("model") in {None, model}
        for name in ("reasoning_details", "server_tool_calls")
        for entry in message.get(name) or ()
    )
