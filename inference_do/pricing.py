"""What calls cost, estimated from their usage and the known prices, and added up by model.

An estimate, because prices age (`Cost.date`), some are not known, and what is billed besides tokens (server-side tools,
off-peak discounts) is not in a response's usage.
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
    """Tokens of a call, or of several."""

    input: int = 0
    """All input tokens, cached ones included."""
    cached: int = 0
    """Those read from a prompt cache."""
    created: int = 0
    """Those written to one."""
    output: int = 0
    """All output tokens, reasoning included."""
    reasoning: int = 0

    @classmethod
    def of(cls, usage: Usage | Mapping[str, Any]) -> Tokens:
        """Read the API's usage, as an object or as it came."""
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
        """Input and output."""
        return self.input + self.output

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(**{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """An estimate in US dollars. `total` is None where the usage or a price that counts is not known."""

    model: str
    total: float | None = None
    input: float | None = None
    """For input that came from no cache."""
    cache_read: float = 0.0
    cache_write: float = 0.0
    output: float | None = None
    date: str | None = None
    """When the prices were seen: an ISO day or month."""
    assumed: tuple[str, ...] = ()
    """Prices that are not known and were taken to be that of plain input: the estimate may be too high."""


BATCH_PRICE = 0.5
"""What a request of a batch costs, as a share of a single call: DigitalOcean says up to about 50 % less."""


def estimate_cost(
    model: str | ModelInfo, usage: Usage | Tokens | Mapping[str, Any] | None, *, batch: bool = False
) -> Cost:
    """Estimate what one call cost.

    Args:
        model: The model that answered, which for a router is the answer's own `model`.
        usage: The answer's usage. Of an answer that came without it nothing is known: the cost's `total` is None.
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
    tokens: Tokens = Tokens()
    cost: float = 0.0
    """US dollars, of the calls whose cost is known."""
    unpriced: int = 0
    """Calls whose cost is not known."""
    date: str | None = None
    """The oldest date of the prices."""

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            calls=self.calls + other.calls,
            tokens=self.tokens + other.tokens,
            cost=self.cost + other.cost,
            unpriced=self.unpriced + other.unpriced,
            date=min(filter(None, (self.date, other.date)), default=None),
        )


class Ledger:
    """Adds up calls by model; threads may share one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spent: dict[str, Spent] = {}

    def add(self, model: str, usage: Usage | Tokens | Mapping[str, Any] | None, *, batch: bool = False) -> Cost:
        """Note a call, and return what it cost.

        Args:
            model: The model that answered.
            usage: The answer's usage. A call without it counts as one whose cost is not known.
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
        """Begin anew."""
        with self._lock:
            self._spent.clear()

    def __repr__(self) -> str:
        total = self.total
        return f"Ledger({total.calls} calls, {total.tokens.total} tokens, ${total.cost:.6f})"
