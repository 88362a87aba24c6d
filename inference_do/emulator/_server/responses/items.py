"""The input items of a request: their form, and the order of calls and results; they become canonical messages."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from inference_do.emulator._http import Refusal
from inference_do.emulator._server.fields import LIST, STRING, only

from .content import content_of
from .family import UPDATED, is_openai
from .thoughts import Thoughts, check_reasoning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inference_do.models import ModelInfo

    from .store import StoredResponses

NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
ROLES = ("user", "assistant", "system", "developer")
PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "web_search_call": "ws",
    "mcp_call": "mcp",
    "mcp_list_tools": "mcpl",
}
KEYS: Mapping[str, frozenset[str]] = {
    "message": frozenset({"type", "id", "role", "content", "status", "phase"}),
    "reasoning": frozenset({"type", "id", "summary", "content", "encrypted_content", "status"}),
    "function_call": frozenset({"type", "id", "call_id", "name", "namespace", "arguments", "status"}),
    "function_call_output": frozenset({"type", "id", "call_id", "output", "status"}),
    "web_search_call": frozenset({"type", "id", "status", "action"}),
    "item_reference": frozenset({"type", "id"}),
    "configuration_update": frozenset({"type", "reasoning"}),
}
SERVER_ITEMS = frozenset(
    {"mcp_call", "mcp_list_tools", "mcp_approval_response", "knowledge_base_retrieval_call", "web_fetch_call"}
)
"""Items of tools that the API runs, whose keys are not looked at."""


def messages_of(items: Sequence[Any], info: ModelInfo, stored: StoredResponses) -> tuple[list[dict[str, Any]], Any]:
    """Check input items; return them as canonical messages, and the effort that an item among them sets.

    Raises:
        Refusal: 400, naming the item as `input[i]`.
    """
    reader = _InputItems(info, stored)
    for index, item in enumerate(items):
        reader.read(item, f"input[{index}]")
    return reader.end(), reader.effort


class _InputItems:
    """The messages so far, and what is still to come."""

    def __init__(self, info: ModelInfo, stored: StoredResponses) -> None:
        self.effort: Any = None
        self._info = info
        self._stored = stored
        self._checks_ids = is_openai(info)
        self._messages: list[dict[str, Any]] = []
        self._turn: dict[str, Any] | None = None
        self._open: list[str] = []
        self._thoughts = Thoughts(info)

    def read(self, item: Any, where: str) -> None:
        """Take one item."""
        if not isinstance(item, dict):
            raise Refusal(400, f"Invalid type for '{where}': expected an object, but got {item!r} instead.")
        kind = item.get("type", "message")
        if not isinstance(kind, str) or (kind not in KEYS and kind not in SERVER_ITEMS):
            raise Refusal(400, f"Invalid value: {kind!r}. '{where}.type' should be one of {', '.join(sorted(KEYS))}.")
        if kind in KEYS:
            only(item, KEYS[kind], where)
        if kind == "item_reference":
            found = self._stored.item(item.get("id"))
            if found is None:
                raise _not_found(item.get("id"))
            self.read(found, where)
            return
        self._check_id(item, kind, where)
        self._take(item, kind, where)

    def _take(self, item: dict[str, Any], kind: str, where: str) -> None:
        match kind:
            case "message":
                self._message(item, where)
            case "reasoning":
                self._reasoning(item, where)
            case "function_call":
                self._call(item, where)
            case "function_call_output":
                self._output(item, where)
            case "configuration_update":
                self._update(item, where)
            case _:
                self._thoughts.followed(item, where)
                self._assistant()

    def end(self) -> list[dict[str, Any]]:
        """Return the messages.

        Raises:
            Refusal: 400, for calls without results.
        """
        self._thoughts.close()
        self._check_answered()
        self._flush()
        return self._messages

    def _check_id(self, item: Mapping[str, Any], kind: str, where: str) -> None:
        """Refuse ids that no item of this model ever had."""
        if "id" not in item:
            return
        STRING(f"{where}.id", item["id"])
        prefix = PREFIXES.get(kind)
        if not self._checks_ids or prefix is None:
            return
        if not item["id"].startswith(f"{prefix}_"):
            raise Refusal(400, f"Invalid '{where}.id': {item['id']!r}. Expected an ID that begins with '{prefix}'.")
        if kind == "message" and item.get("role") != "assistant":
            return
        if self._stored.item(item["id"]) is None and not self._thoughts.owns(prefix, item, where):
            raise _not_found(item["id"])

    def _message(self, item: Mapping[str, Any], where: str) -> None:
        role = item.get("role")
        if role not in ROLES:
            raise Refusal(400, f"Invalid value: {role!r}. '{where}.role' should be one of {', '.join(ROLES)}.")
        if "content" not in item:
            raise Refusal(400, f"Missing required parameter: '{where}.content'.")
        content = content_of(item["content"], role, f"{where}.content")
        if role == "assistant":
            self._thoughts.followed(item, where)
            turn = self._assistant()
            earlier = turn["content"]
            turn["content"] = content if earlier is None else [*_parts(earlier), *_parts(content)]
            return
        self._thoughts.close()
        self._check_answered()
        self._flush()
        self._messages.append({"role": role, "content": content})

    def _reasoning(self, item: Mapping[str, Any], where: str) -> None:
        check_reasoning(item, where)
        stored = self._stored.item(item.get("id")) is not None
        self._thoughts.begin(item, where, stored=stored)

    def _call(self, item: Mapping[str, Any], where: str) -> None:
        for name in ("call_id", "name", "arguments"):
            if not isinstance(item.get(name), str) or not item[name]:
                raise Refusal(400, f"Missing required parameter: '{where}.{name}'.")
        if not NAME.match(item["name"]):
            raise Refusal(400, f"Invalid '{where}.name': {item['name']!r} does not match ^[a-zA-Z0-9_-]{{1,64}}$.")
        if len(item["call_id"]) > 64:
            raise Refusal(400, f"Invalid '{where}.call_id': string too long. Expected a maximum length of 64.")
        if not isinstance(_json(item["arguments"]), dict):
            raise Refusal(400, f"Invalid '{where}.arguments': it should be the JSON text of an object.")
        if item["call_id"] in self._open:
            raise Refusal(400, f"Duplicate item: the call_id {item['call_id']!r} of '{where}' has no output yet.")
        self._thoughts.followed(item, where)
        turn = self._assistant()
        function = {"name": item["name"], "arguments": item["arguments"].strip()}
        turn["tool_calls"].append({"id": item["call_id"], "type": "function", "function": function})
        self._open.append(item["call_id"])

    def _output(self, item: Mapping[str, Any], where: str) -> None:
        STRING(f"{where}.call_id", item.get("call_id"))
        if item["call_id"] not in self._open:
            raise Refusal(400, f"No tool call found for function call output with call_id {item['call_id']}.")
        if "output" not in item:
            raise Refusal(400, f"Missing required parameter: '{where}.output'.")
        self._thoughts.interrupted()
        self._flush()
        self._open.remove(item["call_id"])
        content = content_of(item["output"], "tool", f"{where}.output")
        self._messages.append({"role": "tool", "tool_call_id": item["call_id"], "content": content})

    def _update(self, item: Mapping[str, Any], where: str) -> None:
        if not UPDATED.match(self._info.id):
            raise Refusal(400, f"Invalid value: 'configuration_update' in '{where}' is not supported with this model.")
        match item:
            case {"reasoning": {"effort": str() as effort, **rest}} if not rest:
                self.effort = effort
            case _:
                raise Refusal(400, f"Invalid type for '{where}.reasoning': expected an object with an effort.")

    def _assistant(self) -> dict[str, Any]:
        """Return the turn of the model that is going on, or begin one."""
        if self._turn is None:
            self._turn = {"role": "assistant", "content": None, "tool_calls": []}
        return self._turn

    def _flush(self) -> None:
        turn, self._turn = self._turn, None
        if turn is None:
            return
        if not turn["tool_calls"]:
            del turn["tool_calls"]
        if turn["content"] is None and "tool_calls" not in turn:
            turn["content"] = ""
        self._messages.append(turn)

    def _check_answered(self) -> None:
        if self._open:
            raise Refusal(400, f"No tool output found for function call {self._open[0]}.")


def _not_found(id_: object) -> Exception:
    return Refusal(
        400,
        f"Item with id '{id_}' not found. Items are not persisted when `store` is set to false. "
        "Try again with `store` set to true, or remove this item from your input.",
    )


def _parts(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [{"type": "text", "text": content}]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def check_input(value: Any) -> list[Any]:
    """Return a request's input as items; a text is a message of the user.

    Raises:
        Refusal: 400.
    """
    if isinstance(value, str):
        return [{"type": "message", "role": "user", "content": value}]
    LIST("input", value)
    if not value:
        raise Refusal(400, "Invalid 'input': it must not be an empty array.")
    return list(value)
