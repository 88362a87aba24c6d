"""What an application sent to the emulator, as LangChain's messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from inference_do.emulator import Request

__all__ = ["sent_messages"]


def sent_messages(request: Request) -> list[BaseMessage]:
    """Return the messages of a request that the emulator has recorded, whichever API it was sent to.

    Raises:
        ValueError: It is no chat request.
    """
    from langchain_core.messages import convert_to_messages  # noqa: PLC0415  by whoever asks for it

    return convert_to_messages(request.messages)
