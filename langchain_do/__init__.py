"""DigitalOcean's inference API for LangChain: a chat model, embeddings, and `register()` for `init_chat_model`.

Names are imported when they are first touched: `import langchain_do` alone imports neither LangChain nor httpx.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from inference_do import __version__ as value  # noqa: PLC0415  it reads the installed package's metadata
    elif name in _HOMES:
        value = getattr(_home(_HOMES[name]), name)
    else:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    globals()[name] = value
    return value


def _home(module: str) -> Any:
    try:
        return import_module(f".{module}", __name__)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "langchain_core":
            raise
    message = 'langchain_do needs langchain-core, which is not installed: pip install "inference-do[langchain]"'
    raise ImportError(message)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
