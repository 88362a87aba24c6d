"""What the parts share: clocks, checks, the server's counters, and skipping what a subject does not have."""

from __future__ import annotations

import json
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import scenarios
from benchmarks.subjects.base import Subject


class WrongAnswerError(AssertionError):
    """A subject returned something else than the server sent."""


def cpu() -> float:
    """Return the CPU seconds of this process, all threads and the kernel's work for it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def rss() -> float:
    """Return the resident memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def descriptors() -> int:
    """Return how many file descriptors are open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def server(control: int, order: str) -> dict[str, Any]:
    """Return what the server has done; `reset` makes it forget."""
    with socket.create_connection(("127.0.0.1", control)) as connection:
        connection.sendall(order.encode() + b"\n")
        report = b""
        while data := connection.recv(4096):
            report += data
    return json.loads(report)


def busy(control: int) -> float:
    """Return the share of a core that the server has used since it was reset."""
    report = server(control, "stats")
    share: float = report["cpu_s"] / report["wall_s"]
    return share


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the CPU and the wall seconds of `work`."""
    started, used = time.perf_counter(), cpu()
    work()
    return cpu() - used, time.perf_counter() - started


def call(subject: Subject, model: Any, scenario: str = "text") -> None:
    """Make a call, and check its text."""
    check(subject.call(model, scenario), scenarios.text(scenario))


async def acall(subject: Subject, model: Any, scenario: str = "text") -> None:
    check(await subject.acall(model, scenario), scenarios.text(scenario))


def stream(subject: Subject, model: Any, scenario: str) -> None:
    """Read a stream, and check its text."""
    texts: list[str] = []
    subject.stream(model, scenario, texts.append)
    check("".join(texts), scenarios.text(scenario))


async def astream(subject: Subject, model: Any, scenario: str) -> None:
    texts: list[str] = []
    await subject.astream(model, scenario, texts.append)
    check("".join(texts), scenarios.text(scenario))


def tools(subject: Subject, model: Any, count: int) -> None:
    """Read a streamed tool call, and check its arguments."""
    got, sent = subject.tools(model, f"tools-{count}"), scenarios.arguments(count)
    if got != sent:  # whoever hands out parsed arguments writes them in another way
        try:
            same = json.loads(got) == json.loads(sent)
        except ValueError:
            same = False
        if not same:
            message = f"the tool call's arguments are {got[:60]!r}"
            raise WrongAnswerError(message)


def check(got: str, sent: str) -> None:
    if got != sent:
        message = f"{len(got)} characters came of {len(sent)}: {got[:60]!r}"
        raise WrongAnswerError(message)


def attempt(measured: dict[str, Any], measure: Callable[[], dict[str, Any]]) -> None:
    """Add what `measure` returns; what a subject does not have is left out, and a failure is noted."""
    with reported(measured):
        measured.update(measure())


@contextmanager
def reported(measured: dict[str, Any]) -> Iterator[None]:
    """Note a failure among what was measured; what a subject does not have is none."""
    try:
        yield
    except NotImplementedError:
        return
    except Exception as error:  # noqa: BLE001  an alternative may raise anything
        message = " ".join(str(error).split())[:160]
        measured.setdefault("errors", []).append(f"{type(error).__name__}: {message}")
