"""The protocol of whole calls: retries, budget, deadline, hints, bodies. No sockets and no waiting (flow_kit)."""

from __future__ import annotations

from typing import Any

import pytest
from flow_kit import GONE, ID, JSON, NOW, UNREACHED, After, ask, new_call, play, status

from inference_do import errors
from inference_do._protocol.call import Disconnected, Head, Send, Sleep, TimedOut
from inference_do._protocol.flow import BODY_LIMIT, ERROR_BODY_LIMIT, call_flow
from inference_do._protocol.pacing import Pacer
from inference_do._protocol.retry import Budget
from inference_do._protocol.sse import BOM

OK = (JSON, b'{"ok": 1}', b"")
GOOD = "send read read release =1"
CONTEXT = {"error": {"message": "the token count: [9] exceeds the model: [m]'s maximum token count: [8]"}}
QUOTA = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}


# --- success ---


def test_an_answer_is_sent_read_to_its_end_and_released_before_it_is_handed_out():
    call = new_call()
    played = ask(call, *OK)
    assert played.trace == GOOD
    assert (played.results, played.error, played.unused) == ([1], None, [])
    assert call.info is not None
    assert (call.info.status, call.info.attempts, call.request_id) == (200, 1, "req-1")


@pytest.mark.parametrize("code", [200, 201, 299])
def test_any_success_counts(code):
    assert ask(new_call(), Head(code, {}), b'{"ok": 1}', b"").results == [1]


def test_a_body_may_come_in_any_pieces():
    assert ask(new_call(), JSON, b"{", b'"o', b'k":1}', b"").results == [1]


# --- retries: script -> trace and outcome ---

REFUSED = status(503)
BROKE = "the connection to the API broke: it was closed"

RETRIES = [
    # what the server does, the trace, the outcome
    ([*REFUSED, *OK], f"send read read release sleep:0.5 {GOOD}", "ok"),
    (
        [*REFUSED, *status(500), *OK],
        f"send read read release sleep:0.5 send read read release sleep:1 {GOOD}",
        "ok",
    ),
    (
        [*REFUSED, *REFUSED, *REFUSED],
        "send read read release sleep:0.5 send read read release sleep:1 send read read release",
        "ServerError: 503 Service Unavailable: no (3 attempts)",
    ),
    ([UNREACHED, *OK], f"send release sleep:0.5 {GOOD}", "ok"),
    ([GONE, *OK], f"send release sleep:0.5 {GOOD}", "ok"),
    ([GONE, GONE, GONE], "send release sleep:0.5 send release sleep:1 send release", f"APIConnectionError: {BROKE}"),
    ([JSON, b"{", GONE, *OK], f"send read read release sleep:0.5 {GOOD}", "ok"),
    ([TimedOut("connect"), TimedOut("pool"), *OK], f"send release sleep:0.5 send release sleep:1 {GOOD}", "ok"),
    ([TimedOut("write"), *OK], f"send release sleep:0.5 {GOOD}", "ok"),
    ([TimedOut(), *OK], f"send release sleep:0.5 {GOOD}", "ok"),
    (
        [TimedOut(), TimedOut()],
        "send release sleep:0.5 send release",
        "APITimeoutError: the API did not begin to answer",
    ),
    ([GONE, TimedOut()], "send release sleep:0.5 send release", "APITimeoutError: the API did not begin to answer"),
    (
        [TimedOut("connect"), TimedOut()],
        "send release sleep:0.5 send release",
        "APITimeoutError: the API did not begin",
    ),
    ([JSON, TimedOut(), *OK], f"send read release sleep:0.5 {GOOD}", "ok"),
    ([JSON, b" \n", TimedOut(), *OK], f"send read read release sleep:0.5 {GOOD}", "ok"),
    ([JSON, b"{", b" \n", TimedOut()], "send read read read release", "APITimeoutError: the API fell silent"),
    ([JSON, BOM + b'{"ok": 1}', b""], GOOD, "ok"),
    (
        [*status(400, BOM + b'{"error": {"message": "no \xff"}}')],
        "send read read release",
        "BadRequestError: 400 Bad Request: no \ufffd",
    ),
    (
        [JSON, BOM + b'{"error": {"message": "no", "code": 404}}', b""],
        "send read read release",
        "NotFoundError: 404 Not Found: no",
    ),
    (
        [JSON, b'{"response": {"a": 1}}', b""],
        "send read read release",
        "ProtocolError: the response is not what was asked for: it has no ok",
    ),
    (
        [JSON, b'{"message": "no"}', b""],
        "send read read release",
        "ProtocolError: the API answered 200 with an error: no",
    ),
    (
        [JSON, b'{"a": "no"}', b""],
        "send read read release",
        "ProtocolError: the response is not what was asked for: it has no ok",
    ),
    (
        [Head(400, {}), b'{"error": {"mess', b'age": "no"}}', b""],
        "send read read read release",
        "BadRequestError: 400 Bad Request: no",
    ),
    (
        [Head(400, {}), b"half a", b" text", GONE],
        "send read read read release",
        "BadRequestError: 400 Bad Request: half a text",
    ),
    (
        [JSON, b"{", TimedOut()],
        "send read read release",
        "APITimeoutError: the API fell silent: nothing came within 120",
    ),
    (
        [Disconnected("no connection to the API: certificate", sent=False, non_retryable=True)],
        "send release",
        "APIConnectionError: no connection to the API: certificate",
    ),
    ([*status(429, QUOTA)], "send read read release", "QuotaExceededError: 429 Too Many Requests: You exceeded"),
    ([*status(503, x_should_retry="false")], "send read read release", "ServerError: 503"),
    ([*status(400, x_should_retry="true"), *OK], f"send read read release sleep:0.5 {GOOD}", "ok"),
    ([*status(429, QUOTA, x_should_retry="true")], "send read read release", "QuotaExceededError"),
    ([JSON, b"<html>", b""], "send read read release", "ProtocolError: the response is not JSON: an HTML page"),
]


