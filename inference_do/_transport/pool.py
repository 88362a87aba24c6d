"""The connections of a client: made, given to one request at a time, taken back, closed.

1. A request takes a slot, or waits for one.
2. It takes the connection that became idle last. A new one is made if there is none, or if something came over it that
   was not asked for: such a thing is never the next request's response.
3. When the response is closed, its connection is idle again if the response had come to its end, and closed otherwise.
4. The connection that became idle first is closed when its time is over.

A slot belongs to the response that holds it. Whatever ends a request, Ctrl-C at any line included, drops the response,
and with it the slot and the connection. Why httpx's own pool does not serve: docs/decisions/httpx.md.
"""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
import threading
import time
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, Self
from weakref import ref

import httpx

from .environment import PORTS, SOCKS
from .http11 import ResponseParser, request_head
from .loop_sockets import LoopNetwork, LoopSocket
from .sockets import PARTS, Attempt, moment, run
from .socks import open_socks
from .thread_sockets import ThreadNetwork, ThreadSocket

IDLE_SECONDS = 60.0


Origin = tuple[str, str, int]
"""Scheme, host and port: what a connection goes to."""
AnySocket = ThreadSocket | LoopSocket

ERRORS: dict[str, tuple[type[httpx.TimeoutException], type[httpx.TransportError]]] = {
    "pool": (httpx.PoolTimeout, httpx.ConnectError),
    "connect": (httpx.ConnectTimeout, httpx.ConnectError),
    "write": (httpx.WriteTimeout, httpx.WriteError),
    "read": (httpx.ReadTimeout, httpx.ReadError),
}
"""What a timeout and a failure of each phase are as httpx's exceptions, which every tool around httpx knows."""


class Connection:
    """A socket to one origin, which serves one request at a time."""

    def __init__(self, origin: Origin, socket: AnySocket) -> None:
        self.origin, self.socket = origin, socket
        self.idle_until = 0.0

    @property
    def has_expired(self) -> bool:
        """Whether it was idle for too long, or the server has closed it or sent what was not asked for."""
        return time.monotonic() > self.idle_until or self.socket.is_readable

    def __del__(self) -> None:
        self.socket.drop()


class Pool:
    """The connections to one address; asked for another one, it closes those that it has.

    It has the form of httpcore's pools, so that httpx's transports take it in place of one.
    """

    def __init__(
        self, network: ThreadNetwork | LoopNetwork, context: ssl.SSLContext | None, proxy: httpx.Proxy | None
    ) -> None:
        self.network, self.context, self.proxy = network, context, proxy
        self._idle: deque[Connection] = deque()  # changed in single steps: a fork could leave a lock locked
        self._is_closed = False

    def handle_request(self, request: Any) -> PooledResponse:
        """Send a request of httpcore's form and return its response, whose head has come.

        Raises:
            httpx.TransportError: It failed.
        """
        if PARTS in request.extensions:
            return run(self._send(request, b"", _in_thread(request.stream)))
        return run(self._send(request, b"".join(request.stream)))

    async def handle_async_request(self, request: Any) -> PooledResponse:
        if PARTS in request.extensions:
            return await self._send(request, b"", request.stream)
        return await self._send(request, b"".join([part async for part in request.stream]))

    async def _send(self, request: Any, content: bytes, further: AsyncIterable[bytes] | None = None) -> PooledResponse:
        limits = request.extensions.get("timeout") or {}
        attempt = request.extensions.get(Attempt.NAME) or Attempt()
        response = PooledResponse(self, attempt, limits)
        try:
            await response.begin(request, content, further)
        except (OSError, UnicodeError) as error:  # of a name, whose label is too long
            response.close()
            raise response.named(error) from error
        except BaseException:
            response.close()
            raise
        return response

    def take(self, origin: Origin) -> Connection | None:
        """Return the connection that became idle last, if one can serve another request."""
        with suppress(IndexError):
            while True:
                youngest = self._idle.pop()
                if youngest.origin == origin and not youngest.has_expired:
                    return youngest
                youngest.socket.close()
        return None

    def take_back(self, connection: Connection, *, is_available: bool) -> None:
        """Keep a connection for another request if it can serve one, and close it otherwise."""
        with suppress(IndexError, ValueError):  # there is none, or another thread has just taken it
            if (oldest := self._idle[0]).has_expired:
                self._idle.remove(oldest)
                oldest.socket.close()
        if is_available:
            connection.idle_until = time.monotonic() + IDLE_SECONDS
            self._idle.append(connection)
        else:
            connection.socket.close()
        if self._is_closed:
            self.close()

    def close(self) -> None:
        self._is_closed = True
        self.network.close()
        self._idle.clear()

    async def aclose(self) -> None:
        self.close()
        await asyncio.sleep(0)  # in which the connections end


