"""Servers that mean harm or are broken, and callers that interrupt at the worst moment."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import random
import ssl
import struct
import sys
import threading
import time
import traceback
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from linecache import getline
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Self

import httpx
import pytest
from client_kit import ASK, black_holes, caught, outcome_of, run_alone
from client_modes import BOTH_MODES, EACH_CALL, KEY, THREADS_AND_LONG_LOOPS, Loops, Threads
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from interfaces import CHAT
from raw_server import (
    MODELS,
    STREAM_END,
    STREAM_HEAD,
    Peer,
    RawServer,
    answer,
    answering,
    authority,
    chunked,
    completion,
    delta,
    event,
    events,
    head,
    is_streamed,
    sized,
    timed,
)

import inference_do
from inference_do import APIConnectionError, AsyncClient, Client, InferenceError, ProtocolError, Timeout
from inference_do._transport.http11 import ResponseParser
from inference_do.accumulate import MAX_CALLS, MAX_CHOICES, Accumulator

JSON = "Content-Type: application/json"


def answering_with(response: bytes, *, closes: bool = False) -> Callable[[Peer], None]:
    """Return what answers each request with this, and then waits for the client to leave."""

    def play(peer: Peer) -> None:
        if peer.take():
            peer.send(response)
            if not closes:
                peer.wait_for_end()

    return play


# --- J51: what nobody asked for ---

STRAYS = {
    "a whole response": answer("stray", streamed=False),
    "a stream": answer("stray", streamed=True),
    "a timeout": sized(b"", "Connection: close", status="408 Request Timeout"),
    "an error": sized(b'{"error": {"message": "stray"}}', status="400 Bad Request"),
    "the start of one": b"HTTP/1.1 200 OK\r\nContent-",
    "no HTTP": b"\0",
}


def with_a_stray(stray: bytes, delay: float, has_sent: threading.Event) -> Callable[[Peer], None]:
    """Return what answers, and sends something more behind the first answer of its first connection."""

    def play(peer: Peer) -> None:
        request = peer.take()
        whole = answer("first" if peer.number == 1 else "right", streamed=is_streamed(request))
        if peer.number == 1:
            peer.send(whole, stray, every=delay)
            has_sent.set()
        else:
            peer.send(whole)
        answering(peer)

    return play


@BOTH_MODES
@EACH_CALL
@pytest.mark.parametrize("delay", [0.0, 0.01, 0.05])
@pytest.mark.parametrize("stray", STRAYS.values(), ids=STRAYS)
def test_what_comes_over_an_idle_connection_is_not_the_next_answer(mode, call, stray, delay):
    has_sent = threading.Event()
    with RawServer(with_a_stray(stray, delay, has_sent)) as server, mode(server.url, max_retries=0) as client:
        assert client.ask(call).text == "first"
        assert has_sent.wait(5)
        time.sleep(0.02)
        assert client.ask(call).text == client.ask(call).text == "right"
        assert server.connections == 2


@BOTH_MODES
@EACH_CALL
def test_nor_is_what_comes_over_tls(mode, call):
    has_sent = threading.Event()
    ca, context = authority()
    play = with_a_stray(STRAYS["a whole response"], 0.02, has_sent)
    with RawServer(play, context=context) as server, mode(server.url, ca=ca, max_retries=0) as client:
        assert client.ask(call).text == "first"
        assert has_sent.wait(5)
        time.sleep(0.02)
        assert client.ask(call).text == "right"
        assert server.connections == 2


@pytest.mark.parametrize("stray", STRAYS.values(), ids=STRAYS)
@pytest.mark.parametrize("is_secure", [False, True], ids=["plain", "tls"])
def test_nor_is_what_comes_while_the_loop_is_busy(stray, is_secure):
    """The program computes between two calls, and the loop has not looked at its sockets when the next one begins."""
    has_sent = threading.Event()
    ca, context = authority()

    async def twice(client: AsyncClient) -> list[Any]:
        first = await client.chat(**ASK)
        assert has_sent.wait(5)  # a step of the program's own
        time.sleep(0.02)  # noqa: ASYNC251  another one
        return [first.text, (await client.chat(**ASK)).text]

    play = with_a_stray(stray, 0.02, has_sent)
    with RawServer(play, context=context if is_secure else None) as server:
        with Loops(server.url, ca=ca, max_retries=0) as client:
            assert client.wait(lambda: twice(client.client)) == ["first", "right"]
        assert server.connections == 2


# --- J52: what is larger than it looks ---


@BOTH_MODES
@EACH_CALL
@pytest.mark.parametrize("codings", ["gzip, gzip", "gzip,deflate", "br", "zstd", "compress", "gzip, br, identity"])
def test_only_one_coding_that_was_asked_for_is_read(mode, call, codings):
    body = gzip.compress(gzip.compress(completion("right")))
    response = sized(body, JSON, f"Content-Encoding: {codings}")
    with RawServer(answering_with(response)) as server, mode(server.url) as client:
        error = client.fails(call)
    assert type(error) is ProtocolError
    assert error.message.startswith("the response cannot be decompressed")
    assert (error.attempts, len(server.requests)) == (1, 1)


@BOTH_MODES
@EACH_CALL
@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "GZIP", "identity", "identity, gzip"])
def test_a_coding_that_was_asked_for_is_read(mode, call, coding):
    def play(peer: Peer) -> None:
        streamed = is_streamed(peer.take())
        body = events("right") if streamed else completion("right")
        if "gzip" in coding.lower():
            body = gzip.compress(body)
        elif coding == "deflate":
            body = zlib.compress(body)
        kind = "Content-Type: text/event-stream" if streamed else JSON
        parts = [chunked(body[place : place + 7]) for place in range(0, len(body), 7)]
        peer.send(head(kind, "Transfer-Encoding: chunked", f"Content-Encoding: {coding}"), *parts, STREAM_END)
        peer.wait_for_end()

    with RawServer(play) as server, mode(server.url) as client:
        assert client.ask(call).text == "right"


@BOTH_MODES
@EACH_CALL
def test_what_is_not_compressed_as_it_says_is_not_asked_for_again(mode, call):
    response = sized(b"not at all", JSON, "Content-Encoding: gzip")
    with RawServer(answering_with(response)) as server, mode(server.url) as client:
        error = client.fails(call)
    assert type(error) is ProtocolError
    assert (error.attempts, len(server.requests)) == (1, 1)


MEASURE = """
    import sys
    from pathlib import Path

    def memory(name):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name)) // 1024

    def outcome(call):
        started = time.process_time()
        try:
            call()
        except InferenceError as error:
            print(type(error).__name__, error.attempts)
        else:
            print("an answer")
        print(round(time.process_time() - started, 2))

    def chat():
        client.chat(**ASK)

    def stream():
        client.stream(**ASK).completion()

    def asynchronous(call):
        worst = 0.0

        async def tick():
            nonlocal worst
            while True:
                began = time.monotonic()
                await asyncio.sleep(0.01)
                worst = max(worst, time.monotonic() - began - 0.01)

        async def main():
            ticking = asyncio.create_task(tick())
            await asyncio.sleep(0.05)
            async with AsyncClient("k", base_url=url, max_retries=0, timeout=20) as client:
                try:
                    await (client.chat(**ASK) if call == "chat" else client.stream(**ASK).completion())
                finally:
                    ticking.cancel()

        try:
            asyncio.run(main())
        finally:
            print(round(worst, 2))

    url, mode, call, small = %r
    with Client("k", base_url=small, max_retries=0) as client:
        client.chat(**ASK)  # what a first call imports is not counted
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    with Client("k", base_url=url, max_retries=0, timeout=20) as client:
        if mode == "threads":
            print(0)
            outcome(chat if call == "chat" else stream)
        else:
            outcome(lambda: asynchronous(call))
    print(memory("VmHWM") - before)
