"""Programs in interpreters of their own, a server in a process of its own, and what both report."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FIGURES = "figures"


def sizes(name: str, *, short: Any, long: Any) -> pytest.MarkDecorator:
    """Run a test in two sizes: the short one always, the long one under the marker."""
    marks = [pytest.mark.long, pytest.mark.timeout(900)]
    return pytest.mark.parametrize(name, [short, pytest.param(long, marks=marks)])


SLOWNESS = re.compile(r"^Executing <.*> took [0-9.]+ seconds\n", re.MULTILINE)
"""What asyncio says in development mode of a step that took a tenth of a second: on a busy machine any may."""


class Zygote:
    """Runs programs of `lifecycle_programs.py` where every warning is an error, each in an interpreter of its own."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-W", "error", "-X", "dev", str(HERE / "lifecycle_zygote.py")]
        self._files = [str(folder / name) for name in ("stdout", "stderr")]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environment()
        )

    def run(self, program: str, *arguments: Any, **environment: str) -> Any:
        """Return what the program returns. It must end well and print nothing of its own."""
        for file in self._files:
            Path(file).unlink(missing_ok=True)
        self._process.stdin.write(json.dumps([program, arguments, environment, *self._files]) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        output, complaints = (Path(file).read_text() for file in self._files)
        complaints = SLOWNESS.sub("", complaints)
        assert (code, complaints) == (0, ""), complaints[-3000:]
        return json.loads(output)

    def close(self) -> None:
        self._process.communicate(timeout=150)


def measured(program: str, *arguments: Any) -> Any:
    """Run a program of `lifecycle_soak.py` in a plain interpreter of its own, as small as it would be for a user."""
    code = f"import json, lifecycle_soak; print(json.dumps(lifecycle_soak.{program}(*{arguments!r})))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=850,
        check=False,
        cwd=HERE,
        env=_environment(),
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-3000:]
    return json.loads(done.stdout)


def _environment() -> dict[str, str]:
    """Return this one without proxies, in which the tests' modules are found."""
    own = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return {**own, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "kit")])}


@dataclass(frozen=True)
class Counts:
    """What the server counted."""

    posts: int
    connections: int
    open: int
    disconnects: int
    used: list[int]
    """For each request, the number of its connection."""


class Served:
    """An emulator in a process of its own."""

    def __init__(self, **options: Any) -> None:
        command = [sys.executable, str(HERE / "lifecycle_server.py")]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.base_url = self._told(pickle.dumps(options).hex())

    def counts(self) -> Counts:
        return Counts(**json.loads(self._told("counts")))

    def reset(self) -> None:
        self._told("reset")

    def _told(self, line: str) -> str:
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=150)
