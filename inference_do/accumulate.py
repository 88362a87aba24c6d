"""Chunks to a completion, in time linear in their number.

Text is joined, tool calls are put together by the rules of `tool_calls`, and whatever else a delta has by those of
`deltas`.
"""

from __future__ import annotations

from io import StringIO
from typing import Any

from ._deltas import put_together
from ._tool_calls import Bound, ToolCalls, joined, new_call_id, repaired
from .errors import ProtocolError
from .types import ChatCompletion, ToolCallFragment

__all__ = ["Accumulator", "new_call_id", "reasoning_text"]

HEAD_FIELDS = frozenset({"id", "object", "created", "model", "service_tier", "system_fingerprint"})
CHUNK_FIELDS = HEAD_FIELDS | {"choices", "usage"}
MAX_CHOICES = 128
"""Answers of one stream, at most; more only where more were asked for."""
MAX_CALLS = 10_000
"""Tool calls of one stream, and their fragments in one chunk, at most."""
MAX_PARTS = 1_000_000
"""Values of one stream that are neither text nor tool calls, entries of lists counted one by one, at most."""
TEXTS = frozenset({"content", "refusal", "reasoning_content", "reasoning"})


def reasoning_text(message: dict[str, Any]) -> str:
    """Return the reasoning of a message or delta, under either of the names that servers give it."""
    for name in ("reasoning_content", "reasoning"):
        if isinstance(value := message.get(name), str) and value:
            return value
    return ""


class Accumulator:
    """Puts the chunks of one stream together.

    Args:
        answers: How many were asked for.
    """

    __slots__ = ("_answers", "_calls", "_choices", "_extra", "_head", "_is_named", "_parts", "usage")

    def __init__(self, answers: int = 1) -> None:
        self._answers = answers
        self._calls = Bound(MAX_CALLS, "tool calls")
        self._parts = Bound(MAX_PARTS, "parts")
        self._extra: dict[str, Any] = {}
        self._choices: dict[int, _ChoiceParts] = {}
        self._head: dict[str, Any] = {}
        self._is_named = False
        self.usage: dict[str, Any] | None = None

    def add(self, raw: dict[str, Any]) -> tuple[ToolCallFragment, ...]:
        """Take a chunk; return its tool-call fragments with their indices settled."""
        if usage := raw.get("usage"):
            self.usage = usage  # cumulative where it is repeated: the last one counts
        fragments: list[ToolCallFragment] = []
        for part in raw.get("choices") or ():
            number = part.get("index") or 0
            choice = self._choices.get(number)
            if choice is None:
                if len(self._choices) >= max(MAX_CHOICES, self._answers):
                    message = f"the stream has more than {len(self._choices)} answers"
                    raise ProtocolError(message)
                choice = self._choices[number] = _ChoiceParts(number, self._calls, self._parts)
            choice.add(part, fragments)
        if not CHUNK_FIELDS.issuperset(raw):  # an agent's own: what it retrieved, called and guarded against
            further = {name: value for name, value in raw.items() if name not in CHUNK_FIELDS and value}
            self._parts.take(len(further))
            self._extra.update(further)
        if not self._is_named:
            self._head = {name: value for name, value in raw.items() if name in HEAD_FIELDS and value}
            self._is_named = bool(raw.get("model"))
        return joined(fragments) if fragments else ()

    @property
    def model(self) -> str | None:
        """The model that the stream names."""
        return self._head.get("model")

    @property
    def has_begun(self) -> bool:
        """Whether some part of an answer has come."""
        return bool(self._choices)

    @property
    def is_finished(self) -> bool:
        """Whether every answer that was asked for or has begun has its finish reason."""
        if len(self._choices) < self._answers or 0 not in self._choices:
            return False
        return all(choice.finish_reason for choice in self._choices.values())

    @property
    def is_empty(self) -> bool:
        """Whether the first answer's tokens ran out before any text or tool call."""
        choice = self._choices.get(0)
        return choice is not None and choice.finish_reason == "length" and choice.is_empty

    @property
    def has_broken_call(self) -> bool:
        """Whether the arguments of some tool call are not yet JSON."""
        return any(not call.is_complete for choice in self._choices.values() for call in choice.tools.calls)

    def completion(self) -> ChatCompletion:
        """Return what has come so far as one answer."""
        choices = [choice.message() for _, choice in sorted(self._choices.items())]
        return ChatCompletion.model_validate(
            {**self._extra, **self._head, "object": "chat.completion", "choices": choices, "usage": self.usage}
        )


class _ChoiceParts:
    __slots__ = ("_bound", "_further", "_logprobs", "_number", "_texts", "finish_reason", "tools")

    def __init__(self, number: int, calls: Bound, parts: Bound) -> None:
        self._number = number
        self._bound = parts
        self._texts: dict[str, StringIO] = {}
        self._further: dict[str, list[Any]] = {}
        self._logprobs: dict[str, list[Any]] = {}
        self.tools = ToolCalls(number, calls)
        self.finish_reason: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is neither text nor a tool call."""
        return not self.tools.calls and self._texts.keys().isdisjoint({"content", "refusal"})

    def add(self, part: dict[str, Any], fragments: list[ToolCallFragment]) -> None:
        if reason := part.get("finish_reason"):
            self.finish_reason = reason
        if logprobs := part.get("logprobs"):
            self._add_logprobs(logprobs)
        for name, value in (part.get("delta") or {}).items():
            if not value or name == "role":
                continue
            if name == "tool_calls":
                if len(value) > MAX_CALLS:
                    message = f"a chunk has more than {MAX_CALLS:,} fragments of tool calls"
                    raise ProtocolError(message)
                fragments.extend(self.tools.settle(fragment) for fragment in value)
            elif name in TEXTS and isinstance(value, str):
                text = self._texts.get(name)
                if text is None:
                    text = self._texts[name] = StringIO()
                text.write(value)
            else:
                self._bound.take(len(value) if isinstance(value, list) else 1)
                self._further.setdefault(name, []).append(value)

    def message(self) -> dict[str, Any]:
        """Return the choice as it would stand in a whole response."""
        message: dict[str, Any] = {"role": "assistant", "content": None}
        message.update((name, put_together(name, values)) for name, values in self._further.items())
        message.update((name, repaired(text.getvalue())) for name, text in self._texts.items())
        if self.tools.calls:
            message["tool_calls"] = self.tools.as_dicts()
        return {
            "index": self._number,
            "message": message,
            "finish_reason": self.finish_reason,
            "logprobs": self._logprobs or None,
        }

    def _add_logprobs(self, logprobs: dict[str, Any]) -> None:
        for name, items in logprobs.items():
            if isinstance(items, list):
                self._bound.take(len(items))
                self._logprobs.setdefault(name, []).extend(items)
