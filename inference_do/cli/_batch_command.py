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
    help="Many requests as one job. submit, status, wait, results, cancel and list are the platform's batches: models "
    "of OpenAI and Anthropic, half the price, an answer within a day.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
)

BatchId = Annotated[str, typer.Argument(metavar="ID", help="A batch's id, as submit prints it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Limit = Annotated[float | None, typer.Option(help="A limit of the account.")]
Price = Annotated[float | None, typer.Option(min=0, help="US dollars a million tokens.")]


@group.command(short_help="Make a batch; prints its id.")
@plainly
def submit(
    requests: Annotated[
        Path, typer.Argument(metavar="IN.jsonl", help="A request a line: custom_id, model, messages, ...; - is stdin.")
    ],
    *,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="For requests that name none.", autocompletion=model_ids)
    ] = None,
    provider: Annotated[str | None, typer.Option(help="openai or anthropic; by default that of the model.")] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="/v1/chat/completions or /v1/responses, of OpenAI's models.")
    ] = None,
    metadata: Annotated[list[str] | None, typer.Option(help="A note for yourself, as NAME=TEXT.")] = None,
    request_id: Annotated[
        str | None, typer.Option(help="A text by which the API knows this batch: no second one is made with it.")
    ] = None,
    base_url: BaseUrl = None,
) -> None:
    """Check requests, upload them and make a batch; prints its id."""
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


@group.command(short_help="Show how a batch stands.")
@plainly
def status(id_: BatchId, *, as_json: AsJson = False, base_url: BaseUrl = None) -> None:
    """Show how a batch stands."""
    from . import _batch

    _batch.show_status(id_, as_json=as_json, base_url=base_url)


@group.command(short_help="Wait until a batch has ended.")
@plainly
def wait(
    id_: BatchId,
    *,
    timeout: Annotated[float | None, typer.Option(min=0.001, help="Seconds to wait; the batch goes on anyway.")] = None,
    poll: Annotated[float, typer.Option(min=0.001, help="Seconds between two looks, at most.")] = 60.0,
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


@group.command(short_help="Ask for a batch to end.")
@plainly
def cancel(id_: BatchId, *, as_json: AsJson = False, base_url: BaseUrl = None) -> None:
    """Ask for a batch to end; what has been answered stays in its results."""
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
    epilog="Exit codes: 0 every row has a result, 1 some have not, 2 the command cannot be right, 130 Ctrl-C.",
)
@plainly
def run(
    rows: Annotated[Path, typer.Argument(metavar="IN.jsonl", help="An object on each line; - is standard input.")],
    output: Annotated[Path, typer.Argument(metavar="OUT.jsonl", help="Where results go. What has one is not asked.")],
    *,
    model: Model = DEFAULT_MODEL,
    prompt: Annotated[
        str | None,
        typer.Option(help="What to ask, with {field}s of the row; {{ is a brace. Else its 'messages' or 'prompt'."),
    ] = None,
    system: Annotated[
        str | None, typer.Option("--system", "-s", help="Instructions for the model, with {field}s too.")
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A JSON schema of an object: results are objects that satisfy it."),
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Always so many rows at once, instead of a level of its own.")
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(help="US dollars that OUT.jsonl may cost, earlier runs among them.")
    ] = None,
    max_failures: Annotated[int | None, typer.Option(min=0, help="Stop when more rows have failed.")] = None,
    max_tokens: MaxTokens = None,
    temperature: Temperature = None,
    effort: Effort = None,
    key: Annotated[
        str | None, typer.Option(help="The field that a row is known by, instead of its line and its content.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Look at all lines first; a bad one stops everything.")] = (
        False
    ),
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on with OUT.jsonl, or move it aside and begin anew.")
    ] = True,
    progress: Annotated[bool, typer.Option(help="Show how things stand, on standard error.")] = True,
    base_url: BaseUrl = None,
) -> int:
    """Ask a model something for each line of a file; the same command again goes on with what has no result."""
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


@group.command(short_help="Show time and cost of many rows.")
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
    system: System = None,
    requests_per_minute: Limit = None,
    tokens_per_minute: Limit = None,
    tokens_per_day: Limit = None,
    workers: Annotated[int, typer.Option(help="Processes that ask.")] = 1,
    concurrency: Annotated[int, typer.Option(help="Calls at once in each of them.")] = 64,
    seconds: Annotated[float | None, typer.Option(help="What a call takes.")] = None,
    input_price: Price = None,
    output_price: Price = None,
) -> None:
    """Show what many rows take in time and money, with the arithmetic; nothing is asked.

    Tokens of a file are estimated by its characters. Exit code 2: it cannot be computed.
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
