"""What jobs take and return: mypy and pyright, both strict, must agree with every line. Nothing here is run."""
# pyright: strict

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_type

from inference_do import ConfigError, Spent, Tokens, jobs
from inference_do.jobs import JobInterrupted, JobProgress, JobReport

OPTIONS: jobs.JobOptions = {"output": Path("out.jsonl"), "max_cost": 5, "key": lambda row: str(row["id"])}


def show(progress: JobProgress) -> None:
    assert_type(progress.tokens, Tokens)
    assert_type(progress.seconds_left, float | None)


def ask(row: Any) -> str:
    return str(row)


async def work() -> None:
    report = jobs.run("in.jsonl", ask, **OPTIONS)
    assert_type(report, JobReport)
    assert_type(await jobs.arun([{"a": 1}], ask, prompt="{a}", progress=show, concurrency=8), JobReport)
    assert_type(report.spent, Mapping[str, Spent])
    assert_type(report.stop, jobs.Stop | None)
    assert_type(report.output, Path | None)
    jobs.run([1], ask, concurrency="8")  # type: ignore[arg-type]
    jobs.run([1], ask, outptu="x")  # type: ignore[call-arg]
    try:
        jobs.run([1], ask)
    except JobInterrupted as error:
        assert_type(error.report, JobReport)
    except ConfigError:
        pass
