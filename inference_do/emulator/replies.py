"""Scripted answers: what a test wants the model to answer, instead of the answer by rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, TypedDict, Unpack

__all__ = ["ReplyFields", "Scripted", "When", "all_scripted", "reply", "scripted"]

When: TypeAlias = str | re.Pattern[str] | Callable[[dict[str, Any]], object]
"""Which requests an answer is for: a text that their last message has in it, a pattern that is found there, or a
function that is given the request as chat completions have it and returns whether it is one."""


class ReplyFields(TypedDict, total=False):
    """What `reply()` takes beside the text."""

    tool_calls: Sequence[tuple[str, Any]]
    reasoning: str | None
    message: Mapping[str, Any] | None
    chunks: Sequence[Mapping[str, Any]]
    finish_reason: str | None
    usage: Mapping[str, Any] | None
    extra: Mapping[str, Any] | None
    when: When | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """One scripted answer; `reply()` describes the fields."""

    text: str | None = None
    tool_calls: tuple[tuple[str, Any], ...] = ()
    reasoning: str | None = None
    message: Mapping[str, Any] | None = None
    chunks: tuple[Mapping[str, Any], ...] = ()
    finish_reason: str | None = None
    usage: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    when: When | None = None


def reply(text: Any = None, **fields: Unpack[ReplyFields]) -> Scripted:
    """Make a scripted answer, as chat completions have it; it is sent in the form of the API that is asked.

    Args:
        text: The answer's text; or a whole message as a dict, or a list of raw chunks, as the two below. The JSON
            of an object that has only properties of the one function that the request forces the model to call
            becomes the arguments of that call, as structured output by function calling expects it. To send such
            a text as text, give it as `message={"content": ...}`.
        **fields: What it consists of.

            * `tool_calls`: Pairs of a tool's name and its arguments; a string is sent as it is, even if it is not JSON.
            * `reasoning`: What goes into `reasoning_content`.
            * `message`: A whole assistant message instead of the above; unknown keys are sent along. The other wires
              know `refusal`, `annotations` and `server_tool_calls` (items or blocks of their own, sent first), and
              messages know `reasoning_details`.
            * `chunks`: Raw chunks of a stream, sent as they are; for a request without streaming they are put together.
            * `finish_reason`: Instead of the one that follows from the answer.
            * `usage`: Instead of the counted one.
            * `extra`: Further fields beside `choices`; in a stream they are on the chunk with the finish reason.
            * `when`: Which requests it is for, see `When`; by default for the next one, whatever it is.
    """
    made = Scripted(text=text) if text is None or isinstance(text, str) else scripted(text)
    given: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    for name in given.keys() & {"tool_calls", "chunks"}:
        given[name] = tuple(given[name]) or getattr(made, name)
    if "when" in given:
        _check_when(given["when"])
    return replace(made, **given)


def scripted(value: object) -> Scripted:
    """Make a scripted answer from text, a message dict, a list of raw chunks, or a pair of `When` and one of these."""
    match value:
        case Scripted():
            return value
        case str():
            return Scripted(text=value)
        case Mapping():
            return Scripted(message=value)
        case (when, answer) if not isinstance(when, Mapping):
            return replace(scripted(answer), when=_check_when(when))
        case Sequence():
            return Scripted(chunks=tuple(value))
        case _:
            msg = f"a scripted answer is text, a message dict or a list of chunk dicts, not {value!r}"
            raise TypeError(msg)


def all_scripted(values: Iterable[Any]) -> list[Scripted]:
    """Make scripted answers of a list of what `scripted` takes."""
    if isinstance(values, str | Mapping | Scripted):
        msg = f"replies are a list: [{values!r}]"
        raise TypeError(msg)
    return [scripted(value) for value in values]


def _check_when(when: Any) -> Any:
    if isinstance(when, str | re.Pattern) or callable(when):
        return when
    msg = f"when= is a text, a compiled pattern or a function of the request, not {when!r}"
    raise TypeError(msg)
