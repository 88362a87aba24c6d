"""Instructions instead of seconds: Valgrind counts what a process executes, whatever else the machine is doing.

A process that is to be counted runs under Callgrind (`command`), which counts nothing until `Counter` tells it to. The
kernel's work is not in the figures. Needs valgrind, with its headers, and a C compiler.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

COMPILER = shutil.which("cc") or "cc"
SOURCE = Path(__file__).with_name("callgrind.c")
LIBRARY = "BENCHMARK_CALLGRIND_LIBRARY"
OUT = "BENCHMARK_CALLGRIND_OUT"


def missing() -> str | None:
    """Return what is missing for counting, if something is."""
    absent = [tool for tool in ("valgrind", "cc") if shutil.which(tool) is None]
    return f"{' and '.join(absent)} not found" if absent else None


def command(home: Path, out: Path) -> tuple[list[str], dict[str, str]]:
    """Return what to put before a command, and into its environment, so that it can be counted."""
    home.mkdir(parents=True, exist_ok=True)
    library = home / "callgrind.so"
    if not library.exists() or library.stat().st_mtime < SOURCE.stat().st_mtime:
        subprocess.run([COMPILER, "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE)], check=True)
    valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "-q", f"--callgrind-out-file={out}"]
    return valgrind, {LIBRARY: str(library), OUT: str(out), "PYTHONHASHSEED": "0"}


class Counter:
    """Counts what this process executes, in all its threads."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(os.environ[LIBRARY])
        self._out = Path(os.environ[OUT])
        self._written = 0
        self._library.counting_begin()

    def of(self, work: Callable[[], object]) -> int:
        """Return the instructions that `work` takes."""
        self._library.counting_reset()
        work()
        return self._read()

    async def of_async(self, work: Callable[[], Awaitable[object]]) -> int:
        """Return the instructions that `work` takes."""
        self._library.counting_reset()
        await work()
        return self._read()

    def _read(self) -> int:
        self._library.counting_write()
        self._written += 1
        written = self._out.with_name(f"{self._out.name}.{self._written}")
        totals = next(line for line in written.read_text().splitlines() if line.startswith(("totals:", "summary:")))
        written.unlink()
        return int(totals.split()[1])
