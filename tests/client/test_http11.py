"""Responses as they come over the wire, read by our pool and, beside it, by httpcore's own connections with h11.

Each row of the table says what becomes of a response: its connection is kept for another request, closed behind it, or
the response is refused. Where the two differ, the row says why. Ours reads each in threads and in an event loop.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from http import HTTPStatus
from itertools import repeat
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trustme
from client_kit import ASK, asoon, caught, soon
from http11_kit import (
    CHUNKED,
    OK,
    Pieces,
    ScriptedServer,
    asked,
    both,
    in_a_loop,
    in_chunks,
    in_threads,
    loop_pool,
    sent,
    sized,
    slots_of,
    take_request,
    thread_pool,
    written,
)
from http11_rows import CONTINUE, GOOD, ROWS
from httptools import HttpResponseParser

from inference_do import APIConnectionError, AsyncClient, BadRequestError, Client, InferenceError
from inference_do._transport.http11 import CLOSED_PARSER, request_head
from inference_do._transport.loop_sockets import LoopNetwork, LoopSocket
from inference_do._transport.pool import Connection, Pool
from inference_do._transport.sockets import MAX_CONNECTIONS, Attempt
from inference_do._transport.thread_sockets import ThreadNetwork, ThreadSocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator


@pytest.fixture(scope="module")
def server():
    with ScriptedServer() as running:
        yield running


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_response_is_read_as_httpcore_and_h11_read_it(server, row):
    seen, known = both(server, row.raw, closes=row.closes)
    assert (seen.verdict, known.verdict) == (row.verdict, row.known or row.verdict)
    assert bool(row.known) == bool(row.why)
    if row.verdict != "refused":
        assert (seen.status, seen.body) == (row.status, row.body)
    if "refused" not in {seen.verdict, known.verdict}:
        assert (seen.status, seen.headers, seen.body) == (known.status, known.headers, known.body)


SMALL = {
    "length": sized(b"hello", b"X: y"),
    "chunked": written(CHUNKED, body=in_chunks(b"he", b"llo", trailers=b"X: y\r\n")),
    "100": CONTINUE + sized(b"hello"),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_response_that_is_cut_anywhere_is_refused(server, name):
    whole = SMALL[name]
    for end in range(len(whole)):
        seen, known = both(server, whole[:end], closes=True)
        assert (seen.verdict, known.verdict) == ("refused", "refused"), whole[:end]
        assert seen.is_cut, "it is no malformed one, which would not be asked for again"
        assert seen.body == known.body
        assert b"hello".startswith(seen.body)
    seen, known = both(server, whole, closes=True)
    assert seen == known
    assert seen.body == b"hello"


@pytest.mark.parametrize("name", SMALL)
def test_a_response_that_comes_in_single_bytes_is_read_like_one_that_comes_at_once(server, name):
    assert both(server, SMALL[name], repeat(1)) == both(server, SMALL[name])


ENDLESS = {
    "status line": (b"HTTP/1.1 200 ", b"y" * 4096),
    "headers": (OK, b"X: y\r\n" * 512),
    "a header": (OK + b"X: ", b"y" * 4096),
    "heads": (b"", CONTINUE * 128),
    "chunk size": (written(CHUNKED, body=b""), b"0" * 4096),
    "chunk extension": (written(CHUNKED, body=b"2;x="), b"y" * 4096),
    "trailer": (written(CHUNKED, body=b"2\r\nok\r\n0\r\nX: "), b"y" * 4096),
    "trailers": (written(CHUNKED, body=b"2\r\nok\r\n0\r\n"), b"X: y\r\n" * 512),
}


@pytest.mark.parametrize("name", ENDLESS)
@pytest.mark.parametrize("ask", [in_threads, in_a_loop])
def test_what_has_no_end_and_is_no_body_is_read_for_a_while_only(server, name, ask):
    beginning, more = ENDLESS[name]

    def pieces() -> Iterator[bytes]:
        yield beginning
        yield from repeat(more)

    server.will(pieces())
    network = Pieces()
    seen = ask(server.port, network)
    assert (seen.verdict, seen.is_cut) == ("refused", False)
    assert network.count < 300_000


def answer(text: str) -> bytes:
    content = f'{{"choices": [{{"message": {{"content": "{text}"}}, "finish_reason": "stop"}}]}}'
    return sized(content.encode(), b"Content-Type: application/json")


MODES = ["threads", "an event loop"]


def texts_of(mode: str, count: int, pause: float = 0, **settings: Any) -> list[str]:
    """Ask so many times, with a pause behind each; return the texts of the answers."""
    texts = []
    if mode == "threads":
        with Client("k", max_retries=0, **settings) as client:
            for _ in range(count):
                texts.append(client.chat(**ASK).text)
                time.sleep(pause)
        return texts

    async def ask() -> None:
        async with AsyncClient("k", max_retries=0, **settings) as client:
            for _ in range(count):
                texts.append((await client.chat(**ASK)).text)
                await asyncio.sleep(pause)

    asyncio.run(ask())
    return texts


def asked_thrice(server: ScriptedServer, mode: str, **settings: Any) -> list[str]:
    """Ask three times; the first response has another one behind it."""
    before = server.connections
    server.will([answer("one") + answer("forged")], [answer("forged as well")])
    server.will([answer("two")], [answer("three")])
    texts = texts_of(mode, 3, **settings)
    assert server.connections == before + 2
    return texts


@pytest.mark.parametrize("mode", MODES)
def test_what_comes_behind_a_response_is_not_the_next_answer(server, mode):
    assert asked_thrice(server, mode, base_url=f"http://127.0.0.1:{server.port}") == ["one", "two", "three"]


@pytest.mark.parametrize("mode", MODES)
def test_what_a_proxy_sends_behind_a_response_is_not_the_next_answer(server, monkeypatch, mode):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.port}")
    assert asked_thrice(server, mode, base_url="http://api.test", allow_http=True) == ["one", "two", "three"]
    assert {head.split(b"\r\n")[0] for head in server.heads[-3:]} == {b"POST http://api.test/chat/completions HTTP/1.1"}


@pytest.mark.parametrize("mode", MODES)
def test_what_comes_behind_a_response_through_a_tunnel_is_not_the_next_answer(monkeypatch, mode):
    authority = trustme.CA()
    context = authority_context(authority)

    def tunnel(peer: socket.socket) -> socket.socket:
        assert take_request(peer).startswith(b"CONNECT api.test:443 ")
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        return context.wrap_socket(peer, server_side=True)

    with ScriptedServer(tunnel) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        ca = authority.cert_pem.bytes().decode()
        assert asked_thrice(proxy, mode, base_url="https://api.test", ca=ca) == ["one", "two", "three"]


def authority_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("api.test").configure_cert(context)
    return context


@pytest.mark.parametrize("mode", MODES)
def test_what_comes_while_a_connection_is_idle_is_not_the_next_answer(server, mode):
    def late() -> Iterator[bytes]:
        yield answer("one")
        time.sleep(0.05)
        yield answer("forged")

    server.will(late())
    server.will(answer("two"))
    assert texts_of(mode, 2, pause=0.15, base_url=f"http://127.0.0.1:{server.port}") == ["one", "two"]


# --- whether a connection serves another request ---


@pytest.fixture(params=[thread_pool, loop_pool], ids=MODES)
async def pool(request):
    """A pool of either kind. What is written once for both can be awaited in both: threads wait for no loop in it."""
    made = request.param()
    yield made
    await made.aclose()


async def body_of(pool: Pool, port: int) -> bytes:
    async with aclosing(await pool.handle_async_request(asked(port))) as response:
        return b"".join([piece async for piece in response])


async def test_a_connection_serves_one_request_after_another(server, pool):
    before = server.connections
    server.will(GOOD, sized(b"again"))
    assert await body_of(pool, server.port) == b"ok"
    assert not pool._idle[0].has_expired
    assert await body_of(pool, server.port) == b"again"
    assert server.connections == before + 1


async def test_a_connection_that_the_server_closes_while_it_is_idle_is_not_used(server, pool):
    server.will(GOOD, closes=True)
    assert await body_of(pool, server.port) == b"ok"
    (connection,) = pool._idle
    assert await asoon(lambda: connection.has_expired)
    server.will(sized(b"of another one"))
    assert await body_of(pool, server.port) == b"of another one"
    assert connection not in pool._idle
    assert len(pool.network._open) == 1


async def test_a_connection_that_was_idle_for_too_long_is_not_used(server, pool, monkeypatch):
    monkeypatch.setattr("inference_do._transport.pool.IDLE_SECONDS", 0.2)
    server.will(GOOD)
    assert await body_of(pool, server.port) == b"ok"
    (connection,) = pool._idle
    assert not connection.has_expired
    assert await asoon(lambda: connection.has_expired)
    server.will(sized(b"of another one"))
    assert await body_of(pool, server.port) == b"of another one"
    assert connection not in pool._idle
    assert len(pool.network._open) == 1


async def test_a_connection_whose_response_was_not_read_to_its_end_is_not_kept(server, pool):
    server.will(written(b"Content-Length: 4"))
    async with aclosing(await pool.handle_async_request(asked(server.port))) as response:
        assert await anext(response) == b"ok"
        assert slots_of(pool) == MAX_CONNECTIONS - 1
    assert not pool._idle
    assert not pool.network._open
    assert slots_of(pool) == MAX_CONNECTIONS


class Silent(ThreadNetwork):
    """Its sockets cannot be written to."""

    async def connect(self, *args: Any) -> ThreadSocket:
        made = await super().connect(*args)
        made._socket.shutdown(socket.SHUT_WR)
        return made


@pytest.mark.parametrize("network", [Silent, LoopNetwork], ids=MODES)
async def test_a_connection_whose_request_was_not_written_is_not_kept(network):
    """The server has answered before it was asked; what it will make of the part that it got is anybody's guess."""

    def refuse() -> socket.socket:
        peer, _ = listener.accept()
        peer.sendall(sized(b"no", start=b"HTTP/1.1 413 X\r\n"))
        return peer

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        accepted = threads.submit(refuse)
        pool = Pool(network(), None, None)
        request = asked(listener.getsockname()[1], content=b"x" * 20_000_000)
        async with aclosing(await pool.handle_async_request(request)) as response:
            body = b"".join([piece async for piece in response])
            assert (response.status, body) == (413, b"no")
        assert not pool._idle
        assert not pool.network._open
        assert slots_of(pool) == MAX_CONNECTIONS
        await pool.aclose()
        accepted.result(5).close()


