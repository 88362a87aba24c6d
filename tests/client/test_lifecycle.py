"""Connections, loops, threads, processes, the collector, the end of the interpreter."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import warnings
from typing import Any

import pytest
from client_kit import ASK, asoon, make, make_async, soon
from interfaces import ANSWER

from inference_do.emulator import CloseAfter, DelayEvents, DelayHead, Emulator


@pytest.fixture
def slow():
    """An emulator whose streams take a while."""
    with Emulator(always=DelayEvents(0.02)) as emulator:
        yield emulator


def test_an_idle_connection_that_was_closed_is_replaced_unnoticed(emu):
    emu.script(CloseAfter(0.0), None)
    with make(emu, max_retries=0) as client:
        client.chat(**ASK)
        time.sleep(0.05)
        assert client.chat(**ASK).text == ANSWER
    assert emu.posts == 2


# --- leaving early: the server sees it within a second ---


def leave_by_with(emu: Emulator) -> None:
    with make(emu).stream(**ASK) as stream:
        for _ in stream:
            break


def leave_by_dropping(emu: Emulator) -> None:
    """The stream is all that holds the client."""
    client = make(emu)
    for _ in client.stream(**ASK):
        break


@pytest.mark.parametrize("leave", [leave_by_with, leave_by_dropping])
def test_leaving_a_stream_is_seen(slow, leave):
    gc.disable()
    try:
        leave(slow)
        assert soon(lambda: slow.disconnects)
    finally:
        gc.enable()


async def test_leaving_an_async_stream_by_with_is_seen(slow):
    async with make_async(slow) as client:
        async with client.stream(**ASK) as stream:
            async for _ in stream:
                break
        assert await asoon(lambda: slow.disconnects)
        assert (await client.chat(**ASK)).text == ANSWER


async def test_cancelled_calls_take_no_slot_from_later_ones(monkeypatch):
    """httpx's own pool loses a slot with each (httpcore #1093)."""
    monkeypatch.setattr("inference_do._transport.sockets.MAX_CONNECTIONS", 5)
    with Emulator(always=DelayHead(0.05)) as emu:
        async with make_async(emu, max_retries=0, timeout=2) as client:
            for delay in (0, 0, 0, 0.001, 0.005, 0.01, 0.03) * 4:
                tasks = [asyncio.create_task(client.chat(**ASK)) for _ in range(3)]
                await asyncio.sleep(delay)
                for task in tasks:
                    task.cancel()
                    await asyncio.sleep(0)
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            responses = await asyncio.gather(*(client.chat(**ASK) for _ in range(10)))
    assert [response.text for response in responses] == [ANSWER] * 10


# --- clients ---


def test_a_client_may_be_used_after_closing(emu):
    client = make(emu)
    for _ in range(2):
        assert client.chat(**ASK).text == ANSWER
        client.close()
        client.close()
    assert emu.connections == 2
    assert soon(lambda: emu.open_connections == 0)


async def test_an_async_client_may_be_used_after_closing(emu):
    client = make_async(emu)
    await client.aclose()
    for _ in range(2):
        assert (await client.chat(**ASK)).text == ANSWER
        await client.aclose()
        await client.aclose()
    assert emu.connections == 2


def test_dropped_clients_close_their_connections(emu):
    for _ in range(5):
        make(emu).chat(**ASK)
    gc.collect()
    assert soon(lambda: emu.open_connections == 0)


async def test_dropped_async_clients_close_their_connections(emu):
    for _ in range(5):
        await make_async(emu).chat(**ASK)
    gc.collect()
    assert await asoon(lambda: emu.open_connections == 0)


def test_threads_that_begin_together_share_one_http_client(emu):
    client = make(emu)
    barrier = threading.Barrier(8)
    made: list[Any] = []

    def work() -> None:
        barrier.wait()
        made.append(client._http.client())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    assert len({id(one) for one in made}) == 1


def test_one_async_client_in_several_loops_one_after_another(emu):
    client = make_async(emu)

    async def use() -> str:
        assert (await client.stream(**ASK).completion()).text == ANSWER
        return (await client.chat(**ASK)).text

    assert [asyncio.run(use()) for _ in range(6)] == [ANSWER] * 6
    assert (emu.posts, emu.connections) == (12, 6)
    assert soon(lambda: emu.open_connections == 0)
    assert client._http._clients == {}


def test_one_async_client_in_several_loops_at_once(emu):
    client = make_async(emu)
    texts: list[str] = []

    async def use() -> None:
        responses = await asyncio.gather(*(client.chat(**ASK) for _ in range(5)))
        texts.extend(response.text for response in responses)

    threads = [threading.Thread(target=lambda: asyncio.run(use())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == [ANSWER] * 30


def test_loops_that_died_are_forgotten(emu):
    """A loop that is closed without `shutdown_asyncgens` cannot close its client; nothing of it is kept."""
    client = make_async(emu)
    closed = asyncio.new_event_loop()
    lifespans = client._http._lifespans
    closed.close()

    async def nothing() -> Any:
        yield None

    lifespans[closed] = nothing()
    asyncio.run(client.chat(**ASK))
    assert closed not in lifespans


def test_what_is_dropped_before_its_loop_is_closed_leaves_nothing_open(emu):
    """LlamaIndex's `asyncio_run`, called within a running loop, closes its own without `shutdown_asyncgens`."""
    loop = asyncio.new_event_loop()
    with warnings.catch_warnings(record=True) as reported:
        warnings.simplefilter("always")
        loop.run_until_complete(make_async(emu).chat(**ASK))
        gc.collect()  # the client
        loop.close()
        gc.collect()
    assert not [str(warning.message) for warning in reported if warning.category is ResourceWarning]


@pytest.mark.parametrize("seconds", [0, 1e-3, 0.05])
def test_a_loop_may_end_while_it_closes_what_was_dropped(emu, seconds):
    """Neither is an error: to be cancelled in the middle, and to find the client being closed already."""
    reported: list[Any] = []

    async def work() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        await asyncio.gather(*(make_async(emu).chat(**ASK) for _ in range(20)))
        gc.collect()
        await asyncio.sleep(seconds)

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        asyncio.run(work())
        gc.collect()
    assert not [*reported, *(str(warning.message) for warning in warned if warning.category is ResourceWarning)]
