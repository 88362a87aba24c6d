"""Whatever comes over the wire: read by our pool it is what httpcore and h11 read, or it is refused.

Responses are real bytes of a real socket, cut into pieces where the test says, and read in threads and in an event
loop alike. Damaged ones are followed by the end of the connection, so that nothing has to be waited for.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from http11_kit import ScriptedServer, both
from hypothesis import given, note
from hypothesis import strategies as st
from property_kit import cut_at, examples

from inference_do import AsyncClient, Client, InferenceError

if TYPE_CHECKING:
    from collections.abc import Iterator

ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
TOKEN = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
MEANINGFUL = {"connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer"}
NO_BODY = {204, 304}

names = st.text(TOKEN, min_size=1, max_size=12).filter(lambda name: name.lower() not in MEANINGFUL)
values = st.text([chr(code) for code in (*range(0x21, 0x7F), *range(0x80, 0x100))], max_size=20)
spaces = st.sampled_from(["", " ", "\t", "  \t"])
reasons = st.text([chr(code) for code in range(0x20, 0x7F)], max_size=10)


@st.composite
def fields(draw: st.DrawFn) -> str:
    return f"{draw(names)}:{draw(spaces)}{draw(values)}{draw(spaces)}\r\n"


blocks = st.lists(fields(), max_size=4).map("".join)


@st.composite
def bodies_in_chunks(draw: st.DrawFn) -> bytes:
    body = b""
    for chunk in draw(st.lists(st.binary(min_size=1, max_size=40), max_size=4)):
        size = draw(st.sampled_from(["x", "X", "04x"]))
        extension = draw(st.sampled_from(["", ";a", ";a=b", ';a="b c"', "  "]))
        body += f"{len(chunk):{size}}{extension}\r\n".encode() + chunk + b"\r\n"
    return body + b"0\r\n" + draw(blocks).encode("latin-1") + b"\r\n"


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """Write a response that ends by itself."""
    early = "".join(
        f"HTTP/1.1 {draw(st.sampled_from([100, 102, 103, 199]))} {draw(reasons)}\r\n{draw(blocks)}\r\n"
        for _ in range(draw(st.integers(0, 2)))
    )
    status = draw(st.sampled_from([200, 200, 200, 204, 206, 304, 400, 404, 429, 500, 999]))
    version = draw(st.sampled_from(["1.1", "1.1", "1.1", "1.0"]))
    head = f"{early}HTTP/{version} {status} {draw(reasons)}\r\n{draw(blocks)}"
    head += draw(
        st.sampled_from(["", "", "Connection: close\r\n", "connection: Keep-Alive\r\n", "Connection: x, y\r\n"])
    )
    if status in NO_BODY:
        body = b""
    elif draw(st.booleans()):
        head += "Transfer-Encoding: chunked\r\n"
        body = draw(bodies_in_chunks())
    else:
        body = draw(st.binary(max_size=60))
        head += f"Content-Length: {len(body)}\r\n"
    return f"{head}{draw(blocks)}\r\n".encode("latin-1") + body


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@examples(150)
@given(raw=responses(), places=st.lists(st.integers(1, 300), max_size=6))
def test_a_response_is_the_same_however_it_is_cut(server, raw, places):
    sizes = [len(piece) for piece in cut_at(raw, places) if piece]
    seen, known = both(server, raw, sizes)
    note(f"{seen}\n{known}")
    assert seen == known
    assert seen.verdict in {"kept", "closed"}


DAMAGE = [
    *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\0", b" ", b"\t", b":", b";", b",", b"0", b"-1", b"f", b"\xff"),
    *(
        b"Content-Length: 3\r\n",
        b"content-length:0\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"transfer-encoding: x\r\n",
    ),
    *(b"Connection: close\r\n", b"Upgrade: x\r\nConnection: upgrade\r\n", b"0\r\n\r\n", b"3\r\nabc\r\n"),
    *(b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 100 X\r\n\r\n", b"HTTP/1.1 101 X\r\n\r\n", b"HTTP/1.0 200 OK\r\n"),
]


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Change a response in a few places: bytes go, come, are others, come twice; and maybe it is cut."""
    raw = draw(whole)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(raw)))
        end = place + draw(st.sampled_from([0, 0, 1, 2, 10]))
        new = draw(st.one_of(st.just(b""), st.just(raw[place:end]), st.binary(max_size=2), st.sampled_from(DAMAGE)))
        raw = raw[:place] + new + raw[end if draw(st.booleans()) else place :]
    return raw[: draw(st.integers(0, len(raw)))] if draw(st.booleans()) else raw


