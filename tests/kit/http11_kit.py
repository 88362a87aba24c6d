"""A server that sends what a test gives it, and its readers: our pool, in threads and in a loop, and httpcore's."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing, closing, suppress
from dataclasses import dataclass, field
from itertools import repeat
from queue import SimpleQueue
from typing import Any, Self

import httpcore
import httpx

from inference_do import AsyncClient, Client
from inference_do._transport.environment import tls_context
from inference_do._transport.http11 import ResponseParser
from inference_do._transport.loop_sockets import LoopNetwork
from inference_do._transport.pool import Pool
from inference_do._transport.sockets import IO_BYTES
from inference_do._transport.thread_sockets import ThreadNetwork

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked"
PATIENCE = {"connect": 5.0, "pool": 5.0, "write": 5.0, "read": 5.0}
INCOMPLETE = ("without sending complete message", "disconnected without sending")
"""How httpcore and h11 say that the connection ended before the response."""


def written(*headers: bytes, body: bytes = b"ok", start: bytes = OK) -> bytes:
    """Write a response; its headers have no line ends."""
    return start + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


def sized(body: bytes, *headers: bytes, start: bytes = OK) -> bytes:
    """Write a response with the length of its body."""
    return written(b"Content-Length: %d" % len(body), *headers, body=body, start=start)


def in_chunks(*chunks: bytes, trailers: bytes = b"") -> bytes:
    """Write a body in chunks."""
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n" + trailers + b"\r\n"


@dataclass(frozen=True)
class Script:
    """What a server sends on one connection: a list of pieces for each request; then it closes, or waits for that."""

    responses: list[Iterable[bytes]]
    closes: bool = False


class ScriptedServer:
    """Plays a script to each connection, in the order in which they are put."""

    def __init__(self, prepare: Callable[[socket.socket], socket.socket] = lambda peer: peer) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._scripts: SimpleQueue[Script | None] = SimpleQueue()
        self._prepare = prepare
        self._thread = threading.Thread(target=self._run)
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self.heads: list[bytes] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._scripts.put(None)
        self._thread.join(10)
        self._listener.close()
        assert not self._thread.is_alive()

    def will(self, *responses: bytes | Iterable[bytes], closes: bool = False) -> None:
        """Play this on the next connection."""
        pieces = [[raw] if isinstance(raw, bytes) else raw for raw in responses]
        self._scripts.put(Script(pieces, closes))

    def _run(self) -> None:
        while (script := self._scripts.get()) is not None:
            accepted, _ = self._listener.accept()
            self.connections += 1
            with suppress(OSError), accepted:
                accepted.settimeout(10)
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._prepare(accepted) as peer:
                    self._play(peer, script)

    def _play(self, peer: socket.socket, script: Script) -> None:
        for pieces in script.responses:
            if not (head := take_request(peer)):
                return
            self.heads.append(head)
            for piece in pieces:
                peer.sendall(piece)
        if script.closes:
            peer.shutdown(socket.SHUT_WR)
        while peer.recv(65536):
            pass


def take_request(peer: socket.socket) -> bytes:
    """Read a request to its end; return its head, or nothing if the peer has none."""
    request = b""
    while b"\r\n\r\n" not in request:
        if not (more := peer.recv(65536)):
            return b""
        request += more
    head, _, body = request.partition(b"\r\n\r\n")
    reported = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    left = sum(map(int, reported)) - len(body)
    while left > 0 and (more := peer.recv(65536)):
        left -= len(more)
    return head


@dataclass(frozen=True)
class Seen:
    """What a client made of a response."""

    verdict: str
    """`kept` for another request, `closed` behind it, or `refused`."""
    status: int = 0
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    """What was handed out, also before it was refused."""
    is_cut: bool = field(default=False, compare=False)
    """Whether it was refused because the connection ended before it was whole."""
    reason: str = field(default="", compare=False)

    @classmethod
    def of(cls, response: Any, body: Iterable[bytes], *, is_kept: bool) -> Self:
        headers = tuple((name.lower(), value) for name, value in response.headers)
        return cls("kept" if is_kept else "closed", response.status, headers, b"".join(body))

    @classmethod
    def refused(cls, error: Exception, body: Iterable[bytes], *, is_cut: bool) -> Self:
        return cls("refused", body=b"".join(body), is_cut=is_cut, reason=str(error))


class Pieces:
    """Gives no more at once than a test allows, so that each test cuts where it means to.

    Args:
        sizes: The bytes of each read; after that, as many as come.
    """

    def __init__(self, sizes: Iterable[int] = ()) -> None:
        self._sizes = iter(sizes)
        self.count = 0

    def size(self, most: int) -> int:
        return min(most, next(self._sizes, most))


# --- our pool ---


class Cutting:
    """A network of ours, whose sockets are read in pieces."""

    def __init__(self, network: ThreadNetwork | LoopNetwork, pieces: Pieces) -> None:
        self._network, self._pieces = network, pieces
        self.slot, self.close = network.slot, network.close

    async def connect(self, *args: Any) -> _Cut:
        return _Cut(await self._network.connect(*args), self._pieces)


class _Cut:
    """A socket of ours, of threads or of a loop."""

    def __init__(self, inner: Any, pieces: Pieces) -> None:
        self._inner, self._pieces = inner, pieces
        self._left = b""
        self.write, self.start_tls = inner.write, inner.start_tls
        self.interrupt, self.close, self.drop = inner.interrupt, inner.close, inner.drop

    @property
    def is_readable(self) -> bool:
        return bool(self._left) or self._inner.is_readable

    async def read(self, ends: float) -> bytes:
        size = self._pieces.size(IO_BYTES)
        left = self._left or await self._inner.read(ends)
        while size < IO_BYTES and len(left) < size and (more := await self._inner.read(ends)):
            left += more
        self._left = left[size:]
        self._pieces.count += len(left[:size])
        return left[:size]


def asked(port: int, headers: dict[str, str] | None = None, content: bytes | None = None) -> httpcore.Request:
    """Return a request in the form that httpx's transports give a pool."""
    named = {"Host": f"127.0.0.1:{port}", **(headers or {})}
    extensions = {"timeout": {**PATIENCE}}
    return httpcore.Request("GET", f"http://127.0.0.1:{port}/", headers=named, content=content, extensions=extensions)


