"""Shared by the tests of batches: emulators by a clock that tests move, and both clients under the same names."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from inference_do import AsyncClient, Batch, BatchResult, Client
from inference_do.emulator import Clock, Emulator

GPT, GPT_RESPONSES, CLAUDE = "openai-gpt-4o", "openai-gpt-5.4", "anthropic-claude-haiku-4.5"
SECONDS = 100.0
"""What a batch takes by the emulator's clock: 25 to be validated, 50 to be answered, 25 to be written."""
SOON = 0.001
"""Seconds between two looks."""


def request(custom_id: str, text: str = "Hello", model: str = GPT, **fields: Any) -> dict[str, Any]:
    return {"custom_id": custom_id, "model": model, "messages": [{"role": "user", "content": text}], **fields}


def requests(count: int, model: str = GPT, **fields: Any) -> list[dict[str, Any]]:
    return [request(f"r{number}", f"Hello {number}", model, **fields) for number in range(count)]


@contextmanager
def emulator(**options: Any) -> Iterator[tuple[Emulator, Clock]]:
    clock = Clock()
    with Emulator(clock=clock, batch_seconds=options.pop("batch_seconds", SECONDS), **options) as emu:
        yield emu, clock


def run_batch(emu: Emulator, clock: Clock, asked_for: Any) -> dict[str, BatchResult]:
    """Make a batch of requests and return its results by id."""
    with Client(emu.api_key, base_url=emu.base_url) as client:
        made = client.batches.create(asked_for)
        clock.advance(SECONDS)
        return {result.custom_id: result for result in client.batches.results(made.id)}


def asked(emu: Emulator) -> dict[str, Any]:
    """Return the body of the last chat request."""
    return dict(next(sent.json for sent in reversed(emu.requests) if sent.path == "/v1/chat/completions"))


class Threads:
    """`Client.batches`."""

    def __init__(self, emu: Emulator, **options: Any) -> None:
        self.client = Client(options.pop("api_key", emu.api_key), base_url=emu.base_url, **options)

    def create(self, made: Any, **options: Any) -> Batch:
        return self.client.batches.create(made, **options)

    def call(self, name: str, *given: Any, **options: Any) -> Batch:
        return getattr(self.client.batches, name)(*given, **options)

    def results(self, id_: Any, **options: Any) -> dict[str, BatchResult]:
        return {result.custom_id: result for result in self.client.batches.results(id_, **options)}

    def first_result(self, id_: Any) -> BatchResult:
        """Read one result and leave the rest."""
        found = self.client.batches.results(id_)
        result = next(found)
        found.close()
        return result

    def list(self, **options: Any) -> list[Batch]:
        return list(self.client.batches.list(**options))


class Loops:
    """`AsyncClient.batches`, each operation in an event loop of its own."""

    def __init__(self, emu: Emulator, **options: Any) -> None:
        self.client = AsyncClient(options.pop("api_key", emu.api_key), base_url=emu.base_url, **options)

    def create(self, made: Any, **options: Any) -> Batch:
        return self.call("create", made, **options)

    def call(self, name: str, *given: Any, **options: Any) -> Batch:
        async def work() -> Batch:
            return await getattr(self.client.batches, name)(*given, **options)

        return asyncio.run(work())

    def results(self, id_: Any, **options: Any) -> dict[str, BatchResult]:
        async def work() -> dict[str, BatchResult]:
            return {r.custom_id: r async for r in self.client.batches.results(id_, **options)}

        return asyncio.run(work())

    def first_result(self, id_: Any) -> BatchResult:
        async def work() -> BatchResult:
            found = self.client.batches.results(id_)
            result = await anext(found)
            await found.aclose()
            return result

        return asyncio.run(work())

    def list(self, **options: Any) -> list[Batch]:
        async def work() -> list[Batch]:
            return [batch async for batch in self.client.batches.list(**options)]

        return asyncio.run(work())
