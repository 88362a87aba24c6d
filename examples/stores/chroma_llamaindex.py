"""LlamaIndex with Chroma, embedded: a second run asks for vectors of new texts only.

python examples/stores/chroma_llamaindex.py FOLDER
"""

from __future__ import annotations

from _shared import argument, place, sections
from llama_index.core import VectorStoreIndex
from llama_index.core.base.response.schema import StreamingResponse
from llama_index.core.schema import TextNode
from llama_index.vector_stores.chroma import ChromaVectorStore

from llamaindex_do import DigitalOcean, DigitalOceanEmbedding

QUESTION = "How many months is the warranty on a repair?"


def main() -> None:
    """Fill the store with what it does not have, and ask a question."""
    with place() as here:
        store = ChromaVectorStore.from_params(
            "handbook",
            persist_dir=argument("FOLDER"),
            collection_kwargs={"configuration": {"hnsw": {"space": "cosine"}}},
        )
        embedding = DigitalOceanEmbedding(model_name=here.embedding_model, **here.embedding_connection)
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


if __name__ == "__main__":
    main()
