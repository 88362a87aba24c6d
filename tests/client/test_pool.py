"""The connections of a client for threads: kept, used again, closed, whatever other threads do meanwhile."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from client_kit import ASK, make, make_async, soon
from interfaces import ANSWER

from inference_do import APIConnectionError, AsyncClient, Client, InferenceError, Timeout
from inference_do._transport import thread_sockets
from inference_do._transport.sockets import first_of
from inference_do.emulator import CloseAfter, Reset, Stall

if TYPE_CHECKING:
    from collections.abc import Callable


def leave_idle(client: Client, count: int) -> None:
    """Use so many connections at once."""
    streams = [client.stream(**ASK) for _ in range(count)]
    for stream in streams:
        next(stream)
    for stream in streams:
        stream.completion()


def steps_of(work: Callable[[], object]) -> int:
    """Count the calls of functions, Python's and C's, that `work` takes in this thread."""
    steps = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal steps
        steps += event.endswith("call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return steps


def test_idle_connections_cost_a_call_nothing(emu):
    with make(emu) as client:
        leave_idle(client, 2)
        client.chat(**ASK)
        beside_one = steps_of(lambda: client.chat(**ASK))
        leave_idle(client, 40)
        client.chat(**ASK)
        beside_many = steps_of(lambda: client.chat(**ASK))
        assert emu.connections == 40
    assert abs(beside_many - beside_one) < 0.02 * beside_one


def test_connections_that_are_not_needed_any_more_are_closed_one_after_another(emu, monkeypatch):
    monkeypatch.setattr("inference_do._transport.pool.IDLE_SECONDS", 0.3)
    with make(emu) as client:
        leave_idle(client, 6)
        assert emu.open_connections == 6
        ends = time.monotonic() + 5
        while emu.open_connections > 1 and time.monotonic() < ends:
            assert client.chat(**ASK).text == ANSWER
            time.sleep(0.02)
        assert emu.open_connections == 1
        assert emu.connections == 6


def test_connections_that_the_server_has_closed_are_not_used(emu):
    with make(emu, max_retries=0) as client:
        emu.always = CloseAfter(0.05)
        leave_idle(client, 5)
        assert soon(lambda: emu.open_connections == 0)
        emu.always = None
        assert client.chat(**ASK).text == ANSWER
        assert (emu.connections, emu.posts) == (6, 6)


@pytest.mark.parametrize("fault", [Reset(before_head=True), Stall(before_head=True)], ids=["reset", "stall"])
def test_a_failed_call_gives_its_slot_back(emu, monkeypatch, fault):
    monkeypatch.setattr("inference_do._transport.sockets.MAX_CONNECTIONS", 1)
    with make(emu, max_retries=0, timeout=0.2) as client:
        emu.always = fault
        for _ in range(3):
            with pytest.raises(APIConnectionError):
                client.chat(**ASK)
        emu.always = None
        assert client.chat(**ASK).text == ANSWER


def test_a_connection_that_cannot_be_made_gives_its_slot_back(monkeypatch):
    monkeypatch.setattr("inference_do._transport.sockets.MAX_CONNECTIONS", 1)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with Client("k", base_url=f"http://127.0.0.1:{nobody.getsockname()[1]}", max_retries=0, timeout=0.5) as client:
            for _ in range(3):
                with pytest.raises(APIConnectionError, match="no connection to the API: Connection refused"):
                    client.chat(**ASK)


@pytest.mark.parametrize("count", [1, 2])
def test_streams_that_are_garbage_in_a_cycle_give_their_slots_back(emu, monkeypatch, count):
    """As where a program keeps an exception that refers to its own frame. Only the garbage collector finds them."""
    monkeypatch.setattr("inference_do._transport.sockets.MAX_CONNECTIONS", 2)

    def leave(client: Client) -> None:
        kept: list[Any] = [client.stream(**ASK) for _ in range(count)]
        for stream in kept:
            next(stream)
        kept.append(kept)

    with make(emu, max_retries=0, timeout=Timeout(pool=2)) as client:
        for _ in range(3):
            leave(client)
            gc.collect()
        leave_idle(client, 2)


@pytest.mark.parametrize("count", [1, 2])
async def test_a_loops_streams_that_are_garbage_in_a_cycle_give_their_slots_back(emu, monkeypatch, count):
    monkeypatch.setattr("inference_do._transport.sockets.MAX_CONNECTIONS", 2)

    async def leave(client: AsyncClient) -> None:
        kept: list[Any] = [client.stream(**ASK) for _ in range(count)]
        for stream in kept:
            await anext(stream)
        kept.append(kept)

    async with make_async(emu, max_retries=0, timeout=Timeout(pool=2)) as client:
        for _ in range(3):
            await leave(client)
            gc.collect()
        assert (await client.chat(**ASK)).text == ANSWER


def test_a_connection_that_is_being_made_when_the_client_is_closed_is_closed_as_well(emu, monkeypatch):
    is_made, may_go_on = threading.Event(), threading.Event()

    async def slowly(addresses: Any) -> socket.socket:
        made = await first_of(addresses)
        is_made.set()
        assert await asyncio.to_thread(may_go_on.wait, 5)
        return made

    client = make(emu, max_retries=0)
    with monkeypatch.context() as slow, ThreadPoolExecutor(1) as threads:
        slow.setattr(thread_sockets, "first_of", slowly)
        call: Future[Any] = threads.submit(client.chat, **ASK)
        assert is_made.wait(5)
        client.close()
        may_go_on.set()
        with pytest.raises(APIConnectionError, match="the client was closed"):
            call.result(5)
    assert soon(lambda: emu.open_connections == 0)
    assert emu.posts == 0
    assert client.chat(**ASK).text == ANSWER
    client.close()


def test_closing_again_and_again_while_threads_call(emu):
    """A call that closing breaks may fail, with a known message; the next one succeeds, and nothing is left open."""
    client = make(emu)
    is_over = threading.Event()

    def work() -> set[str]:
        failures = set()
        while not is_over.is_set():
            try:
                client.chat(**ASK)
            except InferenceError as error:
                failures.add(error.message.split(":")[0])
        return failures

    with ThreadPoolExecutor(6) as threads:
        working = [threads.submit(work) for _ in range(6)]
        for _ in range(100):
            client.close()
            time.sleep(0.003)
        is_over.set()
        failures: set[str] = set().union(*(future.result(10) for future in working))
    broken = "the connection to the API broke before the reply was complete"
    assert failures <= {broken, "no connection to the API", "the client was closed"}
    assert client.chat(**ASK).text == ANSWER
    client.close()
    assert soon(lambda: emu.open_connections == 0)


async def test_a_callers_clients_own_auth_does_not_replace_the_key(emu):
    auth = ("joe", "secret")
    with httpx.Client(auth=auth) as mine:
        assert Client(emu.api_key, base_url=emu.base_url, http_client=mine).chat(**ASK).text == ANSWER
    async with httpx.AsyncClient(auth=auth) as other:
        client = AsyncClient(emu.api_key, base_url=emu.base_url, http_client=other)
        assert (await client.chat(**ASK)).text == ANSWER
    assert [request.headers["authorization"] for request in emu.requests] == [f"Bearer {emu.api_key}"] * 2
