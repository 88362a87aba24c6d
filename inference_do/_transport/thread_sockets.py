"""The sockets of threads: every wait has an end, and can be ended by another thread.

A socket that a thread uses is shut down by others, never closed: closing a descriptor does not end a wait for it, and
its number may be another socket's a moment later.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import repeat
from queue import Empty, SimpleQueue
from typing import TypeVar
from weakref import ref

from . import sockets
from .sockets import IO_BYTES, Attempt, first_of, has_data, moment, seconds_until

T = TypeVar("T")

LOOK_UP = 0.05
"""Seconds after which a thread that waits for a slot or a connection looks whether it is still wanted."""


class ThreadNetwork:
    """Makes the sockets of a pool for threads, and keeps its slots."""

    def __init__(self) -> None:
        self._slots: SimpleQueue[_ThreadSlot] = SimpleQueue()  # those that were used and are free
        self._new_slots = map(_ThreadSlot, repeat((ref(self._slots),), sockets.MAX_CONNECTIONS))
        self._open: set[ThreadSocket] = set()  # changed in single steps: a fork could leave a lock locked
        self._is_closed = False

    async def slot(self, ends: float, attempt: Attempt) -> Callable[[], None]:
        with suppress(Empty):
            return self._slots.get_nowait().free
        if (slot := next(self._new_slots, None)) is not None:
            return slot.free
        return self._wait(self._slots, ends, attempt).free

    async def connect(self, host: str, port: int, ends: float, attempt: Attempt) -> ThreadSocket:
        """Connect to the first of a host's addresses that answers.

        A thread of its own does it: the system's resolver has no timeout, and the attempts are asyncio's.
        """
        self._check_wanted(attempt)
        found: SimpleQueue[socket.socket | Exception] = SimpleQueue()
        is_wanted = True

        def work() -> None:
            try:
                addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                left = seconds_until(ends)
                with asyncio.Runner() as loop:
                    found.put(loop.run(asyncio.wait_for(first_of(addresses), left)))
            except Exception as error:  # noqa: BLE001  raised below
                found.put(error)
            if not is_wanted:
                discard()

        def discard() -> None:
            with suppress(Empty):
                if isinstance(late := found.get_nowait(), socket.socket):
                    late.close()

        threading.Thread(target=work, name="inference_do connect", daemon=True).start()
        try:
            result = self._wait(found, ends, attempt)
            if isinstance(result, Exception):
                raise result
            return ThreadSocket(result, self._open)
        finally:
            is_wanted = False
            discard()

    def _check_wanted(self, attempt: Attempt) -> None:
        if self._is_closed or attempt.is_interrupted:
            raise ConnectionAbortedError

    def _wait(self, queue: SimpleQueue[T], ends: float, attempt: Attempt) -> T:
        """Wait for a queue, as long as what it gives is wanted."""
        while True:
            self._check_wanted(attempt)
            with suppress(Empty):
                return queue.get(timeout=min(LOOK_UP, seconds_until(ends) or LOOK_UP))

    def close(self) -> None:
        """Close all sockets; one that a thread uses, when it has done so.

        At the interpreter's end that thread just ends: nothing wakes it up to say that its stream was closed.
        """
        self._is_closed = True
        for used in self._open.copy():
            used.close_when_unused()


class _ThreadSlot(tuple["ref[SimpleQueue[_ThreadSlot]]"]):  # noqa: SLOT001  a tuple with a state can have none
    """The right to one connection: refers to the queue of its pool, where it is put when it is freed, or dropped.

    A slot is made by the interpreter's own code and taken in a single step, and slots are never counted, so no moment
    exists in which Ctrl-C loses one. All slots of a pool share one reference, which its network keeps: the collector
    clears references that are garbage themselves before it calls `__del__`.
    """

    _is_free = False

    def free(self) -> None:
        if not self._is_free:
            if (slots := self[0]()) is not None:
                slots.put(_ThreadSlot(self))
            self._is_free = True

    __del__ = free


class ThreadSocket:
    """A connected socket, used by one thread at a time, which any other one may interrupt."""

    def __init__(self, made: socket.socket, home: set[ThreadSocket]) -> None:
        self._socket, self._home = made, home
        self._process = os.getpid()
        self._is_used = False
        self._is_interrupted = False
        home.add(self)

    @property
    def is_readable(self) -> bool:
        return has_data(self._socket)

    async def read(self, ends: float) -> bytes:
        self._is_used = True  # not `_used`: a context manager would be a twentieth of what a delta costs
        try:
            if self._is_interrupted:
                raise ConnectionAbortedError
            self._socket.settimeout(seconds_until(ends))
            data = self._socket.recv(IO_BYTES)
        finally:
            self._is_used = False
            if self._is_interrupted:
                self.close()
        if not data and self._is_interrupted:
            raise ConnectionAbortedError  # the other side has not ended it, which would complete some responses
        return data

    async def write(self, data: bytes | memoryview, limit: float | None, ends: float) -> bool:
        """Send bytes, each piece of them within `limit`; return whether all were accepted."""
        rest = memoryview(data)
        try:
            with self._used():
                while rest:
                    self._set_timeout(min(moment(limit), ends))
                    rest = rest[self._socket.send(rest[:IO_BYTES]) :]
        except TimeoutError:
            raise
        except OSError:
            return False
        return True

    async def start_tls(self, context: ssl.SSLContext, host: str, ends: float) -> None:
        with self._used():
            self._set_timeout(ends)
            self._socket = context.wrap_socket(self._socket, server_hostname=host, do_handshake_on_connect=False)
            self._socket.do_handshake()  # its timeout is for the whole

    @contextmanager
    def _used(self) -> Iterator[None]:
        self._is_used = True
        try:
            yield
        finally:
            self._is_used = False
            if self._is_interrupted:
                self.close()

    def _set_timeout(self, ends: float) -> None:
        if self._is_interrupted:  # looked at when `_is_used` is set, as `interrupt` does it the other way round
            raise ConnectionAbortedError
        self._socket.settimeout(seconds_until(ends))

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
        self._home.discard(self)
        self._socket.close()

    drop = close
