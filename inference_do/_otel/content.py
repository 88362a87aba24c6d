"""Messages and answers in the form that OpenTelemetry's conventions give them; only where content was asked for.

https://github.com/open-telemetry/semantic-conventions-genai/tree/main/docs/gen-ai
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from inference_do.accumulate import reasoning_text

__all__ = ["Part", "answer_messages", "request_messages", "tool_definitions"]

Part = dict[str, Any]
"""A part of a message: its `type`, and the fields that the conventions give to such a part."""

SYSTEM = frozenset({"system", "developer"})
MODALITIES = {"image_url": "image", "video_url": "video", "audio_url": "audio", "file": "document"}


def request_messages(body: Mapping[str, Any]) -> tuple[list[tuple[str, list[Part]]], list[Part]]:
    """Return the messages of a canonical request, as roles and parts, and the parts of its instructions."""
    messages: list[tuple[str, list[Part]]] = []
    instructions: list[Part] = []
    for message in body.get("messages") or ():
        if not isinstance(message, Mapping):
            continue
        role = str(message.get("role") or "user")
        if role in SYSTEM:
            instructions += _content(message.get("content"))
        elif role == "tool":
            text = message.get("content")
            part = {"type": "tool_call_response", "response": text, "id": message.get("tool_call_id")}
            messages.append((role, [part]))
        else:
            messages.append((role, list(_parts(message))))
    return messages, instructions


def answer_messages(choices: Sequence[Any]) -> list[tuple[str, list[Part], str | None]]:
    """Return the answers of a completion, as roles, parts and finish reasons."""
    return [
        ("assistant", list(_parts(choice.message.model_dump(exclude_none=True))), choice.finish_reason)
        for choice in choices
    ]


def tool_definitions(body: Mapping[str, Any]) -> list[tuple[str, str, str | None, Any]]:
    """Return the type, name, description and parameters of each tool of a canonical request."""
    found = []
    for tool in body.get("tools") or ():
        if isinstance(tool, Mapping):
            function = tool.get("function")
            data: Mapping[str, Any] = function if isinstance(function, Mapping) else tool
            kind, name = str(tool.get("type") or "function"), data.get("name")
            found.append((kind, str(name or kind), data.get("description"), data.get("parameters")))
    return found


def _parts(message: Mapping[str, Any]) -> Iterator[Part]:
    if thought := reasoning_text(dict(message)):
        yield {"type": "reasoning", "content": thought}
    yield from _content(message.get("content") or message.get("refusal"))
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        yield {
            "type": "tool_call",
            "id": call.get("id"),
            "name": function.get("name") or "",
            "arguments": _loaded(function.get("arguments")),
        }


def _content(content: Any) -> list[Part]:
    if isinstance(content, str):
        return [{"type": "text", "content": content}]
    parts: list[Part] = []
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            parts.append({"type": "text", "content": part})
        elif isinstance(part, Mapping):
            if isinstance(part.get("text"), str):
                parts.append({"type": "text", "content": part["text"]})
            elif (media := _media(part)) is not None:
                parts.append(media)
    return parts


def _media(part: Mapping[str, Any]) -> Part | None:
    """Return a file, an image or the like; data in it are named, not repeated."""
    kind = str(part.get("type"))
    if (modality := MODALITIES.get(kind)) is None:
        return None
    inner = part.get(kind)
    data: Mapping[str, Any] = inner if isinstance(inner, Mapping) else {"url": inner}
    if file_id := data.get("file_id"):
        return {"type": "file", "modality": modality, "file_id": str(file_id), "mime_type": None}
    url = str(data.get("url") or data.get("file_data") or "")
    if url.startswith("data:"):
        mime_type = url[len("data:") :].partition(",")[0].partition(";")[0] or None
        return {"type": "uri", "modality": modality, "uri": "data:", "mime_type": mime_type}
    return {"type": "uri", "modality": modality, "uri": url, "mime_type": None} if url else None


def _loaded(arguments: Any) -> Any:
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments
