"""Scripted answers: what a test wants the model to answer, instead of the answer by rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Scripted", "scripted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """One scripted answer; `Emulator.reply()` describes the fields."""

    text: str | None = None
    tool_calls: tuple[tuple[str, Any], ...] = ()
    reasoning: str | None = None
    message: Mapping[str, Any] | None = None
    chunks: tuple[Mapping[str, Any], ...] = ()
    finish_reason: str | None = None
    usage: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


def scripted(value: object) -> Scripted:
    """Make a scripted answer from text, a message dict or a list of raw chunks."""
    match value:
        case Scripted():
            return value
        case str():
            return Scripted(text=value)
        case Mapping():
            return Scripted(message=value)
        case Sequence():
            return Scripted(chunks=tuple(value))
        case _:
            msg = f"a scripted answer is text, a message dict or a list of chunk dicts, not {value!r}"
            raise TypeError(msg)
