"""DigitalOcean's inference API: one client for threads, one for event loops, and what both hand out.

Names are imported when they are first touched, so that importing a part costs only that part.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import AsyncClient, AsyncStream, Client, Stream
    from .config import Timeout
    from .errors import (
        APIConnectionError,
        APIStatusError,
        APITimeoutError,
        AuthenticationError,
        BadRequestError,
        ConfigError,
        ConflictError,
        ContextLengthError,
        InferenceError,
        NotFoundError,
        PermissionDeniedError,
        ProtocolError,
        QuotaExceededError,
        RateLimitError,
        ServerError,
        StreamError,
        StreamFailed,
        StreamInterrupted,
    )
    from .knowledge import KnowledgeBase, RetrievedDocument
    from .models import ModelInfo, PriceTier, closest_models, known_models, model_info, register_model
    from .pricing import Cost, Ledger, Spent, Tokens, estimate_cost
    from .rules import EmptyAnswerWarning
    from .types import (
        ChatCompletion,
        ChatCompletionChunk,
        Choice,
        Delta,
        Embedding,
        EmbeddingResponse,
        Message,
        Model,
        RateLimit,
        ResponseInfo,
        ToolCall,
        Usage,
    )

    __version__: str

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncClient",
    "AsyncStream",
    "AuthenticationError",
    "BadRequestError",
    "ChatCompletion",
    "ChatCompletionChunk",
    "Choice",
    "Client",
    "ConfigError",
    "ConflictError",
    "ContextLengthError",
    "Cost",
    "Delta",
    "Embedding",
    "EmbeddingResponse",
    "EmptyAnswerWarning",
    "InferenceError",
    "KnowledgeBase",
    "Ledger",
    "Message",
    "Model",
    "ModelInfo",
    "NotFoundError",
    "PermissionDeniedError",
    "PriceTier",
    "ProtocolError",
    "QuotaExceededError",
    "RateLimit",
    "RateLimitError",
    "ResponseInfo",
    "RetrievedDocument",
    "ServerError",
    "Spent",
    "Stream",
    "StreamError",
    "StreamFailed",
    "StreamInterrupted",
    "Timeout",
    "Tokens",
    "ToolCall",
    "Usage",
    "closest_models",
    "estimate_cost",
    "known_models",
    "model_info",
    "register_model",
]

_MODULES = ("errors", "config", "types", "models", "rules", "pricing", "client", "knowledge")  # what all need first
_PUBLIC = frozenset(__all__)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415

        value: Any = version("inference-do")
    elif name in _PUBLIC:
        modules = (import_module(f".{module}", __name__) for module in _MODULES)
        value = next(getattr(module, name) for module in modules if name in module.__all__)
    else:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
