"""A LangChain chain over documents: find the section that fits a question, and stream the answer."""

from __future__ import annotations

from _documents import sections
from _place import place
from langchain_core.documents import Document
from langchain_core.messages.ai import UsageMetadata
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_do import ChatDigitalOcean, DigitalOceanEmbeddings

QUESTIONS = [
    "How many days of paid leave does everybody have?",
    "How high is the deposit for a cargo bike?",
]
PROMPT = ChatPromptTemplate.from_messages(
    [
        ("system", "Answer in one sentence, from this context only.\n\nContext:\n{context}"),
        ("human", "{question}"),
    ]
)


def main() -> None:
    """Ask the questions."""
    with place() as here:
        store = InMemoryVectorStore(DigitalOceanEmbeddings(model=here.embedding_model, **here.embedding_connection))
        store.add_documents([Document(text, metadata={"source": source}) for source, text in sections()])
        model = ChatDigitalOcean(model=here.model, temperature=0, max_tokens=200, **here.connection)
        for question in QUESTIONS:
            [best] = store.similarity_search(question, k=1)
            print(f"Question: {question}\nSource:   {best.metadata['source']}\nAnswer:   ", end="")
            usage: UsageMetadata | None = None
            for chunk in (PROMPT | model).stream({"context": best.page_content, "question": question}):
                print(chunk.text, end="", flush=True)
                usage = chunk.usage_metadata or usage  # it comes with the last chunk
            assert usage is not None
            print(f"\nTokens:   {usage['input_tokens']} in, {usage['output_tokens']} out\n")

        chain = PROMPT | model | StrOutputParser()
        question = "Who may open the battery of an electric bike?"
        [best] = store.similarity_search(question, k=1)
        answer = chain.invoke({"context": best.page_content, "question": question})
        print(f"Question: {question}\nAnswer, by one chain: {answer}")


if __name__ == "__main__":
    main()
