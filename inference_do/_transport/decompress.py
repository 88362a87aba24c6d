"""Compressed bodies: one coding of those that were asked for, decompressed in pieces of bounded size."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import httpx

PIECE = 64 * 1024
"""Bytes of one decompressed piece, at most."""

GZIP = 16 + zlib.MAX_WBITS
GZIP_MAGIC = b"\x1f\x8b"


class Decompressor:
    """Turns the pieces of a gzip or deflate body into pieces of at most 64 KiB.

    httpx decompresses a piece whole, whatever it grows to, and any number of codings one inside the other: a kilobyte
    can become gigabytes. Here a caller that has enough stops between two pieces.
    """

    def __init__(self, coding: str) -> None:
        self._is_gzip = coding != "deflate"
        self._inflate = zlib.decompressobj(GZIP if self._is_gzip else zlib.MAX_WBITS)
        self._is_first = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what a piece of the body decompresses to.

        Raises:
            httpx.DecodingError: It is not of this coding.
        """
        while data:
            piece = self._next(data)
            self._is_first = False
            if piece:
                yield piece
            data = self._inflate.unconsumed_tail
            if self._inflate.eof:
                data = self._inflate.unused_data
                if not (self._is_gzip and data.startswith(GZIP_MAGIC)):
                    return  # padding behind the last member
                self._inflate = zlib.decompressobj(GZIP)

    def _next(self, data: bytes) -> bytes:
        try:
            return self._inflate.decompress(data, PIECE)
        except zlib.error as error:
            if self._is_first and not self._is_gzip:  # deflate without zlib's frame, as some servers send it
                self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
                self._is_first = False
                return self._next(data)
            reason = str(error)
        raise httpx.DecodingError(reason)


def decompressor(headers: dict[str, str]) -> Decompressor | None:
    """Return what decompresses a response; None if it is not compressed.

    Args:
        headers: The response's headers by their lower-case names.

    Raises:
        httpx.DecodingError: It has a coding that was not asked for, or several.
    """
    named = headers.get("content-encoding")
    if named is None:
        return None
    codings = [coding for item in named.lower().split(",") if (coding := item.strip()) not in {"", "identity"}]
    match codings:
        case []:
            return None
        case ["gzip" | "x-gzip" | "deflate" as coding]:
            return Decompressor(coding)
        case _:
            message = f"content-encoding {named[:100]!r} was not asked for"
            raise httpx.DecodingError(message)
