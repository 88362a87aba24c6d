"""The connections of a client for threads: made, lent, taken back, closed.

httpx's own pool looks, for each of its connections, at every other one whenever a request begins or ends: beside 300
idle ones a call costs fifty times as much. It also closes idle connections that a thread is about to use. So the
connections, which are httpcore's, are kept here:

1. A request takes a place, or waits for one.
2. It takes the connection that became idle last; a new one is made if there is none, or the server has closed them.
3. When the reply is closed, its connection is idle again if the reply had come to its end, and closed otherwise.
4. The connection that became idle first is closed when its time is over.

httpx fixes the wait for a read when a body begins; a stream here needs another one for its first event, for the silence
between two, and for what is left of a deadline. So sockets are wrapped, by httpcore's own means (a network backend), to
look at the wait before each read.

Connections and sockets change hands in single steps of a deque and of a set, which need no lock: a fork could leave it
locked for ever.
"""

from __future__ import annotations

import math
import os
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Semaphore
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import httpcore
import httpx

from . import _http11

if TYPE_CHECKING:
    from ._http import Headers, Outgoing, Seconds

T = TypeVar("T")
PORTS = {b"http": 80, b"https": 443}


class Reply(Protocol):
    """A reply whose head has come; it is iterated over for its body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    stream: httpcore.NetworkStream

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None:
        """Be done with it."""


class Connection(Protocol):
    """A connection that serves one request at a time."""

    def send(self, request: Outgoing, limits: Seconds) -> Reply:
        """Send a request and return its reply."""

    def can_serve(self, origin: httpcore.Origin) -> bool:
        """Tell whether it goes there."""

    def is_available(self) -> bool:
        """Tell whether the last reply has left it fit for another request."""

    def has_expired(self) -> bool:
        """Tell whether it is too late for another request."""

    def close(self) -> None:
        """Close it."""


class Pool(httpx.BaseTransport):
    """The connections to one origin; asked for another one, it lets go of those that it has.

    It is one of httpx's transports so that httpx chooses between pools, by its rules for proxies; requests come to
    `send`.
    """

    def __init__(
        self, limits: httpx.Limits, context: ssl.SSLContext | None, proxy: httpcore.Proxy | None = None
    ) -> None:
        self._process = os.getpid()
        self._network = _Network()
        self._places = Semaphore(limits.max_connections or 1)
        self._idle: deque[Connection] = deque()
        self._is_closed = False
        self._make = _maker(self._network, context, proxy, limits.keepalive_expiry or 0.0)

    def send(self, request: Outgoing, limits: Seconds) -> Lent:
        """Send a request and return its reply, whose head has come."""
        if not self._places.acquire(timeout=limits["pool"]):
            raise httpcore.PoolTimeout
        connection = None
        try:
            connection = self._take(_origin(request.url))
            return Lent(connection.send(request, limits), connection, self)
        except BaseException:
            self.take_back(connection)
            raise

    def _take(self, origin: httpcore.Origin) -> Connection:
        with suppress(IndexError):
            while True:
                youngest = self._idle.pop()
                if youngest.can_serve(origin) and not youngest.has_expired():
                    return youngest
                youngest.close()
        return self._make(origin)

    def take_back(self, connection: Connection | None) -> None:
        """Keep a connection for another request if it can serve one, and free its place."""
        if self._process != os.getpid():  # a reply of the parent's, let go of in its child
            return
        try:
            self._close_oldest_expired()
            if connection is not None and connection.is_available():
                self._idle.append(connection)
            elif connection is not None:
                connection.close()
            if self._is_closed:
                self._close_idle()
        finally:
            self._places.release()

    def _close_oldest_expired(self) -> None:
        with suppress(IndexError, ValueError):  # there is none, or another thread has just taken it
            oldest = self._idle[0]
            if oldest.has_expired():
                self._idle.remove(oldest)
                oldest.close()

    def _close_idle(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def close(self) -> None:
        """Close the connections; one that a thread reads, or is making, when that thread has done so."""
        self._is_closed = True
        self._close_idle()
        self._network.close()

    def wake(self) -> None:
        """End the waits of other threads."""
        self._network.wake()


def _origin(url: httpx.URL) -> httpcore.Origin:
    scheme = url.raw_scheme
    return httpcore.Origin(scheme, url.raw_host, url.port or PORTS[scheme])


def _maker(
    network: httpcore.NetworkBackend, context: ssl.SSLContext | None, proxy: httpcore.Proxy | None, keepalive: float
) -> Callable[[httpcore.Origin], Connection]:
    if proxy is None:
        return lambda origin: _http11.Connection(origin, context, network, keepalive)
    pool = httpcore.ConnectionPool(  # knows all kinds of proxies, and keeps no connection that it makes like this
        ssl_context=context, proxy=proxy, keepalive_expiry=keepalive, network_backend=network
    )
    return lambda origin: _Proxied(pool.create_connection(origin))


class Lent:
    """A reply, whose connection goes back to its pool when the reply is closed."""

    def __init__(self, reply: Reply, connection: Connection, pool: Pool) -> None:
        self._reply = reply
        self._connection: Connection | None = connection
        self._pool = pool

    @property
    def status(self) -> int:
        """The reply's status."""
        return self._reply.status

    @property
    def headers(self) -> Headers:
        """The reply's headers."""
        return self._reply.headers

    @property
    def stream(self) -> httpcore.NetworkStream:
        """The socket that the reply comes from."""
        return self._reply.stream

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._reply)

    def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                self._reply.close()
            finally:
                self._pool.take_back(connection)


