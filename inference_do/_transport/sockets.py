"""What a pool needs of a network. Threads and event loops each have theirs; the pool above them is written once.

The methods are coroutines. Those of threads never wait for anything but the operating system, so `run` performs a
coroutine made of them in one step, and no event loop is involved.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

READ_BYTES = 64 * 1024
WRITE_BYTES = 64 * 1024
"""Bytes of a request that are written at once; `write` of a timeout holds for each such piece."""

STAGGER = 0.25
"""Seconds between the starts of two attempts to connect: RFC 8305, section 5."""

KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPALIVE", 60), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4))
"""Seconds of silence before the system asks whether the other side is there, and how often. Gateways and NAT forget a
silent connection after some minutes, and a model may think for longer."""


def run(step: Coroutine[Any, Any, T]) -> T:
    """Perform a coroutine that waits for no event loop."""
    try:
        step.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    message = "a coroutine of threads waited for an event loop"
    raise AssertionError(message)


def deadline(seconds: float | None) -> float:
    """Return the moment at which a wait that begins now ends; infinity for None."""
    return time.monotonic() + seconds if seconds is not None else float("inf")


def prepare(made: socket.socket) -> None:
    """Set a TCP socket's options: send at once, and notice when the other side is gone."""
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE:
        if (option := getattr(socket, name, None)) is not None:  # macOS and Windows have some of them
            made.setsockopt(socket.IPPROTO_TCP, option, value)


@dataclass(slots=True, eq=False)
class Attempt:
    """One request of a call, as its transport sees it: the call's deadline, and whether it has been given up.

    It travels among the request's extensions; a transport of another kind ignores it.
    """

    deadline: float = float("inf")
    """The moment at which the call ends, by `time.monotonic`."""
    is_interrupted: bool = False
    response: Any = None
    """The pool's response, once there is a connection."""

    def interrupt(self) -> None:
        """End the waits of the thread or task that this attempt belongs to, from another one."""
        self.is_interrupted = True
        if self.response is not None:
            self.response.interrupt()


class Socket(Protocol):
    """A connected socket. Moments are those of `time.monotonic`."""

    @property
    def is_readable(self) -> bool:
        """Whether something has come, or the other side has closed it."""

    async def read(self, ends: float) -> bytes:
        """Return what has come, nothing at the end.

        Raises:
            TimeoutError: Nothing came until `ends`.
            OSError: The connection broke, or was interrupted.
        """

    async def write(self, data: bytes, ends: float) -> bool:
        """Send at most `WRITE_BYTES`; return whether all were accepted.

        Raises:
            TimeoutError: They were not accepted until `ends`.
        """

    async def start_tls(self, context: ssl.SSLContext, host: str, ends: float) -> None:
        """Speak TLS from here on.

        Raises:
            TimeoutError: It took too long.
            OSError: It failed.
        """

    def interrupt(self) -> None:
        """Close it from another thread or task than the one that uses it, and end that one's wait."""

    def close(self) -> None:
        """Close it at once."""

    def drop(self) -> None:
        """Close it from the garbage collector, which runs anywhere."""


class Slot(Protocol):
    """The right to one connection."""

    def free(self) -> None:
        """Give it back; again does nothing."""


class Network(Protocol):
    """Makes sockets."""

    async def slot(self, ends: float, attempt: Attempt) -> Slot:
        """Wait for a free slot.

        Raises:
            TimeoutError: There was none until `ends`.
        """

    async def connect(self, host: str, port: int, ends: float, attempt: Attempt) -> Socket:
        """Connect to a host, to the first of its addresses that answers.

        Raises:
            TimeoutError: It took too long.
            OSError: It failed.
        """

    def close(self) -> None:
        """Close all sockets; one that a thread reads or writes, when it has done so."""
