"""Chunks to a completion, in time linear in their number.

Tool calls come in fragments, and servers disagree on how fragments name their call. The rules, in this order:

1. An id that is known names its call; a new id begins a call, also under an index that is in use.
2. Without an id, the index names the call; an index not seen before begins one.
3. Without either, the fragment belongs to the last call, unless it brings a name and that call is complete.
4. Ids that are empty or the word "null" are no ids. A call that has none gets one here, once.
5. Id and name are set by the first fragment that has them; repeated ones are dropped. Arguments are joined.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from .errors import ProtocolError
from .tool_calls import new_call_id
from .types import ChatCompletion, ToolCallFragment

__all__ = ["Accumulator", "new_call_id", "reasoning_text"]

CHUNK_FIELDS = frozenset({"id", "object", "created", "model", "choices", "usage", "service_tier", "system_fingerprint"})
MAX_CHOICES = 128
"""Answers of one stream, at most; more only where more were asked for."""
MAX_CALLS = 10_000
"""Tool calls of one answer, at most."""
MERGED_FIELDS = frozenset({"role", "content", "refusal", "reasoning_content", "reasoning", "tool_calls"})


STRUCTURE = re.compile(r'\\.|["{}]', re.DOTALL)
"""What a scan of JSON stops at: an escaped character, quotes, braces."""


def reasoning_text(message: dict[str, Any]) -> str:
    """Return the reasoning of a message or delta, under either of the names that servers give it."""
    for name in ("reasoning_content", "reasoning"):
        if isinstance(value := message.get(name), str) and value:
            return value
    return ""


def repaired(text: str) -> str:
    """Return text whose characters are whole: a server that cuts by UTF-16 units leaves halves in two chunks."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return text


def _joined(fragments: list[ToolCallFragment]) -> tuple[ToolCallFragment, ...]:
    """Join the fragments of one call that came in one chunk: frameworks put calls together across chunks only."""
    if len(fragments) == 1:
        return (fragments[0],)
    calls: dict[tuple[int, int], ToolCallFragment] = {}
    for new in fragments:
        place = new.choice, new.position
        known = calls.get(place)
        calls[place] = (
            new
            if known is None
            else known._replace(
                name=(known.name or "") + (new.name or "") or None, arguments=known.arguments + new.arguments
            )
        )
    return tuple(calls.values())


class Accumulator:
    """Puts the chunks of one stream together.

    Args:
        answers: How many were asked for.
    """

    __slots__ = ("_answers", "_choices", "_extra", "_head", "_is_named", "usage")

    def __init__(self, answers: int = 1) -> None:
        self._answers = answers
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
                choice = self._choices[number] = _ChoiceParts(number)
            choice.add(part, fragments)
        if not CHUNK_FIELDS.issuperset(raw):  # an agent's own: what it retrieved, called and guarded against
            self._extra.update({name: value for name, value in raw.items() if name not in CHUNK_FIELDS and value})
        if not self._is_named:
            self._head = {name: value for name, value in raw.items() if name not in {"choices", "usage"} and value}
            self._is_named = bool(raw.get("model"))
        return _joined(fragments) if fragments else ()

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
        return any(not call.is_complete for choice in self._choices.values() for call in choice.calls)

    def completion(self) -> ChatCompletion:
        """Return what has come so far as one answer."""
        choices = [choice.message() for _, choice in sorted(self._choices.items())]
        return ChatCompletion.model_validate(
            {**self._extra, **self._head, "object": "chat.completion", "choices": choices, "usage": self.usage}
        )


@dataclass(slots=True, eq=False)
class _CallParts:
    """A tool call as far as it has come."""

    position: int
    id: str
    wire_id: str | None
    name: str = ""
    parts: list[str] = field(default_factory=list)
    _scanned: int = 0
    """How many parts `_depth` has been counted of, so that asking again and again takes linear time."""
    _unscanned: str = ""
    _depth: int = 0
    _in_string: bool = False
    _is_broken: bool = False
    """What closed was not JSON, so nothing that follows can make it JSON."""

    @property
    def arguments(self) -> str:
        return repaired("".join(self.parts))

    @property
    def is_complete(self) -> bool:
        """Whether the arguments are whole JSON; none at all are whole, for a tool that takes none."""
        if not self.parts:
            return True
        self._scan()
        if self._is_broken or self._depth or self._in_string or not self.parts[-1].rstrip().endswith("}"):
            return False
        try:
            json.loads("".join(self.parts))
        except (ValueError, RecursionError):
            self._is_broken = True
        return not self._is_broken

    def _scan(self) -> None:
        """Count the open braces of what has come since the last time."""
        text, self._scanned = self._unscanned + "".join(self.parts[self._scanned :]), len(self.parts)
        self._unscanned = (
            "\\" if (len(text) - len(text.rstrip("\\"))) % 2 else ""
        )  # what it escapes comes with the next part
        for found in STRUCTURE.finditer(text.removesuffix(self._unscanned) if self._unscanned else text):
            mark = found[0]
            if mark == '"':
                self._in_string = not self._in_string
            elif not self._in_string and mark in "{}":
                self._depth += 1 if mark == "{" else -1


