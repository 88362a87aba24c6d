"""The limits that a request sets to its answer: stop sequences and the number of tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .tokens import tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .answer import Answer, ModelCall


def limited(answer: Answer, request: Mapping[str, Any]) -> Answer:
    """Apply a request's limits to an answer.

    The order is the real one: a stop sequence ends the text, then the token limit cuts; reasoning counts against it.
    """
    return _cut(_stopped(answer, request.get("stop")), _limit(request))


def _limit(request: Mapping[str, Any]) -> int | None:
    limits = [request[name] for name in ("max_tokens", "max_completion_tokens") if request.get(name) is not None]
    return min(limits) if limits else None


def _stopped(answer: Answer, stop: str | Sequence[str] | None) -> Answer:
    if answer.text is None or not stop:
        return answer
    sequences = [stop] if isinstance(stop, str) else stop
    found = [(at, sequence) for sequence in sequences if sequence and (at := answer.text.find(sequence)) >= 0]
    if not found:
        return answer
    at, sequence = min(found)
    return replace(answer, text=answer.text[:at], stop_sequence=sequence)


def _cut(answer: Answer, limit: int | None) -> Answer:
    if limit is None or answer.completion_tokens <= limit:
        return answer
    reasoning = tokens(answer.reasoning or "")[:limit]
    left = limit - len(reasoning)
    text = "".join(tokens(answer.text or "")[:left]) or None
    calls: list[ModelCall] = []
    for call in answer.calls:
        left -= 8
        if left <= 0:
            break
        kept = tokens(call.arguments)[:left]
        left -= len(kept)
        calls.append(replace(call, arguments="".join(kept)))
    return replace(answer, text=text, reasoning="".join(reasoning) or None, calls=tuple(calls), finish="length")
