"""LangChain with PostgreSQL and pgvector: a second run asks for vectors of new texts only.

python examples/stores/pgvector_langchain.py postgresql://USER:PASSWORD@HOST/DATABASE
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from _shared import Section, argument, place, sections
from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_postgres import PGEngine, PGVectorStore
from sqlalchemy.exc import ProgrammingError

from inference_do import model_info
from langchain_do import ChatDigitalOcean, DigitalOceanEmbeddings

TABLE = "handbook_langchain"
QUESTION = "How many months is the warranty on a repair?"
PROMPT = ChatPromptTemplate.from_messages(
    [
        ("system", "Answer in one sentence, from this context only.\n\nContext:\n{context}"),
        ("human", "{question}"),
    ]
)


def document(part: Section) -> Document:
    """Return a section as LangChain has it."""
    return Document(part.text, id=part.id, metadata={"source": part.source})


def main() -> None:
    """Fill the store with what it does not have, and ask a question."""
    with place() as here:
        embeddings = DigitalOceanEmbeddings(
            model=here.embedding_model,
            **here.embedding_connection,
        )
        dimensions = model_info(here.embedding_model).dimensions
        dimensions = dimensions or len(embeddings.embed_query("How many?"))
        url = argument("URL").replace("postgresql:", "postgresql+psycopg:", 1)
        engine = PGEngine.from_connection_string(url)
        with suppress(ProgrammingError):  # the table is there already
            engine.init_vectorstore_table(TABLE, vector_size=dimensions)
        store = PGVectorStore.create_sync(engine, embeddings, TABLE)

        wanted = {part.id: document(part) for part in sections()}
        stored = {found.id for found in store.get_by_ids(list(wanted))}
        new = [wanted[id_] for id_ in wanted if id_ not in stored]
        if new:
            store.add_documents(new)
        print(f"Passages: {len(stored)} were stored, {len(new)} are new")

        print(f"Question: {QUESTION}")
        best = store.similarity_search_with_relevance_scores(QUESTION, k=2)
        for found, score in best:
            print(f"Source:   {found.metadata['source']} (score {score:.2f})")
        context = "\n\n".join(found.page_content for found, _ in best)
        model = ChatDigitalOcean(model=here.model, temperature=0, **here.connection)
        print("Answer:   ", end="")
        for chunk in (PROMPT | model).stream({"context": context, "question": QUESTION}):
            print(chunk.text, end="", flush=True)
        print()
        asyncio.run(engine.close())


if __name__ == "__main__":
    main()