@pytest.mark.parametrize(("script", "trace", "outcome"), RETRIES, ids=[row[2][:40] for row in RETRIES])
def test_retries(script, trace, outcome):
    played = ask(new_call(), *script)
    assert played.trace == trace
    assert played.outcome.startswith(outcome)
    assert played.unused == []


def test_the_request_goes_with_the_timeouts_of_its_phases():
    call = new_call(timeout={"connect": 1.0, "pool": 2.0, "write": 3.0, "first_token": 4.0, "total": 100.0})
    (command, *_) = ask(call, *OK).commands
    assert command == Send(connect=1.0, pool=2.0, write=3.0, read=4.0, deadline=1100.0)


def test_a_pause_that_is_interrupted_is_an_error():
    call = new_call()
    flow = call_flow(call, lambda body: body)
    head, *body = status(503)
    for answer in (None, head, *body, None):
        command = flow.send(answer)
    assert isinstance(command, Sleep)
    with pytest.raises(errors.APIConnectionError, match="refused"):
        flow.throw(UNREACHED)


def test_who_gets_no_answer_expects_none_any_more():
    call = new_call(retries=0)
    call.pacer = Pacer(clock=call.clock)
    assert ask(call, UNREACHED).error is not None
    call.pacer.turn().look()
    assert len(call.pacer._unanswered) == 1


@pytest.mark.parametrize(
    ("seconds", "is_refused", "is_reported"), [(0.125, False, False), (0.125, True, True), (0.5, False, True)]
)
def test_a_wait_for_the_rate_limit_is_reported_where_it_is_noticed(seconds, is_refused, is_reported):
    reported = []
    call = new_call(on_retry=reported.append)
    call.pacer = Pacer(clock=call.clock)
    used_up = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": str(NOW + seconds)}
    if is_refused:
        script = (Head(429, used_up), b"{}", b"")
    else:
        script = ()
        turn = call.pacer.turn()
        turn.look()
        turn.answered(200, used_up, NOW)
    assert ask(call, *script, *OK).outcome == "ok"
    assert [(details.reason, details.wait_for) for details in reported] == (
        [("rate_limit", seconds)] if is_reported else []
    )


