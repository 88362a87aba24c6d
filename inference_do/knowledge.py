"""Retrieving from a knowledge base of DigitalOcean's: `POST https://kbaas.do-ai.run/v1/{id}/retrieve`.

Both frameworks' retrievers stand on this, and it may be used by itself:

    with KnowledgeBase("11f0-...") as base:
        for document in base.retrieve("What is a droplet?", num_results=3):
            print(document.text, document.metadata)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

from pydantic import Field

from ._keys import as_secret
from ._slips import check_arguments, check_names
from ._urls import KNOWLEDGE_URL, check_base_url, warn_of_unread
from .config import Config, Key, Timeout, check_mapping
from .connection import ClientPair
from .errors import ConfigError
from .types import Count, Items, Reply, Text, Wire

__all__ = ["KNOWLEDGE_URL", "AgentDocument", "KnowledgeBase", "RetrievedDocument", "documents_of_agent"]

FILTERS = frozenset({"must", "should", "must_not"})
OPERATORS = frozenset({"eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "contains"})


class RetrievedDocument(Wire):
    """A piece of a document, and what is known of it."""

    text: Text = Field(default="", alias="text_content")
    metadata: dict[str, Any] = Field(default_factory=dict)


class _Retrieval(Reply):
    results: Items[RetrievedDocument] = Field(default_factory=list)
    total_results: Count = 0


class KnowledgeBase:
    """One knowledge base, for threads and for event loops.

    Args:
        id: Its id, as the control panel shows it.
        api_key: A personal access token or model access key; by default as for `Client`.
        base_url: Where knowledge bases are; by default DigitalOcean's `KNOWLEDGE_URL`.
        timeout: Seconds for each phase of a call, or a `Timeout`.
        max_retries: Requests sent again after the first, at most.
        default_headers: Headers of every request.
        http_client: An `httpx.Client` to use as it is.
        http_async_client: An `httpx.AsyncClient` to use as it is.
        allow_http: Accept a plain http base URL of any host.
        ca: Authorities to trust besides the system's; see `Client`.
        clients: ClientPair to call with, of somebody else's settings; then the arguments above do not count.
        **unknown: Refused, with the right name where it is known.

    Raises:
        ConfigError: An argument cannot be right.
    """

    def __init__(
        self,
        id: str,  # noqa: A002  the API's own name
        *,
        api_key: Key | None = None,
        base_url: str | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int = 2,
        default_headers: Mapping[str, str] | None = None,
        http_client: Any = None,
        http_async_client: Any = None,
        allow_http: bool = False,
        ca: str | os.PathLike[str] | None = None,
        clients: ClientPair | None = None,
        **unknown: Any,
    ) -> None:
        api_key = as_secret(api_key)
        if not isinstance(id, str) or not id.strip():
            message = f"id must be a knowledge base's id, not {id!r}"
            raise ConfigError(message)
        self.id = id.strip()
        try:
            check_arguments(type(self), unknown, base_url=base_url, ca=ca, timeout=timeout)
            if clients is None:
                if not base_url:
                    warn_of_unread(KNOWLEDGE_URL)
                settings: dict[str, Any] = {
                    "api_key": api_key,
                    "base_url": check_base_url(base_url or KNOWLEDGE_URL, allow_http=allow_http),
                    "timeout": timeout,
                    "max_retries": max_retries,
                    "default_headers": default_headers,
                    "allow_http": allow_http,
                    "ca": ca,
                }
                Config.build(**settings)
                clients = ClientPair(settings, http_client=http_client, http_async_client=http_async_client)
            self._clients = clients
        except ConfigError as error:
            failure = error.with_traceback(None)
        else:
            return
        base_url = timeout = default_headers = ca = http_client = http_async_client = None  # one of them may be a key
        max_retries = 0
        unknown.clear()
        settings = {}
        raise failure

    def __repr__(self) -> str:
        return f"KnowledgeBase({self.id!r})"

    def retrieve(self, query: str, **options: Any) -> list[RetrievedDocument]:
        """Return the pieces that fit a query, best first.

        Args:
            query: What to look for.
            **options: `num_results`, how many pieces at most, 10 by default; `alpha`, 0 to 1, the weight of
                meaning against keywords; `filters`, conditions on metadata under `must`, `should` and `must_not`, each
                `{"field": ..., "operator": "eq" | "in" | ..., "value": ...}`; `timeout`, `max_retries`.

        Raises:
            InferenceError: One of its subclasses; see `inference_do.errors`.
        """
        path, body, others = self._asked(query, options)
        return self._clients.sync.request_as(_Retrieval, path, body, **others).results

    async def aretrieve(self, query: str, **options: Any) -> list[RetrievedDocument]:
        """Return the pieces that fit a query, best first; see `retrieve`."""
        path, body, others = self._asked(query, options)
        return (await self._clients.asynchronous.request_as(_Retrieval, path, body, **others)).results

    def _asked(self, query: str, options: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
        check_names(options)
        if not isinstance(query, str) or not query.strip():
            message = f"query must be text, not {query!r}"
            raise ConfigError(message)
        body: dict[str, Any] = {"query": query, "num_results": checked_count(options.pop("num_results", None))}
        if (alpha := options.pop("alpha", None)) is not None:
            body["alpha"] = alpha
        if filters := checked_filters(options.pop("filters", None)):
            body["filters"] = filters
        return f"/{quote(self.id, safe='')}/retrieve", body, options

    def close(self) -> None:
        """Close the connections that threads opened."""
        self._clients.close()

    async def aclose(self) -> None:
        """Close those connections and the running event loop's."""
        await self._clients.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDocument:
    """A document that an agent retrieved for an answer, as far as it reports."""

    id: str | None
    text: str
    metadata: dict[str, Any]
    score: float | None


