"""What is run in an interpreter of its own, so that its warnings, its memory and its end can be looked at.

`lifecycle_zygote.py` calls these functions; arguments and results pass as JSON. `lifecycle_soak.py` has what is
measured.
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

from interfaces import ANSWER, CALLS, HELLO, INTERFACES, aread, read

from inference_do.emulator import Emulator, Stall

LONG = "Say " + "word " * 200


def all_interfaces(base_url: str, **options: Any) -> dict[str, Any]:
    return {name: kind(base_url, **options) for name, kind in INTERFACES.items()}


def loops_in_a_row(base_url: str, loops: int) -> dict[str, list[list[str]]]:
    async def both(interface: Any) -> list[str]:
        return [await interface.achat(HELLO), await aread(interface, HELLO)]

    opened = all_interfaces(base_url)
    answers = {name: [asyncio.run(both(interface)) for _ in range(loops)] for name, interface in opened.items()}
    opened.clear()
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
        for interface in all_interfaces(base_url).values():
            for _ in range(3):
                answers += [run(interface.achat(HELLO)), run(aread(interface, HELLO))]
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
        for interface in all_interfaces(base_url).values():
            answers += [await interface.achat(HELLO), loop.run_until_complete(interface.achat(HELLO))]
            answers += [loop.run_until_complete(aread(interface, HELLO)), read(interface, HELLO)]
            await interface.aclose()
        return answers

    try:
        return loop.run_until_complete(outside())
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def forked(base_url: str, name: str) -> dict[str, Any]:
    interface = INTERFACES[name](base_url)
    parent = [interface.chat(HELLO)]
    runner = asyncio.Runner()
    parent.append(runner.run(interface.achat(HELLO)))
    stream = iter(interface.stream(HELLO))
    first = interface.delta_of(next(stream))
    astream = runner.run(_begun(interface))

    def child() -> None:
        assert interface.chat(HELLO) == read(interface, HELLO) == ANSWER
        assert asyncio.run(interface.achat(HELLO)) == asyncio.run(aread(interface, HELLO)) == ANSWER
        interface.close()
        stream.close()
        gc.collect()

    children = [_exit_code_of(child) for _ in range(2)]
    parent += [
        first + "".join(map(interface.delta_of, stream)),
        runner.run(_finished(interface, *astream)),
        interface.chat(HELLO),
    ]
    assert runner.run(interface.achat(HELLO)) == ANSWER
    runner.run(interface.aclose())
    runner.close()
    return {"children": children, "parent": parent}


async def _begun(interface: Any) -> tuple[Any, str]:
    stream = aiter(await interface.astream(HELLO))
    return stream, interface.delta_of(await anext(stream))


async def _finished(interface: Any, stream: Any, first: str) -> str:
    return first + "".join([interface.delta_of(item) async for item in stream])


def _exit_code_of(work: Callable[[], None]) -> int | None:
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(30)
    return process.exitcode


def forked_inside_a_loop(base_url: str) -> dict[str, Any]:
    opened = all_interfaces(base_url)

    def child() -> None:
        for interface in opened.values():
            assert asyncio.run(interface.achat(HELLO)) == ANSWER

    async def work() -> dict[str, Any]:
        before = [await interface.achat(HELLO) for interface in opened.values()]
        code = _exit_code_of(child)
        after = [await interface.achat(HELLO) for interface in opened.values()]
        return {"child": code, "parent": before + after}

    return asyncio.run(work())


def spawned(base_url: str, names: list[str]) -> list[list[str]]:
    opened = [INTERFACES[name](base_url) for name in names]
    models = [interface.model for interface in opened]
    before = [interface.chat(HELLO) for interface in opened]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        answers = pool.map(_ask_by_each_road, models)
    after = [interface.chat(HELLO) for interface in opened]
    assert before == after == [ANSWER] * len(names)
    for interface in opened:
        interface.close()
    return answers


def _ask_by_each_road(model: Any) -> list[str]:
    """Use a model that came as a pickle."""
    if hasattr(model, "invoke"):
        return [model.invoke(HELLO).text, asyncio.run(model.ainvoke(HELLO)).text]
    return [model.complete(HELLO).text, asyncio.run(model.acomplete(HELLO)).text]


def interrupted(name: str) -> list[str]:
    """Be interrupted while a chat, a stream and a loop's stream wait; return what came out and what the server saw."""

    def interrupt(after: int) -> None:
        while emu.posts < after:
            time.sleep(0.01)
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    found = []
    with Emulator(always=Stall(after_events=1)) as emu:
        interface = INTERFACES[name](emu.base_url)
        for number, call in enumerate(("chat", "stream", "astream"), start=1):
            thread = threading.Thread(target=interrupt, args=(number,))
            thread.start()
            try:
                CALLS[call](interface)
            except KeyboardInterrupt:
                ends = time.monotonic() + 1
                while len(emu.disconnects) < number and time.monotonic() < ends:
                    time.sleep(0.01)
                found.append(f"KeyboardInterrupt, {len(emu.disconnects)}")
            thread.join()
        interface.close()
    return found


def ends_with_open_streams(base_url: str, how: str) -> str:
    """Leave streams open everywhere and let the interpreter end."""
    opened = all_interfaces(base_url)
    kept: list[Any] = []
    reading: list[threading.Thread] = []
    for interface in opened.values():
        kept.append(iter(interface.stream(HELLO)))
        next(kept[-1])
        kept.append(asyncio.run(_begun(interface)))
        for read_on in (
            lambda interface=interface: read(interface, LONG),
            lambda interface=interface: asyncio.run(aread(interface, LONG)),
        ):
            reading.append(threading.Thread(target=read_on, daemon=True))
            reading[-1].start()
    time.sleep(0.3)
    builtins.kept = kept  # type: ignore[attr-defined]  the last to go
    print(json.dumps("bye"), flush=True)
    match how:
        case "exits in a stream":
            for _ in opened["client"].stream(LONG):
                sys.exit(0)
        case "exits in a loop's stream":
            asyncio.run(_exit_in_a_stream(opened["client"]))
    return sys.exit(0)


async def _exit_in_a_stream(interface: Any) -> None:
    async for _ in await interface.astream(LONG):
        sys.exit(0)
