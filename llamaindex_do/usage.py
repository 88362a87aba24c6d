"""Tokens and cost of every call, added up by model, as an observer of LlamaIndex's events.

with UsageHandler() as spending:
    index.as_query_engine().query("...")
spending.ledger.by_model, spending.ledger.total.cost
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events.llm import LLMChatEndEvent, LLMCompletionEndEvent
from llama_index_instrumentation import get_dispatcher
from pydantic import Field

from inference_do.pricing import Ledger

__all__ = ["UsageHandler"]


class UsageHandler(BaseEventHandler):
    """Adds up the calls of LLMs whose answers have the API's usage; one may serve any number of them, in any thread.

    Inside `with` it hears all of LlamaIndex's calls in the process; or add it to a dispatcher by hand.
    """

    ledger: Ledger = Field(default_factory=Ledger)
    """Where calls are added."""

    @classmethod
    def class_name(cls) -> str:
        """Return the name that events know it by."""
        return "DigitalOcean_UsageHandler"

    def handle(self, event: Any, **_: Any) -> None:
        """Add a call once it has ended."""
        if not isinstance(event, LLMChatEndEvent | LLMCompletionEndEvent) or event.response is None:
            return
        raw = event.response.raw
        if isinstance(raw, Mapping) and isinstance(usage := raw.get("usage"), Mapping):
            self.ledger.add(raw.get("model") or "unknown", usage)

    def __enter__(self) -> Self:
        get_dispatcher().add_event_handler(self)
        return self

    def __exit__(self, *_: object) -> None:
        handlers = get_dispatcher().event_handlers
        handlers[:] = [handler for handler in handlers if handler is not self]
