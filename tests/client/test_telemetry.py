"""OpenTelemetry: one span for each call, whatever its attempts and however it ends."""

from __future__ import annotations

import gc

import pytest
from client_kit import ASK, achat, astream, chat, make, make_async, stream
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from inference_do.emulator import Status
from inference_do.telemetry import instrument, uninstrument

EVERY_CALL = pytest.mark.parametrize("ask", [chat, stream, achat, astream])


@pytest.fixture
def spans():
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrument(tracer_provider=provider)
    yield exporter.get_finished_spans
    uninstrument()
    provider.shutdown()


@EVERY_CALL
def test_a_call_is_one_span_whatever_its_attempts(emu, spans, ask):
    emu.script(Status(503))
    ask(emu)
    (span,) = spans()
    assert span.attributes["gen_ai.operation.name"] == "chat"
    assert span.attributes["http.request.resend_count"] == 1
    assert span.attributes["gen_ai.usage.output_tokens"] > 0
    sent = [request.headers["traceparent"].split("-")[2] for request in emu.requests]
    assert sent == [f"{span.context.span_id:016x}"] * 2


@EVERY_CALL
def test_a_failure_is_named_by_its_status(emu, spans, ask):
    emu.script(Status(401))
    ask(emu)
    (span,) = spans()
    assert (span.attributes["error.type"], span.status.status_code) == ("401", StatusCode.ERROR)


@pytest.mark.parametrize("ending", ["close", "collect"])
def test_a_stream_that_is_left_ends_its_span_once(emu, spans, ending):
    with make(emu) as client:
        answer = client.stream(**ASK)
        next(answer)
        assert spans() == ()
        if ending == "close":
            answer.close()
        del answer
        gc.collect()
        assert [span.status.status_code for span in spans()] == [StatusCode.UNSET]


async def test_an_asynchronous_stream_that_is_closed_ends_its_span_once(emu, spans):
    async with make_async(emu) as client:
        answer = client.stream(**ASK)
        await anext(answer)
        await answer.aclose()
        await answer.aclose()
        assert len(spans()) == 1


def test_content_and_keys_are_in_no_span(emu, spans):
    chat(emu)
    (span,) = spans()
    assert ASK["messages"][0]["content"] not in span.to_json()
    assert emu.api_key not in span.to_json()
