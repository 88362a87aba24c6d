"""The queue of scripted answers: which of them a request takes, and what becomes of one that takes none."""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Any

from inference_do.emulator._http import Refusal
from inference_do.emulator._model.text import plain_content, text_of
from inference_do.emulator.replies import Scripted

if TYPE_CHECKING:
    from collections.abc import Mapping


class Replies(deque[Scripted]):
    """Scripted answers that wait, in order; each is given once.

    Attributes:
        strict: Whether a request for which there is none is refused, instead of being answered by the rules.
        unexpected: Why requests were refused for that.
    """

    strict = False

    def __init__(self, *replies: Scripted, strict: bool = False) -> None:
        super().__init__(replies)
        self.strict = strict
        self.unexpected: list[str] = []

    def take(self, chat: Mapping[str, Any]) -> Scripted | None:
        """Take the first answer that is for a request, if there is one.

        Raises:
            Refusal: There is none and must be one, or a function that a test gave has failed.
        """
        try:
            found = next((item for item in self if _is_for(item, chat)), None)
        except Exception as error:  # noqa: BLE001  whatever a test's function raises is told to the test
            self._refuse(f"a function that was given as when= failed: {error!r}")
        if found is not None:
            position = next(i for i, item in enumerate(self) if item is found)
            del self[position]
        elif self.strict:
            waiting = "; ".join(shown(item) for item in self) or "none"
            self._refuse(f"no scripted reply is for a request that ends in {_prompt(chat)!r}; waiting: {waiting}")
        return found

    def _refuse(self, message: str) -> None:
        self.unexpected.append(message)
        raise Refusal(400, message)


def _is_for(item: Scripted, chat: Mapping[str, Any]) -> bool:
    match item.when:
        case None:
            return True
        case str() as text:
            return text in _prompt(chat)
        case re.Pattern() as pattern:
            return pattern.search(_prompt(chat)) is not None
        case function:
            messages = [{**message, "content": plain_content(message.get("content"))} for message in chat["messages"]]
            return bool(function({**chat, "messages": messages}))


def _prompt(chat: Mapping[str, Any]) -> str:
    return text_of(chat["messages"][-1])


def shown(item: Scripted) -> str:
    """Describe an answer that waits, on one line."""
    fields = {name: getattr(item, name) for name in ("text", "tool_calls", "message", "chunks", "reasoning")}
    answer = ", ".join(
        repr(value) if name == "text" else f"{name}={value!r}" for name, value in fields.items() if value
    )
    match item.when:
        case None:
            when = ""
        case re.Pattern(pattern=pattern):
            when = f", when=re.compile({pattern!r})"
        case str() as text:
            when = f", when={text!r}"
        case function:
            when = f", when={getattr(function, '__name__', function)}"
    return f"reply({answer[:200] or repr('')}{when})"
