"""The commands of `inference-do batch` and their options; what they do is imported when one is run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._command import (
    DEFAULT_MODEL,
    EXIT_CODES,
    BaseUrl,
    Commands,
    Effort,
    MaxTokens,
    Model,
    System,
    Temperature,
    model_ids,
    plainly,
)

__all__ = ["group"]

group = typer.Typer(
    cls=Commands,
    help="Ask for many rows. run asks from this machine, row by row; estimate says what that costs. submit, status, "
    "wait, results, cancel and list are the platform's batches: models of OpenAI and Anthropic, half the price, an "
    "answer within a day.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
)

BatchId = Annotated[str, typer.Argument(metavar="ID", help="The id of a batch; submit prints it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Limit = Annotated[float | None, typer.Option(help="A limit of your account; doctor shows some.")]
Price = Annotated[float | None, typer.Option(min=0, help="US dollars for a million tokens.")]


@group.command(short_help="Make a batch, and print its id.")
@plainly
def submit(
    requests: Annotated[
        Path,
        typer.Argument(
            metavar="IN.jsonl", help="One request on each line: custom_id, model, messages, ...; - is stdin."
        ),
    ],
    *,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="The model of requests that name none.", autocompletion=model_ids),
    ] = None,
    provider: Annotated[str | None, typer.Option(help="openai or anthropic; by default that of the model.")] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="/v1/chat/completions or /v1/responses, of OpenAI's models.")
    ] = None,
    metadata: Annotated[list[str] | None, typer.Option(help="A note for yourself, as NAME=TEXT.")] = None,
    request_id: Annotated[
        str | None, typer.Option(help="A text of your own that identifies the batch: with it, no second one is made.")
    ] = None,
    base_url: BaseUrl = None,
) -> None:
    """Check requests, upload them, make a batch and print its id."""
    from . import _batch

    _batch.submit(
        requests,
        model=model,
        provider=provider,
        endpoint=endpoint,
        metadata=metadata,
        request_id=request_id,
        base_url=base_url,
    )


@group.command(short_help="Show the status of a batch.")
@plainly
def status(id_: BatchId, *, as_json: AsJson = False, base_url: BaseUrl = None) -> None:
    """Show the status of a batch."""
    from . import _batch

    _batch.show_status(id_, as_json=as_json, base_url=base_url)


@group.command(short_help="Wait until a batch has ended.")
@plainly
def wait(
    id_: BatchId,
    *,
    timeout: Annotated[
        float | None, typer.Option(min=0.001, help="Seconds to wait; after that the batch still continues.")
    ] = None,
    poll: Annotated[
        float, typer.Option(min=0.001, help="Seconds between two requests for the status, at most.")
    ] = 60.0,
    as_json: AsJson = False,
    base_url: BaseUrl = None,
) -> int:
    """Wait until a batch has ended. Exit code 0: it is completed."""
    from . import _batch

    return _batch.wait(id_, timeout=timeout, poll=poll, as_json=as_json, base_url=base_url)


@group.command(short_help="Write the results of a batch.")
@plainly
def results(
    id_: BatchId,
    output: Annotated[
        Path | None, typer.Argument(metavar="[OUT.jsonl]", help="Where to write; by default standard output.")
    ] = None,
    *,
    base_url: BaseUrl = None,
) -> None:
    """Write the results of a batch that has ended: a JSON object for each request, in any order.

    Each has custom_id, and text and completion, or error.
    """
    from . import _batch

    _batch.write_results(id_, output, base_url=base_url)


@group.command(short_help="Cancel a batch.")
@plainly
def cancel(id_: BatchId, *, as_json: AsJson = False, base_url: BaseUrl = None) -> None:
    """Cancel a batch. Requests that were answered stay in its results."""
    from . import _batch

    _batch.cancel(id_, as_json=as_json, base_url=base_url)


@group.command(name="list")
@plainly
def list_batches(
    *,
    status: Annotated[str | None, typer.Option(help="Only those of this status, such as in_progress.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most, newest first.")] = 20,
    as_json: AsJson = False,
    base_url: BaseUrl = None,
) -> None:
    """Show the latest batches."""
    from . import _batch

    _batch.list_batches(status=status, limit=limit, as_json=as_json, base_url=base_url)


@group.command(
    short_help="Ask a model for each line of a file.",
    epilog="Exit codes: 0 every row has a result, 1 some rows have none, 2 the command is wrong, 130 Ctrl-C.",
)
@plainly
def run(
    rows: Annotated[
        Path, typer.Argument(metavar="IN.jsonl", help="One JSON object on each line; - is standard input.")
    ],
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUT.jsonl", help="Where results go. Rows that have a result there are not asked again."
        ),
    ],
    *,
    model: Model = DEFAULT_MODEL,
    prompt: Annotated[
        str | None,
        typer.Option(
            help="The prompt, with {field}s of the row; {{ is a brace. Without it: the row's 'messages' or 'prompt'."
        ),
    ] = None,
    system: Annotated[
        str | None, typer.Option("--system", "-s", help="Instructions for the model, with {field}s too.")
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A JSON schema of an object: each result is an object that satisfies it."),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="How many rows at once, always. Without it the job finds the number itself."),
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(help="Stop before OUT.jsonl costs more US dollars, with earlier runs.")
    ] = None,
    max_failures: Annotated[int | None, typer.Option(min=0, help="Stop when more rows than this have failed.")] = None,
    max_tokens: MaxTokens = None,
    temperature: Temperature = None,
    effort: Effort = None,
    key: Annotated[
        str | None, typer.Option(help="The field that identifies a row. Without it: its line and its content.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Check all lines first, and ask nothing if one is bad.")] = (
        False
    ),
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Continue OUT.jsonl, or rename it and begin anew.")
    ] = True,
    progress: Annotated[bool, typer.Option(help="Show the progress, on standard error.")] = True,
    base_url: BaseUrl = None,
) -> int:
    """Ask a model for each line of a file. The same command again asks the rows that have no result."""
    from ._batch_run import run_job

    return run_job(
        rows,
        output,
        model=model,
        prompt=prompt,
        system=system,
        schema=schema,
        params={"max_completion_tokens": max_tokens, "temperature": temperature, "reasoning_effort": effort},
        options={
            "concurrency": concurrency,
            "max_cost": max_cost,
            "max_failures": max_failures,
            "key": key,
            "strict": strict,
            "resume": resume,
            "progress": progress,
        },
        base_url=base_url,
    )


@group.command(short_help="Show cost and time of many rows.")
@plainly
def estimate(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[IN.jsonl]", help="Rows to count, with --prompt; or give --rows and --input-tokens."),
    ] = None,
    *,
    rows: Annotated[int | None, typer.Option(help="How many rows. Without it: those of the file.")] = None,
    input_tokens: Annotated[
        float | None, typer.Option(help="Tokens of one request. Without it: estimated from the file.")
    ] = None,
    output_tokens: Annotated[float, typer.Option(help="Tokens of one answer, reasoning included.")] = 200,
    model: Model = DEFAULT_MODEL,
    prompt: Annotated[str | None, typer.Option(help="The prompt, as for run.")] = None,
    system: System = None,
    requests_per_minute: Limit = None,
    tokens_per_minute: Limit = None,
    tokens_per_day: Limit = None,
    workers: Annotated[int, typer.Option(help="Processes that ask at the same time.")] = 1,
    concurrency: Annotated[int, typer.Option(help="Calls at once in each of them.")] = 64,
    seconds: Annotated[float | None, typer.Option(help="Seconds that one call takes.")] = None,
    input_price: Price = None,
    output_price: Price = None,
) -> None:
    """Show what many rows cost, and how long they take, with the arithmetic. Nothing is sent.

    Tokens of a file are estimated from its characters. Exit code 2: something for the estimate is missing.
    """
    from ._batch_estimate import estimate as show_estimate

    numbers = {
        "rows": rows,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "requests_per_minute": requests_per_minute,
        "tokens_per_minute": tokens_per_minute,
        "tokens_per_day": tokens_per_day,
        "workers": workers,
        "concurrency": concurrency,
        "seconds": seconds,
    }
    prices = input_price, output_price
    show_estimate(file, numbers, model=model, prompt=prompt, system=system, prices=prices)
