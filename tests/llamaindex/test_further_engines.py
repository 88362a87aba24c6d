"""Further corners of llama-index-core, end to end: memories from JSON, processes, counting, more engines."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core import (
    Document,
    DocumentSummaryIndex,
    KeywordTableIndex,
    SummaryIndex,
    TreeIndex,
    VectorStoreIndex,
    get_response_synthesizer,
)
from llama_index.core.agent.workflow import AgentStream, FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.chat_engine import CondensePlusContextChatEngine, ContextChatEngine
from llama_index.core.evaluation import BatchEvalRunner, FaithfulnessEvaluator, GuidelineEvaluator, RelevancyEvaluator
from llama_index.core.extractors import DocumentContextExtractor, TitleExtractor
from llama_index.core.indices.query.query_transform import HyDEQueryTransform
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.memory import ChatMemoryBuffer, ChatSummaryMemoryBuffer, Memory
from llama_index.core.postprocessor import StructuredLLMRerank
from llama_index.core.program import FunctionCallingProgram, LLMTextCompletionProgram
from llama_index.core.query_engine import CitationQueryEngine, RetryQueryEngine, TransformQueryEngine
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.schema import NodeRelationship, NodeWithScore, TextNode
from llama_index.core.storage.docstore import SimpleDocumentStore
from pydantic import BaseModel

from inference_do.emulator import Status
from inference_do.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference_do.emulator import Emulator
    from llamaindex_do import DigitalOcean, DigitalOceanEmbedding

    Make = Callable[..., DigitalOcean]

FACTS = [
    "The lighthouse of Skagen was painted green in 1931.",
    "Captain Morrow keeps a parrot called Biscuit.",
    "The bakery in Holm sells rye bread on Tuesdays only.",
]
DOCUMENTS = [Document(text=text) for text in FACTS]
QUESTION = "What colour was the lighthouse of Skagen painted?"
ANSWER = FACTS[0]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


FORCED = {"type": "function", "function": {"name": "Colour"}}
"""LlamaIndex's own program leaves the choice to the model while it streams, unless it is told."""


class Colour(BaseModel):
    """A colour."""

    name: str


# --- memory ----------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")
@pytest.mark.usefixtures("unclosed_memory")
async def test_memory_across_turns(make: Make, emu: Emulator) -> None:
    llm = make()
    agent = FunctionAgent(tools=[add], llm=llm)
    memory = Memory.from_defaults(session_id="boats")
    await agent.run("My boat is called Marigold. Add 41 and 58.", memory=memory)
    stored = json.dumps([message.model_dump() for message in await memory.aget_all()])
    fresh = Memory.from_defaults(session_id="boats again")
    await fresh.aput_messages([ChatMessage.model_validate(message) for message in json.loads(stored)])
    assert "Marigold" in str(await agent.run("What is my boat called?", memory=fresh))
    call = emu.requests[-1].json["messages"][1]["tool_calls"][0]
    assert json.loads(call["function"]["arguments"]) == {"a": 41, "b": 58}
    await llm.aclose()


def test_a_summary_memory(llm: DigitalOcean, emu: Emulator) -> None:
    memory = ChatSummaryMemoryBuffer.from_defaults(llm=llm, token_limit=40)
    for number in range(4):
        memory.put(ChatMessage(content=f"Fact number {number} is about the sea and ships"))
        memory.put(ChatMessage(role="assistant", content="I see, thank you very much for it"))
    assert memory.get()[0].role.value == "system"
    assert emu.posts >= 1


# --- observers -------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")
async def test_tokens_of_an_agents_run_are_the_servers(make: Make, emu: Emulator) -> None:
    counter = TokenCountingHandler(tokenizer=lambda _: pytest.fail("the server's counts are there"))
    llm = make(callback_manager=CallbackManager([counter]))
    emu.reply(tool_calls=[("add", {"a": 41, "b": 58})], usage={"prompt_tokens": 11, "completion_tokens": 7})
    emu.reply("99", usage={"prompt_tokens": 20, "completion_tokens": 3, "total_tokens": 23})
    handler = FunctionAgent(tools=[add], llm=llm).run("Add 41 and 58")
    raws = [event.raw async for event in handler.stream_events() if isinstance(event, AgentStream)]
    await handler
    assert (counter.prompt_llm_token_count, counter.completion_llm_token_count) == (31, 10)
    assert raws[-1]["usage"]["total_tokens"] == 23
    json.dumps(raws)
    await llm.aclose()


