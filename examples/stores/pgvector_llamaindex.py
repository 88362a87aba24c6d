"""LlamaIndex with PostgreSQL and pgvector: a second run asks for vectors of new texts only.

python examples/stores/pgvector_llamaindex.py postgresql://USER:PASSWORD@HOST/DATABASE
"""

from __future__ import annotations

import asyncio

from _shared import Section, argument, place, sections
from llama_index.core import VectorStoreIndex
from llama_index.core.base.response.schema import StreamingResponse
from llama_index.core.schema import TextNode
from llama_index.vector_stores.postgres import PGVectorStore

from inference_do import model_info
from llamaindex_do import DigitalOcean, DigitalOceanEmbedding

QUESTION = "How many months is the warranty on a repair?"


def node(part: Section) -> TextNode:
    """Return a section as LlamaIndex has it."""
    return TextNode(id_=part.id, text=part.text, metadata={"source": part.source})


def main() -> None:
    """Fill the store with what it does not have, and ask a question."""
    with place() as here:
        embedding = DigitalOceanEmbedding(
            model_name=here.embedding_model,
            **here.embedding_connection,
        )
        dimensions = model_info(here.embedding_model).dimensions
        dimensions = dimensions or len(embedding.get_text_embedding("How many?"))
        url = argument("URL").replace("postgresql:", "postgresql+psycopg:", 1)
        store = PGVectorStore(
            connection_string=url,
            async_connection_string=url,
            table_name="handbook_llamaindex",  # with data_ before it
            embed_dim=dimensions,
        )
        index = VectorStoreIndex.from_vector_store(store, embed_model=embedding)

        wanted = {part.id: node(part) for part in sections()}
        stored = {found.node_id for found in store.get_nodes(list(wanted))}
        new = [wanted[id_] for id_ in wanted if id_ not in stored]
        index.insert_nodes(new)
        print(f"Passages: {len(stored)} were stored, {len(new)} are new")

        print(f"Question: {QUESTION}")
        llm = DigitalOcean(model=here.model, temperature=0, **here.connection)
        engine = index.as_query_engine(llm=llm, similarity_top_k=2, streaming=True)
        response = engine.query(QUESTION)
        assert isinstance(response, StreamingResponse)
        for found in response.source_nodes:
            print(f"Source:   {found.metadata['source']} (score {found.score:.2f})")
        print("Answer:   ", end="")
        response.print_response_stream()
        print()
        asyncio.run(store.close())


if __name__ == "__main__":
    main()
