"""A `CancelScope` ends the calls below a chain, a query engine or a function, from another thread."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager

import pytest

from inference_do import APIConnectionError, AsyncClient, CancelScope, Client, InferenceError, StreamInterrupted
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
        with pytest.raises(APIConnectionError, match="closed"):
            scope.run(client.chat, model=MODEL, messages=MESSAGES)
        assert emu.posts == 0
        assert client.chat(model=MODEL, messages=MESSAGES).text


def test_a_scope_inside_of_another_one_ends_with_it_and_not_the_other_way_round(emu):
    outer, inner = CancelScope(), CancelScope()
    with client_of(emu) as client:
        ask = lambda: client.chat(model=MODEL, messages=MESSAGES)  # noqa: E731
        outer.run(inner.run, ask)
        inner.cancel()
        outer.run(ask)
        other = CancelScope()
        outer.run(other.run, ask)
        outer.cancel()
        assert other.is_cancelled


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
