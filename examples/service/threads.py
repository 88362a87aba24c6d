"""Read a generator in threads, so that closing it stops the model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import suppress
from itertools import islice
from typing import TypeVar

from anyio import CancelScope as Shield
from anyio import to_thread

from inference_do import CancelScope

T = TypeVar("T")


async def in_threads(generator: Generator[T, None, None]) -> AsyncGenerator[T, None]:
    """Hand on a generator's items; each is waited for in one of Starlette's threads.

    Where Starlette iterates over a generator itself, a cancelled request waits for the thread, which waits for the
    model. Here the thread is left at once, and what it waits for is ended.
    """
    scope = CancelScope()

    def following() -> list[T]:
        return list(islice(generator, 1))

    try:
        while items := await to_thread.run_sync(scope.run, following, abandon_on_cancel=True):
            yield items[0]
    finally:
        scope.cancel()
        with Shield(shield=True), suppress(ValueError):  # it still runs, and ends by itself
            await to_thread.run_sync(generator.close)
