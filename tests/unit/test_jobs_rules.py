"""The rules of jobs without I/O: templates, finished rows, levels, verdicts, the machine, fingerprints, lines."""

from __future__ import annotations

import functools
import itertools
import random

import pytest

from inference_do import errors
from inference_do._jobs.fingerprints import fingerprint_of
from inference_do._jobs.finished import CHANGED, DONE, NEW, FinishedRows
from inference_do._jobs.level import Level
from inference_do._jobs.lines import fit, parts_of
from inference_do._jobs.machine import Machine, NextRow, Over, Rules, Start, Wait
from inference_do._jobs.reports import JobProgress, as_dollars, as_time
from inference_do._jobs.results import RowResult
from inference_do._jobs.rows import Row, digest_of
from inference_do._jobs.templates import PromptTemplate
from inference_do._jobs.verdicts import judge
from inference_do.pricing import Tokens

MODEL = "gemma-4-31B-it"

# --- templates ---


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{a} and {b c} {a}", "1 and two 1"),
        ("{{a}} {{{a}}}", "{a} {1}"),
        ("{a.b}", "dotted"),
        ("{list}", '[1, "é"]'),
        ("{sly}", "{a.__class__}"),
        ("nothing", "nothing"),
        ("", ""),
    ],
)
def test_fields_are_filled_in_and_nothing_else_is_done(text, filled):
    row = {"a": 1, "b c": "two", "a.b": "dotted", "list": [1, "é"], "sly": "{a.__class__}"}
    assert PromptTemplate(text).fill(row) == filled


@pytest.mark.parametrize(
    "text", ["{", "}", "a } b", "{a", "{a}}", '{"a": 1}', "{a!r}", "{a:>9}", "{}", "{ a }", "{{a}"]
)
def test_braces_that_are_no_fields_are_refused(text):
    with pytest.raises(errors.ConfigError, match="a field is written"):
        PromptTemplate(text)


def test_a_missing_field_is_named():
    template = PromptTemplate("{a} {b} {a}")
    assert template.fields == ["a", "b"]
    with pytest.raises(ValueError, match="it has no field 'b'"):
        template.fill({"a": ""})
    with pytest.raises(ValueError, match="it has null for 'a'"):
        template.fill({"a": None, "b": 1})


# --- finished rows ---


def test_finished_rows_know_keys_and_contents():
    finished = FinishedRows()
    for number in range(5_000):
        finished.add(f"#{number}", digest_of(number))
    assert len(finished) == 5_000
    assert {finished.find(f"#{number}", digest_of(number)) for number in range(5_000)} == {DONE}
    assert {finished.find(f"#{number}", digest_of("other")) for number in range(5_000)} == {CHANGED}
    assert {finished.find(f"#{number}", digest_of(number)) for number in range(5_000, 9_000)} == {NEW}


def test_digests_depend_on_content_alone():
    assert digest_of({"a": 1, "b": [2]}) == digest_of({"b": [2], "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": "1"})
    assert digest_of("\ud800") == digest_of("\ud800")
    assert digest_of({1, 2}) == digest_of({2, 1})


# --- level ---


def after(level: Level, rounds: int, *, seconds: float = 1.0, waited: float = 0.0, start: float = 0.0) -> float:
    """Let rounds of rows succeed; return the time."""
    now = start
    for _ in range(rounds):
        for _ in range(level.limit):
            level.succeeded(started=now, seconds=seconds, waited=waited, now=now + seconds)
        now += seconds
    return now


def test_a_level_doubles_until_the_first_sign_and_then_grows_by_one():
    level = Level(1_000)
    now = after(level, 5)
    assert level.limit == 4 * 2**5
    level.congested(started=now, now=now + 1)
    assert level.limit == int(128 * 0.7)
    level.congested(started=now, now=now + 1)  # of the same round
    assert level.limit == 89
    after(level, 3, start=now + 2)
    assert 91 <= level.limit <= 93


def test_a_level_stays_between_one_and_the_most():
    level = Level(10)
    now = after(level, 9)
    assert level.limit == 10
    for step in range(50):
        level.congested(started=now + step, now=now + step + 0.5)
    assert level.limit == 1


def test_rows_that_wait_for_limits_shrink_it_and_slow_rounds_hold_it():
    level = Level(1_000)
    now = after(level, 4)
    high = level.limit
    now = after(level, 1, waited=0.9, start=now)
    assert level.limit < high
    level = Level(1_000)
    after(level, 3)
    after(level, 3, seconds=5.0, start=3)
    held = level.limit
    after(level, 3, seconds=5.0, start=30)
    assert level.limit == held


