"""The sockets of threads: every wait has an end, and can be ended by another thread.

A socket that a thread waits for is shut down by others, never closed: closing a descriptor does not end a wait for it,
and its number may be another socket's a moment later.
"""

from __future__ import annotations

import errno
import math
import os
import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from ipaddress import ip_address
from itertools import chain, zip_longest
from queue import Empty, SimpleQueue
from typing import Any
from weakref import ReferenceType, ref

from .sockets import READ_BYTES, STAGGER, Attempt, Slot, Socket, prepare

MAX_CONNECTIONS = 1000
LOOK_UP = 0.05
"""Seconds after which a thread that makes a connection looks whether it is still wanted."""

CONNECTING = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN, errno.EALREADY})

Address = tuple[int, int, int, str, Any]
"""One of the answers of `socket.getaddrinfo`."""


class ThreadNetwork:
    """Makes the sockets of a pool for threads, and keeps its slots."""

    def __init__(self) -> None:
        self._slots: SimpleQueue[_Slot] = SimpleQueue()
        home = ref(self._slots)
        for _ in range(MAX_CONNECTIONS):
            self._slots.put(_Slot(home))
        self._open: set[ThreadSocket] = set()  # changed in single steps: a fork could leave a lock locked
        self._is_closed = False

    async def slot(self, ends: float, attempt: Attempt) -> Slot:
        """Wait for a free slot."""
        with suppress(Empty):
            return self._slots.get_nowait()
        while True:
            left = self._left(ends, attempt)
            with suppress(Empty):
                return self._slots.get(timeout=left)

    async def connect(self, host: str, port: int, ends: float, attempt: Attempt) -> Socket:
        """Connect to the first of a host's addresses that answers."""

        def left() -> float:
            return self._left(ends, attempt)

        made = ThreadSocket(_connect(_resolve(host, port, left), left), left, self._open)
        if self._is_closed:
            made.close()
            raise ConnectionAbortedError
        return made

    def _left(self, ends: float, attempt: Attempt) -> float:
        """Return for how long to wait before looking again.

        Raises:
            TimeoutError: The time is over.
            ConnectionAbortedError: The connection is not wanted any more.
        """
        if self._is_closed or attempt.is_interrupted:
            raise ConnectionAbortedError
        return min(LOOK_UP, _left(ends))

    def close(self) -> None:
        """Close all sockets; one that a thread reads or writes, when it has done so.

        At the interpreter's end that thread just ends: nothing wakes it up to say that its stream was closed.
        """
        self._is_closed = True
        for used in self._open.copy():
            used.close_when_unused()


class _Slot:
    """The right to one connection. One that is dropped, by whatever ends a request, is free again.

    It is taken from its queue in a single step and is never counted, so no moment exists in which Ctrl-C loses it.
    """

    __slots__ = ("_home",)

    def __init__(self, home: ReferenceType[SimpleQueue[_Slot]]) -> None:
        self._home: ReferenceType[SimpleQueue[_Slot]] | None = home

    def free(self) -> None:
        """Give it back; again does nothing."""
        if (home := self._home) is not None:
            if (slots := home()) is not None:
                slots.put(_Slot(home))
            self._home = None

    __del__ = free


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _resolve(host: str, port: int, left: Callable[[], float]) -> list[Address]:
    """Return a host's addresses. The system's resolver has no timeout, so a thread of its own asks it."""
    options: dict[str, Any] = {"type": socket.SOCK_STREAM}
    with suppress(ValueError):
        ip_address(host.partition("%")[0])
        return socket.getaddrinfo(host, port, **options)
    found: SimpleQueue[list[Address] | OSError] = SimpleQueue()

    def ask() -> None:
        try:
            found.put(socket.getaddrinfo(host, port, **options))
        except OSError as error:
            found.put(error)
        except UnicodeError:  # a label of more than 63 characters
            found.put(socket.gaierror(socket.EAI_NONAME, "it is no name"))

    try:
        threading.Thread(target=ask, name="inference_do resolver", daemon=True).start()
    except RuntimeError:  # the interpreter is ending and starts no more threads
        ask()
    while True:
        with suppress(Empty):
            answer = found.get(timeout=left())
            break
    if isinstance(answer, OSError):
        raise answer
    return answer