TEXTS = ("text_content", "page_content", "content", "text")
"""Where the text of a retrieved document may be; agents are documented to report only its id, index and score."""


def documents_of_agent(retrieval: object) -> list[AgentDocument]:
    """Return the documents that an agent's answer reports, best first.

    Args:
        retrieval: The answer's field of this name; the agent sends it if `include_retrieval_info` was asked for.
    """
    data = retrieval.get("retrieved_data") if isinstance(retrieval, Mapping) else None
    return [_document_of_agent(item) for item in data or () if isinstance(item, Mapping)]


def _document_of_agent(item: Mapping[str, Any]) -> AgentDocument:
    id_, own, score = item.get("id"), item.get("metadata"), item.get("score")
    rest = {name: value for name, value in item.items() if name not in {*TEXTS, "metadata", "score"}}
    if not (score is None or isinstance(score, int | float)):
        rest["score"], score = score, None  # whatever it is, it is not lost
    return AgentDocument(
        id=None if id_ is None else str(id_),
        text=next((item[name] for name in TEXTS if isinstance(item.get(name), str)), ""),
        metadata={**(own if isinstance(own, Mapping) else {}), **rest},
        score=None if score is None else float(score),
    )


RESULTS = 10


def checked_count(value: object) -> int:
    """Return how many pieces are wanted, `RESULTS` for None.

    Raises:
        ConfigError: It is not a whole number above 0.
    """
    if value is None:
        return RESULTS
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        message = f"num_results must be a whole number above 0, not {value!r}"
        raise ConfigError(message)
    return value


def checked_filters(filters: object) -> dict[str, list[dict[str, Any]]]:
    """Return conditions on metadata.

    Raises:
        ConfigError: They are not of the form that the API has.
    """
    checked: dict[str, list[dict[str, Any]]] = {}
    for name, conditions in check_mapping(filters, name="filters").items():
        if name not in FILTERS or not isinstance(conditions, list | tuple):
            message = f"filters takes lists under must, should and must_not, not {name!r}"
            raise ConfigError(message)
        for condition in conditions:
            if not isinstance(condition, Mapping) or "field" not in condition:
                message = f"filters: a condition needs a field, an operator and a value, not {condition!r}"
                raise ConfigError(message)
            if condition.get("operator") not in OPERATORS:
                known = ", ".join(sorted(OPERATORS))
                message = f"filters: operator must be one of {known}, not {condition.get('operator')!r}"
                raise ConfigError(message)
        checked[name] = [dict(condition) for condition in conditions]
    return checked
