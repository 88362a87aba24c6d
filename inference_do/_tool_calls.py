"""Tool calls: which call a fragment belongs to, their ids, and their arguments.

Calls come in fragments, and servers disagree on how fragments name their call. The rules, in this order:

1. An index names its call. Under an index that is in use, a known id goes to that id's call if it began there.
2. A known id names its call, but not under another index: that begins a call.
3. Without an index and a known id, the fragment belongs to the last call. So does one with an id that is new, as some
   servers send with every fragment, unless it brings a name or that call is complete.
4. A name other than the call's begins a call once the call has arguments, and at once where ids are given. The same
   name begins one where the call is complete and arguments begin with it or behind it.
5. Ids that are empty or the word "null" are no ids. A call that has none, or one that another call has, gets its own.
6. Id and name are set by the first fragment that has them; repeated ones are dropped. Arguments are joined.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable
from io import StringIO
from typing import Any

from .errors import ProtocolError
from .types import ToolCallFragment

__all__ = ["Bound", "ToolCalls", "joined", "new_call_id", "own_ids", "read_arguments", "repaired"]

NO_IDS = frozenset({"", "null", "None"})
"""Texts that servers send in place of an id."""

STRUCTURE = re.compile(r'\\.|["{}]', re.DOTALL)
"""What a scan of JSON stops at: an escaped character, quotes, braces."""

BEGINNINGS = frozenset({"", *"{ \t\r\n"})
"""What a fragment's arguments may begin with where a call does, white space included; none may follow behind it."""

NULL_SIZE = 64
"""Characters up to which text that ends in an "l" may be `null` between white space."""


def new_call_id() -> str:
    """Return an id for a tool call that came without one."""
    return f"call_{uuid.uuid4().hex[:24]}"


def own_ids(ids: Iterable[str]) -> list[str]:
    """Return the ids of an answer's calls, with a new one in place of each that is missing or that repeats."""
    found: dict[str, None] = {}
    for given in ids:
        found[new_call_id() if given in NO_IDS or given in found else given] = None
    return list(found)


def read_arguments(text: str | None) -> dict[str, Any] | None:
    """Return the arguments of a tool call, or None if they cannot be read without guessing.

    Two things that are not JSON of an object can mean only one thing: no text or `null`, which is what a tool without
    parameters is called with, and raw control characters inside a string, as open models write code. Text that was cut,
    or that is followed by something else, is never completed.
    """
    if text is None or not text.strip():
        return {}
    try:
        parsed = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    if parsed is None:
        return {}
    return parsed if isinstance(parsed, dict) else None


