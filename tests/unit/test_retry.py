"""The retry policy, the servers' hints, the budget."""

# ruff: noqa: E501  the rows of its tables stay rows

from __future__ import annotations

import math
import threading
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_do._protocol.retry import (
    RETRIED_STATUSES,
    Budget,
    Policy,
    StatedLimit,
    is_retryable,
    stated_limits,
    wait_hint,
)
from inference_do.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    ProtocolError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)

NOW = 1_800_000_000.0


def lost(attempts: int = 1, *, retryable: bool = True) -> APIConnectionError:
    return APIConnectionError("lost", attempts=attempts, retryable=retryable)


def late(attempts: int = 1) -> APITimeoutError:
    return APITimeoutError("late", phase="first_token", attempts=attempts, retryable=True)


ALLOWED = [
    # policy, error, ambiguous, verdict
    ({}, lost(), False, True),
    ({}, lost(), True, True),
    ({}, lost(2), True, True),
    ({}, lost(3), False, False),
    ({}, lost(retryable=False), False, False),
    ({}, late(), True, True),
    ({}, late(2), True, False),
    ({}, late(2), False, True),
    ({"retry_ambiguous": False}, lost(), True, False),
    ({"retry_ambiguous": False}, late(), True, False),
    ({"retry_ambiguous": False}, lost(), False, True),
    ({"max_retries": 0}, lost(), False, False),
    ({"max_retries": 5}, lost(5), False, True),
    ({}, ProtocolError("x", attempts=1), False, False),
]


@pytest.mark.parametrize(("policy", "error", "ambiguous", "verdict"), ALLOWED)
def test_what_is_sent_again(policy, error, ambiguous, verdict):
    assert Policy(**policy).allows(error, ambiguous=ambiguous) is verdict


def test_refusals_by_a_rate_limit_are_not_counted():
    policy = Policy(chance=lambda: 1.0)
    assert policy.allows(lost(4), ambiguous=False, paced=2)
    assert not policy.allows(lost(4), ambiguous=False, paced=1)
    assert policy.allows(late(3), ambiguous=True, paced=2)
    assert not policy.allows(late(3), ambiguous=True, paced=1)
    assert [policy.pause(lost(3), paced=paced) for paced in (0, 1, 2)] == [2.0, 1.0, 0.5]


def server(attempts: int = 1, status: int = 503, hint: float | None = None) -> APIStatusError:
    kind = RateLimitError if status == 429 else ServerError
    return kind("x", status=status, attempts=attempts, retry_after=hint, retryable=True)


PAUSES = [
    (lost(1), 0.0, 0.5),
    (lost(2), 0.0, 1.0),
    (lost(4), 0.0, 4.0),
    (lost(5), 0.0, 8.0),
    (lost(9), 0.0, 8.0),
    (server(), 0.0, 0.5),
    (server(status=429), 0.25, 0.5),
    (server(status=429, attempts=9), 4.0, 8.0),
    (server(hint=3.0), 3.0, 3.0),
    (server(hint=60.0), 60.0, 60.0),
    (server(hint=60.001), None, None),
    (server(hint=0.0), 0.0, 0.0),
    (lost(5000), 0.0, 8.0),
]


@pytest.mark.parametrize(("error", "least", "most"), PAUSES)
def test_how_long_it_waits(error, least, most):
    assert Policy(chance=lambda: 0.0).pause(error) == least
    assert Policy(chance=lambda: 1.0).pause(error) == most


def test_chance_is_left_out_of_the_policys_rendering():
    assert "chance" not in repr(Policy())


RETRYABLE = [
    (APIStatusError("x", status=status), {}, status in {408, 409, 429, 500, 502, 503, 504, *range(520, 526), 529, 530})
    for status in (400, 401, 404, 407, 408, 409, 410, 425, 428, 429, 430, 451, *range(499, 506), *range(519, 532), 599)
] + [
    (APIStatusError("x", status=400), {"x-should-retry": "true"}, True),
    (APIStatusError("x", status=400), {"x-should-retry": "TRUE"}, True),
    (APIStatusError("x", status=503), {"x-should-retry": "false"}, False),
    (APIStatusError("x", status=503), {"x-should-retry": "perhaps"}, True),
    (QuotaExceededError("x", status=429), {}, False),
    (QuotaExceededError("x", status=429), {"x-should-retry": "true"}, False),
]


@pytest.mark.parametrize(("error", "headers", "verdict"), RETRYABLE)
def test_which_statuses(error, headers, verdict):
    assert is_retryable(error, headers) is verdict
    assert 429 in RETRIED_STATUSES


def http_date(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(NOW + seconds, UTC), usegmt=True)


def reset(bucket: str, at: Any, remaining: Any = 0) -> dict[str, str]:
    return {f"x-ratelimit-reset-{bucket}": str(at), f"x-ratelimit-remaining-{bucket}": str(remaining)}