"""


def bomb(material: bytes) -> bytes:
    """Compress a gigabyte: the same megabyte, which ends at a byte and refers to nothing before it, again and again."""
    packer, piece, check = zlib.compressobj(9, wbits=-zlib.MAX_WBITS), material * 2**20, 0
    part = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    for _ in range(1024):
        check = zlib.crc32(piece, check)
    head_ = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    return head_ + part * 1024 + packer.flush() + struct.pack("<II", check, 2**30)


@pytest.fixture(scope="module")
def bombs() -> dict[str, bytes]:
    return {"zeros": bomb(b"\0"), "lines": bomb(b"\n")}


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the system reports no peak of memory")
@EACH_CALL
@pytest.mark.parametrize("mode", ["threads", pytest.param("loops", marks=pytest.mark.long)])
@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request"])
@pytest.mark.parametrize("material", ["lines", pytest.param("zeros", marks=pytest.mark.long)])
def test_a_kilobyte_that_becomes_a_gigabyte_fails_fast_and_small(bombs, mode, call, status, material):
    kind = "text/event-stream" if call == "stream" else "application/json"
    response = sized(bombs[material], "Content-Encoding: gzip", f"Content-Type: {kind}", status=status)
    with RawServer(answering_with(response)) as server, RawServer(answering) as small:
        printed = run_alone(MEASURE % ((server.url, mode, call, small.url),)).split()
        assert len(server.requests) == 1
    worst, kind, attempts, taken, growth = printed
    assert kind == ("ProtocolError" if status.startswith("200") else "BadRequestError")
    assert attempts == "1"
    assert float(worst) < 0.5
    assert float(taken) < 5
    assert int(growth) < 80


# --- J54: what is no HTTP/1.1, or not as it should be ---

H2 = b"\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x80\0\4\0\1\0\0\0\5\0\xff\xff\xff\0\0\4\x08\0\0\0\0\0\x7f\xff\0\0"
"""An HTTP/2 server's first frames: its settings, and a window."""
BODY = completion("right")
MALFORMED = {
    "a head of 200 KB": head(*[f"X-{number}: {'x' * 1000}" for number in range(200)], "Content-Length: 2") + b"ok",
    "a header of 200 KB": head(f"X: {'x' * 200_000}", "Content-Length: 2") + b"ok",
    "a status line of 200 KB": head("Content-Length: 2", status=f"200 {'x' * 200_000}") + b"ok",
    "frames of HTTP/2": H2,
    "the end of HTTP/2": b"\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\1",
    "another protocol": b"SSH-2.0-OpenSSH_9.7\r\n",
    "mail": b"220 mail.test ESMTP ready\r\n",
    "nothing known": bytes(range(256)),
    "HTTP/0.9": b"<html>hello</html>\n",
    "HTTP/3.0": sized(BODY).replace(b"HTTP/1.1", b"HTTP/3.0", 1),
    "200 KB between chunks": (
        head(JSON, "Transfer-Encoding: chunked") + b"5;" + b"x" * 200_000 + b"\r\n" + BODY[:5] + b"\r\n"
    ),
    "a length and chunks": head(JSON, f"Content-Length: {len(BODY)}", "Transfer-Encoding: chunked")
    + chunked(BODY, b""),
    "chunks and a length": head(JSON, "Transfer-Encoding: chunked", f"Content-Length: {len(BODY)}")
    + chunked(BODY, b""),
    "two equal lengths": head(JSON, *[f"Content-Length: {len(BODY)}"] * 2) + BODY,
    "two unequal lengths": head(JSON, f"Content-Length: {len(BODY)}", "Content-Length: 7") + BODY,
    "a list of lengths": head(JSON, f"Content-Length: {len(BODY)}, {len(BODY)}") + BODY,
    "a negative length": head(JSON, "Content-Length: -1") + BODY,
    "a length that is a word": head(JSON, "Content-Length: many") + BODY,
    "a coding that is not asked for": head(JSON, "Transfer-Encoding: gzip, chunked") + chunked(BODY, b""),
    "a chunk's size that is a word": head(JSON, "Transfer-Encoding: chunked") + b"many\r\n" + BODY,
    "a header without a colon": head(JSON, "no colon", f"Content-Length: {len(BODY)}") + BODY,
    "a header's name with a space": head(JSON, "a b: c", f"Content-Length: {len(BODY)}") + BODY,
    "a zero byte in a header": head(JSON, "a: b\0c", f"Content-Length: {len(BODY)}") + BODY,
}
FINE = {
    "300 headers": sized(BODY, JSON, *[f"X-{number}: x" for number in range(300)]),
    "a header of 20 KB": sized(BODY, JSON, f"X: {'x' * 20_000}"),
    "a head of 90 KB": sized(BODY, JSON, *[f"X-{number}: {'x' * 900}" for number in range(95)]),
    "a status without words": sized(BODY, JSON, status="200 "),
}