def _alternating(addresses: list[Address]) -> Iterator[Address]:
    """Return addresses with their families in turn: RFC 8305, section 4."""
    families: dict[int, list[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    return (address for address in chain.from_iterable(zip_longest(*families.values())) if address is not None)


def _connect(addresses: list[Address], left: Callable[[], float]) -> socket.socket:
    """Connect to the first address that answers; each attempt starts a moment after the one before, or as it fails."""
    waiting = deque(_alternating(addresses))
    failure: OSError = ConnectionError("the name has no address")
    next_start = 0.0
    made: socket.socket | None = None
    with selectors.DefaultSelector() as selector:
        try:
            while made is None and (waiting or selector.get_map()):
                pause = left()
                now = time.monotonic()
                if waiting and now >= next_start:
                    next_start = now + STAGGER
                    try:
                        selector.register(_begin(waiting.popleft()), selectors.EVENT_WRITE)
                    except OSError as error:
                        failure, next_start = error, 0.0
                    continue
                if waiting:
                    pause = min(pause, next_start - now)
                for key, _ in selector.select(pause):
                    attempted: Any = key.fileobj
                    if not (code := attempted.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
                        made = attempted
                        break
                    failure, next_start = OSError(code, os.strerror(code)), 0.0
                    selector.unregister(attempted)
                    attempted.close()
        finally:
            for key in list(selector.get_map().values()):
                if key.fileobj is not made:
                    key.fileobj.close()  # type: ignore[union-attr]  # all are sockets
    if made is None:
        raise failure
    return made


def _begin(address: Address) -> socket.socket:
    """Begin to connect to an address."""
    family, kind, protocol, _, to = address
    made = socket.socket(family, kind, protocol)
    try:
        made.setblocking(False)
        code = made.connect_ex(to)
        if code and code not in CONNECTING:
            raise OSError(code, os.strerror(code))
    except BaseException:
        made.close()
        raise
    return made


class ThreadSocket:
    """A connected socket.

    Args:
        made: The socket.
        left: Says for how long to wait before looking again, while the connection is being made.
        home: The sockets that are open.
    """

    def __init__(self, made: socket.socket, left: Callable[[], float], home: set[ThreadSocket]) -> None:
        self._socket = made
        self._left = left
        self._home = home
        self._process = os.getpid()
        self._is_used = False
        self._is_interrupted = False
        home.add(self)
        prepare(made)

    @property
    def is_readable(self) -> bool:
        """Whether something has come, or the other side has closed it."""
        return self._socket.fileno() < 0 or _is_ready(self._socket, selectors.EVENT_READ, 0)

    async def read(self, ends: float) -> bytes:
        """Return what has come, nothing at the end."""
        self._is_used = True
        try:
            self._set_timeout(ends)
            data = self._socket.recv(READ_BYTES)
        finally:
            self._is_used = False
            if self._is_interrupted:
                self.close()
        if not data and self._is_interrupted:
            raise ConnectionAbortedError  # the other side has not ended it, which would complete some responses
        return data

    async def write(self, data: bytes | memoryview, ends: float) -> bool:
        """Send some bytes; return whether all were accepted."""
        rest = memoryview(data)
        self._is_used = True
        try:
            while rest:
                self._set_timeout(ends)
                rest = rest[self._socket.send(rest) :]
        except TimeoutError:
            raise
        except OSError:
            return False
        finally:
            self._is_used = False
            if self._is_interrupted:
                self.close()
        return True

    def _set_timeout(self, ends: float) -> None:
        if self._is_interrupted:  # looked at when `_is_used` is set, as `interrupt` does it the other way round
            raise ConnectionAbortedError
        self._socket.settimeout(None if ends == math.inf else _left(ends))

    async def start_tls(self, context: ssl.SSLContext, host: str, ends: float) -> None:
        """Speak TLS from here on."""
        self._socket.setblocking(False)
        made = self._socket = context.wrap_socket(self._socket, server_hostname=host, do_handshake_on_connect=False)
        while True:
            try:
                made.do_handshake()
            except ssl.SSLWantReadError:
                event = selectors.EVENT_READ
            except ssl.SSLWantWriteError:
                event = selectors.EVENT_WRITE
            else:
                return
            _is_ready(made, event, min(self._left(), _left(ends)))

    def interrupt(self) -> None:
        """Close it; if another thread uses it, end its wait, and it is closed by that one."""
        if not self.close_when_unused():
            with suppress(OSError):
                # not by TLS's own method, which forgets TLS first: the next write would go in the clear
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close_when_unused(self) -> bool:
        """Close it now, or when the thread that uses it has done so; return whether it is closed.

        After a fork, the socket is still the parent's and is left alone.
        """
        if self._process != os.getpid():
            return True
        self._is_interrupted = True
        if not self._is_used:
            self.close()
        return not self._is_used

    def close(self) -> None:
        """Close it."""
        self._home.discard(self)
        self._socket.close()

    drop = close


def _is_ready(waited: socket.socket, event: int, seconds: float) -> bool:
    """Wait until a socket can be read or written without waiting; return whether it can."""
    with POLL() as selector:
        selector.register(waited, event)
        return bool(selector.select(seconds))


POLL = getattr(selectors, "PollSelector", selectors.SelectSelector)
"""Unlike epoll it needs no descriptor of its own, and unlike select it knows those above 1,023."""
