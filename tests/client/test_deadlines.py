"""Every limit of time holds, whatever the time is spent on; and what ends a wait early ends it at once."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from client_kit import ASK, black_holes, caught
from client_modes import BOTH_MODES, EACH_CALL, FAR_OFF, KEY
from interfaces import CHAT
from raw_server import (
    STREAM_END,
    STREAM_HEAD,
    Peer,
    RawServer,
    SocksServer,
    answer,
    answering,
    authority,
    chunked,
    completion,
    events,
    head,
    is_streamed,
    serving,
    silent,
    sized,
    timed,
)

from inference_do import APIConnectionError, APITimeoutError, StreamInterrupted, Timeout
from inference_do._transport.environment import proxy_of
from inference_do.config import Config
from inference_do.emulator import Emulator, Status

NAME = "api.test"
"""A host that no resolver knows."""


@pytest.fixture
def emu():
    with Emulator(api_key=KEY) as emulator:
        yield emulator


# --- C11: names and their addresses ---


@pytest.fixture
def resolving(monkeypatch):
    """Give the name some addresses, after a while; event loops ask the same function, in a thread."""
    resolve = socket.getaddrinfo

    @contextmanager
    def give(addresses: list[tuple[str, int]], after: float = 0.0) -> Iterator[None]:
        is_over = threading.Event()

        def resolve_name(host: Any, *args: Any, **options: Any) -> Any:
            if host not in {NAME, NAME.encode()}:
                return resolve(host, *args, **options)
            if after:
                is_over.wait(after)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", resolve_name)
        yield
        is_over.set()
        for thread in threading.enumerate():
            if thread.name == "inference_do connect":
                thread.join(5)  # what it leaves behind is this test's

    return give


def named_client(mode: Any, **options: Any) -> Any:
    return mode(f"http://{NAME}/v1", allow_http=True, max_retries=0, **options)


@BOTH_MODES
@EACH_CALL
@pytest.mark.parametrize("limit", [("connect", 0.5), ("total", 0.6)])
def test_all_addresses_of_a_name_share_one_limit(mode, call, limit, resolving):
    phase, seconds = limit
    timeout, most = Timeout(**{phase: seconds}), seconds + 0.5
    with black_holes(3) as dead, named_client(mode) as client, resolving(dead), timed(most):
        error = client.fails(call, timeout=timeout)
    assert isinstance(error, APITimeoutError)
    assert error.phase == phase


@BOTH_MODES
@pytest.mark.parametrize(("timeout", "phase"), [(Timeout(connect=0.3), "connect"), (Timeout(total=0.3), "total")])
def test_the_search_for_a_name_counts(mode, resolving, timeout, phase):
    with black_holes() as dead, named_client(mode) as client, resolving(dead, after=3):
        with timed(0.8):
            error = client.fails("chat", timeout=timeout)
        assert isinstance(error, APITimeoutError)
        assert error.phase == phase


@BOTH_MODES
def test_the_search_for_a_name_and_its_addresses_share_one_limit(mode, resolving):
    with black_holes(2) as dead, named_client(mode) as client, resolving(dead, after=0.4), timed(1.0):
        error = client.fails("chat", timeout=Timeout(connect=0.6))
    assert isinstance(error, APITimeoutError)
    assert error.phase == "connect"


@BOTH_MODES
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_address_that_answers_is_found_beside_dead_ones(mode, resolving, place):
    """RFC 8305: the next one is tried after a quarter of a second."""
    with black_holes(2) as addresses, RawServer(answering) as server, named_client(mode) as client:
        addresses.insert(place, server.address)
        with resolving(addresses), timed(1.0):
            assert client.chat(timeout=Timeout(connect=5)).text == "right"
    assert server.connections == 1


# --- J53: the whole of a call, whatever it is spent on ---


def slow_reader(peer: Peer) -> None:
    """Read 64 KiB in 50 ms, which for a large request takes longer than the call has."""
    while peer.raw.recv(65536):
        peer.pause(0.05)


@BOTH_MODES
@EACH_CALL
def test_a_large_request_that_is_read_slowly_counts(mode, call):
    large = [{"role": "user", "content": "x" * 8_000_000}]
    with RawServer(slow_reader, window=4096) as server, mode(server.url, max_retries=0) as client:
        with timed(2.0):
            error = client.fails(call, model=CHAT, messages=large, timeout=Timeout(total=1))
        assert isinstance(error, APITimeoutError)
        assert (error.phase, error.attempts) == ("total", 1)


@BOTH_MODES
@EACH_CALL
def test_a_slow_handshake_and_a_slow_head_count_together(mode, call):
    def late(peer: Peer) -> None:
        peer.take()
        peer.pause(0.7)
        answering(peer)

    ca, context = authority()
    with RawServer(late, context=context, before_tls=0.7) as server:
        with mode(server.url, ca=ca, max_retries=0) as client, timed(1.7):
            error = client.fails(call, timeout=Timeout(total=1.3))
        assert isinstance(error, APITimeoutError)
        assert error.phase == "total"
        assert len(server.requests) == 1


@BOTH_MODES
@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
@pytest.mark.parametrize(
    ("timeout", "phase"), [(Timeout(connect=0.3, first_token=3), "connect"), (Timeout(total=0.3), "total")]
)
def test_a_silent_proxy_is_a_connection_that_is_not_made(mode, monkeypatch, scheme, timeout, phase):
    """It takes the connection and says nothing: about the tunnel, or in the handshake with itself."""
    with RawServer(lambda peer: peer.pause(3)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://127.0.0.1:{proxy.port}")
        with mode(f"https://{NAME}", max_retries=0) as client, timed(1.0):
            error = client.fails("chat", timeout=timeout)
    assert isinstance(error, APITimeoutError)
    assert error.phase == phase


@BOTH_MODES
@pytest.mark.parametrize(
    ("timeout", "phase"), [(Timeout(connect=3, first_token=0.3), "first_token"), (Timeout(total=0.3), "total")]
)
def test_a_silent_proxy_of_tls_is_waited_for_as_for_a_response(mode, monkeypatch, timeout, phase, tmp_path):
    ca, context = authority()
    (tmp_path / "ca.pem").write_text(ca)
    with RawServer(lambda peer: peer.pause(3), context=context) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"https://localhost:{proxy.port}")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        with mode(f"https://{NAME}", max_retries=0) as client, timed(1.0):
            error = client.fails("chat", timeout=timeout)
    assert isinstance(error, APITimeoutError)
    assert error.phase == phase


# --- C12: where an answer begins ---


@BOTH_MODES
@EACH_CALL
def test_an_answer_may_begin_later_than_its_head(mode, call):
    """Until it begins, `first_token` holds and not `idle`."""

    def play(peer: Peer) -> None:
        whole = answer("right", streamed=is_streamed(peer.take()))
        cut = whole.index(b"\r\n\r\n") + 4
        peer.send(whole[:cut], whole[cut:], every=0.8)
        peer.wait_for_end()

    with RawServer(play) as server, mode(server.url, timeout=Timeout(first_token=5, idle=0.3)) as client:
        assert client.ask(call).text == "right"
    assert len(server.requests) == 1


@BOTH_MODES
@EACH_CALL
@pytest.mark.parametrize("blank", [b"\n", b"\r\n"])
def test_blank_lines_before_an_answer_are_waiting(mode, call, blank):
    def play(peer: Peer) -> None:
        streamed = is_streamed(peer.take())
        kind, body = ("text/event-stream", events("right")) if streamed else ("application/json", completion("right"))
        peer.send(head(f"Content-Type: {kind}", "Transfer-Encoding: chunked"))
        peer.send(*[chunked(blank)] * 6, every=0.1)
        peer.send(chunked(body) + STREAM_END)
        peer.wait_for_end()

    with RawServer(play) as server, mode(server.url, timeout=Timeout(first_token=5, idle=0.3)) as client:
        assert client.ask(call).text == "right"
    assert len(server.requests) == 1


@BOTH_MODES
@EACH_CALL
def test_blank_lines_are_no_sign_of_life(mode, call):
    def play(peer: Peer) -> None:
        peer.take()
        peer.send(head("Transfer-Encoding: chunked", "Content-Type: text/event-stream"))
        peer.send(*[chunked(b"\n")] * 100, every=0.05)

    timeout = Timeout(first_token=0.4, idle=5)
    with RawServer(play) as server, mode(server.url, timeout=timeout, max_retries=0) as client, timed(1.0):
        error = client.fails(call)
    assert isinstance(error, APITimeoutError)
    assert error.phase == "first_token"


@BOTH_MODES
@EACH_CALL
@pytest.mark.parametrize("end", ["close", "reset"])
def test_an_answer_that_breaks_before_it_has_begun_is_asked_for_again(mode, call, end):
    """Blank lines are not the beginning of one."""

    def play(peer: Peer) -> None:
        request = peer.take()
        if peer.number == 1:
            peer.send(head("Transfer-Encoding: chunked", "Content-Type: text/event-stream"))
            peer.send(*[chunked(b"\n")] * 3, every=0.02)
            if end == "reset":
                peer.pause(0.05)
                peer.reset()
            return
        peer.send(answer("right", streamed=is_streamed(request)))
        peer.wait_for_end()

    with RawServer(play) as server, mode(server.url, timeout=Timeout(first_token=5, idle=0.3)) as client:
        response = client.ask(call)
    assert response.text == "right"
    assert response.response_info.attempts == 2
    assert len(server.requests) == 2


# --- C13: silence is asked about ---


@BOTH_MODES
def test_a_silent_connection_is_kept_alive(mode):
    ca, context = authority()
    for tls in (None, context):
        with RawServer(answering, context=tls) as server, mode(server.url, ca=ca) as client:
            client.chat()
            (idle,) = client.pool._idle
            used = client.socket_of(idle)
            assert used.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            if hasattr(socket, "TCP_KEEPIDLE"):
                assert used.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) <= 120
                assert used.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) <= 60


# --- C14: statuses of what stands before the API ---


@BOTH_MODES
@EACH_CALL
@pytest.mark.parametrize("status", [520, 521, 522, 523, 524, 525, 530])
def test_cloudflare_that_does_not_reach_the_api_is_asked_again(emu, mode, call, status):
    page = "<html><title>Origin is down</title></html>"
    emu.script(Status(status, page), None)
    with mode(emu.base_url) as client:
        assert client.ask(call).response_info.attempts == 2
        emu.script(Status(status, page))
        error = client.fails(call, max_retries=0)
        assert (error.status, error.retryable) == (status, True)
    assert emu.posts == 3


@BOTH_MODES
def test_a_certificate_that_cloudflare_refuses_is_not_asked_for_again(emu, mode):
    emu.script(Status(526))
    with mode(emu.base_url) as client:
        error = client.fails("chat")
    assert (error.status, error.retryable, error.attempts, emu.posts) == (526, False, 1, 1)


# --- J61: closing ends every wait ---

AT_ONCE = 0.5


BUSY = sized(b'{"error": {"message": "busy"}}', "Retry-After: 30", status="503 Service Unavailable")
LARGE = [{"role": "user", "content": "x" * 12_000_000}]
Waiting = tuple[str, Callable[[], Any]]
"""A base URL at which a call waits, and what is true when it does."""


@contextmanager
def at_a_server(play: Any, counted: str = "requests", *, scheme: str = "http") -> Iterator[Waiting]:
    with RawServer(play, window=4096) as server:
        yield f"{scheme}://127.0.0.1:{server.port}", lambda: getattr(server, counted)


@contextmanager
def at_a_proxy(monkeypatch: Any, scheme: str, play: Any) -> Iterator[Waiting]:
    with RawServer(play) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://127.0.0.1:{proxy.port}")
        yield f"https://{NAME}", lambda: proxy.connections


@contextmanager
def behind_socks(monkeypatch: Any) -> Iterator[Waiting]:
    with RawServer(lambda peer: peer.take() and peer.pause(3)) as server, SocksServer(server.address) as socks:
        monkeypatch.setenv("HTTP_PROXY", f"socks5://127.0.0.1:{socks.port}")
        yield f"http://{NAME}", lambda: server.requests


@contextmanager
def for_a_name(monkeypatch: Any) -> Iterator[Waiting]:
    asked: list[bool] = []

    def resolve(*_: Any, **__: Any) -> Any:
        asked.append(True)
        time.sleep(1.5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    yield f"http://{NAME}", lambda: asked


@contextmanager
def for_an_address() -> Iterator[Waiting]:
    started = time.monotonic()
    with black_holes() as [(host, port)]:
        yield f"http://{host}:{port}", lambda: time.monotonic() > started + 0.3


WAITS: dict[str, Callable[[Any], Any]] = {
    "pause": lambda _: at_a_server(serving(BUSY)),
    "name": for_a_name,
    "connect": lambda _: for_an_address(),
    "tls": lambda _: at_a_server(silent, "connections", scheme="https"),
    "proxy": lambda monkeypatch: at_a_proxy(monkeypatch, "http", silent),
    "socks": lambda monkeypatch: at_a_proxy(monkeypatch, "socks5", lambda peer: peer.pause(3)),
    "head by socks": behind_socks,
    "write": lambda _: at_a_server(lambda peer: peer.pause(FAR_OFF), "connections"),
    "head": lambda _: at_a_server(lambda peer: peer.take() and silent(peer)),
    "body": lambda _: at_a_server(lambda peer: peer.take() and (peer.send(STREAM_HEAD), silent(peer))),
}
PHASES = pytest.mark.parametrize("phase", WAITS)


def until(condition: Any) -> None:
    ends = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.005)
    time.sleep(0.05)


def begin(client: Any, call: str, **content: Any) -> Future[Any]:
    options = {**ASK, **content}
    if call == "chat":
        return client.begin(lambda: client.client.chat(**options))
    return client.begin(lambda: client.client.stream(**options).completion())


def ended(call: Future[Any]) -> Any:
    with timed(AT_ONCE):
        return caught(lambda: call.result(5))


@BOTH_MODES
@EACH_CALL
@PHASES
def test_closing_the_client_ends_every_wait(mode, call, phase, monkeypatch):
    content = {"messages": LARGE} if phase == "write" else {}
    with WAITS[phase](monkeypatch) as (url, is_waiting), mode(url, allow_http=True, timeout=FAR_OFF) as client:
        call = begin(client, call, **content)
        until(is_waiting)
        client.close()
        error = ended(call)
    assert type(error) is APIConnectionError
    assert error.message == "the client was closed"
    assert (error.retryable, error.attempts) == (False, 1)


@BOTH_MODES
def test_closing_the_client_ends_the_wait_for_a_slot(mode, monkeypatch):
    monkeypatch.setattr("inference_do._transport.sockets.MAX_CONNECTIONS", 1)
    with RawServer(lambda peer: peer.take() and silent(peer)) as server, mode(server.url) as client:
        calls = [begin(client, "chat") for _ in range(2)]
        until(lambda: server.requests)
        client.close()
        errors = [ended(call) for call in calls]
        assert [error.message for error in errors] == ["the client was closed"] * 2
        assert server.connections == 1


@BOTH_MODES
@PHASES
def test_closing_a_stream_ends_every_wait(mode, phase, monkeypatch):
    content = LARGE if phase == "write" else [{"role": "user", "content": "Say hello"}]
    with WAITS[phase](monkeypatch) as (url, is_waiting), mode(url, allow_http=True, timeout=FAR_OFF) as client:
        stream = client.client.stream(model=CHAT, messages=content)
        call = client.begin(stream.completion)
        until(is_waiting)
        client.end(stream)
        error = ended(call)
    assert isinstance(error, APIConnectionError | StreamInterrupted)
    assert error.message == "it was closed while it was read"
    assert (error.retryable, error.attempts) == (False, 1)


@BOTH_MODES
def test_a_client_that_was_closed_in_a_pause_works_again(mode, emu):
    emu.script(Status(503, headers={"retry-after": "30"}))
    with mode(emu.base_url) as client:
        call = begin(client, "chat")
        until(lambda: emu.posts)
        client.close()
        assert ended(call).message == "the client was closed"
        assert client.chat().response_info.attempts == 1


# --- C16: proxies that the environment names ---


def proxy_for(url: str) -> str | None:
    proxy = proxy_of(Config.build(KEY, base_url=url, allow_http=True))
    return None if proxy is None else str(proxy.url)


EXEMPT = [
    ("::1/128", "https://[::1]:8443/v1"),
    ("fd07::/64", "https://[fd07::5]/v1"),
    ("[::1]", "https://[::1]/v1"),
    ("::1", "https://[::1]/v1"),
    ("[::1]:8443", "https://[::1]:8443/v1"),
    ("fd07:0:0::5", "https://[fd07::5]/v1"),
    ("10.0.0.0/8", "http://10.1.2.3/v1"),
    ("10.0.0.0/8", "https://10.1.2.3:8443/v1"),
    ("10.1.2.3", "http://10.1.2.3/v1"),
    ("10.1.2.3:8080", "http://10.1.2.3:8080/v1"),
    ("example.com", "https://example.com/v1"),
    ("example.com", "https://api.example.com/v1"),
    (".example.com", "https://api.example.com/v1"),
    ("EXAMPLE.com", "https://api.Example.COM/v1"),
    ("api.example.com:443", "https://api.example.com/v1"),
    ("api.example.com:80", "http://api.example.com/v1"),
    ("api.example.com:8443", "https://api.example.com:8443/v1"),
    ("*", "https://inference.do-ai.run/v1"),
    ("localhost, 10.0.0.0/8 ,fd07::/64,example.com", "https://api.example.com/v1"),
    ("localhost, 10.0.0.0/8 ,fd07::/64,example.com", "http://10.255.0.1/v1"),
]
NOT_EXEMPT = [
    ("", "https://inference.do-ai.run/v1"),
    ("::1/128", "https://[::2]/v1"),
    ("fd07::/64", "https://[fd08::5]/v1"),
    ("[::1]", "https://[::2]/v1"),
    ("10.0.0.0/8", "http://11.1.2.3/v1"),
    ("10.0.0.0/8", "https://inference.do-ai.run/v1"),
    ("10.0.0.0/99, fd07::/999, [, ], /, :, ,", "http://10.1.2.3/v1"),
    ("example.com", "https://notexample.com/v1"),
    ("example.com", "https://example.com.evil.test/v1"),
    ("api.example.com:8443", "https://api.example.com/v1"),
    ("api.example.com:443", "https://api.example.com:8443/v1"),
    ("::1/128, fd07::/64, [::1]", "https://inference.do-ai.run/v1"),
]


@pytest.fixture
def named(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://proxy.test:3128")
    return monkeypatch.setenv


@pytest.mark.parametrize(("entries", "url"), EXEMPT)
def test_no_proxy_is_asked_for_what_the_environment_exempts(named, entries, url):
    named("NO_PROXY", entries)
    assert proxy_for(url) is None


@pytest.mark.parametrize(("entries", "url"), NOT_EXEMPT)
def test_what_the_environment_does_not_exempt_goes_through_the_proxy(named, entries, url):
    named("NO_PROXY", entries)
    assert proxy_for(url) == "http://proxy.test:3128"


UNUSABLE = "socks://127.0.0.1:9"
"""What some desktops set; there is no such scheme."""


@pytest.mark.parametrize("unused", [{"ALL_PROXY": UNUSABLE}, {"HTTP_PROXY": UNUSABLE}, {"all_proxy": UNUSABLE}])
def test_a_proxy_that_is_not_used_may_be_anything(named, unused):
    for name, value in unused.items():
        named(name, value)
    assert proxy_for("https://inference.do-ai.run/v1") == "http://proxy.test:3128"


def test_a_proxy_for_everything_holds_where_there_is_no_other(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "http://all.test:1")
    assert proxy_for("https://inference.do-ai.run/v1") == "http://all.test:1"
    monkeypatch.setenv("ALL_PROXY", UNUSABLE)
    with pytest.raises(ValueError, match="must be an http, https, socks5 or socks5h URL"):
        proxy_for("https://inference.do-ai.run/v1")
    monkeypatch.setenv("NO_PROXY", "do-ai.run")
    assert proxy_for("https://inference.do-ai.run/v1") is None


@BOTH_MODES
@EACH_CALL
def test_a_call_goes_through_its_proxy_beside_one_that_cannot_be_used(mode, call, monkeypatch):
    def lead(peer: Peer) -> None:
        request = peer.take()
        peer.send(answer("right", streamed=is_streamed(request)))
        peer.wait_for_end()

    with RawServer(lead) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("ALL_PROXY", UNUSABLE)
        with mode(f"http://{NAME}/v1", allow_http=True, max_retries=0) as client:
            assert client.ask(call).text == "right"
    assert proxy.requests[0].startswith(b"POST http://api.test/v1/chat/completions HTTP/1.1\r\n")


@BOTH_MODES
@EACH_CALL
@pytest.mark.parametrize("login", ["socks5://", "socks5h://", "socks5://joe:hunter2@"])
def test_socks_works(emu, mode, call, login, monkeypatch):
    with SocksServer(("127.0.0.1", int(urlsplit(emu.base_url).port or 0))) as socks:
        monkeypatch.setenv("ALL_PROXY", f"{login}127.0.0.1:{socks.port}")
        with mode(f"http://{NAME}/v1", allow_http=True, max_retries=0) as client:
            assert client.ask(call).text == client.ask(call).text == "You said: Say hello"
    assert socks.asked == [(NAME.encode(), 80)]
    assert socks.logins == ([(b"joe", b"hunter2")] if "@" in login else [])


@BOTH_MODES
def test_tls_goes_through_socks(mode, monkeypatch):
    ca, context = authority()
    with RawServer(answering, context=context) as server, SocksServer(server.address) as socks:
        monkeypatch.setenv("HTTPS_PROXY", f"socks5h://127.0.0.1:{socks.port}")
        with mode(f"https://{NAME}/v1", ca=ca, max_retries=0) as client:
            assert client.chat().text == "right"
    assert socks.asked == [(NAME.encode(), 443)]
    assert b"authorization" in server.requests[0].lower()