@pytest.mark.parametrize("mode", MODES)
def test_a_refusal_that_comes_before_a_large_request_is_written_is_reported(mode):
    body = b'{"error": {"message": "too large"}}'
    is_told = threading.Event()

    def refuse() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(1000)
            peer.sendall(sized(body, b"Connection: close", start=b"HTTP/1.1 413 X\r\n"))
            if mode != "threads":  # asyncio reads nothing more of a connection when a write has failed
                is_told.wait(5)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        refusing = threads.submit(refuse)
        large = {**ASK, "messages": [{"role": "user", "content": "x" * 20_000_000}]}
        error, idle = caught_once(mode, large, f"http://127.0.0.1:{listener.getsockname()[1]}")
        is_told.set()
        refusing.result(5)
        assert isinstance(error, BadRequestError)
        assert error.message == f"413 {HTTPStatus(413).phrase}: too large"  # Python 3.13 has another phrase
        assert idle == 0


def caught_once(mode: str, ask: dict[str, Any], base_url: str) -> tuple[Any, int]:
    """Ask once; return what came of it, and how many connections may serve another request."""
    if mode == "threads":
        with Client("k", base_url=base_url, max_retries=0) as client:
            return caught(lambda: client.chat(**ask)), len(pool_of(client)._idle)

    async def call() -> tuple[Any, int]:
        async with AsyncClient("k", base_url=base_url, max_retries=0) as client:
            return await acaught(client.chat(**ask)), len(pool_of(client)._idle)

    return asyncio.run(call())


