"""What comes before the first answer: importing, building, the first call."""

from __future__ import annotations

import gc
import ssl
import sys
import time
from importlib import import_module
from typing import Any

from benchmarks.subjects.base import Subject

from ._tools import attempt, call, cpu, rss

BUILT = 200
CONTEXTS_OF = 5
TOP = {"ChatDigitalOcean": "langchain_do", "DigitalOcean": "llamaindex_do", "Client": "inference_do"}


def measure(subject: Subject, _: int) -> dict[str, Any]:
    """Measure the three steps one after another."""
    before, modules = rss(), len(sys.modules)
    started, used = time.perf_counter(), cpu()
    subject.bring()
    brought, brought_cpu = time.perf_counter(), cpu()
    imported, imported_modules = rss(), len(sys.modules)
    model = subject.build()
    built_cpu = cpu()
    call(subject, model)
    done, done_cpu = time.perf_counter(), cpu()
    return {
        "cpu_ms": (done_cpu - used) * 1000,
        "import_cpu_ms": (brought_cpu - used) * 1000,
        "import_wall_ms": (brought - started) * 1000,
        "build_cpu_ms": (built_cpu - brought_cpu) * 1000,
        "call_cpu_ms": (done_cpu - built_cpu) * 1000,
        "wall_ms": (done - started) * 1000,
        "import_mib": imported - before,
        "mib": rss() - before,
        "import_modules": imported_modules - modules,
        "modules": len(sys.modules) - modules,
    }


def measure_import(subject: Subject, _: int) -> dict[str, Any]:
    """Measure `import langchain_do` alone, of ours; names are imported when they are touched."""
    name = TOP.get(_name_of(subject))
    if name is None:
        return {}
    started, used, modules = time.perf_counter(), cpu(), len(sys.modules)
    import_module(name)
    return {
        "wall_ms": (time.perf_counter() - started) * 1000,
        "cpu_ms": (cpu() - used) * 1000,
        "modules": len(sys.modules) - modules,
    }


def _name_of(subject: Subject) -> str:
    homes = {"client": "Client", "langchain": "ChatDigitalOcean", "llamaindex": "DigitalOcean"}
    kind = type(subject)
    return homes[kind.__module__.rpartition(".")[2]] if kind.__name__ == "Ours" else ""


def measure_build(subject: Subject, _: int) -> dict[str, Any]:
    """Measure the first object and the next ones; then count TLS contexts after calls to an https address."""
    subject.bring()
    used = cpu()
    first = subject.build()
    first_ms = (cpu() - used) * 1000
    call(subject, first)
    made = [subject.build() for _ in range(5)]
    started, used = time.perf_counter(), cpu()
    for _ in range(BUILT):
        made.append(subject.build())
        made.pop()
    measured = {
        "first_cpu_ms": first_ms,
        "next_cpu_ms": (cpu() - used) * 1000 / BUILT,
        "next_wall_ms": (time.perf_counter() - started) * 1000 / BUILT,
    }
    attempt(measured, lambda: _contexts(subject))
    return measured


def _contexts(subject: Subject) -> dict[str, Any]:
    """Count what five objects make that were given an https address at which nobody listens."""
    subject.host, subject.base_url = "https://127.0.0.1:9", "https://127.0.0.1:9/v1"
    before = _count_contexts()
    made = []
    for _ in range(CONTEXTS_OF):
        made.append(subject.build())
        attempt({}, lambda: {"": subject.call(made[-1], "text")})
    return {"tls_contexts_of_5": _count_contexts() - before}


def _count_contexts() -> int:
    gc.collect()
    return sum(isinstance(item, ssl.SSLContext) for item in gc.get_objects())
