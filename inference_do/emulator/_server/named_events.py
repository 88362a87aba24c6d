"""Event streams whose events have names, as the wires beside chat completions send them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference_do.emulator._json import to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from inference_do.emulator.quirks import Quirks


def named_events(events: Iterable[Mapping[str, Any]], quirks: Quirks) -> tuple[bytes, ...]:
    """Write events that are named by their `type`; gateways leave the names out and add `[DONE]`."""
    space = b"" if quirks.no_space else b" "
    end = quirks.line_end.encode()
    before = b": keep-alive" + end + end if quirks.comments else b""
    pieces: list[bytes] = []
    for event in events:
        name = b"" if quirks.no_event_names else b"event:" + space + event["type"].encode() + end
        pieces.append(before + name + b"data:" + space + to_json(event) + end + end)
    if quirks.extra_done:
        pieces.append(before + b"data:" + space + b"[DONE]" + end + end)
    if quirks.bom and pieces:
        pieces[0] = b"\xef\xbb\xbf" + pieces[0]
    return tuple(pieces)


def batches(pieces: Sequence[str], size: int) -> Iterator[str]:
    """Put pieces of text together, so many at a time."""
    for start in range(0, len(pieces), max(1, size)):
        yield "".join(pieces[start : start + max(1, size)])
