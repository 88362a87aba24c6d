"""What the emulator records of its clients: each request in full, each client that left too early."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from inference_do.emulator._http import Refusal
from inference_do.emulator._model.text import plain_content
from inference_do.models import model_info

__all__ = ["Disconnect", "Request"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request that arrived in full, head and body."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    """Lower-case names; the first value of a repeated name."""
    body: bytes
    time: float
    """`time.monotonic()` when the last byte of it had arrived."""
    connection: int
    """Number of the connection, from 1."""

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def chat(self) -> dict[str, Any]:
        """The body as chat completions would have it, whichever of the three APIs it was sent to.

        Opaque parts of earlier answers, and what the server kept of them, are left out.

        Raises:
            ValueError: It is no request of that API.
        """
        body: dict[str, Any] = self.json
        try:
            return _as_chat(self.path, body)
        except Refusal as refusal:
            message = f"the request is none of {self.path}: {refusal}"
            raise ValueError(message) from None

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages of a chat request, as `chat` has them; content that is one text is that text.

        Raises:
            ValueError: It is no chat request.
        """
        chat = self.chat if self.body else {}
        if not isinstance(chat, dict) or not isinstance(messages := chat.get("messages"), list):
            message = f"{self.method} {self.path} is no chat request: it has no messages"
            raise ValueError(message)  # noqa: TRY004  as `chat` does
        return [{**message, "content": plain_content(message.get("content"))} for message in messages]


def _as_chat(path: str, body: dict[str, Any]) -> dict[str, Any]:
    from .messages.request import read_request as read_messages  # noqa: PLC0415  they need what reads connections
    from .responses.request import read_request as read_responses  # noqa: PLC0415
    from .responses.store import StoredResponses  # noqa: PLC0415

    given = {name: value for name, value in body.items() if value is not None}
    if path.endswith("/messages"):
        chat = read_messages(given, model_info(given["model"]), allow_unknown=True).chat
    elif path.endswith("/responses"):
        stored = StoredResponses()
        given.pop("previous_response_id", None)
        chat = read_responses(given, model_info(given["model"]), stored, allow_unknown=True).chat
    else:
        return body
    messages = [message | {"content": plain_content(message["content"])} for message in chat["messages"]]
    return chat | {"messages": messages} | ({"stream": True} if given.get("stream") else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnect:
    """A client that went away before its response was complete."""

    time: float
    """`time.monotonic()` when the emulator noticed."""
    connection: int
    request: int
    """Index of the request among all that arrived, from 0."""
    bytes_written: int
    """Bytes of the body, framing not counted."""
    events_written: int
    """Pieces of the body: SSE events, or parts of a whole body."""
