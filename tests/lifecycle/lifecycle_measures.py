"""What a process holds: descriptors and memory, as the kernel counts them (Linux)."""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

MIB = 1 << 20


def descriptors() -> int:
    """Return how many file descriptors this process has open, the one that looks excepted."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir()) - 1


@dataclass(frozen=True)
class Held:
    """File descriptors and resident memory."""

    descriptors: int
    memory: float
    """MiB."""

    @classmethod
    def now(cls) -> Self:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(descriptors(), pages * os.sysconf("SC_PAGE_SIZE") / MIB)


def forget_peak() -> None:
    """Let the peak of the resident memory begin anew."""
    Path("/proc/self/clear_refs").write_text("5")


def peak() -> float:
    """Return the peak of the resident memory since then, in MiB."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024
