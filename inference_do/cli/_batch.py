"""`inference-do batch`: the platform's batches, half the price for an answer within a day."""

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
from typing import IO, Any

from inference_do import APIStatusError, Batch, BatchResult, ConfigError, Ledger

from ._command import FAILED, connected
from ._screen import errors, one_line, say, screen, write
from ._table import Column, show_columns

__all__ = ["cancel", "list_batches", "show_status", "submit", "wait", "write_results"]


def submit(
    requests: Path,
    *,
    model: str | None,
    provider: str | None,
    endpoint: str | None,
    metadata: list[str] | None,
    request_id: str | None,
    base_url: str | None,
) -> None:
    """Check requests, upload them, make a batch and print its id."""
    with connected(base_url) as client, _opened(requests) as lines:
        batch = client.batches.create(
            _requests(lines, model),
            provider=provider,
            endpoint=endpoint,
            metadata=_notes(metadata),
            request_id=request_id,
        )
    write(screen(), batch.id)
    say(errors(), f"made: {_standing(batch)}; inference-do batch wait {batch.id} waits for it", "dim")


def show_status(id_: str, *, as_json: bool, base_url: str | None) -> None:
    """Show how a batch stands."""
    with connected(base_url) as client:
        _show(client.batches.get(id_), as_json=as_json)


def wait(id_: str, *, timeout: float | None, poll: float, as_json: bool, base_url: str | None) -> int:
    """Wait until a batch has ended, and return the exit code."""
    with connected(base_url) as client:
        batch = client.batches.wait(id_, progress=True, poll=poll, timeout=timeout)
    _show(batch, as_json=as_json)
    return 0 if batch.status == "completed" else FAILED


def write_results(id_: str, output: Path | None, *, base_url: str | None) -> None:
    """Write the results of a batch that has ended, a line each."""
    ledger, failures = Ledger(), 0
    with connected(base_url) as client, _written(output) as file:
        for result in client.batches.results(id_, ledger=ledger):
            failures += result.error is not None
            file.write(json.dumps(_row(result), ensure_ascii=True) + "\n")
    total = ledger.total
    parts = [
        _counted(total.calls, "answer"),
        _counted(failures, "error"),
        f"{total.tokens.input:,} tokens in, {total.tokens.output:,} out",
    ]
    if total.calls > total.unpriced:
        parts.append(f"about ${total.cost:.6f} at the batches' price (prices of {total.date})")
    say(errors(), " · ".join(parts), "dim")


def cancel(id_: str, *, as_json: bool, base_url: str | None) -> None:
    """Ask for a batch to end."""
    with connected(base_url) as client:
        _show(client.batches.cancel(id_), as_json=as_json)


def list_batches(*, status: str | None, limit: int, as_json: bool, base_url: str | None) -> None:
    """Show the latest batches."""
    with connected(base_url) as client:
        found = list(islice(client.batches.list(status=status, limit=min(limit, 100)), limit))
    if as_json:
        for batch in found:
            _show(batch, as_json=True)
    elif not found:
        say(errors(), "there are no batches" + (f" that are {one_line(status)!r}" if status else ""), "dim")
    else:
        left_out = show_columns(screen(), _columns(found))
        if left_out:
            say(errors(), f"\nLeft out, as the terminal is narrow: {', '.join(left_out)}. --json has all.", "dim")


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
        say(console, f"{name:<{width}}  {one_line(text)}", indent=width + 2)
    for error in batch.errors[:20]:
        say(errors(), one_line(str(error)), "red")


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


def _counted(count: int, name: str) -> str:
    return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"


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
