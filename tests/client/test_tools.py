"""Tools around httpx, switched on the ordinary way, see every request of a client that was given no HTTP client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
import vcr
from client_kit import ASK, HELLO, astream, chat, make, make_async, outcome_of, stream, wrong_in_tasks, wrong_in_threads
from client_modes import EVERY_CALL
from interfaces import ANSWER, CHAT
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from pytest_httpx import HTTPXMock, IteratorStream

from inference_do import APIConnectionError, APITimeoutError, RateLimitError
from inference_do.emulator import Emulator, Status
from langchain_do import ChatDigitalOcean
from llamaindex_do import DigitalOcean

Ask = Callable[..., Any]

MOCKED = "Mocked"


def event(**choice: Any) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, **choice}]}).encode() + b"\n\n"


WHOLE = {"choices": [{"index": 0, "message": {"role": "assistant", "content": MOCKED}, "finish_reason": "stop"}]}
EVENTS = [event(delta={"content": "Moc"}), event(delta={"content": "ked"}, finish_reason="stop"), b"data: [DONE]\n\n"]
SSE = {"content-type": "text/event-stream"}


def is_streamed(ask: Ask) -> bool:
    return ask in {stream, astream}


def answer_to(ask: Ask) -> httpx.Response:
    """Return what a test's author would write as the answer."""
    if is_streamed(ask):
        return httpx.Response(200, content=b"".join(EVENTS), headers=SSE)
    return httpx.Response(200, json=WHOLE)


def url_of(emu: Emulator) -> str:
    return emu.base_url + "/chat/completions"


# --- respx ---


@EVERY_CALL
def test_respx_answers_in_place_of_the_api(emu, ask):
    with respx.mock(using="httpx") as router:
        route = router.post(url_of(emu)).mock(return_value=answer_to(ask))
        assert ask(emu).text == MOCKED
    assert route.call_count == 1
    assert emu.connections == 0


@EVERY_CALL
def test_respx_sees_the_request_that_would_be_sent(emu, ask):
    with respx.mock(using="httpx") as router:
        route = router.post(url_of(emu)).mock(return_value=answer_to(ask))
        ask(emu)
    request = route.calls.last.request
    assert str(request.url) == url_of(emu)
    assert request.headers["authorization"] == f"Bearer {emu.api_key}"
    body = json.loads(request.content)
    assert (body["model"], body["messages"], body.get("stream", False)) == (CHAT, HELLO, is_streamed(ask))


@EVERY_CALL
def test_a_route_of_respx_may_ask_for_the_key_and_the_body(emu, ask):
    with respx.mock(using="httpx") as router:
        router.post(url_of(emu), headers={"Authorization": f"Bearer {emu.api_key}"}, json__model=CHAT).mock(
            return_value=answer_to(ask)
        )
        assert ask(emu).text == MOCKED


@EVERY_CALL
def test_a_429_of_respx_is_tried_again(emu, ask):
    with respx.mock(using="httpx") as router:
        route = router.post(url_of(emu)).mock(side_effect=[httpx.Response(429), answer_to(ask)])
        answer = ask(emu)
    assert (answer.text, answer.response_info.attempts, route.call_count) == (MOCKED, 2, 2)


@EVERY_CALL
def test_an_error_of_respx_is_the_api_s(emu, ask):
    refusal = httpx.Response(429, json={"error": {"message": "slow down"}}, headers={"x-request-id": "r-1"})
    with respx.mock(using="httpx") as router:
        router.post(url_of(emu)).mock(return_value=refusal)
        error = ask(emu, {"max_retries": 0})
    assert type(error) is RateLimitError
    assert (error.status, error.request_id) == (429, "r-1")
    assert "slow down" in error.message


