"""Replies as they come over the wire, read by our connections and, beside them, by httpcore's own with h11.

Each row of the table says what becomes of a reply: its connection is kept for another request, closed behind it, or the
reply is refused. Where the two differ, the row says why.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http import HTTPStatus
from itertools import repeat
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from client_kit import ASK, caught, soon
from http11_kit import (
    CHUNKED,
    OK,
    PATIENCE,
    InPieces,
    ScriptedServer,
    asked,
    both,
    connected,
    in_chunks,
    ours,
    reply,
    sized,
    take_request,
)
from http11_rows import CONTINUE, GOOD, ROWS
from httptools import HttpResponseParser
from inference_do._http import Outgoing, Request
from inference_do._http11 import SPENT, Connection, LocalProtocolError, ProtocolError, Reply, written

from inference_do import APIConnectionError, AsyncClient, BadRequestError, Client, InferenceError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server():
    with ScriptedServer() as running:
        yield running


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_reply_is_read_as_httpcore_and_h11_read_it(server, row):
    seen, known = both(server, row.raw, closes=row.closes)
    assert (seen.verdict, known.verdict) == (row.verdict, row.known or row.verdict)
    assert bool(row.known) == bool(row.why)
    if row.verdict != "refused":
        assert (seen.status, seen.body) == (row.status, row.body)
    if "refused" not in {seen.verdict, known.verdict}:
        assert (seen.status, seen.headers, seen.body) == (known.status, known.headers, known.body)


SMALL = {
    "length": sized(b"hello", b"X: y"),
    "chunked": reply(CHUNKED, body=in_chunks(b"he", b"llo", trailers=b"X: y\r\n")),
    "100": CONTINUE + sized(b"hello"),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_reply_that_is_cut_anywhere_is_refused(server, name):
    whole = SMALL[name]
    for end in range(len(whole)):
        seen, known = both(server, whole[:end], closes=True)
        assert (seen.verdict, known.verdict) == ("refused", "refused"), whole[:end]
        assert seen.body == known.body
        assert b"hello".startswith(seen.body)
    seen, known = both(server, whole, closes=True)
    assert seen == known
    assert seen.body == b"hello"


@pytest.mark.parametrize("name", SMALL)
def test_a_reply_that_comes_in_single_bytes_is_read_like_one_that_comes_at_once(server, name):
    assert both(server, SMALL[name], repeat(1)) == both(server, SMALL[name])


ENDLESS = {
    "status line": (b"HTTP/1.1 200 ", b"y" * 4096),
    "headers": (OK, b"X: y\r\n" * 512),
    "a header": (OK + b"X: ", b"y" * 4096),
    "heads": (b"", CONTINUE * 128),
    "chunk size": (reply(CHUNKED, body=b""), b"0" * 4096),
    "chunk extension": (reply(CHUNKED, body=b"2;x="), b"y" * 4096),
    "trailer": (reply(CHUNKED, body=b"2\r\nok\r\n0\r\nX: "), b"y" * 4096),
    "trailers": (reply(CHUNKED, body=b"2\r\nok\r\n0\r\n"), b"X: y\r\n" * 512),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_has_no_end_and_is_no_body_is_read_for_a_while_only(server, name):
    beginning, more = ENDLESS[name]

    def pieces() -> Iterator[bytes]:
        yield beginning
        yield from repeat(more)

    server.will(pieces())
    network = InPieces()
    assert ours(server.port, network).verdict == "refused"
    assert network.count < 300_000


def answer(text: str) -> bytes:
    content = f'{{"choices": [{{"message": {{"content": "{text}"}}, "finish_reason": "stop"}}]}}'
    return sized(content.encode(), b"Content-Type: application/json")


def asked_thrice(server: ScriptedServer, client: Client, before: int) -> list[Any]:
    """Ask three times; the first reply has another one behind it."""
    server.will([answer("one") + answer("forged")], [answer("forged as well")])
    server.will([answer("two")], [answer("three")])
    with client:
        texts = [client.chat(**ASK).text for _ in range(3)]
    assert server.connections == before + 2
    return texts


def test_what_comes_behind_a_reply_is_not_the_next_answer(server):
    client = Client("k", base_url=f"http://127.0.0.1:{server.port}", max_retries=0)
    assert asked_thrice(server, client, server.connections) == ["one", "two", "three"]


def test_what_a_proxy_sends_behind_a_reply_is_not_the_next_answer(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.port}")
    client = Client("k", base_url="http://api.test", allow_http=True, max_retries=0)
    assert asked_thrice(server, client, server.connections) == ["one", "two", "three"]


def test_what_comes_behind_a_reply_through_a_tunnel_is_not_the_next_answer(monkeypatch):
    authority = trustme.CA()
    context = authority_context(authority)

    def tunnel(peer: socket.socket) -> socket.socket:
        assert take_request(peer).startswith(b"CONNECT api.test:443 ")
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        return context.wrap_socket(peer, server_side=True)

    with ScriptedServer(tunnel) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        ca = authority.cert_pem.bytes().decode()
        client = Client("k", base_url="https://api.test", ca=ca, max_retries=0)
        assert asked_thrice(proxy, client, 0) == ["one", "two", "three"]


def authority_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("api.test").configure_cert(context)
    return context


def test_what_comes_while_a_connection_is_idle_is_not_the_next_answer(server):
    def late() -> Iterator[bytes]:
        yield answer("one")
        time.sleep(0.05)
        yield answer("forged")

    server.will(late())
    server.will(answer("two"))
    with Client("k", base_url=f"http://127.0.0.1:{server.port}", max_retries=0) as client:
        assert client.chat(**ASK).text == "one"
        time.sleep(0.15)
        assert client.chat(**ASK).text == "two"


def test_a_connection_that_the_server_closes_while_it_is_idle_is_not_used(server):
    server.will(GOOD, closes=True)
    connection = connected(server.port)
    assert b"".join(connection.send(asked(server.port), PATIENCE)) == b"ok"
    assert connection.is_available()
    assert soon(connection.has_expired)
    connection.close()


def test_a_connection_that_was_idle_for_too_long_is_not_used(server):
    server.will(GOOD)
    connection = connected(server.port, keepalive=0.05)
    assert b"".join(connection.send(asked(server.port), PATIENCE)) == b"ok"
    assert connection.is_available()
    assert not connection.has_expired()
    assert soon(connection.has_expired)
    connection.close()


def test_a_connection_whose_reply_was_not_read_to_its_end_is_not_kept(server):
    server.will(reply(b"Content-Length: 4"))
    connection = connected(server.port)
    assert next(iter(connection.send(asked(server.port), PATIENCE))) == b"ok"
    assert not connection.is_available()
    connection.close()


def test_a_connection_whose_request_was_not_written_is_not_kept(server):
    """The server has answered before it was asked; what it will make of the half that it got is anybody's guess."""

    def refuse() -> socket.socket:
        peer, _ = listener.accept()
        peer.sendall(sized(b"no", start=b"HTTP/1.1 413 X\r\n"))
        return peer

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        accepted = threads.submit(refuse)
        port = listener.getsockname()[1]
        connection = connected(port, InPieces(prepare=lambda mine: mine.shutdown(socket.SHUT_WR)))
        refusal = connection.send(asked(port), PATIENCE)
        assert (refusal.status, b"".join(refusal)) == (413, b"no")
        assert not connection.is_available()
        connection.close()
        accepted.result(5).close()


