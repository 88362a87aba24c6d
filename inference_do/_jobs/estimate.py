"""What many rows take in time and money, by arithmetic that is shown line by line. Nothing is asked."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from inference_do._provider_ids import provider_of
from inference_do.errors import ConfigError
from inference_do.models import ModelInfo
from inference_do.pricing import BATCH_PRICE, MILLION

__all__ = ["Estimate", "Step", "Work", "estimate", "show_duration"]

MINUTE, HOUR, DAY = 60, 3600, 86400
BATCH_REQUESTS = 50_000
"""The most requests of one batch of the platform."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Rows to ask, and what bounds how fast they are asked.

    Raises:
        ConfigError: A number is below what it can be.
    """

    rows: int
    input_tokens: float
    """Of a row, on average."""
    output_tokens: float
    """Of a row, on average, reasoning included."""
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    """Input and output together."""
    tokens_per_day: float | None = None
    workers: int = 1
    concurrency: int = 64
    """Calls at once in each worker."""
    seconds: float | None = None
    """What a call takes, on average."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            may_be_nothing = field.name in {"input_tokens", "output_tokens"}
            if value is None or ((value > 0 or (may_be_nothing and value == 0)) and math.isfinite(value)):
                continue
            message = f"{field.name} must be a number {'from 0 up' if may_be_nothing else 'above 0'}, not {value!r}"
            raise ConfigError(message)

    @property
    def tokens(self) -> float:
        """Those of all rows, input and output."""
        return self.rows * (self.input_tokens + self.output_tokens)


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the arithmetic; one without a text is a heading."""

    name: str
    text: str = ""
    is_result: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """Time and money, and how they came out."""

    seconds: float | None
    """None where nothing that was given bounds it."""
    cost: float
    """US dollars, of single calls."""
    batch_cost: float | None
    """US dollars as batches of the platform; None where it takes none for the model."""
    lines: tuple[Step, ...]


def estimate(info: ModelInfo, work: Work) -> Estimate:
    """Estimate what rows take if nothing else uses the limits, no call fails and no input is cached.

    Raises:
        ConfigError: No price is known for the model.
    """
    cost, batch_cost, money = _money(info, work)
    seconds, time = _time(work)
    return Estimate(seconds, cost, batch_cost, (*_tokens(work), *time, *money))


def show_duration(seconds: float) -> str:
    """Return a duration in its two largest units."""
    if seconds < MINUTE:
        return f"{_number(seconds)} s"
    units = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (1, "s"))
    index = next(index for index, (unit, _) in enumerate(units) if seconds >= unit)
    (large, name), (small, small_name) = units[index], units[index + 1]
    whole = round(seconds / small)
    shown = f"{whole * small // large:,} {name}"
    rest = whole % (large // small)
    return f"{shown} {rest} {small_name}" if rest else shown


def _tokens(work: Work) -> list[Step]:
    rows = f"{work.rows:,} rows x "
    return [
        Step("Tokens"),
        Step("input", f"{rows}{_number(work.input_tokens)} = {_number(work.rows * work.input_tokens)}"),
        Step("output", f"{rows}{_number(work.output_tokens)} = {_number(work.rows * work.output_tokens)}"),
    ]


def _time(work: Work) -> tuple[float | None, list[Step]]:
    bounds: list[tuple[str, str, float]] = []
    for name, amount, limit in (
        ("requests per minute", work.rows, work.requests_per_minute),
        ("tokens per minute", work.tokens, work.tokens_per_minute),
    ):
        if limit is not None:
            bounds.append((name, f"{_number(amount)} / {_number(limit)} a minute", amount / limit * MINUTE))
    if work.seconds is not None:
        places = work.workers * work.concurrency
        text = f"{work.rows:,} x {_number(work.seconds)} s / ({work.workers:,} x {work.concurrency:,} at once)"
        bounds.append(("workers", text, work.rows * work.seconds / places))
    if work.tokens_per_day is not None:
        bounds.append(_days(work, max((seconds for *_, seconds in bounds), default=0.0)))
    lines = [
        Step("Time, the longest of these"),
        *(Step(n, f"{t} = {show_duration(s)}") for n, t, s in bounds),
    ]
    if not bounds:
        return None, [
            *lines,
            Step("time", "not known: give --requests-per-minute, --tokens-per-minute or --seconds", is_result=True),
        ]
    name, _, longest = max(bounds, key=lambda bound: bound[2])
    lines.append(Step("time", f"{show_duration(longest)}, by {name}", is_result=True))
    return longest, [*lines, *_advice(work, bounds)]


def _days(work: Work, seconds: float) -> tuple[str, str, float]:
    """Return the bound of a day's tokens: each day has so many at once, and the last day's go at the others' pace.

    Args:
        work: The work.
        seconds: What it takes by all other bounds.
    """
    limit = work.tokens_per_day or math.inf
    waits = max(math.ceil(work.tokens / limit) - 1, 0)
    rest = work.tokens - waits * limit
    last = seconds * rest / work.tokens if work.tokens else 0.0
    text = f"{_number(work.tokens)} / {_number(limit)} a day: {waits:,} days waited for"
    if last:
        text += f" + {_number(rest)} in {show_duration(last)}"
    return "tokens per day", text, waits * DAY + last


def _advice(work: Work, bounds: list[tuple[str, str, float]]) -> list[Step]:
    """Return how many calls at once fill the limits, and the share of each worker."""
    lines, pace = [], [seconds for name, _, seconds in bounds if name.endswith("per minute")]
    if pace and work.seconds is not None:
        rate = work.rows / max(pace)
        places = math.ceil(rate * work.seconds)
        text = f"{_number(rate)} rows/s x {_number(work.seconds)} s = {places:,} calls at once reach the limits"
        workers = math.ceil(places / work.concurrency)
        lines.append(Step("", f"{text}: {workers:,} worker{'s' if workers > 1 else ''}"))
    if work.workers > 1 and work.requests_per_minute is not None:
        share = work.requests_per_minute / work.workers
        text = f"{_number(work.requests_per_minute)} / {work.workers:,} workers = {_number(share)} requests a minute"
        lines.append(Step("a worker", text))
    return lines


def _money(info: ModelInfo, work: Work) -> tuple[float, float | None, list[Step]]:
    tiers = [tier for tier in info.price_tiers if work.input_tokens > tier.above]
    prices = max(tiers, key=lambda tier: tier.above) if tiers else info
    if prices.input_price is None or prices.output_price is None:
        message = (
            f"no price is known for {info.id!r}: give --input-price and --output-price, in US dollars for a million "
            "tokens, or another --model (`inference-do models` shows their prices)"
        )
        raise ConfigError(message)
    parts = (("input", work.input_tokens, prices.input_price), ("output", work.output_tokens, prices.output_price))
    date = info.date_of("input_price")
    lines, cost = [Step(f"Money, {info.id}" + (f", prices of {date}" if date else ""))], 0.0
    for name, tokens, price in parts:
        part = work.rows * tokens * price / MILLION
        lines.append(Step(name, f"{_number(work.rows * tokens)} x ${price:,.4g} / {MILLION:,} = {_dollars(part)}"))
        cost += part
    lines.append(Step("cost", _dollars(cost), is_result=True))
    provider = provider_of(info.id)
    if provider is None:
        lines.append(Step("as batches", "none: the platform takes batches for models of OpenAI and Anthropic only"))
        return cost, None, lines
    batches = math.ceil(work.rows / BATCH_REQUESTS)
    text = f"{_dollars(cost)} x {BATCH_PRICE:g} = {_dollars(cost * BATCH_PRICE)}"
    lines.append(Step("as batches", text, is_result=True))
    lines.append(Step("", f"{work.rows:,} / {BATCH_REQUESTS:,} = {batches:,} of them, each answered within a day"))
    return cost, cost * BATCH_PRICE, lines


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 or value == int(value) else f"{value:.3g}"  # noqa: PLR2004


def _dollars(value: float) -> str:
    return f"${value:,.2f}" if value >= 1 or not value else f"${value:.3g}"