HINTS: list[tuple[dict[str, str], float | None]] = [
    ({}, None),
    ({"retry-after": "1"}, 1.0),
    ({"retry-after": "1.5"}, 1.5),
    ({"retry-after": " 2\t"}, 2.0),
    ({"retry-after": "0"}, 0.0),
    ({"retry-after": "100000"}, 100000.0),
    ({"retry-after-ms": "300"}, 0.3),
    ({"retry-after-ms": "300", "retry-after": "9"}, 0.3),
    ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
    *[({"retry-after": text}, None) for text in ("", " ", "nan", "inf", "-5", "+5", "1e3", "1e400", "1;2", "1,2", "0x10", "1_0", ".5", "5.", "٣", "9" * 400, "soon")],
    ({"retry-after": http_date(30)}, 30.0),
    ({"retry-after": http_date(-30)}, 0.0),
    ({"retry-after": "Mon, 99 Jan 2027 00:00:00 GMT"}, None),
    (reset("requests", NOW + 7), 7.0),
    (reset("requests", NOW + 7, remaining=1), None),
    (reset("requests", NOW + 7, remaining=""), 7.0),
    ({"x-ratelimit-reset-requests": str(NOW + 7)}, 7.0),
    (reset("tokens-per-minute", NOW + 8), 8.0),
    (reset("tokens-per-day", NOW + 9), 9.0),
    (reset("requests", 0), None),
    (reset("requests", NOW), None),
    (reset("requests", NOW - 5), None),
    (reset("requests", "soon"), None),
    (reset("requests", NOW + 7) | reset("tokens-per-minute", NOW + 40), 40.0),
    (reset("requests", NOW + 7) | reset("tokens-per-day", NOW + 40, remaining=5), 7.0),
    (reset("requests", NOW + 7) | {"retry-after": "2"}, 2.0),
    (reset("requests", NOW + 7) | {"retry-after": "nan"}, 7.0),
    (reset("other", NOW + 7), None),
    (reset("requests", NOW + 7) | {"date": http_date(3)}, 7.0),
    (reset("requests", NOW + 7) | {"date": http_date(5)}, 7.0),
    (reset("requests", NOW + 7) | {"date": http_date(6)}, 1.0),
    (reset("requests", NOW + 7) | {"date": http_date(-10)}, 17.0),
    (reset("requests", NOW + 7) | {"date": "soon"}, 7.0),
    ({"retry-after": format_datetime(datetime.fromtimestamp(NOW + 30, timezone(timedelta(hours=2))))}, 30.0),
    ({"retry-after": http_date(30).removesuffix(" GMT")}, 30.0),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "seconds"), HINTS)
def test_what_the_server_wishes(headers, seconds):
    assert wait_hint(headers, now=NOW) == seconds


def test_a_limit_may_be_stated_in_part():
    headers = {
        "x-ratelimit-remaining-requests": "5",
        **reset("tokens-per-minute", int(NOW) + 7),
        **reset("tokens-per-day", 0, remaining=""),
        "x-ratelimit-limit-tokens-per-day": "100",
    }
    assert stated_limits(headers, NOW) == {
        "requests": StatedLimit(None, 5.0, None, is_rounded=True),
        "tokens-per-minute": StatedLimit(None, 0.0, 7.0, is_rounded=True),
        "tokens-per-day": StatedLimit(100.0, 0.0, None, is_rounded=True),
    }
    assert stated_limits({"x-ratelimit-limit-requests": "5"}, NOW) == {}


def test_a_limit_of_none_is_not_stated():
    headers = {"x-ratelimit-limit-requests": "0", "x-ratelimit-remaining-requests": "0"}
    assert stated_limits(headers, NOW) == {"requests": StatedLimit(None, 0.0, None, is_rounded=True)}


NAMES = ["retry-after", "retry-after-ms", "x-ratelimit-reset-requests", "x-ratelimit-remaining-requests"]
VALUES = (
    st.text()
    | st.from_regex(r"\A\w{3}, \d{1,5} \w{3} \d{1,6} \d{1,3}:\d\d:\d\d ([+-]\d{1,12}|GMT)\Z")
    | st.floats().map(str)
)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES))
@settings(max_examples=100, deadline=None)
def test_whatever_the_headers_say_the_hint_is_a_number_or_nothing(headers):
    hint = wait_hint(headers, now=NOW)
    assert hint is None or (math.isfinite(hint) and hint >= 0)


# --- budget ---


def test_retries_cost_and_successes_give_back_up_to_the_size():
    budget = Budget(size=25, cost=10, refund=4)
    assert [budget.take() for _ in range(3)] == [True, True, False]
    assert budget.left == 5
    budget.refund()
    assert not budget.take()
    budget.refund()
    assert budget.take()
    for _ in range(100):
        budget.refund()
    assert budget.left == 25


def test_by_default_ten_retries_are_in_store():
    budget = Budget()
    assert sum(budget.take() for _ in range(100)) == 10


def test_threads_take_no_more_than_there_is():
    budget = Budget(size=1000, cost=1)
    taken: list[int] = []

    def work() -> None:
        taken.append(sum(budget.take() for _ in range(400)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(taken), budget.left) == (1000, 0)
