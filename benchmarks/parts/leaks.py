"""What is left behind: by thousands of calls on one object, and by objects that are dropped after one call."""

from __future__ import annotations

import gc
import time
import tracemalloc
from typing import Any

from benchmarks.subjects.base import Subject

from ._tools import attempt, call, descriptors, rss, stream

CALLS = 2000
OBJECTS = 200
SECONDS = 25.0


def measure(subject: Subject, _: int) -> dict[str, Any]:
    measured: dict[str, Any] = {}
    attempt(measured, lambda: _calls(subject))
    attempt(measured, lambda: _objects(subject))
    return measured


def _calls(subject: Subject) -> dict[str, Any]:
    model = subject.build()
    for _ in range(50):
        call(subject, model)
        stream(subject, model, "stream-20")
    gc.collect()
    tracemalloc.start()
    for _ in range(20):
        call(subject, model)
    gc.collect()
    held, open_before, done, ends = tracemalloc.get_traced_memory()[0], descriptors(), 0, time.monotonic() + SECONDS
    while done < CALLS and time.monotonic() < ends:
        call(subject, model)
        stream(subject, model, "stream-20")
        done += 1
    gc.collect()
    left = tracemalloc.get_traced_memory()[0] - held
    tracemalloc.stop()
    return {"calls": done, "bytes_per_call": left / done, "descriptors": descriptors() - open_before}


def _objects(subject: Subject) -> dict[str, Any]:
    call(subject, subject.build())
    gc.collect()
    gc.disable()
    open_before, before, done, most, ends = descriptors(), rss(), 0, 0, time.monotonic() + SECONDS
    while done < OBJECTS and time.monotonic() < ends:
        call(subject, subject.build())
        done += 1
        most = max(most, descriptors() - open_before)
    measured = {"objects": done, "objects_mib": rss() - before, "objects_descriptors": most}
    gc.enable()
    gc.collect()
    return {**measured, "objects_descriptors_after_gc": descriptors() - open_before}
