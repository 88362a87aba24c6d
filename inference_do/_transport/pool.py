"""The connections of a client: made, lent to one request at a time, taken back, closed.

httpx's own pool looks, for each of its connections, at every other one whenever a request begins or ends (beside 300
idle ones a call costs fifty times as much), loses slots where a request is cancelled while it connects, and reads the
timeout of a response's body once, before its first read (https://github.com/encode/httpcore/issues/1093 and others). So
the connections are kept here, for threads and for event loops by the same code:

1. A request takes a slot, or waits for one.
2. It takes the connection that became idle last. A new one is made if there is none, or if something came over it that
   was not asked for: such a thing is never the next request's response.
3. When the response is closed, its connection is idle again if the response had come to its end, and closed otherwise.
4. The connection that became idle first is closed when its time is over.

A slot belongs to the response that holds it. Whatever ends a request, Ctrl-C at any line included, drops the response,
and with it the slot and the connection.
"""

from __future__ import annotations

import os
import ssl
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, Self

import httpx

from . import http11
from .http11 import ResponseParser, request_head
from .proxies import PORTS, authorization, open_tunnel
from .sockets import WRITE_BYTES, Attempt, Network, Slot, Socket, deadline, run

IDLE_SECONDS = 60.0

ATTEMPT = "inference_do_attempt"
"""The name of an `Attempt` among a request's extensions."""


class Origin(NamedTuple):
    """What a connection goes to."""

    scheme: str
    host: str
    port: int


class Connection:
    """A socket to one origin, which serves one request at a time."""

    def __init__(self, origin: Origin, socket: Socket) -> None:
        self.origin = origin
        self.socket = socket
        self._idle_until = 0.0

    def begin_idling(self) -> None:
        """Note that it serves no request from now on."""
        self._idle_until = time.monotonic() + IDLE_SECONDS

    @property
    def has_expired(self) -> bool:
        """Whether it was idle for too long, or the server has closed it or sent what was not asked for."""
        return time.monotonic() > self._idle_until or self.socket.is_readable

    def close(self) -> None:
        """Close it."""
        self.socket.close()

    def __del__(self) -> None:
        """Close what Ctrl-C left."""
        self.socket.drop()


@contextmanager
def failures(timeout: type[httpx.TimeoutException], failure: type[httpx.TransportError]) -> Iterator[None]:
    """Put what a socket raises into httpx's words, which every tool around httpx knows."""
    try:
        yield
    except TimeoutError as error:
        raise timeout(str(error)) from error
    except OSError as error:
        raise failure(str(error)) from error


