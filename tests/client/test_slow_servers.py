"""Servers that trickle, and servers that do not read: what is timed is the whole of what is waited for."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from client_kit import ASK, asoon, make, make_async, run_alone, soon
from interfaces import CHAT

from inference_do import APIConnectionError, APITimeoutError, AsyncClient, Client, StreamInterrupted, Timeout
from inference_do.emulator import Stall, Status

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
    with served(behave) as url:
        started = time.monotonic()
        with pytest.raises(APITimeoutError) as raised:
            ask(url, timeout)
        assert time.monotonic() - started < STALLED + 1.5
    assert raised.value.phase == phase


def test_a_stream_is_stopped_from_another_thread(emu):
    emu.script(Stall(after_events=2))
    with make(emu) as client:
        stream = client.stream(**ASK)
        threading.Timer(0.2, stream.close).start()
        started = time.monotonic()
        with pytest.raises(StreamInterrupted, match="closed while it was read") as raised:
            stream.completion()
    assert time.monotonic() - started < 2
    assert raised.value.partial.text == "You said"
    assert soon(lambda: emu.disconnects)


async def test_a_stream_is_stopped_from_another_task(emu):
    emu.script(Stall(after_events=2))
    async with make_async(emu) as client:
        stream = client.stream(**ASK)
        reading = asyncio.create_task(stream.completion())
        await asyncio.sleep(0.2)
        await stream.aclose()
        with pytest.raises(StreamInterrupted, match="closed while it was read") as raised:
            await reading
    assert raised.value.partial.text == "You said"
    assert await asoon(lambda: emu.disconnects)


@pytest.mark.parametrize("is_async", [False, True])
def test_a_stream_that_is_stopped_before_its_head_is_not_asked_for_again(emu, is_async):
    emu.script(Status(503, headers={"retry-after": "0.4"}), None)
    if is_async:

        async def stop() -> None:
            stream = make_async(emu).stream(**ASK)
            reading = asyncio.create_task(stream.completion())
            await asyncio.sleep(0.2)
            await stream.aclose()
            await reading

        with pytest.raises(APIConnectionError, match="closed while it was read"):
            asyncio.run(stop())
    else:
        with make(emu) as client:
            stream = client.stream(**ASK)
            threading.Timer(0.2, stream.close).start()
            with pytest.raises(APIConnectionError, match="closed while it was read"):
                stream.completion()
    assert emu.posts == 1


def test_a_call_whose_client_is_closed_is_not_sent_again(emu):
    emu.always = Stall(before_head=True)
    client = make(emu)

    def close() -> None:
        soon(lambda: emu.posts, 30)
        client.close()

    threading.Thread(target=close).start()
    with pytest.raises(APIConnectionError, match="the client was closed"):
        client.chat(**ASK)
    assert emu.posts == 1


async def test_a_call_whose_asynchronous_client_is_closed_is_not_sent_again(emu):
    emu.always = Stall(before_head=True)
    client = make_async(emu)
    call = asyncio.create_task(client.chat(**ASK))
    assert await asoon(lambda: emu.posts, 30)
    await client.aclose()
    with pytest.raises(APIConnectionError, match="the client was closed"):
        await call
    assert emu.posts == 1


LARGE = [{"role": "user", "content": "x" * 30_000_000}]


@pytest.mark.parametrize("is_async", [False, True])
def test_a_server_that_does_not_read_is_reported_by_its_phase(is_async):
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