def test_a_fixed_level_stays():
    level = Level(3, fixed=True)
    after(level, 3)
    level.congested(started=10, now=11)
    assert level.limit == 3


# --- verdicts ---


class ForeignError(Exception):
    def __init__(self, status_code: int, code: str | None = None) -> None:
        super().__init__(status_code)
        self.status_code, self.code = status_code, code


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.RateLimitError("", retry_after=3), "wait"),
        (errors.QuotaExceededError(), "stop"),
        (errors.AuthenticationError(), "stop"),
        (errors.NotFoundError(), "unknown"),
        (errors.BadRequestError(), "row"),
        (errors.ContextLengthError(), "row"),
        (errors.ServerError(), "outage"),
        (errors.APITimeoutError(), "outage"),
        (errors.ConfigError(), "row"),
        (errors.StreamFailed("", like=errors.RateLimitError), "wait"),
        (ValueError("mine"), "row"),
        (ForeignError(429), "wait"),
        (ForeignError(429, "insufficient_quota"), "stop"),
        (ForeignError(401), "stop"),
        (ForeignError(503), "outage"),
        (ForeignError(404), "row"),
    ],
    ids=repr,
)
def test_what_errors_mean(error, kind):
    assert judge(error).kind == kind


# --- the machine ---


def machine(**options) -> Machine:
    rules = Rules(**{name: options.pop(name) for name in list(options) if name in Rules.__slots__})
    level = Level(options.pop("level", 4), fixed=True)
    return Machine(level, rules, options.pop("finished", FinishedRows()), **options)


def rows(start: int = 1):
    return (Row(number, None, digest_of(number), number) for number in itertools.count(start))


def begin(made: Machine, source, now: float = 0.0, most: int = 99) -> list:
    """Do what the machine says until it wants to wait; return the tasks that were begun."""
    tasks = []
    while len(tasks) < most:
        match made.poll(now):
            case NextRow():
                if (row := next(source, None)) is None:
                    made.exhausted()
                else:
                    made.offer(row)
            case Start(task):
                tasks.append(task)
            case _:
                break
    return tasks


def done(cost_tokens: int = 10) -> RowResult:
    return RowResult("x", {}, MODEL, Tokens(input=cost_tokens, output=cost_tokens))


def test_it_begins_no_more_than_the_level_and_ends_when_all_are_settled():
    made, source = machine(level=3), itertools.islice(rows(), 5)
    first = begin(made, source)
    assert [task.row.number for task in first] == [1, 2, 3]
    assert made.poll(0) == Wait(None)
    assert made.finish(first[1], done(), 1)
    [fourth] = begin(made, source, 1)
    for task in (first[0], first[2], fourth):
        made.finish(task, done(), 2)
    [fifth] = begin(made, source, 2)
    made.finish(fifth, ValueError("x"), 3)
    assert made.poll(3) == Over()
    assert (made.tally.done, made.tally.failed, made.tally.read) == (4, 1, 5)


def test_a_refused_row_is_the_first_to_be_asked_again():
    made, source = machine(level=2), rows()
    one, two = begin(made, source)
    assert not made.finish(one, errors.RateLimitError("", retry_after=7.0), 1)
    made.finish(two, done(), 2)
    assert made.poll(2) == Wait(6.0)
    assert begin(made, source, 7.9) == []
    again, other = begin(made, source, 8.0)
    assert (again.row.number, other.row.number) == (1, 3)
    assert (made.tally.failed, made.stop) == (0, None)


def test_a_row_alone_that_never_finds_room_fails_and_the_job_goes_on():
    made, source = machine(level=2, patience=20), rows()
    one, two = begin(made, source)
    now = 0.0
    for _ in range(3):
        assert not made.finish(one, errors.RateLimitError("", retry_after=6.0), now)
        made.finish(two, done(), now + 1)
        now += 6.5
        one, two = begin(made, source, now)
        assert one.row.number == 1
    assert made.finish(one, errors.RateLimitError("", retry_after=6.0), now)
    assert (made.tally.failed, made.stop) == (1, None)


def test_an_outage_slows_down_and_then_ends_the_job():
    made, source, now = machine(level=1), rows(), 0.0
    first = begin(made, source)
    made.finish(first[0], done(), 0.5)
    began = 0
    while made.stop is None:
        for task in begin(made, source, now):
            began += 1
            made.finish(task, errors.ServerError("down"), now)
        now += 0.5
    assert made.stop.reason.startswith("nothing was answered for ")
    assert began < 15


