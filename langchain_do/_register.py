"""Making `init_chat_model("digitalocean:MODEL")` work.

LangChain has no public way to add a provider: its table is private to `langchain.chat_models.base`, so nothing is
entered there unless a caller asks for it. deepagents asks by itself, through the entry point of this package in its
group `deepagents.provider_profiles`, before it makes a model of a name.
"""

from __future__ import annotations

from typing import Any

__all__ = ["register"]

PROVIDER = "digitalocean"


def register() -> None:
    """Register this package in LangChain's tables of providers, as `digitalocean`.

    After it `init_chat_model("digitalocean:MODEL")`, `init_embeddings("digitalocean:MODEL")` and
    `create_agent("digitalocean:MODEL", ...)` work. Calling it again changes nothing.

    Raises:
        ImportError: `langchain` is not installed, or its tables are not where langchain 1.x has them.
    """
    try:
        from langchain.chat_models import base as chat_models  # noqa: PLC0415  langchain itself is optional
        from langchain.embeddings import base as embeddings  # noqa: PLC0415
    except ModuleNotFoundError:
        message = 'register() is for init_chat_model, which is in langchain: pip install "langchain>=1"'
        raise ImportError(message) from None
    _enter(chat_models, "ChatDigitalOcean")
    _enter(embeddings, "DigitalOceanEmbeddings")


def _enter(home: Any, class_name: str) -> None:
    providers = getattr(home, "_BUILTIN_PROVIDERS", None)
    if not isinstance(providers, dict):
        message = f"{home.__name__} has no table of providers; use langchain_do.{class_name}(...) itself"
        raise ImportError(message)  # noqa: TRY004  what is missing is a part of another package
    providers[PROVIDER] = ("langchain_do", class_name, _make)


def _make(cls: type[Any], **values: Any) -> Any:
    return cls(**values)
