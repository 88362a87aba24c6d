"""What a call returned, as JSON: the form of a line of an output.

| returned | `result` |
|---|---|
| `AIMessage`, `ChatResponse`, `CompletionResponse`, `ChatCompletion` | its text; `finish_reason`, `tool_calls` beside |
| an answer of a structured LLM | the object |
| a pydantic model, a dataclass | an object of its fields |
| text, numbers, true, false, None, lists, dicts | as they are; what is in them likewise, NaN as null |
| dates, UUIDs, decimals, enums, paths, sets | what pydantic writes for them |
| an exception inside a result | an object with `class` and `message` |

Anything else fails the row: it has no JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import PydanticSerializationError, to_jsonable_python

from inference_do.pricing import Tokens

__all__ = ["RowResult", "read_result"]

FINISH_REASONS = ("finish_reason", "stop_reason")


class RowResult:
    """A result as JSON, and what came with it."""

    __slots__ = ("metadata", "model", "result", "tokens")

    def __init__(
        self, result: Any, metadata: Mapping[str, Any] | None = None, model: Any = None, usage: Any = None
    ) -> None:
        self.result = result
        self.metadata = {name: value for name, value in (metadata or {}).items() if value}
        """`finish_reason` and `tool_calls`, as far as there are any."""
        self.model = model if isinstance(model, str) and model else None
        self.tokens = _tokens(usage)


def read_result(value: Any) -> RowResult:
    """Return what a call returned as JSON.

    Raises:
        TypeError: It has no JSON.
    """
    if hasattr(value, "response_metadata") and hasattr(value, "content"):
        return _of_message(value)
    if hasattr(value, "raw") and hasattr(value, "additional_kwargs"):
        return _of_response(value)
    if hasattr(value, "choices") and hasattr(value, "text") and hasattr(value, "usage"):
        return _of_completion(value)
    inner = value.get("raw") if isinstance(value, Mapping) else None  # with_structured_output(include_raw=True)
    if inner is not None and hasattr(inner, "response_metadata"):
        message = _of_message(inner)
        return RowResult(_plain(value), {}, message.model, message.tokens)
    return RowResult(_plain(value))


def _plain(value: Any) -> Any:
    try:
        return to_jsonable_python(value, inf_nan_mode="null", fallback=_other)
    except (PydanticSerializationError, ValueError, RecursionError) as error:
        reason = str(error)
    message = f"the result, of type {type(value).__name__}, has no JSON: {reason}"
    raise TypeError(message[:500])


def _other(value: Any) -> Any:
    if isinstance(value, BaseException):
        return {"class": type(value).__name__, "message": str(value)}
    message = f"a {type(value).__name__} is neither text, a number, a list, a dict nor a pydantic model"
    raise ValueError(message)


def _of_message(message: Any) -> RowResult:
    """Read a message of LangChain."""
    metadata: Mapping[str, Any] = message.response_metadata or {}
    text = message.content if isinstance(message.content, str) else getattr(message, "text", None)
    calls = [
        {"id": call.get("id"), "name": call.get("name"), "arguments": call.get("args")}
        for call in getattr(message, "tool_calls", None) or ()
    ]
    return RowResult(
        str(text) if isinstance(text, str) else _plain(message.content),
        {"finish_reason": _finish_reason(metadata), "tool_calls": _plain(calls)},
        metadata.get("model_name"),
        getattr(message, "usage_metadata", None),
    )


def _of_response(response: Any) -> RowResult:
    """Read a response of LlamaIndex."""
    message, raw = getattr(response, "message", None), response.raw
    text = (message.content if message is not None else getattr(response, "text", None)) or ""
    if hasattr(raw, "model_dump_json") and raw.model_dump_json() == text:  # of a structured LLM
        return RowResult(_plain(raw))
    fields = raw if isinstance(raw, Mapping) else {name: getattr(raw, name, None) for name in ("model", "usage")}
    calls = (getattr(message, "additional_kwargs", None) or response.additional_kwargs).get("tool_calls")
    metadata = {"finish_reason": _finish_reason(response.additional_kwargs), "tool_calls": calls and _plain(calls)}
    return RowResult(text, metadata, fields.get("model"), fields.get("usage"))


def _of_completion(completion: Any) -> RowResult:
    """Read an answer of the client, or of the OpenAI SDK."""
    choice = completion.choices[0] if completion.choices else None
    calls = getattr(getattr(choice, "message", None), "tool_calls", None)
    metadata = {"finish_reason": getattr(choice, "finish_reason", None), "tool_calls": calls and _plain(calls)}
    return RowResult(completion.text, metadata, completion.model, completion.usage)


def _finish_reason(metadata: Mapping[str, Any]) -> Any:
    return next((metadata[name] for name in FINISH_REASONS if isinstance(metadata.get(name), str)), None)


def _tokens(usage: Any) -> Tokens | None:
    """Return usage in the form of the API, of LangChain or of the OpenAI SDK as tokens."""
    if usage is None or isinstance(usage, Tokens):
        return usage
    try:
        fields = usage if isinstance(usage, Mapping) else usage.model_dump()
        if "input_tokens" not in fields:
            return Tokens.of(fields)
        read, made = fields.get("input_token_details") or {}, fields.get("output_token_details") or {}
        return Tokens(
            input=fields["input_tokens"],
            cached=read.get("cache_read") or 0,
            created=read.get("cache_creation") or 0,
            output=fields.get("output_tokens") or 0,
            reasoning=made.get("reasoning") or 0,
        )
    except Exception:  # noqa: BLE001  a usage of a form that nobody knows costs no row its answer
        return None
