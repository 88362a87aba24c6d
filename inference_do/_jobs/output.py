"""The output of a job: a JSONL file that is only ever appended to, by one run at a time.

A line is written by one system call and stays whatever becomes of the process. Against a loss of power the file is
synchronized every `SYNC_SECONDS` and at the end of a run. A last line that was cut is removed when the next run begins:
its row is asked again. Whatever is a whole line stays.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from inference_do.errors import ConfigError

from .finished import FinishedRows

__all__ = ["Output", "encode_line"]

SYNC_SECONDS = 5.0
MARK = b'{"job":"'
"""How each line begins."""
TAIL = 64 * 1024
LINE_ENDS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})
"""Characters at which `str.splitlines` would cut a line, as JSON may write them."""


class Output:
    """The file, locked and mended, and what it holds.

    Args:
        path: Where it is, or is to be.
        job: What the job is known by.
        resume: Whether to go on with what is there; else it is moved aside, under a name with a number behind it.

    Raises:
        ConfigError: Another run writes to it, it is another job's, or no job's.
        OSError: It cannot be read or written.
    """

    def __init__(self, path: str | os.PathLike[str], job: str, *, resume: bool = True) -> None:
        self.path = Path(path)
        self.job = job
        self.finished = FinishedRows()
        self.cost = 0.0
        """US dollars that its lines say they cost."""
        self.dearest: float | None = None
        """What the dearest of them cost."""
        self.mended = 0
        """Lines that were cut or cannot be read."""
        self.moved: Path | None = None
        """Where an earlier output was moved to."""
        self._synced = time.monotonic()
        self._is_dirty = False
        self._file = _open_locked(self.path)
        try:
            if not resume and self._file.seek(0, os.SEEK_END):
                self._begin_anew()
            self._mend()
            self._read()
        except BaseException:
            self._file.close()
            raise

    def append(self, line: bytes) -> None:
        """Write a line.

        Raises:
            OSError: There is no room; the file ends with the line before.
        """
        file = self._file
        end = file.seek(0, os.SEEK_END)
        written = 0
        try:
            while written < len(line):
                written += file.write(line[written:])
        except OSError:
            if written:
                with suppress(OSError):
                    file.truncate(end)
            raise
        self._is_dirty = True
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Have the system write down what it holds."""
        self._synced = time.monotonic()
        if self._is_dirty:
            os.fsync(self._file.fileno())
            self._is_dirty = False

    def close(self) -> None:
        """Synchronize, and let go of the lock."""
        self.sync()
        self._file.close()

    # --- what is there ---

    def _begin_anew(self) -> None:
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.{number}")).exists():
            number += 1
        self.path.rename(aside)
        self.moved = aside
        earlier, self._file = self._file, _open_locked(self.path)
        earlier.close()

    def _mend(self) -> None:
        """Remove a last line that has no end, unless nothing but its end is missing."""
        file = self._file
        size = file.seek(0, os.SEEK_END)
        start, tail = size, b""
        while start and b"\n" not in tail:
            start = max(0, start - TAIL)
            file.seek(start)
            tail = _read_exactly(file, size - start)
        cut = tail[tail.rfind(b"\n") + 1 :]
        if not cut:
            return
        if len(cut) == size and not cut.startswith(MARK) and not MARK.startswith(cut[: len(MARK)]):
            raise self._not_an_output(1)
        try:
            json.loads(cut)
        except (ValueError, RecursionError):
            file.truncate(size - len(cut))
            self.mended += 1
        else:
            file.seek(0, os.SEEK_END)
            file.write(b"\n")

    def _read(self) -> None:
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                record = _record(line)
                if record is None:
                    if number == 1 and not line.strip(b"\0 \r\n") == b"":
                        raise self._not_an_output(number)
                    self.mended += 1
                    continue
                if record["job"] != self.job:
                    message = (
                        f"{str(self.path)!r} is the output of another job (line {number}): its model, its prompt or "
                        "its call has been changed since. Give another output, or resume=False (--no-resume), which "
                        "moves this one aside"
                    )
                    raise ConfigError(message)
                if isinstance(cost := record.get("cost"), int | float):
                    self.cost += cost
                    self.dearest = max(cost, self.dearest or 0.0)
                if "error" not in record:
                    name = f"#{record['row']}" if record.get("key") is None else json.dumps(record["key"])
                    self.finished.add(name, record["digest"])

    def _not_an_output(self, number: int) -> ConfigError:
        return ConfigError(
            f"{str(self.path)!r} is no output of a job (line {number}): nothing is written to it. Give another output"
        )


def _record(line: bytes) -> dict[str, Any] | None:
    if not line.startswith(MARK):
        return None
    try:
        record = json.loads(line)
        int(record["digest"][-5:], 16)
        return record if isinstance(record["row"], int) else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def encode_line(record: dict[str, Any]) -> bytes:
    """Return a record as a line of JSON."""
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        return text.translate(LINE_ENDS).encode() + b"\n" if not text.isascii() else text.encode() + b"\n"
    except UnicodeEncodeError:  # half of a character, which JSON can spell
        return json.dumps(record, separators=(",", ":"), allow_nan=False).encode() + b"\n"


# --- the file and its lock ---


def _open_locked(path: Path) -> IO[bytes]:
    if path.exists() and not path.is_file():
        message = f"{str(path)!r} is no regular file: an output is read again when a job goes on"
        raise ConfigError(message)
    file = open(path, "a+b", buffering=0)  # noqa: SIM115, PTH123  it stays open; unbuffered, so that a line is a write
    try:
        _lock(file)
    except OSError:
        file.close()
    else:
        return file
    message = f"{str(path)!r} is being written by another run of a job: wait for it, or give another output"
    raise ConfigError(message)


try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    FAR = 1 << 62
    """A byte that no file has: what is locked there cannot be read by others."""

    def _lock(file: IO[bytes]) -> None:
        file.seek(FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]

else:

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def _read_exactly(file: IO[bytes], count: int) -> bytes:
    parts: list[bytes] = []
    while count and (part := file.read(count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
