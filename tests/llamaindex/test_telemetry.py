"""OpenTelemetry: a call of LlamaIndex's is one span, whoever makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from client_kit import asoon
from llama_index.core.base.llms.types import ChatMessage
from telemetry_kit import Reported, instrumented

from inference_do.emulator import Emulator
from llamaindex_do import DigitalOcean, DigitalOceanEmbedding, DigitalOceanKnowledgeBaseRetriever

OURS = "inference_do"
BESIDE: dict[str, tuple[str | None, str | None]] = {
    OURS: (None, None),
    "opentelemetry.instrumentation.genai.llama_index": (
        "opentelemetry.instrumentation.genai.llama_index",
        "LlamaIndexInstrumentor",
    ),
    "openinference.instrumentation.llama_index": (
        "openinference.instrumentation.llama_index",
        "LlamaIndexInstrumentor",
    ),
}
"""Which instrumentation there is beside ours, and what makes it."""
HELLO = [ChatMessage(content="hi")]


@pytest.fixture(params=BESIDE)
def beside(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def whose(beside: str) -> str:
    """Whose spans of models there are: OpenTelemetry's own instrumentation leaves models to their packages."""
    return beside if beside.startswith("openinference") else OURS


@pytest.fixture
def kept(beside: str) -> Iterator[Reported]:
    with instrumented(*BESIDE[beside]) as kept:
        yield kept


ENTRIES = ["chat", "complete", "stream_chat", "stream_complete"]

pytestmark = pytest.mark.filterwarnings("ignore:The `json` method is deprecated")  # OpenInference's


async def run(llm: DigitalOcean, entry: str, *, to_the_end: bool = True) -> None:
    given = "hi" if "complete" in entry else HELLO
    answer = getattr(llm, entry)(given)
    if entry.startswith("a"):
        answer = await answer
    if entry.startswith("astream"):
        async for _ in answer:
            if not to_the_end:
                break
    elif entry.startswith("stream"):
        for _ in answer:
            if not to_the_end:
                break


async def test_a_call_is_one_span(llm: DigitalOcean, emu: Emulator, kept: Reported, whose: str) -> None:
    for entry in (*ENTRIES, *(f"a{name}" for name in ENTRIES)):
        await run(llm, entry)
        assert await asoon(lambda: kept.spans), entry
        assert [span.instrumentation_scope.name for span in kept.spans] == [whose], entry
        kept.clear()
    assert len(emu.requests) == 2 * len(ENTRIES)
    (duration,) = [metric for name, metric in kept.metrics().items() if name == "gen_ai.client.operation.duration"]
    assert sum(point.count for point in duration.data.data_points) == 2 * len(ENTRIES)


async def test_a_stream_that_is_left_is_one_span(llm: DigitalOcean, kept: Reported, whose: str) -> None:
    for entry in ("stream_chat", "astream_chat"):
        await run(llm, entry, to_the_end=False)
        assert await asoon(lambda: kept.spans), entry
        assert [span.instrumentation_scope.name for span in kept.spans] == [whose], entry
        kept.clear()


async def test_embeddings_are_one_span(embedding: DigitalOceanEmbedding, kept: Reported, whose: str) -> None:
    embedding.get_text_embedding_batch(["a", "b"])
    assert [span.instrumentation_scope.name for span in kept.spans] == [whose]
    kept.clear()
    await embedding.aget_text_embedding_batch(["a", "b"])
    assert [span.instrumentation_scope.name for span in kept.spans] == [whose]


def test_a_retriever_is_no_second_span_of_a_retrieval(beside: str) -> None:
    with Emulator(knowledge={"kb": ["A droplet is a machine."]}) as emu, instrumented(*BESIDE[beside]) as kept:
        made: Callable[..., DigitalOceanKnowledgeBaseRetriever] = DigitalOceanKnowledgeBaseRetriever
        made(knowledge_base_id="kb", api_key=emu.api_key, base_url=emu.base_url).retrieve("droplet")
        assert {span.instrumentation_scope.name for span in kept.spans} == {beside}  # OpenInference's methods are spans
        outer = [span for span in kept.spans if span.parent is None]
        assert len(outer) == 1
