"""Rows: where they come from, what each is known by, and what the call is given of it."""

from __future__ import annotations

import io
import json
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeAlias

from pydantic_core import to_jsonable_python

from inference_do.errors import ConfigError

__all__ = ["Key", "Row", "RowReader", "RowSource", "Rows", "digest_of", "open_rows"]

Rows: TypeAlias = Any
"""A path of a JSONL file, an iterable, or an asynchronous iterable."""
Key: TypeAlias = str | Callable[[Any], str | int] | None
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Row:
    """One row."""

    number: int
    """Its place, from 1; of a file the line."""
    key: str | int | None
    """What it is known by; None is its place."""
    digest: str
    """A hash of its content, 16 hex digits."""
    content: Any = None
    """What the call is given."""
    problem: str | None = None
    """Why it cannot be asked."""

    @property
    def name(self) -> str:
        """Its key as text, in which a place is no other key."""
        return f"#{self.number}" if self.key is None else json.dumps(self.key)


class RowReader:
    """Turns what comes from a source into rows.

    Args:
        key: A field's name, or a function of the row, that says what a row is known by.
        prepare: Makes what the call is given; a ValueError says why it cannot.
    """

    def __init__(self, key: Key, prepare: Callable[[Any], Any]) -> None:
        self._key = key
        self._prepare = prepare

    def read(self, number: int, value: Any) -> Row:
        """Return a row; what is wrong with it is its `problem`."""
        if isinstance(value, _Unreadable):
            return Row(number, None, digest_of(value.text), problem=value.reason)
        digest, key = digest_of(value), None
        try:
            key = self._key_of(value)
            return Row(number, key, digest, self._prepare(value))
        except ValueError as error:
            return Row(number, key, digest, problem=str(error))
        except Exception as error:  # noqa: BLE001  of a function of the caller's
            return Row(number, key, digest, problem=f"{type(error).__name__}: {error}")

    def _key_of(self, value: Any) -> str | int | None:
        if self._key is None:
            return None
        if callable(self._key):
            found, named = self._key(value), "what key= returns"
        else:
            if not isinstance(value, Mapping) or self._key not in value:
                message = f"it has no field {self._key!r}, which is its key"
                raise ValueError(message)
            found, named = value[self._key], f"its key {self._key!r}"
        if isinstance(found, bool) or not isinstance(found, str | int):
            message = f"{named} must be a text or a whole number, not {found!r}"[:200]
            raise ValueError(message)  # noqa: TRY004  of a row, whose problem it becomes
        return found


def digest_of(value: Any) -> str:
    """Return a hash of a value's content, the same in every process."""
    try:
        text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    except (TypeError, ValueError, RecursionError):
        try:
            text = json.dumps(to_jsonable_python(value, fallback=repr), sort_keys=True)
        except (TypeError, ValueError, RecursionError):
            text = repr(value)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


# --- sources ---


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """A line that holds no row."""

    text: str
    reason: str


@dataclass(slots=True)
class RowSource:
    """Where rows come from: numbered values, and how many there are."""

    values: Iterator[tuple[int, Any]] | None
    asynchronous: AsyncIterator[tuple[int, Any]] | None = None
    total: int | None = None
    """How many rows there are, None if nobody knows."""
    again: Callable[[], Iterator[tuple[int, Any]]] | None = None
    """Reads them from the start, for a look at all of them before a job begins; None where they come only once."""


def open_rows(rows: Rows) -> RowSource:
    """Return where rows come from.

    Args:
        rows: A path of a JSONL file or an open one, an iterable, or an asynchronous iterable.

    Raises:
        ConfigError: It is none of them.
        OSError: The file cannot be read.
    """
    if isinstance(rows, str | os.PathLike):
        path = Path(rows)
        with path.open("rb") as file:
            total = sum(1 for line in file if line.strip())
        return RowSource(_lines(path), total=total, again=lambda: _lines(path))
    if isinstance(rows, io.IOBase):
        return RowSource(read_lines(rows))
    if hasattr(rows, "__aiter__"):
        return RowSource(None, _numbered(rows))
    if isinstance(rows, Mapping | bytes) or not isinstance(rows, Iterable):
        message = f"rows must be a path of a JSONL file or something that gives one row after another, not {rows!r}"
        raise ConfigError(message[:300])
    iterator = iter(rows)
    again = None if iterator is rows else lambda: enumerate(rows, 1)
    return RowSource(enumerate(iterator, 1), total=_length(rows), again=again)


def _length(rows: Any) -> int | None:
    try:
        return len(rows)
    except TypeError:
        return None


async def _numbered(rows: Any) -> AsyncIterator[tuple[int, Any]]:
    number = 0
    async for value in rows:
        number += 1
        yield number, value


def _lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield the objects of a JSONL file by the numbers of their lines; blank lines are none."""
    with path.open("rb") as file:
        yield from read_lines(file)


def read_lines(lines: Iterable[Any]) -> Iterator[tuple[int, Any]]:
    """Yield the objects of lines by their numbers; blank lines are none."""
    for number, line in enumerate(lines, 1):
        text = line.removeprefix(BOM if isinstance(line, bytes) else BOM.decode()) if number == 1 else line
        if text.strip():
            yield number, read_line(text.strip())


def read_line(line: bytes | str) -> Any:
    """Return the object of a line, or what says why there is none."""
    reason = None
    try:
        value = json.loads(line)
    except UnicodeDecodeError as error:
        reason = f"it is not UTF-8 text: {error.reason} at byte {error.start + 1}"
    except json.JSONDecodeError as error:
        reason = f"it is not JSON: {error.msg} at character {error.pos + 1}"
    except ValueError as error:  # a number with too many digits
        reason = f"it is not JSON: {error}"
    except RecursionError:
        reason = "it is nested too deeply"
    else:
        if isinstance(value, dict):
            return value
        reason = f"it is not an object but {_kind(value)}"
    text = line if isinstance(line, str) else line.decode("utf-8", "backslashreplace")
    return _Unreadable(text, reason)


def _kind(value: Any) -> str:
    names = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
