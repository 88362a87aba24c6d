"""Waiting for the rate limits that the API states, in a world with a clock of its own (tests/kit/pacing_kit.py)."""

from __future__ import annotations

import gc
import math
import os
import threading

import pytest
from pacing_kit import SERVERS, WRITERS, FixedWindows, World

from inference_do import RateLimit
from inference_do._protocol.pacing import ASK_SECONDS, FIRST_REQUESTS, Pacer, Traffic
from inference_do._protocol.ratelimits import LOOK_SECONDS, RESOLUTION, OwnLimit, Window, is_moment, stated_waits
from inference_do._protocol.retry import StatedLimit, stated_limits

NOW = 1_800_000_000.0


def limits(remaining: int, reset: float, limit: int = 20, name: str = "requests") -> dict[str, str]:
    values = {"limit": limit, "remaining": remaining, "reset": reset}
    return {f"x-ratelimit-{part}-{name}": str(value) for part, value in values.items()}


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def send(pacer: Pacer):
    turn = pacer.turn()
    assert turn.look() == (0.0, 0.0)
    return turn


# How a client does against servers that count in different ways -----------------------------------------------------


SIZES = [(150, 20, 16), (150, 20, 64), (2000, 200, 64)]
"""Rows, requests that the limit allows in two seconds, and workers."""

COSTS: dict[tuple[str, str], list[tuple[int, float]]] = {
    ("aligned windows", "up"): [(2, 13.67), (2, 13.67), (4, 17.81)],
    ("aligned windows", "down"): [(2, 13.67), (2, 13.67), (4, 17.81)],
    ("aligned windows", "near"): [(2, 13.67), (2, 13.67), (4, 17.81)],
    ("aligned windows", "exact"): [(0, 13.67), (0, 13.67), (1, 17.72)],
    ("windows", "up"): [(3, 16.66), (1, 16.81), (3, 20.23)],
    ("windows", "down"): [(2, 15.68), (2, 15.68), (2, 19.74)],
    ("windows", "near"): [(2, 15.9), (2, 15.9), (2, 20.19)],
    ("windows", "exact"): [(0, 14.05), (0, 14.06), (1, 18.11)],
    ("rolling", "up"): [(0, 13.66), (0, 13.67), (0, 18.67)],
    ("rolling", "down"): [(0, 13.46), (0, 13.43), (0, 18.35)],
    ("rolling", "near"): [(0, 13.99), (0, 13.94), (0, 18.06)],
    ("rolling", "exact"): [(0, 13.02), (0, 13.02), (0, 18.02)],
    ("sliding log", "up"): [(0, 16.8), (1, 16.81), (1, 21.1)],
    ("sliding log", "down"): [(2, 15.9), (2, 15.9), (4, 21.22)],
    ("sliding log", "near"): [(2, 15.9), (2, 15.9), (2, 20.19)],
    ("sliding log", "exact"): [(0, 14.16), (0, 14.15), (0, 18.24)],
}
"""By server, way to write `reset`, and size: refused requests and seconds. A change may lower them."""

OF_PROCESSES = {
    ("aligned windows", "up"): (317, 13.67),
    ("aligned windows", "down"): (317, 13.67),
    ("aligned windows", "near"): (317, 13.67),
    ("aligned windows", "exact"): (325, 13.67),
    ("windows", "up"): (281, 16.66),
    ("windows", "down"): (322, 15.67),
    ("windows", "near"): (326, 15.9),
    ("windows", "exact"): (325, 14.05),
    ("rolling", "up"): (318, 13.66),
    ("rolling", "down"): (298, 13.29),
    ("rolling", "near"): (285, 13.81),
    ("rolling", "exact"): (138, 13.22),
    ("sliding log", "up"): (248, 17.16),
    ("sliding log", "down"): (322, 15.67),
    ("sliding log", "near"): (326, 15.9),
    ("sliding log", "exact"): (171, 14.08),
}
"""The same for four processes that do not know of each other, with 152 rows and 20 in two seconds."""

OF_LONG_ANSWERS = {
    "aligned windows": (3, 191.55),
    "windows": (3, 194.84),
    "rolling": (4, 187.3),
    "sliding log": (4, 219.87),
}
"""By server: 120 rows whose answers take eight seconds, 30 in a minute."""


