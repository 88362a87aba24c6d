"""What the sockets of threads and of event loops share, and how code written once serves both.

The methods of both are coroutines. Those of threads wait for nothing but the operating system, so `run` performs a
coroutine made of them in one step, and no event loop is involved.
"""

from __future__ import annotations

import math
import select
import socket
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohappyeyeballs

T = TypeVar("T")

MAX_CONNECTIONS = 1000
IO_BYTES = 64 * 1024
"""Bytes that are read or written at once; `write` of a timeout holds for each such piece."""
STAGGER = 0.25
"""Seconds between the starts of two attempts to connect: RFC 8305, section 5."""

KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPALIVE", 60), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4))
"""Seconds of silence before the system asks whether the other side is there, and how often. Gateways and NAT forget a
silent connection after some minutes, and a model may think for longer."""


PARTS = "inference_do.parts"
"""The extension of a request whose body is too large to be held: it is read and written part by part."""


def run(step: Coroutine[Any, Any, T]) -> T:
    """Perform a coroutine that waits for no event loop."""
    try:
        step.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    message = "a coroutine of threads waited for an event loop"
    raise AssertionError(message)


def moment(seconds: float | None) -> float:
    """Return the moment, by `time.monotonic`, at which a wait that begins now ends."""
    return math.inf if seconds is None else time.monotonic() + seconds


def seconds_until(ends: float) -> float | None:
    """Return the seconds that are left until a moment, None for ever.

    Raises:
        TimeoutError: None are left.
    """
    if ends == math.inf:
        return None
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


async def first_of(addresses: Any) -> socket.socket:
    """Return a socket that is connected to the first of a host's addresses that answers."""
    made = await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=STAGGER, interleave=1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE:
        if (option := getattr(socket, name, None)) is not None:  # macOS and Windows have some of them
            made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made


@dataclass(slots=True, eq=False)
class Attempt:
    """One request of a call, as its transport sees it. It travels among the request's extensions, under `NAME`."""

    NAME = "inference_do_attempt"

    ends: float = math.inf
    """The moment at which the call must be over."""
    is_interrupted: bool = False
    response: Callable[[], Any] = lambda: None
    """Returns the pool's response, once there is one."""

    def interrupt(self) -> None:
        """End the wait of the thread or task that this attempt belongs to, from another one."""
        self.is_interrupted = True
        if (response := self.response()) is not None:
            response.interrupt()


def has_data(made: socket.socket) -> bool:
    """Return whether a read would not wait: something has come, or the other side has closed the socket."""
    if made.fileno() < 0:
        return True
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([made], [], [], 0)[0])
    waiting = select.poll()
    waiting.register(made, select.POLLIN)
    return bool(waiting.poll(0))
