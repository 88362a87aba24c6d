"""Compressed replies, decompressed by httpx: it is imported when the first one comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from http import HTTPStatus
from typing import Any

import httpx

SLICE = 4096
"""Bytes given to the decompressor at once, so that a bomb is noticed before it has gone off."""


def response(headers: Sequence[tuple[bytes, bytes]], body: Any) -> httpx.Response:
    """Return a body to be read decompressed, by `iter_bytes()` or `aiter_bytes()`."""
    return httpx.Response(HTTPStatus.OK, headers=list(headers), stream=Sliced(body))


class Sliced(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A compressed body in small pieces."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            for start in range(0, len(chunk), SLICE):
                yield chunk[start : start + SLICE]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            for start in range(0, len(chunk), SLICE):
                yield chunk[start : start + SLICE]