@EACH_CALL
@pytest.mark.parametrize("closes", [False, True], ids=["stays", "closes"])
@pytest.mark.parametrize("response", MALFORMED.values(), ids=MALFORMED)
def test_what_can_never_be_read_is_asked_for_once(response, call, closes):
    if call == "stream":
        response = response.replace(JSON.encode(), b"Content-Type: text/event-stream")
    outcomes = []
    for mode in (Threads, Loops):
        with RawServer(answering_with(response, closes=closes)) as server, mode(server.url) as client:
            outcomes.append(outcome_of(client.fails(call)))
        assert len(server.requests) == 1
    threads, loops = outcomes
    assert threads == loops
    assert (threads.kind, threads.attempts) == ("ProtocolError", 1)
    assert threads.message.startswith("the response is not HTTP as it should be: ")


LATE = head(JSON, "Transfer-Encoding: chunked") + chunked(BODY) + b"0\r\nX: " + b"x" * 200_000 + b"\r\n\r\n"
"""200 KB behind the body."""


def verdict(response: bytes, size: int) -> str:
    """Have a response parsed in pieces of a size."""
    parser = ResponseParser()
    try:
        for place in range(0, len(response), size):
            parser.feed(response[place : place + size])
            while parser.take():
                pass
    except httpx.RemoteProtocolError:
        return "refused"
    return "whole" if parser.is_whole else "more is to come"


@pytest.mark.parametrize("response", [*MALFORMED.values(), LATE], ids=[*MALFORMED, "200 KB behind chunks"])
def test_the_verdict_does_not_hang_on_how_much_is_read_at_once(response):
    """Loops read up to 256 KiB at once, threads 64."""
    verdicts = {size: verdict(response, size) for size in (100, 10_000, 65_536, 262_144)}
    assert set(verdicts.values()) == {"refused"}, verdicts


def test_the_verdict_is_the_same_in_threads_and_loops():
    outcomes = []
    for mode in (Threads, Loops):
        with RawServer(answering_with(LATE)) as server, mode(server.url) as client:
            outcomes.append(outcome_of(caught(client.chat)))
    assert outcomes[0] == outcomes[1]


@BOTH_MODES
@pytest.mark.parametrize("response", FINE.values(), ids=FINE)
def test_what_is_odd_and_can_be_read_is_read(mode, response):
    with RawServer(answering_with(response)) as server, mode(server.url) as client:
        assert client.chat().text == "right"
    assert len(server.requests) == 1


@BOTH_MODES
@pytest.mark.parametrize("lines", [[f"X-{number}: x" for number in range(300)], [f"X: {'x' * 20_000}"]])
def test_so_is_a_stream(mode, lines):
    response = STREAM_HEAD[:-2] + "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"
    response += chunked(events("right")) + STREAM_END
    with RawServer(answering_with(response)) as server, mode(server.url) as client:
        assert client.stream().text == "right"
    assert len(server.requests) == 1


# --- J55: a stream that is closed as it ends ---


