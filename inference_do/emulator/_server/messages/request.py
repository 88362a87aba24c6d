"""What a request must look like: its fields, their types and ranges; it becomes a canonical request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inference_do.emulator._http import Refusal
from inference_do.emulator._server.fields import (
    BOOLEAN,
    STRING,
    Check,
    check_object,
    integer,
    number,
    one_of,
    text_list,
)
from inference_do.emulator._server.fields import accept_anything as anything

from .blocks import check_cache_control
from .family import is_anthropic
from .tools import MessagesTools, tools_of
from .turns import check_marks, messages_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference_do.models import ModelInfo

LEAST_BUDGET = 1024
LEAST_TOP_P = 0.95
"""With thinking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesRequest:
    """A request that was checked."""

    chat: dict[str, Any]
    """The canonical request."""
    tools: MessagesTools
    shows_thinking: bool
    """Whether thinking is shown; else its signature comes without it."""


def read_request(body: Mapping[str, Any], info: ModelInfo, *, allow_unknown: bool) -> MessagesRequest:
    """Check a request.

    Raises:
        Refusal: 400, with what is wrong first.
    """
    _check_fields(body, allow_unknown=allow_unknown)
    tools = tools_of(body, info)
    thinking = body.get("thinking") or {}
    if is_anthropic(info):
        _check_claude(body, info, tools)
    messages = messages_of(body, info)
    check_marks(body)
    is_unasked = "thinking" not in body and info.thinks_unasked
    default = "omitted" if thinking.get("type") == "adaptive" or is_unasked else "summarized"
    return MessagesRequest(
        chat=_canonical(body, info, messages, tools),
        tools=tools,
        shows_thinking=thinking.get("display", default) != "omitted",
    )


def _check_fields(body: Mapping[str, Any], *, allow_unknown: bool) -> None:
    for name in ("max_tokens", "messages"):
        if body.get(name) is None:
            raise Refusal(400, f"{name}: Field required")
    for name, value in body.items():
        check = CHECKS.get(name)
        if check is None and not allow_unknown:
            raise Refusal(400, f"{name}: Extra inputs are not permitted")
        if value is None and not allow_unknown:
            raise Refusal(400, f"{name}: it must not be null; leave it out instead")
        if check is not None and value is not None:
            check(name, value)


def _check_claude(body: Mapping[str, Any], info: ModelInfo, tools: MessagesTools) -> None:
    """Refuse what Anthropic refuses of its own models."""
    limit = body["max_tokens"]
    if info.max_output_tokens is not None and limit > info.max_output_tokens:
        raise Refusal(
            400,
            f"max_tokens: {limit} > {info.max_output_tokens}, which is the maximum allowed number of output tokens for "
            f"{info.id}",
        )
    thinking = body.get("thinking") or {"type": "disabled"}
    if thinking["type"] == "disabled":
        return
    if not info.reasoning:
        raise Refusal(400, f"thinking: '{info.id}' does not support thinking.")
    if tools.is_forced and tools.tools:
        raise Refusal(400, "Thinking may not be enabled when tool_choice forces tool use.")
    if body.get("temperature", 1) != 1:
        raise Refusal(400, "`temperature` may only be set to 1 when thinking is enabled.")
    if "top_k" in body:
        raise Refusal(400, "`top_k` must be unset when thinking is enabled.")
    if body.get("top_p", 1) < LEAST_TOP_P:
        raise Refusal(400, f"`top_p` must be greater than or equal to {LEAST_TOP_P} or unset when thinking is enabled.")
    if thinking["type"] == "enabled" and limit <= thinking["budget_tokens"]:
        raise Refusal(400, "`max_tokens` must be greater than `thinking.budget_tokens`.")


def _canonical(
    body: Mapping[str, Any], info: ModelInfo, messages: list[dict[str, Any]], tools: MessagesTools
) -> dict[str, Any]:
    chat = {name: body[name] for name in ("model", "temperature", "top_p") if name in body}
    chat |= {"messages": messages, "max_completion_tokens": body["max_tokens"]}
    if "stop_sequences" in body:
        chat["stop"] = body["stop_sequences"]
    if tools.tools:
        chat |= {"tools": tools.tools, "tool_choice": tools.choice, "parallel_tool_calls": tools.is_parallel}
    return chat | _effort(body, info) | _format(body, info)


def _effort(body: Mapping[str, Any], info: ModelInfo) -> dict[str, Any]:
    """Return how much the model thinks: an effort that it does not know is ignored here."""
    thinking = body.get("thinking") or {}
    efforts = [(body.get("output_config") or {}).get("effort") if is_anthropic(info) else None]
    efforts.append(body.get("reasoning_effort"))
    effort = next((one for one in efforts if one in info.reasoning_efforts), None)
    match thinking.get("type"):
        case "disabled":
            return {"chat_template_kwargs": {"enable_thinking": False}}
        case "enabled":
            return {"reasoning": {"max_tokens": thinking["budget_tokens"]}}
        case "adaptive":
            return {"reasoning": {"effort": effort} if effort else {"enabled": True}}
        case _:
            return {"reasoning_effort": effort} if effort else {}


def _format(body: Mapping[str, Any], info: ModelInfo) -> dict[str, Any]:
    wanted = (body.get("output_config") or {}).get("format")
    if wanted is None or not is_anthropic(info):
        return {}
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": wanted["schema"]}}}


def _thinking(name: str, value: Any) -> None:
    kinds: dict[str, dict[str, Check]] = {
        "enabled": {"budget_tokens": integer(LEAST_BUDGET)},
        "adaptive": {"block_binding": anything},
        "disabled": {},
    }
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise Refusal(400, f"{name}: Input tag {kind!r} does not match any of the expected tags: {', '.join(kinds)}")
    known = {"type": anything, "display": one_of("summarized", "omitted"), **kinds[kind]}
    check_object(value, known, f"{name}.{kind}", required=("budget_tokens",) if kind == "enabled" else ())


def _stop_sequences(name: str, value: Any) -> None:
    text_list()(name, value)
    if not all(text.strip() for text in value):
        raise Refusal(400, f"{name}: each stop sequence must contain non-whitespace")


def _output_format(name: str, value: Any) -> None:
    match value:
        case {"type": "json_schema", "schema": dict() as schema, **rest} if not rest:
            if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
                raise Refusal(
                    400, f"{name}.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
                )
        case _:
            raise Refusal(400, f"{name}: it should be of type 'json_schema' with a schema, not {value!r}")


def _output_config(name: str, value: Any) -> None:
    check_object(value, {"effort": one_of("low", "medium", "high", "xhigh", "max"), "format": _output_format}, name)


def _metadata(name: str, value: Any) -> None:
    check_object(value, {"user_id": STRING}, name)
    if len(value.get("user_id", "")) > 256:
        raise Refusal(400, f"{name}.user_id: String should have at most 256 characters")


CHECKS: Mapping[str, Check] = {
    "model": STRING,
    "max_tokens": integer(1),
    "messages": anything,
    "system": anything,
    "stop_sequences": _stop_sequences,
    "stream": BOOLEAN,
    "temperature": number(0, 1),
    "top_p": number(0, 1),
    "top_k": integer(0),
    "tools": anything,
    "tool_choice": anything,
    "metadata": _metadata,
    "thinking": _thinking,
    "reasoning_effort": one_of("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    "speed": one_of("standard", "fast"),
    "service_tier": one_of("auto", "standard_only"),
    "output_config": _output_config,
    "cache_control": lambda name, value: check_cache_control(value, name),
}
