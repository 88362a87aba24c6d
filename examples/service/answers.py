"""An answer as server-sent events: limits, failures, and an end when the browser is gone.

Events: `sources` once, `text` for each part of the answer, and at the end `end` or `error`. Data are JSON.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import Any, NamedTuple

from fastapi.responses import JSONResponse
from fastapi.sse import format_sse_event
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from .limits import Limits
from .problems import FULL, STOPPING, Problem, problem_of

PING = format_sse_event(comment="ping")
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}  # nginx hands on each event


class Event(NamedTuple):
    """An event of an answer."""

    name: str
    data: Any


class Slots:
    """How many answers are made at once in this process. An event loop has one thread, so nothing is locked."""

    def __init__(self, most: int) -> None:
        self.most, self.taken = most, 0

    @property
    def are_taken(self) -> bool:
        """Whether there is no room for another answer."""
        return self.taken >= self.most


class Answer(StreamingResponse):
    """A response made of events.

    The head is not sent before the first text, so that a failure before it is a status: 503 with Retry-After where the
    API's rate limit is reached. A later one is an event `error`.

    Args:
        make: Makes the events; nothing is asked before it is iterated over.
        slots: Of the process.
        limits: Of an answer.
    """

    media_type = "text/event-stream"

    def __init__(self, make: Callable[[], AsyncGenerator[Event, None]], slots: Slots, limits: Limits) -> None:
        super().__init__((), headers=HEADERS)
        self._make, self._slots, self._limits = make, slots, limits
        self._lock = asyncio.Lock()  # of what is sent
        self._held = b""  # sources, before the first text
        self._is_open = False
        self._last = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer; end it when the browser is gone."""
        if self._slots.are_taken:
            await _refusal(FULL)(scope, receive, send)
            return
        self._slots.taken += 1
        steps = self._answer(scope, send), self._ping(send), _disconnected(receive)
        tasks = [asyncio.create_task(step) for step in steps]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # the server stops, and this answer still runs
            await self._end(scope, send, STOPPING)
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)  # the model's connection is closed
            self._slots.taken -= 1

    async def _answer(self, scope: Scope, send: Send) -> None:
        problem: Problem | None = None
        try:
            async with asyncio.timeout(self._limits.seconds), aclosing(self._make()) as events:
                async for event in events:
                    await self._write(send, event)
        except Exception as error:  # noqa: BLE001  the status may be sent already: it is told in the stream
            problem = problem_of(error, self._limits.seconds)
        with suppress(OSError):  # the browser is gone
            await self._end(scope, send, problem)

    async def _write(self, send: Send, event: Event) -> None:
        if event.name == "text" or self._is_open:
            await self._send(send, _encoded(event))
        else:
            self._held += _encoded(event)

    async def _end(self, scope: Scope, send: Send, problem: Problem | None) -> None:
        """Send the last event; or a response with the problem's status, where nothing was sent."""
        if problem is not None and not self._is_open:
            await _refusal(problem)(scope, _nothing, send)
            return
        event = Event("end", {}) if problem is None else Event("error", _said(problem))
        await self._send(send, _encoded(event), is_last=True)

    async def _send(self, send: Send, data: bytes, *, is_last: bool = False) -> None:
        async with self._lock:
            if not self._is_open:
                self._is_open = True
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            data, self._held = self._held + data, b""
            self._last = time.monotonic()
            await send({"type": "http.response.body", "body": data, "more_body": not is_last})
        await asyncio.sleep(0)  # for a browser that is gone, sending does not wait, and nothing else would run

    async def _ping(self, send: Send) -> None:
        """Send the head when it has waited long enough, and a comment in each silence."""
        await asyncio.sleep(self._limits.head_seconds)
        while True:
            if not self._is_open or time.monotonic() - self._last >= self._limits.ping_seconds:
                await self._send(send, PING)
            await asyncio.sleep(self._limits.ping_seconds)


async def _disconnected(receive: Receive) -> None:
    """Return when the browser is gone, which servers say here and some of them nowhere else."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _encoded(event: Event) -> bytes:
    return format_sse_event(event=event.name, data_str=json.dumps(event.data, ensure_ascii=False))


def _said(problem: Problem) -> dict[str, Any]:
    return {"message": problem.message, "retry_after": problem.retry_after}


def _refusal(problem: Problem) -> JSONResponse:
    headers = {} if problem.retry_after is None else {"retry-after": str(problem.retry_after)}
    return JSONResponse(_said(problem), problem.status, headers=headers)


async def _nothing() -> dict[str, Any]:
    """Stand for a request whose body was read."""
    return {"type": "http.disconnect"}
