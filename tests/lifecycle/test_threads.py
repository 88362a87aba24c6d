"""One object in many threads."""

from __future__ import annotations

import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier, Thread

import pytest
from client_kit import soon
from interfaces import INTERFACES, read

from inference_do import AsyncClient, Client, InferenceError
from inference_do.emulator import DelayEvents, Emulator, Stall
from langchain_do import ChatDigitalOcean
from llamaindex_do import DigitalOcean

THREADS = 32


@pytest.fixture
def _frequent_switches():
    """Threads take turns a hundred times as often as usual."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 100)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("_frequent_switches")
@pytest.mark.parametrize(
    ("make", "shared"),
    [
        (Client, "_http"),
        (AsyncClient, "_http"),
        (partial(ChatDigitalOcean, model="m"), "_clients"),
        (partial(DigitalOcean, model="m"), "_clients"),
    ],
    ids=["Client", "AsyncClient", "langchain", "llamaindex"],
)
def test_threads_that_use_an_object_first_at_once_share_its_connections(make, shared):
    barrier = Barrier(THREADS)

    def touch(thing: object) -> object:
        barrier.wait()
        return getattr(thing, shared)

    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(60):
            thing = make(api_key="k", base_url="http://127.0.0.1:1/v1")
            found = list(pool.map(touch, [thing] * THREADS))
            assert all(item is found[0] for item in found)


@pytest.mark.usefixtures("_frequent_switches")
@pytest.mark.parametrize(
    ("name", "streams"),
    [
        ("client", 20),
        ("langchain", 5),
        ("llamaindex", 5),
        *[pytest.param(name, 200, marks=[pytest.mark.long, pytest.mark.timeout(900)]) for name in INTERFACES],
    ],
)
def test_streams_of_many_threads_are_not_mixed_up(emu, name, streams, monkeypatch):
    monkeypatch.setattr("inference_do._protocol.flow.DRAIN_SECONDS", 10)  # a busy machine must not close connections
    interface = INTERFACES[name](emu.base_url)
    barrier = Barrier(THREADS)

    def work(number: int) -> list[str]:
        barrier.wait()
        return [read(interface, f"Say {number}-{turn}") for turn in range(streams)]

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(work, range(THREADS)))
    assert answers == [[f"You said: Say {number}-{turn}" for turn in range(streams)] for number in range(THREADS)]
    assert emu.posts == THREADS * streams
    assert emu.connections <= THREADS
    assert Counter(request.json["messages"][0]["content"] for request in emu.requests).most_common(1)[0][1] == 1


def test_a_stream_may_go_from_thread_to_thread(interface, emu):
    """Begun in one, read in a second, finished in a third, as frameworks' executors do."""
    texts: list[str] = []
    stream = iter(interface.stream("Say hello to everyone"))

    def take(count: int) -> None:
        texts.extend(interface.delta_of(item) for _, item in zip(range(count), stream, strict=False))

    for count in (1, 2, 100):
        thread = Thread(target=take, args=(count,))
        thread.start()
        thread.join()
    assert "".join(texts) == "You said: Say hello to everyone"
    assert emu.posts == emu.connections == 1


def test_a_stream_closed_in_another_thread_is_left(interface_kind):
    with Emulator(always=DelayEvents(0.02)) as emu:
        interface = interface_kind(emu.base_url)
        stream = interface.stream("Say hello")
        next(iter(stream))
        thread = Thread(target=stream.close)
        thread.start()
        thread.join()
        assert soon(lambda: emu.disconnects)
        interface.close()


def test_threads_that_end_leave_nothing_behind(interface, emu):
    for _ in range(20):
        thread = Thread(target=interface.chat, args=("Say hello",))
        thread.start()
        thread.join()
    assert (emu.posts, emu.connections) == (20, 1)


def test_closing_a_client_ends_what_waits_in_other_threads(interface, emu):
    """A descriptor that is closed under a thread which waits for it does not wake that thread by itself."""
    emu.always = Stall(after_events=2)

    def ask(_: int) -> str:
        with pytest.raises(InferenceError) as raised:
            read(interface, "Say hello")
        return type(raised.value).__name__

    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(ask, number) for number in range(4)]
        assert soon(lambda: emu.posts == 4)
        time.sleep(0.05)
        emu.always = None
        interface.close()
        started = time.monotonic()
        try:
            assert [future.result(timeout=1) for future in waiting] == ["StreamInterrupted"] * 4
        finally:
            emu.stop()  # which frees them in any case
    assert time.monotonic() - started < 1
