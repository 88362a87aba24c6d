"""The messages of a request: their order, and how calls and results belong together; they become canonical ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference_do.emulator._http import Refusal
from inference_do.emulator._json import to_json
from inference_do.emulator._server.fields import LIST, only

from .blocks import (
    ASSISTANT,
    USER,
    block_kind,
    check_search_result,
    check_thinking,
    check_tool_use,
    media_part,
    result_content,
    text_part,
)
from .family import is_anthropic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference_do.models import ModelInfo

MOST_MARKS = 4
ROLES = ("user", "assistant", "system")


def messages_of(body: Mapping[str, Any], info: ModelInfo) -> list[dict[str, Any]]:
    """Check a request's messages and its system prompt; return them as canonical messages.

    Raises:
        Refusal: 400, naming the block as `messages.i.content.j`.
    """
    LIST("messages", body["messages"])
    if not body["messages"]:
        raise Refusal(400, "messages: at least one message is required")
    system = _system(body["system"]) if "system" in body else []
    needs_thinking = is_anthropic(info) and (body.get("thinking") or {}).get("type") == "enabled"
    turns = _Conversation(info)
    for index, message in enumerate(body["messages"]):
        turns.read(message, index)
    turns.end(needs_thinking=needs_thinking)
    return [*system, *turns.messages]


def check_marks(body: Mapping[str, Any]) -> None:
    """Refuse more cache points than there may be.

    Raises:
        Refusal: 400.
    """
    marks = _marks([body.get("system"), body.get("tools"), [one.get("content") for one in body["messages"]]])
    if marks > MOST_MARKS:
        raise Refusal(400, f"A maximum of {MOST_MARKS} blocks with cache_control may be provided. Found {marks}.")


def _marks(value: Any) -> int:
    match value:
        case list():
            return sum(map(_marks, value))
        case dict():
            return ("cache_control" in value) + _marks(value.get("content"))
        case _:
            return 0


def _system(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, str):
        return [{"role": "system", "content": value}] if value else []
    LIST("system", value)
    parts = []
    for index, block in enumerate(value):
        block_kind(block, frozenset({"text"}), f"system.{index}")
        parts.append(text_part(block, f"system.{index}"))
    return [{"role": "system", "content": parts}] if parts else []


class _Conversation:
    """The messages so far, and which calls wait for their results."""

    def __init__(self, info: ModelInfo) -> None:
        self.messages: list[dict[str, Any]] = []
        self._info = info
        self._is_anthropic = is_anthropic(info)
        self._open: list[str] = []
        self._ids: set[str] = set()
        self._is_thoughtless: int | None = None
        """The message since the user's last one that calls without having thought."""
        self._thought = False
        self._last = ""

    def read(self, message: Any, index: int) -> None:
        """Take one message."""
        where = f"messages.{index}"
        role = message.get("role") if isinstance(message, dict) else None
        if role not in ROLES:
            raise Refusal(400, f"{where}.role: Input should be 'user' or 'assistant', not {role!r}")
        only(message, {"role", "content"}, where)
        if index == 0 and role != "user":
            raise Refusal(400, "messages: first message must use the user role")
        content = message.get("content")
        if isinstance(content, str):
            if not content:
                raise Refusal(400, f"{where}: all messages must have non-empty content")
            content = [{"type": "text", "text": content}]
        LIST(f"{where}.content", content)
        if not content:
            raise Refusal(400, f"{where}: all messages must have non-empty content")
        if self._open and role != "user":
            self._refuse_open(where)
        match role:
            case "user":
                self._user(content, where)
            case "assistant":
                self._assistant(content, where, index)
            case _:
                self._system(content, where)
        self._last = role

    def end(self, *, needs_thinking: bool) -> None:
        """Check what only the end shows.

        Raises:
            Refusal: 400.
        """
        if self._open:
            self._refuse_open("the end")
        if self._last == "assistant":
            raise Refusal(
                400,
                "This model does not support assistant message prefill. The conversation must end with a user message.",
            )
        if needs_thinking and self._is_thoughtless is not None:
            raise Refusal(
                400,
                f"messages.{self._is_thoughtless}.content.0.type: Expected `thinking` or `redacted_thinking`, but "
                "found `tool_use`. When `thinking` is enabled, a final `assistant` message must start with a thinking "
                "block.",
            )

    def _refuse_open(self, where: str) -> None:
        raise Refusal(
            400,
            f"{where}: `tool_use` ids were found without `tool_result` blocks immediately after: "
            f"{', '.join(self._open)}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
            "message.",
        )

    def _system(self, content: list[Any], where: str) -> None:
        parts = []
        for index, block in enumerate(content):
            block_kind(block, frozenset({"text"}), f"{where}.content.{index}")
            parts.append(text_part(block, f"{where}.content.{index}"))
        self.messages.append({"role": "system", "content": parts})

    def _user(self, content: list[Any], where: str) -> None:
        parts: list[dict[str, Any]] = []
        for index, block in enumerate(content):
            place = f"{where}.content.{index}"
            kind = block_kind(block, USER, place)
            if kind == "tool_result":
                self._result(block, place, is_late=bool(parts))
            elif self._open:
                self._refuse_open(where)
            else:
                parts.append(text_part(block, place) if kind == "text" else media_part(block, kind, place))
        if self._open:
            self._refuse_open(where)
        if parts:
            self.messages.append({"role": "user", "content": _plain(parts)})
            self._is_thoughtless, self._thought = None, False

    def _result(self, block: Mapping[str, Any], where: str, *, is_late: bool) -> None:
        content = result_content(block, where)
        id_ = block["tool_use_id"]
        if id_ not in self._open or is_late:
            raise Refusal(
                400,
                f"{where}: unexpected `tool_use_id` found in `tool_result` blocks: {id_}. Each `tool_result` block "
                "must have a corresponding `tool_use` block in the previous message.",
            )
        self._open.remove(id_)
        self.messages.append({"role": "tool", "tool_call_id": id_, "content": content})

    def _assistant(self, content: list[Any], where: str, index: int) -> None:
        texts: list[dict[str, Any]] = []
        calls: list[dict[str, Any]] = []
        turn = _ModelTurn(self._info)
        for number, block in enumerate(content):
            place = f"{where}.content.{number}"
            kind = block_kind(block, ASSISTANT, place)
            turn.read(block, kind, place)
            if kind == "text":
                texts.append(text_part(block, place))
            elif kind == "tool_use":
                self._check_unique(block["id"], place)
                arguments = to_json(block["input"]).decode()
                function = {"name": block["name"], "arguments": arguments}
                calls.append({"id": block["id"], "type": "function", "function": function})
        turn.end(where)
        self._thought = self._thought or turn.has_thought
        if calls and not self._thought:
            self._is_thoughtless = index
        self._open = [call["id"] for call in calls]
        message = {"role": "assistant", "content": _plain(texts) if texts else None if calls else ""}
        self.messages.append({**message, "tool_calls": calls} if calls else message)

    def _check_unique(self, id_: str, where: str) -> None:
        if id_ in self._ids:
            raise Refusal(400, f"{where}: `tool_use` ids must be unique")
        self._ids.add(id_)


