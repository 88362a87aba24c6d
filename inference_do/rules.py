"""What particular models refuse, applied to requests in one place for every caller.

1. A model that is not on the endpoint, or an image where its model takes none, is refused before the request, with
   what to do about it (`check_endpoint`, `adapt_request`).
2. Parameters that somebody asked for are sent, whatever is known: the API is the authority. Only defaults of ours
   are left out where the model is known to refuse them, and controls of prompt caching where it has none
   (`adapt_request`).
3. When the API refuses a request after all, what is known of the model explains it (`explain_error`).

Nothing here knows a model by its name: the facts stand in `_models.json`, and `register_model` puts them right.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

from ._urls import problem_of_path
from .errors import ConfigError
from .models import CHAT_PATH, EMBEDDINGS_PATH, FLAGS, ModelInfo, closest_models, known_models, model_info

__all__ = [
    "EmptyAnswerWarning",
    "adapt_request",
    "adapt_request_for_agent",
    "check_endpoint",
    "explain_error",
    "warn_empty",
]

logger = logging.getLogger("inference_do")

Body = dict[str, Any]


class EmptyAnswerWarning(UserWarning):
    """An answer has no text: the model spent all tokens that it was allowed on reasoning. The answer is returned."""


METHODS: Mapping[str, str] = {
    CHAT_PATH: "chat() or stream()",
    "/v1/responses": "chat() or stream()",
    "/v1/messages": "chat() or stream()",
    EMBEDDINGS_PATH: "embed()",
}
"""What this client has for an endpoint."""


def check_endpoint(info: ModelInfo, path: str) -> None:
    """Refuse a request to an endpoint that the model is known not to be on.

    Raises:
        ConfigError: It is on others only; the message names them, and models that are on this one.
    """
    if not info.endpoints or path in info.endpoints:
        return
    paths = ", ".join(info.endpoints)
    others = dict.fromkeys(METHODS[place] for place in info.endpoints if place in METHODS)
    if path == CHAT_PATH and METHODS[CHAT_PATH] in others:
        near = _alternatives(info, lambda other: path in other.endpoints)
        mending = "leave out api='chat_completions'" + (f", or use {', '.join(near)}" if near else "")
    elif others:
        mending = f"use {' or '.join(others)}"
    else:
        mending = f"request() reaches {paths}"
    message = (
        f"model {info.id!r} is not on {path}, only on {paths}{_as_of(info, 'endpoints')}: {mending}; "
        f"if that has changed, register_model({info.id!r}, endpoints=[{path!r}])"
    )
    raise ConfigError(message)


def adapt_request_for_agent(body: Body) -> Body:
    """Return a chat request as an agent takes it: its model is its own affair, and messages are plain text.

    Raises:
        ConfigError: A message holds something else than text.
    """
    messages = []
    for position, message in enumerate(body["messages"]):
        content = message.get("content")
        if isinstance(content, list):
            others = [part for part in _parts([message]) if part.get("type") != "text"]
            if others:
                reason = f"messages[{position}]: an agent takes text only, no {others[0].get('type')}"
                raise ConfigError(reason)
            texts = (part if isinstance(part, str) else str(part.get("text") or "") for part in content)
            message = {**message, "content": "\n".join(texts)}  # noqa: PLW2901  the same message, in plainer form
        messages.append(message)
    return {**body, "messages": messages}


def adapt_request(body: Body, defaults: Mapping[str, Any] | None = None, *, path: str = CHAT_PATH) -> Body:
    """Return a chat request as its model takes it.

    Args:
        body: The request; it stays as it is.
        defaults: Parameters that nobody asked for, sent where the request has none and the model is not known to
            refuse them.
        path: The endpoint that it goes to.

    Raises:
        ConfigError: The model is not on chat completions, or takes no images there.
    """
    info = model_info(body["model"])
    is_chat = path == CHAT_PATH
    if is_chat:
        check_endpoint(info, path)
    body = dict(body)
    for name, value in (defaults or {}).items():
        if name not in body and value is not None:
            if info.accepts(name, value) is False:
                logger.debug("%s=%r is left out: model %r does not take it", name, value, info.id)
            else:
                body[name] = value
    if "prompt_cache_retention" in body and info.is_known and not info.cache_retention:
        logger.warning("prompt_cache_retention is left out: model %r has no such control", info.id)
        del body["prompt_cache_retention"]
    if is_chat and info.limit_field != "max_completion_tokens" and "max_completion_tokens" in body:
        body[info.limit_field] = body.pop("max_completion_tokens")
    if is_chat and info.is_known and info.images_on_chat is False and _has_images(body):
        raise ConfigError(_no_images(info))
    if info.is_known and not info.cache_control:
        _take_off_marks(body, info)
    return body


def _has_images(body: Mapping[str, Any]) -> bool:
    return any(part.get("type") == "image_url" for part in _parts(body.get("messages") or []))


def _take_off_marks(body: Body, info: ModelInfo) -> None:
    """Leave `cache_control` out of messages and tools."""
    tools = [tool for tool in body.get("tools") or () if isinstance(tool, Mapping)]
    if not any("cache_control" in part for part in (*_parts(body["messages"]), *tools)):
        return
    logger.warning("cache_control is left out: model %r has no such control", info.id)
    body["messages"] = [_unmarked(message) for message in body["messages"]]
    if tools:
        body["tools"] = [_without_mark(tool) for tool in body["tools"]]


def _parts(messages: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield the parts of messages whose content is not plain text."""
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            yield from (part for part in content if isinstance(part, Mapping))


