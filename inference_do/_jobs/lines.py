"""What one line says of a job, as far as it has room."""

from __future__ import annotations

from typing import TypeAlias

from .reports import JobProgress, as_dollars, as_time

__all__ = ["LIVE_SECONDS", "Part", "fit", "parts_of"]

LIVE_SECONDS = 0.2
"""How often a live line is brought up to date."""

Part: TypeAlias = tuple[int, str, str]
"""How soon it is left out (the highest first), its text, and what it is."""


def parts_of(progress: JobProgress) -> list[Part]:
    """Return what there is to say of a job, in order."""
    of = "" if progress.total is None else f"/{progress.total:,}"
    parts: list[Part] = [(0, f"{progress.seen:,}{of} rows", "rows")]
    if progress.total:
        parts.append((5, f"{min(1.0, progress.seen / progress.total):.0%}", "percent"))
    if progress.rows_per_second:
        parts.append((4, f"{progress.rows_per_second:.3g} rows/s", "rate"))
    if progress.tokens.total:
        parts.append((7, f"{_short(progress.tokens.total)} tokens", "tokens"))
    if progress.cost:
        parts.append((3, as_dollars(progress.cost), "cost"))
    if progress.failed:
        parts.append((1, f"{progress.failed:,} failed", "failed"))
    if progress.waiting:
        parts.append((2, f"{progress.waiting} waiting for limits, {progress.waiting_seconds:.0f} s", "waiting"))
    if progress.is_stopping:
        parts.append((1, f"stopping: {progress.running} left to end", "stopping"))
    elif progress.seconds_left:
        parts.append((2, f"{as_time(round(progress.seconds_left))} left", "left"))
    parts.append((8, f"{progress.running} at once", "running"))
    return parts


def fit(parts: list[Part], columns: int) -> list[tuple[str, str]]:
    """Return the parts, text and kind, for which a line has room."""
    kept = list(parts)
    while len(kept) > 1 and sum(len(text) + 3 for _, text, _ in kept) - 3 > columns:
        kept.remove(max(kept, key=lambda part: part[0]))
    return [(text, kind) for _, text, kind in kept]


def _short(count: int) -> str:
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.3g}{letter}"
    return str(count)