class Crowd:
    """Threads that read streams, close them as they end, and make other calls, all with one client, so many of each."""

    def __init__(self, client: Client, count: int) -> None:
        self._client, self._count = client, count
        self._ending: SimpleQueue[Any] = SimpleQueue()
        self.streams = self.calls = 0
        self.failures: list[Any] = []
        self.foreign: list[Exception] = []

    def run(self) -> None:
        workers = [threading.Thread(target=work) for work in (self._read, self._read, self._call, self._call)]
        closers = [threading.Thread(target=self._close) for _ in workers[:2]]
        for thread in [*workers, *closers]:
            thread.start()
        for thread in workers:
            thread.join()
        for _ in closers:
            self._ending.put(None)
        for thread in closers:
            thread.join()

    def _read(self) -> None:
        while self.streams < self._count:
            stream = self._client.stream(**ASK)
            self.streams += 1
            try:
                for chunk in stream:
                    if chunk.raw["choices"][0]["finish_reason"]:
                        self._ending.put(stream)
            except InferenceError as error:
                if "closed while it was read" not in error.message:
                    self.failures.append(error)
            except Exception as error:  # noqa: BLE001  a test of its own
                self.foreign.append(error)

    def _close(self) -> None:
        chance = random.Random(1)
        while (stream := self._ending.get()) is not None:
            for _ in range(chance.randrange(300)):
                pass
            stream.close()

    def _call(self) -> None:
        while self.calls < self._count:
            result = caught(lambda: self._client.chat(**ASK))
            self.calls += 1
            if isinstance(result, InferenceError) or result.text != "right":
                self.failures.append(result)


@pytest.fixture(scope="module")
def crowd() -> Crowd:
    interval = sys.getswitchinterval()
    with RawServer(answering) as server, Client(KEY, base_url=server.url, max_retries=0, timeout=10) as client:
        crowd = Crowd(client, count=400)
        sys.setswitchinterval(1e-6)
        try:
            crowd.run()
        finally:
            sys.setswitchinterval(interval)
    return crowd


def test_closing_a_stream_as_it_ends_harms_no_other_call(crowd):
    """Its connection may already be another request's."""
    assert crowd.failures == []
    assert min(crowd.streams, crowd.calls) >= 400


def test_who_reads_a_stream_that_is_closed_as_it_ends_gets_an_error_of_ours_or_none(crowd):
    assert crowd.foreign == []


# --- J56: the key, in every frame of a traceback ---

PACKAGES = ("inference_do", "langchain_do", "llamaindex_do")
ECHO = f"your key {KEY} is bad"
HELD = Timeout(connect=20, first_token=20, idle=20)


def frames_of(error: BaseException, *, of: tuple[str, ...] = ()) -> str:
    """Return what a debugger would show of an exception: its text and the variables of its frames.

    Args:
        error: The exception.
        of: Packages to whose frames to keep; by default all frames.
    """
    shown = [words_of(error)]
    links = [traceback.TracebackException.from_exception(error, capture_locals=True)]
    while links:
        link = links.pop()
        shown += link.format_exception_only()
        frames = [frame for frame in link.stack if not of or {*of} & {*Path(frame.filename).parts}]
        shown += [repr(frame.locals) for frame in frames]
        links += [other for other in (link.__cause__, link.__context__) if other is not None]
    return "\n".join(shown)


def words_of(error: BaseException) -> str:
    return f"{error!s} {error!r} {error.args!r} {vars(error)!r}"


def assert_unseen(shown: str) -> None:
    assert KEY.lower() not in shown.lower()


@contextmanager
def held_at(place: str) -> Iterator[str]:
    """Yield the base URL of a server where a call is held."""
    if place == "connect":
        with black_holes() as [(host, port)]:
            yield f"http://{host}:{port}"
        return

    def play(peer: Peer) -> None:
        request = peer.take() if place != "tls" else b""
        if place == "body":
            peer.send(answer("right", streamed=is_streamed(request))[:-60])
        peer.wait_for_end()

    with RawServer(play) as server:
        yield server.url.replace("http:", "https:") if place == "tls" else server.url


PLACES = pytest.mark.parametrize("place", ["connect", "tls", "head", "body"])


async def held_call(client: AsyncClient, call: str) -> Any:
    """Call, in a frame that holds no more than is its own."""
    return await (client.chat(**ASK) if call == "chat" else client.stream(**ASK).completion())


@EACH_CALL
@PLACES
async def test_a_cancelled_call_does_not_show_it(place, call):
    with held_at(place) as url:
        async with AsyncClient(KEY, base_url=url, timeout=HELD) as client:
            call = asyncio.create_task(held_call(client, call))
            await asyncio.sleep(0.15)
            call.cancel()
            with pytest.raises(asyncio.CancelledError) as cancelled:
                await call
    assert_unseen(frames_of(cancelled.value))


@EACH_CALL
@PLACES
async def test_nor_does_a_call_that_a_deadline_of_the_callers_ends(place, call):
    with held_at(place) as url:
        async with AsyncClient(KEY, base_url=url, timeout=HELD) as client:
            with pytest.raises(TimeoutError) as late:
                await asyncio.wait_for(held_call(client, call), 0.15)
    assert_unseen(frames_of(late.value))


@EACH_CALL
@PLACES
@BOTH_MODES
def test_nor_does_one_that_a_limit_of_ours_ends(place, call, mode):
    with held_at(place) as url, mode(url, timeout=0.15, max_retries=0) as client:
        error = client.fails(call)
    assert_unseen(frames_of(error))


STEPS = {"connect": ["get"], "tls": ["get", "do_handshake"], "head": ["get", "send", "recv"], "body": ["recv"]}
"""The functions in which a thread waits, or sends."""


