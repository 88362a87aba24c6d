"""Results as series of numbers, one a round, and what is made of them: medians, spreads, ratios within a round."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median

from .rounds import Result

Series = dict[int, float]


class Results:
    """All that was measured."""

    def __init__(self, results: Iterable[Result]) -> None:
        self._values: dict[tuple[str, str], dict[int, Mapping[str, object]]] = {}
        for result in results:
            self._values.setdefault((result.part, result.subject), {})[result.round] = result.values

    def has(self, part: str, subject: str | None = None) -> bool:
        """Whether a part was measured, of a subject or at all."""
        return any(key == (part, subject or key[1]) for key in self._values)

    def series(self, part: str, subject: str, metric: str) -> Series:
        """Return a metric's numbers by round."""
        rounds = self._values.get((part, subject), {})
        found = {number: values.get(metric) for number, values in rounds.items()}
        return {number: float(value) for number, value in found.items() if isinstance(value, int | float)}

    def troubles(self, part: str, subject: str) -> list[str]:
        """Return what went wrong, each thing once."""
        errors_seen: list[str] = []
        for values in self._values.get((part, subject), {}).values():
            errors = values.get("errors")
            failures = values.get("failures")
            errors_seen += errors if isinstance(errors, list) else []
            errors_seen += (
                [f"{count} times {name}" for name, count in failures.items()] if isinstance(failures, dict) else []
            )
        return list(dict.fromkeys(errors_seen))


def ratio(of: Series, to: Series) -> Series:
    """Divide round by round."""
    return {number: value / to[number] for number, value in of.items() if to.get(number)}


def difference(of: Series, to: Series) -> Series:
    """Subtract round by round."""
    return {number: value - to[number] for number, value in of.items() if number in to}


def middle(series: Series) -> float | None:
    """Return the median."""
    return median(series.values()) if series else None


def shortened(value: float) -> str:
    """Return a number with three digits that count."""
    if value == int(value) or abs(value) >= 100:  # noqa: PLR2004
        return f"{value:,.0f}"
    return f"{value:.3g}"
