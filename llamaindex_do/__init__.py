"""DigitalOcean's inference API for LlamaIndex: a function-calling LLM and an embedding model.

    from llamaindex_do import DigitalOcean, DigitalOceanEmbedding

Besides: a question generator for `SubQuestionQueryEngine`, and `llamaindex_do.testing`, a conformance kit for LLMs of
any kind. The names are imported when they are first touched: LlamaIndex takes more than a second to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_do._adapters.lazy import lazy_names

if TYPE_CHECKING:
    from .batches import batch_requests, batch_response
    from .embeddings import DigitalOceanEmbedding
    from .llm import DigitalOcean
    from .question_gen import StructuredQuestionGenerator
    from .retrievers import DigitalOceanKnowledgeBaseRetriever, source_nodes
    from .usage import UsageHandler

    __version__: str

__all__ = [
    "DigitalOcean",
    "DigitalOceanEmbedding",
    "DigitalOceanKnowledgeBaseRetriever",
    "StructuredQuestionGenerator",
    "UsageHandler",
    "batch_requests",
    "batch_response",
    "source_nodes",
]

_HOMES = {
    "DigitalOcean": "llm",
    "DigitalOceanEmbedding": "embeddings",
    "StructuredQuestionGenerator": "question_gen",
    "DigitalOceanKnowledgeBaseRetriever": "retrievers",
    "UsageHandler": "usage",
    "batch_requests": "batches",
    "batch_response": "batches",
    "source_nodes": "retrievers",
}

_ELSEWHERE = {
    "ChatDigitalOcean": "LangChain's chat model is langchain_do.ChatDigitalOcean; here it is DigitalOcean",
    "DigitalOceanEmbeddings": "here it is DigitalOceanEmbedding; LangChain's is langchain_do.DigitalOceanEmbeddings",
    "GradientAI": "here it is DigitalOcean",
    "GradientKBRetriever": "here it is DigitalOceanKnowledgeBaseRetriever",
    "OpenAILike": "here it is DigitalOcean",
}
"""Names of earlier packages, and of the other framework's."""

__getattr__, __dir__ = lazy_names(
    __name__,
    _HOMES,
    needs="llama_index",
    install='pip install "inference-do[llamaindex]"',
    elsewhere=_ELSEWHERE,
)
