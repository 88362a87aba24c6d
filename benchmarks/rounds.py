"""Measuring in turns: every subject once a round, in a fresh process, so that what the machine does hits all alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import counting
from .environments import HOME, ROOT, interpreter
from .parts import Part
from .subjects import SUBJECTS, Entry

QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # or it asks the internet for prices first
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
    "PYTHONDONTWRITEBYTECODE": "",
    "NO_PROXY": "*",
}


@dataclass(frozen=True, slots=True)
class Result:
    """What one process measured."""

    part: str
    subject: str
    round: int
    values: dict[str, Any]


@contextmanager
def server() -> Iterator[tuple[int, int]]:
    """Run the server; yields its ports, for requests and for control."""
    command = [sys.executable, "-m", "benchmarks.server"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            port, control = map(int, process.stdout.readline().split())
            yield port, control
        finally:
            process.stdin.close()


def run(part: Part, names: Sequence[str], rounds: int, ports: tuple[int, int]) -> Iterator[Result]:
    """Measure a part; each round begins with another subject."""
    for number in range(rounds):
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            yield Result(part.name, name, number, measure(part, SUBJECTS[name], ports))


def measure(part: Part, entry: Entry, ports: tuple[int, int]) -> dict[str, Any]:
    """Measure a subject once; what went wrong is under `errors`."""
    with tempfile.TemporaryDirectory() as folder:
        before, environment = [], {**os.environ, **QUIET, "PYTHONPATH": str(ROOT)}
        if part.is_counted:
            before, counted = counting.command(HOME, Path(folder, "counted"))
            environment.update(counted)
        python = str(interpreter(entry.environment))
        command = [*before, python, "-m", "benchmarks.worker", part.name, entry.name, *map(str, ports)]
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=part.seconds, check=False
            )
        except subprocess.TimeoutExpired:
            return {"errors": [f"not done within {part.seconds:g} s"]}
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return {"errors": [lines[-1][:200] if lines else f"ended with {done.returncode}"]}
    measured: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return measured