@pytest.mark.parametrize(("rows", "limit", "workers"), SIZES)
@pytest.mark.parametrize(("kind", "write"), COSTS)
def test_rows_under_a_limit_take_as_long_as_they_must(kind, write, rows, limit, workers):
    world = World(SERVERS[kind](limit, 2.0, WRITERS[write]), rows, workers).run()
    assert world.done == rows
    assert world.share_refused <= 0.05
    assert world.now <= 1.25 * world.ideal
    refused, seconds = COSTS[kind, write][SIZES.index((rows, limit, workers))]
    assert world.server.refused <= refused
    assert world.now <= seconds


@pytest.mark.parametrize(("kind", "write"), OF_PROCESSES)
def test_processes_share_a_limit_without_knowing_of_each_other(kind, write):
    world = World(SERVERS[kind](20, 2.0, WRITERS[write]), 152, 16, processes=4).run()
    assert world.done == 152
    assert world.now <= 1.6 * world.ideal
    refused, seconds = OF_PROCESSES[kind, write]
    assert world.server.refused <= refused
    assert world.now <= seconds


@pytest.mark.parametrize("seconds", [30.0, 60.0])
@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("kind", SERVERS)
def test_long_windows_cost_hardly_more_than_they_must(kind, write, seconds):
    world = World(SERVERS[kind](20, seconds, WRITERS[write]), 200, 32).run()
    assert world.done == 200
    assert world.server.refused <= 2
    assert world.now <= world.ideal + 3.5


@pytest.mark.parametrize("kind", SERVERS)
def test_answers_that_take_long_are_no_reason_to_send_too_much(kind):
    world = World(SERVERS[kind](30, 60.0), 120, 64, answer_seconds=8.0).run()
    assert world.done == 120
    assert world.share_refused <= 0.05
    assert world.now <= 1.3 * world.ideal
    refused, seconds = OF_LONG_ANSWERS[kind]
    assert world.server.refused <= refused
    assert world.now <= seconds


def test_first_come_first_served():
    world = World(FixedWindows(20, 2.0), 150, 64).run()
    numbers = list(dict.fromkeys(world.order))
    misplaced = [number for place, number in enumerate(numbers) if abs(place - number) > FIRST_REQUESTS]
    assert misplaced == []


# One pacer ----------------------------------------------------------------------------------------------------------


def test_nothing_is_waited_for_where_no_limit_is_stated():
    pacer = Pacer(clock=Clock())
    send(pacer).answered(200, {}, NOW)
    for _ in range(1000):
        send(pacer)


def test_the_first_requests_go_before_the_others_until_one_is_answered():
    clock = Clock()
    pacer = Pacer(clock=clock)
    first = [send(pacer) for _ in range(FIRST_REQUESTS)]
    late = pacer.turn()
    assert late.look()[0] == pytest.approx(LOOK_SECONDS)
    first[3].answered(200, {}, NOW)
    assert late.look() == (0.0, 0.0)


def test_the_first_requests_are_not_waited_for_long():
    clock = Clock()
    pacer = Pacer(clock=clock)
    for _ in range(FIRST_REQUESTS):
        send(pacer)
    late = pacer.turn()
    assert late.look()[0] > 0
    clock.now += LOOK_SECONDS
    for _ in range(FIRST_REQUESTS - 1):
        send(pacer)
    assert late.look() == (0.0, 0.0)
    assert pacer.turn().look()[0] == pytest.approx(LOOK_SECONDS)


def test_what_is_left_goes_and_the_rest_waits_until_the_stated_moment():
    clock = Clock()
    pacer = Pacer(clock=clock)
    send(pacer).answered(200, limits(2, NOW + 30), NOW)
    send(pacer)
    send(pacer)
    clock.now += 1
    assert pacer.turn().look()[1] == pytest.approx(29)