def thread_pool(pieces: Pieces | None = None) -> Any:
    return Pool(ThreadNetwork() if pieces is None else Cutting(ThreadNetwork(), pieces), None, None)  # type: ignore[arg-type]


def loop_pool(pieces: Pieces | None = None) -> Any:
    return Pool(LoopNetwork() if pieces is None else Cutting(LoopNetwork(), pieces), None, None)  # type: ignore[arg-type]


def slots_of(pool: Any) -> int:
    """Return how many slots of a pool are free."""
    slots = pool.network._slots
    if not isinstance(slots, SimpleQueue):
        return int(slots._value)
    deque(pool.network._new_slots, maxlen=0)  # made and dropped, so they are in the queue with those that were used
    return slots.qsize()


def in_threads(port: int, pieces: Pieces, *, closes: bool = False) -> Seen:
    """Ask through a pool for threads."""
    pool = thread_pool(pieces)
    received: list[bytes] = []
    try:
        with closing(pool.handle_request(asked(port))) as response:
            for piece in response:
                assert piece
                received.append(piece)
        return Seen.of(response, received, is_kept=_keeps(pool, closes=closes))
    except (httpx.RemoteProtocolError, httpx.ReadError) as error:
        assert not pool._idle
        return Seen.refused(error, received, is_cut=isinstance(error, httpx.ReadError))
    finally:
        pool.close()


def in_a_loop(port: int, pieces: Pieces, *, closes: bool = False) -> Seen:
    """Ask through a pool for an event loop."""

    async def ask() -> Seen:
        pool = loop_pool(pieces)
        received: list[bytes] = []
        try:
            async with aclosing(await pool.handle_async_request(asked(port))) as response:
                async for piece in response:
                    assert piece
                    received.append(piece)
            return Seen.of(response, received, is_kept=_keeps(pool, closes=closes))
        except (httpx.RemoteProtocolError, httpx.ReadError) as error:
            assert not pool._idle
            return Seen.refused(error, received, is_cut=isinstance(error, httpx.ReadError))
        finally:
            await pool.aclose()

    return asyncio.run(ask())


def _keeps(pool: Pool, *, closes: bool) -> bool:
    """Return whether the connection may serve another request; the end that a server has announced may come later."""
    return bool(pool._idle) and (closes or not pool._idle[0].has_expired)


def parsed(raw: bytes, pieces: Pieces, *, closes: bool = False) -> Seen:
    """Give a response to the parser alone."""
    parser = ResponseParser()
    received: list[bytes] = []
    try:
        while not parser.is_whole:
            size = pieces.size(IO_BYTES)
            assert raw or closes, "the response has no end"
            parser.feed(raw[:size])
            raw = raw[size:]
            while piece := parser.take():
                received.append(piece)
        return Seen.of(parser, received, is_kept=parser.leaves_open and (closes or not raw))
    except (httpx.RemoteProtocolError, ConnectionError) as error:
        assert not parser.leaves_open
        return Seen.refused(error, received, is_cut=isinstance(error, ConnectionError))
    finally:
        parser.close()


