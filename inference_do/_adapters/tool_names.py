"""Names of tools and schemas on the wire, which takes letters, digits, `_` and `-`, at most 64 of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from inference_do.errors import ConfigError

from .call_results import match_results

__all__ = ["ToolNames", "send_names", "wire_name"]

MAX_NAME = 64
VALID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def wire_name(name: str, *, is_taken: bool = False) -> str:
    """Return a name as the wire takes it.

    Characters that it does not take become `_`. A short hash keeps names apart that would be too long, would have no
    letter or digit left, or would be another's (`is_taken`).
    """
    if VALID.fullmatch(name) and not is_taken:
        return name
    plain = re.sub(r"[^a-zA-Z0-9_-]", "_", name)
    if len(plain) <= MAX_NAME and plain.strip("_-") and not is_taken:
        return plain
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain[: MAX_NAME - 9].strip('_-') or 'tool'}_{digest}"


class ToolNames:
    """The names of one request's tools, on the wire and off it.

    Raises:
        ConfigError: Two tools have the same name.
    """

    __slots__ = ("_own", "_wire")

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._wire: dict[str, str] = {}
        self._own: dict[str, str] = {}
        for name in sorted(names, key=lambda name: not VALID.fullmatch(name)):  # what is valid keeps its name
            if name in self._wire:
                message = f"two tools are called {name!r}: rename one of them"
                raise ConfigError(message)
            sent = wire_name(name)
            sent = wire_name(name, is_taken=True) if sent in self._own else sent
            self._wire[name], self._own[sent] = sent, name

    def to_wire(self, name: str) -> str:
        """Return a name as it is sent, also one of a history that no tool has any more."""
        return self._wire.get(name) or wire_name(name)

    def from_wire(self, name: str) -> str:
        """Return the tool's own name."""
        return self._own.get(name, name)


def send_names(params: dict[str, Any]) -> ToolNames:
    """Put the names of a request's tools, tool choice and history into the wire's form; return what reads them back.

    Calls of the history get ids of their own, and results where they have none (`call_results`).

    Args:
        params: A chat request, in whose `tools`, `tool_choice` and `messages` names are exchanged. Dicts that a caller
            gave are not changed but copied.

    Raises:
        ConfigError: Two tools have the same name.
    """
    tools = params.get("tools") or ()
    names = ToolNames(name for tool in tools if (name := _name_of(tool)) is not None)
    if tools:
        params["tools"] = [_renamed(tool, names) for tool in tools]
    if (choice := params.get("tool_choice")) is not None:
        params["tool_choice"] = _renamed(choice, names)
    if any("tool_calls" in message for message in params["messages"]):
        params["messages"] = [
            {**message, "tool_calls": [_renamed(call, names) for call in calls]}
            if (calls := message.get("tool_calls"))
            else message
            for message in match_results(params["messages"])
        ]
    return names


def _name_of(tool: Any) -> str | None:
    function = tool.get("function") if isinstance(tool, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    return name if isinstance(name, str) else None


def _renamed(item: Any, names: ToolNames) -> Any:
    name = _name_of(item)
    if name is None or (sent := names.to_wire(name)) == name:
        return item
    return {**item, "function": {**item["function"], "name": sent}}
