"""Whatever a server says about waiting, and whatever it answers, a call ends in bounded time with an error of ours.

Headers hold any text, bodies any bytes, statuses any number: the hint is a finite number of seconds or nothing, the
policy has a verdict, and no call sends or sleeps more than it may. `PROPERTY_SCALE` multiplies the examples.
"""

from __future__ import annotations

import json
import math
import time
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from flow_kit import GONE, JSON, UNREACHED, Head, Played, ask, new_call
from hypothesis import given
from hypothesis import strategies as st
from property_kit import examples

from inference_do._protocol.call import TimedOut
from inference_do._protocol.retry import LIMIT_HEADERS, Budget, Policy, is_retryable, wait_hint
from inference_do._protocol.status import from_event, from_status
from inference_do.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    ContextLengthError,
    InferenceError,
    QuotaExceededError,
    StreamFailed,
)

NOW = 1_800_000_000.0
NAMES = ["retry-after", "retry-after-ms", "x-should-retry", "x-request-id", "date"] + [
    f"x-ratelimit-{what}-{bucket}" for what in ("limit", "remaining", "reset") for bucket in (*LIMIT_HEADERS, "other")
]
DATES = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31)).flatmap(  # noqa: DTZ001  any zone is put to it
    lambda when: st.sampled_from(
        [
            format_datetime(when.replace(tzinfo=UTC), usegmt=True),
            when.strftime("%A, %d-%b-%y %H:%M:%S GMT"),
            when.strftime("%a %b %d %H:%M:%S %Y"),
            format_datetime(when.replace(tzinfo=timezone(timedelta(hours=-5)))),
        ]
    )
)
NUMBERS = st.floats().map(str) | st.integers().map(str) | st.integers(0, 10**400).map(str) | st.decimals().map(str)
TEXT = (
    st.text(max_size=40)
    | st.text("0123456789.,+-eE_ \t\r\n٣٤ⅷnaif;:", max_size=20)
    | st.from_regex(r"\A\w{3}, \d{1,5} \w{3} \d{1,6} \d{1,3}:\d\d:\d\d ([+-]\d{1,12}|GMT)?\Z")
    | st.sampled_from(["", "0", "1", "true", "false", "nan", "inf", "-0", "1e400", "9" * 5000, "\ud83d"])
)
VALUE = NUMBERS | DATES | TEXT
HEADERS = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), VALUE, max_size=8)
CLOCK = st.floats(0, 1e12)


@given(HEADERS, CLOCK)
@examples(80)
def test_a_hint_is_a_finite_number_of_seconds_or_nothing(headers, now):
    hint = wait_hint(headers, now=now)
    assert hint is None or (math.isfinite(hint) and hint >= 0)


@given(HEADERS, st.text(max_size=8), VALUE)
@examples(40)
def test_a_header_that_is_none_of_these_changes_nothing(headers, name, value):
    assert wait_hint({**headers, f"z-{name}": value}, now=NOW) == wait_hint(headers, now=NOW)


@given(st.floats(0, 1e9))
@examples(100)
def test_a_number_of_seconds_is_read_as_it_stands(seconds):
    text = f"{seconds:.6f}"
    assert wait_hint({"retry-after": text}, now=NOW) == float(text)
    assert wait_hint({"retry-after-ms": text}, now=NOW) == float(text) / 1000


