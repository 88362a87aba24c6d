"""What goes wrong on the wire, through both clients with one table: the outcomes are the same to the letter."""

from __future__ import annotations

import json
import socket
import time

import pytest
from client_kit import ASK, achat, astream, caught, chat, stream
from interfaces import ANSWER

from inference_do import (
    Client,
    InferenceError,
    RateLimitError,
    Timeout,
)
from inference_do.emulator import (
    Corrupt,
    ErrorEvent,
    GzipBomb,
    RateLimited,
    RawStream,
    Redirect,
    Reset,
    Status,
    Truncate,
)

NOW = {"retry-after": "0"}
BUSY = Status(503, headers=NOW)
PAGE = Status(502, "<html><head><title>502 Bad Gateway</title></head>" + "x" * 20_000, headers=NOW)
HI = b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\n'
WHOLE = b'{"choices": [{"message": {"content": "whole"}}]}'
SAID_NO = b'{"error": {"message": "no", "code": 400}}'
QUOTA = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
CONTEXT = {"error": {"message": "maximum context length is 8192 tokens"}}
FAST = {"timeout": Timeout(first_token=0.15, idle=0.15), "max_retries": 0}
GZIP = {"content-encoding": "gzip"}

PARTIAL = [Truncate(after_events=3), Reset(after_events=3), ErrorEvent(after_events=3), Corrupt(3, b"data: [}\n\n")]


@pytest.mark.parametrize("ask", [stream, astream])
@pytest.mark.parametrize("fault", PARTIAL, ids=repr)
def test_what_came_is_in_partial(emu, ask, fault):
    emu.script(fault)
    error = ask(emu)
    assert ANSWER.startswith(error.partial.text)
    assert error.partial.text not in {"", ANSWER}
    assert error.request_id


@pytest.mark.parametrize("ask", [chat, astream])
def test_this_apis_own_throttling_waits_for_the_reset(emu, ask):
    emu.script(RateLimited(reset_after=0.2), None)
    response = ask(emu)
    assert (response.text, response.response_info.attempts) == (ANSWER, 2)
    gap = emu.requests[1].time - emu.requests[0].time
    assert 0.1 < gap < 1.6


@pytest.mark.parametrize("ask", [chat, achat])
def test_a_wish_is_granted_to_the_letter(emu, ask):
    emu.script(Status(429, headers={"retry-after": "0.3"}), None)
    ask(emu)
    assert 0.29 < emu.requests[1].time - emu.requests[0].time < 0.8
    emu.script(Status(429, headers={"retry-after": "100000"}))
    error = ask(emu)
    assert isinstance(error, RateLimitError)
    assert (error.retry_after, error.retryable) == (100000.0, True)


@pytest.mark.parametrize("ask", [chat, achat, stream, astream])
def test_a_gzip_bomb_goes_off_outside(emu, ask):
    emu.script(GzipBomb(200 * 1024 * 1024))
    error = ask(emu)
    assert type(error).__name__ == "ProtocolError"
    assert "larger than" in str(error)


def test_redirects_send_nothing_to_their_target(emu):
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.setblocking(False)
        for status in (301, 302, 303, 307, 308):
            emu.script(Redirect(status, f"http://127.0.0.1:{trap.getsockname()[1]}/"))
            for ask in (chat, astream):
                ask(emu)
        with pytest.raises(BlockingIOError):
            trap.accept()


def test_an_outage_is_not_multiplied(emu):
    """30 failing calls cost 30 requests and the budget's 10 retries, not 90."""
    emu.always = BUSY
    client = Client(emu.api_key, base_url=emu.base_url)
    for _ in range(30):
        assert isinstance(caught(lambda: client.chat(**ASK)), InferenceError)
    assert emu.posts == 40


def test_failed_and_retried_responses_leave_no_connection_behind(emu):
    client = Client(emu.api_key, base_url=emu.base_url)
    for _ in range(2):
        emu.script(BUSY, Reset(before_head=True), None)
        client.chat(**ASK, max_retries=2)
        emu.script(Truncate(after_events=1))
        caught(lambda: client.stream(**ASK).completion())
    assert emu.open_connections <= 2


def test_blank_lines_without_end_cost_linear_time(emu):
    emu.script(RawStream([b"\n" * 65536] * 8), RawStream([b"\n" * 65536] * 64))
    seconds = []
    for _ in range(2):
        started = time.monotonic()
        assert isinstance(stream(emu, {"max_retries": 0}), InferenceError)
        seconds.append(time.monotonic() - started)
    assert seconds[1] < 8 * seconds[0] * 3 + 0.3


def test_json_of_an_error_is_kept_short(emu):
    emu.script(Status(400, json.dumps({"error": {"message": "m" * 100_000}})))
    error = chat(emu)
    assert len(error.message) < 600
    assert len(error.body) == 2000
