"""DigitalOcean's inference API for LlamaIndex: a function-calling LLM and an embedding model.

    from llamaindex_do import DigitalOcean, DigitalOceanEmbedding

Besides: a question generator for `SubQuestionQueryEngine`, and `llamaindex_do.testing`, a conformance kit for LLMs of
any kind. The names are imported when they are first touched: LlamaIndex takes more than a second to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .embeddings import DigitalOceanEmbedding
    from .llm import DigitalOcean
    from .question_gen import StructuredQuestionGenerator
    from .retrievers import DigitalOceanKnowledgeBaseRetriever, source_nodes
    from .usage import UsageHandler

__all__ = [
    "DigitalOcean",
    "DigitalOceanEmbedding",
    "DigitalOceanKnowledgeBaseRetriever",
    "StructuredQuestionGenerator",
    "UsageHandler",
    "source_nodes",
]

_HOMES = {
    "DigitalOcean": "llm",
    "DigitalOceanEmbedding": "embeddings",
    "StructuredQuestionGenerator": "question_gen",
    "DigitalOceanKnowledgeBaseRetriever": "retrievers",
    "UsageHandler": "usage",
    "source_nodes": "retrievers",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from inference_do import __version__  # noqa: PLC0415  it reads the installed package's metadata

        return __version__
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    try:
        value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "llama_index":
            raise
        message = 'llamaindex_do needs LlamaIndex: pip install "inference-do[llamaindex]"'
        raise ImportError(message) from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