def test_after_the_wait_one_goes_ahead_and_its_answer_lets_the_others_go():
    clock = Clock()
    pacer = Pacer(clock=clock)
    send(pacer).answered(200, limits(0, NOW + 3), NOW)
    waiting = [pacer.turn() for _ in range(5)]
    assert all(turn.look()[0] > 0 for turn in waiting)
    woken: list[int] = []
    for turn in waiting:
        turn.on_wake(lambda number=turn.number: woken.append(number))
    clock.now += 3
    assert waiting[0].look() == (0.0, 0.0)
    assert waiting[1].look()[0] > 0
    waiting[0].answered(200, limits(3, NOW + 60), NOW + 3)
    assert waiting[1].look() == (0.0, 0.0)
    assert woken[-1] == waiting[3].number
    assert [turn.look()[0] for turn in waiting[2:4]] == [0.0, 0.0]
    assert waiting[4].look()[1] > 20


def test_a_request_that_went_ahead_and_is_not_refused_counts_as_let_through():
    clock = Clock()
    pacer = Pacer(clock=clock)
    send(pacer).answered(200, limits(0, NOW + 30), NOW)
    clock.now += 30
    ahead, rest = send(pacer), [pacer.turn() for _ in range(10)]
    assert rest[0].look()[0] > 0
    clock.now += LOOK_SECONDS
    assert [turn.look()[0] > 0 for turn in rest[:3]] == [False, False, True]
    clock.now += LOOK_SECONDS
    assert [turn.look()[0] > 0 for turn in rest[2:7]] == [False, False, False, False, True]
    ahead.answered(200, limits(18, NOW + 60), NOW + 30)
    clock.now += 1
    assert [turn.look()[0] for turn in rest[6:]] == [0.0] * 4


def test_a_refusal_says_whether_it_states_when_there_is_room():
    pacer = Pacer(clock=Clock())
    assert send(pacer).answered(429, limits(0, NOW + 3), NOW) == pytest.approx(3)
    assert pacer.turn().look()[1] == pytest.approx(3)
    other = Pacer(clock=Clock())
    assert send(other).answered(429, {}, NOW) is None
    assert send(other).answered(429, limits(5, NOW + 3), NOW) is None
    assert send(other).answered(429, {"retry-after": "0"}, NOW) is None
    assert send(Pacer(clock=Clock())).answered(429, limits(0, NOW - 1), NOW) == pytest.approx(-1)
    assert send(other).answered(429, {"retry-after": "7"}, NOW) == 7
    assert send(Pacer(clock=Clock())).answered(429, limits(0, NOW), NOW) == 0
    several = {**limits(0, NOW + 50), **limits(0, NOW + 5, name="tokens-per-minute")}
    assert send(Pacer(clock=Clock())).answered(429, several, NOW) == 50
    assert other.turn().look()[1] == pytest.approx(7)


def test_retry_after_comes_before_the_stated_moment():
    pacer = Pacer(clock=Clock())
    send(pacer).answered(429, {**limits(0, NOW + 50), "retry-after-ms": "1500"}, NOW)
    assert pacer.turn().look()[1] == pytest.approx(1.5)


@pytest.mark.parametrize("name", ["tokens-per-minute", "tokens-per-day"])
def test_tokens_are_waited_for_like_requests(name):
    clock = Clock()
    pacer = Pacer(clock=clock)
    first = send(pacer)
    first.answered(200, limits(1500, NOW + 40, limit=100_000, name=name), NOW)
    first.used(1000)
    send(pacer)
    send(pacer)
    assert pacer.turn().look()[1] == pytest.approx(40)


def test_the_tokens_of_requests_under_way_are_taken_from_what_is_left():
    pacer = Pacer(clock=Clock())
    first, *_ = [send(pacer) for _ in range(3)]
    first.answered(200, limits(1500, NOW + 40, limit=100_000, name="tokens-per-minute"), NOW)
    send(pacer)
    assert pacer.turn().look()[1] == pytest.approx(40), "two of 500 each were under way, and one has gone"


def test_a_limit_with_room_is_not_waited_for_beside_one_without():
    pacer = Pacer(clock=Clock())
    headers = {**limits(0, NOW + 5), **limits(90_000, NOW + 50, limit=100_000, name="tokens-per-minute")}
    send(pacer).answered(200, headers, NOW)
    assert pacer.turn().look()[1] == pytest.approx(5)


