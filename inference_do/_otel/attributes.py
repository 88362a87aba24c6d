"""What a call is in the terms of OpenTelemetry's conventions: its operation, its settings, its answer.

Nothing here knows OpenTelemetry: the fields have the names that opentelemetry-util-genai gives them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from inference_do._urls import AGENT_HOSTS
from inference_do.types import Usage

__all__ = ["PROVIDER", "Operation", "answer_fields", "error_type", "operation_of", "request_fields", "server_of"]

PROVIDER = "digitalocean"

CHAT_PATHS = frozenset({"/chat/completions", "/responses", "/messages"})
NUMBERS = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed")
LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Operation:
    """What a call does, as `gen_ai.operation.name` has it, and on what."""

    name: str
    data_source: str | None = None
    agent: str | None = None


def operation_of(path: str, body: Mapping[str, Any], *, api: str | None, base_url: str) -> Operation | None:
    """Return what a call does; None for calls that no convention is about, such as the list of models.

    Args:
        path: What follows the base URL.
        body: The request's fields.
        api: Which API a chat takes, `agent` for an agent's.
        base_url: Where it goes.
    """
    if api == "agent":
        host = urlsplit(base_url).hostname or ""
        return Operation("invoke_agent", agent=host.removesuffix(AGENT_HOSTS) if host.endswith(AGENT_HOSTS) else None)
    if api is not None or path in CHAT_PATHS:
        return Operation("chat")
    if path == "/embeddings":
        return Operation("embeddings")
    if path.endswith("/retrieve") and "query" in body:
        return Operation("retrieval", data_source=unquote(path.removesuffix("/retrieve").rpartition("/")[2]))
    if path == "/rerank":
        return Operation("retrieval")
    return Operation("generate_content") if path == "/images/generations" else None


def server_of(base_url: str) -> tuple[str | None, int | None]:
    """Return the host of a base URL, and its port if it is not the usual one."""
    parts = urlsplit(base_url)
    return parts.hostname, parts.port if parts.port != PORTS.get(parts.scheme) else None


def request_fields(operation: Operation, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a request names."""
    if operation.name == "embeddings":
        encoding = body.get("encoding_format")
        return {"encoding_formats": [encoding]} if isinstance(encoding, str) else {}
    if operation.name == "retrieval":
        count = body.get("num_results") or body.get("top_n") or body.get("top_k")
        return {"top_k": count} if isinstance(count, int) else {}
    fields = {name: body[name] for name in NUMBERS if _is_number(body.get(name))}
    fields["max_tokens"] = next((body[name] for name in LIMITS if _is_number(body.get(name))), None)
    if isinstance(stop := body.get("stop") or body.get("stop_sequences"), str):
        stop = [stop]
    fields["stop_sequences"] = [str(item) for item in stop] if isinstance(stop, list | tuple) else None
    count = body.get("n")
    fields["request_choice_count"] = count if isinstance(count, int) and count != 1 else None
    fields["request_stream"] = True if body.get("stream") else None
    fields["reasoning_level"] = _effort(body)
    previous = body.get("previous_response_id")
    fields["previous_response_id"] = previous if isinstance(previous, str) else None
    fields["output_type"] = "image" if operation.name == "generate_content" else _output_type(body)
    return {name: value for name, value in fields.items() if value is not None}


def answer_fields(operation: Operation, answer: Any) -> dict[str, Any]:
    """Return what an answer, or the part of it that came, says of itself."""
    if operation.name == "retrieval":
        return {}
    usage = _usage(getattr(answer, "usage", None))
    fields: dict[str, Any] = {
        "response_model_name": getattr(answer, "model", None) or None,
        "input_tokens": usage.input_tokens if usage else None,
    }
    if operation.name == "embeddings":
        vectors = getattr(answer, "data", None) or [None]
        fields["dimension_count"] = len(getattr(vectors[0], "embedding", ())) or None
        return {name: value for name, value in fields.items() if value is not None}
    choices = getattr(answer, "choices", None) or ()
    reasons = [reason for choice in choices if (reason := getattr(choice, "finish_reason", None))]
    fields |= {"response_id": getattr(answer, "id", None) or None, "finish_reasons": reasons or None}
    if usage:
        fields |= {
            "output_tokens": usage.output_tokens,
            "thinking_tokens": usage.reasoning_tokens or None,
            "cache_read_input_tokens": usage.cached_tokens or None,
            "cache_write_input_tokens": usage.cache_created_input_tokens or None,
        }
    return {name: value for name, value in fields.items() if value is not None}


def error_type(failure: BaseException) -> str:
    """Return `error.type`: the HTTP status, or else the class."""
    if status := getattr(failure, "status", None):
        return str(status)
    kind = type(failure)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _usage(value: Any) -> Usage | None:
    """Return usage in one form; endpoints without a method of their own give it as it came."""
    if value is None or isinstance(value, Usage):
        return value
    if not isinstance(value, Mapping):
        return None
    tokens_in = value.get("prompt_tokens", value.get("input_tokens"))
    tokens_out = value.get("completion_tokens", value.get("output_tokens"))
    counts = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out}
    return Usage.model_validate({name: count for name, count in counts.items() if isinstance(count, int)})


def _effort(body: Mapping[str, Any]) -> str | None:
    reasoning = body.get("reasoning")
    inner = reasoning.get("effort") if isinstance(reasoning, Mapping) else None
    effort = body.get("reasoning_effort") or inner
    return effort if isinstance(effort, str) else None


def _output_type(body: Mapping[str, Any]) -> str | None:
    form = body.get("response_format")
    kind = form.get("type") if isinstance(form, Mapping) else None
    if kind in {"json_object", "json_schema"}:
        return "json"
    return "text" if kind == "text" else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
