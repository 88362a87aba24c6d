"""One limit at a time: what a bucket makes of what responses state. How all of it does is in test_pacing.py."""

from __future__ import annotations

import pytest

from inference_do._protocol.ratelimits import FIRST_PAUSE, LONGEST_PAUSE, LOOK_SECONDS, Bucket, Window
from inference_do._protocol.retry import StatedLimit


def stated(
    remaining: float, wait: float | None, *, limit: float | None = 20.0, is_rounded: bool = False
) -> StatedLimit:
    return StatedLimit(limit, remaining, wait, is_rounded=is_rounded)


def bucket_of(*responses: tuple[StatedLimit, float, float]) -> Bucket:
    """Return a bucket that has taken responses over: what they state, when they came, when their requests went."""
    bucket = Bucket()
    for limit, now, sent in responses:
        take(bucket, limit, now, sent)
    return bucket


def take(bucket: Bucket, limit: StatedLimit, now: float, sent: float) -> None:
    bucket.take_over(limit, now, sent)
    bucket.settle(0.0)


def refuse(bucket: Bucket, limit: StatedLimit, now: float) -> None:
    bucket.refuse(limit, now)
    bucket.settle(0.0)


def free(bucket: Bucket, now: float, cost: float = 1.0) -> float:
    return bucket.free(now, cost, expects_news=False)


def opens(bucket: Bucket, now: float) -> float:
    return bucket.opens_for(0, now, 1.0)


def after_a_look(remaining: float, limit: float | None = 20.0) -> Bucket:
    """Return a bucket whose room ended until 5.0, when one request went and found so much left until 10.0."""
    bucket = bucket_of((stated(0, 5.0, limit=limit), 0.0, 0.0))
    bucket.spend(1.0, 5.0)
    take(bucket, stated(remaining, 4.9, limit=limit), 5.1, 5.0)
    return bucket


# What is left -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("remaining", "cost", "requests"), [(3, 1.0, 3), (1500, 500.0, 3), (100, 500.0, 1)])
def test_what_is_left_is_counted_in_requests(remaining, cost, requests):
    assert free(bucket_of((stated(remaining, 60.0), 0.0, 0.0)), 1.0, cost) == requests


def test_of_requests_that_were_under_way_together_the_lowest_number_counts():
    for sent, left in ((0.8, 5), (0.5, 10)):  # and none of long before
        bucket = bucket_of((stated(10, 59.0), 1.0, 1.0), (stated(5, 58.8), 1.2, sent))
        assert free(bucket, 2.0) == left


def test_a_request_of_later_states_what_holds_also_if_it_is_more():
    bucket = bucket_of((stated(2, 60.0), 0.0, 0.0), (stated(5, 59.0), 1.0, 0.9))
    assert free(bucket, 2.0) == 5


def test_what_a_response_does_not_state_stays_as_it_was():
    bucket = bucket_of((stated(0, 60.0), 0.0, 0.0), (stated(0, None, limit=None), 1.0, 1.0))
    assert opens(bucket, 2.0) == 60.0
    bucket = after_a_look(19)
    take(bucket, stated(0, 4.0, limit=None), 6.0, 5.9)
    assert [bucket.opens_for(rank, 6.0, 1.0) for rank in (0, 19, 20)] == [10.0, 10.0, 15.0]


@pytest.mark.parametrize(("limit", "ranks"), [(1.0, [10.0, 15.0, 20.0]), (2.0, [10.0, 10.0, 15.0])])
def test_a_place_in_the_queue_is_foretold_by_the_limit(limit, ranks):
    bucket = after_a_look(limit - 1, limit)
    take(bucket, stated(0, 4.0, limit=limit), 6.0, 5.9)
    assert [bucket.opens_for(rank, 6.0, 1.0) for rank in range(3)] == ranks


def test_a_place_in_the_queue_is_foretold_by_what_a_request_takes():
    bucket = after_a_look(1500, 2000.0)
    take(bucket, stated(0, 4.0, limit=2000.0), 6.0, 5.9)
    assert [bucket.opens_for(rank, 6.0, 500.0) for rank in (3, 4)] == [10.0, 15.0]


def test_one_request_left_after_a_rounded_moment_does_not_make_the_next_one_wait():
    bucket = bucket_of((stated(1, -0.5, is_rounded=True), 0.0, 0.0))
    bucket.spend(1.0, 0.1)
    assert free(bucket, 0.2) == 1
    bucket = bucket_of((stated(0, -0.5, is_rounded=True), 0.0, 0.0))
    assert [free(bucket, now) for now in (0.9, 1.0)] == [0, 1]


# Requests that go ahead ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("remaining", "is_window"), [(19, True), (14, True), (13, False), (3, False)])
def test_a_limit_is_one_of_windows_if_a_look_finds_most_of_it_free(remaining, is_window):
    bucket = after_a_look(remaining)
    take(bucket, stated(0, 4.0), 6.0, 5.9)
    bucket.spend(1.0, 10.0)
    assert free(bucket, 10.0 + LOOK_SECONDS) == (19 if is_window else 1)


