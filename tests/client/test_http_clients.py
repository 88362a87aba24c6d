"""A caller's own HTTP client: its hooks, mounts, transports and library are honoured, and it is never closed."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import httpx2
import pytest
from client_kit import ASK, caught, wrong_in_tasks, wrong_in_threads
from interfaces import ANSWER, CHAT

from inference_do import (
    APIConnectionError,
    APITimeoutError,
    AsyncClient,
    AuthenticationError,
    Client,
    ConfigError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    ServerError,
    StreamInterrupted,
)
from inference_do.emulator import Emulator, Raw, RawBody, RawStream, Reset, Stall, Status
from langchain_do import ChatDigitalOcean
from llamaindex_do import DigitalOcean

LIBRARIES = pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
STREAMED = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
MODES = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
MOCKED = "Mocked"
WHOLE = {"choices": [{"index": 0, "message": {"role": "assistant", "content": MOCKED}, "finish_reason": "stop"}]}
SSE = (
    b'data: {"choices": [{"index": 0, "delta": {"content": "Moc"}}]}\n\n'
    b'data: {"choices": [{"index": 0, "delta": {"content": "ked"}, "finish_reason": "stop"}]}\n\n'
    b"data: [DONE]\n\n"
)
MESSAGES = [{"role": "user", "content": "Say hello"}]


def ask(
    emu: Emulator,
    library: Any = httpx,
    *,
    is_async: bool = False,
    streamed: bool = False,
    options: dict[str, Any] | None = None,
    **settings: Any,
) -> Any:
    """Return the answer or the error of one call through a caller's client of these options."""
    settings = {"base_url": emu.base_url, **settings}

    def call() -> Any:
        with library.Client(**(options or {})) as mine:
            client = Client(emu.api_key, http_client=mine, **settings)
            return client.stream(**ASK).completion() if streamed else client.chat(**ASK)

    async def acall() -> Any:
        async with library.AsyncClient(**(options or {})) as mine:
            client = AsyncClient(emu.api_key, http_client=mine, **settings)
            return await client.stream(**ASK).completion() if streamed else await client.chat(**ASK)

    return caught(lambda: asyncio.run(acall()) if is_async else call())


def hooks(*, is_async: bool, **given: Callable[[Any], Any]) -> dict[str, Any]:
    """Return the option that calls these functions, which look at a request or a response and do not wait."""

    def as_coroutine(look: Callable[[Any], Any]) -> Callable[[Any], Any]:
        async def hook(seen: Any) -> None:
            look(seen)

        return hook

    return {"event_hooks": {name: [as_coroutine(look) if is_async else look] for name, look in given.items()}}


def read(response: Any) -> None:
    response.read()


async def aread(response: Any) -> None:
    await response.aread()


def reading(*, is_async: bool) -> dict[str, Any]:
    """Return the option of a hook that reads every body, as those that log do."""
    return {"event_hooks": {"response": [aread if is_async else read]}}