def test_the_first_that_waits_is_woken_if_there_is_room_earlier_than_was_stated():
    clock = Clock()
    pacer = Pacer(clock=clock)
    slow, first = send(pacer), send(pacer)
    first.answered(200, limits(0, NOW + 60.5, limit=1), NOW)
    clock.now += 60.5
    send(pacer).answered(200, limits(0, NOW + 121, limit=1), NOW + 60.5)
    waiting, woken = pacer.turn(), []
    assert waiting.look()[1] == pytest.approx(60.5)
    waiting.on_wake(lambda: woken.append(True))
    slow.answered(429, limits(0, NOW + 62, limit=1), NOW + 60.5)
    assert woken


def test_the_longest_wait_of_several_limits_counts():
    pacer = Pacer(clock=Clock())
    headers = {**limits(0, NOW + 5), **limits(0, NOW + 50, name="tokens-per-minute")}
    send(pacer).answered(200, headers, NOW)
    assert pacer.turn().look()[1] == pytest.approx(50)


def test_an_answer_that_a_refusal_overtook_does_not_move_its_moment():
    clock = Clock()
    pacer = Pacer(clock=clock)
    first, second, third = send(pacer), send(pacer), send(pacer)
    first.answered(200, limits(19, NOW + 60), NOW)
    third.answered(429, limits(0, NOW + 1), NOW)
    second.answered(200, limits(18, NOW + 60), NOW)
    assert pacer.turn().look()[1] < 2


def test_a_moment_in_milliseconds_is_none():
    pacer = Pacer(clock=Clock())
    send(pacer).answered(200, limits(0, NOW * 1000), NOW)
    assert send(pacer).answered(429, limits(0, NOW * 1000), NOW) is None
    assert pacer.turn().look()[1] < 5


@pytest.mark.parametrize("wrong", ["", "x", "-1", "9" * 40, "nan", "1e3", "٣"])
def test_what_cannot_be_read_is_no_limit(wrong):
    pacer = Pacer(clock=Clock())
    headers = dict.fromkeys(limits(0, 0), wrong)
    assert send(pacer).answered(429, headers, NOW) is None
    for _ in range(50):
        send(pacer)


def test_the_clock_of_the_server_counts_where_ours_is_wrong():
    pacer = Pacer(clock=Clock())
    date = "Fri, 15 Jan 2027 08:00:00 GMT"  # NOW
    send(pacer).answered(200, {**limits(0, NOW + 10), "date": date}, NOW - 3600)
    assert pacer.turn().look()[1] == pytest.approx(10)


def test_a_long_wait_is_foretold_by_the_place_in_the_queue():
    clock = Clock()
    pacer = Pacer(clock=clock)
    send(pacer).answered(200, limits(0, NOW + 60.5), NOW)
    clock.now += 60.5
    send(pacer).answered(200, limits(0, NOW + 120.5), NOW + 60.5)
    waits = [pacer.turn().look()[1] for _ in range(41)]
    assert waits[0] == waits[19] == pytest.approx(60)
    assert waits[20] == pytest.approx(120)
    assert waits[40] == pytest.approx(180)


@pytest.mark.parametrize("is_rolling", [False, True])
def test_a_pause_of_the_user_is_not_taken_for_the_length_of_a_window(is_rolling):
    clock = Clock()
    pacer = Pacer(clock=clock)
    send(pacer).answered(200, limits(0, NOW + 2), NOW)
    clock.now += 2
    send(pacer).answered(200, limits(5 if is_rolling else 19, NOW + 4), NOW + 2)
    clock.now += 3600
    later = NOW + 3602
    send(pacer).answered(429, limits(0, later + 2), later)
    turns = [pacer.turn() for _ in range(60)]
    assert max(turn.look()[1] for turn in turns) < 10
    for turn in turns:
        turn.leave()
    clock.now += 2.1
    send(pacer)
    assert pacer.turn().look()[1] < 10


def test_a_window_ends_within_a_second_of_what_is_stated_whatever_was_before():
    window = Window()
    window.found(0.0, is_prompt=True)
    assert 1.0 <= window.end(2.0) <= 3.0
    window.found(3600.0, is_prompt=True)  # nobody asked for an hour
    assert 3601.0 <= window.end(3602.0) <= 3603.0
    window.refused(3601.5)
    assert 3601.5 < window.end(3602.0) <= 3603.0
    window.found(3602.0, is_prompt=True)
    for seconds in (60.0, 2.0, 9.0):
        assert seconds - 1 <= window.end(3602.0 + seconds) - 3602.0 <= seconds + 1