@EACH_CALL
@pytest.mark.parametrize(("place", "step"), [(place, step) for place, steps in STEPS.items() for step in steps])
def test_a_call_that_ctrl_c_ends_does_not_show_it(place, step, call):
    def press(_: object, event_: str, called: Any) -> None:
        if event_ == "c_call" and called.__name__ == step:
            sys.setprofile(None)
            raise KeyboardInterrupt

    with held_at(place) as url, Client(KEY, base_url=url, timeout=HELD) as client:
        with pytest.raises(KeyboardInterrupt) as interrupted:
            sys.setprofile(press)
            client.chat(**ASK) if call == "chat" else client.stream(**ASK).completion()
        assert_unseen(frames_of(interrupted.value))


SAID = delta(content="Hello")
ECHOES: dict[str, tuple[bytes, bytes]] = {
    "an error": (
        json.dumps({"error": {"message": ECHO, "code": KEY, "type": KEY}}).encode(),
        event({"error": {"message": ECHO, "code": KEY, "type": KEY}}),
    ),
    "an error with a status": (
        json.dumps({"error": {"message": ECHO, "code": 401}}).encode(),
        event({"error": {"message": ECHO, "code": 401}}),
    ),
    "an error's event": (ECHO.encode(), b"event: error\ndata: " + ECHO.encode() + b"\n\n"),
    "no JSON": (ECHO.encode(), event(ECHO.encode())),
    "broken JSON": (f'{{"choices": [{{"x": "{ECHO}"'.encode(), event(f'{{"choices": [{{"x": "{ECHO}"'.encode())),
    "no choices": (json.dumps({"choices": [], "x": ECHO}).encode(), event({"choices": 1, "x": ECHO})),
    "choices of another kind": (json.dumps({"choices": ECHO}).encode(), event({"choices": ECHO})),
    "a message of another kind": (
        json.dumps({"choices": [{"message": [ECHO]}]}).encode(),
        event({"choices": [{"delta": [ECHO]}]}),
    ),
    "a page": (f"<html><title>{ECHO}</title>{ECHO}</html>".encode(), f"<html><title>{ECHO}</title></html>".encode()),
    "an index beyond": (
        json.dumps({"choices": ECHO}).encode(),
        b"".join(event(delta(index=number)) for number in range(MAX_CHOICES)) + event(delta(index=200, content=KEY)),
    ),
}


@BOTH_MODES
@EACH_CALL
@pytest.mark.parametrize("begun", [False, True], ids=["first", "later"])
@pytest.mark.parametrize("name", ECHOES)
def test_an_answer_that_repeats_it_and_is_none_does_not_show_it(mode, call, name, begun):
    if call == "stream":
        body = (event(SAID) if begun else b"") + ECHOES[name][1]
        response = STREAM_HEAD + chunked(body) + STREAM_END
    else:
        response = sized((b" " * 10 if begun else b"") + ECHOES[name][0], JSON)
    with RawServer(answering_with(response)) as server, mode(server.url, max_retries=0) as client:
        error = client.fails(call)
    assert_unseen(frames_of(error))


@BOTH_MODES
@EACH_CALL
@pytest.mark.parametrize("status", ["200 OK", "401 Unauthorized", "302 Found", "503 Service Unavailable"])
@pytest.mark.parametrize("name", [KEY, f"X-{KEY}", KEY.upper(), f"{KEY}-Key"])
def test_a_header_whose_name_repeats_it_does_not_show_it(mode, call, status, name):
    lines = [f"{name}: 1", f"X-Request-Id: {KEY}", f"Location: https://{KEY}.test/{KEY}", f"X: {KEY}"]

    def play(peer: Peer) -> None:
        while request := peer.take():
            if status.startswith("200"):
                whole = answer("right", streamed=is_streamed(request))
                peer.send(whole.replace(b"\r\n", "".join(["\r\n", *(f"{line}\r\n" for line in lines)]).encode(), 1))
            else:
                peer.send(sized(ECHO.encode(), *lines, status=status))

    with RawServer(play) as server, mode(server.url, max_retries=0) as client:
        result = caught(lambda: client.ask(call))
        if status.startswith("200"):
            assert result.text == "right"
            assert len(result.response_info.headers) >= 4
            assert_unseen(f"{result!r} {result.response_info!r} {result.response_info.headers!r}")
        else:
            assert_unseen(frames_of(result))


@BOTH_MODES
@EACH_CALL
@pytest.mark.parametrize("response", ["reset", "cut", "no HTTP", "bad chunk"])
def test_a_response_that_breaks_behind_a_head_that_repeats_it_does_not_show_it(mode, call, response):
    def play(peer: Peer) -> None:
        peer.take()
        peer.send(head(f"X-{KEY}: {KEY}", "Transfer-Encoding: chunked", "Content-Type: text/event-stream"))
        if response == "bad chunk":
            peer.send(f"{KEY}\r\n".encode())
        elif response == "no HTTP":
            peer.send(chunked(ECHO.encode()), b"\0\0")
        elif response == "reset":
            peer.pause(0.02)
            peer.reset()

    with RawServer(play) as server, mode(server.url, max_retries=0) as client:
        assert_unseen(frames_of(client.fails(call)))