def test_a_limit_of_unknown_size_may_be_of_any_kind():
    bucket = after_a_look(19, None)
    take(bucket, stated(0, 4.0, limit=None), 6.0, 5.9)
    bucket.spend(1.0, 10.0)
    assert free(bucket, 10.0 + LOOK_SECONDS) == 1


@pytest.mark.parametrize(
    ("limit", "cost", "follow"), [(20.0, 1.0, 19), (2.0, 1.0, 1), (1.0, 1.0, 1), (2000.0, 500.0, 3)]
)
def test_in_a_new_window_all_that_the_limit_allows_follow_the_one_that_went_ahead(limit, cost, follow):
    bucket = after_a_look(limit - cost, limit)
    take(bucket, stated(0, 4.0, limit=limit), 6.0, 5.9)
    bucket.spend(cost, 10.0)
    looked = 10.0 + LOOK_SECONDS
    assert free(bucket, looked - 0.01, cost) == 0
    for left in range(follow, 0, -1):
        assert free(bucket, looked, cost) == left
        bucket.spend(cost, looked)
    assert free(bucket, looked + LOOK_SECONDS, cost) == 1, "the next one goes ahead again"


# Refusals -----------------------------------------------------------------------------------------------------------


def test_a_refusal_states_the_limit_as_well():
    bucket = after_a_look(19)
    refuse(bucket, stated(0, 4.0, limit=2.0), 6.0)
    assert [bucket.opens_for(rank, 6.0, 1.0) for rank in (1, 2)] == [10.0, 15.1 - 0.1]
    refuse(bucket, stated(0, 3.0, limit=None), 7.0)
    assert [bucket.opens_for(rank, 7.0, 1.0) for rank in (1, 2)] == [10.0, 15.1 - 0.1]


def test_a_refusal_in_spite_of_a_stated_moment_is_waited_for_ever_longer():
    bucket, now, pauses = bucket_of((stated(0, 1.0), 0.0, 0.0)), 1.0, []
    for _ in range(9):
        assert free(bucket, now) == 1
        bucket.spend(1.0, now)
        refuse(bucket, stated(0, -0.1), now)
        pauses.append(opens(bucket, now) - now)
        now += pauses[-1] + 0.001
    longer = [FIRST_PAUSE * 2**number for number in range(6)]
    assert pauses == pytest.approx([*longer, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE])


def test_a_moment_that_is_rounded_down_is_a_second_early_where_room_comes_back_bit_by_bit():
    bucket = after_a_look(3)
    take(bucket, stated(0, 3.0, is_rounded=True), 6.0, 5.9)
    assert opens(bucket, 6.0) == 9.0
    bucket.spend(1.0, 9.0)
    refuse(bucket, stated(0, 0.0, is_rounded=True), 9.0)
    take(bucket, stated(0, 3.0, is_rounded=True), 10.5, 10.4)
    assert opens(bucket, 10.5) == 14.5
    take(bucket, stated(0, 3.0), 11.0, 10.9)
    assert opens(bucket, 11.0) == 14.0


def of_longer_windows() -> Bucket:
    """Return a bucket whose window began at 10.0 and was stated to end at 20.0, rounded, when a request was refused."""
    bucket = bucket_of((stated(0, 10.0, is_rounded=True), 0.0, 0.0))
    look_into_a_new_window(bucket, 10.0)
    bucket.spend(1.0, 20.0)
    refuse(bucket, stated(0, 0.0, is_rounded=True), 20.0)
    return bucket


def look_into_a_new_window(bucket: Bucket, now: float) -> None:
    """Send the first request of a window of about ten seconds, then the rest."""
    bucket.spend(1.0, now)
    take(bucket, stated(19, 10.0, is_rounded=True), now, now)
    take(bucket, stated(0, 9.0, is_rounded=True), now + 1, now + 1)


def test_an_exact_moment_counts_whatever_was_found_out_about_windows():
    bucket = of_longer_windows()
    assert opens(bucket, 20.0) == 20.5, "the window is longer than ten seconds"
    refuse(bucket, stated(0, 0.1), 20.0)
    assert opens(bucket, 20.0) == 20.1


def test_who_looks_late_finds_out_nothing_about_the_length_of_a_window():
    def found(looked: float) -> float:
        """Return when the window after the next is looked for; its end is stated as ten seconds after its begin."""
        bucket = of_longer_windows()
        look_into_a_new_window(bucket, looked)
        return opens(bucket, looked + 1) - looked

    assert found(20.5) == pytest.approx(10.25), "between 10 and 10.5"
    assert found(20.7) == pytest.approx(10.5), "between 10 and 11"


# The length of a window ---------------------------------------------------------------------------------------------


def test_a_window_that_was_taken_for_too_short_is_looked_for_anew():
    window = Window()
    window.found(0.0, is_prompt=True)
    window.refused(10.0)
    window.found(10.2, is_prompt=True)
    window.refused(20.6)
    assert window.end(20.2) == 10.2 + 10.7, "between 10.4 and 11"


def test_windows_that_are_stated_as_shorter_than_one_was_are_others():
    window = Window()
    window.found(0.0, is_prompt=True)
    window.refused(12.5)
    assert window.end(11.0) == 11.0
    window.refused(3.0)
    assert window.end(0.5) == 0.5