@pytest.mark.parametrize("length", [9.1, 9.5, 9.9, 10.0, 10.1, 10.4, 10.6, 10.9])
def test_the_length_of_a_window_is_found_with_few_refusals(length):
    """What is stated is rounded to 10 seconds."""
    window, refusals = Window(), 0
    assert window.end(10.0) == 10.0, "nothing is known"
    window.found(0.0, is_prompt=True)
    assert window.end(10.0) == 10.0
    for _ in range(10):
        begun = window.begun
        while (moment := window.end(begun + 10.0)) < begun + length:
            window.refused(moment)
            refusals += 1
        window.found(moment, is_prompt=True)
    assert refusals <= 3
    assert length <= window.end(window.begun + 10.0) - window.begun <= max(10.0, length + RESOLUTION)


def test_a_window_that_was_found_late_says_nothing_of_its_length():
    window = Window()
    window.found(0.0, is_prompt=True)
    window.refused(10.0)
    assert window.end(10.0) == 10.5
    window.found(10.7, is_prompt=False)
    assert window.end(20.7) == 21.2


def test_a_window_of_another_length_begins_anew():
    window = Window()
    window.found(0.0, is_prompt=True)
    window.refused(10.0)
    window.found(10.5, is_prompt=True)
    assert window.end(20.5) == 20.75
    assert window.end(12.5) == 12.5
    assert window.end(70.5) == 70.5
    window.begun = None
    window.refused(90.0)
    assert window.end(95.0) == 95.0


@pytest.mark.parametrize(
    ("wait", "counts"),
    [(None, False), (-2.0, False), (-1.9, True), (0.0, True), (7 * 86_400.0, True), (7 * 86_400.0 + 1, False)],
)
def test_a_moment_is_neither_long_past_nor_far_away(wait, counts):
    assert is_moment(wait) is counts


def test_what_a_refusal_states():
    headers = {
        **limits(0, int(NOW) + 5),
        **limits(3, NOW + 9, name="tokens-per-minute"),
        **limits(0, 0, name="tokens-per-day"),
    }

    def states(**further: str) -> dict[str, StatedLimit]:
        given = {**headers, **{name.replace("_", "-"): value for name, value in further.items()}}
        return stated_waits(given, NOW, stated_limits(given, NOW))

    assert states() == {"requests": StatedLimit(20.0, 0.0, 5.0, is_rounded=True)}
    assert states(retry_after="7") == {"requests": StatedLimit(20.0, 0.0, 7.0, is_rounded=False)}
    assert states(retry_after="0") == {}
    assert stated_waits({"retry-after": "7"}, NOW, {}) == {"requests": StatedLimit(None, 0.0, 7.0, is_rounded=False)}


def test_now_and_then_one_asks_although_the_wait_would_be_too_long():
    clock = Clock()
    pacer = Pacer(clock=clock)
    send(pacer).answered(200, limits(0, NOW + 80_000, name="tokens-per-day"), NOW)
    assert pacer.turn().look(60.0)[0] > 0
    clock.now += ASK_SECONDS + 1
    assert pacer.turn().look(math.inf)[0] > 0, "this one can wait"
    assert pacer.turn().look(60.0) == (0.0, 0.0)
    assert pacer.turn().look(60.0)[0] > 0
    assert pacer.turn().look(math.inf)[0] > 0


def test_who_leaves_makes_room():
    clock = Clock()
    pacer = Pacer(clock=clock)
    send(pacer).answered(200, limits(0, NOW + 30), NOW)
    first, second = pacer.turn(), pacer.turn()
    assert first.look()[0] > 0
    assert second.look()[0] > 0
    first.leave()
    clock.now += 30
    assert second.look() == (0.0, 0.0)


def test_a_turn_that_does_not_come_back_holds_nobody_up_and_keeps_its_place():
    clock = Clock()
    pacer = Pacer(clock=clock)
    send(pacer).answered(200, limits(0, NOW + 3), NOW)
    asleep, awake, third = pacer.turn(), pacer.turn(), pacer.turn()
    for turn in (asleep, awake, third):
        assert turn.look()[0] > 0
    clock.now += 4
    assert awake.look()[0] > 0  # it may still come
    clock.now += 2
    assert awake.look() == (0.0, 0.0)
    awake.answered(200, limits(0, NOW + 9), NOW + 6)
    assert asleep.look()[0] > 0
    assert third.look()[0] > 0
    clock.now += 3
    assert third.look()[0] > 0
    assert asleep.look() == (0.0, 0.0)


