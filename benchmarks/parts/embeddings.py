"""2,048 vectors of 1,024 numbers, as lists of Python's floats, which is what both frameworks want."""

from __future__ import annotations

import asyncio
from typing import Any

from benchmarks import scenarios
from benchmarks.subjects.base import Subject

from ._tools import WrongAnswerError, attempt, cpu

TEXTS = 2048
CALLS = 5


def measure(subject: Subject, _: int) -> dict[str, Any]:
    measured: dict[str, Any] = {}
    texts = [f"Text number {number} of a job: what a droplet is." for number in range(TEXTS)]
    attempt(measured, lambda: {"cpu_ms": _sync(subject, subject.build_embeddings(TEXTS), texts)})
    attempt(measured, lambda: {"async_cpu_ms": asyncio.run(_async(subject, subject.build_embeddings(TEXTS), texts))})
    attempt(measured, lambda: {"default_cpu_ms": _sync(subject, subject.build_embeddings(None), texts)})
    return measured


def _sync(subject: Subject, model: Any, texts: list[str]) -> float:
    """Return the CPU milliseconds of a call."""
    _check(subject.embed(model, texts))
    used = cpu()
    for _ in range(CALLS):
        subject.embed(model, texts)
    return (cpu() - used) / CALLS * 1e3


async def _async(subject: Subject, model: Any, texts: list[str]) -> float:
    _check(await subject.aembed(model, texts))
    used = cpu()
    for _ in range(CALLS):
        await subject.aembed(model, texts)
    return (cpu() - used) / CALLS * 1e3


def _check(vectors: list[list[float]]) -> None:
    first = scenarios.vectors(1)[0].tolist()
    if len(vectors) != TEXTS or vectors[0] != first or {len(vector) for vector in vectors} != {len(first)}:
        message = f"{len(vectors)} vectors came of {TEXTS}, or other numbers"
        raise WrongAnswerError(message)