class Recorder:
    """A network and its one socket, which leads nowhere: each request is kept, and has the same response."""

    is_readable = True  # so that each request connects

    def __init__(self, response: bytes) -> None:
        self._response = response
        self.requests: list[bytes] = []
        self.origins: list[tuple[str, str, int]] = []

    def pool_of(self, client: Client | AsyncClient) -> Pool:
        """Return a pool that a client of ours would make, without the environment's proxy."""
        return Pool(self, tls_context(client._config), None)  # type: ignore[arg-type]

    async def slot(self, *_: Any) -> Callable[[], None]:
        return lambda: None

    async def connect(self, host: str, port: int, *_: Any) -> Self:
        self.origins.append(("http", host, port))
        return self

    async def start_tls(self, context: ssl.SSLContext, host: str, *_: Any) -> None:
        assert context.check_hostname
        assert context.verify_mode == ssl.CERT_REQUIRED
        self.origins.append(("https", host, self.origins.pop()[2]))

    async def write(self, data: memoryview, *_: Any) -> bool:
        self.requests.append(bytes(data))
        return True

    async def read(self, *_: Any) -> bytes:
        return self._response

    def close(self) -> None:
        """There is nothing to close."""

    interrupt = drop = close


def sent(kind: type[Client | AsyncClient], *args: Any, **settings: Any) -> Recorder:
    """Have a new client of this kind ask for something; return what it sent, and where.

    Raises:
        InferenceError: It was not sent.
    """
    network, client = Recorder(sized(b"{}")), kind(*args, max_retries=0, **settings)
    if isinstance(client, Client):
        client._http.client()._transport._pool = network.pool_of(client)  # type: ignore[attr-defined]
        client.request("/models")
        client.close()
        return network

    async def ask() -> None:
        async with client:
            (await client._http.client())._transport._pool = network.pool_of(client)  # type: ignore[attr-defined]
            await client.request("/models")

    asyncio.run(ask())
    return network


# --- httpcore's ---


class _TheirSockets(httpcore.NetworkBackend):
    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces

    def connect_tcp(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        return _TheirSocket(httpcore.SyncBackend().connect_tcp(*args, **options), self._pieces)


class _TheirSocket(httpcore.NetworkStream):
    def __init__(self, inner: Any, pieces: Pieces) -> None:
        self._inner, self._pieces = inner, pieces
        self.write, self.close, self.get_extra_info = inner.write, inner.close, inner.get_extra_info

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        size = self._pieces.size(max_bytes)
        data: bytes = self._inner.read(size, timeout)
        while size < max_bytes and len(data) < size and (more := self._inner.read(size - len(data), timeout)):
            data += more
        self._pieces.count += len(data)
        return data


def theirs(port: int, pieces: Pieces) -> Seen:
    """Ask through a connection of httpcore's."""
    received: list[bytes] = []
    to = httpcore.Origin(b"http", b"127.0.0.1", port)
    with httpcore.HTTPConnection(to, keepalive_expiry=60, network_backend=_TheirSockets(pieces)) as connection:
        try:
            response = connection.handle_request(asked(port))
            received.extend(_body(response))
            response.close()
        except httpcore.ProtocolError as error:
            assert not connection.is_available()
            return Seen.refused(error, received, is_cut=any(texts in str(error) for texts in INCOMPLETE))
        return Seen.of(response, received, is_kept=connection.is_available())


def _body(response: httpcore.Response) -> Iterator[bytes]:
    assert isinstance(response.stream, Iterable)
    return iter(response.stream)


def both(server: ScriptedServer, raw: bytes, sizes: Iterable[int] = (), *, closes: bool = False) -> tuple[Seen, Seen]:
    """Have a response read by ours and by theirs, in the same pieces.

    Ours read it in threads, in an event loop, and from no socket at all; what they make of it is the same.
    """
    sizes = list(sizes) if not isinstance(sizes, repeat) else sizes
    seen = parsed(raw, Pieces(sizes), closes=closes)
    for ask in (in_threads, in_a_loop):
        server.will(raw, closes=closes)
        other = ask(server.port, Pieces(sizes), closes=closes)
        assert (other, other.is_cut) == (seen, seen.is_cut), ask.__name__
    server.will(raw, closes=closes)
    return seen, theirs(server.port, Pieces(sizes))