@contextmanager
def nobody() -> Iterator[str]:
    """Give the base URL of a server that is not there."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/v1"


# --- event hooks ---


@LIBRARIES
@STREAMED
@MODES
def test_hooks_are_called_once_for_each_attempt(emu, library, is_async, streamed):
    seen: list[Any] = []
    emu.script(Status(503))
    options = hooks(
        is_async=is_async,
        request=lambda request: seen.append(str(request.url)),
        response=lambda response: seen.append(response.status_code),
    )
    assert ask(emu, library, is_async=is_async, streamed=streamed, options=options).text == ANSWER
    url = emu.base_url + "/chat/completions"
    assert seen == [url, 503, url, 200]


@MODES
def test_a_header_that_a_hook_adds_is_sent(emu, is_async):
    options = hooks(is_async=is_async, request=lambda request: request.headers.update({"X-Mine": "1"}))
    assert ask(emu, is_async=is_async, options=options).text == ANSWER
    assert emu.requests[0].headers["x-mine"] == "1"


@LIBRARIES
@STREAMED
@MODES
def test_a_hook_may_read_the_body(emu, library, is_async, streamed):
    options = reading(is_async=is_async)
    assert ask(emu, library, is_async=is_async, streamed=streamed, options=options).text == ANSWER


@LIBRARIES
@STREAMED
@MODES
def test_a_hook_may_read_the_body_of_an_error(emu, library, is_async, streamed):
    emu.script(Status(404, {"error": {"message": "there is no such thing"}}))
    error = ask(emu, library, is_async=is_async, streamed=streamed, options=reading(is_async=is_async))
    assert type(error) is NotFoundError
    assert "there is no such thing" in error.message


@LIBRARIES
@STREAMED
def test_threads_get_their_own_answers_where_a_hook_reads_the_body(emu, library, streamed):
    with library.Client(**reading(is_async=False)) as mine:
        client = Client(emu.api_key, base_url=emu.base_url, http_client=mine)
        assert wrong_in_threads(client, streamed=streamed) == []
    assert emu.posts == 100


@LIBRARIES
@STREAMED
async def test_tasks_get_their_own_answers_where_a_hook_reads_the_body(emu, library, streamed):
    async with library.AsyncClient(**reading(is_async=True)) as mine:
        client = AsyncClient(emu.api_key, base_url=emu.base_url, http_client=mine)
        assert await wrong_in_tasks(client, streamed=streamed) == []
    assert emu.posts == 100


@LIBRARIES
@STREAMED
@MODES
@pytest.mark.parametrize(
    "refusal", [(401, AuthenticationError), (404, NotFoundError), (429, RateLimitError), (503, ServerError)]
)
def test_a_hook_that_raises_for_the_status_leads_to_our_error(emu, library, is_async, streamed, refusal):
    status, kind = refusal
    emu.always = Status(status)
    options = hooks(is_async=is_async, response=lambda response: response.raise_for_status())
    error = ask(emu, library, is_async=is_async, streamed=streamed, options=options, max_retries=0)
    assert type(error) is kind
    assert error.status == status
    assert error.request_id is not None


@LIBRARIES
@MODES
def test_what_a_hook_raised_goes_no_further(emu, library, is_async):
    emu.always = Status(404)
    options = hooks(is_async=is_async, response=lambda response: response.raise_for_status())
    error = ask(emu, library, is_async=is_async, options=options)
    assert (error.__cause__, error.__context__) == (None, None)


@MODES
def test_a_hook_that_raises_for_the_status_does_not_end_the_attempts(emu, is_async):
    emu.script(Status(429), Status(503))
    options = hooks(is_async=is_async, response=lambda response: response.raise_for_status())
    answer = ask(emu, is_async=is_async, options=options)
    assert (answer.text, answer.response_info.attempts, emu.posts) == (ANSWER, 3, 3)


@MODES
def test_what_a_hook_read_before_it_raised_is_reported(emu, is_async):
    def look(response: Any) -> None:
        response.read()
        response.raise_for_status()

    async def alook(response: Any) -> None:
        await response.aread()
        response.raise_for_status()

    emu.script(Status(404, {"error": {"message": "there is no such thing"}}))
    options = {"event_hooks": {"response": [alook if is_async else look]}}
    error = ask(emu, is_async=is_async, options=options)
    assert type(error) is NotFoundError
    assert "there is no such thing" in error.message


def spend(response: Any) -> None:
    for _ in response.iter_bytes():
        pass


async def aspend(response: Any) -> None:
    async for _ in response.aiter_bytes():
        pass


@LIBRARIES
@STREAMED
@MODES
def test_a_hook_that_reads_the_body_and_keeps_nothing_gets_an_explanation(emu, library, is_async, streamed):
    options = {"event_hooks": {"response": [aspend if is_async else spend]}}
    error = ask(emu, library, is_async=is_async, streamed=streamed, options=options)
    assert type(error) is ProtocolError
    assert "read by an event hook or a transport and not kept: use response.read() there" in error.message
    assert emu.posts == 1


def peek(response: Any) -> None:
    next(response.iter_bytes())


async def apeek(response: Any) -> None:
    pieces = response.aiter_bytes()
    await anext(pieces)
    await pieces.aclose()


@LIBRARIES
@STREAMED
@MODES
def test_a_hook_that_reads_only_the_start_of_the_body_gets_an_explanation(emu, library, is_async, streamed):
    options = {"event_hooks": {"response": [apeek if is_async else peek]}}
    error = ask(emu, library, is_async=is_async, streamed=streamed, options=options)
    assert type(error) is ProtocolError
    assert "use response.read() there" in error.message


@LIBRARIES
@MODES
def test_a_hook_that_keeps_nothing_of_an_error_leaves_its_status(emu, library, is_async):
    emu.script(Status(404))
    options = {"event_hooks": {"response": [aspend if is_async else spend]}}
    error = ask(emu, library, is_async=is_async, options=options)
    assert type(error) is NotFoundError
    assert error.status == 404


@LIBRARIES
@MODES
def test_a_connection_is_used_again_after_a_hook_has_read_the_body(emu, library, is_async):
    emu.script(Status(503))
    assert ask(emu, library, is_async=is_async, options=reading(is_async=is_async)).text == ANSWER
    assert (emu.posts, emu.connections) == (2, 1)


# --- mounts and transports ---


class Counting(httpx.HTTPTransport):
    """Counts what goes through it."""

    count = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.count += 1
        return super().handle_request(request)


class AsyncCounting(httpx.AsyncHTTPTransport):
    count = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.count += 1
        return await super().handle_async_request(request)


@STREAMED
@MODES
def test_a_mount_is_honoured(emu, is_async, streamed):
    mounted = AsyncCounting() if is_async else Counting()
    elsewhere = AsyncCounting() if is_async else Counting()
    options = {"mounts": {"http://127.0.0.1": mounted, "https://": elsewhere}}
    assert ask(emu, is_async=is_async, streamed=streamed, options=options).text == ANSWER
    assert (mounted.count, elsewhere.count) == (1, 0)


class Reading(httpx.HTTPTransport):
    """Reads every response before it returns it, as a transport that caches does."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        response.read()
        return response


