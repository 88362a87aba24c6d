"""Servers that trickle, and servers that do not read: what is timed is the whole of what is waited for."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from client_kit import ASK, CHAT, run_alone

from inference_do import APITimeoutError, AsyncClient, Client, Timeout

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
STALLED = 0.3


def trickle(connection: socket.socket) -> None:
    """Answer with a head that never ends, a byte at a time."""
    connection.recv(65536)
    for byte in _bytes(b"HTTP/1.1 200 OK\r\nx: " + b"x" * 5000):
        connection.sendall(byte)
        time.sleep(0.05)


def trickle_in_a_chunk(connection: socket.socket) -> None:
    """Answer with a chunk whose size has ever more digits."""
    connection.recv(65536)
    connection.sendall(HEAD)
    for byte in _bytes(b"0" * 15):
        connection.sendall(byte)
        time.sleep(0.05)
    time.sleep(5)


def deaf(connection: socket.socket) -> None:
    """Read nothing."""
    time.sleep(5)


def _bytes(text: bytes) -> list[bytes]:
    return [text[i : i + 1] for i in range(len(text))]


@contextmanager
def served(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            behave(connection)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    finally:
        listening.close()


def chat(url: str, timeout: Timeout) -> None:
    with Client("key", base_url=url, timeout=timeout, max_retries=0) as client:
        client.chat(**ASK)


def stream(url: str, timeout: Timeout) -> None:
    with Client("key", base_url=url, timeout=timeout, max_retries=0) as client:
        client.stream(**ASK).completion()


def achat(url: str, timeout: Timeout) -> None:
    asyncio.run(AsyncClient("key", base_url=url, timeout=timeout, max_retries=0).chat(**ASK))


def astream(url: str, timeout: Timeout) -> None:
    asyncio.run(AsyncClient("key", base_url=url, timeout=timeout, max_retries=0).stream(**ASK).completion())


CASES = [
    (trickle, Timeout(first_token=STALLED), "first_token"),
    (trickle, Timeout(total=STALLED), "total"),
    (trickle_in_a_chunk, Timeout(first_token=STALLED), "first_token"),
    (trickle_in_a_chunk, Timeout(total=STALLED), "total"),
]


@pytest.mark.parametrize("ask", [chat, achat, stream, astream])
@pytest.mark.parametrize(("behave", "timeout", "phase"), CASES, ids=[f"{c[0].__name__}-{c[2]}" for c in CASES])
def test_a_trickle_is_no_sign_of_life(ask, behave, timeout, phase):
    if behave is trickle_in_a_chunk and ask in {chat, achat}:
        timeout = Timeout(idle=STALLED) if phase == "first_token" else timeout
        phase = "idle" if phase == "first_token" else phase
    with served(behave) as url:
        started = time.monotonic()
        with pytest.raises(APITimeoutError) as raised:
            ask(url, timeout)
        assert time.monotonic() - started < STALLED + 1.5
    assert raised.value.phase == phase


LARGE = [{"role": "user", "content": "x" * 30_000_000}]


@pytest.mark.parametrize("is_async", [False, True])
def test_a_server_that_does_not_read_is_told_by_its_phase(is_async):
    timeout = Timeout(write=STALLED, first_token=3)
    with served(deaf) as url, pytest.raises(APITimeoutError) as raised:
        if is_async:
            asyncio.run(
                AsyncClient("key", base_url=url, timeout=timeout, max_retries=0).chat(model=CHAT, messages=LARGE)
            )
        else:
            Client("key", base_url=url, timeout=timeout, max_retries=0).chat(model=CHAT, messages=LARGE)
    assert raised.value.phase == "write"


def test_a_large_request_in_a_loop_warns_of_nothing_and_arrives_whole():
    """An image is a request of megabytes."""
    printed = run_alone("""
        async def main():
            async with make_async(emu) as client:
                await client.chat(model="m", messages=[{"role": "user", "content": "x" * 3_000_000}])
                await client.stream(model="m", messages=[{"role": "user", "content": "y" * 3_000_000}]).completion()

        with Emulator(models=["m"]) as emu:
            asyncio.run(main())
            print([request.json["messages"][0]["content"][:1] * 3_000_000 == request.json["messages"][0]["content"]
                   for request in emu.requests])
    """)
    assert printed == "[True, True]"
