"""What the model answers: text, reasoning and tool calls, before a wire gives them a form."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from inference_do.emulator._json import to_json

from .tokens import tokens


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One tool call."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer; `extra` are further fields of the message."""

    text: str | None = None
    reasoning: str | None = None
    calls: tuple[ModelCall, ...] = ()
    finish: str = "stop"
    stop_sequence: str | None = None
    """The stop sequence that ended the text."""
    hides_reasoning: bool = False
    """Whether the reasoning is counted but not shown."""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def completion_tokens(self) -> int:
        """Tokens that are billed, reasoning included."""
        content = len(tokens(self.text or "")) + sum(8 + len(tokens(call.arguments)) for call in self.calls)
        return content + self.reasoning_tokens

    @property
    def shown_reasoning(self) -> str | None:
        """The reasoning, unless the model hides it."""
        return None if self.hides_reasoning else self.reasoning

    @property
    def reasoning_tokens(self) -> int:
        """Tokens of the reasoning."""
        return len(tokens(self.reasoning or ""))


def call_id(request: Mapping[str, Any], index: int, name: str) -> str:
    """Derive a call's id from the request, so that it differs between the turns of a conversation."""
    digest = hashlib.sha256(to_json(request.get("messages")) + f"{index}{name}".encode()).hexdigest()
    return f"call_{digest[:24]}"
