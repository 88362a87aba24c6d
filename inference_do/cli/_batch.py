"""`inference-do batch`: the platform's batches, half the price for an answer within a day.

`group` is where further commands of `batch` are added.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from inference_do import APIStatusError, Batch, BatchResult, Client, ConfigError, Ledger

from ._command import BaseUrl, plainly
from ._screen import errors, one_line, screen, write
from ._table import Column, show_columns

__all__ = ["group"]

group = typer.Typer(
    help="Many requests as one job. submit, status, wait, results, cancel and list are the platform's batches: models "
    "of OpenAI and Anthropic, half the price, an answer within a day.",
    no_args_is_help=True,
)

BatchId = Annotated[str, typer.Argument(metavar="ID", help="A batch's id, as submit prints it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


@group.command()
@plainly
def submit(
    requests: Annotated[
        Path, typer.Argument(metavar="IN.jsonl", help="A request a line: custom_id, model, messages, ...; - is stdin.")
    ],
    *,
    model: Annotated[str | None, typer.Option("--model", "-m", help="For requests that name none.")] = None,
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
    with Client(base_url=base_url) as client, _opened(requests) as lines:
        batch = client.batches.create(
            _requests(lines, model),
            provider=provider,
            endpoint=endpoint,
            metadata=_notes(metadata),
            request_id=request_id,
        )
    write(screen(), batch.id)
    write(errors(), f"made: {_standing(batch)}; inference-do batch wait {batch.id} waits for it", "dim")


@group.command()
@plainly
def status(id_: BatchId, *, as_json: AsJson = False, base_url: BaseUrl = None) -> None:
    """Show how a batch stands."""
    with Client(base_url=base_url) as client:
        _show(client.batches.get(id_), as_json=as_json)


@group.command()
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
    with Client(base_url=base_url) as client:
        batch = client.batches.wait(id_, progress=True, poll=poll, timeout=timeout)
    _show(batch, as_json=as_json)
    return 0 if batch.status == "completed" else 1


@group.command()
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
    ledger, failed = Ledger(), 0
    with Client(base_url=base_url) as client, _written(output) as file:
        for result in client.batches.results(id_, ledger=ledger):
            failed += result.error is not None
            file.write(json.dumps(_row(result), ensure_ascii=True) + "\n")
    total = ledger.total
    parts = [
        f"{total.calls:,} answers",
        f"{failed:,} errors",
        f"{total.tokens.input:,} tokens in, {total.tokens.output:,} out",
    ]
    if total.calls > total.unpriced:
        parts.append(f"about ${total.cost:.6f} at the batches' price (prices of {total.date})")
    write(errors(), " · ".join(parts), "dim")


@group.command()
@plainly
def cancel(id_: BatchId, *, as_json: AsJson = False, base_url: BaseUrl = None) -> None:
    """Ask for a batch to end; what has been answered stays in its results."""
    with Client(base_url=base_url) as client:
        _show(client.batches.cancel(id_), as_json=as_json)


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
    with Client(base_url=base_url) as client:
        found = list(islice(client.batches.list(status=status, limit=min(limit, 100)), limit))
    if as_json:
        for batch in found:
            _show(batch, as_json=True)
    elif not found:
        write(errors(), "there are no batches" + (f" that are {one_line(status)!r}" if status else ""), "dim")
    else:
        left_out = show_columns(screen(), _columns(found))
        if left_out:
            write(screen(), f"\nLeft out, as the terminal is narrow: {', '.join(left_out)}. --json has all.", "dim")


# --- input ---


@contextmanager
def _opened(path: Path) -> Iterator[Iterable[bytes]]:
    if str(path) == "-":
        yield sys.stdin.buffer
        return
    try:
        file = path.open("rb")
    except OSError as error:
        reason = error.strerror or str(error)
    else:
        with file:
            yield file
        return
    message = f"{str(path)!r} cannot be read: {reason}"
    raise ConfigError(message)


def _requests(lines: Iterable[bytes], model: str | None) -> Iterator[Mapping[str, Any]]:
    """Yield the requests of a JSONL file; empty lines are left out.

    Raises:
        ConfigError: A line is no JSON object.
    """
    for number, line in enumerate(lines, 1):
        text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if not text.strip():
            continue
        try:
            request = json.loads(text)
        except (ValueError, RecursionError) as error:
            reason = f"it is not JSON: {error}"
        else:
            if isinstance(request, dict):
                yield {"model": model, **request} if model else request
                continue
            reason = f"it is no JSON object, but a {type(request).__name__}"
        message = f"line {number} of the file: {reason}"
        raise ConfigError(message)


def _notes(given: list[str] | None) -> dict[str, str] | None:
    if not given:
        return None
    if wrong := next((note for note in given if "=" not in note), None):
        message = f"--metadata takes NAME=TEXT, not {wrong!r}"
        raise ConfigError(message)
    return {name: text for name, _, text in (note.partition("=") for note in given)}


# --- output ---


@contextmanager
def _written(path: Path | None) -> Iterator[IO[str]]:
    """Yield a file to write to, which takes its place when it is whole."""
    if path is None:
        yield sys.stdout
        return
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        try:
            yield file
            file.close()
            os.replace(file.name, path)  # noqa: PTH105  as one step
        except BaseException:
            file.close()
            Path(file.name).unlink(missing_ok=True)
            raise


def _row(result: BatchResult) -> dict[str, Any]:
    if result.completion is not None:
        completion = result.completion.model_dump(mode="json", exclude_none=True)
        return {"custom_id": result.custom_id, "text": result.completion.text, "completion": completion}
    error = result.error
    shown: dict[str, Any] = {
        "class": type(error).__name__,
        "message": str(error),
        "retryable": error is not None and error.retryable,
    }
    if isinstance(error, APIStatusError):
        shown["status"] = error.status
    return {"custom_id": result.custom_id, "error": shown}


def _show(batch: Batch, *, as_json: bool) -> None:
    if as_json:
        print(batch.model_dump_json(exclude_none=True, by_alias=True))  # noqa: T201  data
        return
    console, facts = screen(), _facts(batch)
    width = max(map(len, facts))
    for name, text in facts.items():
        write(console, f"{name:<{width}}  {one_line(text)}")
    for error in batch.errors[:20]:
        write(errors(), one_line(str(error)), "red")


def _facts(batch: Batch) -> dict[str, str]:
    ended = batch.completed_at or batch.cancelled_at or batch.failed_at
    facts = {
        "batch": batch.id,
        "status": _standing(batch),
        "provider": " ".join(filter(None, (batch.provider, batch.endpoint))),
        "created": _date(batch.created_at),
        "ended": _date(ended),
        "expires": "" if batch.is_final else _date(batch.expires_at),
        "request_id": batch.request_id or "",
        "metadata": ", ".join(f"{name}={value}" for name, value in (batch.metadata or {}).items()),
    }
    return {name: text for name, text in facts.items() if text}


def _standing(batch: Batch) -> str:
    counts = batch.request_counts
    if not counts.total:
        return batch.status
    failed = f", {counts.failed:,} failed" if counts.failed else ""
    return f"{batch.status}, {counts.ended:,} of {counts.total:,} requests{failed}"


def _date(date: datetime | None) -> str:
    return "" if date is None else date.astimezone().strftime("%Y-%m-%d %H:%M")


def _columns(batches: list[Batch]) -> list[Column]:
    counts = [batch.request_counts for batch in batches]
    return [
        Column("Batch", [one_line(batch.id) for batch in batches], 0),
        Column("Status", [one_line(batch.status) for batch in batches], 1),
        Column("Done", [f"{count.ended:,}/{count.total:,}" for count in counts], 2, is_number=True),
        Column("Failed", [f"{count.failed:,}" for count in counts], 4, is_number=True),
        Column("Created", [_date(batch.created_at) for batch in batches], 3),
        Column("Provider", [one_line(batch.provider or "") for batch in batches], 5),
    ]
