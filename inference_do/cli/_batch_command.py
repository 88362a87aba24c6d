"""`inference-do batch run`: ask something for each row of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._batch_run import run_job
from ._command import DEFAULT_MODEL, BaseUrl, Model, plainly

__all__ = ["run"]


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
        Path | None, typer.Option(help="A JSON schema of an object: results are objects that satisfy it.")
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Always so many rows at once, instead of a level of its own.")
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(help="US dollars that OUT.jsonl may cost, earlier runs among them.")
    ] = None,
    max_failures: Annotated[int | None, typer.Option(min=0, help="Stop when more rows have failed.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="The most tokens of an answer.")] = None,
    temperature: Annotated[float | None, typer.Option(help="How much chance there is in the answers.")] = None,
    effort: Annotated[str | None, typer.Option(help="How hard to think: none, low, medium, high, ...")] = None,
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
    """Ask a model something for each line of a file; the same command again goes on with what has no result.

    Exit codes: 0 every row has a result, 1 some have not, 2 the command cannot be right, 130 Ctrl-C.
    """
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
