"""Every row of the matrix through every interface and mode: right in threads, the same to the letter in event loops."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise
from typing import Any

import pytest
import rows_destination
import rows_ends
import rows_framing
import rows_odd
import rows_payload
import rows_reported
import rows_status
import rows_time
import rows_whole
import rows_wires
from interfaces import INTERFACES, Interface, Outcome, outcome
from rows import Row

from inference_do.emulator import Emulator

TABLES = (
    rows_framing,
    rows_ends,
    rows_payload,
    rows_odd,
    rows_reported,
    rows_whole,
    rows_status,
    rows_time,
    rows_destination,
    rows_wires,
)
ROWS = [row for table in TABLES for row in table.ROWS]
CLIENT = INTERFACES["client"]


def cases() -> list[Any]:
    """Return all cases. Of each row the client has each mode and one adapter one mode, in turn: the rest is `long`.

    What happens on the wire is the client's; an adapter's part in it is the same for all rows of a mode. To collect a
    stream is to read it, so each second row that is streamed is collected as well.
    """
    adapters = [kind for kind in INTERFACES.values() if kind is not CLIENT]
    found = []
    for number, row in enumerate(ROWS):
        turn, is_second = divmod(number, 2)
        chosen = {(kind, row.modes[turn % len(row.modes)]) for kind in adapters[is_second : is_second + 1] or adapters}
        chosen |= {(CLIENT, mode) for mode in row.modes if mode != "collect" or is_second or "stream" not in row.modes}
        found += [
            pytest.param(
                row,
                kind,
                mode,
                id=f"{row.name}-{kind.name}-{mode}",
                marks=[] if (kind, mode) in chosen else pytest.mark.long,
            )
            for kind in INTERFACES.values()
            for mode in row.modes
        ]
    return found


OF_ERRORS = ("retryable", "partial", "phase", "status", "code", "retry_after", "has_request_id")


@pytest.mark.parametrize(("row", "kind", "mode"), cases())
def test_row(row: Row, kind: type[Interface], mode: str):
    seen = [run(row, kind, mode, is_async=is_async) for is_async in (False, True)]
    assert seen[0] == seen[1]


def run(row: Row, kind: type[Interface], mode: str, *, is_async: bool) -> Outcome:
    """Run a row through one interface, and hold what was seen against it."""
    with Emulator(quirks=row.quirks) as emu:
        emu.script(*row.script)
        if row.reply is not None:
            emu.reply(**row.reply)
        seen = outcome(kind, emu.base_url, mode, is_async=is_async, api_key=emu.api_key, **row.settings)
        times = [request.time for request in emu.requests]
        bodies = {request.body for request in emu.requests}
        paths = {request.path for request in emu.requests}
    assert seen.kind == row.error, seen
    if row.error:
        check_error(row, mode, seen)
    else:
        check_answer(row, seen)
    assert len(times) == row.posts
    assert paths == {row.path}
    assert len(bodies) == 1, "the same bytes at every attempt"
    for (earlier, later), (least, most) in zip(pairwise(times), row.gaps or (), strict=row.gaps is not None):
        assert least <= later - earlier <= most
    return seen


def check_answer(row: Row, seen: Outcome) -> None:
    assert seen.text == row.text
    assert (seen.reasoning, seen.calls, seen.finish) == (row.reasoning, row.calls, row.finish)
    if row.usage is not None:
        assert seen.usage == row.usage


def check_error(row: Row, mode: str, seen: Outcome) -> None:
    assert row.message
    assert seen.message.startswith(row.message)
    assert seen.attempts == row.posts
    for name in OF_ERRORS:
        if (wanted := getattr(row, name)) is not None:
            assert getattr(seen, name) == wanted, name
    if mode == "stream" and seen.partial is not None:
        assert seen.delivered == (seen.partial if row.delivered is None else row.delivered)


def test_rows_are_numbered_once():
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
    assert all(name.split()[0].rstrip("abcdefghijklmnopqrstuvwxyz").isdigit() for name in names)


def test_every_field_of_a_row_is_used():
    """A column that no row fills checks nothing."""
    plain = Row(name="0")
    for column in fields(Row):
        assert any(getattr(row, column.name) != getattr(plain, column.name) for row in ROWS), column.name
