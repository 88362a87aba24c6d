"""What an application sent to the emulator, as LlamaIndex's messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ToolCallBlock,
)

if TYPE_CHECKING:
    from inference_do.emulator import Request

OWN_FIELDS = frozenset({"role", "content", "tool_calls"})


def sent_messages(request: Request) -> list[ChatMessage]:
    """Return the messages of a request that the emulator has recorded, whichever API it was sent to.

    Fields that `ChatMessage` has no place for, such as `tool_call_id`, are in `additional_kwargs`.

    Raises:
        ValueError: It is no chat request.
    """
    return [_message(message) for message in request.messages]


def _message(message: dict[str, Any]) -> ChatMessage:
    return ChatMessage(
        role=MessageRole(message["role"]),
        blocks=list(_blocks(message)),
        additional_kwargs={name: value for name, value in message.items() if name not in OWN_FIELDS},
    )


def _blocks(message: dict[str, Any]) -> Iterator[ContentBlock]:
    content = message.get("content")
    for part in [{"type": "text", "text": content}] if isinstance(content, str) else content or ():
        match part:
            case {"type": "image_url", "image_url": {"url": url}}:
                yield ImageBlock(url=url)
            case {"type": "input_audio", "input_audio": {"data": data, "format": form}}:
                yield AudioBlock(audio=data.encode(), format=form)
            case {"type": "file", "file": dict() as file} if "file_data" in file:
                yield DocumentBlock(url=file["file_data"], title=file.get("filename"))
            case {"text": str(text)}:
                yield TextBlock(text=text)
            case _:
                yield TextBlock(text=json.dumps(part, ensure_ascii=False))
    for call in message.get("tool_calls") or ():
        function = call["function"]
        yield ToolCallBlock(
            tool_call_id=call.get("id"), tool_name=function["name"], tool_kwargs=function.get("arguments") or "{}"
        )