@pytest.mark.parametrize(("patience", "trace"), [(12.5, f"sleep:5 sleep:5 sleep:2 {GOOD}"), (11.5, "")])
def test_a_long_wait_for_the_rate_limit_is_reported_once_and_counted_or_not_begun(patience, trace):
    reported = []
    call = new_call(on_retry=reported.append, rate_limit_wait=patience)
    call.pacer = Pacer(clock=call.clock)
    turn = call.pacer.turn()
    turn.look()
    turn.answered(200, {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": str(NOW + 12)}, NOW)
    played = ask(call, *(OK if trace else ()))
    assert played.trace == trace
    if trace:
        assert [details.wait_for for details in reported] == [12.0]
        assert call.waited == 12.0
    else:
        assert isinstance(played.error, errors.RateLimitError)
        assert (reported, call.waited) == ([], 0.0)


def test_a_reason_is_cut():
    def read(body: bytes) -> None:
        raise ValueError("x" * 300)

    call = new_call()
    assert play(call_flow(call, read), call, *OK).error.message.endswith(": " + "x" * 200)


@pytest.mark.parametrize("code", [408, 409, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 529, 530])
def test_passing_statuses_are_sent_again(code):
    assert ask(new_call(), *status(code), *OK).sends == 2


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 405, 413, 418, 422, 501, 505, 526])
def test_lasting_statuses_are_not(code):
    played = ask(new_call(), *status(code))
    assert played.sends == 1
    assert isinstance(played.error, errors.APIStatusError)
    assert played.error.status == code
    assert not played.error.retryable


def test_without_retries_nothing_is_sent_again_and_the_error_still_says_that_it_could_be():
    played = ask(new_call(retries=0), *REFUSED)
    assert (played.sends, played.error.retryable, played.error.attempts) == (1, True, 1)


@pytest.mark.parametrize("script", [[GONE], [TimedOut()], [JSON, GONE]])
def test_what_may_have_been_processed_is_not_sent_again_where_the_caller_forbids_it(script):
    played = ask(new_call(retry_ambiguous=False), *script)
    assert (played.sends, played.error.retryable) == (1, True)


@pytest.mark.parametrize("first", [UNREACHED, TimedOut("connect"), TimedOut("write")])
def test_what_was_not_sent_is_sent_again_all_the_same(first):
    assert ask(new_call(retry_ambiguous=False), first, *OK).results == [1]


def test_a_refusal_after_an_ambiguous_loss_is_classified_for_itself():
    assert ask(new_call(), GONE, *REFUSED, *OK).results == [1]


def test_errors_count_their_attempts_and_name_the_request():
    played = ask(new_call(retries=1), UNREACHED, *status(500, x_request_id="req-9"))
    assert (played.error.attempts, played.error.request_id) == (2, "req-9")
    assert str(played.error) == "500 Internal Server Error: no (request id req-9, 2 attempts)"


def test_an_id_of_an_earlier_attempt_is_not_given_to_a_later_failure():
    played = ask(new_call(retries=1), *status(500, x_request_id="req-9"), UNREACHED)
    assert played.error.request_id is None


def test_no_error_carries_another_exception():
    for script in ([GONE], [TimedOut()], [JSON, TimedOut()], [JSON, b"x", b""], status(400)):
        error = ask(new_call(retries=0), *script).error
        assert (error.__cause__, error.__context__) == (None, None)


# --- pauses, hints, budget, deadline ---


