"""`inference-do batch run`: a job over the lines of a file."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from inference_do import Client, ConfigError
from inference_do._jobs.templates import PromptTemplate
from inference_do.jobs import JobInterrupted, JobOptions, run

from ._command import INTERRUPTED, failed
from ._schema import format_of, object_of, read_schema

__all__ = ["Asking", "run_job"]

STANDARD_INPUT = Path("-")


def run_job(
    rows: Path,
    output: Path,
    *,
    model: str,
    prompt: str | None,
    system: str | None,
    schema: Path | None,
    params: Mapping[str, Any],
    options: JobOptions,
    base_url: str | None,
) -> int:
    """Run a job, and return the exit code.

    Args:
        rows: A JSONL file, or `-`.
        output: The JSONL file of the results.
        model: The model.
        prompt: What to ask, with fields of the row.
        system: Instructions, with fields of the row.
        schema: A file with a JSON schema.
        params: Further fields of each request.
        options: Those of the job.
        base_url: Where the API is.

    Raises:
        ConfigError: The command cannot be right; nothing was asked.
    """
    asking = Asking(model, prompt, system, read_schema(schema), params)
    piped: Any = [] if sys.stdin is None or sys.stdin.closed else sys.stdin.buffer
    source = piped if rows == STANDARD_INPUT else rows
    if rows != STANDARD_INPUT and not rows.is_file():
        message = f"there is no file {str(rows)!r}"
        raise ConfigError(message)
    if rows != STANDARD_INPUT and output.exists() and rows.samefile(output):
        message = f"{str(rows)!r} cannot be the output of itself"
        raise ConfigError(message)
    with Client(base_url=base_url) as client, _terminated_as_interrupted():
        options = {**options, "output": output, "model": model}
        options |= {"prompt": asking.messages, "fingerprint": asking.fingerprint}
        try:
            report = run(source, partial(asking.ask, client), **options)
        except JobInterrupted:
            return INTERRUPTED
        except KeyboardInterrupt:
            failed("interrupted: the rows that were being asked have no result; the same again asks them")
            return INTERRUPTED
    return 0 if report.is_complete else 1


class Asking:
    """What is asked for a row."""

    def __init__(
        self,
        model: str,
        prompt: str | None,
        system: str | None,
        schema: Mapping[str, Any] | None,
        params: Mapping[str, Any],
    ) -> None:
        self._prompt = None if prompt is None else PromptTemplate(prompt)
        self._system = None if system is None else PromptTemplate(system)
        self._schema = schema
        self._fields = {"model": model, **{name: value for name, value in params.items() if value is not None}}
        if schema is not None:
            self._fields["response_format"] = format_of(schema)
        self.fingerprint = [self._fields, prompt, system]
        """What the job is known by."""

    def messages(self, row: Any) -> list[dict[str, Any]]:
        """Return the messages for a row; a ValueError says why there are none."""
        messages: list[dict[str, Any]] = []
        if self._system is not None:
            messages.append({"role": "system", "content": self._system.fill(row)})
        if self._prompt is not None:
            return [*messages, {"role": "user", "content": self._prompt.fill(row)}]
        if isinstance(found := row.get("messages"), list) and found:
            return [*messages, *found]
        if isinstance(text := row.get("prompt"), str) and text:
            return [*messages, {"role": "user", "content": text}]
        message = "it has neither 'messages' nor 'prompt': say with --prompt what to ask of its fields"
        raise ValueError(message)

    def ask(self, client: Client, messages: Any) -> Any:
        """Return the answer for a row: a completion, or an object that satisfies the schema."""
        answer = client.chat(messages=messages, **self._fields)
        return answer if self._schema is None else object_of(answer, self._schema)


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let what stops a container stop a job as Ctrl-C does: what is being asked ends first."""

    def pass_on(_number: int, _frame: object) -> None:
        signal.raise_signal(signal.SIGINT)

    before: Callable[..., Any] | int | None = signal.signal(signal.SIGTERM, pass_on)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
