"""Estimates of cost, and their sum."""

from __future__ import annotations

import threading

import pytest

from inference_do import Cost, Ledger, ModelInfo, PriceTier, Spent, Tokens, Usage, estimate_cost

PRICED = ModelInfo(
    id="m",
    input_price=2.0,
    output_price=10.0,
    cache_read_price=0.2,
    cache_write_price=2.5,
    price_tiers=(PriceTier(above=1000, input_price=4.0, output_price=20.0, cache_read_price=0.4),),
    dates=(("facts", "2026-07"), ("prices", "2026-08-21")),
)


def test_each_kind_of_token_has_its_price():
    cost = estimate_cost(PRICED, Tokens(input=1000, cached=300, created=200, output=100, reasoning=50))
    assert cost.input == pytest.approx(500 * 2e-6)
    assert cost.cache_read == pytest.approx(300 * 0.2e-6)
    assert cost.cache_write == pytest.approx(200 * 2.5e-6)
    assert cost.output == pytest.approx(100 * 10e-6)
    assert cost.total == pytest.approx(0.00256)
    assert (cost.model, cost.date, cost.assumed) == ("m", "2026-08-21", ())


def test_long_prompts_cost_what_their_tier_says():
    cost = estimate_cost(PRICED, Tokens(input=1001, cached=1, created=1, output=1))
    assert cost.total == pytest.approx((999 * 4 + 0.4 + 4 + 20) * 1e-6)
    assert cost.assumed == ("cache_write_price",)


def test_unknown_prices_are_not_guessed():
    assert estimate_cost("nobody/knows", {"prompt_tokens": 5}) == Cost(model="nobody/knows")
    cost = estimate_cost("gemma-4-31B-it", {"prompt_tokens": 100, "prompt_tokens_details": {"cached_tokens": 50}})
    assert cost.total == pytest.approx(100 * 0.18e-6)
    assert cost.assumed == ("cache_read_price",)


def test_usage_is_read_as_an_object_or_as_it_came():
    wire = {"prompt_tokens": 14, "cache_read_input_tokens": 1043, "completion_tokens": 3}
    expected = Tokens(input=1057, cached=1043, output=3)
    assert Tokens.of(wire) == Tokens.of(Usage.model_validate(wire)) == expected
    assert expected.total == 1060
    by_hand = 14 * 5e-6 + 1043 * 0.5e-6 + 3 * 25e-6
    assert estimate_cost("anthropic-claude-opus-4.6", wire).total == pytest.approx(by_hand)


def test_an_answer_without_usage_has_no_known_cost():
    assert estimate_cost(PRICED, None) == Cost(model="m")
    assert estimate_cost("gemma-4-31B-it", {}).total == 0  # told, and nothing was counted
    ledger = Ledger()
    assert ledger.add("gemma-4-31B-it", None) == Cost(model="gemma-4-31B-it")
    assert ledger.total == Spent(calls=1, unpriced=1)


def test_a_ledger_adds_up_by_model():
    ledger = Ledger()
    first = ledger.add("gemma-4-31B-it", {"prompt_tokens": 1000, "completion_tokens": 100})
    ledger.add("gemma-4-31B-it", Tokens(input=1000))
    ledger.add("nobody/knows", Tokens(input=5, output=5))
    gemma, unknown = ledger.by_model["gemma-4-31B-it"], ledger.by_model["nobody/knows"]
    assert (gemma.calls, gemma.tokens.input, gemma.unpriced) == (2, 2000, 0)
    assert gemma.cost == pytest.approx((first.total or 0) + 0.00018)
    assert (unknown.calls, unknown.cost, unknown.unpriced, unknown.date) == (1, 0.0, 1, None)
    total = ledger.total
    assert (total.calls, total.tokens.total, total.unpriced, total.date) == (3, 2110, 1, gemma.date)
    assert repr(ledger) == f"Ledger(3 calls, 2110 tokens, ${total.cost:.6f})"
    ledger.clear()
    assert ledger.total == Spent()


def test_threads_may_share_one():
    ledger = Ledger()

    def work() -> None:
        for _ in range(200):
            ledger.add("gemma-4-31B-it", Tokens(input=1))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.total.calls == ledger.total.tokens.input == 1600


def test_a_batch_costs_half():
    usage = {"prompt_tokens": 1_000, "completion_tokens": 500, "total_tokens": 1_500, "cache_read_input_tokens": 100}
    single, batch = estimate_cost("openai-gpt-4o", usage), estimate_cost("openai-gpt-4o", usage, batch=True)
    for name in ("total", "input", "cache_read", "output"):
        assert getattr(batch, name) == pytest.approx(getattr(single, name) / 2)
    ledger = Ledger()
    assert ledger.add("openai-gpt-4o", usage, batch=True) == batch
    ledger.add("openai-gpt-4o", usage)
    assert ledger.total.cost == pytest.approx(1.5 * single.total)
    assert estimate_cost("nothing-known", usage, batch=True).total is None
