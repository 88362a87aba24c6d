"""DigitalOcean's inference API for LangChain: a chat model, embeddings, errors, and `register()` for `init_chat_model`.

Names are imported when they are first touched: `import langchain_do` alone imports neither LangChain nor httpx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_do._adapters.lazy import lazy_names

if TYPE_CHECKING:
    from ._errors import (
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
        RefusalError,
        ServerError,
        StreamContextLengthError,
        StreamError,
        StreamFailed,
        StreamInterrupted,
        StreamRateLimited,
        StreamRefused,
        StreamServerError,
    )
    from ._middleware import DigitalOceanPromptCachingMiddleware
    from ._register import register
    from .batches import batch_message, batch_output, batch_requests
    from .chat_models import ChatDigitalOcean
    from .embeddings import DigitalOceanEmbeddings
    from .retrievers import DigitalOceanKnowledgeBaseRetriever, retrieved_documents
    from .usage import UsageCallback

    __version__: str

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ChatDigitalOcean",
    "ConfigError",
    "ConflictError",
    "ContextLengthError",
    "DigitalOceanEmbeddings",
    "DigitalOceanKnowledgeBaseRetriever",
    "DigitalOceanPromptCachingMiddleware",
    "InferenceError",
    "NotFoundError",
    "PermissionDeniedError",
    "ProtocolError",
    "QuotaExceededError",
    "RateLimitError",
    "RefusalError",
    "ServerError",
    "StreamContextLengthError",
    "StreamError",
    "StreamFailed",
    "StreamInterrupted",
    "StreamRateLimited",
    "StreamRefused",
    "StreamServerError",
    "UsageCallback",
    "batch_message",
    "batch_output",
    "batch_requests",
    "register",
    "retrieved_documents",
]

_HOMES = {
    **dict.fromkeys(__all__, "_errors"),  # all but these
    "ChatDigitalOcean": "chat_models",
    "DigitalOceanEmbeddings": "embeddings",
    "DigitalOceanKnowledgeBaseRetriever": "retrievers",
    "DigitalOceanPromptCachingMiddleware": "_middleware",
    "UsageCallback": "usage",
    "batch_message": "batches",
    "batch_output": "batches",
    "batch_requests": "batches",
    "register": "_register",
    "retrieved_documents": "retrievers",
}

_ELSEWHERE = {
    "ChatDigitalocean": "here it is ChatDigitalOcean",
    "ChatGradient": "here it is ChatDigitalOcean",
    "ChatOpenAI": "here it is ChatDigitalOcean; OpenAI's own is in langchain_openai",
    "DigitalOcean": "LlamaIndex's LLM is llamaindex_do.DigitalOcean; here it is ChatDigitalOcean",
    "DigitalOceanEmbedding": "here it is DigitalOceanEmbeddings; LlamaIndex's is llamaindex_do.DigitalOceanEmbedding",
    "DigitalOceanGradientEmbeddings": "here it is DigitalOceanEmbeddings",
    "GradientKBRetriever": "here it is DigitalOceanKnowledgeBaseRetriever",
    "LangchainDigitaloceanEmbeddings": "here it is DigitalOceanEmbeddings",
    "LangchainDigitaloceanRetriever": "here it is DigitalOceanKnowledgeBaseRetriever",
    "OpenAIEmbeddings": "here it is DigitalOceanEmbeddings; OpenAI's own is in langchain_openai",
}
"""Names of earlier packages, and of the other framework's."""

__getattr__, __dir__ = lazy_names(
    __name__,
    _HOMES,
    needs="langchain_core",
    install='pip install "inference-do[langchain]"',
    elsewhere=_ELSEWHERE,
)