# --- engines ---------------------------------------------------------------


@pytest.mark.parametrize(
    "make_index",
    [
        lambda llm, embedding: VectorStoreIndex.from_documents(DOCUMENTS, embed_model=embedding),
        lambda llm, embedding: KeywordTableIndex.from_documents(DOCUMENTS, llm=llm),
        lambda llm, embedding: TreeIndex.from_documents(DOCUMENTS, llm=llm, num_children=2),
    ],
    ids=["vector", "keyword", "tree"],
)
def test_indices(llm: DigitalOcean, embedding: DigitalOceanEmbedding, make_index: Any) -> None:
    assert ANSWER in str(make_index(llm, embedding).as_query_engine(llm=llm).query(QUESTION))


@pytest.mark.parametrize("use_async", [False, True])
def test_an_index_of_summaries(llm: DigitalOcean, embedding: DigitalOceanEmbedding, use_async: bool) -> None:
    """LlamaIndex puts documents' ids into the prompts of their summaries: random ones would change the answers."""
    synthesizer = get_response_synthesizer(llm=llm, response_mode="tree_summarize", use_async=use_async)
    index = DocumentSummaryIndex.from_documents(
        [Document(text=text, id_=f"fact-{number}") for number, text in enumerate(FACTS)],
        llm=llm,
        embed_model=embedding,
        response_synthesizer=synthesizer,
    )
    assert index.get_document_summary("fact-0")
    assert ANSWER in str(index.as_query_engine(llm=llm, similarity_top_k=len(FACTS)).query(QUESTION))


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("mode", ["refine", "compact", "simple_summarize", "tree_summarize", "generation"])
def test_response_modes(llm: DigitalOcean, mode: str, streaming: bool) -> None:
    engine = SummaryIndex.from_documents(DOCUMENTS).as_query_engine(llm=llm, response_mode=mode, streaming=streaming)
    assert "lighthouse" in str(engine.query(QUESTION))


@pytest.mark.parametrize("mode", ["compact", "refine", "tree_summarize"])
def test_structured_response_modes(make: Make, mode: str) -> None:
    index = SummaryIndex.from_documents(DOCUMENTS)
    for llm in (make(), make("llama3.3-70b-instruct")):
        structured = index.as_query_engine(llm=llm.as_structured_llm(Colour), response_mode=mode)
        assert isinstance(structured.query(QUESTION).response, Colour)
    filtered = index.as_query_engine(llm=make(), response_mode="refine", structured_answer_filtering=True)
    assert str(filtered.query(QUESTION))


def test_engines_around_engines(llm: DigitalOcean, embedding: DigitalOceanEmbedding) -> None:
    index = VectorStoreIndex.from_documents(DOCUMENTS, embed_model=embedding)
    plain = index.as_query_engine(llm=llm, similarity_top_k=1)
    for engine in (
        CitationQueryEngine.from_args(index, llm=llm),
        TransformQueryEngine(plain, HyDEQueryTransform(llm=llm)),
        RetryQueryEngine(plain, RelevancyEvaluator(llm=llm)),
    ):
        assert ANSWER in str(engine.query(QUESTION)), type(engine).__name__


@pytest.mark.parametrize("use_async", [False, True])
def test_fusion(llm: DigitalOcean, embedding: DigitalOceanEmbedding, emu: Emulator, use_async: bool) -> None:
    retriever = VectorStoreIndex.from_documents(DOCUMENTS, embed_model=embedding).as_retriever(similarity_top_k=1)
    emu.reset()
    fusion = QueryFusionRetriever([retriever], llm=llm, num_queries=3, use_async=use_async)
    assert fusion.retrieve(QUESTION)[0].text == ANSWER
    assert emu.posts == 1 + 3


@pytest.mark.usefixtures("unclosed_memory")
@pytest.mark.parametrize("kind", [ContextChatEngine, CondensePlusContextChatEngine])
async def test_chat_engines_with_context_in_async_code(
    llm: DigitalOcean, embedding: DigitalOceanEmbedding, kind: Any
) -> None:
    index = await asyncio.to_thread(VectorStoreIndex.from_documents, DOCUMENTS, embed_model=embedding)
    engine = kind.from_defaults(retriever=index.as_retriever(similarity_top_k=1), llm=llm)
    assert ANSWER in (await engine.achat(QUESTION)).response
    streamed = await engine.astream_chat("Which parrot does Captain Morrow keep?")
    assert "Biscuit" in "".join([token async for token in streamed.async_response_gen()])
    await llm.aclose()
    await embedding.aclose()


