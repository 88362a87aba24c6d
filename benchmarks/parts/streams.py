"""Streams, as fast as they are taken: per delta, per fragment of a tool call, and how both grow."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

from benchmarks.subjects.base import Subject

from ._tools import astream, attempt, busy, cpu, rss, server, stream, tools

DELTAS = 10_000
LENGTHS = (1_000, 10_000, 50_000)
FRAGMENTS = (500, 2_000)


def measure(subject: Subject, control: int) -> dict[str, Any]:
    measured: dict[str, Any] = {}
    model = subject.build()
    attempt(measured, lambda: _sync(subject, model, control))
    attempt(measured, lambda: asyncio.run(_async(subject, model)))
    return measured


def _sync(subject: Subject, model: Any, control: int) -> dict[str, Any]:
    subject.prepare(f"stream-{DELTAS}")
    stream(subject, model, "stream-1000")
    server(control, "reset")
    used = cpu()
    stream(subject, model, f"stream-{DELTAS}")
    return {"cpu_us": (cpu() - used) / DELTAS * 1e6, "server_busy": busy(control)}


async def _async(subject: Subject, model: Any) -> dict[str, Any]:
    await astream(subject, model, "stream-1000")
    used = cpu()
    await astream(subject, model, f"stream-{DELTAS}")
    return {"async_cpu_us": (cpu() - used) / DELTAS * 1e6}


def measure_growth(subject: Subject, _: int) -> dict[str, Any]:
    """Measure time and the memory that a stream needs while it is read, nothing of it being kept."""
    measured: dict[str, Any] = {}
    model = subject.build()
    for count in LENGTHS:
        attempt(measured, lambda count=count: _grown(subject, model, count))
    if {f"mib_{count}" for count in LENGTHS} <= measured.keys():
        measured["mib_growth"] = measured[f"mib_{LENGTHS[-1]}"] - measured[f"mib_{LENGTHS[0]}"]
    return measured


def _grown(subject: Subject, model: Any, count: int) -> dict[str, Any]:
    scenario, seen, most = f"stream-{count}", 0, 0.0
    stream(subject, model, "stream-100")
    subject.prepare(scenario)
    gc.collect()
    before = rss()

    def take(_: str) -> None:
        nonlocal seen, most
        seen += 1
        if seen % 100 == 0:
            most = max(most, rss())

    used = cpu()
    subject.stream(model, scenario, take)
    used = cpu() - used
    most = max(most, rss())
    stream(subject, model, scenario)  # the same again, and its text is checked
    return {f"us_{count}": used / count * 1e6, f"mib_{count}": most - before}


def measure_tools(subject: Subject, _: int) -> dict[str, Any]:
    measured: dict[str, Any] = {}
    model = subject.build()
    for count in FRAGMENTS:
        attempt(measured, lambda count=count: _tools(subject, model, count))
    return measured


def _tools(subject: Subject, model: Any, count: int) -> dict[str, Any]:
    tools(subject, model, 50)
    subject.prepare(f"tools-{count}")
    used = cpu()
    tools(subject, model, count)
    return {f"us_{count}": (cpu() - used) / count * 1e6}