def test_a_limit_of_cost_is_kept_whatever_the_rows_cost():
    for seed in range(30):
        chance = random.Random(seed)
        made, source = machine(level=8, max_cost=0.001), rows()
        tasks = begin(made, source)
        assert len(tasks) == 1  # until a cost is known
        dearest = 0.0
        while not made.stop:
            task = tasks.pop(chance.randrange(len(tasks)))
            before = made.tally.ledger.total.cost
            made.finish(task, done(chance.randrange(50, 100)), 0)
            dearest = max(dearest, made.tally.ledger.total.cost - before)
            tasks += begin(made, source)
        spent = made.tally.ledger.total.cost
        assert made.stop.kind == "max_cost"
        assert 0.001 - 2 * dearest <= spent <= 0.001 + dearest  # a row may cost more than any before it


def test_a_cost_that_is_not_known_ends_a_job_with_a_limit():
    made, source = machine(max_cost=1), rows()
    [task] = begin(made, source)
    made.finish(task, RowResult("x", {}, "my-own", Tokens(input=1)), 0)
    assert made.stop.reason == "what row 1 cost is not known (model 'my-own'), so that max_cost cannot be kept"


def test_failures_alike_end_a_job_only_before_the_first_answer():
    made, source = machine(level=1), rows()
    [task] = begin(made, source)
    made.finish(task, done(), 0)
    for _ in range(100):
        [task] = begin(made, source)
        made.finish(task, errors.BadRequestError("no"), 0)
    assert made.stop is None


def test_an_output_of_other_rows_is_seen_before_anything_is_asked():
    finished = FinishedRows()
    for number in range(1, 40):
        finished.add(f"#{number}", digest_of("other"))
    made, source = machine(finished=finished), rows()
    while made.poll(0) == NextRow() and not made.is_of_other_rows:
        made.offer(next(source))
    assert made.is_of_other_rows
    assert made.tally.read == 20


# --- fingerprints ---

TONE = "kindly"


def helper(row):
    return f"help {row}"


def ask(row):
    return f"Say {TONE}: {helper(row)}"


def test_fingerprints_see_texts_wherever_a_function_has_them(monkeypatch):
    def outer(text):
        return lambda row: text + row

    before = fingerprint_of(ask)
    assert fingerprint_of(ask) == before
    monkeypatch.setitem(ask.__globals__, "TONE", "curtly")
    assert fingerprint_of(ask) != before
    assert fingerprint_of(outer("a")) == fingerprint_of(outer("a")) != fingerprint_of(outer("b"))
    assert fingerprint_of(functools.partial(ask, "x")) != fingerprint_of(functools.partial(ask, "y"))
    assert fingerprint_of({"a": 1, "b": 2}) == fingerprint_of({"b": 2, "a": 1}) != fingerprint_of({"a": 1})


# --- what is shown ---

PROGRESS = JobProgress(
    done=123_456,
    failed=12,
    skipped=1_000,
    total=1_000_000,
    running=64,
    concurrency=64,
    seconds=100,
    rows_per_second=12.3456,
    tokens=Tokens(input=1_234_567),
    cost=1.5,
    waiting=3,
    waiting_seconds=4.2,
    seconds_left=7_265,
    is_stopping=False,
)


def test_what_matters_most_is_shown_where_there_is_little_room():
    parts = parts_of(PROGRESS)
    assert " · ".join(text for _, text, _ in parts) == (
        "124,468/1,000,000 rows · 12% · 12.3 rows/s · 1.23M tokens · $1.5000 · 12 failed · "
        "3 waiting for limits, 4 s · 2:01:05 left · 64 at once"
    )
    for columns in (20, 40, 60, 80, 100, 200):
        line = " · ".join(text for text, _ in fit(parts, columns))
        assert line.startswith("124,468/1,000,000 rows")
        assert len(line) <= max(columns, 22)
    assert [kind for _, kind in fit(parts, 60)] == ["rows", "failed", "left"]


def test_times_and_money():
    assert [as_time(value) for value in (0.25, 9, 75, 3_700)] == ["0.2 s", "9 s", "1:15", "1:01:40"]
    assert [as_dollars(value) for value in (0, 0.0000123, 0.5, 1234.5)] == [
        "$0.0000",
        "$0.000012",
        "$0.5000",
        "$1,234.50",
    ]
