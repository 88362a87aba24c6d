"""Jobs: one call for each of many rows, at a pace that the API's limits allow, with an output that can be gone on with.

    from inference_do import jobs

    report = jobs.run("reviews.jsonl", model, prompt="Sum up: {text}", output="sums.jsonl")

`run` asks in threads, `arun` in an event loop; both follow the same rules (`_jobs/machine.py`). A row is asked once:
what has been answered is never asked again by a later run with the same output, whatever became of this one; what
failed is. Rows are written as they come, not in the order of the rows: `row` is a row's number.

A line of the output has:

* `job`, what the job is known by; `row`, the row's number from 1, which of a JSONL file is the line; `key`, if `key=`
  was given; `digest`, a hash of the row's content;
* `result`, by the rules of `_jobs/results.py`, with `finish_reason` and `tool_calls` where there are any; or `error`
  with `class`, `message` and, as far as the API said, `status`, `code`, `request_id`;
* `seconds` and, where they are known, `model`, `usage` (`input`, `cached`, `created`, `output`, `reasoning`) and `cost`
  in US dollars.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any, TypedDict, Unpack

from ._jobs.calls import Prompt, Target, model_of, preparing, recognize
from ._jobs.drivers import drive_tasks, drive_threads, in_threads
from ._jobs.fingerprints import fingerprint_of
from ._jobs.finished import FinishedRows
from ._jobs.level import Level
from ._jobs.machine import Machine, Rules
from ._jobs.output import Output
from ._jobs.progress import Progress, reporter_of
from ._jobs.reports import JobProgress, JobReport, Stop
from ._jobs.rows import Key, RowReader, Rows, RowSource, open_rows
from ._jobs.runs import Run
from ._jobs.workers import Workers
from .errors import ConfigError
from .models import model_info

__all__ = ["JobInterrupted", "JobOptions", "JobProgress", "JobReport", "Stop", "arun", "run"]

MOST_THREADS = 64
MOST_TASKS = 256
"""Rows at once that a job goes up to by itself."""
SHOWN_PROBLEMS = 5


class JobOptions(TypedDict, total=False):
    """The options of a job."""

    output: str | os.PathLike[str] | None
    """A JSONL file to append to. Without one the results are in the report, and memory grows with them."""
    concurrency: int | None
    """How many rows at once, always. By default the job finds the number itself: up to 64 in threads, 256 in tasks."""
    resume: bool
    """True, the default, continues an output that exists. False renames that file first and begins anew."""
    progress: Progress
    """Whether to show the progress on standard error; or a function that is given a `JobProgress` each second."""
    key: Key
    """What identifies a row: a field, or a function of the row. By default its position: then rows must not move."""
    prompt: Prompt
    """The prompt: a text with `{field}`s of the row (`{{` is a brace), or a function from a row to what the call is
    given. If the function raises, the row fails with that error."""
    strict: bool
    """Whether to check all rows first, and begin only if every row is valid. By default a bad row fails alone."""
    max_cost: float | None
    """US dollars that the job may cost, with earlier runs of the same output. A row is begun only if the sum stays
    below this when that row, and every row that is being asked, costs as much as the dearest so far. The first row is
    asked alone."""
    max_failures: int | None
    """How many rows may fail before the job stops."""
    patience: float
    """Seconds that a row may wait for a rate limit; 600 by default. If there is no room for longer, the job stops. Such
    a wait is not a failure."""
    model: str | None
    """The model, whose prices `max_cost` needs, if `call` does not show it."""
    fingerprint: Any
    """What identifies the job, in place of the call's own settings: texts, numbers, lists, dicts."""


class JobInterrupted(KeyboardInterrupt):
    """Ctrl-C ended a job; what had been asked is in the output."""

    report: JobReport
    """What had been done."""

    def __init__(self, report: JobReport) -> None:
        super().__init__("the job was interrupted; run the same job again to ask the rows that have no result")
        self.report = report


def run(rows: Rows, call: Any, **options: Unpack[JobOptions]) -> JobReport:
    """Ask something for each row, and return what was done.

    Args:
        rows: A path of a JSONL file of objects, or anything that gives one row after another, such as a generator: it
            is read as rows are needed, in the thread that calls this.
        call: A Runnable of LangChain, an LLM or program of LlamaIndex, or a function of a row. A chat model or an LLM
            is asked with the row's `messages` or `prompt`, or with what `prompt=` makes of it.
        **options: Those of `JobOptions`.

    Raises:
        ConfigError: An argument is wrong; no row has been asked.
        JobInterrupted: Ctrl-C was pressed: no more rows were begun, those that were being asked have ended and are
            written. A second Ctrl-C does not wait for them.
        OSError: The output could not be written.
    """
    job = _Job(rows, call, options, most=MOST_THREADS)
    ask = job.target.sync
    if job.source.values is None:
        message = "run() reads rows in a thread: an asynchronous source is for `await arun(...)`"
        raise ConfigError(message)
    if ask is None:
        return _run_in_a_loop(job)
    made = job.open()
    try:
        drive_threads(made, ask)
    except BaseException as error:
        made.fail(error)
        made.end()
        raise
    return _ended(made)


async def arun(rows: Rows, call: Any, **options: Unpack[JobOptions]) -> JobReport:
    """Ask something for each row, in tasks of the running event loop; see `run`.

    `rows` may be an asynchronous iterable too. A function that is not asynchronous is called in threads.

    Raises:
        ConfigError: An argument is wrong; no row has been asked.
        asyncio.CancelledError: It was cancelled: no more rows were begun, those that were being asked have ended and
            are written. A second cancellation does not wait for them.
        OSError: The output could not be written.
    """
    return await _arun(_Job(rows, call, options, most=MOST_TASKS))


