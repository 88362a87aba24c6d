"""Instructions of a call, of a stream's start, of each delta, also by each API, and of each fragment of a tool call."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.counting import Counter
from benchmarks.subjects.base import CHAT, Subject

from ._tools import acall, astream, attempt, call, stream, tools

CALLS = 10
FEW, MANY = 100, 600
"""Lengths of streams; what one part costs is the difference, and what is left is the start."""


def measure(subject: Subject, _: int) -> dict[str, Any]:
    """Count with the garbage collector off: when it runs is chance."""
    measured: dict[str, Any] = {}
    model = subject.build()
    gc.collect()
    gc.disable()
    attempt(measured, lambda: _warm_sync(subject, model))
    counter = Counter()
    attempt(measured, lambda: _calls(counter, subject, model))
    attempt(measured, lambda: _per_part(counter, lambda size: stream(subject, model, f"stream-{size}"), ""))
    attempt(measured, lambda: _fragments(counter, lambda size: tools(subject, model, size)))
    if subject.is_countable_async:
        attempt(measured, lambda: asyncio.run(_async(counter, subject, model)))
    return measured


def measure_apis(subject: Subject, _: int) -> dict[str, Any]:
    """Count a delta of each API, one after another in one process; of chat completions alone `measure` tells."""
    measured: dict[str, Any] = {}
    if list(subject.apis) == [CHAT]:
        return measured
    gc.disable()
    models = {api: subject.through(api).build() for api in subject.apis}
    for api, model in models.items():
        attempt(measured, lambda api=api, model=model: _warm_api(subject.through(api), model))
    counter = Counter()
    for api, model in models.items():
        attempt(measured, lambda api=api, model=model: _by_api(counter, subject.through(api), model, api))
    return measured


def _warm_api(subject: Subject, model: Any) -> dict[str, Any]:
    stream(subject, model, f"stream-{FEW}")
    return {}


def _warm_sync(subject: Subject, model: Any) -> dict[str, Any]:
    for _ in range(3):
        call(subject, model)
    stream(subject, model, f"stream-{FEW}")
    return {}


def _calls(counter: Counter, subject: Subject, model: Any) -> dict[str, Any]:
    call(subject, model)
    return {"call": counter.of(lambda: [call(subject, model) for _ in range(CALLS)]) / CALLS}


def _per_part(counter: Counter, read: Callable[[int], object], prefix: str) -> dict[str, Any]:
    read(FEW)
    read(MANY)
    few, many = counter.of(lambda: read(FEW)), counter.of(lambda: read(MANY))
    each = (many - few) / (MANY - FEW)
    return {f"{prefix}delta": each, f"{prefix}stream_start": few - each * FEW}


def _fragments(counter: Counter, read: Callable[[int], object]) -> dict[str, Any]:
    return {"fragment": _per_part(counter, read, "")["delta"]}


def _by_api(counter: Counter, subject: Subject, model: Any, api: str) -> dict[str, Any]:
    return {api: _per_part(counter, lambda size: stream(subject, model, f"stream-{size}"), "")["delta"]}


async def _async(counter: Counter, subject: Subject, model: Any) -> dict[str, Any]:
    measured: dict[str, Any] = {}
    for _ in range(3):
        await acall(subject, model)
    await astream(subject, model, f"stream-{FEW}")

    async def calls() -> None:
        for _ in range(CALLS):
            await acall(subject, model)

    measured["acall"] = await counter.of_async(calls) / CALLS
    measured.update(await _async_per_part(counter, lambda size: astream(subject, model, f"stream-{size}")))
    return measured


async def _async_per_part(counter: Counter, read: Callable[[int], Awaitable[object]]) -> dict[str, Any]:
    await read(FEW)
    await read(MANY)
    few, many = await counter.of_async(lambda: read(FEW)), await counter.of_async(lambda: read(MANY))
    each = (many - few) / (MANY - FEW)
    return {"adelta": each, "astream_start": few - each * FEW}
