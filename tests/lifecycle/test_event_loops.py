"""One object in many event loops: one after another, at once in threads, nested, ended in any way."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from client_kit import soon
from interfaces import ANSWER, aread
from lifecycle_kit import sizes


async def both(interface) -> list[str]:
    return [await interface.achat("Say hello"), await aread(interface, "Say hello")]


@sizes("loops", short=6, long=200)
def test_loops_in_a_row(zygote, server, loops):
    """In an interpreter where every warning is an error: nothing is left open, nothing is sent twice."""
    answers = zygote.run("loops_in_a_row", server.base_url, loops)
    counts = server.counts()
    assert answers == {name: [[ANSWER, ANSWER]] * loops for name in ("client", "langchain", "llamaindex")}
    assert (counts.posts, counts.connections, counts.disconnects) == (6 * loops, 3 * loops, 0)


@sizes("turns", short=3, long=50)
def test_loops_at_once(interface, emu, turns):
    barrier = threading.Barrier(6)

    def work(_: int) -> list[str]:
        barrier.wait()
        return [text for _ in range(turns) for text in asyncio.run(both(interface))]

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(6))) == [[ANSWER] * 2 * turns] * 6
    assert (emu.posts, emu.connections) == (12 * turns, 6 * turns)
    assert soon(lambda: emu.open_connections == 0)


def test_a_loop_beside_threads(interface, emu):
    """The same object in a loop and in the loop's executor."""

    async def work() -> list[str]:
        threads = [asyncio.to_thread(interface.chat, "Say hello") for _ in range(8)]
        return list(await asyncio.gather(*threads, *(interface.achat("Say hello") for _ in range(8))))

    assert asyncio.run(work()) == [ANSWER] * 16
    assert emu.posts == 16


def test_a_stream_outlives_the_call_that_began_it(interface, emu):
    """Loops that are run piece by piece, as notebooks and GUIs do."""
    with asyncio.Runner() as runner:

        async def begin():
            stream = aiter(await interface.astream("Say hello"))
            return stream, interface.delta_of(await anext(stream))

        async def finish(stream) -> str:
            return "".join([interface.delta_of(item) async for item in stream])

        stream, first = runner.run(begin())
        assert first + runner.run(finish(stream)) == ANSWER
    assert emu.posts == 1


def test_a_loop_that_ends_with_an_open_stream(interface, emu):
    async def begin() -> None:
        nonlocal stream
        stream = await interface.astream("Say hello")
        await anext(aiter(stream))

    stream = None
    emu.quirks = type(emu.quirks)(event_delay=0.05)
    asyncio.run(begin())
    assert soon(lambda: emu.disconnects)
    emu.quirks = type(emu.quirks)()
    assert asyncio.run(interface.achat("Say hello")) == ANSWER


@pytest.mark.parametrize("how", ["row", "nested"])
def test_loops_that_are_closed_without_a_word(zygote, server, how):
    """A loop of one's own is often just closed, and so does LlamaIndex's `asyncio_run` inside a running loop.

    No asynchronous generator is closed then, and the loop can do nothing more. Its connections are closed all the same.
    """
    assert zygote.run("loops_just_closed", server.base_url, how) == [ANSWER] * 18
    counts = server.counts()
    assert (counts.posts, counts.disconnects) == (18, 0)


def test_nested_loops(zygote, server):
    """As in a notebook with nest_asyncio: the synchronous call stands inside a running loop."""
    assert zygote.run("nested_loops", server.base_url) == [ANSWER] * 12
    assert server.counts().posts == 12


async def test_a_synchronous_call_inside_a_loop(interface, emu):
    """It blocks the loop, which is the caller's business; it works."""
    assert interface.chat("Say hello") == await interface.achat("Say hello") == ANSWER
    assert emu.posts == 2
    await interface.aclose()


def test_an_error_of_ours_is_not_replaced_by_llamaindexs_runner(emu):
    """It takes any RuntimeError for a nested loop, and says so instead."""
    from interfaces import LlamaIndexInterface
    from llama_index.core.async_utils import asyncio_run

    from inference_do import AuthenticationError

    interface = LlamaIndexInterface(emu.base_url, api_key="wrong")
    with pytest.raises(AuthenticationError):
        asyncio_run(interface.achat("Say hello"))

    async def inside() -> None:
        with pytest.raises(AuthenticationError):
            asyncio_run(interface.achat("Say hello"))

    asyncio.run(inside())
    gc.collect()