class _ChoiceParts:
    __slots__ = ("_by_id", "_by_index", "_extra", "_logprobs", "_number", "_texts", "calls", "finish_reason")

    def __init__(self, number: int) -> None:
        self._number = number
        self._texts: dict[str, StringIO] = {}
        self._extra: dict[str, Any] = {}
        self._logprobs: dict[str, list[Any]] = {}
        self._by_id: dict[str, _CallParts] = {}
        self._by_index: dict[int, _CallParts] = {}
        self.calls: list[_CallParts] = []
        self.finish_reason: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is neither text nor a tool call."""
        return not self.calls and self._texts.keys().isdisjoint({"content", "refusal"})

    def add(self, part: dict[str, Any], fragments: list[ToolCallFragment]) -> None:
        if reason := part.get("finish_reason"):
            self.finish_reason = reason
        if logprobs := part.get("logprobs"):
            self._add_logprobs(logprobs)
        for name, value in (part.get("delta") or {}).items():
            if not value or name == "role":
                continue
            if name == "tool_calls":
                fragments.extend(self._settle(fragment) for fragment in value)
            elif name in MERGED_FIELDS and isinstance(value, str):
                text = self._texts.get(name)
                if text is None:
                    text = self._texts[name] = StringIO()
                text.write(value)
            else:
                self._extra[name] = value

    def message(self) -> dict[str, Any]:
        """Return the choice as it would stand in a whole response."""
        message: dict[str, Any] = {"role": "assistant", "content": None, **self._extra}
        message.update((name, repaired(text.getvalue())) for name, text in self._texts.items())
        if self.calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in self.calls
            ]
        return {
            "index": self._number,
            "message": message,
            "finish_reason": self.finish_reason,
            "logprobs": self._logprobs or None,
        }

    def _add_logprobs(self, logprobs: dict[str, Any]) -> None:
        for name, items in logprobs.items():
            if isinstance(items, list):
                self._logprobs.setdefault(name, []).extend(items)

    def _settle(self, fragment: dict[str, Any]) -> ToolCallFragment:
        function = fragment.get("function") or {}
        name, arguments = function.get("name") or "", function.get("arguments") or ""
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False)
        wire_id = fragment.get("id")
        if not isinstance(wire_id, str) or wire_id in {"", "null"}:
            wire_id = None
        index = fragment.get("index")
        call = self._find(wire_id, index, name)
        is_new = call is None
        if call is None:
            call = self._begin(wire_id, index)
        new_name = name if name and (not call.name or self._is_split(call, name, wire_id, arguments)) else None
        if new_name:
            call.name += new_name
        if arguments:
            call.parts.append(arguments)
        return ToolCallFragment(self._number, call.position, call.id if is_new else None, new_name, arguments)

    def _find(self, wire_id: str | None, index: int | None, name: str) -> _CallParts | None:
        """Return the call that a fragment belongs to; None if it begins one."""
        if wire_id is not None:
            if call := self._by_id.get(wire_id):
                return call
            call = self._by_index.get(index) if index is not None else None
            if call is None or call.wire_id is not None or (name and call.name):
                return None
            call.wire_id = wire_id  # the id came after the call's first fragment
            self._by_id[wire_id] = call
            return call
        if index is not None:
            call = self._by_index.get(index)
            names_its_calls = call is not None and call.wire_id is not None
        else:
            call = self.calls[-1] if self.calls else None
            names_its_calls = False
        if call is not None and name and call.name and not names_its_calls and self._is_another(call, name):
            return None
        return call

    @staticmethod
    def _is_another(call: _CallParts, name: str) -> bool:
        """Return whether a fragment with a name but no id begins a call, or repeats the name of the open one."""
        return call.is_complete and (name != call.name or bool(call.parts))

    @staticmethod
    def _is_split(call: _CallParts, name: str, wire_id: str | None, arguments: str) -> bool:
        """Return whether a name goes on in this fragment, rather than being repeated."""
        return wire_id is None and name != call.name and not arguments and not call.parts

    def _begin(self, wire_id: str | None, index: int | None) -> _CallParts:
        if len(self.calls) >= MAX_CALLS:
            message = f"the answer has more than {MAX_CALLS:,} tool calls"
            raise ProtocolError(message)
        call = _CallParts(len(self.calls), wire_id or new_call_id(), wire_id)
        self.calls.append(call)
        if wire_id is not None:
            self._by_id[wire_id] = call
        if index is not None:
            self._by_index[index] = call
        return call
