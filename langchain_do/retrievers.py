"""A knowledge base of DigitalOcean's as LangChain's retriever, and the documents that an agent's answer stands on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.retrievers import BaseRetriever
from pydantic import Field

from inference_do._adapters.spans import with_spans_of
from inference_do.knowledge import (
    KNOWLEDGE_URL,
    AgentDocument,
    KnowledgeBase,
    RetrievedDocument,
    documents_of_agent,
)

from ._connection import Connected
from ._errors import translate

__all__ = ["DigitalOceanKnowledgeBaseRetriever", "retrieved_documents"]


class DigitalOceanKnowledgeBaseRetriever(Connected, BaseRetriever, defer_build=False):
    """Retrieves from a knowledge base. A call may have its own `k`, `alpha` and `filters`.

    retriever = DigitalOceanKnowledgeBaseRetriever(knowledge_base_id="11f0-...", k=4)
    """

    knowledge_base_id: str = Field(description="The id that the control panel shows.")
    k: int = Field(default=4, ge=1, description="How many documents at most.")
    alpha: float | None = Field(
        default=None, description="0 to 1: the weight of meaning against keywords; None leaves it to the API."
    )
    filters: Mapping[str, Any] | None = Field(
        default=None,
        description="Conditions on metadata under `must`, `should` and `must_not`; see "
        "`inference_do.KnowledgeBase.retrieve`.",
    )
    base_url: str | None = Field(default=KNOWLEDGE_URL, description="Where knowledge bases are.")

    ALIASES: ClassVar[Mapping[str, str]] = {
        "num_results": "k",
        "request_timeout": "timeout",
    }

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002  core reports the documents to callbacks
        **kwargs: Any,
    ) -> list[Document]:
        with translate(), with_spans_of("langchain"):
            return _documents(self._base.retrieve(query, **self._options(kwargs)))

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,  # noqa: ARG002  as above
        **kwargs: Any,
    ) -> list[Document]:
        with translate(), with_spans_of("langchain"):
            return _documents(await self._base.aretrieve(query, **self._options(kwargs)))

    @property
    def _base(self) -> KnowledgeBase:
        return KnowledgeBase(self.knowledge_base_id, clients=self._clients)

    def _options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        options = {"k": self.k, "alpha": self.alpha, "filters": self.filters, **given}
        options["num_results"] = options.pop("k")
        if self.model_kwargs:
            options["extra_body"] = dict(self.model_kwargs)
        return options


def _documents(found: Sequence[RetrievedDocument]) -> list[Document]:
    return [Document(page_content=item.text, metadata=dict(item.metadata)) for item in found]


def retrieved_documents(message: BaseMessage) -> list[Document]:
    """Return the documents that an agent retrieved for an answer, best first.

    The agent reports them if it was asked to: `extra_body={"include_retrieval_info": True}`.

    Args:
        message: The agent's answer, whole or put together from a stream.
    """
    return [_agents_document(item) for item in documents_of_agent(message.response_metadata.get("retrieval"))]


def _agents_document(item: AgentDocument) -> Document:
    score = {} if item.score is None else {"score": item.score}
    return Document(id=item.id, page_content=item.text, metadata={**item.metadata, **score})