@examples(400)
@given(raw=damaged(responses()), places=st.lists(st.integers(1, 300), max_size=3))
def test_a_damaged_response_is_the_same_or_refused(server, raw, places):
    sizes = [len(piece) for piece in cut_at(raw, places) if piece]
    seen, known = both(server, raw, sizes, closes=True)
    note(f"{seen} {seen.reason}\n{known} {known.reason}")
    if known.is_cut:
        assert seen.verdict == "refused"
    if "refused" not in {seen.verdict, known.verdict}:
        assert (seen.status, seen.headers, seen.body) == (known.status, known.headers, known.body)
    if known.verdict == "closed":
        assert seen.verdict != "kept"


def completion() -> bytes:
    content = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}
    return json.dumps(content).encode()


def events() -> bytes:
    deltas = [{"delta": {"content": "Hel"}}, {"delta": {"content": "lo"}}, {"delta": {}, "finish_reason": "stop"}]
    return b"".join(b"data: " + json.dumps({"choices": [delta]}).encode() + b"\n\n" for delta in deltas)


@st.composite
def answers(draw: st.DrawFn, body: bytes, kind: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: " + kind + b"\r\n"
    match draw(st.integers(0, 2)):
        case 0:
            return head + b"Content-Length: %d\r\n\r\n" % len(body) + body
        case 1:
            return head + b"\r\n" + body
        case _:
            pieces = cut_at(body, draw(st.lists(st.integers(1, len(body) - 1), max_size=4, unique=True)))
            chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
            return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


def outcome(server: ScriptedServer, raw: bytes, *, stream: bool) -> str | InferenceError:
    """Ask once in a thread and once in an event loop, with the same outcome; whatever else is raised fails the test."""
    seen = []
    for ask in (in_a_thread, in_a_loop):
        server.will(raw, closes=True)
        try:
            seen.append(ask(f"http://127.0.0.1:{server.port}", stream=stream))
        except InferenceError as error:
            seen.append(error)
    first, second = seen
    assert (type(first), str(first)) == (type(second), str(second))
    return first


def in_a_thread(base_url: str, *, stream: bool) -> str:
    with Client("k", base_url=base_url, max_retries=0, timeout=5) as client:
        return (client.stream(**ASK).completion() if stream else client.chat(**ASK)).text


def in_a_loop(base_url: str, *, stream: bool) -> str:
    async def ask() -> str:
        async with AsyncClient("k", base_url=base_url, max_retries=0, timeout=5) as client:
            return (await (client.stream(**ASK).completion() if stream else client.chat(**ASK))).text

    return asyncio.run(ask())


@examples(100)
@given(raw=answers(completion(), b"application/json"))
def test_an_answer_is_heard_however_it_is_framed(server, raw):
    assert outcome(server, raw, stream=False) == "Hello"


@examples(100)
@given(raw=answers(events(), b"text/event-stream"))
def test_a_stream_is_heard_however_it_is_framed(server, raw):
    assert outcome(server, raw, stream=True) == "Hello"


@examples(150)
@given(raw=damaged(answers(completion(), b"application/json")))
def test_a_damaged_answer_ends_a_call_in_text_of_ours(server, raw):
    assert isinstance(outcome(server, raw, stream=False), str | InferenceError)


@examples(150)
@given(raw=damaged(answers(events(), b"text/event-stream")))
def test_a_damaged_answer_ends_a_stream_in_text_of_ours(server, raw):
    assert isinstance(outcome(server, raw, stream=True), str | InferenceError)