def _unmarked(message: Mapping[str, Any]) -> Mapping[str, Any]:
    content = message.get("content")
    if not isinstance(content, list):
        return message
    return {**message, "content": [_without_mark(part) for part in content]}


def _without_mark(part: Any) -> Any:
    return {k: v for k, v in part.items() if k != "cache_control"} if isinstance(part, Mapping) else part


def _no_images(info: ModelInfo) -> str:
    near = _alternatives(info, lambda other: bool(other.vision) and other.images_on_chat is not False)
    return (
        f"model {info.id!r} takes images on /v1/messages only, not on {CHAT_PATH}"
        f"{_as_of(info, 'images_on_chat')}: leave out api='chat_completions', or use a model that takes "
        f"images here, such as {', '.join(near)}; if that has changed, register_model({info.id!r}, images_on_chat=True)"
    )


def _alternatives(info: ModelInfo, is_fit: Callable[[ModelInfo], bool]) -> list[str]:
    """Return up to three active models that are fit, those of the same provider first, then the most alike."""
    import difflib  # noqa: PLC0415  only needed to explain a mistake

    fit = [
        other
        for other in known_models().values()
        if other.kind == info.kind and other.listed and other.status == "active" and is_fit(other)
        if CHAT_PATH in other.endpoints
    ]

    def rank(other: ModelInfo) -> tuple[bool, float, str]:
        return other.provider != info.provider, -difflib.SequenceMatcher(None, other.id, info.id).ratio(), other.id

    return [other.id for other in sorted(fit, key=rank)[:3]]


# --- explaining refusals ---


def explain_error(
    status: int, body: Mapping[str, Any], *, base_url: str = "", path: str = "", response: str = ""
) -> str | None:
    """Say what is known of the model and the address that may be why a request was refused.

    Args:
        status: The response's HTTP status.
        body: The request.
        base_url: The base URL of what was asked.
        path: What was added to it.
        response: The response's body.
    """
    model = body.get("model")
    info = model_info(model) if isinstance(model, str) else None
    is_page = bool(response.strip()) and not response.lstrip().startswith("{")
    reasons: Iterator[str]
    match status:
        case 404:
            of_model = not is_page and (not base_url or re.search(r"(?i)\bmodel\b", response))
            return _unknown_model(info) if of_model else _nothing_there(info, base_url, path)
        case 403 if is_page:
            return f"a proxy or firewall refused {base_url}{path}, and not the API: look at HTTPS_PROXY and at base_url"
        case 403 if info and info.provider in COMMERCIAL:
            return (
                f"{info.provider}'s models are locked on the lowest tier of accounts, also where /v1/models lists them"
            )
        case 400 | 422:
            reasons = chain(_unmatched(body), _refused(info, body) if info else ())
        case 500:
            reasons = _failing(info, body) if info else iter(())
        case _:
            reasons = iter(())
    return "; ".join(reasons) or None