class AsyncReading(httpx.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        await response.aread()
        return response


@STREAMED
@MODES
def test_a_transport_may_read_the_response(emu, is_async, streamed):
    options = {"transport": AsyncReading() if is_async else Reading()}
    assert ask(emu, is_async=is_async, streamed=streamed, options=options).text == ANSWER


@STREAMED
@MODES
def test_a_transport_that_reads_tells_of_a_connection_that_breaks(emu, is_async, streamed):
    emu.script(Reset(after_events=1))
    options = {"transport": AsyncReading() if is_async else Reading()}
    answer = ask(emu, is_async=is_async, streamed=streamed, options=options)
    assert (answer.text, answer.response_info.attempts) == (ANSWER, 2)


@LIBRARIES
@MODES
def test_a_mock_transport_answers_with_json(emu, library, is_async):
    options = {"transport": library.MockTransport(lambda _: library.Response(200, json=WHOLE))}
    assert ask(emu, library, is_async=is_async, options=options).text == MOCKED


@LIBRARIES
@MODES
def test_a_mock_transport_answers_with_an_event_stream(emu, library, is_async):
    answer = {"content": SSE, "headers": {"content-type": "text/event-stream"}}
    options = {"transport": library.MockTransport(lambda _: library.Response(200, **answer))}
    assert ask(emu, library, is_async=is_async, streamed=True, options=options).text == MOCKED


@LIBRARIES
@MODES
def test_a_mock_transport_sees_the_request(emu, library, is_async):
    seen: list[Any] = []

    def answer(request: Any) -> Any:
        seen.append((request.method, str(request.url), request.headers["authorization"], json.loads(request.content)))
        return library.Response(200, json=WHOLE)

    ask(emu, library, is_async=is_async, options={"transport": library.MockTransport(answer)})
    body = {"model": CHAT, "messages": MESSAGES}
    assert seen == [("POST", emu.base_url + "/chat/completions", f"Bearer {emu.api_key}", body)]


@LIBRARIES
@MODES
def test_an_error_of_a_mock_transport_is_the_api_s(emu, library, is_async):
    answers = iter([library.Response(503), library.Response(429, json={"error": {"message": "slow down"}})])
    options = {"transport": library.MockTransport(lambda _: next(answers))}
    error = ask(emu, library, is_async=is_async, options=options, max_retries=1)
    assert type(error) is RateLimitError
    assert "slow down" in error.message
    assert error.attempts == 2


# --- both libraries ---


@LIBRARIES
@STREAMED
@MODES
def test_a_client_of_either_library_is_used(emu, library, is_async, streamed):
    assert ask(emu, library, is_async=is_async, streamed=streamed).text == ANSWER


@LIBRARIES
@STREAMED
@MODES
def test_a_stream_or_an_answer_comes_piece_by_piece_from_either_library(emu, library, is_async, streamed):
    if streamed:
        emu.script(RawStream([SSE[:40], SSE[40:90], SSE[90:]], pause=0.02))
    else:
        text = json.dumps(WHOLE).encode()
        emu.script(RawStream([text[:20], text[20:]], content_type="application/json", pause=0.02))
    assert ask(emu, library, is_async=is_async, streamed=streamed).text == MOCKED


@LIBRARIES
@STREAMED
@MODES
def test_what_is_not_there_is_not_found_by_either_library(emu, library, is_async, streamed):
    emu.script(Status(404, {"error": {"message": "there is no such thing"}}))
    error = ask(emu, library, is_async=is_async, streamed=streamed)
    assert type(error) is NotFoundError
    assert "there is no such thing" in error.message
    assert emu.posts == 1


@LIBRARIES
@STREAMED
@MODES
def test_a_server_that_is_not_there_refuses_the_connection_of_either_library(emu, library, is_async, streamed):
    with nobody() as base_url:
        error = ask(emu, library, is_async=is_async, streamed=streamed, base_url=base_url, max_retries=1)
    assert type(error) is APIConnectionError
    assert error.message.startswith("no connection to the API: Connection refused")
    assert error.attempts == 2


@LIBRARIES
@STREAMED
@MODES
def test_either_library_waits_for_the_first_token_as_long_as_it_should(emu, library, is_async, streamed):
    emu.always = Stall(before_head=True)
    error = ask(emu, library, is_async=is_async, streamed=streamed, timeout=0.2, max_retries=0)
    assert type(error) is APITimeoutError
    assert error.phase == "first_token"


@LIBRARIES
@MODES
def test_a_stream_that_falls_silent_is_idle_in_either_library(emu, library, is_async):
    emu.always = Stall(after_events=2)
    error = ask(emu, library, is_async=is_async, streamed=True, timeout=0.3)
    assert type(error) is APITimeoutError
    assert error.phase == "idle"
    assert emu.posts == 1


@LIBRARIES
@MODES
def test_a_compressed_answer_is_read_with_either_library(emu, library, is_async):
    emu.script(RawBody(gzip.compress(json.dumps(WHOLE).encode()), headers={"content-encoding": "gzip"}))
    assert ask(emu, library, is_async=is_async).text == MOCKED


@LIBRARIES
@MODES
def test_a_compressed_answer_that_a_hook_has_read_is_not_decompressed_again(emu, library, is_async):
    emu.script(RawBody(gzip.compress(json.dumps(WHOLE).encode()), headers={"content-encoding": "gzip"}))
    assert ask(emu, library, is_async=is_async, options=reading(is_async=is_async)).text == MOCKED


@LIBRARIES
@MODES
def test_a_stream_that_breaks_is_interrupted_in_either_library(emu, library, is_async):
    emu.script(Reset(after_events=2))
    error = ask(emu, library, is_async=is_async, streamed=True)
    assert type(error) is StreamInterrupted
    assert emu.posts == 1


GARBAGE = b"\xff\x00\xfe no answer at all \x80\x81"


@LIBRARIES
@STREAMED
@MODES
@pytest.mark.parametrize(
    "answer",
    [
        RawBody(GARBAGE),
        RawBody(GARBAGE, headers={"content-encoding": "gzip"}),
        RawBody(GARBAGE, headers={"content-encoding": "br"}),
        Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + GARBAGE + b"\r\n\r\n"),
        Raw(GARBAGE * 10 + b"\r\n\r\n"),
    ],
    ids=["body", "gzip", "brotli", "chunks", "head"],
)
def test_garbage_is_refused_once_in_either_library(emu, library, is_async, streamed, answer):
    emu.always = answer
    error = ask(emu, library, is_async=is_async, streamed=streamed)
    assert type(error) is ProtocolError
    assert emu.posts == 1


