"""OpenTelemetry: one span for each call, whatever its attempts and however it ends, and points of metrics."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from batch_kit import SECONDS, SOON, emulator, requests
from client_kit import ASK, VECTORS, achat, astream, chat, make, make_async, stream
from jobs_kit import MODES, asking, go, rows_of
from opentelemetry.trace import SpanKind, StatusCode
from telemetry_kit import reported

from inference_do import Client, KnowledgeBase
from inference_do.emulator import Emulator, RawBody, Reset, Status

ROOT = Path(__file__).parents[2]
EVERY_CALL = pytest.mark.parametrize("ask", [chat, stream, achat, astream])
MODELS = {"messages": "anthropic-claude-haiku-4.5", "responses": "openai-gpt-5.4"}
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
CONTENT = ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions")
CHUNKS = "gen_ai.client.operation.time_per_output_chunk"
FIRST = "gen_ai.client.operation.time_to_first_chunk"
DURATION, TOKENS = "gen_ai.client.operation.duration", "gen_ai.client.token.usage"


@pytest.fixture
def kept():
    with reported() as kept:
        yield kept


# --- calls ---


@EVERY_CALL
def test_a_call_is_one_span_whatever_its_attempts(emu, kept, ask):
    emu.script(Status(503))
    ask(emu, temperature=0.5, max_completion_tokens=50, stop=["X"], seed=1)
    span, info = kept.span, kept.span.attributes
    assert (span.name, span.kind) == (f"chat {ASK['model']}", SpanKind.CLIENT)
    assert span.instrumentation_scope.name == "inference_do"
    assert info["gen_ai.operation.name"] == "chat"
    assert info["gen_ai.provider.name"] == "digitalocean"
    assert (info["gen_ai.request.model"], info["gen_ai.response.model"]) == (ASK["model"], ASK["model"])
    assert (info["server.address"], info["server.port"]) == ("127.0.0.1", int(emu.base_url.split(":")[2].split("/")[0]))
    assert (info["gen_ai.request.temperature"], info["gen_ai.request.max_tokens"]) == (0.5, 50)
    assert (info["gen_ai.request.stop_sequences"], info["gen_ai.request.seed"]) == (("X",), 1)
    assert info["gen_ai.response.finish_reasons"] == ("stop",)
    assert info["gen_ai.usage.input_tokens"] > 0
    assert info["gen_ai.usage.output_tokens"] > 0
    assert (info["http.request.resend_count"], info["http.response.status_code"]) == (1, 200)
    assert info["http.response.header.x-request-id"]
    assert ("gen_ai.response.time_to_first_chunk" in info) == ("stream" in ask.__name__)
    assert span.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("api", ["messages", "responses"])
def test_an_answer_is_named_by_its_id_whatever_the_api(emu, kept, api):
    answer = chat(emu, model=MODELS[api], api=api, reasoning_effort="low")
    assert kept.span.attributes["gen_ai.response.id"] == answer.id
    assert kept.span.attributes["gen_ai.request.reasoning.level"] == "low"


@EVERY_CALL
def test_each_attempt_carries_the_trace(emu, kept, ask):
    emu.script(Status(503), Status(503))
    ask(emu)
    sent = [request.headers["traceparent"].split("-")[1:3] for request in emu.requests]
    context = kept.span.context
    assert sent == [[f"{context.trace_id:032x}", f"{context.span_id:016x}"]] * 3


@EVERY_CALL
def test_the_span_stands_below_the_callers_own(emu, kept, ask):
    with kept.tracer_provider.get_tracer("app").start_as_current_span("app") as own:
        ask(emu)
    (span,) = [span for span in kept.spans if span.name != "app"]
    assert span.parent.span_id == own.get_span_context().span_id


@EVERY_CALL
def test_a_failure_is_named_by_its_status(emu, kept, ask):
    emu.script(Status(401))
    ask(emu)
    span = kept.span
    assert (span.attributes["error.type"], span.status.status_code) == ("401", StatusCode.ERROR)
    assert span.status.description == "AuthenticationError (401)"


def test_a_failure_without_a_status_is_named_by_its_class(emu, kept):
    emu.always = Reset(before_head=True)
    chat(emu, options={"max_retries": 0})
    assert kept.span.attributes["error.type"] == "inference_do.APIConnectionError"
    assert "http.response.status_code" not in kept.span.attributes


async def test_embeddings(emu, kept):
    for client in (make(emu), make_async(emu)):
        answer = client.embed(model=VECTORS, input=["a", "b"])
        answer = await answer if asyncio.iscoroutine(answer) else answer
        assert (kept.span.name, kept.span.attributes["gen_ai.operation.name"]) == (
            f"embeddings {VECTORS}",
            "embeddings",
        )
        assert kept.span.attributes["gen_ai.embeddings.dimension.count"] == len(answer.data[0].embedding)
        assert kept.span.attributes["gen_ai.usage.input_tokens"] == answer.usage.prompt_tokens
        kept.clear()


async def test_retrieval():
    with Emulator(knowledge={"kb": ["A droplet is a machine."]}) as emu, reported() as kept:
        async with KnowledgeBase("kb", api_key=emu.api_key, base_url=emu.base_url) as base:
            base.retrieve("droplet", num_results=3)
            await base.aretrieve("droplet", num_results=3)
        assert [span.name for span in kept.spans] == ["retrieval kb"] * 2
        assert {span.attributes["gen_ai.data_source.id"] for span in kept.spans} == {"kb"}
        assert {span.attributes["gen_ai.retrieval.top_k"] for span in kept.spans} == {3}


def test_an_agent(emu, kept):
    with Client(emu.agent_key, base_url=emu.agent_url, default_query={"agent": "true"}) as client:
        client.chat(model="n/a", messages=ASK["messages"])
        client.stream(model="n/a", messages=ASK["messages"]).completion()
    assert [span.name for span in kept.spans] == ["invoke_agent"] * 2
    assert {span.attributes["gen_ai.operation.name"] for span in kept.spans} == {"invoke_agent"}
    assert all("gen_ai.request.model" not in span.attributes for span in kept.spans)
    assert all(span.attributes["gen_ai.usage.output_tokens"] for span in kept.spans)


def test_an_image(emu, kept):
    usage = {"input_tokens": 7, "output_tokens": 9, "total_tokens": 16}
    emu.script(RawBody(json.dumps({"created": 1, "data": [{"b64_json": "AA=="}], "usage": usage}).encode()))
    make(emu).request("/images/generations", {"model": "openai-gpt-image-1", "prompt": "a cat"})
    assert kept.span.name == "generate_content openai-gpt-image-1"
    assert kept.span.attributes["gen_ai.output.type"] == "image"
    assert kept.span.attributes["gen_ai.usage.output_tokens"] == 9


def test_the_list_of_models_is_no_span(emu, kept):
    make(emu).models()
    assert kept.spans == ()


@MODES
def test_each_row_of_a_job_is_a_span_below_the_callers_own(emu, kept, mode):
    with kept.tracer_provider.get_tracer("app").start_as_current_span("job") as own:
        assert go(mode, rows_of(5), asking(emu, mode)).is_complete
    spans = [span for span in kept.spans if span.name != "job"]
    assert [span.parent.span_id for span in spans] == [own.get_span_context().span_id] * 5


def test_a_batch_is_no_span(kept):
    """Its answers come hours later, from no call of this process."""
    with emulator() as (emu, clock), Client(emu.api_key, base_url=emu.base_url) as client:
        made = client.batches.create(requests(2))
        clock.advance(SECONDS)
        assert client.batches.wait(made.id, poll=SOON).status == "completed"
        assert len(list(client.batches.results(made.id))) == 2
    assert kept.spans == ()


# --- metrics ---


def test_metrics_of_a_stream(emu, kept):
    emu.script(Status(503))
    with make(emu) as client:
        chunks = list(client.stream(**ASK))
    points = kept.metrics()
    assert {name: metric.unit for name, metric in points.items()} == {
        DURATION: "s",
        TOKENS: "{token}",
        FIRST: "s",
        CHUNKS: "s",
    }
    (duration,) = points[DURATION].data.data_points
    assert duration.count == 1
    assert dict(duration.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "digitalocean",
        "gen_ai.request.model": ASK["model"],
        "gen_ai.response.model": ASK["model"],
        "server.address": "127.0.0.1",
        "server.port": kept.span.attributes["server.port"],
    }
    assert list(duration.explicit_bounds)[::13] == [0.01, 81.92]
    assert sum(point.count for point in points[FIRST].data.data_points) == 1
    assert sum(point.count for point in points[CHUNKS].data.data_points) == len(chunks) - 1
    assert {
        point.attributes["gen_ai.token.type"]: (point.count, point.sum) for point in points[TOKENS].data.data_points
    } == {
        "input": (1, kept.span.attributes["gen_ai.usage.input_tokens"]),
        "output": (1, kept.span.attributes["gen_ai.usage.output_tokens"]),
    }


def test_metrics_of_a_whole_answer_and_of_a_failure(emu, kept):
    chat(emu)
    emu.script(Status(401))
    chat(emu)
    points = kept.metrics()
    assert points.keys() == {DURATION, TOKENS}
    assert [point.attributes.get("error.type") for point in points[DURATION].data.data_points] == [None, "401"]
    assert len(points[TOKENS].data.data_points) == 2


# --- content ---

WITH_ALL = {
    "messages": [{"role": "system", "content": "be-brief"}, {"role": "user", "content": "what-was-asked"}],
    "tools": [{"type": "function", "function": {"name": "look", "description": "d", "parameters": {"type": "object"}}}],
}


@pytest.mark.parametrize(
    ("value", "on_span", "on_event"),
    [
        (None, False, None),
        ("NO_CONTENT", False, None),
        ("span_only", True, None),
        ("EVENT_ONLY", False, True),
        ("SPAN_AND_EVENT", True, True),
        ("nonsense", False, None),
    ],
)
def test_content_is_where_the_conventions_own_variable_puts_it(emu, monkeypatch, value, on_span, on_event):
    monkeypatch.delenv(CAPTURE, raising=False) if value is None else monkeypatch.setenv(CAPTURE, value)
    with reported() as kept:
        answer = stream(emu, **WITH_ALL)
        info = kept.span.attributes
        assert [name in info for name in CONTENT] == [on_span] * 4
        assert [name in event.attributes for event in kept.events for name in CONTENT] == [on_event] * (
            4 * bool(on_event)
        )
        shown = kept.span.to_json()
        assert emu.api_key not in shown
        assert ("be-brief" in shown, "what-was-asked" in shown, answer.text[:20] in shown) == (on_span,) * 3
        if on_event:
            (event,) = kept.events
            assert event.event_name == "gen_ai.client.inference.operation.details"
            (message,) = event.attributes["gen_ai.input.messages"]
            assert message["parts"][0]["content"] == "what-was-asked"


def test_the_query_of_a_retrieval_is_content(monkeypatch):
    monkeypatch.setenv(CAPTURE, "SPAN_ONLY")
    with Emulator(knowledge={"kb": ["A droplet is a machine."]}) as emu, reported() as kept:
        KnowledgeBase("kb", api_key=emu.api_key, base_url=emu.base_url).retrieve("droplet")
        assert kept.span.attributes["gen_ai.retrieval.query.text"] == "droplet"