async def acaught(call: Awaitable[Any]) -> Any:
    try:
        return await call
    except InferenceError as error:
        return error


def pool_of(client: Client | AsyncClient) -> Any:
    (mine,) = client._http._clients.values()
    return mine._transport._pool


def test_a_response_that_only_its_connection_ends_is_not_ended_by_closing_the_client(server):
    """Whoever waits for more of it must not take what came for all of it."""
    whole = answer("whole").replace(b"Content-Length", b"X-Length")
    server.will(whole)
    client = Client("k", base_url=f"http://127.0.0.1:{server.port}", max_retries=0)
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(caught, lambda: client.chat(**ASK))
        assert soon(lambda: client._http._clients and any(used._is_used for used in pool_of(client).network._open))
        time.sleep(0.1)
        client.close()
        assert isinstance(call.result(5), APIConnectionError)


async def test_nor_by_closing_a_client_of_an_event_loop(server):
    server.will(answer("whole").replace(b"Content-Length", b"X-Length"))
    client = AsyncClient("k", base_url=f"http://127.0.0.1:{server.port}", max_retries=0)
    call = asyncio.create_task(client.chat(**ASK))
    await asyncio.sleep(0.1)
    await client.aclose()
    with pytest.raises(APIConnectionError):
        await call


@pytest.mark.parametrize("kind", [thread_pool, loop_pool], ids=MODES)
async def test_nor_by_whoever_interrupts_it(server, kind):
    """Below the client: the pool itself says that it was cut."""
    server.will(written())
    pool, request = kind(), asked(server.port)
    attempt = request.extensions[Attempt.NAME] = Attempt()
    response = await pool.handle_async_request(request)
    assert await anext(response) == b"ok"
    if kind is thread_pool:
        threading.Timer(0.05, attempt.interrupt).start()
    else:
        asyncio.get_running_loop().call_later(0.05, attempt.interrupt)
    with pytest.raises(httpx.ReadError):
        await anext(response)
    await response.aclose()
    assert not pool._idle
    assert not pool.network._open
    assert slots_of(pool) == MAX_CONNECTIONS
    await pool.aclose()