# --- both adapters ---


@LIBRARIES
async def test_langchain_calls_through_a_client_of_either_library(emu, library):
    with library.Client() as mine:
        async with library.AsyncClient() as other:
            model = ChatDigitalOcean(
                model=CHAT, api_key=emu.api_key, base_url=emu.base_url, http_client=mine, http_async_client=other
            )
            assert model.invoke("Say hello").text == ANSWER
            assert (await model.ainvoke("Say hello")).text == ANSWER
            assert "".join([chunk.text for chunk in model.stream("Say hello")]) == ANSWER
            assert "".join([chunk.text async for chunk in model.astream("Say hello")]) == ANSWER
    assert (emu.posts, emu.connections) == (4, 2)


@LIBRARIES
async def test_llamaindex_calls_through_a_client_of_either_library(emu, library):
    with library.Client() as mine:
        async with library.AsyncClient() as other:
            llm = DigitalOcean(
                model=CHAT, api_key=emu.api_key, base_url=emu.base_url, http_client=mine, http_async_client=other
            )
            assert llm.complete("Say hello").text == ANSWER
            assert (await llm.acomplete("Say hello")).text == ANSWER
            assert [part.text for part in llm.stream_complete("Say hello")][-1] == ANSWER
            assert [part.text async for part in await llm.astream_complete("Say hello")][-1] == ANSWER
    assert (emu.posts, emu.connections) == (4, 2)


