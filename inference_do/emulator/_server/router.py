"""A model router: which model answers a request, and for which task it was chosen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from inference_do.emulator._model.text import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

GENERAL = "llama3.3-70b-instruct"
CODE = "qwen3-coder-flash"
CODE_WORDS = re.compile(r"```|\b(code|python|function|class|compile|refactor|traceback)\b", re.IGNORECASE)
MOST = 10_000
"""Sessions that are remembered."""

Route = tuple[str, str]
"""A model, and the task that it was chosen for."""


class Router:
    """Chooses by the last message; a session's first choice holds for all of it."""

    def __init__(self) -> None:
        self._pinned: dict[str, Route] = {}

    def clear(self) -> None:
        """Forget all sessions."""
        self._pinned.clear()

    def route(self, body: Mapping[str, Any], affinity: str | None) -> Route:
        """Choose a model.

        Args:
            body: The request.
            affinity: The request's `X-Model-Affinity`; `none` is no session.
        """
        if affinity and affinity != "none":
            while len(self._pinned) >= MOST:
                del self._pinned[next(iter(self._pinned))]
            return self._pinned.setdefault(f"{body['model']} {affinity}", _route_of(body))
        return _route_of(body)


def _route_of(body: Mapping[str, Any]) -> Route:
    if CODE_WORDS.search(text_of(body["messages"][-1])):
        return CODE, "code-generation"
    return GENERAL, str(body["model"]).removeprefix("router:")
