"""What the messages of a chat request must look like, and in which order tool calls and results stand."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from inference_do.emulator._http import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
IMAGE = re.compile(r"^(https?://\S+|data:image/(png|jpe?g|webp|gif);base64,[A-Za-z0-9+/=\s]*)$")
MEDIA = re.compile(r"^(https?://\S+|data:[\w.+-]+/[\w.+-]+;base64,[A-Za-z0-9+/=\s]*)$")
PDF = re.compile(r"^data:application/pdf;base64,[A-Za-z0-9+/=\s]+$")
ROLES: Mapping[str, frozenset[str]] = {
    "system": frozenset({"role", "content", "name"}),
    "developer": frozenset({"role", "content", "name"}),
    "user": frozenset({"role", "content", "name"}),
    "assistant": frozenset(
        {"role", "content", "name", "refusal", "tool_calls", "reasoning_content", "reasoning", "audio"}
    ),
    "tool": frozenset({"role", "content", "name", "tool_call_id"}),
}
PARTS: Mapping[str, frozenset[str]] = {
    "text": frozenset({"system", "developer", "user", "assistant", "tool"}),
    "refusal": frozenset({"assistant"}),
    "image_url": frozenset({"user", "tool"}),
    "video_url": frozenset({"user", "tool"}),
    "input_audio": frozenset({"user", "tool"}),
    "file": frozenset({"user", "tool"}),
}
"""Part types, each with the roles that may use it."""


def check_messages(messages: Sequence[Any], *, cache_control: bool) -> None:
    """Refuse messages that the API would refuse.

    Raises:
        Refusal: 400, naming the message as `messages[i]`.
    """
    if not messages:
        raise Refusal(400, "messages must not be empty")
    open_calls: set[str] = set()
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        role = message.get("role") if isinstance(message, dict) else None
        if not isinstance(role, str) or role not in ROLES:
            raise Refusal(400, f"{where}.role must be one of {sorted(ROLES)}, not {role!r}")
        for key in message:
            if key not in ROLES[role]:
                raise Refusal(400, f"{where} has the role {role!r} and must not have the key {key!r}")
        if "name" in message and not (isinstance(message["name"], str) and NAME.match(message["name"])):
            raise Refusal(400, f"{where}.name must match ^[a-zA-Z0-9_-]{{1,64}}$, not {message['name']!r}")
        _check_order(message, open_calls, where)
        _check_content(message, where, cache_control=cache_control)
    _check_answered(open_calls, "the end of the conversation")


def _check_order(message: Mapping[str, Any], open_calls: set[str], where: str) -> None:
    """Every tool call is answered right after it, and nothing else is."""
    if message["role"] == "tool":
        id_ = message.get("tool_call_id")
        if not isinstance(id_, str):
            raise Refusal(400, f"{where}.tool_call_id is required and must be a string")
        if id_ not in open_calls:
            raise Refusal(400, f"{where}.tool_call_id {id_!r} answers no preceding tool call")
        open_calls.discard(id_)
        return
    _check_answered(open_calls, where)
    if "tool_calls" in message:
        open_calls.update(_checked_calls(message["tool_calls"], where))


def _check_answered(open_calls: set[str], where: str) -> None:
    if open_calls:
        raise Refusal(
            400,
            f"an assistant message with tool_calls must be followed by tool messages that answer each tool_call_id; "
            f"before {where} these have no answer: {sorted(open_calls)}",
        )


def _checked_calls(calls: Any, where: str) -> list[str]:
    if not isinstance(calls, list) or not calls:
        raise Refusal(400, f"{where}.tool_calls must be a non-empty array; leave it out when there are none")
    ids: list[str] = []
    for call in calls:
        match call:
            case {
                "id": str() as id_,
                "type": "function",
                "function": {"name": str() as name, "arguments": str() as arguments},
            } if id_ and NAME.match(name):
                for key in {*call, *call["function"]} - {"id", "type", "function", "name", "arguments", "index"}:
                    raise Refusal(400, f"{where}.tool_calls must not have the key {key!r}")
                _check_arguments(arguments, where)
                ids.append(id_)
            case _:
                raise Refusal(
                    400,
                    f"{where}.tool_calls must hold objects with id, type 'function', and function with name and "
                    f"arguments as a string, not {call!r}",
                )
    if len(set(ids)) < len(ids):
        raise Refusal(400, f"{where}.tool_calls has the same id twice: {ids}")
    return ids


def _check_arguments(arguments: str, where: str) -> None:
    try:
        value = json.loads(arguments)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Refusal(400, f"{where}.tool_calls arguments must be the JSON text of an object, not {arguments!r}")


def _check_content(message: Mapping[str, Any], where: str, *, cache_control: bool) -> None:
    if message.get("content") is None:
        if message["role"] != "assistant" or not (message.get("tool_calls") or message.get("refusal")):
            state = "null" if "content" in message else "missing"
            raise Refusal(400, f"{where}.content is {state}; only an assistant message with tool_calls may do without")
        return
    content = message["content"]
    if isinstance(content, str):
        return
    if not isinstance(content, list | dict):
        raise Refusal(400, f"{where}.content must be a string or an array of parts, not {content!r}")
    if isinstance(content, list) and not content:
        raise Refusal(400, f"{where}.content must not be an empty array")
    for part in content if isinstance(content, list) else [content]:
        if not isinstance(part, str):
            _check_part(part, message["role"], where, cache_control=cache_control)


def _check_part(part: Any, role: str, where: str, *, cache_control: bool) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(kind, str) or kind not in PARTS:
        raise Refusal(400, f"{where}.content has a part of unknown type {kind!r}; known are {sorted(PARTS)}")
    if role not in PARTS[kind]:
        raise Refusal(400, f"{where}.content: a part of type {kind!r} is not allowed in a {role} message")
    allowed = {"type", kind} | ({"cache_control"} if kind == "text" and cache_control else set())
    for key in part:
        if key not in allowed:
            raise Refusal(400, f"{where}.content: a part of type {kind!r} must not have the key {key!r}")
    problem = _part_problem(kind, part.get(kind))
    if problem:
        raise Refusal(400, f"{where}.content: {problem}")


def _part_problem(kind: str, value: Any) -> str | None:  # noqa: PLR0911 - one case a kind
    match kind, value:
        case (("text" | "refusal"), str()):
            return None
        case "image_url", {"url": str() as url, **rest}:
            return _image_problem(url, rest)
        case "video_url", {"url": str() as url, **rest}:
            return None if MEDIA.match(url) and not rest else "video_url.url must be an https or base64 data URL"
        case "input_audio", {"data": str() as data, "format": "wav" | "mp3", **rest}:
            return None if data and not data.startswith("data:") and not rest else "input_audio.data must be base64"
        case "file", {"file_id": str(), **rest}:
            return None if not rest else "file with a file_id must have no other key"
        case "file", {"file_data": str() as data, **rest}:
            fine = PDF.match(data) and not set(rest) - {"filename"}
            return None if fine else "file.file_data must be a data:application/pdf;base64 URL"
        case _:
            return f"{kind} has the wrong form: {str(value)[:80]!r}"


def _image_problem(url: str, rest: Mapping[Any, Any]) -> str | None:
    if not IMAGE.match(url):
        return "image_url.url must be an https URL or a base64 data URL of a png, jpeg, webp or gif"
    if set(rest) - {"detail"} or rest.get("detail", "auto") not in {"auto", "low", "high"}:
        return "image_url takes only a detail of auto, low or high besides the url"
    return None
