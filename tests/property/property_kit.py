"""What the property tests share: how much they try, and a literal reading of the event stream standard.

    PROPERTY_SCALE=50 scripts/test tests/property

tries a hundred times as much: generated examples and mutants are multiplied by it, and by 0.5 where it is not set.
`PROPERTY_SEED` is where the mutants start from; the same number makes the same mutants. `-rP` shows what the tests
counted.
"""

from __future__ import annotations

import os
import re
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SCALE = float(os.environ.get("PROPERTY_SCALE", "0.5"))
SEED = int(os.environ.get("PROPERTY_SEED", "1"))


def scaled(count: int) -> int:
    return max(1, round(count * SCALE))


def examples(count: int, *, shrink: bool = True) -> settings:
    """Try this many generated examples, times the scale, in whatever time they take.

    A key by chance has no simpler form: looking for one, without `shrink=False`, would take minutes and find nothing.
    """
    ignored = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    phases = [phase for phase in Phase if shrink or phase not in {Phase.shrink, Phase.explain}]
    return settings(max_examples=scaled(count), deadline=None, phases=phases, suppress_health_check=ignored)


def dice(name: str) -> Random:
    """Return a generator of chance that is the same in every run."""
    return Random(f"{SEED} {name}")


def spelled(stream: bytes) -> list[tuple[str, bytes]]:
    """Return the events that a stream spells, by the letter of the standard's section "Interpreting an event stream".

    Bytes in, bytes out: that data is UTF-8 is asked later. Events without a data line are none, but for one named
    `error`.
    """
    events: list[tuple[str, bytes]] = []
    name, data = b"", None
    for line in in_standard_form(re.split(rb"\r\n|\n|\r", stream.removeprefix(b"\xef\xbb\xbf"))[:-1]):
        if not line:
            if data is not None or name == b"error":
                events.append((name.decode("utf-8", "replace") or "message", (data or b"").removesuffix(b"\n")))
            name, data = b"", None
            continue
        field, colon, value = line.partition(b":")
        if colon and value[:1] == b" ":
            value = value[1:]
        if field == b"event":
            name = value
        elif field == b"data":
            data = (data or b"") + value + b"\n"
    return events


def in_standard_form(lines: list[bytes]) -> Iterator[bytes]:
    """Write what the parser takes beyond the standard as the standard has it: bare JSON, and a field `error`."""
    has_data = is_bare = False
    for line in lines:
        field, colon, value = line.partition(b":")
        if not line or field in {b"data", b"event"}:
            has_data, is_bare = bool(line) and (has_data or field == b"data"), is_bare and bool(line)
            yield line
        elif is_bare or line[:1] == b"{":
            if has_data and not is_bare:
                yield b""
            yield b"data: " + line
            is_over = line.rstrip() == b"}" if is_bare else line.rstrip().endswith(b"}")
            has_data = is_bare = not is_over
            if is_over:
                yield b""
        elif field.lower() == b"error" and colon:
            yield from [*([b""] if has_data else []), b"event: error", b"data: " + value.strip(), b""]
            has_data = False
        else:
            yield line


def pieces(text: bytes, size: int) -> list[bytes]:
    """Cut into pieces of one size."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def cut_at(text: bytes, places: Iterable[int]) -> list[bytes]:
    """Cut at these places; the same place twice gives an empty piece."""
    edges = [0, *sorted(min(place, len(text)) for place in places), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


def every_cutting(text: bytes) -> Iterator[list[bytes]]:
    """Yield all the ways to cut: two to the power of its length."""
    for chosen in range(1 << max(0, len(text) - 1)):
        yield cut_at(text, [place + 1 for place in range(len(text)) if chosen >> place & 1])
