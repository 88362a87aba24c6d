"""Runs the command line: in this process, as a program, and as a program on a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from typer.testing import CliRunner

from inference_do.cli._app import app

if TYPE_CHECKING:
    from inference_do.emulator import Emulator

ROOT = Path(__file__).parents[2]
COLUMNS = "120"
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "COVERAGE_PROCESS_CONFIG")


def environment(emu: Emulator, **extra: str) -> dict[str, str]:
    """Return the variables of a program that talks to an emulator, and no others that matter."""
    own = {name: os.environ[name] for name in KEPT if name in os.environ}
    place = {"DIGITALOCEAN_INFERENCE_KEY": emu.api_key, "DIGITALOCEAN_INFERENCE_BASE_URL": emu.base_url}
    return {**own, **place, "PYTHONPATH": str(ROOT), "COLUMNS": COLUMNS, "TERM": "dumb", **extra}


class Done:
    """What a run left behind."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err


def run(emu: Emulator, *arguments: str, content: str | None = None, **extra: str) -> Done:
    """Run in this process."""
    cleared = dict.fromkeys(name for name in os.environ if name not in KEPT)
    result = CliRunner().invoke(app, arguments, input=content, env={**cleared, **environment(emu, **extra)})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def run_program(emu: Emulator, *arguments: str, content: str | None = None, **extra: str) -> Done:
    """Run as a program, with pipes."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "inference_do.cli", *arguments],
        env=environment(emu, **extra),
        input=content,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


ON_A_TERMINAL = "import os, sys; os.login_tty(0); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
ON_A_TERMINAL_AND_TO_A_FILE = ON_A_TERMINAL.replace(
    "os.execv", "os.dup2(os.open({!r}, os.O_WRONLY | os.O_CREAT), 1); os.execv"
)


class Terminal:
    """A program on a terminal of its own; what it writes is kept, what a user would type is sent."""

    def __init__(self, emu: Emulator, *arguments: str, out: Path | None = None, **extra: str) -> None:
        """Start it.

        Args:
            emu: Whom it asks.
            arguments: What is typed.
            out: A file for standard output, instead of the terminal.
            extra: Further variables.
        """
        self._master, slave = pty.openpty()
        self.seen = ""
        code = ON_A_TERMINAL if out is None else ON_A_TERMINAL_AND_TO_A_FILE.format(str(out))
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, "-W", "error", "-m", "inference_do.cli", *arguments],
            env=environment(emu, **{"TERM": "xterm-256color", **extra}),
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._master)

    @property
    def text(self) -> str:
        """What is seen, without the codes that steer the terminal."""
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.seen).replace("\r\n", "\n")

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def wait_for(self, shown: str, *, count: int = 1, seconds: float = 150) -> None:
        """Read until the words have been seen so many times."""
        ends = time.monotonic() + seconds
        while self.text.count(shown) < count:
            assert time.monotonic() < ends, f"{shown!r} was not seen: {self.text[-2000:]}"
            self._read(0.05)

    def wait_for_prompt(self, seconds: float = 150) -> None:
        """Read until a prompt is there and nothing comes behind it; before that, Ctrl-C and Ctrl-D may be lost."""
        ends = time.monotonic() + seconds
        while self._read(0.3) or not self.text.endswith("> "):
            assert time.monotonic() < ends, f"there is no prompt: {self.text[-2000:]}"

    def code(self, seconds: float = 150) -> int:
        """Read until the program has ended."""
        ends = time.monotonic() + seconds
        while self._process.poll() is None:
            assert time.monotonic() < ends, self.text[-2000:]
            self._read(0.05)
        while self._read(0):
            pass
        return self._process.returncode

    def _read(self, seconds: float) -> Any:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the other end is closed
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)
