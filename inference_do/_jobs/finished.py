"""Which rows an output has results of, in about 11 bytes a row."""

from __future__ import annotations

from array import array
from hashlib import blake2b

__all__ = ["CHANGED", "DONE", "NEW", "FinishedRows"]

NEW, DONE, CHANGED = "new", "done", "changed"

BUCKETS = 12
"""Bits of an entry that choose its bucket: a look-up scans one of 4,096."""
CONTENT = 20
"""Bits of an entry that are the content's; the other 44 are the key's. That a row is taken for another one, key and
content, has a chance of 1 in 2**64 for each pair."""


class FinishedRows:
    """A set of rows, each known by its key and its content.

    An entry is 8 bytes of two hashes; with what arrays keep in reserve a million rows take 11 MB.
    """

    def __init__(self) -> None:
        self._buckets: dict[int, array[int]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, name: str, digest: str) -> None:
        """Take a row in."""
        entry = _entry(name, digest)
        bucket = self._buckets.get(entry >> (64 - BUCKETS))
        if bucket is None:
            bucket = self._buckets[entry >> (64 - BUCKETS)] = array("Q")
        bucket.append(entry)
        self._count += 1

    def find(self, name: str, digest: str) -> str:
        """Return `DONE` for a row that is in it, `CHANGED` for one whose key is, with another content, or `NEW`."""
        entry = _entry(name, digest)
        bucket = self._buckets.get(entry >> (64 - BUCKETS))
        if bucket is None:
            return NEW
        if entry in bucket:
            return DONE
        key = entry >> CONTENT
        return CHANGED if any(other >> CONTENT == key for other in bucket) else NEW


def _entry(name: str, digest: str) -> int:
    key = int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    return key >> CONTENT << CONTENT | int(digest[-5:], 16)
