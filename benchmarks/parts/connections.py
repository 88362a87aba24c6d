"""Connections: how many are opened, and what many idle ones cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.subjects.base import Subject

from ._tools import acall, astream, attempt, call, cpu, reported, server, stream

TIMES = 100
SHORT = "stream-20"
IDLE = 300
CALLS = 60


def measure(subject: Subject, control: int) -> dict[str, Any]:
    """Count the connections of 100 calls and of 100 streams, each hundred on an object of its own."""
    measured: dict[str, Any] = {}
    attempt(measured, lambda: _opened(subject, control, "calls", lambda model: call(subject, model)))
    attempt(measured, lambda: _opened(subject, control, "streams", lambda model: stream(subject, model, SHORT)))
    asyncio.run(_measure_async(subject, control, measured))
    return measured


def _opened(subject: Subject, control: int, name: str, use: Callable[[Any], object]) -> dict[str, Any]:
    model = subject.build()
    server(control, "reset")
    for _ in range(TIMES):
        use(model)
    return {name: server(control, "stats")["connections"]}


async def _measure_async(subject: Subject, control: int, measured: dict[str, Any]) -> None:
    for name, use in (
        ("async_calls", lambda model: acall(subject, model)),
        ("async_streams", lambda model: astream(subject, model, SHORT)),
    ):
        with reported(measured):
            model = subject.build()
            server(control, "reset")
            for _ in range(TIMES):
                await use(model)
            measured[name] = server(control, "stats")["connections"]


def measure_idle(subject: Subject, control: int) -> dict[str, Any]:
    """Measure calls with one connection in the pool, then with as many as are left of 300 used at once."""
    measured: dict[str, Any] = {}
    attempt(measured, lambda: _idle(subject, control))
    attempt(measured, lambda: asyncio.run(_async_idle(subject, control)))
    return measured


def _idle(subject: Subject, control: int) -> dict[str, Any]:
    model = subject.build()
    one = _cpu_of_calls(subject, model)
    with ThreadPoolExecutor(IDLE) as threads:
        list(threads.map(lambda _: call(subject, model, f"hold-{IDLE}"), range(IDLE)))
    pooled = server(control, "stats")["open"]
    return {"one_us": one, "many_us": _cpu_of_calls(subject, model), "pooled": pooled}


def _cpu_of_calls(subject: Subject, model: Any) -> float:
    for _ in range(5):
        call(subject, model)
    used = cpu()
    for _ in range(CALLS):
        call(subject, model)
    return (cpu() - used) / CALLS * 1e6


async def _async_idle(subject: Subject, control: int) -> dict[str, Any]:
    model = subject.build()
    one = await _cpu_of_acalls(subject, model)
    before = server(control, "stats")["open"]
    await asyncio.gather(*(acall(subject, model, f"hold-{IDLE}") for _ in range(IDLE)))
    pooled = server(control, "stats")["open"] - before + 1
    return {"async_one_us": one, "async_many_us": await _cpu_of_acalls(subject, model), "async_pooled": pooled}


async def _cpu_of_acalls(subject: Subject, model: Any) -> float:
    for _ in range(5):
        await acall(subject, model)
    used = cpu()
    for _ in range(CALLS):
        await acall(subject, model)
    return (cpu() - used) / CALLS * 1e6
