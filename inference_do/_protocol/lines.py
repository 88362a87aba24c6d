"""The flow of a file that is read line by line, as results of batches are.

What a file holds does not change, so a download that broke off begins anew, and goes on behind the lines that were
handed out.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from inference_do.errors import ProtocolError

from .call import Call, Disconnected, Read, Release, TimedOut
from .flow import Step, _open, _with_retries
from .observe import watched

LINE_LIMIT = 64 * 1024 * 1024
"""Bytes of a line, as much as of a whole answer."""
MOST_LINES = 200_000
"""Lines of a file; a batch has 50,000 requests at most."""


def lines_flow(call: Call) -> Generator[Any, Any, None]:
    """Run a call whose answer is a file; yields its lines, empty ones left out."""
    return watched(call, _lines_flow(call), has_many=True)


def _lines_flow(call: Call) -> Generator[Any, Any, None]:
    call.begin()
    reading = _LinesReading(call)
    yield from _with_retries(call, reading.attempt)
    call.is_complete = True
    yield Release()


class _LinesReading:
    """The state of one file: how many of its lines were handed out."""

    __slots__ = ("_call", "_delivered")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._delivered = 0

    def attempt(self) -> Step[None]:
        yield from _open(self._call)
        number, rest, size = 0, list[bytes](), 0
        while data := (yield from self._more()):
            *whole, last = data.split(b"\n")
            if whole:
                whole[0] = b"".join([*rest, whole[0]])
                rest, size = [], 0
            for line in whole:
                number += 1
                yield from self._hand_out(line, number)
            rest.append(last)
            size += len(last)
            if size > LINE_LIMIT:
                message = f"line {number + 1:,} of the file is longer than {LINE_LIMIT:,} bytes"
                raise ProtocolError(message, **self._call.details)
        yield from self._hand_out(b"".join(rest), number + 1)

    def _hand_out(self, line: bytes, number: int) -> Step[None]:
        if number <= self._delivered:
            return
        if number > MOST_LINES:
            message = f"the file has more than {MOST_LINES:,} lines"
            raise ProtocolError(message, **self._call.details)
        self._delivered = number
        if line.strip():
            yield line

    def _more(self) -> Step[bytes]:
        try:
            data: bytes = yield Read(self._call.left(self._call.timeout.idle))
        except (Disconnected, TimedOut) as marker:
            reported = marker
        else:
            return data
        raise self._retryable(reported)

    def _retryable(self, marker: Disconnected | TimedOut) -> Exception:
        """Make the error of a file that broke off; it may be read again, as nothing is made anew for it."""
        error = self._call.fault(marker, "idle")
        error.retryable = not getattr(marker, "non_retryable", False) and not getattr(marker, "malformed", False)
        self._call.ambiguous = False
        return error