FORMS = {
    "today's": "%a, %d %b %Y %H:%M:%S GMT",
    "RFC 850": "%A, %d-%b-%y %H:%M:%S GMT",
    "asctime": "%a %b %d %H:%M:%S %Y",
    "zone unknown": "%a, %d %b %Y %H:%M:%S -0000",
    "no zone": "%a, %d %b %Y %H:%M:%S",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_a_date_means_the_same_wherever_it_is_read(monkeypatch, form, zone):
    """RFC 9110, 5.6.7: all three forms are read, and all are in GMT."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert wait_hint({"retry-after": datetime.fromtimestamp(NOW + 30, UTC).strftime(form)}, now=NOW) == 30.0
    finally:
        monkeypatch.undo()
        time.tzset()


# --- verdicts ---

FIELDS = ["error", "message", "type", "code", "status_code", "detail", "msg", "loc", "id", "object"]
JSON_VALUE: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=4,
)
BODY = (
    JSON_VALUE.map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=40)
    | st.sampled_from([b"", b"<html>", b"[" * 5000, b'{"error":' * 3000, b'{"code":1' + b"0" * 5000 + b"}"])
)
STATUS = st.integers(400, 599) | st.sampled_from([408, 409, 429, 503, 529, 600, 999])


@given(STATUS, BODY, HEADERS, st.integers(1, 2000), st.floats(0, 1))
@examples(60)
def test_every_status_body_and_headers_have_a_verdict(status, body, headers, attempts, chance):
    text = body.decode("utf-8", "replace")
    error = from_status(status, text, attempts=attempts, retry_after=wait_hint(headers, now=NOW))
    assert error.status == status
    assert len(error.message) < 800
    error.retryable = is_retryable(error, headers)
    policy = Policy(max_retries=10**6, chance=lambda: chance)
    pause = policy.pause(error)
    assert pause is None or 0 <= pause <= max(policy.cap, policy.hint_cap)
    assert not (pause is None and error.retry_after is None)
    assert policy.allows(error, ambiguous=False) is error.retryable
    if isinstance(error, QuotaExceededError):
        assert not error.retryable


@given(BODY)
@examples(80)
def test_every_error_event_has_a_class(body):
    error = from_event(body.decode("utf-8", "replace"), attempts=1, request_id=None)
    assert isinstance(error, StreamFailed)
    assert error.like is None or issubclass(error.like, APIStatusError)
    assert len(error.message) < 800


def test_context_and_quota_are_distinguished_from_other_refusals_only_where_they_can_be():
    for status in range(400, 600):
        error = from_status(status, '{"error": {"message": "maximum context length, insufficient_quota"}}', attempts=1)
        assert isinstance(error, ContextLengthError) == (status in {400, 413, 422})
        assert isinstance(error, QuotaExceededError) == (status in {402, 403, 429})


# --- a server that does anything ---


def refusal(status: int, body: bytes, headers: dict[str, str]) -> tuple[Any, ...]:
    return Head(status, headers), *([body] if body else []), b""


GOOD = (JSON, b'{"ok": 1}', b"")
TURN = (
    st.builds(refusal, STATUS, BODY, HEADERS)
    | st.sampled_from([(UNREACHED,), (GONE,), (TimedOut("connect"),), (TimedOut("pool"),), (TimedOut(),), GOOD])
    | st.sampled_from([(JSON, b'{"ok"', GONE), (JSON, b""), (JSON, TimedOut()), (Head(302, {"location": "x"}),)])
)
TURNS = st.lists(TURN, min_size=9, max_size=9)


@given(TURNS, st.integers(0, 8), st.booleans(), st.sampled_from([None, 0.5, 30.0]), st.sampled_from([0.0, 35.0, 100.0]))
@examples(40)
def test_a_call_sends_and_sleeps_no_more_than_it_may(turns, retries, ambiguous, total, store):
    budget = Budget(size=store)
    call = new_call(retries=retries, retry_ambiguous=ambiguous, budget=budget, timeout={"total": total})
    began = call.clock()
    played = ask(call, *(response for turn in turns for response in turn))
    pauses = [float(step.removeprefix("sleep:")) for step in played.trace.split() if step.startswith("sleep:")]
    assert 1 <= played.sends <= 1 + min(retries, store // 10)
    assert len(pauses) == played.sends - 1
    assert all(0 <= pause <= 60 for pause in pauses)
    assert total is None or sum(pauses) < total
    assert call.clock() >= began
    if played.error is None:
        assert played.results == [1]
        return
    check_ending(played)


def check_ending(played: Played) -> None:
    error = played.error
    assert isinstance(error, InferenceError)
    assert error.attempts == played.sends
    assert error.__cause__ is None
    assert error.__context__ is None
    if isinstance(error, APIStatusError):
        assert error.retry_after is None or error.retry_after >= 0
    if isinstance(error, APITimeoutError):
        assert error.phase in {"connect", "pool", "first_token", "idle", "total"}


@given(TURNS, st.integers(0, 5))
@examples(25)
def test_what_is_final_is_sent_once_more_by_nobody(turns, retries):
    """The last turn that was answered is why the call ended: a success, a refusal that is final, or no retries left."""
    played = ask(new_call(retries=retries), *(response for turn in turns for response in turn))
    if played.error is None or played.sends == 1 + retries:
        return
    error = played.error
    may_retry = error.retryable and not isinstance(error, QuotaExceededError)
    asked_for_too_much = isinstance(error, APIStatusError) and (error.retry_after or 0) > 60
    second_wait = isinstance(error, APITimeoutError) and error.attempts > 1
    assert not may_retry or asked_for_too_much or second_wait
    assert not isinstance(error, APIConnectionError) or second_wait or not error.retryable
