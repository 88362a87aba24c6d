"""One model in many event loops and threads: every call is one POST."""

from __future__ import annotations

import asyncio
import gc
import warnings
from concurrent.futures import ThreadPoolExecutor

from inference_do.emulator import Emulator, Quirks
from langchain_do import ChatDigitalOcean, DigitalOceanEmbeddings


async def both(model: ChatDigitalOcean) -> str:
    answer = await model.ainvoke("hi")
    async for _ in model.astream("hi"):
        pass
    return str(answer.text)


def test_loops_in_a_row(emu: Emulator, model: ChatDigitalOcean) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(4):
            assert asyncio.run(both(model)) == "You said: hi"
        gc.collect()
    assert emu.posts == 8
    assert emu.connections == 4


def test_loops_in_threads(emu: Emulator, model: ChatDigitalOcean) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: asyncio.run(both(model)), range(8)))
    assert answers == ["You said: hi"] * 8
    assert emu.posts == 16


def test_threads(emu: Emulator, model: ChatDigitalOcean) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: model.invoke("hi").text, range(20)))
    assert answers == ["You said: hi"] * 20
    assert emu.posts == 20
    assert emu.connections <= 5


def test_sync_inside_a_loop_and_back(emu: Emulator, model: ChatDigitalOcean) -> None:
    async def main() -> None:
        model.invoke("hi")
        await both(model)
        model.invoke("hi")

    asyncio.run(main())
    assert (emu.posts, emu.connections) == (4, 2)


def test_embeddings_in_loops(emu: Emulator) -> None:
    model = DigitalOceanEmbeddings(model="bge-m3", api_key=emu.api_key, base_url=emu.base_url)
    vectors = [asyncio.run(model.aembed_query("hi")) for _ in range(3)]
    assert vectors[0] == vectors[1] == vectors[2]
    assert emu.posts == 3


async def test_cancelling_closes_the_stream(emu: Emulator, model: ChatDigitalOcean) -> None:
    emu.quirks = Quirks(event_delay=0.02)
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in model.astream("a b c d e f g h i j k l m n o p " * 10):
            begun.set()

    task = asyncio.create_task(read())
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    emu.quirks = Quirks()
    await model.ainvoke("hi")
    assert len(emu.disconnects) == 1


async def test_closing(emu: Emulator, model: ChatDigitalOcean) -> None:
    await model.ainvoke("hi")
    model.invoke("hi")
    model.close()
    await model.aclose()
    for _ in range(50):
        if not emu.open_connections:
            break
        await asyncio.sleep(0.01)
    assert emu.open_connections == 0
    assert (await model.ainvoke("hi")).text
