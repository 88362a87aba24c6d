"""LangChain with Chroma, embedded: a second run asks for vectors of new texts only.

python examples/stores/chroma_langchain.py FOLDER
"""

from __future__ import annotations

from _shared import argument, place, sections
from langchain_chroma import Chroma
from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate

from langchain_do import ChatDigitalOcean, DigitalOceanEmbeddings

QUESTION = "How many months is the warranty on a repair?"
PROMPT = ChatPromptTemplate.from_messages(
    [
        ("system", "Answer in one sentence, from this context only.\n\nContext:\n{context}"),
        ("human", "{question}"),
    ]
)


def main() -> None:
    """Fill the store with what it does not have, and ask a question."""
    with place() as here:
        embeddings = DigitalOceanEmbeddings(model=here.embedding_model, **here.embedding_connection)
        store = Chroma(
            "handbook",
            embeddings,
            persist_directory=argument("FOLDER"),
            collection_configuration={"hnsw": {"space": "cosine"}},
        )

        wanted = [Document(part.text, id=part.id, metadata={"source": part.source}) for part in sections()]
        stored = {document.id for document in store.get_by_ids([part.id for part in sections()])}
        new = [document for document in wanted if document.id not in stored]
        if new:
            store.add_documents(new)
        print(f"Passages: {len(stored)} were stored, {len(new)} are new")

        print(f"Question: {QUESTION}")
        found = store.similarity_search_with_relevance_scores(QUESTION, k=2)
        for document, score in found:
            print(f"Source:   {document.metadata['source']} (score {score:.2f})")
        context = "\n\n".join(document.page_content for document, _ in found)
        model = ChatDigitalOcean(model=here.model, temperature=0, max_tokens=200, **here.connection)
        print("Answer:   ", end="")
        for chunk in (PROMPT | model).stream({"context": context, "question": QUESTION}):
            print(chunk.text, end="", flush=True)
        print()


if __name__ == "__main__":
    main()
