"""A server that is not ours, with faults of its own, and its verdict on how the client took them (package llmock).

Its journal sees the wire alone. So it checks retries and waits; whether a broken stream was noticed is asked
of the client itself, since for llmock a client that raises looks like one that accepts half an answer.
"""

from __future__ import annotations

import time

import pytest
from interfaces import INTERFACES, PAIRS

from inference_do import (
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ContextLengthError,
    InferenceError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    ServerError,
    StreamInterrupted,
)

ANSWER = "Paris is the capital of France, a country in Europe."
QUESTION = "What is the capital of France?"

STREAMS = [name for name in PAIRS if "stream" in name]


@pytest.fixture
def interface(pair_kind, llmock):
    made = pair_kind(llmock.base_url("openai"), timeout=5)
    yield made
    made.close()


only_streams = pytest.mark.parametrize("pair", [PAIRS[name] for name in STREAMS], ids=STREAMS)


def test_a_rate_limit_is_waited_for(llmock, interface, ask):
    llmock.rate_limit(times=2, retry_after=0.2).reply(ANSWER)
    assert ask(interface, QUESTION) == ANSWER
    assert [record.status for record in llmock.requests] == [429, 429, 200]
    llmock.assert_resilient(strict=True)


@pytest.mark.parametrize("status", [408, 503, 529])
def test_what_passes_is_tried_again(llmock, interface, ask, status):
    llmock.fail(status, retry_after=0.01).reply(ANSWER)
    assert ask(interface, QUESTION) == ANSWER
    assert [record.status for record in llmock.requests] == [status, 200]
    llmock.assert_resilient(strict=True)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequestError),
        (401, AuthenticationError),
        (404, NotFoundError),
    ],
    ids=lambda value: value if isinstance(value, int) else value.__name__,
)
def test_what_does_not_pass_is_reported_at_once(llmock, interface, ask, status, kind):
    llmock.fail(status, times=5, message="no, because")
    with pytest.raises(kind, match="no, because"):
        ask(interface, QUESTION)
    assert len(llmock.requests) == 1
    llmock.assert_resilient(strict=True)


def test_too_long_a_prompt_is_named(llmock, interface, ask):
    llmock.context_overflow()
    with pytest.raises(ContextLengthError):
        ask(interface, QUESTION)
    assert len(llmock.requests) == 1
    llmock.assert_resilient(strict=True)


def test_an_outage_is_given_up_on_in_time(llmock, interface, ask):
    llmock.fail(503, times=None, retry_after=0.05)
    with pytest.raises(ServerError) as raised:
        ask(interface, QUESTION)
    assert raised.value.attempts == len(llmock.requests) == 3
    llmock.assert_resilient(strict=True)


def test_a_limit_that_never_has_room_is_given_up_on_in_time(llmock, interface, ask):
    llmock.fail(429, times=None, retry_after=0.05)
    waiting = type(interface)(llmock.base_url("openai"), rate_limit_wait=0.4)
    with pytest.raises(RateLimitError, match=r"rate_limit_wait=0\.4") as raised:
        ask(waiting, QUESTION)
    assert 2 <= raised.value.attempts == len(llmock.requests) <= 8
    waiting.close()
    llmock.assert_resilient(strict=True)


def test_an_outage_without_a_hint_is_backed_off_from(llmock):
    """Its pauses are drawn by chance, so the package's warning on them would be too."""
    llmock.outage()
    with pytest.raises(ServerError):
        INTERFACES["client"](llmock.base_url("openai")).chat(QUESTION)
    assert len(llmock.requests) == 3
    llmock.assert_resilient()


def test_a_quota_of_requests_is_kept_to(llmock):
    llmock.limits(rpm=3)
    interface = INTERFACES["client"](llmock.base_url("openai"))
    for number in range(3):
        interface.chat(f"{QUESTION} {number}")
    with pytest.raises(RateLimitError) as raised:
        interface.sync.chat(model="x", messages=[{"role": "user", "content": QUESTION}], max_retries=0)
    assert raised.value.retry_after == pytest.approx(20, abs=20)
    interface.close()


@only_streams
def test_a_stall_is_not_sat_through(llmock, interface, ask):
    llmock.stall(after_chunks=2, seconds=1.5).reply(ANSWER)
    slow = type(interface)(llmock.base_url("openai"), timeout=0.3, max_retries=0)
    with pytest.raises(APITimeoutError) as raised:
        ask(slow, QUESTION)
    assert raised.value.phase == "idle"
    slow.close()
    llmock.assert_resilient(strict=True)


@only_streams
def test_a_slow_first_token_is_waited_for(llmock, interface, ask):
    llmock.slow_first_token(0.3).reply(ANSWER)
    started = time.monotonic()
    assert ask(interface, QUESTION) == ANSWER
    assert time.monotonic() - started >= 0.3
    llmock.assert_resilient(strict=True)


@only_streams
@pytest.mark.parametrize(
    ("break_it", "kind"),
    [("truncate", StreamInterrupted), ("disconnect", StreamInterrupted), ("corrupt", ProtocolError)],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_broken_stream_is_no_answer(llmock, interface, ask, break_it, kind):
    getattr(llmock, break_it)(after_chunks=3, times=5).reply(ANSWER)
    with pytest.raises(kind) as raised:
        ask(interface, QUESTION)
    assert ANSWER.startswith(raised.value.partial.text)
    assert 0 < len(raised.value.partial.text) < len(ANSWER)
    assert len(llmock.requests) == raised.value.attempts == 1


def test_every_error_is_ours(llmock, interface, ask):
    for status in (402, 418, 451, 501, 599):
        llmock.reset().fail(status, times=None, retry_after=0.01)
        with pytest.raises(InferenceError):
            ask(interface, QUESTION)