class PooledResponse:
    """A response, its slot and its connection, which goes back to its pool when the response is closed.

    It has the form of httpcore's responses, and is its own stream and network stream.
    """

    def __init__(self, pool: Pool, attempt: Attempt, limits: dict[str, float | None]) -> None:
        self._pool, self._attempt, self._limits = pool, attempt, limits
        self._process = os.getpid()
        self._lock = threading.Lock()  # held for the single steps in which the connection comes and goes
        self._phase = "pool"
        self._free: Callable[[], None] | None = None
        self._socket: AnySocket | None = None
        self._connection: Connection | None = None
        self._is_written = False
        self._parser = ResponseParser()
        self.status, self.headers = 0, self._parser.headers
        attempt.response = ref(self)  # weak: nothing that was dropped waits for the garbage collector

    @property
    def stream(self) -> PooledResponse:
        """The body, by pieces."""
        return self

    @property
    def extensions(self) -> dict[str, Any]:
        """What httpx hands on."""
        return {"network_stream": self, "http_version": b"HTTP/1.1"}

    async def begin(self, request: Any, content: bytes, further: AsyncIterable[bytes] | None) -> None:
        url, proxy = request.url, self._pool.proxy
        self._free = await self._pool.network.slot(self._begin_phase("pool"), self._attempt)
        scheme = url.scheme.decode("ascii")
        origin = scheme, url.host.decode("ascii"), url.port or PORTS[scheme]
        ends = self._begin_phase("connect")
        connection = self._pool.take(origin) or Connection(origin, await self._connected(origin, ends))
        self._hold(connection.socket, connection)
        headers, target = request.headers, url.target
        if proxy is not None and scheme == "http" and proxy.url.scheme == "http":
            netloc = next(value for name, value in headers if name.lower() == b"host")
            headers, target = [*headers, *_authorization(proxy)], b"http://%b%b" % (netloc, target)
        # as a memoryview, which a traceback does not spell out: the key is in it
        data, headers = memoryview(request_head(request.method, target, headers) + content), None
        self._begin_phase("write")
        self._is_written = await connection.socket.write(data, self._limits.get("write"), self._attempt.ends)
        if further is not None:
            async for part in further:
                if not self._is_written:
                    break
                self._is_written = await connection.socket.write(part, self._limits.get("write"), self._attempt.ends)
        await _read_head(connection.socket, self._parser, self._begin_phase("read"))
        self.status = self._parser.status

    async def _connected(self, origin: Origin, ends: float) -> AnySocket:
        """Return a new socket to an origin: name, addresses, proxy and TLS together, until `ends`."""
        pool, proxy = self._pool, self._pool.proxy
        host, port = origin[1:] if proxy is None else (proxy.url.host, proxy.url.port or PORTS[proxy.url.scheme])
        socket = await pool.network.connect(host, port, ends, self._attempt)
        try:
            self._hold(socket)
            if proxy is not None and proxy.url.scheme in SOCKS:
                await open_socks(socket, origin[1], origin[2], proxy, ends)
            elif proxy is not None and origin[0] == "https":
                await _open_tunnel(socket, origin, proxy, ends)
            if origin[0] == "https":
                await socket.start_tls(pool.context or ssl.create_default_context(), origin[1], ends)
        except BaseException:
            socket.close()
            raise
        return socket

    def _hold(self, socket: AnySocket, connection: Connection | None = None) -> None:
        with self._lock:
            self._socket, self._connection = socket, connection
        if self._attempt.is_interrupted:
            self.interrupt()

    def _begin_phase(self, phase: str) -> float:
        """Return the moment at which a phase that begins now ends; the limits may have changed since the request."""
        self._phase = phase
        return min(moment(self._limits.get(phase)), self._attempt.ends)

    async def read(self) -> bytes:
        """Return more of the body, nothing at its end."""
        parser, socket = self._parser, self._socket
        if not (parser.parts or parser.is_whole or socket is None):
            self._phase, limit = "read", self._limits.get("read")  # `_begin_phase`, without its calls
            ends = self._attempt.ends if limit is None else min(time.monotonic() + limit, self._attempt.ends)
            try:
                while not (parser.parts or parser.is_whole or parser.failure):
                    parser.feed(await socket.read(ends))
            except OSError as error:
                raise self.named(error) from error
        return parser.take()

    def named(self, error: Exception) -> httpx.TransportError:
        """Return the exception that httpx has for what a socket raised in the present phase."""
        return ERRORS[self._phase][not isinstance(error, TimeoutError)](str(error))

    def __iter__(self) -> Iterator[bytes]:
        while data := run(self.read()):
            yield data

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if data := await self.read():
            return data
        raise StopAsyncIteration

    def interrupt(self) -> None:
        """End the wait for it, from another thread or task. A connection that it has given back is not touched."""
        if self._process == os.getpid():  # else it is the parent's, in its child
            with self._lock:
                if self._socket is not None:
                    self._socket.interrupt()

    def close(self) -> None:
        """Give the connection back; in a child process, leave the parent's alone."""
        if self._process != os.getpid():
            return
        with self._lock:
            connection, self._connection, self._socket = self._connection, None, None
        try:
            if connection is not None:
                self._pool.take_back(connection, is_available=self._is_written and self._parser.leaves_open)
        finally:
            self._parser.close()
        free, self._free = self._free, None
        if free is not None:
            free()

    async def aclose(self) -> None:
        self.close()


async def _in_thread(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def _read_head(socket: AnySocket, parser: ResponseParser, ends: float) -> None:
    while not parser.has_head:
        parser.feed(await socket.read(ends))


async def _open_tunnel(socket: AnySocket, origin: Origin, proxy: httpx.Proxy, ends: float) -> None:
    """Ask a proxy to lead a connection on to an origin.

    Raises:
        httpx.ProxyError: It refused.
    """
    to, parser = f"{origin[1]}:{origin[2]}".encode("ascii"), ResponseParser()
    await socket.write(request_head(b"CONNECT", to, [(b"Host", to), *_authorization(proxy)]), None, ends)
    await _read_head(socket, parser, ends)
    parser.close()
    if not httpx.codes.is_success(parser.status):
        message = f"{parser.status} {httpx.codes.get_reason_phrase(parser.status)}"
        raise httpx.ProxyError(message)


def _authorization(proxy: httpx.Proxy) -> list[tuple[bytes, bytes]]:
    if proxy.raw_auth is None:
        return []
    return [(b"Proxy-Authorization", b"Basic " + base64.b64encode(b":".join(proxy.raw_auth)))]
