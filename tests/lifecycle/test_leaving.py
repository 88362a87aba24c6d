"""Leaving a stream in any way: the server sees it within a second, and the next call is fine.

Processes of their own use langchain_do and llamaindex_do too.
"""

from __future__ import annotations

import asyncio
import gc
from contextlib import aclosing, closing
from typing import Any

import pytest
from client_kit import asoon, soon
from interfaces import HELLO, INTERFACES
from lifecycle_kit import Served

from inference_do.emulator import DelayEvents, Emulator, Stall


@pytest.fixture
def emu():
    with Emulator(always=DelayEvents(0.02)) as emulator:
        yield emulator


def by_closing(interface: Any) -> None:
    stream = interface.stream(HELLO)
    next(iter(stream))
    stream.close()


def by_break(interface: Any) -> None:
    for _ in interface.stream(HELLO):
        break


def by_dropping(interface: Any) -> None:
    stream = interface.stream(HELLO)
    next(iter(stream))
    del stream


def by_a_cycle(interface: Any) -> None:
    """Only the collector can find that nobody reads on."""
    held: dict[str, Any] = {"stream": interface.stream(HELLO)}
    held["itself"] = held
    next(iter(held["stream"]))
    del held
    gc.collect()


def by_a_generator_of_the_consumer(interface: Any) -> None:
    def texts():
        for item in interface.stream(HELLO):
            yield interface.delta_of(item)

    with closing(texts()) as reading:
        next(reading)


@pytest.mark.parametrize("leave", [by_closing, by_break, by_dropping, by_a_cycle, by_a_generator_of_the_consumer])
def test_leaving(emu, interface, leave):
    gc.disable()  # one collection of somebody else's would hide that nothing else ends the stream
    try:
        leave(interface)
        assert soon(lambda: emu.disconnects)
    finally:
        gc.enable()
    emu.always = None
    assert interface.chat(HELLO) == "You said: Say hello"
    assert (emu.posts, len(emu.disconnects)) == (2, 1)


@pytest.mark.parametrize("kind", [LookupError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_exception_of_the_consumer_is_what_comes_out(emu, interface, kind):
    def consume() -> None:
        for _ in interface.stream(HELLO):
            raise kind

    with pytest.raises(kind):
        consume()
    assert soon(lambda: emu.disconnects)
    emu.always = None
    assert interface.chat(HELLO) == "You said: Say hello"


async def aby_closing(interface: Any) -> None:
    stream = await interface.astream(HELLO)
    await anext(aiter(stream))
    await stream.aclose()


async def aby_break(interface: Any) -> None:
    async for _ in await interface.astream(HELLO):
        break


async def aby_a_cycle(interface: Any) -> None:
    held: dict[str, Any] = {"stream": await interface.astream(HELLO)}
    held["itself"] = held
    await anext(aiter(held["stream"]))
    del held
    gc.collect()


async def aby_a_generator_of_the_consumer(interface: Any) -> None:
    async def texts():
        async for item in await interface.astream(HELLO):
            yield interface.delta_of(item)

    async with aclosing(texts()) as reading:
        await anext(reading)


async def aby_a_timeout(interface: Any) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            async for _ in await interface.astream(HELLO):
                pass


@pytest.mark.parametrize("leave", [aby_closing, aby_break, aby_a_cycle, aby_a_generator_of_the_consumer, aby_a_timeout])
async def test_leaving_in_a_loop(emu, interface, leave):
    await leave(interface)
    assert await asoon(lambda: emu.disconnects)
    emu.always = None
    assert await interface.achat(HELLO) == "You said: Say hello"
    assert (emu.posts, len(emu.disconnects)) == (2, 1)
    await interface.aclose()


@pytest.mark.parametrize("kind", [LookupError, asyncio.CancelledError, GeneratorExit])
async def test_an_exception_of_the_consumer_in_a_loop(emu, interface, kind):
    with pytest.raises(kind):
        async for _ in await interface.astream(HELLO):
            raise kind
    assert await asoon(lambda: emu.disconnects)
    emu.always = None
    assert await interface.achat(HELLO) == "You said: Say hello"
    await interface.aclose()


# --- in an interpreter of its own ---


@pytest.mark.parametrize("name", INTERFACES)
def test_control_c(zygote, name):
    """While a thread and while a loop waits for a server that has fallen silent."""
    assert zygote.run("interrupted", name) == [f"KeyboardInterrupt, {number}" for number in (1, 2, 3)]


@pytest.mark.parametrize("how", ["falls off the end", "exits in a stream", "exits in a loop's stream"])
def test_the_interpreter_ends_in_silence_with_streams_open(zygote, how):
    """Read by the main thread, by a loop that is over, by a daemon thread, by a loop in a daemon thread.

    The server has fallen silent: a daemon thread that runs while the interpreter ends may crash it, whatever it runs.
    """
    with Served(always=Stall(after_events=2)) as server:
        assert zygote.run("ends_with_open_streams", server.base_url, how) == "bye"
        assert soon(lambda: server.counts().open == 0)
        assert server.counts().disconnects >= 9