async def _arun(job: _Job) -> JobReport:
    workers = Workers()
    ask: Callable[[Any], Awaitable[Any]] | None = job.target.asynchronous
    if ask is None:
        assert job.target.sync is not None  # noqa: S101  it is one or the other
        ask = in_threads(workers, job.target.sync)
    made = job.open()
    try:
        await drive_tasks(made, ask)
    except asyncio.CancelledError:
        made.interrupt()
        job.report = made.end()
        raise
    except BaseException as error:
        made.fail(error)
        made.end()
        raise
    finally:
        workers.close()
    return _ended(made)


def _run_in_a_loop(job: _Job) -> JobReport:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        message = "an asynchronous function is asked in this event loop: use `await arun(...)` instead of run(...)"
        raise ConfigError(message)
    try:
        return asyncio.run(_arun(job))
    except KeyboardInterrupt:
        if job.report is None:
            raise
        report = job.report
    raise JobInterrupted(report)


def _ended(made: Run) -> JobReport:
    report = made.end()
    if made.broken is not None:
        raise made.broken
    if report.stop is not None and report.stop.kind == "interrupted":
        raise JobInterrupted(report)
    return report


class _Job:
    """The options of a job, checked, and what they are made into."""

    def __init__(self, rows: Rows, call: Any, options: JobOptions, *, most: int) -> None:
        self.report: JobReport | None = None
        unknown = sorted(options.keys() - JobOptions.__annotations__.keys())
        if unknown:
            message = f"a job has no option {unknown[0]!r}; it has {', '.join(JobOptions.__annotations__)}"
            raise ConfigError(message)
        self._options = options
        self.target: Target = recognize(call)
        self.level = _level(options.get("concurrency"), most)
        self.rules = _rules(options)
        if self.rules.max_cost is not None:
            _check_price(options.get("model") or model_of(call))
        prompt, given = options.get("prompt"), options.get("fingerprint")
        self.reader = RowReader(options.get("key"), preparing(self.target.takes, prompt))
        self.name = fingerprint_of(prompt, call) if given is None else fingerprint_of(given)
        self.progress = options.get("progress", True)
        self.source: RowSource = open_rows(rows)

    def open(self) -> Run:
        """Return the run, its output open and locked."""
        options = self._options
        if options.get("strict"):
            _check_all(self.source, self.reader)
        path = options.get("output")
        output = None if path is None else Output(path, self.name, resume=options.get("resume", True))
        machine = Machine(
            self.level,
            self.rules,
            output.finished if output else FinishedRows(),
            spent=output.cost if output else 0.0,
            dearest=output.dearest if output else None,
            once=options.get("key") is not None,
        )
        try:
            reporter = reporter_of(self.progress)
            return Run(machine, self.source, self.reader, output=output, reporter=reporter, job=self.name)
        except BaseException:
            if output is not None:
                output.close()
            raise


def _level(concurrency: object, most: int) -> Level:
    if concurrency is None:
        return Level(most)
    if not isinstance(concurrency, int) or isinstance(concurrency, bool) or concurrency < 1:
        message = f"concurrency must be a whole number from 1 up, or None for a level of its own, not {concurrency!r}"
        raise ConfigError(message)
    return Level(concurrency, fixed=True)


def _rules(options: JobOptions) -> Rules:
    rules = Rules(
        max_cost=options.get("max_cost"),
        max_failures=options.get("max_failures"),
        patience=options.get("patience", Rules().patience),
    )
    checks: tuple[tuple[str, object, str, Callable[[Any], bool]], ...] = (
        ("max_cost", rules.max_cost, "US dollars, more than 0", lambda value: value > 0),
        ("max_failures", rules.max_failures, "a number of rows, from 0 up", lambda value: value >= 0),
        ("patience", rules.patience, "seconds, from 0 up", lambda value: value >= 0),
    )
    for name, value, wanted, is_right in checks:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (is_number and is_right(value)):
            message = f"{name} must be {wanted}, not {value!r}"
            raise ConfigError(message)
    return rules


def _check_price(model: str | None) -> None:
    if model is None:
        message = "max_cost needs a price: the model cannot be seen in the call, so name it with model="
        raise ConfigError(message)
    info = model_info(model)
    is_router = model.startswith("router:")  # its answers name the model
    if not is_router and (info.input_price is None or info.output_price is None):
        message = (
            f"max_cost needs a price, and none is known for {model!r}: "
            "register_model(..., input_price=, output_price=) states one"
        )
        raise ConfigError(message)


def _check_all(source: RowSource, reader: RowReader) -> None:
    """Look at all rows before the first is asked."""
    if source.again is None:
        message = "strict=True looks at all rows first: give a path or a list, as these come only once"
        raise ConfigError(message)
    bad, shown = 0, list[str]()
    for number, value in source.again():
        row = reader.read(number, value)
        if row.problem is not None:
            bad += 1
            if len(shown) < SHOWN_PROBLEMS:
                shown.append(f"row {number}: {row.problem}")
    if bad:
        more = f", and {bad - len(shown)} more" if bad > len(shown) else ""
        message = f"{bad} rows cannot be asked: {'; '.join(shown)}{more}"
        raise ConfigError(message)
