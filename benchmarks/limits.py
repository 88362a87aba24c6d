"""Rows under a rate limit: how many fail, how many requests are refused, and how long it takes.

    python -m benchmarks.limits                       what the environment has installed
    python -m benchmarks.limits --limit 200 --rows 2000

The server is a process of its own: the emulator, which states and enforces the limit as the API does. Each subject has
its own server, one after another. The ideal is the time in which the limit lets that many rows through.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any

MODEL, QUESTION, KEY = "llama3.3-70b-instruct", "What is a droplet?", "sk-do-v1-emulator"
SERVER = """
import json, sys
from inference_do.emulator import Emulator, RateLimit
with Emulator(rate_limit=RateLimit(requests=int(sys.argv[1]), seconds=float(sys.argv[2])), keep_requests=1) as emulator:
    print(emulator.base_url, flush=True)
    sys.stdin.readline()
    print(json.dumps(emulator.posts), flush=True)
"""
THREADS, TASKS = 16, 64
Ask = Callable[[], object]


class Server:
    """An emulator in a process of its own."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(limit), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.base_url = self._read().strip()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def stop(self) -> int:
        """Return how many requests came."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        posts = int(json.loads(self._read()))
        self._process.wait()
        return posts


def in_threads(ask: Ask, rows: int) -> int:
    """Return how many of so many calls failed."""

    def attempt(_: int) -> bool:
        try:
            ask()
        except Exception:  # noqa: BLE001  each library has its own
            return True
        return False

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(attempt, range(rows)))


def in_tasks(ask: Callable[[], Awaitable[object]], rows: int) -> int:
    """Return how many of so many calls failed."""

    async def attempt(slots: asyncio.Semaphore) -> bool:
        async with slots:
            try:
                await ask()
            except Exception:  # noqa: BLE001  as above
                return True
            return False

    async def every() -> int:
        slots = asyncio.Semaphore(TASKS)
        return sum(await asyncio.gather(*(attempt(slots) for _ in range(rows))))

    return asyncio.run(every())


def models_of(url: str) -> dict[str, Any]:
    """Return what makes each model that can be made here, by its name in the table."""
    found: dict[str, Any] = {}
    if find_spec("langchain_core"):
        from langchain_do import ChatDigitalOcean

        found["ChatDigitalOcean"] = lambda: ChatDigitalOcean(model=MODEL, base_url=url, api_key=KEY)
    if find_spec("llama_index"):
        from llamaindex_do import DigitalOcean

        found["DigitalOcean"] = lambda: DigitalOcean(model=MODEL, base_url=url, api_key=KEY)
    if find_spec("langchain_openai"):
        from langchain_openai import ChatOpenAI

        for retries in (2, 10):
            found[f"ChatOpenAI, max_retries={retries}"] = lambda retries=retries: ChatOpenAI(
                model=MODEL, base_url=url, api_key=KEY, max_retries=retries
            )
    return found


def asks_of(model: Any) -> tuple[Ask, Callable[[], Awaitable[object]]]:
    """Return a call, and an asynchronous one."""
    if hasattr(model, "ainvoke"):
        return (lambda: model.invoke(QUESTION)), (lambda: model.ainvoke(QUESTION))
    return (lambda: model.complete(QUESTION)), (lambda: model.acomplete(QUESTION))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=150)
    parser.add_argument("--limit", type=int, default=20, help="requests")
    parser.add_argument("--seconds", type=float, default=2.0, help="in which the limit holds")
    chosen = parser.parse_args()
    ideal = (chosen.rows - chosen.limit) / chosen.limit * chosen.seconds
    print(f"{chosen.rows} rows at {chosen.limit} per {chosen.seconds:g} s, ideal {ideal:.1f} s\n")
    print("| model | 16 threads: failed, refused, time | 64 tasks: failed, refused, time |\n| --- | --- | --- |")
    for name in models_of("http://127.0.0.1:1/v1"):
        cells: list[str] = []
        for position, run in enumerate((in_threads, in_tasks)):
            server = Server(chosen.limit, chosen.seconds)
            ask = asks_of(models_of(server.base_url)[name]())[position]
            started = time.monotonic()
            failed = run(ask, chosen.rows)  # type: ignore[operator]
            seconds, posts = time.monotonic() - started, server.stop()
            refused = (posts - chosen.rows + failed) / posts
            cells.append(f"{failed} failed, {refused:.1%} refused, {seconds / ideal:.2f} x")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
