"""The sockets of a client for threads: waits that can be changed while they last, and closing from another thread.

A stream needs another wait for its first event, for the silence between two, and for what is left of a deadline. So a
socket looks at the wait that holds now before each read. And it is closed by the thread that uses it, if one does:
closing a descriptor does not end a wait for it, and its number may be another socket's a moment later.

Sockets are noted in single steps of a set, which need no lock: a fork could leave it locked for ever.
"""

from __future__ import annotations

import math
import os
import select
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from ._call import TimedOut

T = TypeVar("T")


class ConnectError(OSError):
    """No connection could be made; its cause says why."""


class Inner(Protocol):
    """What a `Socket` reads and writes: this module's, or for proxies httpcore's stream."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has come, nothing at the end."""

    def write(self, buffer: Any, timeout: float | None = None) -> None:
        """Send all of it, waiting so long each time that the other side takes no more."""

    def close(self) -> None:
        """Close it."""

    def get_extra_info(self, info: str) -> Any:
        """Return the `socket`, or whether it `is_readable`."""


class Sockets:
    """The sockets of a pool, whoever uses them."""

    def __init__(self) -> None:
        self._open: set[Socket] = set()
        self._is_closed = False

    def connect(self, host: str, port: int, context: ssl.SSLContext | None, timeout: float | None) -> Socket:
        """Connect to a host.

        Args:
            host: Its name or address.
            port: The port.
            context: For TLS; None for none.
            timeout: Seconds for each of the host's addresses, and for TLS.

        Raises:
            TimedOut: It took too long.
            ConnectError: It failed.
        """
        try:
            made = _made_ready(socket.create_connection((host, port), timeout), context, host)
        except TimeoutError:
            raise TimedOut(phase="connect") from None
        except OSError as error:
            raise ConnectError(str(error)) from error
        return Socket(_Plain(made), self)

    def note(self, used: Socket) -> None:
        """Take note of a socket.

        Raises:
            ConnectError: All have been closed while this one was made; so it is as well.
        """
        self._open.add(used)
        if self._is_closed:
            used.close()
            raise ConnectError

    def forget(self, used: Socket) -> None:
        """Be done with a socket."""
        self._open.discard(used)

    def close(self) -> None:
        """Close all, each when the thread that uses it has done so."""
        self._is_closed = True
        for used in self._open.copy():
            used.close()

    def wake(self) -> None:
        """End the waits of other threads."""
        for used in self._open.copy():
            used.wake()


def _made_ready(made: socket.socket, context: ssl.SSLContext | None, host: str) -> socket.socket:
    try:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is None:
            return made
        context.set_alpn_protocols(["http/1.1"])
        return context.wrap_socket(made, server_hostname=host)
    except BaseException:
        made.close()
        raise


class _Plain:
    """A socket of Python's as an `Inner`."""

    def __init__(self, made: socket.socket) -> None:
        self._socket = made

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._socket.settimeout(timeout)
        return self._socket.recv(max_bytes)

    def write(self, buffer: memoryview, timeout: float | None = None) -> None:
        self._socket.settimeout(timeout)
        while buffer:
            buffer = buffer[self._socket.send(buffer) :]

    def close(self) -> None:
        self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        return self._socket if info == "socket" else _is_readable(self._socket)


def _is_readable(made: socket.socket) -> bool:
    """Tell whether a read would return at once: something has come, or the other side has closed it."""
    if made.fileno() < 0:
        return True
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([made], [], [], 0)[0])
    waiting = select.poll()
    waiting.register(made, select.POLLIN)
    return bool(waiting.poll(0))


class Socket:
    """A socket that waits as long as its user says now, not as long as was said with the request.

    One thing that is waited for, a head for instance, may take many reads: what counts is when the wait began.
    """

    def __init__(self, inner: Inner, home: Sockets) -> None:
        self._inner = inner
        self._home = home
        self._process = os.getpid()
        self._is_used = False
        self._is_closed = False
        self._is_woken = False
        self._ends: float | None = None  # when the wait ends; None until it begins
        home.note(self)

    def wait(self, seconds: float | None) -> float:
        """Begin to wait for something; return the moment at which the wait ends."""
        self._ends = time.monotonic() + (math.inf if seconds is None else seconds)
        return self._ends

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has come, nothing at the end.

        Args:
            max_bytes: The most to return.
            timeout: Seconds, where no wait has begun since the last write.

        Raises:
            TimeoutError: The wait is over.
            OSError: The connection broke.
        """
        data = self._use(self._inner.read, max_bytes, self._left(timeout))
        if not data and self._is_woken:
            raise ConnectionAbortedError  # the other side has not ended it, which would end some replies
        return data

    def _left(self, timeout: float | None) -> float | None:
        ends = self.wait(timeout) if self._ends is None else self._ends  # None before the head of a new reply
        left = ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return None if left == math.inf else left

    def write(self, buffer: bytes | memoryview, timeout: float | None = None) -> None:
        """Send all of it, waiting so long each time that the other side takes no more.

        Raises:
            TimeoutError: It took nothing for so long.
            OSError: The connection broke.
        """
        self._ends = None  # a new request
        buffer = memoryview(buffer)  # which a traceback does not spell out: the key is in it
        self._use(self._inner.write, buffer, timeout)

    def _use(self, step: Callable[..., T], *args: Any) -> T:
        self._is_used = True
        try:
            return step(*args)
        finally:
            self._is_used = False
            if self._is_closed:
                self._shut()

    @property
    def is_readable(self) -> bool:
        """Whether something has come, or the other side has closed it."""
        return bool(self._inner.get_extra_info("is_readable"))

    def close(self) -> None:
        """Close it; if another thread uses it, that one does when it is done."""
        self._is_closed = True
        if not self._is_used:
            self._shut()

    def _shut(self) -> None:
        self._home.forget(self)
        self._inner.close()

    def wake(self) -> None:
        """End the wait of another thread; after a fork, the socket is still the parent's and is left alone."""
        if self._is_used and self._process == os.getpid():
            self._is_woken = True
            with suppress(OSError):
                # not by TLS's own method, which forgets TLS first: the next write would go in the clear
                socket.socket.shutdown(self._inner.get_extra_info("socket"), socket.SHUT_RDWR)