def repaired(text: str) -> str:
    """Return text whose characters are whole: a server that cuts by UTF-16 units leaves halves in two chunks."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return text


def joined(fragments: list[ToolCallFragment]) -> tuple[ToolCallFragment, ...]:
    """Join the fragments of one call that came in one chunk: frameworks put calls together across chunks only."""
    if len(fragments) == 1:
        return (fragments[0],)
    calls: dict[tuple[int, int], list[ToolCallFragment]] = {}
    for fragment in fragments:
        calls.setdefault((fragment.choice, fragment.position), []).append(fragment)
    return tuple(
        parts[0]._replace(
            name="".join(part.name or "" for part in parts) or None, arguments="".join(part.arguments for part in parts)
        )
        for parts in calls.values()
    )


class Bound:
    """How many of something one stream may have, so that no server can fill the memory."""

    __slots__ = ("_left", "_limit", "_what")

    def __init__(self, limit: int, what: str) -> None:
        self._limit = self._left = limit
        self._what = what

    def take(self, count: int = 1) -> None:
        """Count some more.

        Raises:
            ProtocolError: There are too many.
        """
        self._left -= count
        if self._left < 0:
            message = f"the answer has more than {self._limit:,} {self._what}"
            raise ProtocolError(message)


class _PartialCall:
    """A tool call as far as it has come."""

    __slots__ = (
        "_depth",
        "_in_string",
        "_is_broken",
        "_is_whole",
        "_last",
        "_scanned",
        "_text",
        "_unscanned",
        "id",
        "index",
        "name",
        "position",
        "wire_id",
        "write",
    )

    def __init__(self, position: int, index: int | None, id_: str, wire_id: str | None) -> None:
        self.position = position
        self.index = index
        self.id = id_
        self.wire_id = wire_id
        self.name = ""
        self._text = StringIO()
        self.write = self._text.write
        """Adds to the arguments."""
        self._scanned = 0  # characters that have been looked at, so that asking again and again takes linear time
        self._unscanned = ""
        self._depth = 0
        self._in_string = False
        self._last = ""  # the last character that is no white space
        self._is_whole = False
        self._is_broken = False  # nothing that follows can make it whole

    @property
    def size(self) -> int:
        """Characters of arguments."""
        return self._text.tell()

    @property
    def arguments(self) -> str:
        return repaired(self._text.getvalue())

    @property
    def is_complete(self) -> bool:
        """Whether the arguments are whole; none at all are whole, for a tool that takes none."""
        if not self.size:
            return True
        self._scan()
        if self._is_broken or self._is_whole or self._depth or self._in_string or self._last not in {"}", "l"}:
            return (self._is_whole or not self._last) and not self._is_broken
        self._is_whole = read_arguments(self._text.getvalue()) is not None
        self._is_broken = not self._is_whole and (self._last == "}" or self.size > NULL_SIZE)
        return self._is_whole

    @property
    def is_open(self) -> bool:
        """Whether further arguments may be this call's."""
        return not self.size or not self.is_complete

    def is_followed(self, wire_id: str | None, name: str, arguments: str) -> bool:
        """Return whether a fragment that brings a name begins another call, rather than going on with this one."""
        if name != self.name:
            return bool(self.size or arguments) or wire_id is not None or self.wire_id is None
        if self.wire_id is None:
            return bool(self.size) and self.is_complete
        begins = arguments.lstrip().startswith("{")
        if wire_id in {None, self.wire_id}:
            return begins and bool(self.size) and self.is_complete
        return begins or self.is_complete

    def _scan(self) -> None:
        """Count the open braces of what has come since the last time."""
        self._text.seek(self._scanned)
        new = self._text.read()
        self._scanned = self.size
        if not (stripped := new.rstrip()):
            return
        self._is_broken = self._is_broken or self._is_whole  # something follows what was whole
        self._last = stripped[-1]
        text = self._unscanned + new
        self._unscanned = (
            "\\" if (len(text) - len(text.rstrip("\\"))) % 2 else ""
        )  # what it escapes comes with the next part
        for found in STRUCTURE.finditer(text.removesuffix(self._unscanned) if self._unscanned else text):
            mark = found[0]
            if mark == '"':
                self._in_string = not self._in_string
            elif not self._in_string and mark in "{}":
                self._depth += 1 if mark == "{" else -1


