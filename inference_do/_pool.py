"""The connections of a client for threads: made, lent, taken back, closed.

httpx's own pool looks, for each of its connections, at every other one whenever a request begins or ends: beside 300
idle ones a call costs fifty times as much. It also closes idle connections that a thread is about to use. So the
connections are kept here:

1. A request takes a place, or waits for one.
2. It takes the connection that became idle last; a new one is made if there is none, or the server has closed them.
3. When the reply is closed, its connection is idle again if the reply had come to its end, and closed otherwise.
4. The connection that became idle first is closed when its time is over.

Connections change hands in single steps of a deque, which need no lock: a fork could leave it locked for ever.
"""

from __future__ import annotations

import os
import ssl
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Semaphore
from typing import Protocol

from . import _http, _http11
from ._call import TimedOut
from ._http import Address, Outgoing, Seconds
from ._sockets import Socket, Sockets


class Reply(Protocol):
    """A reply whose head has come; it is iterated over for its body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    stream: Socket

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None:
        """Be done with it."""


class Connection(Protocol):
    """A connection that serves one request at a time."""

    def send(self, request: Outgoing, limits: Seconds) -> Reply:
        """Send a request and return its reply."""

    def can_serve(self, address: Address) -> bool:
        """Tell whether it goes there."""

    def is_available(self) -> bool:
        """Tell whether the last reply has left it fit for another request."""

    def has_expired(self) -> bool:
        """Tell whether it is too late for another request."""

    def close(self) -> None:
        """Close it."""


class Pool:
    """The connections to one host; asked for another one, it lets go of those that it has.

    Args:
        context: For https; None for http.
        make: Makes connections of another kind than the direct one, out of the pool's sockets.
    """

    def __init__(
        self, context: ssl.SSLContext | None, make: Callable[[Sockets, Address], Connection] | None = None
    ) -> None:
        self._process = os.getpid()
        self._sockets = Sockets()
        self._places = Semaphore(_http.MAX_CONNECTIONS)
        self._idle: deque[Connection] = deque()
        self._context = context
        self._special = make
        self.is_closed = False

    def send(self, request: Outgoing, limits: Seconds) -> Lent:
        """Send a request and return its reply, whose head has come."""
        if not self._places.acquire(timeout=limits["pool"]):
            raise TimedOut(phase="pool")
        connection = None
        try:
            connection = self._take(request.address)
            return Lent(connection.send(request, limits), connection, self)
        except BaseException:
            self.take_back(connection)
            raise

    def _take(self, address: Address) -> Connection:
        with suppress(IndexError):
            while True:
                youngest = self._idle.pop()
                if youngest.can_serve(address) and not youngest.has_expired():
                    return youngest
                youngest.close()
        if self._special is not None:
            return self._special(self._sockets, address)
        return _http11.Connection(address, self._context, self._sockets, _http.IDLE_SECONDS)

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
            if self.is_closed:
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
        self.is_closed = True
        self._close_idle()
        self._sockets.close()

    def wake(self) -> None:
        """End the waits of other threads."""
        self._sockets.wake()


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
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The reply's headers."""
        return self._reply.headers

    @property
    def stream(self) -> Socket:
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
