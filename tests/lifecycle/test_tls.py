"""Certificates and TLS connections, good and bad, on this machine."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from interfaces import ANSWER, CALLS, HELLO, aread, read
from lifecycle_tls import Server, passing_on

from inference_do import APIConnectionError, APITimeoutError, InferenceError, StreamInterrupted, Timeout
from inference_do._transport.loop_sockets import LoopNetwork
from inference_do._transport.sockets import Attempt, moment, run
from inference_do._transport.thread_sockets import ThreadNetwork


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_an_authority_that_the_environment_names(pair_kind, authority, emu, ask, host):
    with Server(passing_on(emu.base_url), authority.server_context("localhost", "127.0.0.1")) as server:
        interface = pair_kind(f"https://{host}:{server.port}/v1")
        assert [ask(interface), ask(interface)] == [ANSWER] * 2
        interface.close()


def test_an_authority_of_ones_own_client(interface_kind, authority, emu):
    with (
        Server(passing_on(emu.base_url), authority.server_context("localhost")) as server,
        httpx.Client(verify=authority.client_context()) as mine,
    ):
        interface = interface_kind(f"https://localhost:{server.port}/v1", http_client=mine)
        assert interface.chat(HELLO) == read(interface, HELLO) == ANSWER


async def test_an_authority_of_ones_own_asynchronous_client(interface_kind, authority, emu):
    with Server(passing_on(emu.base_url), authority.server_context("localhost")) as server:
        async with httpx.AsyncClient(verify=authority.client_context()) as mine:
            interface = interface_kind(f"https://localhost:{server.port}/v1", http_async_client=mine)
            assert await interface.achat(HELLO) == await aread(interface, HELLO) == ANSWER


@pytest.mark.parametrize("names", [("localhost",), ("inference.do-ai.run",)], ids=["unknown", "unknown and wrong name"])
def test_an_authority_that_is_not_known(pair_kind, authority, emu, ask, names):
    refused(pair_kind, authority.server_context(*names), emu, ask, "certificate verify failed")


@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_another_host(pair_kind, authority, emu, ask):
    refused(pair_kind, authority.server_context("inference.do-ai.run"), emu, ask, "certificate verify failed")


@pytest.mark.usefixtures("trusted")
def test_a_certificate_that_has_expired(pair_kind, authority, emu, ask):
    refused(pair_kind, authority.server_context("localhost", expired=True), emu, ask, "certificate verify failed")


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("name", ["of another host", "expired"])
def test_what_is_wrong_with_a_certificate_is_reported(pair_kind, authority, emu, ask, name):
    names, expired, detail = WRONG[name]
    refused(pair_kind, authority.server_context(*names, expired=expired), emu, ask, detail)


WRONG = {
    "of another host": (["inference.do-ai.run"], False, "localhost"),
    "expired": (["localhost"], True, "expired"),
}
"""Names of a certificate, whether it has expired, and what the error says."""


def refused(pair_kind: Any, context: Any, emu: Any, ask: Any, detail: str) -> None:
    with Server(passing_on(emu.base_url), context) as server, pytest.raises(APIConnectionError, match=detail) as raised:
        ask(pair_kind(f"https://localhost:{server.port}/v1"))
    assert "certificate" in str(raised.value)
    assert (raised.value.attempts, raised.value.retryable, emu.posts) == (1, False, 0)
    assert not isinstance(raised.value, TimeoutError)


# --- connections that are cut under TLS, without its goodbye ---


@pytest.mark.usefixtures("trusted")
def test_cut_before_the_head(pair_kind, authority, emu, ask):
    with Server(passing_on(emu.base_url, cut_after=0, times=2), authority.server_context("localhost")) as server:
        assert ask(pair_kind(f"https://localhost:{server.port}/v1")) == ANSWER
        assert server.connections == 3


@pytest.mark.usefixtures("trusted")
def test_cut_before_the_head_for_ever(pair_kind, authority, emu, ask):
    with (
        Server(passing_on(emu.base_url, cut_after=0), authority.server_context("localhost")) as server,
        pytest.raises(APIConnectionError) as raised,
    ):
        ask(pair_kind(f"https://localhost:{server.port}/v1"))
    assert (raised.value.attempts, raised.value.retryable, server.connections) == (3, True, 3)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("call", ["stream", "astream"])
def test_cut_in_the_middle_of_a_stream(interface_kind, authority, emu, call):
    with (
        Server(passing_on(emu.base_url, cut_after=1300), authority.server_context("localhost")) as server,
        pytest.raises(StreamInterrupted) as raised,
    ):
        CALLS[call](interface_kind(f"https://localhost:{server.port}/v1"))
    assert ANSWER.startswith(raised.value.partial.text)
    assert (raised.value.attempts, emu.posts) == (1, 1)


def test_cut_in_the_handshake(pair_kind, ask):
    async def hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(10)

    with Server(hang_up) as server, pytest.raises(APIConnectionError) as raised:
        ask(pair_kind(f"https://localhost:{server.port}/v1", max_retries=1))
    assert (raised.value.attempts, raised.value.retryable, server.connections) == (2, True, 2)


def test_a_server_that_does_not_speak_tls(pair_kind, emu, ask):
    """It answers in plain HTTP."""
    with pytest.raises(APIConnectionError) as raised:
        ask(pair_kind(emu.base_url.replace("http:", "https:"), max_retries=0))
    assert not isinstance(raised.value, APITimeoutError)
    assert emu.posts == 0


# --- slow ---


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x03\x00\x50\x02"], ids=["silent", "a part of its hello"])
def test_a_handshake_that_takes_too_long(pair_kind, ask, sent):
    async def dawdle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await asyncio.sleep(2)

    with Server(dawdle) as server:
        started = time.monotonic()
        with pytest.raises(APITimeoutError) as raised:
            ask(pair_kind(f"https://localhost:{server.port}/v1", timeout=Timeout(connect=0.1), max_retries=0))
        assert time.monotonic() - started < 1.5
        assert server.connections == 1
    assert (raised.value.phase, raised.value.retryable) == ("connect", True)


def test_accepts_and_never_answers(pair_kind, ask):
    """Which is past the phase `connect`, even though it is no API."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        with pytest.raises(APITimeoutError) as raised:
            ask(pair_kind(url, timeout=Timeout(connect=5, first_token=0.2), max_retries=0))
    assert raised.value.phase == "first_token"
    assert raised.value.message == "the API did not begin to answer within 0.2 s (timeout phase 'first_token')"


