"""Whole calls, one after another on one object."""

from __future__ import annotations

import asyncio
import time
from statistics import median, quantiles
from typing import Any

from benchmarks.subjects.base import Subject

from ._tools import acall, attempt, busy, call, cpu, server, timed

CALLS = 150
BIG = "text-200000"
BIG_CALLS = 20


def measure(subject: Subject, control: int) -> dict[str, Any]:
    measured: dict[str, Any] = {}
    model = subject.build()
    attempt(measured, lambda: _sync(subject, model, control))
    attempt(measured, lambda: _big(subject, model))
    attempt(measured, lambda: asyncio.run(_async(subject, model)))
    return measured


def _told(prefix: str, used: float, walls: list[float]) -> dict[str, Any]:
    return {
        f"{prefix}cpu_us": used / len(walls) * 1e6,
        f"{prefix}p50_us": median(walls) * 1e6,
        f"{prefix}p99_us": quantiles(walls, n=100)[98] * 1e6,
    }


def _sync(subject: Subject, model: Any, control: int) -> dict[str, Any]:
    for _ in range(10):
        call(subject, model)
    server(control, "reset")
    used = cpu()
    walls = [timed(lambda: call(subject, model))[1] for _ in range(CALLS)]
    return {**_told("", cpu() - used, walls), "server_busy": busy(control)}


def _big(subject: Subject, model: Any) -> dict[str, Any]:
    call(subject, model, BIG)
    used = cpu()
    for _ in range(BIG_CALLS):
        call(subject, model, BIG)
    return {"big_cpu_us": (cpu() - used) / BIG_CALLS * 1e6}


async def _async(subject: Subject, model: Any) -> dict[str, Any]:
    for _ in range(10):
        await acall(subject, model)
    walls, used = [], cpu()
    for _ in range(CALLS):
        started = time.perf_counter()
        await acall(subject, model)
        walls.append(time.perf_counter() - started)
    return _told("async_", cpu() - used, walls)
