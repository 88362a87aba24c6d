"""DigitalOcean's inference API: one client for threads, one for event loops, and what both hand out.

Names are imported when they are first touched, so that importing a part costs only that part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._adapters.lazy import lazy_names

if TYPE_CHECKING:
    from .batches import Batch, BatchResult
    from .cancellation import CancelScope
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
    from .limits import RateLimit
    from .models import ModelInfo, PriceTier, closest_models, known_models, model_info, register_model
    from .params import CallOptions, ChatParams, EmbedParams, MessageParam
    from .pricing import Cost, Ledger, Spent, Tokens, estimate_cost
    from .retries import RetryDetails
    from .rules import EmptyAnswerWarning
    from .types import (
        ChatCompletion,
        ChatCompletionChunk,
        Choice,
        Delta,
        Embedding,
        EmbeddingResponse,
        LimitState,
        Message,
        Model,
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
    "Batch",
    "BatchResult",
    "CallOptions",
    "CancelScope",
    "ChatCompletion",
    "ChatCompletionChunk",
    "ChatParams",
    "Choice",
    "Client",
    "ConfigError",
    "ConflictError",
    "ContextLengthError",
    "Cost",
    "Delta",
    "EmbedParams",
    "Embedding",
    "EmbeddingResponse",
    "EmptyAnswerWarning",
    "InferenceError",
    "KnowledgeBase",
    "Ledger",
    "LimitState",
    "Message",
    "MessageParam",
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
    "RetryDetails",
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

_HOMES = {
    "APIConnectionError": "errors",
    "APIStatusError": "errors",
    "APITimeoutError": "errors",
    "AsyncClient": "client",
    "AsyncStream": "client",
    "AuthenticationError": "errors",
    "BadRequestError": "errors",
    "Batch": "batches",
    "BatchResult": "batches",
    "CallOptions": "params",
    "CancelScope": "cancellation",
    "ChatCompletion": "types",
    "ChatCompletionChunk": "types",
    "ChatParams": "params",
    "Choice": "types",
    "Client": "client",
    "ConfigError": "errors",
    "ConflictError": "errors",
    "ContextLengthError": "errors",
    "Cost": "pricing",
    "Delta": "types",
    "EmbedParams": "params",
    "Embedding": "types",
    "EmbeddingResponse": "types",
    "EmptyAnswerWarning": "rules",
    "InferenceError": "errors",
    "KnowledgeBase": "knowledge",
    "Ledger": "pricing",
    "LimitState": "types",
    "Message": "types",
    "MessageParam": "params",
    "Model": "types",
    "ModelInfo": "models",
    "NotFoundError": "errors",
    "PermissionDeniedError": "errors",
    "PriceTier": "models",
    "ProtocolError": "errors",
    "QuotaExceededError": "errors",
    "RateLimit": "limits",
    "RateLimitError": "errors",
    "ResponseInfo": "types",
    "RetrievedDocument": "knowledge",
    "RetryDetails": "retries",
    "ServerError": "errors",
    "Spent": "pricing",
    "Stream": "client",
    "StreamError": "errors",
    "StreamFailed": "errors",
    "StreamInterrupted": "errors",
    "Timeout": "config",
    "Tokens": "pricing",
    "ToolCall": "types",
    "Usage": "types",
    "closest_models": "models",
    "estimate_cost": "pricing",
    "known_models": "models",
    "model_info": "models",
    "register_model": "models",
}

_ELSEWHERE = {
    "AsyncGradient": "here it is AsyncClient",
    "ChatDigitalOcean": "it is in langchain_do",
    "DigitalOcean": "it is in llamaindex_do",
    "DigitalOceanEmbedding": "it is in llamaindex_do",
    "DigitalOceanEmbeddings": "it is in langchain_do",
    "Gradient": "here it is Client",
    "GradientAI": "here it is Client; LlamaIndex's LLM is llamaindex_do.DigitalOcean",
}
"""Names of other packages' clients, and of the frameworks' classes."""

__getattr__, __dir__ = lazy_names(__name__, _HOMES, elsewhere=_ELSEWHERE)
