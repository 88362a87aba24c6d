"""A middleware for LangChain's agents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from .chat_models import ChatDigitalOcean

try:
    from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
except ModuleNotFoundError as error:
    if error.name not in {"langchain", "langgraph"}:
        raise
    message = "DigitalOceanPromptCachingMiddleware needs langchain, which is not installed: pip install langchain"
    raise ImportError(message) from None

__all__ = ["DigitalOceanPromptCachingMiddleware"]


class DigitalOceanPromptCachingMiddleware(AgentMiddleware[Any, Any, Any]):
    """Marks an agent's conversation for the prompt cache, so that what repeats from step to step is read from it.

    The end of the system message and of the conversation are marked, as `cache_control` of `ChatDigitalOcean` does. To
    a model that takes no marks, or that is another package's, nothing of it is sent.

        create_agent(model, tools, middleware=[DigitalOceanPromptCachingMiddleware()])

    Args:
        type: The kind of cache; there is one.
        ttl: How long a prefix is kept after it was last read.
        min_messages_to_cache: Messages that a conversation must have to be marked.
    """

    def __init__(
        self,
        type: Literal["ephemeral"] = "ephemeral",  # noqa: A002  the API's name
        ttl: Literal["5m", "1h"] = "5m",
        min_messages_to_cache: int = 0,
    ) -> None:
        super().__init__()
        self.type = type
        self.ttl = ttl
        self.min_messages_to_cache = min_messages_to_cache

    def _marked(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        count = len(request.messages) + (request.system_message is not None)
        if not isinstance(request.model, ChatDigitalOcean) or count < self.min_messages_to_cache:
            return request
        mark = {"type": self.type, "ttl": self.ttl}
        return request.override(model_settings={"cache_control": mark, **request.model_settings})

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Call the model with marks."""
        return handler(self._marked(request))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """Call the model with marks; see `wrap_model_call`."""
        return await handler(self._marked(request))