@EVERY_CALL
@pytest.mark.parametrize(
    ("raised", "kind"), [(httpx.ConnectError, APIConnectionError), (httpx.ReadTimeout, APITimeoutError)]
)
def test_an_exception_of_respx_is_the_network_s(emu, ask, raised, kind):
    with respx.mock(using="httpx") as router:
        route = router.post(url_of(emu)).mock(side_effect=raised)
        assert type(ask(emu, {"max_retries": 1})) is kind
    assert route.call_count == 2


@EVERY_CALL
def test_what_respx_has_no_route_for_is_reported_in_its_words_and_not_sent(emu, ask):
    with respx.mock(using="httpx"):
        error = ask(emu)
    assert type(error) is APIConnectionError
    assert "not mocked" in error.message
    assert (error.attempts, emu.connections) == (1, 0)


@EVERY_CALL
def test_respx_lets_other_requests_pass_if_told_to(emu, ask):
    with respx.mock(using="httpx") as router:
        route = router.route(host="127.0.0.1").pass_through()
        assert ask(emu).text == ANSWER
    assert (route.call_count, emu.posts) == (1, 1)


@EVERY_CALL
def test_the_default_mode_of_respx_does_not_see_a_client_s_own_connections(emu, ask):
    with respx.mock(assert_all_called=False) as router:
        route = router.post(url_of(emu)).mock(return_value=answer_to(ask))
        assert ask(emu).text == ANSWER
    assert (route.call_count, emu.posts) == (0, 1)


def test_the_default_mode_of_respx_sees_a_callers_client(emu):
    with respx.mock() as router, httpx.Client() as mine:
        router.post(url_of(emu)).mock(return_value=answer_to(chat))
        assert chat(emu, {"http_client": mine}).text == MOCKED
    assert emu.connections == 0


def test_respx_sees_what_a_client_sends_that_was_used_before(emu):
    with make(emu) as client:
        assert client.chat(**ASK).text == ANSWER
        with respx.mock(using="httpx") as router:
            router.post(url_of(emu)).mock(return_value=answer_to(chat))
            assert client.chat(**ASK).text == MOCKED
        assert client.chat(**ASK).text == ANSWER
    assert emu.posts == 2


# --- pytest-httpx ---


def add_answer(httpx_mock: HTTPXMock, emu: Emulator, *, streamed: bool) -> None:
    if streamed:
        httpx_mock.add_response(method="POST", url=url_of(emu), stream=IteratorStream(EVENTS), headers=SSE)
    else:
        httpx_mock.add_response(method="POST", url=url_of(emu), json=WHOLE)


@EVERY_CALL
def test_pytest_httpx_answers_in_place_of_the_api(emu, httpx_mock, ask):
    add_answer(httpx_mock, emu, streamed=is_streamed(ask))
    assert ask(emu).text == MOCKED
    assert emu.connections == 0


@EVERY_CALL
def test_pytest_httpx_sees_the_request_that_would_be_sent(emu, httpx_mock, ask):
    add_answer(httpx_mock, emu, streamed=is_streamed(ask))
    ask(emu)
    request = httpx_mock.get_request()
    assert request is not None
    assert request.headers["authorization"] == f"Bearer {emu.api_key}"
    body = json.loads(request.content)
    assert (body["model"], body["messages"], body.get("stream", False)) == (CHAT, HELLO, is_streamed(ask))


@EVERY_CALL
def test_a_429_of_pytest_httpx_is_tried_again(emu, httpx_mock, ask):
    httpx_mock.add_response(status_code=429)
    add_answer(httpx_mock, emu, streamed=is_streamed(ask))
    answer = ask(emu)
    assert (answer.text, answer.response_info.attempts, len(httpx_mock.get_requests())) == (MOCKED, 2, 2)


@EVERY_CALL
def test_a_timeout_of_pytest_httpx_is_the_api_s(emu, httpx_mock, ask):
    httpx_mock.add_exception(httpx.ReadTimeout("nothing came"))
    error = ask(emu, {"max_retries": 0})
    assert type(error) is APITimeoutError
    assert error.phase == "first_token"