def warn_empty(body: Mapping[str, Any], spent: int) -> None:
    """Warn that an answer has no text because its tokens were spent on thinking; not of models that do not think.

    Args:
        body: The request.
        spent: Tokens of the answer, 0 if they were not reported.
    """
    if model_info(str(body.get("model"))).reasoning is False:
        return
    limits = ("max_completion_tokens", "max_tokens")
    name = next((name for name in limits if body.get(name) is not None), limits[0])
    limit = body.get(name)
    allowed = f"{name}={limit}" if limit is not None else "the limit of the API, as no max_completion_tokens was given"
    message = (
        f"model {body.get('model')!r} used all tokens that it was allowed ({allowed}"
        f"{f'; {spent} were spent' if spent else ''}) before any text: it was thinking. Raise {name}, or ask "
        "for less thinking with reasoning_effort or reasoning={'max_tokens': ...}"
    )
    warnings.warn(message, EmptyAnswerWarning, stacklevel=2)


COMMERCIAL = frozenset({"Anthropic", "OpenAI"})


def _unknown_model(info: ModelInfo | None) -> str | None:
    if info is None:
        return None
    if info.is_known:
        return f"model {info.id!r} is known, but not here or not for this key: models() lists those that are"
    close = closest_models(info.id)
    return f"there is no model {info.id!r} for this key; closest: {', '.join(close)}" if close else None


def _nothing_there(info: ModelInfo | None, base_url: str, path: str) -> str:
    """Explain a 404 that does not speak of a model."""
    problem = problem_of_path(base_url)
    further = None if problem or info is None or info.is_known else _unknown_model(info)
    return (
        f"{base_url}{path} was asked: {'; '.join(filter(None, (problem or 'the server has nothing there', further)))}"
    )


def _refused(info: ModelInfo, body: Mapping[str, Any]) -> Iterator[str]:
    for name, value in body.items():
        if info.accepts(name, value) is not False:
            continue
        if info.accepts(name) is False:
            fact = "refused_parameters" if name in info.refused_parameters else FLAGS.get(name, "refused_parameters")
            yield f"model {info.id!r} is known to refuse {name}{_as_of(info, fact)}: leave it out"
        elif name in {"reasoning", "reasoning_effort"} and info.reasoning_efforts:
            yield f"model {info.id!r} takes reasoning_effort of {', '.join(info.reasoning_efforts)}"
        else:
            yield f"model {info.id!r} was seen to refuse {name}={value!r}{_as_of(info, 'refused_values')}"
    if _has_images(body):
        if info.images_on_chat is False:
            yield _no_images(info)
        elif info.vision is False:
            yield f"model {info.id!r} takes no images{_as_of(info, 'vision')}"


def _unmatched(body: Mapping[str, Any]) -> Iterator[str]:
    """Name tool calls that have no result right behind them, and results without a call."""
    messages = body.get("messages")
    calls: dict[Any, Any] = {}
    for message in (*(messages if isinstance(messages, list) else ()), {}):
        if message.get("role") == "tool":
            id_ = str(message.get("tool_call_id"))
            if id_ not in calls:
                yield f"no message before it has the call {id_!r} of which this is the result: leave it out, or add it"
            calls.pop(id_, None)
            continue
        for id_, name in calls.items():
            yield (
                f"the call {id_!r} of the tool {name!r} has no result right behind it, as after a tool that raised: "
                f"put one there (role 'tool', tool_call_id {id_!r}), and let failures of tools become results, as "
                "LangGraph's ToolNode(tools, handle_tool_errors=True) does"
            )
        calls = dict(map(_id_and_name, filter(_is_call, message.get("tool_calls") or ())))


def _is_call(call: Any) -> bool:
    return isinstance(call, Mapping) and isinstance(call.get("id"), str) and isinstance(call.get("function"), Mapping)


def _id_and_name(call: Mapping[str, Any]) -> tuple[Any, Any]:
    return call["id"], call["function"].get("name")


def _as_of(info: ModelInfo, fact: str) -> str:
    """Say when a fact was seen, if that is known: what users register may have no date."""
    date = info.date_of(fact)
    return f" (as of {date})" if date else ""


def _failing(info: ModelInfo, body: Mapping[str, Any]) -> Iterator[str]:
    for name in info.failing:
        if name in body:
            yield (
                f"model {info.id!r} was seen to answer 500 to every request with {name}"
                f"{_as_of(info, 'failing')}: leave them out or use another model"
            )