WRONG_KEYS: dict[str, dict[str, Any]] = {
    "bytes": {"api_key": KEY.encode()},
    "a bytearray": {"api_key": bytearray(KEY.encode())},
    "in a list": {"api_key": [KEY]},
    "in a tuple": {"api_key": (KEY,)},
    "in a mapping": {"api_key": {"key": KEY}},
    "with a line break in it": {"api_key": f"{KEY}\r\n{KEY}"},
    "as timeout": {"timeout": KEY},
    "as timeout, in bytes": {"timeout": KEY.encode()},
    "as timeout, in a list": {"timeout": [KEY]},
    "as ca": {"ca": KEY},
    "as ca, in bytes": {"ca": KEY.encode()},
    "as ca, in a list": {"ca": [KEY]},
}
WRONG_SETTINGS: dict[str, dict[str, Any]] = {
    "as max_retries": {"max_retries": KEY},
    "as max_retries, in bytes": {"max_retries": KEY.encode()},
    "as base_url": {"base_url": KEY},
    "as base_url, in bytes": {"base_url": KEY.encode()},
    "in base_url": {"base_url": f"https://{KEY}@inference.do-ai.run/v1"},
    "as default_headers": {"default_headers": KEY},
    "as default_query": {"default_query": KEY},
    "as http_client": {"http_client": KEY},
}
KINDS = ["Client", "AsyncClient", "ChatDigitalOcean", "DigitalOcean"]