@EVERY_CALL
def test_an_answer_of_pytest_httpx_in_raw_bytes_is_read(emu, httpx_mock, ask):
    raw = b"".join(EVENTS) if is_streamed(ask) else json.dumps(WHOLE).encode()
    httpx_mock.add_response(content=raw)
    assert ask(emu).text == MOCKED


async def test_pytest_httpx_answers_langchain_s_calls(emu, httpx_mock):
    model = ChatDigitalOcean(model=CHAT, api_key=emu.api_key, base_url=emu.base_url)
    for _ in range(2):
        add_answer(httpx_mock, emu, streamed=False)
    assert model.invoke("Say hello").text == MOCKED
    assert (await model.ainvoke("Say hello")).text == MOCKED
    await model.aclose()
    assert emu.connections == 0


async def test_pytest_httpx_answers_langchain_s_streams(emu, httpx_mock):
    model = ChatDigitalOcean(model=CHAT, api_key=emu.api_key, base_url=emu.base_url)
    for _ in range(2):
        add_answer(httpx_mock, emu, streamed=True)
    assert "".join([chunk.text for chunk in model.stream("Say hello")]) == MOCKED
    assert "".join([chunk.text async for chunk in model.astream("Say hello")]) == MOCKED
    await model.aclose()
    assert emu.connections == 0


async def test_pytest_httpx_answers_llamaindex_s_calls(emu, httpx_mock):
    llm = DigitalOcean(model=CHAT, api_key=emu.api_key, base_url=emu.base_url)
    for _ in range(2):
        add_answer(httpx_mock, emu, streamed=False)
    assert llm.complete("Say hello").text == MOCKED
    assert (await llm.acomplete("Say hello")).text == MOCKED
    await llm.aclose()
    assert emu.connections == 0


async def test_pytest_httpx_answers_llamaindex_s_streams(emu, httpx_mock):
    llm = DigitalOcean(model=CHAT, api_key=emu.api_key, base_url=emu.base_url)
    for _ in range(2):
        add_answer(httpx_mock, emu, streamed=True)
    assert [part.text for part in llm.stream_complete("Say hello")][-1] == MOCKED
    assert [part.text async for part in await llm.astream_complete("Say hello")][-1] == MOCKED
    await llm.aclose()
    assert emu.connections == 0


# --- VCR.py ---


def recorder(cassette: Path, mode: vcr.mode) -> Any:
    return vcr.VCR(filter_headers=["authorization"]).use_cassette(str(cassette), record_mode=mode)


@EVERY_CALL
def test_what_vcr_recorded_is_answered_without_a_server(emu, tmp_path, ask):
    cassette = tmp_path / "call.yaml"
    with recorder(cassette, vcr.mode.ONCE):
        assert ask(emu).text == ANSWER
    emu.stop()
    with recorder(cassette, vcr.mode.NONE) as played:
        assert ask(emu).text == ANSWER
    assert (emu.posts, played.play_count) == (1, 1)


@EVERY_CALL
def test_the_key_is_not_in_what_vcr_recorded(emu, tmp_path, ask):
    cassette = tmp_path / "call.yaml"
    with recorder(cassette, vcr.mode.ONCE):
        ask(emu)
    assert emu.requests[0].headers["authorization"] == f"Bearer {emu.api_key}"
    text = cassette.read_text()
    assert CHAT in text
    assert emu.api_key not in text


@EVERY_CALL
def test_every_attempt_is_in_what_vcr_recorded(emu, tmp_path, ask):
    cassette = tmp_path / "call.yaml"
    emu.script(Status(503))
    with recorder(cassette, vcr.mode.ONCE) as recorded:
        before = outcome_of(ask(emu))
    emu.stop()
    with recorder(cassette, vcr.mode.NONE):
        assert outcome_of(ask(emu)) == before
    assert (len(recorded), before.attempts) == (2, 2)