def test_a_refusal_that_comes_before_a_large_request_is_written_is_told(server):
    body = b'{"error": {"message": "too large"}}'

    def refuse() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(1000)
            peer.sendall(sized(body, b"Connection: close", start=b"HTTP/1.1 413 X\r\n"))

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        refusing = threads.submit(refuse)
        large = {**ASK, "messages": [{"role": "user", "content": "x" * 20_000_000}]}
        with Client("k", base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", max_retries=0) as client:
            error = caught(lambda: client.chat(**large))
            refusing.result(5)
            assert isinstance(error, BadRequestError)
            assert error.message == f"413 {HTTPStatus(413).phrase}: too large"  # Python 3.13 has another phrase
            (mine,) = client._http._clients.values()
            assert not mine._idle


def test_a_reply_that_only_its_connection_ends_is_not_ended_by_closing_the_client(server):
    """Whoever waits for more of it must not take what came for all of it."""
    whole = answer("whole").replace(b"Content-Length", b"X-Length")
    server.will(whole)
    client = Client("k", base_url=f"http://127.0.0.1:{server.port}", max_retries=0)
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(caught, lambda: client.chat(**ASK))
        assert soon(lambda: any(stream._is_used for stream in streams_of(client)))
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


def streams_of(client: Client) -> list[Any]:
    return [stream for pool in list(client._http._clients.values()) for stream in pool._sockets._open.copy()]


def interrupting(method: str) -> None:
    """Let Ctrl-C come when a method begins."""

    def press(frame: Any, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_name == method:
            sys.setprofile(None)
            raise KeyboardInterrupt

    sys.setprofile(press)


@contextmanager
def handling(error: Exception | None) -> Iterator[None]:
    """Do something while an error is handled, if there is one."""
    if error is None:
        yield
        return
    try:
        raise error
    except ValueError:
        yield


METHODS = ["on_message_begin", "on_header", "on_headers_complete", "on_body", "on_message_complete"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("inside", [False, True], ids=["", "inside a handler"])
def test_ctrl_c_while_a_reply_is_parsed_is_no_broken_connection(server, method, inside):
    server.will(answer("never"))
    with Client("k", base_url=f"http://127.0.0.1:{server.port}", max_retries=0) as client:
        with handling(ValueError() if inside else None):
            interrupting(method)
            try:
                with pytest.raises(KeyboardInterrupt):
                    client.chat(**ASK)
            finally:
                sys.setprofile(None)
        (mine,) = client._http._clients.values()
        assert not mine._idle


FATES = {
    "whole": (answer("one"), False),
    "not HTTP": (b"junk", True),
    "cut in its head": (OK, True),
    "cut in its body": (answer("one")[:-2], True),
    "a bad chunk": (reply(CHUNKED, body=b"x\r\n"), True),
    "an error": (sized(b"no", start=b"HTTP/1.1 400 X\r\n"), False),
    "broken compression": (sized(b"no", b"Content-Encoding: gzip"), False),
}


@pytest.mark.parametrize("fate", FATES)
def test_a_reply_needs_no_collector(server, fate):
    raw, closes = FATES[fate]
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            server.will(raw, closes=closes)
            client = Client("k", base_url=f"http://127.0.0.1:{server.port}", max_retries=0)
            with client, suppress(InferenceError):
                client.chat(**ASK)
            del client
        kinds = (Reply, Connection, HttpResponseParser, ProtocolError)
        left = [thing for thing in gc.get_objects() if isinstance(thing, kinds) and thing is not SPENT]
        assert left == []
    finally:
        gc.enable()


@pytest.mark.parametrize("junk", ["\r\nX: y", "\nX: y", "\rX: y", "\0", "a\r\n\r\nGET / HTTP/1.1"])
def test_a_header_cannot_bring_another_one(junk):
    """Values are checked long before; this is what would hold if one got through."""
    for headers in ({"X": junk}, {f"X{junk}": "y"}):
        with pytest.raises(LocalProtocolError):
            written(Outgoing("GET", asked(80).address, headers, None))


ADDRESSES = {
    "plain": ("/v1", {}),
    "escapes of letters": ("/%7Eme/%41/a%2Fb/%c3%a9", {}),
    "escapes that are none": ("/a%zz/100%", {}),
    "signs": ("/a+b;c=d/[1]/{x}|y^z", {}),
    "a query": ("/v1", {"a b": "c+d&e=f/g?h#i%41", "signs": "'()*!~,:@[]", "é": "ü", "none": ""}),
    "a query with lists": ("/v1", {"a": ["x", "y"], "b": True, "c": 1.5}),
}


@pytest.mark.parametrize("name", ADDRESSES)
async def test_threads_and_event_loops_write_the_same_address(server, name):
    path, query = ADDRESSES[name]
    address = f"http://127.0.0.1:{server.port}{path}"
    server.will(answer("one"))
    with Client("k", base_url=address, default_query=query, max_retries=0) as client:
        assert client.chat(**ASK).text == "one"
    server.will(answer("two"))
    async with AsyncClient("k", base_url=address, default_query=query, max_retries=0) as other:
        assert (await other.chat(**ASK)).text == "two"
    threads, loops = (head.split(b"\r\n") for head in server.heads[-2:])
    assert threads[0] == loops[0]
    assert sorted(map(bytes.lower, threads[1:])) == sorted(map(bytes.lower, loops[1:]))


HOSTS = {
    "http://api.test/v1": b"api.test",
    "http://api.test:80/v1": b"api.test",
    "https://api.test:443/v1": b"api.test",
    "https://api.test:80/v1": b"api.test:80",
    "http://api.test:8000/v1": b"api.test:8000",
    "http://[::1]:8000/v1": b"[::1]:8000",
    "https://[2001:db8::1]/v1": b"[2001:db8::1]",
}


@pytest.mark.parametrize("url", HOSTS)
def test_the_host_is_named_with_its_port_where_that_is_not_the_usual_one(url):
    line, host, *_ = written(Outgoing("POST", Request("POST", url, {}, {}, b"x")._address(), {}, b"x")).split(b"\r\n")
    assert (line, host) == (b"POST /v1 HTTP/1.1", b"Host: " + HOSTS[url])
