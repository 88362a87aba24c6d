"""Tokens and cost of every call, added up by model, as a callback.

spending = UsageCallback()
model.invoke("...", config={"callbacks": [spending]})
spending.ledger.by_model, spending.ledger.total.cost
"""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, LLMResult

from inference_do.pricing import Ledger, Tokens

from ._blocks import PROVIDER

__all__ = ["UsageCallback", "tokens_of"]


class UsageCallback(BaseCallbackHandler):
    """Adds up the calls of `ChatDigitalOcean`; one may serve any number of models, chains and threads.

    Answers of other providers are not counted, nor are those that came from LangChain's cache, which cost nothing.

    Args:
        ledger: Where to add them; by default a new one.
    """

    def __init__(self, ledger: Ledger | None = None) -> None:
        super().__init__()
        self.ledger = ledger or Ledger()

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        """Add a call's usage, which is on the first of its answers."""
        for generation in response.generations[0][:1] if response.generations else ():
            message = generation.message if isinstance(generation, ChatGeneration) else None
            if not isinstance(message, AIMessage) or not message.usage_metadata:
                continue
            metadata = message.response_metadata
            if metadata.get("model_provider") == PROVIDER and "total_cost" not in message.usage_metadata:
                self.ledger.add(metadata.get("model_name") or "unknown", tokens_of(message.usage_metadata))

    def __repr__(self) -> str:
        return f"UsageCallback({self.ledger!r})"


def tokens_of(usage: UsageMetadata) -> Tokens:
    """Return LangChain's usage as tokens, for `inference_do.estimate_cost`."""
    read, made = usage.get("input_token_details") or {}, usage.get("output_token_details") or {}
    return Tokens(
        input=usage["input_tokens"],
        cached=read.get("cache_read") or 0,
        created=read.get("cache_creation") or 0,
        output=usage["output_tokens"],
        reasoning=made.get("reasoning") or 0,
    )
