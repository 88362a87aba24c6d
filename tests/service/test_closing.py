"""A browser that goes away stops the model, whatever stands between the two.

It uses langchain_do and llamaindex_do.
"""

from __future__ import annotations

import time

import httpx
import pytest
from service_kit import ENGINES, asking, read_until, until

from inference_do.emulator import DelayEvents, DelayHead, Stall

SECONDS = 5.0
"""From the browser's end to the moment at which the emulator sees its connection close; an answer lasts 15 or more."""


def assert_stopped(api, url, closed):
    [disconnect] = until(lambda: api.disconnects)
    assert disconnect.time - closed < SECONDS
    until(lambda: httpx.get(f"{url}/ready").json()["streams"] == 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_while_the_answer_comes(api, url, engine):
    api.script(None, DelayEvents(0.05))
    with asking(url, engine, "word " * 300) as connection:
        read_until(connection, b"event: text")
    assert_stopped(api, url, time.monotonic())


@pytest.mark.parametrize("fault", [DelayHead(60), Stall(), Stall(after_events=3)], ids=repr)
@pytest.mark.parametrize("engine", ENGINES)
def test_while_the_model_is_silent(api, url, engine, fault):
    api.script(None, fault)
    with asking(url, engine) as connection:
        until(lambda: api.posts == 2)
        if fault == Stall(after_events=3):
            read_until(connection, b"event: text")
    assert_stopped(api, url, time.monotonic())


@pytest.mark.parametrize("engine", ENGINES)
def test_while_the_question_is_embedded(api, url, engine):
    api.script(DelayHead(60))
    with asking(url, engine):
        until(lambda: api.posts == 1)
    assert_stopped(api, url, time.monotonic())
    assert api.posts == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_while_the_browser_does_not_read(api, url, engine):
    piece = {"choices": [{"index": 0, "delta": {"content": "x" * 100_000}}]}
    api.reply(chunks=[piece] * 400)  # more than all buffers hold
    with asking(url, engine, buffer=4_096) as connection:
        read_until(connection, b"event: text")
        until(lambda: api.posts == 2)
        time.sleep(0.5)  # the buffers fill
        assert not api.disconnects
    assert_stopped(api, url, time.monotonic())
