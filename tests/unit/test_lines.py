"""A file that is read line by line: what is handed out, in whatever pieces it comes, and when it breaks off."""

from __future__ import annotations

import pytest
from flow_kit import GONE, JSON, After, new_call, play, status

from inference_do._protocol import lines
from inference_do._protocol.call import Disconnected, Release, TimedOut
from inference_do._protocol.lines import lines_flow

FILE = b"one\n\ntwo\r\n \nthree"
LINES = [b"one", b"two\r", b"three"]


def read(call, *script):
    return play(lines_flow(call), call, *script)


def test_lines_are_handed_out_however_the_file_is_cut():
    whole = read(new_call(), JSON, FILE, b"")
    assert (whole.trace, whole.results) == ("send read =b'one' =b'two\\r' read =b'three' release", LINES)
    for first in range(1, len(FILE)):
        for second in range(first + 1, len(FILE)):
            pieces = FILE[:first], FILE[first:second], FILE[second:]
            call = new_call()
            played = read(call, JSON, *pieces, b"")
            assert (played.results, played.outcome, call.is_complete) == (LINES, "ok", True)


@pytest.mark.parametrize("broken", [GONE, TimedOut()], ids=["connection", "silence"])
def test_a_file_that_broke_off_is_read_again_behind_what_was_handed_out(broken):
    for cut in range(1, len(FILE)):
        played = read(new_call(retry_ambiguous=False), JSON, FILE[:cut], broken, JSON, FILE, b"")
        assert (played.results, played.outcome, played.sends) == (LINES, "ok", 2)


@pytest.mark.parametrize(
    "marker",
    [Disconnected("no", sent=True, non_retryable=True), Disconnected("no", sent=True, malformed=True)],
    ids=["non_retryable", "malformed"],
)
def test_what_would_come_again_is_not_asked_for_again(marker):
    played = read(new_call(), JSON, FILE, marker)
    assert (played.results, played.sends) == (LINES[:2], 1)
    assert not played.error.retryable


def test_a_refusal_is_an_error_after_its_retries():
    played = read(new_call(retries=1), *status(503), *status(503))
    assert played.outcome == "ServerError: 503 Service Unavailable: no (2 attempts)"
    assert isinstance(played.commands[-1], Release)


def test_the_wait_for_more_is_the_idle_timeout_and_ends_with_the_deadline():
    played = read(new_call(timeout={"idle": 5.0, "total": 10.0}), After(7.0, JSON), FILE, b"")
    assert played.timeouts() == [3.0, 3.0]
    late = read(new_call(timeout={"total": 10.0}), JSON, After(10.0, b"one\n"))
    assert late.outcome.startswith("APITimeoutError")
    assert late.error.phase == "total"


def test_a_line_and_the_number_of_lines_are_bounded(monkeypatch):
    monkeypatch.setattr(lines, "LINE_LIMIT", 10)
    assert read(new_call(), JSON, b"0123456789\n" * 2, b"01234", b"56789", b"").outcome == "ok"
    assert read(new_call(), JSON, b"01234", b"56789", b"\n01234", b"56789", b"").outcome == "ok"
    played = read(new_call(), JSON, b"a\n0123", b"4567890")
    assert played.outcome.startswith("ProtocolError: line 2 of the file is longer than 10 bytes")
    assert (played.error.attempts, played.error.request_id) == (1, "req-1")
    monkeypatch.setattr(lines, "MOST_LINES", 2)
    assert read(new_call(), JSON, b"a\nb", b"").results == [b"a", b"b"]
    played = read(new_call(), JSON, b"a\nb\nc", b"")
    assert played.outcome.startswith("ProtocolError: the file has more than 2 lines")
    assert (played.results, played.error.request_id) == ([b"a", b"b"], "req-1")