# --- what is no client ---


class Session:
    """Has the methods of `requests.Session`, which look like those of a client."""

    headers: dict[str, str] = {}  # noqa: RUF012  as there

    def request(self, method: str, url: str, **options: Any) -> Any:
        raise NotImplementedError

    def send(self, request: Any, **options: Any) -> Any:
        raise NotImplementedError

    def close(self) -> None:
        pass


NAMESAKES = [type(name, (Session,), {})() for name in ("Client", "AsyncClient")]
NO_CLIENTS = [object(), Session(), *NAMESAKES, "client", 5, httpx.Client, httpx2.AsyncClient, httpx.BaseTransport()]
NAMES = ["object", "session", "name", "async-name", "text", "number", "class", "async-class", "transport"]


@pytest.mark.parametrize("client", NO_CLIENTS, ids=NAMES)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_what_is_no_client_of_httpx_is_refused(kind, client):
    with pytest.raises(ConfigError, match=rf"the HTTP client must be an httpx\.{kind.__name__}, not "):
        kind("k", http_client=client)


@LIBRARIES
def test_a_client_of_the_other_mode_is_refused(library):
    with library.Client() as mine, pytest.raises(ConfigError, match=rf"httpx\.AsyncClient, not {library.__name__}\."):
        AsyncClient("k", http_client=mine)
    with pytest.raises(ConfigError, match=rf"httpx\.Client, not {library.__name__}\."):
        Client("k", http_client=library.AsyncClient())


