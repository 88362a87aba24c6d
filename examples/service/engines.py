"""What answers: a LangChain chain and a LlamaIndex query engine over the same documents, in tasks and in threads."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from typing import Self

from _documents import sections
from _place import Place
from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.vectorstores import InMemoryVectorStore
from llama_index.core import VectorStoreIndex
from llama_index.core.base.response.schema import AsyncStreamingResponse, StreamingResponse
from llama_index.core.schema import NodeWithScore, TextNode

from langchain_do import ChatDigitalOcean, DigitalOceanEmbeddings
from llamaindex_do import DigitalOcean, DigitalOceanEmbedding

from .answers import Event
from .limits import Limits
from .threads import in_threads

PROMPT = ChatPromptTemplate.from_messages(
    [("system", "Answer from this context only.\n\nContext:\n{context}"), ("human", "{question}")]
)
SOURCES = 2


class Engines:
    """The models and the indexes of a process. Its requests share them, and with them connections and rate limits."""

    def __init__(self, here: Place, limits: Limits) -> None:
        """Make them; the documents are sent to the embedding model."""
        chat = {"max_tokens": 500, "rate_limit_wait": limits.rate_limit_wait, **here.connection}
        embedding = {"rate_limit_wait": limits.rate_limit_wait, **here.embedding_connection}
        self._model = ChatDigitalOcean(model=here.model, **chat)
        self._embeddings = DigitalOceanEmbeddings(model=here.embedding_model, **embedding)
        self._llm = DigitalOcean(model=here.model, **chat)
        self._embed_model = DigitalOceanEmbedding(model_name=here.embedding_model, **embedding)

        found = sections()
        store = InMemoryVectorStore(self._embeddings)
        store.add_documents([Document(text, metadata={"source": source}) for source, text in found])
        self.retriever = store.as_retriever(search_kwargs={"k": SOURCES})
        self.chain = PROMPT | self._model
        index = VectorStoreIndex(
            [TextNode(text=text, metadata={"source": source}) for source, text in found], embed_model=self._embed_model
        )
        self.query_engine = index.as_query_engine(llm=self._llm, similarity_top_k=SOURCES, streaming=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        for model in (self._model, self._embeddings, self._llm, self._embed_model):
            await model.aclose()
            model.close()


async def langchain(engines: Engines, question: str) -> AsyncGenerator[Event, None]:
    """Answer by the chain."""
    documents = await engines.retriever.ainvoke(question)
    yield _documents(documents)
    async for chunk in engines.chain.astream(_inputs(documents, question)):
        if chunk.text:
            yield Event("text", chunk.text)


def langchain_in_threads(engines: Engines, question: str) -> Generator[Event, None, None]:
    """Answer by the chain, in threads."""
    documents = engines.retriever.invoke(question)
    yield _documents(documents)
    for chunk in engines.chain.stream(_inputs(documents, question)):
        if chunk.text:
            yield Event("text", chunk.text)


async def llamaindex(engines: Engines, question: str) -> AsyncGenerator[Event, None]:
    """Answer by the query engine."""
    response = await engines.query_engine.aquery(question)
    assert isinstance(response, AsyncStreamingResponse)
    yield _nodes(response.source_nodes)
    async for text in response.response_gen:
        if text:
            yield Event("text", text)


def llamaindex_in_threads(engines: Engines, question: str) -> Generator[Event, None, None]:
    """Answer by the query engine, in threads."""
    response = engines.query_engine.query(question)
    assert isinstance(response, StreamingResponse)
    yield _nodes(response.source_nodes)
    for text in response.response_gen:
        if text:
            yield Event("text", text)


ANSWERS: dict[str, Callable[[Engines, str], AsyncGenerator[Event, None]]] = {
    "langchain": langchain,
    "llamaindex": llamaindex,
    "langchain-threads": lambda engines, question: in_threads(langchain_in_threads(engines, question)),
    "llamaindex-threads": lambda engines, question: in_threads(llamaindex_in_threads(engines, question)),
}


def _inputs(documents: list[Document], question: str) -> dict[str, str]:
    return {"context": "\n\n".join(document.page_content for document in documents), "question": question}


def _documents(documents: list[Document]) -> Event:
    found = [{"source": document.metadata["source"], "text": document.page_content} for document in documents]
    return Event("sources", found)


def _nodes(nodes: list[NodeWithScore]) -> Event:
    found = [{"source": node.metadata["source"], "text": node.get_content(), "score": node.score} for node in nodes]
    return Event("sources", found)
