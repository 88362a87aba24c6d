"""LlamaIndex with PostgreSQL and pgvector: a second run asks for vectors of new texts only.

python examples/stores/pgvector_llamaindex.py postgresql://USER:PASSWORD@HOST/DATABASE
"""

from __future__ import annotations

import asyncio

from _shared import argument, place, sections
from llama_index.core import VectorStoreIndex
from llama_index.core.base.response.schema import StreamingResponse
from llama_index.core.schema import TextNode
from llama_index.vector_stores.postgres import PGVectorStore

from inference_do import model_info
from llamaindex_do import DigitalOcean, DigitalOceanEmbedding

QUESTION = "How many months is the warranty on a repair?"


def main() -> None:
    """Fill the store with what it does not have, and ask a question."""
    with place() as here:
        embedding = DigitalOceanEmbedding(model_name=here.embedding_model, **here.embedding_connection)
        url = argument("URL")
        store = PGVectorStore(
            connection_string="postgresql+psycopg2" + url.removeprefix("postgresql"),
            async_connection_string="postgresql+asyncpg" + url.removeprefix("postgresql"),
            table_name="handbook",  # LlamaIndex calls it data_handbook
            embed_dim=model_info(here.embedding_model).dimensions or len(embedding.get_text_embedding("How many?")),
        )
        index = VectorStoreIndex.from_vector_store(store, embed_model=embedding)

        wanted = [TextNode(id_=part.id, text=part.text, metadata={"source": part.source}) for part in sections()]
        stored = {node.node_id for node in store.get_nodes([node.node_id for node in wanted])}
        new = [node for node in wanted if node.node_id not in stored]
        index.insert_nodes(new)
        print(f"Passages: {len(stored)} were stored, {len(new)} are new")

        print(f"Question: {QUESTION}")
        llm = DigitalOcean(model=here.model, temperature=0, max_tokens=200, **here.connection)
        response = index.as_query_engine(llm=llm, similarity_top_k=2, streaming=True).query(QUESTION)
        assert isinstance(response, StreamingResponse)
        for found in response.source_nodes:
            print(f"Source:   {found.metadata['source']} (score {found.score:.2f})")
        print("Answer:   ", end="")
        response.print_response_stream()
        print()
        asyncio.run(store.close())


if __name__ == "__main__":
    main()