@EVERY_CALL
def test_what_vcr_has_not_recorded_is_reported_in_its_words_and_not_sent(emu, tmp_path, ask):
    with recorder(tmp_path / "call.yaml", vcr.mode.NONE):
        error = ask(emu)
    assert type(error) is APIConnectionError
    assert "Can't overwrite existing cassette" in error.message
    assert (error.attempts, emu.connections) == (1, 0)


@EVERY_CALL
def test_a_connection_that_vcr_listened_to_is_used_again(emu, tmp_path, ask):
    cassette = tmp_path / "call.yaml"
    emu.script(Status(503))
    with recorder(cassette, vcr.mode.ONCE):
        assert ask(emu).text == ANSWER
    assert (emu.posts, emu.connections) == (2, 1)


# --- a wrapper of one's own around httpx's transports ---


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_threads_get_their_own_answers_where_a_wrapper_reads_the_response(emu, monkeypatch, streamed):
    send = httpx.HTTPTransport.handle_request

    def send_and_read(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        response = send(transport, request)
        response.read()
        return response

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", send_and_read)
    with make(emu) as client:
        assert wrong_in_threads(client, streamed=streamed) == []
    assert emu.posts == 100


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_tasks_get_their_own_answers_where_a_wrapper_reads_the_response(emu, monkeypatch, streamed):
    send = httpx.AsyncHTTPTransport.handle_async_request

    async def send_and_read(transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        response = await send(transport, request)
        await response.aread()
        return response

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", send_and_read)
    async with make_async(emu) as client:
        assert await wrong_in_tasks(client, streamed=streamed) == []
    assert emu.posts == 100


# --- OpenTelemetry ---


@pytest.fixture
def spans() -> Iterator[Callable[[], list[ReadableSpan]]]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = HTTPXClientInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:
        yield lambda: list(exporter.get_finished_spans())
    finally:
        instrumentor.uninstrument()
        provider.shutdown()


@EVERY_CALL
def test_opentelemetry_makes_one_span_for_a_call(emu, spans, ask):
    assert ask(emu).text == ANSWER
    (span,) = spans()
    assert (span.kind, span.name) == (SpanKind.CLIENT, "POST")
    assert (span.attributes["http.url"], span.attributes["http.status_code"]) == (url_of(emu), 200)


@EVERY_CALL
def test_opentelemetry_makes_one_span_for_each_attempt(emu, spans, ask):
    emu.script(Status(503))
    assert ask(emu).text == ANSWER
    assert [span.attributes["http.status_code"] for span in spans()] == [503, 200]
    assert {span.kind for span in spans()} == {SpanKind.CLIENT}


@EVERY_CALL
def test_the_server_gets_the_span_of_each_attempt(emu, spans, ask):
    emu.script(Status(503))
    ask(emu)
    reported = [request.headers["traceparent"].split("-")[1:3] for request in emu.requests]
    assert reported == [[f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"] for span in spans()]
    assert len(reported) == 2


@EVERY_CALL
def test_a_span_does_not_hold_the_key(emu, spans, ask):
    emu.script(Status(503))
    ask(emu)
    assert len(spans()) == 2
    assert emu.api_key not in "".join(span.to_json() for span in spans())


@EVERY_CALL
def test_a_span_of_a_failed_attempt_says_so(emu, spans, ask):
    emu.stop()
    assert type(ask(emu, {"max_retries": 0})) is APIConnectionError
    (span,) = spans()
    assert not span.status.is_ok
    assert [recorded.attributes["exception.type"] for recorded in span.events] == ["httpx.ConnectError"]
    assert emu.api_key not in span.to_json()


def test_a_span_of_a_call_has_the_caller_s_as_its_parent(emu, spans):
    tracer = TracerProvider().get_tracer("mine")

    async def ask() -> None:
        async with make_async(emu) as client:
            await client.chat(**ASK)

    with tracer.start_as_current_span("mine") as mine, make(emu) as client:
        client.chat(**ASK)
        asyncio.run(ask())
    assert [span.parent.span_id for span in spans()] == [mine.get_span_context().span_id] * 2
