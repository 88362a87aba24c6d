"""DigitalOcean's inference API for LangChain: a chat model, embeddings, and `register()` for `init_chat_model`.

Names are imported when they are first touched: `import langchain_do` alone imports neither LangChain nor httpx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_do._adapters.lazy import lazy_names

if TYPE_CHECKING:
    from ._register import register
    from .chat_models import ChatDigitalOcean
    from .embeddings import DigitalOceanEmbeddings
    from .retrievers import DigitalOceanKnowledgeBaseRetriever, retrieved_documents
    from .usage import UsageCallback

    __version__: str

__all__ = [
    "ChatDigitalOcean",
    "DigitalOceanEmbeddings",
    "DigitalOceanKnowledgeBaseRetriever",
    "UsageCallback",
    "register",
    "retrieved_documents",
]

_HOMES = {
    "ChatDigitalOcean": "chat_models",
    "DigitalOceanEmbeddings": "embeddings",
    "DigitalOceanKnowledgeBaseRetriever": "retrievers",
    "UsageCallback": "usage",
    "register": "_register",
    "retrieved_documents": "retrievers",
}

__getattr__, __dir__ = lazy_names(
    __name__, _HOMES, needs="langchain_core", install='pip install "inference-do[langchain]"'
)
