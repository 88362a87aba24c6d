"""What is run in an interpreter of its own, so that its warnings, its memory and its end can be looked at.

`lifecycle_zygote.py` calls these functions; arguments and results pass as JSON. What is measured is in `lifecycle_soak.py`.
"""

from __future__ import annotations

import asyncio
import builtins
import gc
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from lifecycle_interfaces import ANSWER, DOORS, HELLO, WAYS, aread, read

from inference_do.emulator import Emulator, Stall

LONG = "Say " + "word " * 200


def all_doors(base_url: str, **options: Any) -> dict[str, Any]:
    return {name: kind(base_url, **options) for name, kind in DOORS.items()}


def loops_in_a_row(base_url: str, loops: int) -> dict[str, list[list[str]]]:
    async def both(door: Any) -> list[str]:
        return [await door.achat(HELLO), await aread(door, HELLO)]

    doors = all_doors(base_url)
    answers = {name: [asyncio.run(both(door)) for _ in range(loops)] for name, door in doors.items()}
    doors.clear()
    gc.collect()
    return answers


def loops_just_closed(base_url: str, how: str) -> list[str]:
    from llama_index.core.async_utils import asyncio_run

    def in_a_loop_of_its_own(work: Any) -> str:
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(work)
        finally:
            loop.close()

    def ask(run: Any) -> list[str]:
        answers = []
        for door in all_doors(base_url).values():
            for _ in range(3):
                answers += [run(door.achat(HELLO)), run(aread(door, HELLO))]
                gc.collect()
        return answers

    async def inside() -> list[str]:
        return ask(asyncio_run)

    return ask(in_a_loop_of_its_own) if how == "row" else asyncio.run(inside())


def nested_loops(base_url: str) -> list[str]:
    import nest_asyncio

    loop = asyncio.new_event_loop()
    nest_asyncio.apply(loop)

    async def outside() -> list[str]:
        answers = []
        for door in all_doors(base_url).values():
            answers += [await door.achat(HELLO), loop.run_until_complete(door.achat(HELLO))]
            answers += [loop.run_until_complete(aread(door, HELLO)), read(door, HELLO)]
            await door.aclose()
        return answers

    try:
        return loop.run_until_complete(outside())
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def forked(base_url: str, name: str) -> dict[str, Any]:
    door = DOORS[name](base_url)
    parent = [door.chat(HELLO)]
    runner = asyncio.Runner()
    parent.append(runner.run(door.achat(HELLO)))
    stream = iter(door.stream(HELLO))
    first = door.word(next(stream))
    astream = runner.run(_begun(door))

    def child() -> None:
        assert door.chat(HELLO) == read(door, HELLO) == ANSWER
        assert asyncio.run(door.achat(HELLO)) == asyncio.run(aread(door, HELLO)) == ANSWER
        door.close()
        stream.close()
        gc.collect()

    children = [_exit_code_of(child) for _ in range(2)]
    parent += [first + "".join(map(door.word, stream)), runner.run(_finished(door, *astream)), door.chat(HELLO)]
    assert runner.run(door.achat(HELLO)) == ANSWER
    runner.run(door.aclose())
    runner.close()
    return {"children": children, "parent": parent}


async def _begun(door: Any) -> tuple[Any, str]:
    stream = aiter(await door.astream(HELLO))
    return stream, door.word(await anext(stream))


async def _finished(door: Any, stream: Any, first: str) -> str:
    return first + "".join([door.word(item) async for item in stream])


def _exit_code_of(work: Callable[[], None]) -> int | None:
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(30)
    return process.exitcode


def forked_inside_a_loop(base_url: str) -> dict[str, Any]:
    doors = all_doors(base_url)

    def child() -> None:
        for door in doors.values():
            assert asyncio.run(door.achat(HELLO)) == ANSWER

    async def work() -> dict[str, Any]:
        before = [await door.achat(HELLO) for door in doors.values()]
        code = _exit_code_of(child)
        after = [await door.achat(HELLO) for door in doors.values()]
        return {"child": code, "parent": before + after}

    return asyncio.run(work())


def spawned(base_url: str, names: list[str]) -> list[list[str]]:
    doors = [DOORS[name](base_url) for name in names]
    models = [door.model for door in doors]
    before = [door.chat(HELLO) for door in doors]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        answers = pool.map(_ask_by_each_road, models)
    after = [door.chat(HELLO) for door in doors]
    assert before == after == [ANSWER] * len(names)
    for door in doors:
        door.close()
    return answers


def _ask_by_each_road(model: Any) -> list[str]:
    """Use a model that came as a pickle."""
    if hasattr(model, "invoke"):
        return [model.invoke(HELLO).text, asyncio.run(model.ainvoke(HELLO)).text]
    return [model.complete(HELLO).text, asyncio.run(model.acomplete(HELLO)).text]


def interrupted(name: str) -> list[str]:
    """Be interrupted while a chat, a stream and a loop's stream wait; tell what came out and what the server saw."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell begins without it

    def interrupt(after: int) -> None:
        while emu.posts < after:
            time.sleep(0.01)
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    found = []
    with Emulator(always=Stall(after_events=1)) as emu:
        door = DOORS[name](emu.base_url)
        for number, way in enumerate(("chat", "stream", "astream"), start=1):
            thread = threading.Thread(target=interrupt, args=(number,))
            thread.start()
            try:
                WAYS[way](door)
            except KeyboardInterrupt:
                ends = time.monotonic() + 1
                while len(emu.disconnects) < number and time.monotonic() < ends:
                    time.sleep(0.01)
                found.append(f"KeyboardInterrupt, {len(emu.disconnects)}")
            thread.join()
        door.close()
    return found


def ends_with_open_streams(base_url: str, how: str) -> str:
    """Leave streams open everywhere and let the interpreter end."""
    doors = all_doors(base_url)
    kept: list[Any] = []
    reading: list[threading.Thread] = []
    for door in doors.values():
        kept.append(iter(door.stream(HELLO)))
        next(kept[-1])
        kept.append(asyncio.run(_begun(door)))
        for read_on in (lambda door=door: read(door, LONG), lambda door=door: asyncio.run(aread(door, LONG))):
            reading.append(threading.Thread(target=read_on, daemon=True))
            reading[-1].start()
    time.sleep(0.3)
    builtins.kept = kept  # type: ignore[attr-defined]  the last to go
    print(json.dumps("bye"), flush=True)
    match how:
        case "exits in a stream":
            for _ in doors["client"].stream(LONG):
                sys.exit(0)
        case "exits in a loop's stream":
            asyncio.run(_exit_in_a_stream(doors["client"]))
    return sys.exit(0)


async def _exit_in_a_stream(door: Any) -> None:
    async for _ in await door.astream(LONG):
        sys.exit(0)
