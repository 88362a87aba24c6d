"""What every subject can do; a method that one cannot raises `NotImplementedError`, and its table shows a dash."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, ClassVar

CHAT = "chat_completions"
OTHER_APIS = ("responses", "messages")
"""As ours name them."""
PATIENCE = 600.0
"""Seconds that alternatives may take for each step of a request, in place of the 5 to 60 that some have by default:
under Callgrind the first connection alone can take longer on a busy machine."""
Take = Callable[[str], object]
"""Is given each text of a stream as it comes."""


class Subject:
    """One library's way to the server. `build` makes its object, which the other methods are given."""

    def __init__(self, port: int) -> None:
        self.host = f"http://127.0.0.1:{port}"
        self.base_url = self.host + "/v1"
        self.options: dict[str, Any] = {}
        """What chooses another API, for each object or each call."""

    is_countable_async = True
    """Whether its asynchronous methods stay in one thread, so that their instructions can be told apart."""

    apis: ClassVar[Mapping[str, dict[str, Any]]] = {CHAT: {}}
    """The APIs that its streams can come by, with the options that choose them; the first is its own."""

    def through(self, api: str) -> Subject:
        """Return the same subject, by one of its APIs."""
        other = copy(self)
        other.options = self.apis[api]
        return other

    def prepare(self, scenario: str) -> None:
        """Make beforehand what stands in place of a server's response; only baselines have that."""

    def bring(self) -> Any:
        """Import what a user imports, and return it."""
        raise NotImplementedError

    def build(self) -> Any:
        """Make the object that a user makes."""
        raise NotImplementedError

    def call(self, model: Any, scenario: str) -> str:
        """Return the text of a whole answer."""
        raise NotImplementedError

    async def acall(self, model: Any, scenario: str) -> str:
        raise NotImplementedError

    def stream(self, model: Any, scenario: str, take: Take) -> None:
        """Read a streamed answer."""
        raise NotImplementedError

    async def astream(self, model: Any, scenario: str, take: Take) -> None:
        raise NotImplementedError

    def tools(self, model: Any, scenario: str) -> str:
        """Return the arguments of a streamed tool call."""
        raise NotImplementedError

    def build_embeddings(self, batch: int | None) -> Any:
        """Make the object for embeddings, with so many texts in a request; None for its own number."""
        raise NotImplementedError

    def embed(self, model: Any, texts: list[str]) -> list[list[float]]:
        """Return the texts' vectors."""
        raise NotImplementedError

    async def aembed(self, model: Any, texts: list[str]) -> list[list[float]]:
        raise NotImplementedError