def test_pauses_are_drawn_and_throttling_waits_at_least_half():
    assert "sleep:0 " in ask(new_call(chance=0), *REFUSED, *OK).trace
    assert "sleep:0.25 " in ask(new_call(chance=0), *status(429), *OK).trace


HINTS = [
    ({"retry_after": "1.5"}, "sleep:1.5"),
    ({"retry_after": "9", "retry_after_ms": "300"}, "sleep:0.3"),
    ({"retry_after": "nan"}, "sleep:0.5"),
    ({"retry_after": "0"}, "sleep:0"),
    ({"retry_after": "60"}, "sleep:60"),
    ({"x_ratelimit_reset_requests": str(int(NOW) + 7), "x_ratelimit_remaining_requests": "0"}, "sleep:7"),
]


@pytest.mark.parametrize(("headers", "pause"), HINTS)
def test_the_servers_wish_is_granted(headers, pause):
    assert ask(new_call(), *status(429, **headers), *OK).trace.split()[4] == pause


def test_a_wish_above_the_cap_is_an_error_at_once():
    played = ask(new_call(), *status(429, retry_after="61"))
    assert played.trace == "send read read release"
    assert (played.error.retry_after, played.error.retryable) == (61.0, True)


def test_the_budget_ends_the_retries_and_successes_fill_it():
    budget = Budget(size=20)
    played = ask(new_call(retries=5, budget=budget), *REFUSED * 3)
    assert (played.sends, budget.left) == (3, 0)
    spent = ask(new_call(budget=budget), *REFUSED)
    assert spent.sends == 1
    assert "the client's budget of retries is used up" in str(spent.error)
    assert "budget" not in str(ask(new_call(budget=budget, retries=0), *REFUSED).error)
    for _ in range(10):
        ask(new_call(budget=budget), *OK)
    assert ask(new_call(budget=budget), *REFUSED, *OK).results == [1]


def test_a_refused_retry_costs_nothing():
    budget = Budget()
    ask(new_call(budget=budget), *status(429, retry_after="61"))
    ask(new_call(budget=budget), *status(400))
    ask(new_call(budget=budget, retries=0), *REFUSED)
    ask(new_call(budget=budget, timeout={"total": 0.5}), *REFUSED)
    assert budget.left == 100


def test_no_pause_reaches_the_deadline():
    played = ask(new_call(timeout={"total": 3.0}), *status(429, retry_after="3"))
    assert (played.sends, type(played.error)) == (1, errors.RateLimitError)
    assert ask(new_call(timeout={"total": 3.1}), *status(429, retry_after="3"), *OK).results == [1]


def test_timeouts_are_cut_to_the_deadline_and_shrink():
    call = new_call(timeout={"total": 5.0, "connect": None, "idle": None, "write": 1.0})
    played = ask(call, Head(503, {}), After(1.0, b"x"), b"", *OK)
    first, second = (command for command in played.commands if isinstance(command, Send))
    assert (first.connect, first.pool, first.write, first.read) == (5.0, 5.0, 1.0, 5.0)
    assert second.read == pytest.approx(3.5)
    assert played.timeouts()[0] == 5.0
    assert played.timeouts()[1] == pytest.approx(4.0)


def test_without_a_deadline_each_phase_has_its_own_limit():
    played = ask(new_call(), *OK)
    assert played.commands[0] == Send(connect=10.0, pool=60.0, write=60.0, read=600.0)
    assert played.timeouts() == [600.0, 120.0]


@pytest.mark.parametrize(
    "script", [[TimedOut()], [TimedOut("connect")], [JSON, TimedOut()], [JSON, After(9, b"x")], [After(9, JSON)]]
)
def test_the_deadline_is_named_where_it_ended_the_call(script):
    played = ask(new_call(timeout={"total": 3.0}), *script)
    assert played.sends == 1
    assert played.outcome.startswith("APITimeoutError: the call was not done within 3 s (timeout phase 'total')")
    assert (played.error.phase, played.error.retryable) == ("total", False)


