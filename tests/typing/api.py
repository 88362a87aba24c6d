"""The public API as a user types it: mypy --strict and pyright must agree with every line. Nothing here is run."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.question_gen.types import BaseQuestionGenerator
from pydantic import BaseModel, SecretStr

from inference_do import (
    APIStatusError,
    APITimeoutError,
    AsyncClient,
    ChatCompletion,
    Client,
    Cost,
    EmbeddingResponse,
    InferenceError,
    KnowledgeBase,
    Ledger,
    Model,
    ModelInfo,
    RetrievedDocument,
    StreamError,
    Timeout,
    Usage,
    model_info,
    register_model,
)
from inference_do.emulator import Emulator
from inference_do.emulator.faults import Status
from inference_do.types import Reply
from langchain_do import (
    ChatDigitalOcean,
    DigitalOceanEmbeddings,
    DigitalOceanKnowledgeBaseRetriever,
    UsageCallback,
    register,
    retrieved_documents,
)
from llamaindex_do import (
    DigitalOcean,
    DigitalOceanEmbedding,
    StructuredQuestionGenerator,
    UsageHandler,
    source_nodes,
)
from llamaindex_do import DigitalOceanKnowledgeBaseRetriever as NodeRetriever
from llamaindex_do.testing import EmbeddingConformance, LLMConformance

MESSAGES = [{"role": "user", "content": "Hello!"}]


def client() -> None:
    """The client in threads."""
    with Client("key", base_url="https://example.com/v1", timeout=30, max_retries=0) as one:
        completion: ChatCompletion = one.chat(model="m", messages=MESSAGES, temperature=0.5, max_tokens=10)
        text: str | None = completion.choices[0].message.content
        usage: Usage | None = completion.usage
        names: list[str] = [call.function.name for call in completion.choices[0].message.tool_calls]
        with one.stream(model="m", messages=MESSAGES, timeout=Timeout(idle=5)) as stream:
            for chunk in stream:
                part: str | None = chunk.choices[0].delta.content
                print(part, chunk.usage and chunk.usage.total_tokens, chunk.id)
            whole: ChatCompletion = stream.completion()
        vectors: EmbeddingResponse = one.embed(model="m", input=["a", "b"])
        vector: list[float] = vectors.data[0].embedding
        models: list[Model] = one.models()
        info: ModelInfo = model_info("m")
    print(text, usage, names, whole, vector, models, info.context_window, completion.request_id)


async def async_client() -> None:
    """The client in event loops."""
    async with AsyncClient(lambda: SecretStr("key"), default_headers={"X-A": "1"}) as one:
        completion: ChatCompletion = await one.chat(model="m", messages=MESSAGES)
        async with one.stream(model="m", messages=MESSAGES) as stream:
            async for chunk in stream:
                print(chunk.text, chunk.choices[0].finish_reason)
        models: list[Model] = await one.models()
    print(completion.text, models)


def errors() -> None:
    """What can be caught, and what it tells."""
    try:
        Client().chat(model="m", messages=MESSAGES)
    except APITimeoutError as error:
        print(error.phase, error.attempts)
    except APIStatusError as error:
        wait: float | None = error.retry_after
        print(error.status, error.code, error.type, wait, error.body)
    except StreamError as error:
        print(error.partial.text if error.partial else "")
    except InferenceError as error:
        print(error.retryable, error.request_id)


def beyond_chat() -> None:
    """Models' facts, costs, knowledge bases, other endpoints."""
    mine: ModelInfo = register_model("mine", context_window=4096, tools=False)
    takes: bool | None = mine.accepts("temperature", 0.5)
    with Client("key", ca="ca.pem") as one:
        ranked: Reply = one.request("/rerank", {"model": "m"}, timeout=5)
        answer = one.chat(model="m", messages=MESSAGES, default_params={"temperature": 0})
    ledger = Ledger()
    cost: Cost = ledger.add(answer.model, answer.usage)
    print(cost.date, cost.total, ledger.total.cost)
    with KnowledgeBase("id", api_key="key") as base:
        found: list[RetrievedDocument] = base.retrieve("query", num_results=3)
    print(takes, ranked, found[0].text, found[0].metadata)


def frameworks() -> None:
    """Retrievers and the adding up of costs."""
    chat = ChatDigitalOcean(model="m", callbacks=[spending := UsageCallback()])
    documents = DigitalOceanKnowledgeBaseRetriever(knowledge_base_id="id", k=3).invoke("query")
    with UsageHandler() as handler:
        nodes = NodeRetriever("id", similarity_top_k=3).retrieve("query")
        print(source_nodes(DigitalOcean(model="m").chat([])), nodes[0].text, handler.ledger.by_model)
    print(documents[0].page_content, retrieved_documents(chat.invoke("Hello!")), spending.ledger.total.calls)


def emulator() -> None:
    """The emulator in a test."""
    with Emulator(faults=[Status(503), None]) as one:
        print(one.base_url, one.posts, one.connections, one.requests[0].json, one.disconnects)


class Order(BaseModel):
    """An order."""

    number: int


def adapters() -> None:
    """The frameworks' models."""
    register()
    chat: BaseChatModel = ChatDigitalOcean(model="m", temperature=0, max_tokens=5, api_key=SecretStr("key"))
    answer: AIMessage = chat.invoke("Hello!")
    structured: Runnable[object, object] = chat.with_structured_output(Order)  # type: ignore[assignment]
    model = ChatDigitalOcean(model="m", send_reasoning="reasoning", timeout=Timeout(idle=5))
    bound: Runnable[LanguageModelInput, AIMessage] = model.bind_tools([Order], tool_choice="any", strict=True)
    raw: Runnable[LanguageModelInput, Any] = model.with_structured_output(
        Order, method="json_schema", include_raw=True, tools=[Order]
    )
    print(bound, raw, model.model_name, model.profile)
    vectors: list[list[float]] = DigitalOceanEmbeddings(model="m").embed_documents(["a"])
    llm: FunctionCallingLLM = DigitalOcean(model="m", temperature=0, context_window=1000)
    embedding: BaseEmbedding = DigitalOceanEmbedding(model_name="m")
    own = DigitalOcean(model="m")
    response: ChatResponse = own.chat([ChatMessage(content="Hello!")], temperature=0.5)
    completion: CompletionResponse = own.complete("Hello!", seed=1)
    generator: BaseQuestionGenerator = StructuredQuestionGenerator(own)
    print(answer, structured, vectors, llm.metadata.context_window, embedding.model_name)
    print(response.message.content, completion.text, generator)


class TestMine(LLMConformance):
    """The conformance kit over an LLM of LlamaIndex."""

    has_audio = False

    def make_llm(self, server: Emulator, **settings: Any) -> DigitalOcean:
        """Make the LLM under test."""
        return DigitalOcean(model="m", base_url=server.base_url, api_key=server.api_key, **settings)


class TestMyEmbedding(EmbeddingConformance):
    """The same over an embedding model."""

    def make_embedding(self, server: Emulator, **settings: Any) -> BaseEmbedding:
        """Make the embedding model under test."""
        return DigitalOceanEmbedding(model_name="m", base_url=server.base_url, api_key=server.api_key, **settings)
