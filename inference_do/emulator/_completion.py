"""From answers to the API's completion object: token limits, stop sequences, log probabilities, usage."""

from __future__ import annotations

import hashlib
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ._http import to_json
from ._tokens import prompt_tokens, tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .quirks import Quirks
    from .replies import Scripted

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model says; `extra` are further fields of the message."""

    text: str | None = None
    reasoning: str | None = None
    calls: tuple[Call, ...] = ()
    finish: str = "stop"
    is_silent: bool = False
    """Whether the reasoning is counted but not shown."""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def completion_tokens(self) -> int:
        """Tokens that are billed, reasoning included."""
        spoken = len(tokens(self.text or "")) + sum(8 + len(tokens(call.arguments)) for call in self.calls)
        return spoken + self.reasoning_tokens

    @property
    def shown_reasoning(self) -> str | None:
        """The reasoning, unless the model keeps it to itself."""
        return None if self.is_silent else self.reasoning

    @property
    def reasoning_tokens(self) -> int:
        """Tokens of the reasoning."""
        return len(tokens(self.reasoning or ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """Everything that a reply is rendered from, whole or streamed."""

    id: str
    created: int
    model: str
    answers: tuple[Answer, ...]
    usage: JsonObject
    top_logprobs: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields beside `choices`, as agents have them."""


def complete(body: Mapping[str, Any], answer: Answer, *, model: str, quirks: Quirks) -> Completion:
    """Apply the request's limits to an honest answer and count it.

    The order is the real one: a stop sequence ends the text, then the token limit cuts; reasoning counts against it.
    """
    answer = _limited(_stopped(answer, body.get("stop")), _limit(body))
    answers = (answer,) * (body.get("n") or 1)
    return _completion(body, answers, model=model, quirks=quirks, usage=None)


def from_script(body: Mapping[str, Any], script: Scripted, *, model: str, quirks: Quirks) -> Completion:
    """Render a scripted answer: said as written, neither cut nor stopped."""
    message = script.message or {}
    raw_calls: Sequence[Any] = message.get("tool_calls") or ()
    calls = [Call(call_id(body, i, name), name, _text(args)) for i, (name, args) in enumerate(script.tool_calls)]
    for i, raw in enumerate(raw_calls):
        function = raw.get("function", raw)
        name = function.get("name", "")
        calls.append(Call(raw.get("id") or call_id(body, i, name), name, _text(function.get("arguments", ""))))
    known = {"role", "content", "tool_calls", "reasoning_content"}
    answer = Answer(
        text=message.get("content", script.text),
        reasoning=message.get("reasoning_content", script.reasoning),
        calls=tuple(calls),
        finish=script.finish_reason or ("tool_calls" if calls else "stop"),
        extra={key: value for key, value in message.items() if key not in known},
    )
    return replace(_completion(body, (answer,), model=model, quirks=quirks, usage=script.usage), extra=script.extra)


def call_id(body: Mapping[str, Any], index: int, name: str) -> str:
    """Derive a call's id from the request, so that it differs between the turns of a conversation."""
    digest = hashlib.sha256(to_json(body.get("messages")) + f"{index}{name}".encode()).hexdigest()
    return f"call_{digest[:24]}"


def whole(completion: Completion, quirks: Quirks) -> JsonObject:
    """Render the completion object of a reply without streaming."""
    return {
        "id": "" if quirks.empty_id else completion.id,
        "object": "chat.completion",
        "created": completion.created,
        "model": completion.model,
        "service_tier": None,
        "choices": [
            {
                "index": index,
                "finish_reason": answer.finish,
                "logprobs": logprobs(tokens(answer.text or ""), completion.top_logprobs),
                "message": _message(answer, quirks),
            }
            for index, answer in enumerate(completion.answers)
        ],
        "usage": completion.usage,
        **completion.extra,
    }


def logprobs(pieces: Sequence[str], top: int | None) -> JsonObject | None:
    """Make well-formed log probabilities; `top` of `None` means that none were asked for."""
    if top is None:
        return None
    entries = []
    for piece in pieces:
        entry = _probability(piece, 0)
        rivals = [piece, *(piece + "'" * i for i in range(1, top))][:top]
        entries.append({**entry, "top_logprobs": [_probability(rival, rank) for rank, rival in enumerate(rivals)]})
    return {"content": entries, "refusal": None}


def _probability(piece: str, rank: int) -> JsonObject:
    return {"token": piece, "logprob": -0.01 - rank, "bytes": list(piece.encode(errors="replace"))}


def _message(answer: Answer, quirks: Quirks) -> JsonObject:
    message: JsonObject = {
        "role": "" if quirks.empty_role else "assistant",
        "content": answer.text,
        "refusal": None,
        quirks.reasoning_field: answer.shown_reasoning,
        "audio": None,
        **answer.extra,
    }
    if answer.calls:
        message["tool_calls"] = [
            {
                "id": "" if quirks.tool_ids in {"missing", "empty"} else call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in answer.calls
        ]
    return message


def _completion(
    body: Mapping[str, Any], answers: tuple[Answer, ...], *, model: str, quirks: Quirks, usage: Mapping[str, Any] | None
) -> Completion:
    prompt = prompt_tokens(body)
    return Completion(
        id=f"chatcmpl-{uuid.uuid4().hex}",
        created=int(time.time()),
        model=model,
        answers=answers,
        usage=dict(usage) if usage is not None else usage_of(prompt, answers, quirks),
        top_logprobs=(body.get("top_logprobs") or 0) if body.get("logprobs") else None,
    )


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


def _limit(body: Mapping[str, Any]) -> int | None:
    limits = [body[name] for name in ("max_tokens", "max_completion_tokens") if body.get(name) is not None]
    return min(limits) if limits else None


def _stopped(answer: Answer, stop: str | Sequence[str] | None) -> Answer:
    if answer.text is None or not stop:
        return answer
    sequences = [stop] if isinstance(stop, str) else stop
    found = [at for sequence in sequences if sequence and (at := answer.text.find(sequence)) >= 0]
    return replace(answer, text=answer.text[: min(found)]) if found else answer


def _limited(answer: Answer, limit: int | None) -> Answer:
    if limit is None or answer.completion_tokens <= limit:
        return answer
    reasoning = tokens(answer.reasoning or "")[:limit]
    left = limit - len(reasoning)
    text = "".join(tokens(answer.text or "")[:left]) or None
    calls: list[Call] = []
    for call in answer.calls:
        left -= 8
        if left <= 0:
            break
        kept = tokens(call.arguments)[:left]
        left -= len(kept)
        calls.append(replace(call, arguments="".join(kept)))
    return replace(answer, text=text, reasoning="".join(reasoning) or None, calls=tuple(calls), finish="length")


def _text(arguments: object) -> str:
    return arguments if isinstance(arguments, str) else to_json(arguments).decode()