class _Proxied:
    """A connection through a proxy, which is httpcore's."""

    def __init__(self, connection: httpcore.ConnectionInterface) -> None:
        self._connection = connection
        self.can_serve = connection.can_handle_request
        self.has_expired = connection.has_expired
        self.close = connection.close

    def send(self, request: Outgoing, limits: Seconds) -> Reply:
        return _ProxiedReply(self._connection.handle_request(_for_httpcore(request, limits)))

    def is_available(self) -> bool:
        return self._connection.is_available() and not self._has_surplus()

    def _has_surplus(self) -> bool:
        """Tell whether more came than the reply: httpcore would take it for the next one, and has no word for it."""
        connection: Any = self._connection
        while hasattr(connection, "_connection"):  # a tunnel has one, to the proxy or through it
            connection = connection._connection  # noqa: SLF001
        parser = getattr(connection, "_h11_state", None)
        return parser is None or parser.trailing_data != (b"", False)


def _for_httpcore(request: Outgoing, limits: Seconds) -> httpcore.Request:
    url = request.url
    named = {"Host": url.netloc.decode("ascii"), **request.headers}
    if request.content is not None:
        named["Content-Length"] = str(len(request.content))
    return httpcore.Request(
        request.method,
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=[(name.encode("ascii"), value.encode("ascii")) for name, value in named.items()],
        content=request.content,
        extensions={"timeout": limits},
    )


class _ProxiedReply:
    def __init__(self, reply: httpcore.Response) -> None:
        self.status = reply.status
        self.headers = reply.headers
        self.stream = reply.extensions["network_stream"]
        self.close = reply.close
        self._body: Any = reply.stream

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)


class _Network(httpcore.NetworkBackend):
    """The sockets of a pool, whoever uses them."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()
        self._streams: set[PatientStream] = set()
        self._is_closed = False

    def connect_tcp(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        return PatientStream(self._inner.connect_tcp(*args, **options), self)

    def note(self, stream: PatientStream) -> None:
        """Take note of a socket.

        Raises:
            httpcore.ConnectError: All have been closed while this one was made; so it is as well.
        """
        self._streams.add(stream)
        if self._is_closed:
            stream.close()
            raise httpcore.ConnectError

    def forget(self, stream: PatientStream) -> None:
        self._streams.discard(stream)

    def close(self) -> None:
        self._is_closed = True
        for stream in self._streams.copy():
            stream.close()

    def wake(self) -> None:
        for stream in self._streams.copy():
            stream.wake()


class PatientStream(httpcore.NetworkStream):
    """A socket that waits as long as its user says now, not as long as was said with the request.

    One thing that is waited for, a head for instance, may take many reads: what counts is when the wait began.
    """

    def __init__(self, inner: httpcore.NetworkStream, network: _Network) -> None:
        self._inner = inner
        self._network = network
        self._process = os.getpid()
        self._is_used = False
        self._is_closed = False
        self._ends: float | None = None  # when the wait ends; None until it begins
        network.note(self)

    def wait(self, seconds: float | None) -> float:
        """Begin to wait for something; return the moment at which the wait ends."""
        self._ends = time.monotonic() + (math.inf if seconds is None else seconds)
        return self._ends

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._use(self._inner.read, max_bytes, self._left(timeout))

    def _left(self, timeout: float | None) -> float | None:
        ends = self.wait(timeout) if self._ends is None else self._ends  # None before the head of a new reply
        left = ends - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return None if left == math.inf else left

    def write(self, buffer: bytes | memoryview, timeout: float | None = None) -> None:
        self._ends = None  # a new request
        buffer = memoryview(buffer)  # shows nothing in a traceback; and httpcore cuts off what has been sent, bit by bit
        self._use(self._inner.write, buffer, timeout)

    def _use(self, step: Callable[..., T], *args: Any) -> T:
        self._is_used = True
        try:
            return step(*args)
        finally:
            self._is_used = False
            if self._is_closed:
                self._shut()

    def close(self) -> None:
        """Close the socket; if another thread uses it, that one closes it when it is done.

        Closing a descriptor does not end a wait for it, and its number may be another socket's a moment later.
        """
        self._is_closed = True
        if not self._is_used:
            self._shut()

    def _shut(self) -> None:
        self._network.forget(self)
        self._inner.close()

    def wake(self) -> None:
        """End the wait of another thread; after a fork, the socket is still the parent's and is left alone."""
        if self._is_used and self._process == os.getpid():
            with suppress(OSError):
                self._inner.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def start_tls(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        self._network.forget(self)  # its socket is the new one's, or closed
        return PatientStream(self._inner.start_tls(*args, **options), self._network)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