def test_a_deadline_that_passes_while_a_refusal_is_read_is_not_lost():
    assert ask(new_call(timeout={"total": 3.0}), Head(503, {}), After(4, b"x")).error.phase == "total"


PHASES: list[tuple[Any, str, bool]] = [
    (TimedOut("connect"), "connect", True),
    (TimedOut("pool"), "pool", True),
    (TimedOut("write"), "write", True),
    (TimedOut(), "first_token", True),
]


@pytest.mark.parametrize(("marker", "phase", "retryable"), PHASES)
def test_a_timeout_names_its_phase(marker, phase, retryable):
    seconds = {"connect": 1, "pool": 2, "write": 3, "first_token": 4}
    error = ask(new_call(retries=0, timeout=seconds), marker).error
    assert isinstance(error, errors.APITimeoutError)
    assert (error.phase, error.retryable) == (phase, retryable)
    assert f"within {seconds[phase]} s" in str(error)


@pytest.mark.parametrize("phase", ["connect", "pool", "write", "first_token", "idle"])
def test_a_phase_without_a_limit_can_time_out_too(phase):
    """The system's own timeouts, and those of a caller's client, need no limit of ours."""
    script = [JSON, b"{", TimedOut()] if phase == "idle" else [TimedOut(None if phase == "first_token" else phase)]
    error = ask(new_call(retries=0, timeout={phase: None}), *script).error
    assert isinstance(error, errors.APITimeoutError)
    assert error.phase == phase
    assert "None" not in str(error)


# --- responses that are no answers ---


@pytest.mark.parametrize("code", [300, 301, 302, 303, 304, 307, 308])
def test_redirects_are_named_and_their_bodies_are_not_read(code):
    played = ask(new_call(), Head(code, {"location": "https://elsewhere.example/v1?secret=1", **ID}))
    assert played.trace == "send release"
    assert played.outcome == (
        f"ProtocolError: the API answered {code}, a redirect to 'elsewhere.example': "
        "not followed, nothing was sent there (request id req-1)"
    )


@pytest.mark.parametrize("headers", [{}, {"location": ""}])
def test_a_redirect_may_lead_nowhere(headers):
    played = ask(new_call(), Head(302, headers))
    assert played.outcome == "ProtocolError: the API answered 302, which is neither an answer nor an error"


@pytest.mark.parametrize("location", [{"location": "/v2"}, {"location": "http://[oops"}])
def test_a_redirect_may_lead_anywhere(location):
    played = ask(new_call(), Head(302, location))
    target = "something that is no URL" if location["location"].startswith("http") else "another path"
    assert played.outcome.startswith(f"ProtocolError: the API answered 302, a redirect to '{target}'")


def test_the_body_of_a_refusal_is_bounded():
    played = ask(new_call(retries=0), Head(500, {}), b"x" * ERROR_BODY_LIMIT, b"y", b"never read")
    assert played.unused == [b"never read"]
    assert len(played.error.body) == 2000
    assert len(str(played.error)) < 300


@pytest.mark.parametrize("loss", [GONE, TimedOut()])
def test_the_start_of_a_refusal_is_enough(loss):
    played = ask(new_call(retries=0), Head(500, {}), b'{"error": "it hur', loss)
    assert played.outcome == """ServerError: 500 Internal Server Error: {"error": "it hur"""


