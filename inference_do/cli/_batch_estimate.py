"""`inference-do batch estimate`: what many rows take in time and money, before any is asked."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from textwrap import wrap
from typing import Annotated

import typer

from inference_do import ConfigError, model_info
from inference_do._adapters.tokens import estimate_message
from inference_do._jobs.estimate import Estimate, Work
from inference_do._jobs.estimate import estimate as estimate_work
from inference_do._jobs.rows import RowReader, open_rows
from inference_do.models import ModelInfo

from ._batch_run import USAGE, Asking
from ._command import DEFAULT_MODEL, Model, failed, plainly
from ._screen import one_line, screen, write

__all__ = ["estimate"]

Limit = Annotated[float | None, typer.Option(help="A limit of the account.")]


@plainly
def estimate(
    file: Annotated[
        Path | None, typer.Argument(metavar="[IN.jsonl]", help="Rows to count, by --prompt; or give the numbers.")
    ] = None,
    *,
    rows: Annotated[int | None, typer.Option(help="How many rows; with a file its own number.")] = None,
    input_tokens: Annotated[float | None, typer.Option(help="Tokens of a row's request; a file's are counted.")] = None,
    output_tokens: Annotated[float, typer.Option(help="Tokens of an answer, reasoning included.")] = 200,
    model: Model = DEFAULT_MODEL,
    prompt: Annotated[str | None, typer.Option(help="As for run.")] = None,
    system: Annotated[str | None, typer.Option("--system", "-s", help="As for run.")] = None,
    requests_per_minute: Limit = None,
    tokens_per_minute: Limit = None,
    tokens_per_day: Limit = None,
    workers: Annotated[int, typer.Option(help="Processes that ask.")] = 1,
    concurrency: Annotated[int, typer.Option(help="Calls at once in each of them.")] = 64,
    seconds: Annotated[float | None, typer.Option(help="What a call takes.")] = None,
    input_price: Annotated[float | None, typer.Option(min=0, help="US dollars a million tokens.")] = None,
    output_price: Annotated[float | None, typer.Option(min=0, help="US dollars a million tokens.")] = None,
) -> int:
    """Show what many rows take in time and money, with the arithmetic; nothing is asked.

    Tokens of a file are estimated by its characters. Exit code 2: it cannot be computed.
    """
    try:
        if file is not None:
            counted, tokens = _counted(file, Asking(model, prompt, system, None, {}))
            rows, input_tokens = rows or counted, tokens if input_tokens is None else input_tokens
        if rows is None or input_tokens is None:
            message = "give IN.jsonl, or --rows and --input-tokens"
            raise ConfigError(message)  # noqa: TRY301  as the others
        work = Work(
            rows=rows,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            tokens_per_day=tokens_per_day,
            workers=workers,
            concurrency=concurrency,
            seconds=seconds,
        )
        _show(estimate_work(_priced(model_info(model), input_price, output_price), work))
    except ConfigError as error:
        failed(f"ConfigError: {error}")
        return USAGE
    return 0


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
