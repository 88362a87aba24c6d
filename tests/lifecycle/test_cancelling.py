"""Cancelling in every phase of a call: it ends at once, the server sees it, nothing is sent again, nothing is lost."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from client_kit import asoon, black_holes
from interfaces import INTERFACES, aread
from lifecycle_measures import descriptors

from inference_do.emulator import DelayHead, Emulator, Stall, Status

AT_ONCE = 0.25
"""Seconds; nothing that is waited for here comes sooner than in 30."""


async def chat(interface: Any) -> str:
    return await interface.achat("Say hello")


async def stream(interface: Any) -> str:
    return await aread(interface, "Say hello")


CALLS = {"chat": chat, "stream": stream}


async def once(task: asyncio.Task[Any]) -> None:
    task.cancel()


async def twice(task: asyncio.Task[Any]) -> None:
    """The second time while it is cleaning up."""
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()


@dataclass(frozen=True)
class Phase:
    """Where a call can be held."""

    fault: Any
    posts: int = 1
    is_seen: bool = True
    """Whether the server is in the middle of something then."""


PHASES = {
    "head": Phase(DelayHead(30)),
    "before the first event": Phase(Stall(after_events=0)),
    "between chunks": Phase(Stall(after_events=2)),
    "backoff": Phase(Status(503, headers={"retry-after": "30"}), is_seen=False),
}


async def cancelled(task: asyncio.Task[Any], cancel: Callable[[asyncio.Task[Any]], Any]) -> None:
    started = time.monotonic()
    await cancel(task)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < AT_ONCE


@pytest.mark.parametrize("cancel", [once, twice])
@pytest.mark.parametrize("ask", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("phase", PHASES.values(), ids=PHASES)
async def test_in_every_phase(emu, interface, phase, ask, cancel):
    await interface.achat("first")
    before = descriptors()
    emu.script(phase.fault)
    task = asyncio.create_task(ask(interface))
    assert await asoon(lambda: emu.posts == 2)
    await asyncio.sleep(0.03)
    await cancelled(task, cancel)
    assert not phase.is_seen or await asoon(lambda: emu.disconnects)
    assert await ask(interface) == "You said: Say hello"
    assert emu.posts == 3
    assert emu.connections == 1 + phase.is_seen
    assert await asoon(lambda: descriptors() <= before, 5)
    await interface.aclose()


@pytest.mark.parametrize("cancel", [once, twice])
@pytest.mark.parametrize("ask", CALLS.values(), ids=CALLS)
async def test_while_it_connects(interface_kind, ask, cancel):
    with black_holes() as [(_, port)]:
        interface = interface_kind(f"http://127.0.0.1:{port}/v1")
        gc.collect()  # what earlier tests left, so that it is not closed meanwhile
        before = descriptors()
        task = asyncio.create_task(ask(interface))
        assert await asoon(lambda: descriptors() > before, 5)
        await cancelled(task, cancel)
        assert await asoon(lambda: descriptors() <= before, 5)
    with Emulator(port=port) as emu:
        assert await ask(interface) == "You said: Say hello"
        assert emu.posts == 1
        await interface.aclose()


@pytest.mark.parametrize("cancel", [once, twice])
@pytest.mark.parametrize("ask", CALLS.values(), ids=CALLS)
async def test_while_it_waits_for_a_slot(interface_kind, emu, monkeypatch, ask, cancel):
    monkeypatch.setattr("inference_do._transport.sockets.MAX_CONNECTIONS", 1)
    interface = interface_kind(emu.base_url)
    emu.script(Stall(after_events=2))
    holder = await interface.astream("holds the slot")
    await anext(aiter(holder))
    task = asyncio.create_task(ask(interface))
    await asyncio.sleep(0.03)
    await cancelled(task, cancel)
    await holder.aclose()
    assert await ask(interface) == "You said: Say hello"
    assert (emu.posts, len(emu.disconnects)) == (2, 1)
    await interface.aclose()


# --- many: a pool of ten keeps its ten slots ---


@pytest.fixture
def _pool_of_ten(monkeypatch):
    monkeypatch.setattr("inference_do._transport.sockets.MAX_CONNECTIONS", 10)


async def use_all_slots(interface: Any) -> None:
    """All ten slots are there: ten streams are open at once, and a call finds one again."""
    streams = [aiter(await interface.astream("Say hello")) for _ in range(10)]
    await asyncio.gather(*(anext(stream) for stream in streams))
    await asyncio.gather(*(stream.aclose() for stream in streams))
    assert await interface.achat("Say hello") == "You said: Say hello"
    await interface.aclose()


@pytest.mark.usefixtures("_pool_of_ten")
@pytest.mark.parametrize("delay", [0, 0.001, 0.02])
async def test_sixty_while_they_connect(interface_kind, delay):
    """httpx's own pool loses a slot with each (httpcore #1093)."""
    before = descriptors()
    with black_holes() as [(_, port)]:
        interface = interface_kind(f"http://127.0.0.1:{port}/v1", timeout=2, max_retries=0)
        for _ in range(6):
            tasks = [asyncio.create_task(interface.achat("Say hello")) for _ in range(10)]
            await asyncio.sleep(delay)
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert [type(end) for end in ends] == [asyncio.CancelledError] * 10
    with Emulator(port=port) as emu:
        await use_all_slots(interface)
        assert emu.posts == 11
    assert await asoon(lambda: descriptors() <= before, 5)


@pytest.mark.usefixtures("_pool_of_ten")
@pytest.mark.parametrize("cancel", [once, twice])
async def test_sixty_in_the_middle_of_their_streams(interface_kind, emu, cancel):
    interface = interface_kind(emu.base_url, timeout=5, max_retries=0)
    for turn in range(1, 7):
        emu.script(*[Stall(after_events=2)] * 10)
        tasks = [asyncio.create_task(aread(interface, "Say hello")) for _ in range(10)]
        assert await asoon(lambda turn=turn: emu.posts == 10 * turn, seconds=3)
        await asyncio.sleep(0.01)
        for task in tasks:
            await cancel(task)
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(end) for end in ends] == [asyncio.CancelledError] * 10
        assert await asoon(lambda turn=turn: len(emu.disconnects) == 10 * turn)
    await use_all_slots(interface)


@pytest.mark.usefixtures("_pool_of_ten")
@pytest.mark.parametrize("name", INTERFACES)
async def test_a_group_of_tasks_takes_its_streams_along(emu, name):
    """One fails, a TaskGroup cancels the others."""
    interface = INTERFACES[name](emu.base_url)
    emu.script(*[Stall(after_events=2)] * 5)

    async def fail() -> None:
        assert await asoon(lambda: emu.posts == 5)
        raise LookupError

    with pytest.raises(ExceptionGroup) as raised:
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(aread(interface, "Say hello"))
            group.create_task(fail())
    assert [type(error) for error in raised.value.exceptions] == [LookupError]
    assert await asoon(lambda: len(emu.disconnects) == 5)
    assert await interface.achat("Say hello") == "You said: Say hello"
    await interface.aclose()
