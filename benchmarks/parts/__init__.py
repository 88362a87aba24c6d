"""What is measured. Each part is a function that is given a subject, in a process that has done nothing else yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from benchmarks.subjects.base import Subject

Measure = Callable[[Subject, int], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of measurement."""

    name: str
    home: str
    title: str
    rounds: int
    """How often by default."""
    is_counted: bool = False
    """Whether it runs under Callgrind."""
    seconds: float = 300.0
    """After which a subject has failed."""


ENTRIES = (
    Part("instructions", "instructions.measure", "Instructions", 1, is_counted=True, seconds=3600),
    Part("apis", "instructions.measure_apis", "Instructions of a delta, by API", 1, is_counted=True, seconds=3600),
    Part("cold", "cold.measure", "Cold start: import, build, first call", 5),
    Part("import", "cold.measure_import", "`import` of the package alone, the framework not yet imported", 5),
    Part("build", "cold.measure_build", "Construction, and TLS contexts", 3),
    Part("calls", "calls.measure", "Whole calls", 3),
    Part("stream", "streams.measure", "Streams of 10,000 deltas", 3),
    Part("growth", "streams.measure_growth", "Growth with a stream's length", 1),
    Part("tools", "streams.measure_tools", "Tool calls in fragments", 3),
    Part("embeddings", "embeddings.measure", "Embeddings: 2,048 texts, vectors of 1,024 numbers", 5),
    Part("connections", "connections.measure", "TCP connections", 1),
    Part("idle", "connections.measure_idle", "A call with 300 idle connections in the pool", 3),
    Part("paced-200", "concurrency.measure_200", "200 async streams, a delta each 50 ms", 3),
    Part("paced-1000", "concurrency.measure_1000", "1,000 async streams, a delta each 200 ms", 3, seconds=120),
    Part("threads", "concurrency.measure_threads", "64 threads, one object", 3),
    Part("leaks", "leaks.measure", "What is left behind", 1),
)
PARTS = {part.name: part for part in ENTRIES}


def load(name: str) -> Measure:
    """Return a part's function."""
    module, _, function = PARTS[name].home.partition(".")
    measure: Measure = getattr(import_module(f".{module}", __name__), function)
    return measure