def factory_of(name: str) -> Callable[..., Any]:
    match name:
        case "Client" | "AsyncClient":
            return getattr(inference_do, name)
        case "ChatDigitalOcean":
            made = pytest.importorskip("langchain_do").ChatDigitalOcean
        case _:
            made = pytest.importorskip("llamaindex_do").DigitalOcean
    return lambda **options: made(model=CHAT, **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mistake", WRONG_KEYS)
def test_a_key_of_a_wrong_kind_or_in_a_wrong_place_is_not_shown(kind, mistake):
    make = factory_of(kind)
    with pytest.raises(ValueError, match=r".") as raised:
        make(**{"api_key": "another", **WRONG_KEYS[mistake]})
    assert_unseen(frames_of(raised.value, of=PACKAGES))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mistake", WRONG_SETTINGS)
def test_no_message_about_a_setting_shows_a_key_that_was_given_for_it(kind, mistake):
    make = factory_of(kind)
    with pytest.raises(ValueError, match=r".") as raised:
        make(**{"api_key": "another", **WRONG_SETTINGS[mistake]})
    assert_unseen(words_of(raised.value))


@BOTH_MODES
@EACH_CALL
@pytest.mark.parametrize("name", ["timeout", "max_retries", "extra_headers", "extra_query", "extra_body"])
def test_no_message_about_a_call_shows_a_key_that_was_given_in_a_wrong_place(mode, call, name):
    with mode("http://127.0.0.1:9") as client:
        error = client.fails(call, **{name: KEY})
    assert isinstance(error, ValueError)
    assert_unseen(words_of(error))


@pytest.mark.parametrize("kind", ["ChatDigitalOcean", "DigitalOcean"])
def test_a_key_that_a_copy_is_given_is_not_shown(kind):
    model = factory_of(kind)(api_key="another-key")
    copy = model.model_copy(update={"api_key": KEY})
    shown = f"{copy!r} {copy!s} {copy.model_dump()!r} {copy.model_dump_json()} {copy.api_key!r}"
    assert_unseen(shown)
    assert_unseen(repr(copy.model_copy(deep=True).model_dump()))
    with RawServer(answering) as server:
        used = copy.model_copy(update={"base_url": server.url})
        used.invoke("Hello") if kind == "ChatDigitalOcean" else used.complete("Hello")
        used.close()
    assert f"Bearer {KEY}".encode() in server.requests[0]


# --- J57: answers without a bound ---


NUMBER = 987_654_321
"""Stands in an endless event for its number: to encode each anew would take most of the test's time."""


def endless(numbered: bytes, sent: list[int]) -> Callable[[Peer], None]:
    """Return what streams events for ever, and notes their bytes."""

    def play(peer: Peer) -> None:
        peer.take()
        peer.send(STREAM_HEAD)
        for number in range(10_000_000):
            data = chunked(b"".join(numbered.replace(b"%d" % NUMBER, b"%d" % (number * 50 + n)) for n in range(50)))
            peer.send(data)
            sent[0] += len(data)

    return play


def call_in(number: int, **named: Any) -> dict[str, Any]:
    return delta(tool_calls=[{"function": {"name": "f", "arguments": "{}"}, **named, "id": f"call_{number}"}])


ENDLESS = {
    "answers": event(delta(index=NUMBER, content="x" * 1000)),
    "answers below zero": event(delta(index=-NUMBER, content="x" * 1000)),
    "calls": event(call_in(NUMBER, index=0)),
    "calls by index": event(call_in(NUMBER, index=NUMBER)),
    "calls without an id": event(delta(tool_calls=[{"index": NUMBER, "function": {"name": "f", "arguments": "{}"}}])),
    "calls that are complete": event(delta(tool_calls=[{"index": 0, "function": {"name": "f", "arguments": "{}"}}])),
}


@THREADS_AND_LONG_LOOPS
@pytest.mark.parametrize("numbered", ENDLESS.values(), ids=ENDLESS)
def test_a_stream_of_ever_more_answers_or_calls_ends(mode, numbered):
    sent = [0]
    with RawServer(endless(numbered, sent)) as server, mode(server.url, timeout=30) as client:
        tracemalloc.start()
        try:
            error = client.fails("stream")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert type(error) is ProtocolError
    assert error.attempts == 1
    assert len(error.partial.choices) <= MAX_CHOICES
    assert sum(len(choice.message.tool_calls or ()) for choice in error.partial.choices) <= MAX_CALLS
    assert sent[0] < 20_000_000
    assert peak < 30_000_000


@BOTH_MODES
def test_as_many_answers_as_were_asked_for_are_taken(mode):
    body = b"".join(event(delta("stop", index=number, content="x")) for number in range(200)) + event(b"[DONE]")
    with RawServer(answering_with(STREAM_HEAD + chunked(body) + STREAM_END)) as server, mode(server.url) as client:
        assert len(client.stream(n=200).choices) == 200


@BOTH_MODES
def test_as_many_calls_as_anyone_makes_are_taken(mode):
    calls = b"".join(event(call_in(number, index=number)) for number in range(MAX_CALLS))
    body = calls + event(delta("tool_calls")) + event(b"[DONE]")
    with RawServer(answering_with(STREAM_HEAD + chunked(body) + STREAM_END)) as server, mode(server.url) as client:
        assert len(client.stream().choices[0].message.tool_calls) == MAX_CALLS


@pytest.fixture
def _no_collector():
    """What is lost stays lost, and nothing else takes time."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


FRAGMENTS: dict[str, tuple[str, str]] = {
    "in a list": ('{"a": [', '{"b": {}},{}'),
    "in a text": ('{"a": "', "}"),
    "in a text, after an escape": ('{"a": "', '\\"}'),
    "deeper and deeper": ('{"a": ', '{"a": {}'),
    "closed too often": ("{", "}"),
    "closed and opened": ("{}", "{}"),
    "broken": ("{x", "}{x}"),
    "half a string": ("{", '"}'),
}
"""The first fragment of a call, and all others."""


def taken_for(count: int, first: str, other: str) -> float:
    def fragment(arguments: str) -> dict[str, Any]:
        return delta(tool_calls=[{"index": 0, "function": {"name": "f", "arguments": arguments}}])

    start, more = fragment(first), fragment(other)
    began = time.thread_time()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inference_do.accumulate.MAX_CALLS", 10**9)  # the bound is tested elsewhere
        seen = Accumulator()
    for part in (start, *[more] * count):
        seen.add(part)
    assert isinstance(seen.has_broken_call, bool)
    seen.completion()
    return time.thread_time() - began


@pytest.mark.usefixtures("_no_collector")
@pytest.mark.parametrize(("first", "other"), FRAGMENTS.values(), ids=FRAGMENTS)
def test_fragments_that_repeat_the_name_take_linear_time(first, other):
    half, whole = taken_for(10_000, first, other), taken_for(20_000, first, other)
    assert whole < 4 * half + 0.5
    assert whole < 5


@BOTH_MODES
def test_a_stream_of_fragments_that_repeat_the_name_is_fast(mode):
    def fragment(arguments: str) -> bytes:
        return event(delta(tool_calls=[{"index": 0, "function": {"name": "f", "arguments": arguments}}]))

    parts = [fragment('{"a": ['), *[fragment('{"b": {}},')] * 20_000, fragment("{}]}")]
    body = b"".join(parts) + event(delta("tool_calls")) + event(b"[DONE]")
    response = STREAM_HEAD + chunked(body) + STREAM_END
    with RawServer(answering_with(response)) as server, mode(server.url) as client, timed(5):
        whole = client.stream()
    (call,) = whole.choices[0].message.tool_calls
    assert len(json.loads(call.function.arguments)["a"]) == 20_001


def test_a_call_is_complete_wherever_its_fragments_were_cut():
    """Between two fragments, also inside an escape; the next name then begins another call."""
    text = '{"a": "\\"}", "b": "\\\\", "c": {"d": "{"}}'
    for cut in range(1, len(text)):
        seen = Accumulator()
        for name, arguments in [("f", text[:cut]), ("f", text[cut:]), ("g", "{}")]:
            seen.add(delta(tool_calls=[{"index": 0, "function": {"name": name, "arguments": arguments}}]))
        calls = seen.completion().choices[0].message.tool_calls
        assert [(call.function.name, call.function.arguments) for call in calls] == [("f", text), ("g", "{}")], cut


# --- J59: nothing is sent but by the policy ---


@BOTH_MODES
@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("call", ["models", "chat", "stream"])
def test_a_request_over_a_used_connection_that_breaks_is_not_sent_again_by_itself(mode, call, end):
    def play(peer: Peer) -> None:
        request = peer.take()
        peer.send(answer("right", streamed=is_streamed(request)) if request.startswith(b"POST") else MODELS)
        if peer.take() and end == "reset":
            peer.reset()

    with RawServer(play) as server, mode(server.url, max_retries=0) as client:
        client.ask(call)
        error = client.fails(call)
        assert len(server.requests) == 2
        time.sleep(0.1)
    assert isinstance(error, APIConnectionError)
    assert (error.attempts, error.retryable) == (1, True)
    assert (len(server.requests), server.connections) == (2, 1)


@BOTH_MODES
def test_each_request_that_is_sent_again_is_counted(mode):
    def play(peer: Peer) -> None:
        while peer.take() and len(server.requests) in {1, 4}:
            peer.send(MODELS)

    with RawServer(play) as server, mode(server.url, max_retries=1) as client:
        client.models()
        assert client.fails("models").attempts == 2
        assert len(server.requests) == 3
        assert client.models()


# --- J63: Ctrl-C at every line ---

HERE = str(Path(inference_do.__file__).parent)
CODE = {
    "transport": (f"{HERE}/_transport/",),
    "httpx": (f"{Path(httpx.__file__).parent}/_transports/", f"{Path(httpx.__file__).parent}/_client.py"),
    "protocol": (f"{HERE}/_protocol/", f"{HERE}/client.py", f"{HERE}/_core.py"),
}


class CtrlC:
    """Presses Ctrl-C at one line of some code, in this thread; `where` is that line.

    Lines with `with` and `try` are left out: Python reports them where it handles no signal, and a block is not yet,
    or no longer, guarded.
    """

    def __init__(self, code: tuple[str, ...], number: int) -> None:
        self._code, self._left = code, number
        self._before: Any = None
        self.where: str | None = None

    def __enter__(self) -> Self:
        self._before = sys.gettrace()
        sys.settrace(self._enter)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _enter(self, frame: Any, _: str, __: object) -> Any:
        return self._step if frame.f_code.co_filename.startswith(self._code) else None

    def _step(self, frame: Any, happened: str, _: object) -> Any:
        if happened == "line" and not getline(frame.f_code.co_filename, frame.f_lineno).lstrip().startswith(
            ("with ", "try:")
        ):
            self._left -= 1
            if self._left == 0:
                self.where = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno} {frame.f_code.co_name}"
                raise KeyboardInterrupt
        return self._step


@pytest.mark.usefixtures("_no_collector")
@pytest.mark.parametrize(
    ("is_used", "step"),
    [
        pytest.param(False, 1, id="new connection", marks=pytest.mark.long),
        pytest.param(True, 1, id="used connection", marks=pytest.mark.long),
        pytest.param(True, 3, id="used connection, each third line"),
    ],
)
@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
@EACH_CALL
def test_ctrl_c_at_any_line_loses_no_slot(call, code, is_used, step, monkeypatch):
    monkeypatch.setattr("inference_do._transport.sockets.MAX_CONNECTIONS", 1)
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)  # Python drops what is raised in `__del__`
    lost: list[str] = []
    points = 0
    with RawServer(answering) as server:
        assert stepped(server.url, call, code, is_used=is_used, number=0) is None  # what a first call builds is built
        for number in range(1, 3000, step):
            where = stepped(server.url, call, code, is_used=is_used, number=number)
            if where is None:
                break
            points += 1
            lost += [where] if "lost" in where else []
            if len(lost) > 5:
                break
    assert lost == []
    assert points * step > 50


def stepped(url: str, call: str, code: tuple[str, ...], *, is_used: bool, number: int) -> str | None:
    """Press Ctrl-C at one line of a call, and return where that was and whether another call succeeds."""
    with Client(KEY, base_url=url, max_retries=0) as client:
        if is_used:
            client.chat(**ASK)
        with CtrlC(code, number) as key:
            interrupted_call(client, call)
        if key.where is None:
            return None
        after = caught(lambda: client.chat(**ASK, timeout=Timeout(pool=1, connect=5, first_token=5)))
        is_well = not isinstance(after, InferenceError) and after.text == "right"
        return key.where if is_well else f"{key.where}, lost: {after!r:.80}"


def interrupted_call(client: Client, call: str) -> None:
    with suppress(KeyboardInterrupt):
        client.chat(**ASK) if call == "chat" else client.stream(**ASK).completion()


# --- J65: certificates without names ---


def certificate(folder: Path, *names: str) -> tuple[str, ssl.SSLContext]:
    """Return an authority, and a context with a certificate of it for CN=localhost and these names."""

    def signed(subject: str, key: Any, issuer: str, signer: Any, *extensions: Any) -> x509.Certificate:
        now = datetime.now(UTC)
        made = x509.CertificateBuilder().public_key(key.public_key()).serial_number(x509.random_serial_number())
        made = made.subject_name(called(subject)).issuer_name(called(issuer))
        made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        for extension, is_critical in extensions:
            made = made.add_extension(extension, critical=is_critical)
        return made.sign(signer, hashes.SHA256())

    def called(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])

    key, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
    usage |= dict.fromkeys(("encipher_only", "decipher_only", "digital_signature", "crl_sign"), False)
    root = signed(
        "An authority",
        key,
        "An authority",
        key,
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (x509.KeyUsage(key_cert_sign=True, **usage), True),  # Python 3.13 wants this, and what follows
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    )
    extra = [(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)] if names else []
    extra.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False))
    leaf = signed("localhost", own, "An authority", key, *extra)
    private = own.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "chain.pem").write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "chain.pem")
    return root.public_bytes(serialization.Encoding.PEM).decode(), context


@BOTH_MODES
@EACH_CALL
@pytest.mark.parametrize("names", [(), ("other.test",)], ids=["without names", "with another name"])
def test_a_certificate_whose_common_name_alone_fits_is_refused(mode, call, names, tmp_path):
    ca, context = certificate(tmp_path, *names)
    with RawServer(answering, context=context) as server, mode(server.url, ca=ca) as client:
        error = client.fails(call)
    assert type(error) is APIConnectionError
    assert "certificate" in error.message.lower()
    assert (error.attempts, error.retryable, server.connections, server.requests) == (1, False, 1, [])


@BOTH_MODES
def test_the_same_certificate_with_a_name_is_accepted(mode, tmp_path):
    ca, context = certificate(tmp_path, "localhost")
    with RawServer(answering, context=context) as server, mode(server.url, ca=ca) as client:
        assert client.chat().text == "right"