@pytest.mark.parametrize("model", [ChatDigitalOcean, DigitalOcean])
@pytest.mark.parametrize("argument", ["http_client", "http_async_client"])
@pytest.mark.parametrize("client", NO_CLIENTS, ids=NAMES)
def test_what_is_no_client_of_httpx_is_refused_by_both_adapters(model, argument, client):
    with pytest.raises(ConfigError, match="the HTTP client must be an httpx"):
        model(model=CHAT, api_key="k", **{argument: client})


@LIBRARIES
@pytest.mark.parametrize("model", [ChatDigitalOcean, DigitalOcean])
def test_a_client_of_the_other_mode_is_refused_by_both_adapters(model, library):
    with pytest.raises(ConfigError, match=r"httpx\.Client, not"):
        model(model=CHAT, api_key="k", http_client=library.AsyncClient())
    with library.Client() as mine, pytest.raises(ConfigError, match=r"httpx\.AsyncClient, not"):
        model(model=CHAT, api_key="k", http_async_client=mine)


def test_a_client_of_a_class_of_the_callers_own_is_accepted(emu):
    class Mine(httpx.Client):
        pass

    with Mine() as mine:
        assert Client(emu.api_key, base_url=emu.base_url, http_client=mine).chat(**ASK).text == ANSWER


# --- its lifecycle and its settings ---


@LIBRARIES
def test_a_client_of_either_library_is_never_closed(emu, library):
    with library.Client() as mine:
        with Client(emu.api_key, base_url=emu.base_url, http_client=mine) as client:
            client.chat(**ASK)
        client.close()
        del client
        gc.collect()
        assert not mine.is_closed
        assert mine.get(emu.base_url + "/models").status_code == 401


@LIBRARIES
async def test_an_async_client_of_either_library_is_never_closed(emu, library):
    async with library.AsyncClient() as mine:
        async with AsyncClient(emu.api_key, base_url=emu.base_url, http_client=mine) as client:
            await client.chat(**ASK)
        await client.aclose()
        del client
        gc.collect()
        assert not mine.is_closed
        assert (await mine.get(emu.base_url + "/models")).status_code == 401


@LIBRARIES
@pytest.mark.parametrize("model", [ChatDigitalOcean, DigitalOcean])
async def test_the_adapters_never_close_a_callers_client(emu, library, model):
    with library.Client() as mine:
        async with library.AsyncClient() as other:
            made = model(
                model=CHAT, api_key=emu.api_key, base_url=emu.base_url, http_client=mine, http_async_client=other
            )
            made.close()
            await made.aclose()
            del made
            gc.collect()
            assert (mine.is_closed, other.is_closed) == (False, False)


@LIBRARIES
@STREAMED
@MODES
def test_the_client_s_own_auth_does_not_replace_the_key(emu, library, is_async, streamed):
    options = {"auth": ("somebody", "else")}
    assert ask(emu, library, is_async=is_async, streamed=streamed, options=options).text == ANSWER
    assert emu.requests[0].headers["authorization"] == f"Bearer {emu.api_key}"


@MODES
def test_the_client_s_own_authorization_header_does_not_replace_the_key(emu, is_async):
    assert ask(emu, is_async=is_async, options={"headers": {"authorization": "Basic else"}}).text == ANSWER
    assert emu.requests[0].headers["authorization"] == f"Bearer {emu.api_key}"


@MODES
def test_the_client_s_own_base_url_does_not_replace_ours(emu, is_async):
    with nobody() as elsewhere:
        assert ask(emu, is_async=is_async, options={"base_url": elsewhere}).text == ANSWER
