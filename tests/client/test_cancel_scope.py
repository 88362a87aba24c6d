"""A `CancelScope` ends the calls below a chain, a query engine or a function, from another thread."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from inference_do import (
    APIConnectionError,
    AsyncClient,
    CancelScope,
    Client,
    ConfigError,
    InferenceError,
    StreamInterrupted,
)
from inference_do.emulator import DelayEvents, Stall, Status

MODEL, MESSAGES = "gemma-4-31B-it", [{"role": "user", "content": "Hello"}]
SECONDS = 1.0


@contextmanager
def client_of(emu):
    with Client(emu.api_key, base_url=emu.base_url) as client:
        yield client


def until(condition):
    ends = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.005)


class Worker(threading.Thread):
    """Runs a function in a scope; what came of it, and when."""

    def __init__(self, scope, function):
        super().__init__(daemon=True)
        self.scope, self.function, self.failure = scope, function, None
        self.start()

    def run(self):
        try:
            self.scope.run(self.function)
        except InferenceError as error:
            self.failure = error
        self.ended = time.monotonic()


def cancelled(scope, worker):
    """Return what a worker failed with when its scope was cancelled."""
    began = time.monotonic()
    scope.cancel()
    worker.join(10)
    assert worker.ended - began < SECONDS
    return worker.failure


def chain_of(emu):
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate

    from langchain_do import ChatDigitalOcean

    model = ChatDigitalOcean(model=MODEL, api_key=emu.api_key, base_url=emu.base_url)
    chain = ChatPromptTemplate.from_template("{question}") | model | StrOutputParser()
    return lambda: list(chain.stream({"question": "Hello"}))


def query_of(emu):
    from llama_index.core import VectorStoreIndex
    from llama_index.core.schema import TextNode

    from llamaindex_do import DigitalOcean, DigitalOceanEmbedding

    connection = {"api_key": emu.api_key, "base_url": emu.base_url}
    embedding = DigitalOceanEmbedding(model_name="gte-large-en-v1.5", **connection)
    index = VectorStoreIndex([TextNode(text="a text")], embed_model=embedding)
    engine = index.as_query_engine(llm=DigitalOcean(model=MODEL, **connection), streaming=True)
    emu.script(None)  # the embedding of the question
    return lambda: list(engine.query("Hello").response_gen)


@pytest.mark.parametrize("fault", [Stall(before_head=True), Stall(), Stall(after_events=2)], ids=repr)
@pytest.mark.parametrize("make", [chain_of, query_of])
def test_a_stream_of_a_framework_ends_while_another_thread_waits_for_it(emu, make, fault):
    ask = make(emu)
    emu.script(fault)
    scope, posts = CancelScope(), emu.posts
    worker = Worker(scope, ask)
    until(lambda: emu.posts == posts + (1 if make is chain_of else 2))
    failure = cancelled(scope, worker)
    assert isinstance(failure, APIConnectionError | StreamInterrupted)
    until(lambda: emu.disconnects)


def test_a_stream_that_nobody_reads_ends_too_and_no_other_one(emu):
    emu.always = DelayEvents(0.05)
    scope = CancelScope()
    with client_of(emu) as client:
        inside = scope.run(client.stream, model=MODEL, messages=[{"role": "user", "content": "word " * 500}])
        outside = client.stream(model=MODEL, messages=MESSAGES)
        next(inside)
        next(outside)
        scope.cancel()
        until(lambda: emu.disconnects)
        assert outside.completion().text == "You said: Hello"
        with pytest.raises(StreamInterrupted) as caught:
            inside.completion()
        assert caught.value.partial.text


@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_before_the_next_attempt_ends(emu, status):
    emu.always = Status(status, headers={"retry-after": "50"})
    scope, waits = CancelScope(), threading.Event()
    client = Client(emu.api_key, base_url=emu.base_url, on_retry=lambda _: waits.set())
    worker = Worker(scope, lambda: client.chat(model=MODEL, messages=MESSAGES))
    assert waits.wait(10)
    assert isinstance(cancelled(scope, worker), APIConnectionError)
    assert emu.posts == 1


def test_nothing_is_sent_in_a_scope_that_was_cancelled(emu):
    scope = CancelScope()
    scope.cancel()
    assert scope.is_cancelled
    with client_of(emu) as client:
        with pytest.raises(APIConnectionError, match="its CancelScope was cancelled"):
            scope.run(client.chat, model=MODEL, messages=MESSAGES)
        assert emu.posts == 0
        assert client.chat(model=MODEL, messages=MESSAGES).text


def test_a_call_belongs_to_every_scope_around_it_also_to_one_that_nobody_keeps(emu):
    outer, inner = CancelScope(), CancelScope()
    with client_of(emu) as client:
        ask = lambda: client.chat(model=MODEL, messages=MESSAGES)  # noqa: E731
        outer.run(inner.run, ask)
        inner.run(outer.run, inner.run, ask)
        emu.always = DelayEvents(0.05)
        question = [{"role": "user", "content": "word " * 200}]
        stream = outer.run(lambda: CancelScope().run(client.stream, model=MODEL, messages=question))
        next(stream)
        gc.collect()
        inner.cancel()
        next(stream)
        outer.cancel()
        with pytest.raises(StreamInterrupted, match="its CancelScope was cancelled"):
            stream.completion()


def test_a_coroutine_is_refused_as_it_would_run_outside_and_a_task_is_ended(emu):
    emu.always = Stall()

    async def ask():
        scope = CancelScope()
        async with AsyncClient(emu.api_key, base_url=emu.base_url) as client:
            with pytest.raises(ConfigError, match="create_task"):
                await scope.run(client.chat, model=MODEL, messages=MESSAGES)
            assert emu.posts == 0
            asyncio.get_running_loop().call_later(0.1, scope.cancel)
            with pytest.raises(APIConnectionError, match="its CancelScope was cancelled"):
                await scope.run(asyncio.create_task, client.chat(model=MODEL, messages=MESSAGES))

    asyncio.run(ask())


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such signal")
@pytest.mark.parametrize("fault", [Stall(), Status(503, headers={"retry-after": "50"})], ids=repr)
@pytest.mark.parametrize("in_loop", [False, True])
def test_a_signal_s_handler_cancels_what_its_own_thread_waits_for(emu, in_loop, fault):
    emu.always = fault
    scope = CancelScope()

    def ask():
        with client_of(emu) as client:
            client.chat(model=MODEL, messages=MESSAGES)

    async def ask_in_loop():
        async with AsyncClient(emu.api_key, base_url=emu.base_url) as client:
            await client.chat(model=MODEL, messages=MESSAGES)

    before = signal.signal(signal.SIGUSR1, lambda *_: scope.cancel())
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        with pytest.raises(APIConnectionError, match="its CancelScope was cancelled"):
            scope.run(lambda: asyncio.run(ask_in_loop())) if in_loop else scope.run(ask)
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)


def test_a_handler_may_cancel_while_its_thread_adds_a_call():
    class Call:
        cancelled = 0

        def cancel(self):
            self.cancelled += 1

        def __hash__(self):  # asked while the scope's lock is held
            scope.cancel()
            return 1

    scope, call = CancelScope(), Call()
    scope.add(call)
    assert call.cancelled


def test_an_event_loop_in_another_thread_is_woken(emu):
    emu.always = Stall()
    scope = CancelScope()

    async def ask():
        async with AsyncClient(emu.api_key, base_url=emu.base_url) as client:
            await client.stream(model=MODEL, messages=MESSAGES).completion()

    worker = Worker(scope, lambda: asyncio.run(ask()))
    until(lambda: emu.posts)
    assert isinstance(cancelled(scope, worker), APIConnectionError)
    until(lambda: emu.disconnects)
