"""What calls cost, estimated from their usage and the known prices, and added up by model.

It is an estimate. Prices change (`Cost.date` says when they were seen), some are not known, and what is billed besides
tokens (tools that the API runs, off-peak discounts) is not in a response's usage.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from .models import ModelInfo, PriceTier, model_info

if TYPE_CHECKING:
    from .types import Usage

__all__ = ["Cost", "Ledger", "Spent", "Tokens", "estimate_cost"]

MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The tokens of a call, or of several."""

    input: int = 0
    """All input tokens, those of the prompt cache included."""
    cached: int = 0
    """Input tokens that were read from the prompt cache."""
    created: int = 0
    """Input tokens that were written to the prompt cache."""
    output: int = 0
    """All output tokens, reasoning included."""
    reasoning: int = 0
    """Output tokens of reasoning."""

    @classmethod
    def of(cls, usage: Usage | Mapping[str, Any]) -> Tokens:
        """Return the tokens of the API's `usage`, an object or a mapping."""
        if isinstance(usage, Mapping):
            from .types import Usage as Wire  # noqa: PLC0415  pydantic is imported when there is something to read

            usage = Wire.model_validate(dict(usage))
        return cls(
            input=usage.input_tokens,
            cached=usage.cached_tokens,
            created=usage.cache_created_input_tokens,
            output=usage.output_tokens,
            reasoning=usage.reasoning_tokens,
        )

    @property
    def total(self) -> int:
        """Input and output tokens together."""
        return self.input + self.output

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(**{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a call cost, in US dollars: an estimate. `total` is None where the usage or a price is not known."""

    model: str
    """The model's id."""
    total: float | None = None
    """All of it."""
    input: float | None = None
    """For input tokens that are not of the prompt cache."""
    cache_read: float = 0.0
    """For input tokens that were read from the prompt cache."""
    cache_write: float = 0.0
    """For input tokens that were written to the prompt cache."""
    output: float | None = None
    """For output tokens."""
    date: str | None = None
    """The day or month when the prices were seen, as `2026-07-02` or `2026-07`."""
    assumed: tuple[str, ...] = ()
    """The names of prices that are not known; the price of plain input was used, so the estimate may be too high."""


BATCH_PRICE = 0.5
"""The price of a batch's request as a share of a single call's. DigitalOcean says up to about 50 % less."""


def estimate_cost(
    model: str | ModelInfo, usage: Usage | Tokens | Mapping[str, Any] | None, *, batch: bool = False
) -> Cost:
    """Return what one call cost, in US dollars: an estimate.

    Args:
        model: The id of the model that answered; of a router's answer that is the answer's `model`.
        usage: The answer's usage. If it is None, the cost's `total` is None.
        batch: Whether it is a result of a batch, at half the price.
    """
    info = model if isinstance(model, ModelInfo) else model_info(model)
    if usage is None:
        return Cost(model=info.id)
    tokens = usage if isinstance(usage, Tokens) else Tokens.of(usage)
    prices = _prices(info, tokens)
    if prices.input_price is None or prices.output_price is None:
        return Cost(model=info.id)
    assumed = []
    cached_price, written_price = prices.cache_read_price, prices.cache_write_price
    if cached_price is None:
        cached_price = prices.input_price
        assumed += ["cache_read_price"] if tokens.cached else []
    if written_price is None:
        written_price = prices.input_price
        assumed += ["cache_write_price"] if tokens.created else []
    plain = max(0, tokens.input - tokens.cached - tokens.created)
    parts = {
        "input": plain * prices.input_price / MILLION,
        "cache_read": tokens.cached * cached_price / MILLION,
        "cache_write": tokens.created * written_price / MILLION,
        "output": tokens.output * prices.output_price / MILLION,
    }
    if batch:
        parts = {name: cost * BATCH_PRICE for name, cost in parts.items()}
    date = info.date_of("input_price")
    return Cost(model=info.id, total=sum(parts.values()), date=date, assumed=tuple(assumed), **parts)


def _prices(info: ModelInfo, tokens: Tokens) -> ModelInfo | PriceTier:
    """Return what has the prices for so much input."""
    reached = [tier for tier in info.price_tiers if tokens.input > tier.above]
    return max(reached, key=lambda tier: tier.above) if reached else info


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What was spent on one model, or on all."""

    calls: int = 0
    """Calls that were added."""
    tokens: Tokens = Tokens()
    """Their tokens."""
    cost: float = 0.0
    """US dollars for the calls whose cost is known."""
    unpriced: int = 0
    """Calls whose cost is not known."""
    date: str | None = None
    """The oldest date among the prices."""

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            calls=self.calls + other.calls,
            tokens=self.tokens + other.tokens,
            cost=self.cost + other.cost,
            unpriced=self.unpriced + other.unpriced,
            date=min(filter(None, (self.date, other.date)), default=None),
        )


class Ledger:
    """Adds up tokens and costs by model. Threads may share one.

    ledger.total.cost is in US dollars; ledger.by_model has the same for each model.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spent: dict[str, Spent] = {}

    def add(self, model: str, usage: Usage | Tokens | Mapping[str, Any] | None, *, batch: bool = False) -> Cost:
        """Add a call, and return what it cost.

        Args:
            model: The id of the model that answered.
            usage: The answer's usage. If it is None, the call counts as one whose cost is not known.
            batch: Whether it is a result of a batch, at half the price.
        """
        tokens = usage if isinstance(usage, Tokens) else Tokens.of(usage or {})
        cost = estimate_cost(model, None if usage is None else tokens, batch=batch)
        call = Spent(calls=1, tokens=tokens, cost=cost.total or 0.0, date=cost.date)
        if cost.total is None:
            call = replace(call, unpriced=1)
        with self._lock:
            self._spent[model] = self._spent.get(model, Spent()) + call
        return cost

    @property
    def by_model(self) -> dict[str, Spent]:
        """What was spent on each model so far."""
        with self._lock:
            return dict(self._spent)

    @property
    def total(self) -> Spent:
        """What was spent on all of them."""
        return sum(self.by_model.values(), Spent())

    def clear(self) -> None:
        """Set all sums back to zero."""
        with self._lock:
            self._spent.clear()

    def __repr__(self) -> str:
        total = self.total
        return f"Ledger({total.calls} calls, {total.tokens.total} tokens, ${total.cost:.6f})"
