"""A knowledge base of DigitalOcean's as LlamaIndex's retriever, and the nodes that an agent's answer stands on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.llms.types import ChatResponse
from llama_index.core.callbacks import CallbackManager
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from inference_do._adapters.spans import with_spans_of
from inference_do.knowledge import AgentDocument, KnowledgeBase, RetrievedDocument, documents_of_agent

__all__ = ["DigitalOceanKnowledgeBaseRetriever", "source_nodes"]


class DigitalOceanKnowledgeBaseRetriever(BaseRetriever):
    """Retrieves from a knowledge base. The API reports no scores, only an order, so nodes have none.

    Args:
        knowledge_base_id: The id that the control panel shows.
        similarity_top_k: How many nodes at most.
        alpha: 0 to 1: the weight of meaning against keywords; None leaves it to the API.
        filters: Conditions on metadata; see `inference_do.KnowledgeBase.retrieve`.
        callback_manager: LlamaIndex's.
        verbose: LlamaIndex's.
        **connection: Arguments of `inference_do.KnowledgeBase`: `api_key`, `base_url`, `timeout`, ...

    Raises:
        ConfigError: An argument cannot be right.
    """

    def __init__(
        self,
        knowledge_base_id: str,
        *,
        similarity_top_k: int = 4,
        alpha: float | None = None,
        filters: Mapping[str, Any] | None = None,
        callback_manager: CallbackManager | None = None,
        verbose: bool = False,
        **connection: Any,
    ) -> None:
        self._base = KnowledgeBase(knowledge_base_id, **connection)
        self._options = {"num_results": similarity_top_k, "alpha": alpha, "filters": filters}
        super().__init__(callback_manager=callback_manager, verbose=verbose)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        with with_spans_of("llama_index"):
            return _nodes(self._base.retrieve(query_bundle.query_str, **self._options))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        with with_spans_of("llama_index"):
            return _nodes(await self._base.aretrieve(query_bundle.query_str, **self._options))

    def close(self) -> None:
        """Close the connections that threads opened."""
        self._base.close()

    async def aclose(self) -> None:
        """Close those connections and the running event loop's."""
        await self._base.aclose()


def _nodes(found: Iterable[RetrievedDocument]) -> list[NodeWithScore]:
    return [NodeWithScore(node=TextNode(text=item.text, metadata=dict(item.metadata))) for item in found]


def source_nodes(response: ChatResponse) -> list[NodeWithScore]:
    """Return the nodes that an agent retrieved for an answer, best first, with their scores.

    The agent reports them if it was asked to: `extra_body={"include_retrieval_info": True}`.

    Args:
        response: The agent's answer; of a stream the last response.
    """
    return [_agents_node(item) for item in documents_of_agent(response.additional_kwargs.get("retrieval"))]


def _agents_node(item: AgentDocument) -> NodeWithScore:
    named = {} if item.id is None else {"id_": item.id}
    return NodeWithScore(node=TextNode(text=item.text, metadata=item.metadata, **named), score=item.score)
