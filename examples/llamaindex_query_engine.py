"""A LlamaIndex query engine over documents: embeddings, retrieval, a streamed answer, and what it cost."""

from __future__ import annotations

from _documents import sections
from _place import place
from llama_index.core import Settings, VectorStoreIndex
from llama_index.core.base.response.schema import StreamingResponse
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.schema import TextNode

from llamaindex_do import DigitalOcean, DigitalOceanEmbedding

QUESTIONS = [
    "How late may a bike come back without a charge?",
    "What is paid for a ride between the shops by bike?",
]


def main() -> None:
    """Ask the questions."""
    with place() as here:
        counter = TokenCountingHandler()
        Settings.callback_manager = CallbackManager([counter])
        llm = DigitalOcean(model=here.model, temperature=0, max_tokens=200, **here.connection)
        index = VectorStoreIndex(
            [TextNode(text=text, metadata={"source": source}) for source, text in sections()],
            embed_model=DigitalOceanEmbedding(model_name=here.embedding_model, **here.embedding_connection),
        )
        engine = index.as_query_engine(llm=llm, similarity_top_k=2, streaming=True)
        for question in QUESTIONS:
            response = engine.query(question)
            assert isinstance(response, StreamingResponse)
            print(f"Question: {question}")
            for found in response.source_nodes:
                print(f"Source:   {found.metadata['source']} (score {found.score:.2f})")
            print("Answer:   ", end="")
            response.print_response_stream()
            print(f"\nTokens:   {counter.prompt_llm_token_count} in, {counter.completion_llm_token_count} out\n")
            counter.reset_counts()


if __name__ == "__main__":
    main()
