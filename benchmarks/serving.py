"""Many browsers at once on the example service, with our chat model in it and with ChatOpenAI.

    python -m benchmarks.serving                          200 clients, answers of 100 deltas, 50 ms apart
    python -m benchmarks.serving --clients 50 --rounds 5

The environment needs fastapi, uvicorn and langchain-openai beside the project. The service is examples/service's
response around a chain of a prompt and a model, in a new process each time; subjects take turns. The API is
`benchmarks.server`, which writes bytes made beforehand. All of them and the clients share the machine's cores: so the
service's own CPU seconds are what to compare, and times say what is left of two cores. Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from . import scenarios
from .rounds import QUIET, server

ROOT = Path(__file__).resolve().parent.parent
MODEL, KEY = "llama3.3-70b-instruct", "sk-do-v1-benchmark"
SUBJECTS = ("ChatDigitalOcean", "ChatOpenAI", "ChatDigitalOcean, threads", "ChatOpenAI, threads")


# --- the service ---


def model_of(subject: str, url: str) -> Any:
    if subject.startswith("ChatDigitalOcean"):
        from langchain_do import ChatDigitalOcean

        return ChatDigitalOcean(model=MODEL, base_url=url, api_key=KEY)
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model=MODEL, base_url=url, api_key=KEY, stream_usage=True)


def app_of(subject: str, url: str, clients: int) -> Any:
    from anyio import to_thread
    from fastapi import FastAPI
    from langchain_core.prompts import ChatPromptTemplate
    from pydantic import BaseModel
    from service.answers import Answer, Event, Slots
    from service.limits import Limits
    from service.threads import in_threads

    chain = ChatPromptTemplate.from_messages([("system", "Answer in English."), ("human", "{question}")]) | model_of(
        subject, url
    )
    limits = Limits(streams=clients, seconds=600, head_seconds=600)
    slots = Slots(clients)

    async def in_tasks(question: str) -> AsyncGenerator[Event, None]:
        async for chunk in chain.astream({"question": question}):
            if chunk.text:
                yield Event("text", chunk.text)

    def one_by_one(question: str) -> Iterator[Event]:
        for chunk in chain.stream({"question": question}):
            if chunk.text:
                yield Event("text", chunk.text)

    class Question(BaseModel):
        question: str

    app = FastAPI()

    async def ask(asked: Any) -> Answer:
        to_thread.current_default_thread_limiter().total_tokens = max(40, clients)
        make = partial(in_tasks, asked.question)
        if subject.endswith("threads"):
            make = lambda: in_threads(one_by_one(asked.question))  # noqa: E731
        return Answer(make, slots, limits)

    ask.__annotations__["asked"] = Question
    app.post("/ask", response_model=None)(ask)
    return app


def serve(subject: str, url: str, clients: int) -> None:
    import uvicorn

    config = uvicorn.Config(app_of(subject, url, clients), port=0, log_level="warning", access_log=False)
    listener = config.bind_socket()
    listener.listen(2048)
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(config).run([listener])


@contextmanager
def service_of(subject: str, url: str, clients: int) -> Iterator[tuple[int, int]]:
    """Run the service; yields its process and its port."""
    command = [sys.executable, "-m", "benchmarks.serving", "--serve", subject, "--url", url, "--clients", str(clients)]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "examples")])
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, **QUIET, "PYTHONPATH": paths}
    ) as process:
        assert process.stdout
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.terminate()


# --- the clients ---


class Browser(asyncio.Protocol):
    """One connection: asks once, and notes when each delta has come."""

    def __init__(self, request: bytes) -> None:
        self._request, self._received = request, b""
        self.first, self.lags, self.done = 0.0, [], asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.began, self._transport = time.monotonic(), transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        stamps = scenarios.STAMP.findall(data.decode())
        if stamps and not self.first:
            self.first = now / 1e9 - self.began
        self.lags += [(now - int(sent)) / 1e9 for _, sent in stamps]
        if b"event: end" in data:
            self.whole = time.monotonic() - self.began
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def load(port: int, clients: int, scenario: str) -> list[Browser]:
    body = json.dumps({"question": scenarios.question(scenario)}).encode()
    head = "POST /ask HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    loop = asyncio.get_running_loop()
    made = [loop.create_connection(lambda: Browser(request), "127.0.0.1", port) for _ in range(clients)]
    browsers = [browser for _, browser in await asyncio.gather(*made)]
    await asyncio.gather(*(browser.done for browser in browsers))
    return browsers


# --- a run ---


def cpu_of(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(process: int, name: str) -> float:
    [line] = [line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1]) / 1024


def quantiles(values: list[float]) -> tuple[float, float]:
    return statistics.median(values), statistics.quantiles(values, n=20)[-1]


def measure(subject: str, url: str, chosen: argparse.Namespace) -> dict[str, float]:
    with service_of(subject, url, chosen.clients) as (process, port):
        asyncio.run(load(port, 1, "paced-5-1"))  # what is imported and made by a first call
        before, idle = cpu_of(process), memory_of(process, "VmRSS")
        browsers = asyncio.run(load(port, chosen.clients, f"paced-{chosen.deltas}-{chosen.pause}"))
        cpu, peak = cpu_of(process) - before, memory_of(process, "VmHWM")
    whole = [browser for browser in browsers if len(browser.lags) == chosen.deltas]
    assert len(whole) == chosen.clients, f"{subject}: {chosen.clients - len(whole)} answers were not whole"
    firsts, lasts = quantiles([browser.first for browser in whole]), quantiles([browser.whole for browser in whole])
    lags = quantiles([lag for browser in whole for lag in browser.lags])
    names = ["first p50", "first p95", "whole p50", "whole p95", "lag p50", "lag p95", "cpu", "idle", "peak"]
    return dict(zip(names, (*firsts, *lasts, *lags, cpu, idle, peak), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--deltas", type=int, default=100)
    parser.add_argument("--pause", type=int, default=50, help="milliseconds between two deltas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", choices=SUBJECTS, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.serve, chosen.url, chosen.clients)
        return
    results: dict[str, list[dict[str, float]]] = {subject: [] for subject in SUBJECTS}
    with server() as (port, _):
        for number in range(chosen.rounds):
            for subject in (*SUBJECTS[number:], *SUBJECTS[:number]):
                found = measure(subject, f"http://127.0.0.1:{port}/v1", chosen)
                results[subject].append(found)
                shown = ", ".join(f"{name} {value:.2f}" for name, value in found.items())
                print(f"#{number + 1} {subject}: {shown}", file=sys.stderr, flush=True)
    paced = chosen.deltas * chosen.pause / 1000
    print(f"{chosen.clients} clients, {chosen.deltas} deltas in {paced:g} s, median of {chosen.rounds} rounds\n")
    print("| | first text: p50, p95 | whole answer: p50, p95 | a delta's delay: p50, p95 | CPU | memory: idle, peak |")
    print("|---|---|---|---|---|---|")
    for subject, rounds in results.items():
        value = {name: statistics.median(found[name] for found in rounds) for name in rounds[0]}
        times = " | ".join(f"{value[f'{n} p50']:.2f} s, {value[f'{n} p95']:.2f} s" for n in ("first", "whole", "lag"))
        print(f"| `{subject}` | {times} | {value['cpu']:.1f} s | {value['idle']:.0f} MiB, {value['peak']:.0f} MiB |")


if __name__ == "__main__":
    main()
