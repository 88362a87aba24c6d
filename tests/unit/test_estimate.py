"""What many rows take in time and money."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference_do import ConfigError, model_info
from inference_do._jobs.estimate import Work, estimate, show_duration
from inference_do.models import PriceTier

INFO = replace(model_info("openai-gpt-4o-mini"), input_price=1.0, output_price=4.0, price_tiers=())
ROWS = {"rows": 1_000_000, "input_tokens": 300, "output_tokens": 100}


def lines_of(found):
    return [f"{line.name}: {line.text}" for line in found.lines]


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        ({"requests_per_minute": 600}, 1_000_000 / 10),
        ({"tokens_per_minute": 1_000_000}, 400 * 60),
        ({"requests_per_minute": 600, "tokens_per_minute": 1_000_000}, 100_000),
        ({"seconds": 2, "workers": 4, "concurrency": 50}, 10_000),
        ({"seconds": 2, "workers": 4, "concurrency": 50, "requests_per_minute": 600}, 100_000),
        ({"tokens_per_day": 400_000_000}, 0),  # all of them go on the first day
        ({"tokens_per_day": 400_000_000, "requests_per_minute": 600}, 100_000),
        ({"tokens_per_day": 150_000_000}, 2 * 86_400),
        ({"tokens_per_day": 150_000_000, "tokens_per_minute": 1_000_000}, 2 * 86_400 + 100 * 60),
        ({}, None),
    ],
)
def test_the_longest_bound_is_the_time(limits, seconds):
    found = estimate(INFO, Work(**ROWS, **limits)).seconds
    assert found == (None if seconds is None else pytest.approx(seconds))


def test_money_is_shown_and_half_of_it_as_batches():
    found = estimate(INFO, Work(**ROWS, requests_per_minute=600, workers=4, seconds=2))
    assert (found.cost, found.batch_cost) == (700, 350)
    lines = lines_of(found)
    assert "input: 300,000,000 x $1 / 1,000,000 = $300.00" in lines
    assert "cost: $700.00" in lines
    assert "as batches: $700.00 x 0.5 = $350.00" in lines
    assert "requests per minute: 1,000,000 / 600 a minute = 1 d 4 h" in lines
    assert "a worker: 600 / 4 workers = 150 requests a minute" in lines
    assert ": 10 rows/s x 2 s = 20 calls at once reach the limits: 1 worker" in lines


def test_a_model_that_is_in_no_batch():
    found = estimate(replace(model_info("gemma-4-31B-it"), input_price=1.0, output_price=1.0), Work(**ROWS))
    assert found.batch_cost is None
    assert any("OpenAI and Anthropic only" in line for line in lines_of(found))


def test_long_prompts_have_the_price_of_their_tier():
    tier = PriceTier(above=200, input_price=2.0, output_price=8.0)
    assert estimate(replace(INFO, price_tiers=(tier,)), Work(**ROWS)).cost == 1400


def test_no_price_is_said_in_words():
    with pytest.raises(ConfigError, match=r"no price is known for 'mine': give --input-price and --output-price"):
        estimate(replace(INFO, id="mine", input_price=None), Work(**ROWS))


@pytest.mark.parametrize(
    "wrong", [{"rows": 0}, {"workers": -1}, {"seconds": float("nan")}, {"input_tokens": -1}, {"tokens_per_day": 0}]
)
def test_numbers_that_cannot_be(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Work(**{**ROWS, **wrong})


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.5, "0.5 s"),
        (59, "59 s"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (3599.9, "60 min"),
        (7200, "2 h"),
        (1e5, "1 d 4 h"),
    ],
)
def test_durations(seconds, shown):
    assert show_duration(seconds) == shown
