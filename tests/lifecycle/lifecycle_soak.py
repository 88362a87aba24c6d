"""Programs that are measured: each runs in a plain interpreter of its own, against a server in a process of its own."""

from __future__ import annotations

import asyncio
import copy
import resource
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from interfaces import ANSWER, CALLS, CHAT, HELLO, INTERFACES, KEY, aread, read
from lifecycle_measures import Held, forget_peak, peak

from inference_do import AsyncClient, Client, InferenceError


def calls(base_url: str, name: str, count: int) -> dict[str, Any]:
    """Make calls of all four kinds in turn, after some to warm up."""
    interface = INTERFACES[name](base_url)

    async def in_a_loop(each: int) -> None:
        for _ in range(each):
            assert await interface.achat(HELLO) == await aread(interface, HELLO) == ANSWER

    def run(total: int) -> None:
        for _ in range(total // 4):
            assert interface.chat(HELLO) == read(interface, HELLO) == ANSWER
        runner.run(in_a_loop(total // 4))

    with asyncio.Runner() as runner:
        run(max(200, count // 20))
        return _growth(lambda: run(count))


def _growth(work: Callable[[], None]) -> dict[str, Any]:
    before, started = Held.now(), time.perf_counter()
    work()
    seconds, after = time.perf_counter() - started, Held.now()
    return {"before": asdict(before), "after": asdict(after), "seconds": seconds}


def clients(base_url: str, count: int) -> dict[str, Any]:
    """Make clients, use them, drop them."""

    async def use(interface: Any) -> None:
        await interface.achat(HELLO)

    def run(total: int) -> None:
        for _ in range(total):
            interface = INTERFACES["client"](base_url)
            interface.chat(HELLO)
            asyncio.run(use(interface))
            del interface

    run(5)
    return _growth(lambda: run(count))


def copies(base_url: str, names: list[str], count: int) -> dict[str, Any]:
    """Copy and bind models in every way their frameworks have, and call a few of the copies."""
    kinds: list[Callable[[], Any]] = []
    for name in names:
        model = INTERFACES[name](base_url).model
        kinds += [
            partial(copy.copy, model),
            partial(copy.deepcopy, model),
            partial(model.model_copy, update={"temperature": 0.5}),
        ]
        if name == "langchain":
            kinds += [
                partial(model.bind, temperature=0),
                partial(model.bind_tools, [lookup]),
                partial(model.with_config, tags=["a"]),
                model.with_retry,
            ]

    def run(total: int) -> None:
        for number in range(total):
            made = kinds[number % len(kinds)]()
            if number % 50 < len(kinds):
                (made.invoke if hasattr(made, "invoke") else made.complete)(HELLO)
            del made

    run(200)
    return _growth(lambda: run(count))


def lookup(city: str) -> str:
    """Look a city up."""
    return city


def failures(base_url: str, count: int) -> dict[str, Any]:
    """Make calls that fail once and are tried again; a client's budget allows ten such in a row."""
    attempts = []

    def run(total: int) -> None:
        for _ in range(total // 10):
            interface = INTERFACES["client"](base_url)
            attempts.extend(interface.sync.chat(**_asking()).response_info.attempts for _ in range(5))
            asyncio.run(in_a_loop(interface))
            interface.close()

    async def in_a_loop(interface: Any) -> None:
        attempts.extend([(await interface.asynchronous.chat(**_asking())).response_info.attempts for _ in range(5)])

    run(10)
    return {**_growth(lambda: run(count)), "attempts": attempts}


def _asking() -> dict[str, Any]:
    return {"model": CHAT, "messages": [{"role": "user", "content": HELLO}]}


def crowd(base_url: str, count: int) -> dict[str, Any]:
    """Have so many streams open at once: none is read on before all have begun."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536), most))
    client = AsyncClient(KEY, base_url=base_url)

    async def one(all_begun: asyncio.Barrier) -> str:
        async with client.stream(**_asking()) as stream:
            await anext(stream)
            await all_begun.wait()
            return (await stream.completion()).text

    async def work() -> list[str]:
        all_begun = asyncio.Barrier(count)
        return await asyncio.gather(*(one(all_begun) for _ in range(count)))

    before, started = Held.now(), time.perf_counter()
    forget_peak()
    answers = asyncio.run(work())
    return {
        "right": sum(answer == ANSWER for answer in answers),
        "before": before.memory,
        "peak": peak(),
        "seconds": time.perf_counter() - started,
    }


def hostile(base_url: str, name: str, responses: int) -> list[list[list[Any]]]:
    """Take bad responses, each by every kind of call; return the error, the length of its text and its MiB."""
    interface = INTERFACES[name](base_url, max_retries=0)
    for ask in CALLS.values():
        assert ask(interface) == ANSWER  # to warm up
    return [[_cost_of_failing(ask, interface) for ask in CALLS.values()] for _ in range(responses)]


def _cost_of_failing(ask: Callable[..., str], interface: Any) -> list[Any]:
    before = Held.now().memory
    forget_peak()
    try:
        ask(interface)
    except InferenceError as error:
        return [type(error).__name__, len(str(error)), peak() - before]
    return ["no error", 0, 0.0]


def dropped_in_a_row(base_url: str, count: int) -> dict[str, Any]:
    """Begin streams and drop them."""
    client = Client(KEY, base_url=base_url)

    def run(total: int) -> None:
        for _ in range(total):
            next(client.stream(**_asking()))

    run(20)
    return _growth(lambda: run(count))