def test_a_request_that_is_sent_again_counts_from_then_on():
    clock = Clock()
    pacer = Pacer(clock=clock)
    lost = send(pacer)
    send(pacer)
    clock.now += LOOK_SECONDS
    assert lost.look() == (0.0, 0.0)
    for _ in range(2 * FIRST_REQUESTS - 2):
        send(pacer)
    assert pacer.turn().look()[0] > 0


def test_an_answer_that_takes_long_holds_nobody_up():
    clock = Clock()
    pacer = Pacer(clock=clock)
    _long, short = send(pacer), send(pacer)
    short.answered(200, limits(0, NOW + 3), NOW)
    clock.now += 3
    assert pacer.turn().look() == (0.0, 0.0)


def test_a_request_of_long_ago_is_counted_in_what_a_later_response_states():
    clock = Clock()
    pacer = Pacer(clock=clock)
    send(pacer)
    clock.now += 10
    send(pacer).answered(200, limits(1, NOW + 60), NOW)
    send(pacer)
    assert pacer.turn().look()[0] > 0


def test_who_leaves_wakes_who_waits_for_the_first_answers():
    pacer = Pacer(clock=Clock())
    first = [send(pacer) for _ in range(FIRST_REQUESTS)]
    late, later = pacer.turn(), pacer.turn()
    woken: list[str] = []
    for turn, name in ((late, "late"), (later, "later")):
        assert turn.look()[0] > 0
        turn.on_wake(lambda name=name: woken.append(name))
    first[0].leave()
    assert woken == ["late"]


def test_leaving_never_waits_for_the_lock():
    """The garbage collector closes calls, also while their thread holds the lock."""
    pacer = Pacer(clock=Clock())
    turn = send(pacer)
    with pacer._lock:
        turn.leave()
        gc.collect()
    send(pacer)
    assert not pacer._left


def test_a_wake_that_comes_before_it_is_waited_for_is_not_lost():
    clock = Clock()
    pacer = Pacer(clock=clock)
    first = send(pacer)
    first.answered(200, limits(0, NOW + 30), NOW)
    clock.now += 30
    ahead, turn = send(pacer), pacer.turn()
    assert turn.look()[0] > 0
    ahead.answered(200, limits(10, NOW + 60), NOW + 30)
    woken = threading.Event()
    turn.on_wake(woken.set)
    assert woken.is_set()


def test_models_are_not_kept_without_end(monkeypatch):
    monkeypatch.setattr(Traffic, "MOST_MODELS", 3)
    traffic = Traffic()
    pacers = [traffic.pacer_of(name) for name in "abc"]
    assert [traffic.pacer_of(name) for name in "abc"] == pacers
    traffic.pacer_of("d")
    assert traffic.pacer_of("a") is not pacers[0]


@pytest.mark.parametrize("of", [lambda traffic: traffic.budget, lambda traffic: traffic.pacer_of("a")])
def test_a_forked_process_begins_anew(monkeypatch, of):
    traffic = Traffic()
    before = of(traffic)
    assert of(traffic) is before
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert of(traffic) is not before


def test_a_client_without_a_limit_of_its_own_waits_for_none():
    pacer = Traffic().pacer_of("a")
    send(pacer).answered(200, {}, NOW)
    assert not pacer.counts_tokens
    for _ in range(100):
        send(pacer)


# The user's own limit -----------------------------------------------------------------------------------------------


def test_an_own_limit_holds_within_any_such_time():
    clock = Clock()
    traffic = Traffic(RateLimit(requests=3, seconds=10), clock=clock)
    times: list[float] = []
    for _ in range(9):
        turn = traffic.pacer_of("a" if len(times) % 2 else "b").turn()
        while (pause := turn.look()[0]) > 0:
            clock.now += pause
        times.append(clock.now)
        turn.answered(200, {}, NOW)
        clock.now += 1
    assert all(later - earlier >= 10 for earlier, later in zip(times, times[3:], strict=False))
    assert times[-1] - times[0] < 25


