"""OpenTelemetry: a call of LangChain's is one span, whoever makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from client_kit import asoon
from telemetry_kit import Reported, instrumented

from inference_do.emulator import Emulator, Status
from langchain_do import ChatDigitalOcean, DigitalOceanEmbeddings, DigitalOceanKnowledgeBaseRetriever

Make = Callable[..., ChatDigitalOcean]

OURS = "inference_do"
BESIDE: dict[str, tuple[str | None, str | None]] = {
    OURS: (None, None),
    "opentelemetry.instrumentation.genai.langchain": (
        "opentelemetry.instrumentation.genai.langchain",
        "LangChainInstrumentor",
    ),
    "openinference.instrumentation.langchain": ("openinference.instrumentation.langchain", "LangChainInstrumentor"),
}
"""Whose spans there are, and what makes them."""


@pytest.fixture(params=BESIDE)
def whose(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def kept(whose: str) -> Iterator[Reported]:
    with instrumented(*BESIDE[whose]) as kept:
        yield kept


async def run(model: ChatDigitalOcean, entry: str) -> None:
    match entry:
        case "stream":
            list(model.stream("hi"))
        case "astream":
            _ = [chunk async for chunk in model.astream("hi")]
        case "stream, left":
            next(model.stream("hi"))
        case "astream, left":
            await anext(model.astream("hi"))
        case _:
            answer = getattr(model, entry)(["hi", "ho"] if "batch" in entry else "hi")
            await answer if entry.startswith("a") else None


async def test_a_call_is_one_span(make: Make, emu: Emulator, kept: Reported, whose: str) -> None:
    for entry in ("invoke", "stream", "batch", "ainvoke", "astream", "abatch"):
        await run(make(), entry)
        assert [span.instrumentation_scope.name for span in kept.spans] == [whose] * (2 if "batch" in entry else 1), (
            entry
        )
        if whose.startswith("opentelemetry"):  # what we know is in its span
            assert {span.attributes["server.address"] for span in kept.spans} == {"127.0.0.1"}
        kept.clear()
    assert len(emu.requests) == 8
    (duration,) = [metric for name, metric in kept.metrics().items() if name == "gen_ai.client.operation.duration"]
    assert sum(point.count for point in duration.data.data_points) == 8


async def test_a_stream_that_is_left_is_one_span(make: Make, kept: Reported, whose: str) -> None:
    for entry in ("stream, left", "astream, left"):
        await run(make(), entry)
        assert await asoon(lambda: kept.spans), entry
        assert [span.instrumentation_scope.name for span in kept.spans] == [whose], entry
        kept.clear()


async def test_a_failure_is_one_span(make: Make, emu: Emulator, kept: Reported, whose: str) -> None:
    emu.always = Status(401)
    for entry in ("invoke", "ainvoke", "stream", "astream"):
        with pytest.raises(Exception, match="401"):
            await run(make(), entry)
        assert [span.instrumentation_scope.name for span in kept.spans] == [whose], entry
        kept.clear()


async def test_embeddings_are_one_span(emu: Emulator, kept: Reported) -> None:
    """Neither of the instrumentations reports embeddings of LangChain's."""
    model = DigitalOceanEmbeddings(model="bge-m3", api_key=emu.api_key, base_url=emu.base_url)
    model.embed_query("a")
    model.embed_documents(["a", "b"])
    await model.aembed_query("a")
    await model.aembed_documents(["a", "b"])
    assert [span.name for span in kept.spans] == ["embeddings bge-m3"] * 4


async def test_a_retriever_is_one_span(whose: str) -> None:
    with Emulator(knowledge={"kb": ["A droplet is a machine."]}) as emu, instrumented(*BESIDE[whose]) as kept:
        retriever: Any = DigitalOceanKnowledgeBaseRetriever(
            knowledge_base_id="kb", api_key=emu.api_key, base_url=emu.base_url
        )
        retriever.invoke("droplet")
        await retriever.ainvoke("droplet")
        assert [span.instrumentation_scope.name for span in kept.spans] == [whose] * 2