# --- evaluators, rerankers, programs ---------------------------------------


@pytest.mark.filterwarnings("ignore:asyncio_module:DeprecationWarning")  # it uses what it has deprecated
def test_evaluators_in_a_batch(llm: DigitalOcean, emu: Emulator) -> None:
    runner = BatchEvalRunner({"f": FaithfulnessEvaluator(llm=llm), "r": RelevancyEvaluator(llm=llm)}, workers=4)
    results = runner.evaluate_response_strs([QUESTION] * 4, [ANSWER] * 4, [FACTS[:1]] * 4)
    assert [result.passing for result in results["f"] + results["r"]] == [True] * 8
    assert emu.posts == 8


def test_an_evaluator_that_wants_json(llm: DigitalOcean) -> None:
    evaluator = GuidelineEvaluator(llm=llm, guidelines="It is not passing.")
    assert evaluator.evaluate(query=QUESTION, response="Green.", contexts=FACTS).passing is False


def test_structured_reranking(make: Make) -> None:
    for llm in (make(), make("llama3.3-70b-instruct")):
        nodes = [NodeWithScore(node=TextNode(text=text), score=0.5) for text in FACTS]
        (best,) = StructuredLLMRerank(llm=llm, top_n=1).postprocess_nodes(nodes, query_str=QUESTION)
        assert best.text == ANSWER


async def test_programs(make: Make) -> None:
    llm = make("llama3.3-70b-instruct")
    program = FunctionCallingProgram.from_defaults(
        Colour, prompt_template_str="name: {colour}", llm=llm, tool_choice=FORCED
    )
    assert program(colour="green") == await program.acall(colour="green") == Colour(name="green")
    assert list(program.stream_call(colour="green"))[-1] == Colour(name="green")
    texts = LLMTextCompletionProgram.from_defaults(output_cls=Colour, prompt_template_str="name: {colour}", llm=llm)
    assert texts(colour="green") == await texts.acall(colour="green") == Colour(name="green")
    await llm.aclose()


# --- ingestion -------------------------------------------------------------


@pytest.mark.long
@pytest.mark.timeout(180)  # two processes import LlamaIndex
def test_a_pipeline_in_several_processes(
    llm: DigitalOcean, embedding: DigitalOceanEmbedding, emu: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", emu.api_key)  # a pickle never holds the key
    llm.complete("Hello")  # it has been used before
    pipeline = IngestionPipeline(transformations=[TitleExtractor(llm=llm), embedding], disable_cache=True)
    nodes = pipeline.run(nodes=[TextNode(text=text) for text in FACTS[:2]], num_workers=2)
    assert sorted(node.text for node in nodes) == sorted(FACTS[:2])
    assert all(node.embedding and node.metadata["document_title"] for node in nodes)


async def test_an_extractor_that_gives_headers_and_a_limit(make: Make, emu: Emulator) -> None:
    store = SimpleDocumentStore()
    store.add_documents(DOCUMENTS)
    node = TextNode(text="painted green", relationships={NodeRelationship.SOURCE: DOCUMENTS[0].as_related_node_info()})
    llm = make()
    extractor = DocumentContextExtractor(docstore=store, llm=llm, max_context_length=1000, max_output_tokens=50)
    (found,) = await extractor.aextract([node])
    assert found["context"]
    request = emu.requests[-1]
    assert request.headers["anthropic-beta"] == "prompt-caching-2024-07-31"
    assert request.json["max_completion_tokens"] == 50
    await llm.aclose()


def test_an_engine_tells_of_a_failure(llm: DigitalOcean, emu: Emulator) -> None:
    emu.always = Status(500)
    with pytest.raises(ServerError):
        SummaryIndex.from_documents(DOCUMENTS).as_query_engine(llm=llm).query(QUESTION)


def test_a_short_memory_is_measured_by_the_models_window(llm: DigitalOcean) -> None:
    assert ChatMemoryBuffer.from_defaults(llm=llm).token_limit == int(256_000 * 0.75)