@pytest.mark.parametrize("model", ["a", "b"])
def test_nobody_asks_beyond_an_own_limit(model):
    clock = Clock()
    traffic = Traffic(RateLimit(requests=1, seconds=3600), clock=clock)
    send(traffic.pacer_of("a")).answered(200, {}, NOW)
    clock.now += ASK_SECONDS + 1
    assert traffic.pacer_of(model).turn().look(60.0)[1] == pytest.approx(3600 - ASK_SECONDS - 1)
    clock.now += 3600
    assert traffic.pacer_of(model).turn().look(60.0) == (0.0, 0.0)


def test_an_own_limit_with_room_is_no_reason_to_wait():
    clock = Clock()
    short = Traffic(RateLimit(requests=2, seconds=3600), clock=clock).pacer_of("m")
    send(short).answered(200, limits(0, NOW + 5), NOW)
    assert short.turn().look()[1] == pytest.approx(5)
    pacer = Traffic(RateLimit(requests=2, seconds=3600), clock=clock).pacer_of("m")
    send(pacer).answered(200, limits(0, NOW + 80_000, name="tokens-per-day"), NOW)
    assert pacer.turn().look()[1] == pytest.approx(80_000)
    clock.now += ASK_SECONDS + 1
    assert pacer.turn().look(60.0) == (0.0, 0.0), "it asks whether that still holds"


def test_tokens_count_where_something_limits_them():
    plain, own = Pacer(clock=Clock()), Pacer(OwnLimit(RateLimit(tokens=1)), clock=Clock())
    assert (plain.counts_tokens, own.counts_tokens) == (False, True)
    send(plain).answered(200, limits(5, NOW + 5), NOW)
    assert not plain.counts_tokens
    send(plain).answered(200, limits(5, NOW + 5, name="tokens-per-day"), NOW)
    assert plain.counts_tokens


def test_what_a_request_takes_is_an_average_of_the_last_ones():
    pacer = Pacer(clock=Clock())
    for tokens, average in ((1000, 1000), (200, 900), (1700, 1000)):
        pacer.used(tokens)
        assert pacer._cost("tokens") == average
    nothing = Pacer(clock=Clock())
    nothing.used(0)
    assert nothing._cost("tokens") == 1


def test_the_pacers_of_a_client_share_the_lock_of_its_own_limit():
    with_limit, without = Traffic(RateLimit(requests=1)), Traffic()
    assert with_limit.pacer_of("a")._lock is with_limit.pacer_of("b")._lock
    assert without.pacer_of("a")._lock is not without.pacer_of("b")._lock


def test_an_own_limit_of_tokens_goes_by_what_was_used():
    own = OwnLimit(RateLimit(tokens=1000, seconds=60))
    assert own.free(0.0, 500.0) == 2
    own.spend(0.0, 500.0)
    own.used(900.0, 500.0)
    assert own.free(1.0, 500.0) == 1
    own.spend(1.0, 500.0)
    assert own.free(2.0, 500.0) == 0
    assert own.free(60.5, 500.0) == 1


def test_an_own_limit_foretells_when_each_place_in_the_queue_may_go():
    own = OwnLimit(RateLimit(requests=3, seconds=10))
    assert own.opens_for(3, 7.0) == 27.0
    own.spend(0.0, 500.0)
    assert own.opens_for(2, 5.0) == 10.0
    own.spend(1.0, 500.0)
    own.spend(2.0, 500.0)
    assert [own.opens_for(rank, 5.0) for rank in (0, 1, 2, 3, 4, 7)] == [10.0, 11.0, 12.0, 20.0, 21.0, 31.0]
    assert (own.free(9.9, 500.0), own.free(10.0, 500.0), own.free(11.0, 500.0)) == (0, 1, 2)


def test_an_own_limit_of_tokens_opens_when_the_first_request_is_long_enough_ago():
    own = OwnLimit(RateLimit(tokens=1000, seconds=60))
    own.used(5.0, 5.0)
    assert own.opens_for(5, 7.0) == 67.0
    own.spend(0.0, 999.0)
    assert own.free(1.0, 500.0) == 1
    own.spend(1.0, 1.0)
    assert own.free(2.0, 500.0) == 0
    assert own.opens_for(5, 2.0) == 60.0