@pytest.mark.usefixtures("trusted")
def test_errors_of_tls_hold_nothing_foreign(pair_kind, authority, emu, ask):
    """No request and no context of TLS, which hold the key: not in the error, not in what led to it."""
    with (
        Server(passing_on(emu.base_url), authority.server_context("elsewhere.example")) as server,
        pytest.raises(InferenceError) as raised,
    ):
        ask(pair_kind(f"https://localhost:{server.port}/v1"))
    error: BaseException | None = raised.value
    while error is not None:
        assert type(error).__module__.startswith(("inference_do", "langchain_do", "llamaindex_do"))
        error = error.__cause__ or error.__context__


async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


def test_a_wait_that_another_thread_ends_does_not_end_tls(authority):
    """Without it, what the thread was about to write would go in the clear, and the key with it."""
    network, ciphers = ThreadNetwork(), []
    with Server(say_nothing, authority.server_context("localhost")) as server, ThreadPoolExecutor(1) as threads:
        used = run(network.connect("localhost", server.port, moment(5), Attempt()))
        run(used.start_tls(authority.client_context(), "localhost", moment(5)))
        close = used.close

        def look_and_close() -> None:
            ciphers.append(used._socket.cipher())  # None where TLS is forgotten
            close()

        used.close = look_and_close
        reading = threads.submit(lambda: run(used.read(moment(5))))
        while not used._is_used:
            time.sleep(0.01)
        time.sleep(0.05)
        used.interrupt()
        assert isinstance(reading.exception(5), ConnectionError)  # the system may be the first to say that it ended
        assert not network._open
    (cipher,) = ciphers
    assert cipher


def test_a_thread_that_is_about_to_write_when_it_is_interrupted_does_not_write(authority):
    """It has looked whether it may, and another thread says that it may not: TLS holds, and nothing is sent."""
    with Server(say_nothing, authority.server_context("localhost")) as server:
        used = run(ThreadNetwork().connect("localhost", server.port, moment(5), Attempt()))
        run(used.start_tls(authority.client_context(), "localhost", moment(5)))
        used._is_used = True
        used.interrupt()
        assert used._socket.cipher()
        with pytest.raises((ssl.SSLError, ConnectionError)):  # a reset, where the server has said goodbye meanwhile
            used._socket.send(b"the key")
        assert not run(used.write(b"the key", 5, moment(5)))
        assert used._socket.fileno() < 0


async def test_a_wait_that_another_task_ends_sends_nothing_in_the_clear(authority):
    received = []

    async def listen(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        received.append(await reader.read())

    network = LoopNetwork()
    with Server(listen, authority.server_context("localhost")) as server:
        used = await network.connect("localhost", server.port, moment(5), Attempt())
        await used.start_tls(authority.client_context(), "localhost", moment(5))
        reading = asyncio.create_task(used.read(moment(5)))
        await asyncio.sleep(0.05)
        used.interrupt()
        with pytest.raises(ConnectionAbortedError):
            await reading
        assert not await used.write(b"the key", 5, moment(5))
        assert not network._open
        await asyncio.sleep(0.05)
    assert received in ([], [b""])
