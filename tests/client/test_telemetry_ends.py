"""OpenTelemetry: however a stream ends, its span ends once, with what had come by then."""

from __future__ import annotations

import asyncio
import gc
import json

import pytest
from client_kit import ASK, asoon, astream, make, make_async, stream
from opentelemetry.trace import StatusCode
from telemetry_kit import reported

from inference_do.emulator import RawStream, Stall

DURATION = "gen_ai.client.operation.duration"


@pytest.fixture
def kept():
    with reported() as kept:
        yield kept


def event(usage: int, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": "x"}, "finish_reason": reason}
    counts = {"prompt_tokens": 7, "completion_tokens": usage, "total_tokens": 7 + usage}
    return b"data: " + json.dumps({"id": "c1", "choices": [choice], "usage": counts}).encode() + b"\n\n"


COUNTED = (event(1), event(2), event(3), event(4, "stop"), b"data: [DONE]\n\n")
"""A stream that says in each chunk how many tokens it has come to, as vLLM's can."""


def read_to_the_end(emu):
    with make(emu) as client:
        list(client.stream(**ASK))


def leave_by_break(emu):
    for _ in make(emu).stream(**ASK):
        break


def close(emu):
    stream = make(emu).stream(**ASK)
    next(stream)
    stream.close()
    stream.close()


def leave_a_block(emu):
    with make(emu).stream(**ASK) as stream:
        next(stream)


def collect(emu):
    stream = make(emu).stream(**ASK)
    next(stream)
    del stream


async def aread_to_the_end(emu):
    _ = [chunk async for chunk in make_async(emu).stream(**ASK)]


async def aleave_by_break(emu):
    async for _ in make_async(emu).stream(**ASK):
        break


async def aclose(emu):
    stream = make_async(emu).stream(**ASK)
    await anext(stream)
    await stream.aclose()
    await stream.aclose()


async def acollect(emu):
    stream = make_async(emu).stream(**ASK)
    await anext(stream)
    del stream


ENDS = [read_to_the_end, leave_by_break, close, leave_a_block, collect]
AENDS = [aread_to_the_end, aleave_by_break, aclose, acollect]


@pytest.mark.parametrize("end", ENDS + AENDS, ids=lambda end: end.__name__)
async def test_a_stream_that_is_left_ends_its_span_once(emu, kept, end):
    emu.always = RawStream(COUNTED)
    if asyncio.iscoroutinefunction(end):
        await end(emu)
    else:
        end(emu)
    gc.collect()
    assert await asoon(lambda: kept.spans)
    gc.collect()
    await asyncio.sleep(0)
    span, is_whole = kept.span, "read" in end.__name__
    assert span.status.status_code is StatusCode.UNSET
    assert span.attributes["gen_ai.usage.input_tokens"] == 7
    assert span.attributes["gen_ai.usage.output_tokens"] == (4 if is_whole else 1)
    assert ("gen_ai.response.finish_reasons" in span.attributes) == is_whole
    assert kept.metrics()[DURATION].data.data_points[0].count == 1


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (b'data: {"error": {"message": "busy", "status": 503}}\n\n', "503"),
        (b'data: {"error": {"message": "odd"}}\n\n', "inference_do.StreamFailed"),
        (b"", "inference_do.StreamInterrupted"),
    ],
    ids=["with-a-status", "without", "cut"],
)
@pytest.mark.parametrize("ask", [stream, astream])
def test_an_error_in_the_middle(emu, kept, ask, last, expected):
    emu.script(RawStream((*COUNTED[:2], last)))
    ask(emu)
    span = kept.span
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == expected
    assert span.attributes["gen_ai.usage.output_tokens"] == 2
    assert kept.metrics()[DURATION].data.data_points[0].attributes["error.type"] == expected


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_task_that_is_cancelled(emu, kept, streamed):
    emu.always = Stall(after_events=2) if streamed else Stall(before_head=True)
    got = asyncio.Event()

    async def read() -> None:
        client = make_async(emu)
        if not streamed:
            await client.chat(**ASK)
        async for _ in client.stream(**ASK):
            got.set()

    task = asyncio.create_task(read())
    if streamed:
        await got.wait()
    else:
        assert await asoon(lambda: emu.requests)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asoon(lambda: kept.spans)
    assert kept.span.status.status_code is StatusCode.ERROR
    assert kept.span.attributes["error.type"] == "asyncio.exceptions.CancelledError"
