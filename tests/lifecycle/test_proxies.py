"""Proxies that the environment names: used, skipped where it says so, and never a place where their password shows."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import trustme
from client_kit import soon
from interfaces import ANSWER
from lifecycle_tls import Server, passing_on

from inference_do import APIConnectionError, APIStatusError, AsyncClient, Client, InferenceError

API = "api.test"
"""A host that does not exist: only a proxy can lead there."""


class Proxy(Server):
    """Takes every host for the emulator, or for what stands in front of it; or refuses."""

    def __init__(self, target: str, *, refusal: bytes = b"") -> None:
        super().__init__(self._lead)
        self.heads: list[bytes] = []
        self._target, self._refusal = target, refusal

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        if self._refusal:
            writer.write(self._refusal)
            await reader.read(1)
            return
        ahead = b""
        if head.startswith(b"CONNECT "):
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:  # a request for http://host/path: the emulator is asked for the path
            ahead = head.replace(b"http://" + API.encode(), b"", 1)
        await passing_on(self._target)(reader, writer, ahead)

    @property
    def credentials(self) -> set[bytes]:
        lines = [line for head in self.heads for line in head.split(b"\r\n")]
        return {line.split(b" ")[-1] for line in lines if line.lower().startswith(b"proxy-authorization: ")}


@dataclass
class Named:
    """How the environment names a proxy."""

    login: str
    setenv: Callable[[str, str], None]

    def __call__(self, scheme: str, port: int) -> None:
        self.setenv(f"{scheme.upper()}_PROXY", f"http://{self.login}127.0.0.1:{port}")

    @property
    def credentials(self) -> set[bytes]:
        return {base64.b64encode(self.login.removesuffix("@").encode())} if self.login else set()


@pytest.fixture(params=["", "joe:hunter2@"], ids=["open", "with a password"])
def name_proxy(request, monkeypatch) -> Named:
    return Named(request.param, monkeypatch.setenv)


def test_plain_http(pair_kind, emu, ask, name_proxy):
    with Proxy(emu.base_url) as proxy:
        name_proxy("http", proxy.port)
        assert ask(pair_kind(f"http://{API}/v1", allow_http=True)) == ANSWER
    assert proxy.heads[0].startswith(b"POST http://api.test/v1/chat/completions HTTP/1.1\r\n")
    assert proxy.credentials == name_proxy.credentials


def test_https(pair_kind, emu, ask, name_proxy, trusted):
    """The proxy sees a host's name and nothing else: key and prompt are inside the tunnel."""
    with (
        Server(passing_on(emu.base_url), trusted.server_context(API)) as front,
        Proxy(f"http://127.0.0.1:{front.port}") as proxy,
    ):
        name_proxy("https", proxy.port)
        assert ask(pair_kind(f"https://{API}/v1")) == ANSWER
    assert proxy.heads[0].startswith(b"CONNECT api.test:443 HTTP/1.1\r\n")
    assert b"Bearer" not in proxy.heads[0]
    assert proxy.credentials == name_proxy.credentials


@pytest.mark.parametrize("exempt", ["*", ""])
def test_this_machine_is_never_asked_through_a_proxy(pair_kind, emu, ask, monkeypatch, exempt):
    """Over plain http the proxy, which may be another machine, would see the key."""
    with Proxy(emu.base_url) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", exempt)
        assert ask(pair_kind(emu.base_url)) == ANSWER
        assert proxy.connections == 0


REFUSAL = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n"
)


def test_a_proxy_that_refuses_a_tunnel(pair_kind, ask, name_proxy):
    with Proxy("", refusal=REFUSAL) as proxy:
        name_proxy("https", proxy.port)
        with pytest.raises(APIConnectionError) as raised:
            ask(pair_kind(f"https://{API}/v1"))
    assert raised.value.message.startswith(
        "no connection to the API: the proxy answered 407 Proxy Authentication Required"
    )
    assert (raised.value.attempts, raised.value.retryable) == (1, False)
    assert_no_password(raised.value)


def test_a_proxy_that_refuses_a_request(pair_kind, ask, name_proxy):
    with Proxy("", refusal=REFUSAL) as proxy:
        name_proxy("http", proxy.port)
        with pytest.raises(APIStatusError) as raised:
            ask(pair_kind(f"http://{API}/v1", allow_http=True))
    assert (raised.value.status, raised.value.attempts) == (407, 1)
    assert_no_password(raised.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there(pair_kind, ask, name_proxy, scheme):
    name_proxy(scheme, 9)
    with pytest.raises(APIConnectionError) as raised:
        ask(pair_kind(f"{scheme}://{API}/v1", allow_http=True, max_retries=1))
    assert raised.value.message.startswith("no connection to the API: Connection refused")
    assert (raised.value.attempts, raised.value.retryable) == (2, True)
    assert_no_password(raised.value)


def test_a_tunnel_that_breaks(pair_kind, emu, ask, name_proxy):
    """The proxy lets the client through to something that does not speak TLS."""
    with Proxy(emu.base_url) as proxy:
        name_proxy("https", proxy.port)
        with pytest.raises(APIConnectionError) as raised:
            ask(pair_kind(f"https://{API}/v1", max_retries=0))
    assert soon(lambda: emu.open_connections == 0)
    assert_no_password(raised.value)


def assert_no_password(error: InferenceError) -> None:
    link: BaseException | None = error
    while link is not None:
        shown = f"{link!s} {link!r} {vars(link)!r}"
        assert "hunter2" not in shown
        assert base64.b64encode(b"joe:hunter2").decode() not in shown
        assert type(link).__module__.startswith(("inference_do", "langchain_do", "llamaindex_do"))
        link = link.__cause__ or link.__context__


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_whose_certificate_does_not_verify_sees_nothing(monkeypatch, scheme):
    """It is asked over TLS of its own, also for an address that is plain http."""
    seen: list[bytes] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    async def note(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(1))

    server = await asyncio.start_server(note, "127.0.0.1", 0, ssl=context)
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    ask = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
    with Client("k", base_url=f"{scheme}://{API}", allow_http=True) as client:
        with pytest.raises(APIConnectionError, match=r"TLS failed \(certificate verify failed: .*\)") as refused:
            await asyncio.to_thread(client.chat, **ask)
        assert not refused.value.retryable
    async with AsyncClient("k", base_url=f"{scheme}://{API}", allow_http=True) as other:
        with pytest.raises(APIConnectionError, match=r"TLS failed \(certificate verify failed: .*\)") as refused:
            await other.chat(**ask)
        assert not refused.value.retryable
    server.close()
    await server.wait_closed()
    assert seen == []
