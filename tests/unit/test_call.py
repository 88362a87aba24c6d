"""What a call knows of itself: how long it may wait, what it says of a wait, what no rendering of it shows."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from flow_kit import DONE, JSON, NOW, SSE, UNREACHED, ask, chunk, event, new_call, play, status, stream

from inference_do import RateLimit
from inference_do._observer import observed
from inference_do._protocol.call import Disconnected, Head, KeylessRequest
from inference_do._protocol.flow import call_flow
from inference_do._protocol.pacing import Pacer, Traffic
from inference_do._protocol.ratelimits import LOOK_SECONDS
from inference_do.errors import APIConnectionError, ProtocolError, RateLimitError, ServerError
from inference_do.types import Usage


def limits(reset: float) -> dict[str, str]:
    return {"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": str(reset)}


OK = (JSON, b'{"ok": 1}', b"")


def test_a_request_to_a_presigned_url_shows_nothing_of_it():
    request = KeylessRequest(method="GET", url="https://x.test/?sig=1", headers={}, query={}, content=None)
    assert repr(request) == "KeylessRequest(GET)"


def test_a_lost_connection_keeps_what_is_known_of_it():
    lost = Disconnected("it broke", sent=True, non_retryable=True, malformed=True)
    assert (str(lost), lost.reason) == ("it broke", "it broke")
    assert (lost.sent, lost.non_retryable, lost.malformed) == (True, True, True)
    lost = Disconnected("it broke", sent=False)
    assert (lost.sent, lost.non_retryable, lost.malformed) == (False, False, False)


def waiting(*, waited: float = 0.0, **options: object):
    call = new_call(model="m", **options)
    call.begin()
    call.waited = waited
    return call


@pytest.mark.parametrize(
    ("call", "most"),
    [
        (waiting(), 60.0),
        (waiting(rate_limit_wait=2.0), 2.0),
        (waiting(rate_limit_wait=2.0, waited=0.5), 1.5),
        (waiting(rate_limit_wait=0.0), LOOK_SECONDS),
        (waiting(rate_limit_wait=None, timeout={"total": 9.0}), 9.0),
        (waiting(rate_limit_wait=2.0, timeout={"total": 9.0}), 2.0),
        (waiting(rate_limit_wait=20.0, timeout={"total": 9.0}), 9.0),
    ],
)
def test_a_call_waits_for_the_rate_limit_as_long_as_it_may(call, most):
    call.check_wait(most)
    with pytest.raises(RateLimitError) as caught:
        call.check_wait(most + 0.001)
    assert (caught.value.status, caught.value.retryable, caught.value.retry_after) == (429, True, most + 0.001)
    assert caught.value.attempts == 0


def test_without_a_bound_it_waits_for_ever():
    waiting(rate_limit_wait=None, timeout={"total": None}).check_wait(1e9)


@pytest.mark.parametrize(
    ("options", "bound"),
    [
        ({"rate_limit_wait": 2.0}, "rate_limit_wait=2"),
        ({"rate_limit_wait": None, "timeout": {"total": 2.0}}, "the timeout's total=2"),
        ({"rate_limit_wait": 2.0, "timeout": {"total": 2.0}}, "the timeout's total=2"),
        ({"rate_limit_wait": 2.0, "timeout": {"total": 3.0}}, "rate_limit_wait=2"),
    ],
)
def test_the_error_names_the_shorter_bound(options, bound):
    with pytest.raises(RateLimitError) as caught:
        waiting(**options).check_wait(5.0)
    assert caught.value.message == (
        "the rate limit of 'm' is used up: there is room for another request in 5 s, "
        f"which is more than {bound} allows; nothing was sent"
    )


def test_the_error_says_how_long_it_has_waited():
    with pytest.raises(
        RateLimitError, match=r"is used up: after 1.5 s of waiting, there is room for another request in 5 s"
    ):
        waiting(rate_limit_wait=2.0, waited=1.5).check_wait(5.0)


def test_the_last_refusal_is_what_is_raised_where_there_is_one():
    call = waiting(rate_limit_wait=2.0)
    call.refusal = RateLimitError("429 Too Many Requests", status=429)
    with pytest.raises(RateLimitError) as caught:
        call.check_wait(5.0)
    assert caught.value is call.refusal
    assert caught.value.args == (caught.value.message,)
    assert str(caught.value).startswith(
        "429 Too Many Requests; there is room for another request in 5 s, which is more"
    )


def test_refusals_that_said_when_there_is_room_do_not_make_pauses_longer():
    for paced, pause in ((0, 1.0), (1, 0.5)):
        call = new_call()
        call.paced = paced
        assert call.pause_after(ServerError("x", status=503, attempts=2, retryable=True)) == pause


@pytest.mark.parametrize(("hint", "sends"), [({}, 2), ({"retry_after": "1"}, 1), ({"retry_after": "0"}, 2)])
def test_a_wait_that_the_server_asks_for_is_one_for_the_rate_limit(hint, sends):
    assert ask(new_call(rate_limit_wait=0.0), *status(429, **hint), *OK).sends == sends


class Waits:
    """Notes the waits of the calls that it observes."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.usage: list[tuple[object, ...]] = []

    def on_usage(self, *usage: object) -> None:
        self.usage.append(usage)

    def on_wait(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.mark.parametrize(
    ("retries", "is_retryable", "is_stated", "is_paced"),
    [(2, True, True, True), (0, True, True, False), (2, False, True, False), (2, True, False, False)],
)
def test_which_refusal_is_waited_for_and_is_no_retry(retries, is_retryable, is_stated, is_paced):
    call = new_call(retries=retries)
    call.is_refused = is_stated
    refusal = RateLimitError("429", status=429, retryable=is_retryable)
    assert call.is_paced(refusal) is is_paced
    assert (call.refusal, call.paced) == ((refusal, 1) if is_paced else (None, 0))
    assert not call.is_paced(ServerError("503", status=503, retryable=True))
    assert (call.refusal, call.paced) == (None, int(is_paced))


def test_a_retry_is_reported_as_one():
    reported = []
    ask(new_call(on_retry=reported.append), *status(503), *OK)
    assert [details.reason for details in reported] == ["retry"]


def test_the_log_shows_text_on_its_line():
    call = new_call(scrub=lambda text: text.replace("key", "***"))
    shown = {text: call.for_log(text) for text in ("é key", "a\nkey", "", None)}
    assert shown == {"é key": "é ***", "a\nkey": "'a\\n***'", "": "-", None: "-"}


def test_a_lost_connection_behind_a_refusal_is_an_outage():
    call = new_call(retries=1)
    call.pacer = Pacer(clock=call.clock)
    refused = status(429, **limits(NOW + 2))
    played = ask(call, *refused, UNREACHED, UNREACHED)
    assert (played.sends, played.unused, call.paced) == (3, [], 1)


def test_refusals_that_say_that_there_is_room_are_believed_five_times():
    call = new_call()
    call.pacer = Pacer(clock=call.clock)
    call.begin()

    def is_refused(code: int, reset: float) -> bool:
        given = {name.replace("_", "-"): value for name, value in limits(reset).items()}
        call.response_info_of(Head(code, given))
        return call.is_refused

    assert [is_refused(429, NOW) for _ in range(6)] == [True] * 5 + [False]
    assert is_refused(429, NOW + 0.5)
    assert [is_refused(429, NOW) for _ in range(6)] == [True] * 5 + [False]
    assert not is_refused(200, NOW)
    assert [is_refused(429, NOW) for _ in range(6)] == [True] * 5 + [False]


def test_the_deadline_is_named_where_it_ended_a_phase():
    call = new_call(timeout={"idle": 5.0, "total": 10.0}, peer="api.test:443")
    call.begin()
    assert call.fault(UNREACHED, "idle").peer == "api.test:443"
    for now, phase in ((5.0, "idle"), (9.99, "idle"), (9.9995, "total"), (11.0, "total")):
        call.clock.time = 1000.0 + now
        error = call.timed_out(phase="idle")
        assert (error.phase, error.peer) == (phase, "api.test:443")
        assert f"within {10 if phase == 'total' else 5} s (timeout phase '{phase}')" in str(error)


@pytest.mark.parametrize(
    ("usage", "most"),
    [
        ({"total_tokens": 1000}, 0),
        (Usage(total_tokens=1000), 0),
        ({"total_tokens": 100.0}, 9),
        ({"total_tokens": None}, 1),
        (None, 1),
    ],
)
def test_an_own_limit_of_tokens_hears_what_an_answer_took(usage, most):
    call = new_call(model="m")
    call.pacer = Traffic(RateLimit(tokens=1000, seconds=60), clock=call.clock).pacer_of("m")
    call.begin()
    assert call.turn.look() == (0.0, 0.0)
    call.turn.answered(200, {}, NOW)
    call.take_usage("m", usage)
    sent = 0
    while call.pacer.turn().look() == (0.0, 0.0):
        sent += 1
    assert sent == most


def test_a_server_that_repeats_the_key_in_a_header_is_not_repeated():
    call = new_call(scrub=lambda text: text.replace("key", "***"))
    ask(call, Head(200, {"x-request-id": "r", "x-key": "a key"}), *OK[1:])
    assert call.info.headers == {"x-request-id": "r", "x-***": "a ***"}


def test_usage_is_observed():
    waits = Waits()
    with observed(waits):
        new_call(model="m").take_usage("m-1", {"total_tokens": 5})
        call = new_call(model="m")
        answer = SimpleNamespace(model="m-2", usage={"total_tokens": 6})
        play(call_flow(call, lambda _: answer), call, *OK)
        final = event({"model": "m-3", "choices": [], "usage": {"total_tokens": 7}})
        stream(new_call(model="m"), SSE, chunk("Hi", finish="stop"), final, DONE, b"")
    assert waits.usage == [
        ("m", "m-1", {"total_tokens": 5}),
        ("m", "m-2", {"total_tokens": 6}),
        ("m", "m", {"total_tokens": 7}),
    ]


def test_waits_for_rate_limits_are_observed_and_those_for_outages_are_not():
    waits = Waits()
    with observed(waits):
        ask(new_call(), *status(503), *status(429), *OK)
        waiting().report("rate_limit", 3.0, None)
    assert waits.seconds == [1.0, 3.0]


@pytest.mark.parametrize(
    ("reason", "failure", "said"),
    [
        ("retry", APIConnectionError("lost"), "sending again in 3.00 s: lost (model m, "),
        ("retry", ProtocolError("odd"), "sending again in 3.00 s: ProtocolError (model m, "),
        (
            "rate_limit",
            None,
            "sending when the rate limit has room in 3.00 s: the API's last response left no room (model m, ",
        ),
        (
            "retry",
            ServerError("x", status=503),
            "sending again in 3.00 s: ServerError, status 503 (model m, 0 sent so far, ",
        ),
    ],
)
def test_a_wait_is_a_line_of_the_log(reason, failure, said, caplog):
    caplog.set_level(logging.INFO, "inference_do")
    details = []
    call = waiting(waited=1.0, on_retry=details.append)
    call.report(reason, 3.0, failure)
    (record,) = caplog.records
    assert record.getMessage().startswith(said)
    (reported,) = details
    assert (reported.reason, reported.wait_for, reported.waited_so_far, reported.attempts) == (reason, 3.0, 1.0, 0)
    assert (reported.model, reported.caused_by) == ("m", failure)