class ToolCalls:
    """The calls of one answer, put together from fragments.

    Args:
        choice: The answer's number.
        bound: How many calls the stream may still begin.
    """

    __slots__ = ("_bound", "_by_id", "_by_index", "_choice", "_named_again", "calls")

    def __init__(self, choice: int, bound: Bound) -> None:
        self._choice = choice
        self._bound = bound
        self._by_id: dict[str, _PartialCall] = {}
        self._by_index: dict[int, _PartialCall] = {}
        self._named_again: dict[int | None, _PartialCall] = {}
        """Calls that are complete and whose name came again, out of `_by_index` until what follows says why."""
        self.calls: list[_PartialCall] = []

    def as_dicts(self) -> list[dict[str, Any]]:
        """Return the calls as they would stand in a whole response."""
        return [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in self.calls
        ]

    def settle(self, fragment: dict[str, Any]) -> ToolCallFragment:
        """Take a fragment as the server sent it, and return it with its place settled."""
        function = fragment.get("function") or {}
        name, arguments = function.get("name") or "", function.get("arguments") or ""
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False)
        wire_id, index = fragment.get("id"), fragment.get("index")
        call = self._by_index.get(index) if index is not None else None
        if call is not None and (
            not (wire_id or name)
            or (
                wire_id
                and wire_id == call.wire_id
                and (not name or (name == call.name and arguments[:1] not in BEGINNINGS))
            )
        ):  # nearly all: what `_find` would say, said at once
            call.write(arguments)
            return ToolCallFragment(self._choice, call.position, None, None, arguments)
        if not isinstance(wire_id, str) or wire_id in NO_IDS:
            wire_id = None
        before = self._named_again.get(index) if self._named_again else None
        if before is not None and not name and not arguments.strip():
            call = before
        elif before is not None and self._is_another(before, index, name, arguments):
            call, wire_id, name = None, before.wire_id, before.name
        else:
            call = self._find(wire_id, index, name, arguments)
        is_new = call is None
        if call is None:
            call = self._begin(wire_id, index)
        new_name = name if name and name != call.name else None
        if new_name:
            call.name += new_name
        elif name and not is_new and not arguments.strip() and call.size and call.is_complete:
            self._named_again[index] = call
            self._by_index.pop(index, None)  # type: ignore[arg-type]  # None is no index of it
        call.write(arguments)
        return ToolCallFragment(self._choice, call.position, call.id if is_new else None, new_name, arguments)

    def _is_another(self, before: _PartialCall, index: int | None, name: str, arguments: str) -> bool:
        """Return whether what follows a complete call whose name came again is another call of that name and id."""
        del self._named_again[index]
        if index is not None:
            self._by_index[index] = before
        return not name and arguments.lstrip().startswith("{")

    def _find(self, wire_id: str | None, index: int | None, name: str, arguments: str) -> _PartialCall | None:
        """Return the call that a fragment belongs to; None if it begins one."""
        if index is not None:
            call = self._by_index.get(index)
            if call is None and wire_id is None and not name and self.calls and self.calls[-1].index is None:
                call = self.calls[-1]  # it began without an index
        else:
            call = self.calls[-1] if self.calls else None
        if wire_id is not None and (call is None or call.wire_id != wire_id or index is None):
            call = self._by_wire_id(wire_id, index, call, is_part=bool(arguments) and not name)
        if call is None or (name and call.name and call.is_followed(wire_id, name, arguments)):
            return None
        if wire_id is not None and call.wire_id is None:  # the id came after the call's first fragment
            call.wire_id = wire_id
            self._by_id.setdefault(wire_id, call)
        if index is not None and call.index is None:
            call.index = index
        if index is not None:
            self._by_index.setdefault(index, call)
        return call

    def _by_wire_id(
        self, wire_id: str, index: int | None, placed: _PartialCall | None, *, is_part: bool
    ) -> _PartialCall | None:
        """Return the call for a fragment with an id.

        Args:
            wire_id: The id.
            index: The fragment's index.
            placed: The call under that index; the last one where there is no index.
            is_part: Whether the fragment has arguments and no name, so that it can hardly begin a call.
        """
        known = self._by_id.get(wire_id)
        if known is None:
            if placed is None or index is not None:
                return placed
            return placed if is_part and placed.is_open else None
        if index is None or known.index in {None, index}:
            return known
        if placed is not None and placed.wire_id is None:
            return placed
        return known if is_part and (placed is not None or known.is_open) else None

    def _begin(self, wire_id: str | None, index: int | None) -> _PartialCall:
        self._bound.take()
        is_own = wire_id is not None and wire_id not in self._by_id
        call = _PartialCall(len(self.calls), index, wire_id if is_own and wire_id else new_call_id(), wire_id)
        self.calls.append(call)
        if wire_id is not None:
            self._by_id[wire_id] = call
        if index is not None:
            self._by_index[index] = call
        return call
