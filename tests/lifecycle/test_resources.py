"""Descriptors stay level, memory is bounded, whatever is done often and whatever a server sends."""

from __future__ import annotations

import pytest
from interfaces import INTERFACES
from lifecycle_kit import FIGURES, Served, measured, sizes

from inference_do.emulator import GzipBomb, RawBody, RawStream, Status

MIB = 1 << 20
GROWTH = 5.0
"""MiB that nothing may grow by, however often it is done."""


@pytest.fixture
def figures(record_property):
    """Keep a line for the end of the run."""
    return lambda text: record_property(FIGURES, text)


def reported(what: str, found: dict) -> str:
    before, after = found["before"], found["after"]
    return (
        f"{what}: {found['seconds']:.1f} s, descriptors {before['descriptors']} -> {after['descriptors']}, "
        f"memory {before['memory']:.1f} -> {after['memory']:.1f} MiB"
    )


def is_level(found: dict) -> bool:
    before, after = found["before"], found["after"]
    return after["descriptors"] == before["descriptors"] and after["memory"] - before["memory"] < GROWTH


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("client", 300),
        *[pytest.param(name, 10_000, marks=[pytest.mark.long, pytest.mark.timeout(900)]) for name in INTERFACES],
    ],
)
def test_calls(figures, server, name, count):
    found = measured("calls", server.base_url, name, count)
    counts = server.counts()
    figures(reported(f"{count:,} calls through {name}", found))
    assert is_level(found)
    assert counts.connections == 2
    assert counts.posts == max(200, count // 20) + count


@sizes("count", short=20, long=500)
def test_clients_made_and_dropped(figures, server, count):
    found = measured("clients", server.base_url, count)
    figures(reported(f"{count} clients made, used and dropped", found))
    assert is_level(found)


@pytest.mark.parametrize(
    ("names", "count"),
    [
        (["langchain"], 1000),
        pytest.param(["langchain", "llamaindex"], 20_000, marks=[pytest.mark.long, pytest.mark.timeout(900)]),
    ],
    ids=["1000", "20000"],
)
def test_copies_of_models(figures, server, names, count):
    found = measured("copies", server.base_url, names, count)
    figures(reported(f"{count:,} copies and bindings of models", found))
    assert is_level(found)


@sizes("count", short=50, long=2000)
def test_retried_failures(figures, count):
    with Served(faults=[Status(503, headers={"retry-after": "0"}), None] * (count + 10), keep_requests=1) as server:
        found = measured("failures", server.base_url, count)
        counts = server.counts()
    figures(reported(f"{count} calls that failed once", found))
    assert is_level(found)
    assert set(found["attempts"]) == {2}
    assert counts.connections == 2 * (count + 10) // 10  # a thread's and a loop's for each client


@sizes("count", short=200, long=5000)
def test_streams_begun_and_dropped(figures, server, count):
    found = measured("dropped_in_a_row", server.base_url, count)
    counts = server.counts()
    figures(reported(f"{count:,} streams begun and dropped", found))
    assert is_level(found)
    assert counts.open == 0


@sizes("count", short=100, long=1000)
def test_streams_at_once(figures, server, count):
    found = measured("crowd", server.base_url, count)
    counts = server.counts()
    figures(
        f"{count:,} streams at once: {found['seconds']:.1f} s, memory {found['before']:.0f} MiB before, "
        f"{found['peak']:.0f} MiB at most, {found['right']:,} right answers"
    )
    assert found["right"] == counts.posts == counts.connections == count
    assert found["peak"] < 200


ONE_LINE = b"data: " + b"x" * (16 * MIB)

HOSTILE = {
    "a gzip bomb of 300 MiB": (GzipBomb(300 * MIB), "ProtocolError", 80),
    "a line of 16 MiB in a stream": (
        RawStream([ONE_LINE[start : start + MIB] for start in range(0, len(ONE_LINE), MIB)]),
        "ProtocolError",
        80,
    ),
    "70 MB of JSON": (RawBody(b'{"choices": "' + b"x" * 70_000_000), "ProtocolError", 80),
    "5 MB of an error's body": (Status(400, "x" * 5_000_000), "BadRequestError", 20),
}


@pytest.mark.parametrize(
    "name", ["client", *[pytest.param(name, marks=pytest.mark.long) for name in INTERFACES if name != "client"]]
)
def test_what_a_server_sends_does_not_fill_the_memory(figures, name):
    script = [None] * 4 + [fault for fault, _, _ in HOSTILE.values() for _ in range(4)]
    with Served(faults=script) as server:
        found = measured("hostile", server.base_url, name, len(HOSTILE))
    for (what, (_, kind, limit)), costs in zip(HOSTILE.items(), found, strict=True):
        each = ", ".join(f"{cost:.0f}" for *_, cost in costs)
        figures(f"{what}, through {name}: {each} MiB (chat, stream, achat, astream)")
        assert [content for content, _, _ in costs] == [kind] * 4
        assert max(length for _, length, _ in costs) < 600
        assert max(cost for *_, cost in costs) < limit, what
