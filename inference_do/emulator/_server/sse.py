"""Event streams: JSON values as server-sent events, and their compression."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from inference_do.emulator._json import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inference_do.emulator.quirks import Quirks


def data_events(values: Sequence[Mapping[str, Any]], quirks: Quirks) -> tuple[bytes, ...]:
    """Write values as events that have data alone, `[DONE]` included."""
    field = b"data:" if quirks.no_space else b"data: "
    end = quirks.line_end.encode()
    lines = [to_json(value) for value in values]
    if not quirks.no_done:
        lines.append(b"[DONE]")
    before = b": keep-alive" + end + end if quirks.comments else b""
    pieces = [before + field + line + end + end for line in lines]
    if quirks.bom and pieces:
        pieces[0] = b"\xef\xbb\xbf" + pieces[0]
    return tuple(pieces)


def gzipped(pieces: Sequence[bytes]) -> tuple[bytes, ...]:
    """Compress piece by piece, each flushed, so that every event can be read as soon as it arrives."""
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    packed = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    return (*packed, packer.flush())
