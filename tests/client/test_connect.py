"""Before there is a connection: nobody listens, nobody answers, names, certificates, a full pool."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import threading
import time
from contextlib import suppress
from typing import Any

import pytest
from client_kit import ASK, black_holes, caught, outcome_of, soon
from client_modes import BOTH_MODES
from interfaces import ANSWER
from raw_server import RawServer, answering, authority

from inference_do import APIConnectionError, APITimeoutError, AsyncClient, Client, ConfigError, InferenceError, Timeout
from inference_do.emulator import Stall


def ask_at(url: str, **options: Any) -> list[Any]:
    async def call() -> Any:
        return await AsyncClient("k", base_url=url, **options).chat(**ASK)

    return [caught(lambda: Client("k", base_url=url, **options).chat(**ASK)), caught(lambda: asyncio.run(call()))]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_nobody_listens():
    one, other = ask_at(f"http://127.0.0.1:{free_port()}/v1", max_retries=0)
    assert outcome_of(one) == outcome_of(other)
    assert type(one) is APIConnectionError
    assert one.message.startswith("no connection to the API: Connection refused")
    assert one.retryable


def test_it_is_tried_again_although_what_may_be_processed_twice_is_not():
    for error in ask_at(f"http://127.0.0.1:{free_port()}/v1", max_retries=1, retry_ambiguous=False):
        assert error.attempts == 2


def test_a_failure_is_not_mixed_up_with_what_the_caller_was_handling():
    url = f"http://127.0.0.1:{free_port()}/v1"
    for mine in (FileNotFoundError(2, "No such file"), _certificate(), TimeoutError("mine")):
        try:
            raise mine
        except OSError:
            for error in ask_at(url, max_retries=0):
                assert error.message.startswith("no connection to the API: Connection refused")
                assert error.retryable


def _certificate() -> OSError:
    return ssl.SSLCertVerificationError(1, "mine")


@BOTH_MODES
def test_a_connection_whose_tls_fails_is_closed(mode):
    """Its server has a certificate of an authority that the client does not know."""
    _, context = authority()
    with RawServer(answering, context=context) as server, mode(server.url, max_retries=0) as client:
        assert isinstance(client.fails("chat"), APIConnectionError)
        network = client.pool.network
        assert soon(lambda: not network._open)
        assert server.connections == 1


@pytest.fixture
def black_hole():
    with black_holes() as [(host, port)]:
        yield f"http://{host}:{port}/v1"


@pytest.mark.parametrize(
    ("timeout", "phase"),
    [
        (Timeout(connect=0.3), "connect"),
        (Timeout(connect=0.3, first_token=0.1, pool=0.1), "connect"),
        (Timeout(total=0.3), "total"),
    ],
)
def test_nobody_answers(black_hole, timeout, phase):
    started = time.monotonic()
    one, other = ask_at(black_hole, max_retries=0, timeout=timeout)
    assert outcome_of(one) == outcome_of(other)
    assert isinstance(one, APITimeoutError)
    assert one.phase == phase
    assert time.monotonic() - started < 2.5


def test_a_server_that_does_not_speak_tls_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/v1"
        one, other = ask_at(url, max_retries=0, timeout=Timeout(connect=0.3))
    assert outcome_of(one) == outcome_of(other)
    assert one.phase == "connect"


async def test_a_name_that_is_not_resolved_in_time(monkeypatch):
    async def never(*_: Any, **__: Any) -> Any:
        await asyncio.sleep(3)
        raise OSError

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    started = time.monotonic()
    async with AsyncClient(
        "k", base_url="https://slow.example/v1", max_retries=0, timeout=Timeout(connect=0.2)
    ) as client:
        with pytest.raises(APITimeoutError) as caught_:
            await client.chat(**ASK)
    assert caught_.value.phase == "connect"
    assert time.monotonic() - started < 2


def test_a_name_that_does_not_exist():
    one, other = ask_at("https://does-not-exist.invalid/v1", max_retries=0, timeout=5)
    assert outcome_of(one) == outcome_of(other)
    assert one.message.startswith("no connection to the API: the host's name was not found")


def test_a_certificate_that_does_not_verify_is_not_tried_again(tmp_path):
    with UnsignedServer(tmp_path) as port:
        one, other = ask_at(f"https://localhost:{port}/v1", timeout=5)
    for error in (one, other):
        assert type(error) is APIConnectionError
        assert "certificate verify failed" in error.message.lower()
        assert (error.attempts, error.retryable) == (1, False)


def test_a_server_without_tls_is_reported_as_such():
    def answer(server: socket.socket) -> None:
        for _ in range(2):
            connection, _address = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer, args=(server,), daemon=True).start()
        one, other = ask_at(f"https://127.0.0.1:{server.getsockname()[1]}/v1", max_retries=0, timeout=5)
    assert outcome_of(one) == outcome_of(other)
    assert one.message.startswith("no connection to the API: TLS failed (")


class UnsignedServer:
    """A TLS server with a certificate that nobody signed."""

    def __init__(self, folder: Any) -> None:
        files = [str(folder / name) for name in ("cert.pem", "key.pem")]
        command = (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
        )
        made = subprocess.run(
            [*command.split(), "-out", files[0], "-keyout", files[1]], capture_output=True, check=False
        )
        if made.returncode:
            pytest.skip("no openssl")
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(*files)
        self._server = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._serve, daemon=True).start()
        return int(self._server.getsockname()[1])

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                with connection, suppress(OSError):
                    self._context.wrap_socket(connection, server_side=True).close()

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


def test_a_proxy_that_cannot_be_one_is_reported_in_text(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "socks9://joe:hunter2@127.0.0.1:9")
    for error in ask_at("https://inference.do-ai.run/v1"):
        assert isinstance(error, ConfigError)
        assert "proxy" in error.message
        assert "hunter2" not in error.message


def test_a_full_pool_is_its_own_phase(emu, monkeypatch):
    monkeypatch.setattr("inference_do._transport.sockets.MAX_CONNECTIONS", 1)
    emu.always = Stall(after_events=2)  # behind the role and the first text
    timeout = Timeout(pool=0.2, first_token=5)
    with (
        Client(emu.api_key, base_url=emu.base_url, timeout=timeout, max_retries=0) as client,
        client.stream(**ASK) as one,
    ):
        next(one)
        first = caught(lambda: client.chat(**ASK))

    async def call() -> Any:
        client = AsyncClient(emu.api_key, base_url=emu.base_url, timeout=timeout, max_retries=0)
        async with client, client.stream(**ASK) as other:
            await anext(other)
            with pytest.raises(InferenceError) as refused:
                await client.chat(**ASK)
            emu.always = None
            await other.aclose()
            assert (await client.chat(**ASK)).text == ANSWER
        return refused.value

    second = asyncio.run(call())
    assert outcome_of(first) == outcome_of(second)
    assert (first.phase, first.retryable) == ("pool", True)
    assert first.message == "no free connection in the pool within 0.2 s (timeout phase 'pool')"