class _ModelTurn:
    """One message of the model: that its thoughts are its own, and lead to what stands behind them."""

    def __init__(self, info: ModelInfo) -> None:
        self.has_thought = False
        self._info = info
        self._checks = is_anthropic(info)
        self._led_to: list[str] | None = None
        self._searches: list[str] = []
        self._is_last_thought = False

    def read(self, block: Mapping[str, Any], kind: str, where: str) -> None:
        """Take one block."""
        if kind in {"thinking", "redacted_thinking"}:
            self._think(block, where)
            return
        self._is_last_thought = False
        if kind in {"tool_use", "server_tool_use"}:
            check_tool_use(block, where)
        if kind == "tool_use" and self._led_to is not None:
            if block["id"] not in self._led_to:
                raise Refusal(400, f"{where}: the thinking before this `tool_use` block did not lead to it")
            self._led_to.remove(block["id"])
        elif kind == "server_tool_use":
            self._searches.append(block["id"])
        elif kind == "web_search_tool_result":
            if block.get("tool_use_id") not in self._searches:
                raise Refusal(
                    400, f"{where}: `web_search_tool_result` block without its `server_tool_use` block before it"
                )
            self._searches.remove(block["tool_use_id"])
            check_search_result(block, self._info, where)

    def _think(self, block: Mapping[str, Any], where: str) -> None:
        if not self._checks:
            self.has_thought = True
            return
        led_to = check_thinking(block, self._info, where)
        if self._led_to and not self._is_last_thought:
            self._refuse_missing(where)
        self._led_to = led_to
        self.has_thought = self._is_last_thought = True

    def end(self, where: str) -> None:
        """Check what only the end of the message shows.

        Raises:
            Refusal: 400.
        """
        if self._led_to:
            self._refuse_missing(where)
        if self._searches:
            raise Refusal(400, f"{where}: `server_tool_use` block {self._searches[0]} without its result")
        if self._is_last_thought:
            raise Refusal(400, f"{where}: The final block in an assistant message cannot be `thinking`.")

    def _refuse_missing(self, where: str) -> None:
        calls = ", ".join(self._led_to or ())
        raise Refusal(400, f"{where}: `thinking` blocks cannot be modified or moved: this one led to the calls {calls}")


def _plain(parts: list[dict[str, Any]]) -> Any:
    """Return content as text where it is nothing else."""
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        return parts[0]["text"]
    return parts
