"""LlamaIndex's engines end to end over HTTP; answers depend on the right document having been found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core import Document, SummaryIndex, VectorStoreIndex
from llama_index.core.chat_engine import CondensePlusContextChatEngine, ContextChatEngine, SimpleChatEngine
from llama_index.core.evaluation import (
    AnswerRelevancyEvaluator,
    ContextRelevancyEvaluator,
    CorrectnessEvaluator,
    FaithfulnessEvaluator,
    RelevancyEvaluator,
)
from llama_index.core.extractors import KeywordExtractor, SummaryExtractor, TitleExtractor
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events.llm import LLMChatStartEvent
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.postprocessor import LLMRerank
from llama_index.core.query_engine import RouterQueryEngine, SubQuestionQueryEngine
from llama_index.core.question_gen import LLMQuestionGenerator
from llama_index.core.response_synthesizers import ResponseMode
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.core.selectors import LLMSingleSelector, PydanticMultiSelector, PydanticSingleSelector
from llama_index.core.tools import QueryEngineTool
from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from llama_index.core.base.base_query_engine import BaseQueryEngine

    from inference_do.emulator import Emulator
    from llamaindex_do import DigitalOcean, DigitalOceanEmbedding

    Make = Callable[..., DigitalOcean]


FACTS = {
    "The lighthouse of Skagen was painted green in 1931.": (
        "What colour was the lighthouse of Skagen painted?",
        "green",
    ),
    "Captain Morrow keeps a parrot called Biscuit.": ("What is the parrot of Captain Morrow called?", "Biscuit"),
    "The bakery in Holm sells rye bread on Tuesdays only.": ("When does the bakery sell rye bread?", "Tuesdays"),
    "Doctor Vale collects clocks made in Geneva.": ("What does Doctor Vale collect?", "clocks"),
    "The ferry to Anholt leaves at seven in the morning.": ("When does the ferry to Anholt leave?", "seven"),
}
QUESTIONS = list(FACTS.values())


@pytest.fixture
def documents() -> list[Document]:
    return [Document(text=text) for text in FACTS]


@pytest.fixture
def index(documents: list[Document], embedding: DigitalOceanEmbedding) -> VectorStoreIndex:
    return VectorStoreIndex.from_documents(documents, embed_model=embedding)


@pytest.mark.parametrize("mode", ["compact", "refine", "tree_summarize", "simple_summarize"])
@pytest.mark.parametrize(("question", "answer"), QUESTIONS[:3])
def test_query_engine(index: VectorStoreIndex, llm: DigitalOcean, mode: str, question: str, answer: str) -> None:
    engine = index.as_query_engine(llm=llm, similarity_top_k=2, response_mode=mode)
    assert answer in str(engine.query(question))


def test_the_answer_needs_the_right_document(index: VectorStoreIndex, llm: DigitalOcean) -> None:
    question, answer = QUESTIONS[0]
    index.delete_ref_doc(next(iter(index.ref_doc_info)))
    assert answer not in str(index.as_query_engine(llm=llm, similarity_top_k=1).query(question))


@pytest.mark.parametrize(("question", "answer"), QUESTIONS)
async def test_async_query_engine(index: VectorStoreIndex, llm: DigitalOcean, question: str, answer: str) -> None:
    engine = index.as_query_engine(llm=llm, similarity_top_k=1, use_async=True)
    assert answer in str(await engine.aquery(question))
    await llm.aclose()
    await index._embed_model.aclose()


def test_streaming_query_engine(index: VectorStoreIndex, llm: DigitalOcean) -> None:
    question, answer = QUESTIONS[1]
    tokens = list(index.as_query_engine(llm=llm, similarity_top_k=1, streaming=True).query(question).response_gen)
    assert len(tokens) > 2
    assert answer in "".join(tokens)


async def test_async_streaming_query_engine(index: VectorStoreIndex, llm: DigitalOcean) -> None:
    question, answer = QUESTIONS[1]
    response = await index.as_query_engine(llm=llm, similarity_top_k=1, streaming=True).aquery(question)
    assert answer in "".join([token async for token in response.async_response_gen()])
    await llm.aclose()
    await index._embed_model.aclose()


def test_refine_over_many_chunks(llm: DigitalOcean, documents: list[Document], emu: Emulator) -> None:
    engine = SummaryIndex.from_documents(documents).as_query_engine(llm=llm, response_mode=ResponseMode.REFINE)
    question, answer = QUESTIONS[2]
    assert answer in str(engine.query(question))
    assert emu.posts == len(documents)


def test_tree_summarize_in_parallel(llm: DigitalOcean, documents: list[Document], emu: Emulator) -> None:
    calls: list[LLMChatStartEvent] = []

    class Counter(BaseEventHandler):
        def handle(self, event: Any, **_: Any) -> None:
            calls.extend([event] if isinstance(event, LLMChatStartEvent) else [])

    llm.context_window, llm.num_output = 500, 50
    longer = [Document(text=document.text + " It rained a lot that year, they say." * 20) for document in documents]
    engine = SummaryIndex.from_documents(longer).as_query_engine(
        llm=llm, response_mode=ResponseMode.TREE_SUMMARIZE, use_async=True
    )
    question, answer = QUESTIONS[0]
    get_dispatcher().add_event_handler(counter := Counter())
    assert answer in str(engine.query(question))
    get_dispatcher().event_handlers.remove(counter)
    assert emu.posts == len(calls) > 2


def test_structured_query_engine(index: VectorStoreIndex, make: Make) -> None:
    class Colour(BaseModel):
        lighthouse: str

    engine = index.as_query_engine(llm=make("llama3.3-70b-instruct"), output_cls=Colour, similarity_top_k=1)
    response = engine.query("What colour was the lighthouse of Skagen painted?").response
    assert isinstance(response, Colour)
    engine = index.as_query_engine(llm=make().as_structured_llm(Colour), similarity_top_k=1)
    assert isinstance(engine.query("What colour was the lighthouse of Skagen painted?").response, Colour)


# --- chat engines ----------------------------------------------------------


def test_simple_chat_engine(llm: DigitalOcean) -> None:
    engine = SimpleChatEngine.from_defaults(llm=llm, system_prompt="Be kind.")
    engine.chat("My boat is called Marigold.")
    assert "Marigold" in engine.chat("What is my boat called?").response
    streamed = engine.stream_chat("What is my boat called?")
    assert "Marigold" in "".join(streamed.response_gen)
    assert len(engine.chat_history) == 6


async def test_simple_chat_engine_async(llm: DigitalOcean) -> None:
    engine = SimpleChatEngine.from_defaults(llm=llm)
    await engine.achat("My boat is called Marigold.")
    streamed = await engine.astream_chat("What is my boat called?")
    assert "Marigold" in "".join([token async for token in streamed.async_response_gen()])
    assert "Marigold" in engine.chat_history[-1].content
    await llm.aclose()


@pytest.mark.usefixtures("unclosed_memory")
def test_context_chat_engine(index: VectorStoreIndex, llm: DigitalOcean) -> None:
    engine = ContextChatEngine.from_defaults(retriever=index.as_retriever(similarity_top_k=1), llm=llm)
    for question, answer in QUESTIONS[:2]:
        assert answer in engine.chat(question).response
    question, answer = QUESTIONS[3]
    assert answer in "".join(engine.stream_chat(question).response_gen)


@pytest.mark.usefixtures("unclosed_memory")
def test_condense_plus_context_chat_engine(index: VectorStoreIndex, llm: DigitalOcean, emu: Emulator) -> None:
    engine = CondensePlusContextChatEngine.from_defaults(index.as_retriever(similarity_top_k=1), llm=llm)
    assert "seven" in engine.chat("When does the ferry to Anholt leave?").response
    assert "seven" in engine.chat("Does it leave in the morning?").response
    searched = [request.json["input"][0] for request in emu.requests if "input" in request.json]
    assert "ferry to Anholt" in searched[-1]


# --- choosing and dividing -------------------------------------------------


@pytest.fixture
def tools(embedding: DigitalOceanEmbedding, llm: DigitalOcean) -> list[QueryEngineTool]:
    def engine(*texts: str) -> BaseQueryEngine:
        documents = [Document(text=text) for text in texts]
        return VectorStoreIndex.from_documents(documents, embed_model=embedding).as_query_engine(llm=llm)

    sea, land = list(FACTS)[0::4], list(FACTS)[2:4]
    return [
        QueryEngineTool.from_defaults(engine(*sea), name="sea", description="Facts on the lighthouse and the ferry."),
        QueryEngineTool.from_defaults(engine(*land), name="land", description="Facts on the bakery and the doctor."),
    ]


@pytest.mark.parametrize(
    "make_selector", [PydanticSingleSelector.from_defaults, LLMSingleSelector.from_defaults, None], ids=str
)
@pytest.mark.parametrize("number", [0, 2])
def test_router(tools: list[QueryEngineTool], llm: DigitalOcean, make_selector: Any, number: int) -> None:
    selector = make_selector(llm=llm) if make_selector else None
    engine = RouterQueryEngine.from_defaults(query_engine_tools=tools, selector=selector, llm=llm)
    question, answer = QUESTIONS[number]
    assert answer in str(engine.query(question))


def test_router_over_several_engines(tools: list[QueryEngineTool], llm: DigitalOcean) -> None:
    engine = RouterQueryEngine.from_defaults(
        query_engine_tools=tools, selector=PydanticMultiSelector.from_defaults(llm=llm), llm=llm
    )
    assert "green" in str(engine.query("What colour was the lighthouse of Skagen painted?"))


@pytest.mark.parametrize("use_async", [False, True])
def test_sub_questions(tools: list[QueryEngineTool], llm: DigitalOcean, use_async: bool) -> None:
    engine = SubQuestionQueryEngine.from_defaults(
        query_engine_tools=tools,
        question_gen=LLMQuestionGenerator.from_defaults(llm=llm),
        llm=llm,
        use_async=use_async,
        verbose=False,
    )
    response = engine.query("When does the ferry to Anholt leave, and when does the bakery sell rye bread?")
    texts = " ".join(node.text for node in response.source_nodes)
    assert "seven" in texts
    assert "Tuesdays" in texts
    assert str(response)


# --- evaluators, rerankers, extractors -------------------------------------

QUERY, ANSWER = "When does the ferry leave?", "The ferry to Anholt leaves at seven in the morning."
NONSENSE = "Whales sing operas beneath glaciers forever."
CONTEXTS = [ANSWER + " It is blue."]


@pytest.mark.parametrize(("response", "passing"), [(ANSWER, True), (NONSENSE, False)])
async def test_evaluators(llm: DigitalOcean, response: str, passing: bool) -> None:
    for kind in (FaithfulnessEvaluator, RelevancyEvaluator):
        asked = {"query": QUERY, "response": response, "contexts": CONTEXTS}
        assert (await kind(llm=llm).aevaluate(**asked)).passing is passing
    result = await CorrectnessEvaluator(llm=llm).aevaluate(query=QUERY, response=response, reference=ANSWER)
    assert result.passing is passing
    await llm.aclose()


async def test_scoring_evaluators(llm: DigitalOcean, emu: Emulator) -> None:
    for kind, good, bad in (
        (AnswerRelevancyEvaluator, {"response": ANSWER}, {"response": NONSENSE}),
        (ContextRelevancyEvaluator, {"contexts": CONTEXTS}, {"contexts": [NONSENSE]}),
    ):
        assert (await kind(llm=llm).aevaluate(query=QUERY, **good)).score == 1.0
        assert (await kind(llm=llm).aevaluate(query=QUERY, **bad)).score == 0.0
    assert emu.posts == 4
    await llm.aclose()


def test_reranking(llm: DigitalOcean) -> None:
    nodes = [NodeWithScore(node=TextNode(text=text), score=0.5) for text in FACTS]
    best = LLMRerank(llm=llm, top_n=1, choice_batch_size=5).postprocess_nodes(nodes, query_str=QUESTIONS[3][0])
    assert [node.text for node in best] == ["Doctor Vale collects clocks made in Geneva."]


async def test_extractors(llm: DigitalOcean, documents: list[Document], embedding: DigitalOceanEmbedding) -> None:
    extractors = [TitleExtractor(llm=llm), KeywordExtractor(llm=llm, keywords=3), SummaryExtractor(llm=llm)]
    pipeline = IngestionPipeline(transformations=[SentenceSplitter(), *extractors, embedding], disable_cache=True)
    nodes = await pipeline.arun(documents=documents[:2])
    assert len(nodes) == 2
    for node in nodes:
        assert {"document_title", "excerpt_keywords", "section_summary"} <= set(node.metadata)
        assert node.embedding
    await llm.aclose()
    await embedding.aclose()