# --- Ctrl-C ---


def interrupting(method: str) -> None:
    """Let Ctrl-C come when a method begins."""

    def press(frame: Any, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_name == method:
            sys.setprofile(None)
            raise KeyboardInterrupt

    sys.setprofile(press)


async def pressed(method: str, call: Callable[[], Any]) -> None:
    """Let Ctrl-C come while something is called, or awaited."""
    interrupting(method)
    try:
        with pytest.raises(KeyboardInterrupt):
            if (awaitable := call()) is not None:
                await awaitable
    finally:
        sys.setprofile(None)


METHODS = ["on_message_begin", "on_header", "on_headers_complete", "on_body", "on_message_complete"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("inside", [False, True], ids=["", "inside a handler"])
@pytest.mark.parametrize("kind", [Client, AsyncClient], ids=MODES)
async def test_ctrl_c_while_a_response_is_parsed_is_no_broken_connection(server, kind, method, inside):
    server.will(answer("never"))
    client = kind("k", base_url=f"http://127.0.0.1:{server.port}", max_retries=0)
    if inside:
        try:
            raise ValueError  # noqa: TRY301
        except ValueError:
            assert sys.exception() is not None
            await pressed(method, lambda: client.chat(**ASK))
    else:
        await pressed(method, lambda: client.chat(**ASK))
    used = pool_of(client)
    assert not used._idle
    assert not used.network._open
    assert slots_of(used) == MAX_CONNECTIONS
    await client.aclose() if isinstance(client, AsyncClient) else client.close()


# --- what is left ---

FATES = {
    "whole": (answer("one"), False),
    "not HTTP": (b"junk", True),
    "cut in its head": (OK, True),
    "cut in its body": (answer("one")[:-2], True),
    "a bad chunk": (written(CHUNKED, body=b"x\r\n"), True),
    "an error": (sized(b"no", start=b"HTTP/1.1 400 X\r\n"), False),
    "broken compression": (sized(b"no", b"Content-Encoding: gzip"), False),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fate", FATES)
def test_a_response_needs_no_collector(server, fate, mode):
    """What is left of it is what httpx's response and its stream know of each other: no parser, and no connection."""
    raw, closes = FATES[fate]
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            server.will(raw, closes=closes)
            caught_once(mode, ASK, f"http://127.0.0.1:{server.port}")
        kinds = (Connection, ThreadSocket, LoopSocket, HttpResponseParser, httpx.HTTPError)
        left = [thing for thing in gc.get_objects() if isinstance(thing, kinds) and thing is not CLOSED_PARSER]
        assert left == []
    finally:
        gc.enable()


# --- what is sent ---

JUNK = ["\r\nX: y", "\nX: y", "\rX: y", "\0", "a\r\n\r\nGET / HTTP/1.1"]


@pytest.mark.parametrize("junk", JUNK)
def test_a_header_cannot_bring_another_one(junk):
    """Values are checked long before; this is what would hold if one got through."""
    data = junk.encode()
    for parts in (
        (b"GET", b"/", [(b"X", data)]),
        (b"GET", b"/", [(b"X" + data, b"y")]),
        (b"GET", b"/" + data, []),
        (b"GET" + data, b"/", []),
    ):
        with pytest.raises(httpx.LocalProtocolError):
            request_head(*parts)


@pytest.mark.parametrize("junk", JUNK)
async def test_what_would_bring_another_header_is_not_sent(server, pool, junk):
    server.will(GOOD)
    heads = len(server.heads)
    with pytest.raises(httpx.LocalProtocolError):
        await pool.handle_async_request(asked(server.port, {"X": junk}))
    assert not pool._idle
    assert not pool.network._open
    assert slots_of(pool) == MAX_CONNECTIONS
    server.will(GOOD)
    assert await body_of(pool, server.port) == b"ok"
    assert len(server.heads) == heads + 1


ADDRESSES = {
    "plain": ("/v1", {}),
    "escapes of letters": ("/%7Eme/%41/a%2Fb/%c3%a9", {}),
    "escapes that are none": ("/a%zz/100%", {}),
    "signs": ("/a+b;c=d/[1]/{x}|y^z", {}),
    "a query": ("/v1", {"a b": "c+d&e=f/g?h#i%41", "signs": "'()*!~,:@[]", "é": "ü", "none": ""}),
    "a query with lists": ("/v1", {"a": ["x", "y"], "b": True, "c": 1.5}),
}


@pytest.mark.parametrize("name", ADDRESSES)
def test_threads_and_event_loops_write_the_same_address(server, name):
    path, query = ADDRESSES[name]
    for mode in MODES:
        server.will(answer(mode))
        assert texts_of(mode, 1, base_url=f"http://127.0.0.1:{server.port}{path}", default_query=query) == [mode]
    threads, loops = server.heads[-2:]
    assert threads == loops


HOSTS = {
    "http://api.test/v1": (b"api.test", ("http", "api.test", 80)),
    "http://api.test:80/v1": (b"api.test", ("http", "api.test", 80)),
    "https://api.test:443/v1": (b"api.test", ("https", "api.test", 443)),
    "https://api.test:80/v1": (b"api.test:80", ("https", "api.test", 80)),
    "http://api.test:8000/v1": (b"api.test:8000", ("http", "api.test", 8000)),
    "http://[::1]:8000/v1": (b"[::1]:8000", ("http", "::1", 8000)),
    "https://[2001:db8::1]/v1": (b"[2001:db8::1]", ("https", "2001:db8::1", 443)),
}


@pytest.mark.parametrize("kind", [Client, AsyncClient], ids=MODES)
@pytest.mark.parametrize("url", HOSTS)
def test_the_host_is_named_with_its_port_where_that_is_not_the_usual_one(url, kind):
    host, origin = HOSTS[url]
    network = sent(kind, "k", base_url=url, allow_http=True)
    line, first, *_ = network.requests[0].split(b"\r\n")
    assert (line, first) == (b"GET /v1/models HTTP/1.1", b"Host: " + host)
    assert network.origins == [origin]
