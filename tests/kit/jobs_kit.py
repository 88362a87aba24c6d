"""Jobs in both modes, on an emulator."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from client_kit import make, make_async

from inference_do import jobs

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference_do.emulator import Emulator

MODEL = "gemma-4-31B-it"


def rows_of(count: int) -> list[dict[str, Any]]:
    return [{"id": f"r{number}", "text": f"row {number}"} for number in range(1, count + 1)]


def asking(emu: Emulator, mode: str = "threads", **options: Any) -> Callable[[Any], Any]:
    """Return a function that asks the emulator for a row."""
    options = {"max_retries": 0, **options}
    if mode == "threads":
        client = make(emu, **options)
        return lambda row: client.chat(model=MODEL, messages=[{"role": "user", "content": row["text"]}])
    aclient = make_async(emu, **options)

    async def ask(row: Any) -> Any:
        return await aclient.chat(model=MODEL, messages=[{"role": "user", "content": row["text"]}])

    return ask


def go(mode: str, rows: Any, call: Any, **options: Any) -> jobs.JobReport:
    """Run a job silently, in threads or in tasks."""
    options = {"progress": False, **options}
    if mode == "threads":
        return jobs.run(rows, call, **options)
    return asyncio.run(jobs.arun(rows, call, **options))


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def asked(emu: Emulator) -> Counter[str]:
    """Return how often each text was asked for."""
    return Counter(request.json["messages"][-1]["content"] for request in emu.requests)


MODES = pytest.mark.parametrize("mode", ["threads", "tasks"])