class Pool:
    """The connections to one address; asked for another one, it closes those that it has.

    Args:
        network: Makes the sockets.
        context: For https.
        proxy: Through which to connect; None for none.
    """

    def __init__(self, network: Network, context: ssl.SSLContext | None, proxy: httpx.Proxy | None = None) -> None:
        self._network = network
        self._context = context
        self._proxy = proxy
        self._idle: deque[Connection] = deque()  # changed in single steps: a fork could leave a lock locked
        self.is_closed = False

    async def send(self, request: Any, content: bytes) -> PooledResponse:
        """Send a request and return its response, whose head has come.

        Args:
            request: With `method`, `url`, `headers` and `extensions` as `httpcore.Request` has them.
            content: Its body.

        Raises:
            httpx.TransportError: It failed.
        """
        limits = request.extensions.get("timeout") or {}
        attempt = request.extensions.get(ATTEMPT) or Attempt()
        ends = min(deadline(limits.get("pool")), attempt.deadline)
        with failures(httpx.PoolTimeout, httpx.ConnectError):
            response = PooledResponse(self, await self._network.slot(ends, attempt), attempt, limits)
        try:
            await response.begin(request, content)
        except BaseException:
            response.close()
            raise
        return response

    async def connection(self, origin: Origin, ends: float, attempt: Attempt) -> Connection:
        """Return a connection, the one that became idle last or a new one."""
        with suppress(IndexError):
            while True:
                youngest = self._idle.pop()
                if youngest.origin == origin and not youngest.has_expired:
                    return youngest
                youngest.close()
        return Connection(origin, await self._connected(origin, ends, attempt))

    async def _connected(self, origin: Origin, ends: float, attempt: Attempt) -> Socket:
        """Return a new socket to an origin: name, address, proxy and TLS together, until `ends`."""
        proxy, is_tls = self._proxy, origin.scheme == "https"
        host, port = origin.host, origin.port
        if proxy is not None:
            host, port = proxy.url.host, proxy.url.port or PORTS[proxy.url.scheme]
        with failures(httpx.ConnectTimeout, httpx.ConnectError):
            socket = await self._network.connect(host, port, ends, attempt)
            try:
                if proxy is not None and (is_tls or proxy.url.scheme.startswith("socks")):
                    await open_tunnel(socket, origin.host.encode("ascii"), origin.port, proxy, ends)
                if is_tls:
                    if self._context is None:
                        message = "this client has no TLS context"
                        raise httpx.UnsupportedProtocol(message)
                    await socket.start_tls(self._context, origin.host, ends)
            except BaseException:
                socket.close()
                raise
        return socket

    def forwarding(self, origin: Origin) -> httpx.Proxy | None:
        """Return the proxy that is given whole requests, as those for plain http are."""
        proxy = self._proxy
        return proxy if proxy is not None and origin.scheme == "http" and proxy.url.scheme == "http" else None

    def take_back(self, connection: Connection, *, is_available: bool) -> None:
        """Keep a connection for another request if it can serve one, and close it otherwise."""
        self._close_oldest_expired()
        if is_available and not self.is_closed:
            connection.begin_idling()
            self._idle.append(connection)
        else:
            connection.close()
        if self.is_closed:
            self._close_idle()

    def _close_oldest_expired(self) -> None:
        with suppress(IndexError, ValueError):  # there is none, or another thread has just taken it
            oldest = self._idle[0]
            if oldest.has_expired:
                self._idle.remove(oldest)
                oldest.close()

    def _close_idle(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def close(self) -> None:
        """Close the connections. What waits for a response learns that it will not come."""
        self.is_closed = True
        self._network.close()
        self._close_idle()


class PooledResponse:
    """A response, its slot and its connection, which goes back to its pool when the response is closed.

    It has the form of httpcore's responses, and is its own stream and network stream.
    """

    def __init__(self, pool: Pool, slot: Slot, attempt: Attempt, limits: dict[str, float | None]) -> None:
        self._pool = pool
        self._slot: Slot | None = slot
        self._attempt = attempt
        self._limits = limits
        self._process = os.getpid()
        self._lock = threading.Lock()  # held for the single steps in which the connection comes and goes
        self._is_written = False
        self._parser = ResponseParser()
        self.connection: Connection | None = None
        self.stream = self
        self.extensions: dict[str, Any] = {"network_stream": self, "http_version": b"HTTP/1.1"}
        attempt.response = self

    @property
    def status(self) -> int:
        """The response's status."""
        return self._parser.status

    @property
    def headers(self) -> http11.Headers:
        """The response's headers."""
        return self._parser.headers

    async def begin(self, request: Any, content: bytes) -> None:
        """Send the request and read until the head has come."""
        limits, attempt, url = self._limits, self._attempt, request.url
        scheme = url.scheme.decode("ascii")
        origin = Origin(scheme, url.host.decode("ascii"), url.port or PORTS[scheme])
        ends = min(deadline(limits.get("connect")), attempt.deadline)
        connection = await self._pool.connection(origin, ends, attempt)
        with self._lock:
            self.connection = connection
        if attempt.is_interrupted or self._pool.is_closed:
            self.interrupt()
        self._is_written = await self._write(self._head(request, origin), content, connection.socket)
        ends = self._ends("read")
        parser = self._parser
        with failures(httpx.ReadTimeout, httpx.ReadError):
            while not parser.has_head:
                parser.feed(await connection.socket.read(ends))
                parser.check()

    def _head(self, request: Any, origin: Origin) -> bytes:
        headers, target = request.headers, request.url.target
        if (proxy := self._pool.forwarding(origin)) is not None:
            netloc = next(value for name, value in headers if name.lower() == b"host")
            headers, target = [*headers, *authorization(proxy)], b"http://%b%b" % (netloc, target)
        return request_head(request.method, target, headers)

    async def _write(self, head: bytes, content: bytes, socket: Socket) -> bool:
        """Write a request; return whether all of it was accepted. A server may refuse one before it has read it."""
        rest = memoryview(head + content)  # which a traceback does not spell out: the key is in it
        del head
        while rest:
            with failures(httpx.WriteTimeout, httpx.WriteError):
                if not await socket.write(rest[:WRITE_BYTES], self._ends("write")):
                    return False
            rest = rest[WRITE_BYTES:]
        return True

    def _ends(self, phase: str) -> float:
        """Return the moment at which a wait that begins now ends."""
        return min(deadline(self._limits.get(phase)), self._attempt.deadline)

    async def read(self) -> bytes:
        """Return more of the body, nothing at its end; the wait is what the request's limits say at this moment."""
        parser = self._parser
        if (data := parser.take()) or parser.is_whole or self.connection is None:
            return data
        socket, ends = self.connection.socket, self._ends("read")
        try:  # not `failures`, which would be a tenth of what a delta costs
            while not data and not parser.is_whole:
                parser.feed(await socket.read(ends))
                data = parser.take()
        except TimeoutError as error:
            raise httpx.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpx.ReadError(str(error)) from error
        return data

    def __iter__(self) -> Iterator[bytes]:
        while data := run(self.read()):
            yield data

    def __aiter__(self) -> Self | AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if data := await self.read():
            return data
        raise StopAsyncIteration

    def interrupt(self) -> None:
        """End the wait for it, from another thread or task. A connection that it has given back is not touched."""
        if self._process != os.getpid():  # a response of the parent's, in its child
            return
        with self._lock:
            if self.connection is not None:
                self.connection.socket.interrupt()

    def close(self) -> None:
        """Give the connection back; in a child process, leave the parent's alone."""
        if self._process != os.getpid():
            return
        with self._lock:
            connection, self.connection = self.connection, None
        if connection is not None:
            try:
                self._pool.take_back(connection, is_available=self._is_written and self._parser.leaves_open)
            finally:
                self._parser.close()
        slot, self._slot = self._slot, None
        if slot is not None:
            slot.free()

    async def aclose(self) -> None:
        """Give the connection back."""
        self.close()
