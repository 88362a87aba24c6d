"""A completion: answers with an id, a time and usage, from which a wire makes its body or events.

It comes from the pretend model, or from a scripted answer. Its form is canonical, that of chat completions.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from inference_do.emulator._json import to_json
from inference_do.emulator._model.answer import Answer, ModelCall, call_id
from inference_do.emulator._model.tokens import prompt_tokens

if TYPE_CHECKING:
    from inference_do.emulator.quirks import Quirks
    from inference_do.emulator.replies import Scripted

JsonObject: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """Everything that a response is made from, whole or streamed."""

    id: str
    created: int
    model: str
    answers: tuple[Answer, ...]
    usage: JsonObject
    top_logprobs: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields beside `choices`, as agents have them."""
    raw_chunks: Sequence[Mapping[str, Any]] = ()
    """Scripted chunks, which a stream of the chat wire sends as they are."""
    is_scripted: bool = False
    """Whether a test has said what the answer is."""


def completion_of(
    request: Mapping[str, Any],
    answers: Sequence[Answer],
    *,
    model: str,
    quirks: Quirks,
    usage: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Completion:
    """Make a completion of the answers to a request.

    Args:
        request: The canonical request.
        answers: One for each choice.
        model: The model that the response names.
        quirks: What the usage has.
        usage: Instead of the counted one.
        extra: Further fields beside `choices`.
    """
    counted = usage_of(prompt_tokens(request), answers, quirks) if usage is None else dict(usage)
    return Completion(
        id=f"chatcmpl-{uuid.uuid4().hex}",
        created=int(time.time()),
        model=model,
        answers=tuple(answers),
        usage=counted,
        top_logprobs=(request.get("top_logprobs") or 0) if request.get("logprobs") else None,
        extra=extra or {},
    )


def scripted_completion(
    request: Mapping[str, Any],
    script: Scripted,
    *,
    model: str,
    quirks: Quirks,
    extra: Mapping[str, Any] | None = None,
) -> Completion:
    """Make a completion of a scripted answer, neither cut nor stopped; what the script sets wins."""
    completion = completion_of(
        request,
        [_scripted_answer(request, script)],
        model=model,
        quirks=quirks,
        usage=script.usage,
        extra={**(extra or {}), **script.extra},
    )
    return replace(completion, raw_chunks=script.chunks, is_scripted=True)


def _scripted_answer(request: Mapping[str, Any], script: Scripted) -> Answer:
    if script.chunks and not request.get("stream"):
        script = replace(script, **assembled(script.chunks))
    message = script.message or {}
    if script.text and not script.tool_calls and (forced := _forced(request)) and _gives_arguments(script.text, forced):
        script = replace(script, text=None, tool_calls=((forced["name"], script.text),))
    calls = [
        ModelCall(call_id(request, i, name), name, _text(args)) for i, (name, args) in enumerate(script.tool_calls)
    ]
    for i, raw in enumerate(message.get("tool_calls") or ()):
        function = raw.get("function", raw)
        name = function.get("name", "")
        calls.append(ModelCall(raw.get("id") or call_id(request, i, name), name, _text(function.get("arguments", ""))))
    known = {"role", "content", "tool_calls", "reasoning_content"}
    return Answer(
        text=message.get("content", script.text),
        reasoning=message.get("reasoning_content", script.reasoning),
        calls=tuple(calls),
        finish=script.finish_reason or ("tool_calls" if calls else "stop"),
        extra={key: value for key, value in message.items() if key not in known},
    )


def _forced(request: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the one function that a request leaves no choice but to call, as structured output asks for it."""
    functions = [tool["function"] for tool in request.get("tools") or () if tool.get("type") == "function"]
    choice = request.get("tool_choice")
    if isinstance(choice, Mapping):
        return next((function for function in functions if function["name"] == choice["function"]["name"]), None)
    return functions[0] if choice == "required" and len(functions) == 1 else None


def _gives_arguments(text: str, function: Mapping[str, Any]) -> bool:
    """Return whether a text is a JSON object with nothing but properties of a function: structured output by a call."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    properties = (function.get("parameters") or {}).get("properties") or {}
    return isinstance(value, dict) and value.keys() <= properties.keys()


def usage_of(prompt: int, answers: Sequence[Answer], quirks: Quirks) -> JsonObject:
    """Count a completion, with the API's own cache fields."""
    completion = sum(answer.completion_tokens for answer in answers)
    read, created = min(quirks.cached_tokens, prompt), min(quirks.created_tokens, prompt)
    if quirks.usage_excludes_cached:
        prompt = max(0, prompt - read - created)
    usage: JsonObject = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    if quirks.usage_three_fields:
        return usage
    return usage | {
        "cache_created_input_tokens": created,
        "cache_creation": {"ephemeral_5m_input_tokens": created, "ephemeral_1h_input_tokens": 0},
        "cache_read_input_tokens": read,
        "prompt_tokens_details": {"cached_tokens": read},
        "completion_tokens_details": {"reasoning_tokens": sum(answer.reasoning_tokens for answer in answers)},
        "speed": None,
    }


def assembled(chunks: Sequence[Mapping[str, Any]]) -> JsonObject:
    """Put raw chunks together into a message and its finish reason, for a response without streaming."""
    text, reasoning, calls, finish = "", "", dict[int, JsonObject](), None
    for chunk in chunks:
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            text += delta.get("content") or ""
            reasoning += delta.get("reasoning_content") or ""
            finish = choice.get("finish_reason") or finish
            for number, part in enumerate(delta.get("tool_calls") or ()):
                call = calls.setdefault(part.get("index", number), {"id": None, "name": "", "arguments": ""})
                call["id"] = call["id"] or part.get("id")
                function = part.get("function") or {}
                call["name"] = call["name"] or function.get("name") or ""
                call["arguments"] += function.get("arguments") or ""
    message = {"content": text or None, "reasoning_content": reasoning or None, "tool_calls": list(calls.values())}
    return {"message": message, "finish_reason": finish}


def _text(arguments: object) -> str:
    return arguments if isinstance(arguments, str) else to_json(arguments).decode()