def test_an_answer_that_is_too_large_is_refused():
    big = b"x" * (BODY_LIMIT // 2)
    played = ask(new_call(), JSON, big, big, b"x", b"never read")
    assert played.outcome.startswith("ProtocolError: the response is larger than 67,108,864 bytes")
    assert played.unused == [b"never read"]


DEEP = b"[" * 100_000 + b"]" * 100_000
HUGE = b'{"error": {"message": "x", "code": 1' + b"0" * 5000 + b"}}"
NOT_ANSWERS = [
    (b"", "ProtocolError: the response is not JSON: it is empty"),
    (b'{"ok": ', """ProtocolError: the response is not JSON: {"ok":"""),
    (b"\xff\xfe", "ProtocolError: the response is not JSON: "),
    (DEEP, "ProtocolError: the response is not JSON: [[["),
    (b"<title>Bad\n gateway</title>", "ProtocolError: the response is not JSON: an HTML page"),
    (b"<html><title> 502 </title>", "ProtocolError: the response is not JSON: an HTML page (502)"),
    (b"[]", "ProtocolError: the response is not what was asked for: it has no ok"),
    (b"null", "ProtocolError: the response is not what was asked for: it has no ok"),
    (b'{"error": null}', "ProtocolError: the response is not what was asked for: it has no ok"),
    (b'{"error": {"message": "no"}}', "ProtocolError: the API answered 200 with an error: no"),
    (b'{"error": "no"}', "ProtocolError: the API answered 200 with an error: no"),
    (b'{"object": "error", "message": "no"}', "ProtocolError: the API answered 200 with an error: no"),
    (b'{"object": "error"}', "ProtocolError: the response is not what was asked for: it has no ok"),
    (b'{"object": "error", "message": "no", "code": 400}', "BadRequestError: 400 Bad Request: no"),
    (b'{"error": {"message": "no", "code": "401"}}', "AuthenticationError: 401 Unauthorized: no"),
    (b'{"error": {"message": "no"}, "status_code": 403}', "PermissionDeniedError: 403 Forbidden: no"),
    (HUGE, "ProtocolError: "),
]


@pytest.mark.parametrize(("body", "outcome"), NOT_ANSWERS, ids=[repr(row[0][:30]) for row in NOT_ANSWERS])
def test_a_success_that_is_no_answer_is_never_sent_again(body, outcome):
    played = ask(new_call(), Head(200, {}), *([body] if body else []), b"")
    assert played.outcome.startswith(outcome)
    assert played.sends == 1
    assert len(str(played.error)) < 600


def test_an_error_with_status_200_counts_as_the_status_that_it_names():
    body = b'{"error": {"message": "busy", "code": 503}}'
    assert ask(new_call(), JSON, body, b"", *OK).results == [1]


def test_bodies_of_another_shape_are_described_without_their_words():
    def read(body: bytes) -> Any:
        del body
        message = "x" * 900
        raise ValueError(message)

    call = new_call()
    played = play(call_flow(call, read), call, JSON, b"{}", b"")
    assert len(str(played.error)) < 300


def test_the_key_is_masked_wherever_a_server_repeats_it():
    def scrub(text: str) -> str:
        return text.replace("sk-secret", "***")

    bodies = [
        status(401, {"error": {"message": "bad key sk-secret"}}),
        status(502, b"<p>Bearer sk-secret"),
        (JSON, b'{"error": {"message": "bad key sk-secret"}}', b""),
        (JSON, b"bad key sk-secret", b""),
    ]
    for script in bodies:
        error = ask(new_call(retries=0, scrub=scrub), *script).error
        assert "sk-secret" not in f"{error!r} {error} {vars(error)}"


def test_what_is_known_of_the_model_explains_a_status():
    hints = {404: "closest: gemma", 400: "leave it out"}
    missing, refused, failed = (ask(new_call(hint=hints.get), *status(number)) for number in (404, 400, 422))
    assert missing.outcome == "NotFoundError: 404 Not Found: no; closest: gemma"
    assert refused.outcome == "BadRequestError: 400 Bad Request: no; leave it out"
    assert failed.outcome.startswith("BadRequestError: 422 Unprocessable ")


def test_a_status_decides_the_class_and_its_words_refine_it():
    assert type(ask(new_call(), *status(400, CONTEXT)).error) is errors.ContextLengthError
    assert type(ask(new_call(), *status(403, {"error": "balance too low"})).error) is errors.QuotaExceededError
