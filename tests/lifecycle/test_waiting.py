"""What is waited for before there is an answer and whose fault it is when it does not come; what is not opened anew."""

from __future__ import annotations

import asyncio
import time

import pytest
from client_kit import asoon, black_holes, soon
from interfaces import ANSWER, CALLS, HELLO, aread, read
from lifecycle_measures import descriptors

from inference_do import APITimeoutError, InferenceError, Timeout
from inference_do.emulator import CloseAfter, DelayHead, Stall

# --- phases ---


def test_nobody_takes_the_connection(pair_kind, ask):
    before = descriptors()
    with black_holes() as [(_, port)]:
        interface = pair_kind(f"http://127.0.0.1:{port}/v1", timeout=Timeout(connect=0.1, first_token=9), max_retries=1)
        started = time.monotonic()
        with pytest.raises(APITimeoutError) as raised:
            ask(interface)
        assert 0.2 < time.monotonic() - started < 2
    assert (raised.value.phase, raised.value.attempts, raised.value.retryable) == ("connect", 2, True)
    assert raised.value.message.startswith("no connection to the API within 0.1 s (timeout phase 'connect')")
    assert soon(lambda: descriptors() <= before, 5)


@pytest.mark.parametrize("fault", [DelayHead(9), Stall(after_events=0)], ids=["head", "body"])
def test_nothing_comes(pair_kind, emu, ask, fault):
    """Of a chat the body counts as begun with its head: from there on silence is `idle`."""
    emu.script(fault)
    interface = pair_kind(emu.base_url, timeout=Timeout(first_token=0.1, idle=0.1), max_retries=0)
    with pytest.raises(APITimeoutError) as raised:
        ask(interface)
    assert raised.value.phase in {"first_token", "idle"}
    assert (raised.value.attempts, emu.posts) == (1, 1)
    assert soon(lambda: emu.disconnects)


@pytest.fixture
def _one_slot(monkeypatch):
    monkeypatch.setattr("inference_do._transport.sockets.MAX_CONNECTIONS", 1)


POOL = "no free connection in the pool within 0.1 s (timeout phase 'pool')"


@pytest.mark.usefixtures("_one_slot")
@pytest.mark.parametrize("call", [CALLS["chat"], CALLS["stream"]], ids=["chat", "stream"])
def test_a_full_pool_of_threads(interface_kind, emu, call):
    emu.script(Stall(after_events=2))
    interface = interface_kind(emu.base_url, timeout=Timeout(pool=0.1, first_token=9), max_retries=1)
    holder = interface.stream("holds the slot")
    next(iter(holder))
    with pytest.raises(APITimeoutError) as raised:
        call(interface)
    assert (raised.value.phase, raised.value.message, raised.value.attempts) == ("pool", POOL, 2)
    assert (raised.value.retryable, emu.posts) == (True, 1)
    holder.close()
    assert call(interface) == ANSWER
    interface.close()


@pytest.mark.usefixtures("_one_slot")
@pytest.mark.parametrize(
    "call",
    [lambda interface: interface.achat(HELLO), lambda interface: aread(interface, HELLO)],
    ids=["chat", "stream"],
)
async def test_a_full_pool_of_a_loop(interface_kind, emu, call):
    emu.script(Stall(after_events=2))
    interface = interface_kind(emu.base_url, timeout=Timeout(pool=0.1, first_token=9), max_retries=1)
    holder = aiter(await interface.astream("holds the slot"))
    await anext(holder)
    with pytest.raises(APITimeoutError) as raised:
        await call(interface)
    assert (raised.value.phase, raised.value.message, raised.value.attempts) == ("pool", POOL, 2)
    assert (raised.value.retryable, emu.posts) == (True, 1)
    await holder.aclose()
    assert await call(interface) == ANSWER
    await interface.aclose()


@pytest.mark.usefixtures("_one_slot")
async def test_who_waits_for_a_slot_gets_the_next_one(interface, emu):
    assert await asyncio.gather(*(interface.achat(f"Say {n}") for n in range(20))) == [
        f"You said: Say {n}" for n in range(20)
    ]
    assert (emu.posts, emu.connections) == (20, 1)
    await interface.aclose()


# --- connections ---


def test_a_hundred_calls_and_streams_on_one_connection(interface, emu):
    for _ in range(50):
        assert interface.chat(HELLO) == read(interface, HELLO) == ANSWER
    assert (emu.posts, emu.connections) == (100, 1)


async def test_a_hundred_calls_and_streams_of_a_loop_on_one_connection(interface, emu):
    for _ in range(50):
        assert await interface.achat(HELLO) == await aread(interface, HELLO) == ANSWER
    assert (emu.posts, emu.connections) == (100, 1)
    await interface.aclose()


@pytest.mark.parametrize("pause", [0.0, 0.002, 0.05])
def test_the_server_closes_an_idle_connection_as_it_is_used_again(interface, emu, pause):
    """Whether the client sees it before or after it has written, the caller sees nothing of it."""
    for _ in range(10):
        emu.script(CloseAfter(0.002))
        assert interface.chat(HELLO) == ANSWER
        time.sleep(pause)
        assert read(interface, HELLO) == ANSWER
    assert 20 <= emu.posts <= 30


@pytest.mark.parametrize("pause", [0.0, 0.002, 0.05])
async def test_the_server_closes_an_idle_connection_of_a_loop(interface, emu, pause):
    for _ in range(10):
        emu.script(CloseAfter(0.002))
        assert await interface.achat(HELLO) == ANSWER
        await asyncio.sleep(pause)
        assert await aread(interface, HELLO) == ANSWER
    assert 20 <= emu.posts <= 30
    await interface.aclose()


async def test_closing_in_the_midst_of_a_loops_calls(interface, emu):
    """Who loses a connection has an error of ours; the next call is fine."""
    emu.script(*[Stall(after_events=2)] * 4)
    tasks = [asyncio.create_task(aread(interface, HELLO)) for _ in range(4)]
    assert await asoon(lambda: emu.posts == 4)
    await asyncio.sleep(0.02)
    await interface.aclose()
    ends = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 1)
    assert all(isinstance(end, InferenceError) for end in ends)
    assert await interface.achat(HELLO) == ANSWER
    await interface.aclose()
