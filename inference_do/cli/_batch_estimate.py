"""`inference-do batch estimate`: what many rows take in time and money, before any is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from textwrap import wrap
from typing import Any

from inference_do import ConfigError, model_info
from inference_do._adapters.tokens import estimate_message
from inference_do._jobs.estimate import Estimate, Work
from inference_do._jobs.estimate import estimate as estimate_work
from inference_do._jobs.rows import RowReader, open_rows
from inference_do.models import ModelInfo

from ._batch_run import Asking
from ._screen import one_line, screen, write

__all__ = ["estimate"]


def estimate(
    file: Path | None,
    numbers: Mapping[str, Any],
    *,
    model: str,
    prompt: str | None,
    system: str | None,
    prices: tuple[float | None, float | None],
) -> None:
    """Show what many rows take in time and money.

    Args:
        file: Rows to count.
        numbers: Fields of `Work`; `rows` and `input_tokens` may be None with a file.
        model: The model, whose prices count.
        prompt: What would be asked, with fields of the row.
        system: Instructions, with fields of the row.
        prices: Other prices for input and output, in US dollars a million tokens.

    Raises:
        ConfigError: It cannot be computed.
    """
    rows, input_tokens = numbers["rows"], numbers["input_tokens"]
    if file is not None:
        counted, tokens = _counted(file, Asking(model, prompt, system, None, {}))
        rows, input_tokens = rows or counted, tokens if input_tokens is None else input_tokens
    if rows is None or input_tokens is None:
        message = "give IN.jsonl, or --rows and --input-tokens"
        raise ConfigError(message)
    work = Work(**{**numbers, "rows": rows, "input_tokens": input_tokens})
    _show(estimate_work(_priced(model_info(model), *prices), work))


def _priced(info: ModelInfo, input_price: float | None, output_price: float | None) -> ModelInfo:
    if input_price is None and output_price is None:
        return info
    if input_price is None or output_price is None:
        message = "give --input-price and --output-price together, in US dollars for a million tokens"
        raise ConfigError(message)
    return replace(info, input_price=input_price, output_price=output_price, price_tiers=(), dates=())


def _counted(path: Path, asking: Asking) -> tuple[int, float]:
    """Return how many rows a file has, and the tokens of one on average."""
    reader, tokens, count = RowReader(None, asking.messages), 0, 0
    for number, value in open_rows(path).values or ():
        row = reader.read(number, value)
        if row.problem is not None:
            message = f"line {number} of {str(path)!r}: {row.problem}"
            raise ConfigError(message)
        count += 1
        tokens += sum(map(estimate_message, row.content))
    if not count:
        message = f"{str(path)!r} has no rows"
        raise ConfigError(message)
    return count, tokens / count


def _show(found: Estimate) -> None:
    console = screen()
    width = max(len(line.name) for line in found.lines if line.text)
    for line in found.lines:
        if not line.text:
            write(console, one_line(line.name), "bold")
        else:
            folded = wrap(line.text, max(console.width - width - 4, 20))
            for name, text in zip_longest((line.name,), folded, fillvalue=""):
                write(console, f"  {name:<{width}}  {text}", "green" if line.is_result else "")
