"""The HTTP side of a client for threads: one `httpx.Client` a process, shared by its threads.

httpx fixes the wait for a read when a body begins; a stream here needs another one for its first event, for the silence
between two, and for what is left of a deadline. So its connections are wrapped, by httpcore's own means (a network
backend), to look at the wait before each read.
"""

from __future__ import annotations

import math
import os
import socket
import sys
import time
import weakref
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpcore
import httpx

from ._call import Head, Send
from ._http import Request, Sliced, built, closed, fault, interrupted, timeouts
from .config import Config, check_http_client


class SyncHTTP:
    """The HTTP side of a client for threads."""

    def __init__(self, config: Config, client: Any = None) -> None:
        self._config = config
        self._given = check_http_client(client, is_async=False)
        self._clients: dict[int, _Client] = {}  # by process: a fork must not touch its parent's sockets
        weakref.finalize(self, _close_client, self._clients)

    def client(self) -> Any:
        """Return the client of this process, made on first use."""
        if self._given is not None:
            return self._given
        process = os.getpid()
        if (client := self._clients.get(process)) is None:
            made = built(_Client, self._config)
            client = self._clients.setdefault(process, made)  # atomic: of two threads, one wins
            if client is not made:
                made.close()
        return client

    def is_open(self, client: Any) -> bool:
        """Tell whether a client that was used is still the one to use."""
        return client is self._given or client is self._clients.get(os.getpid())

    def exchange(self, request: Request) -> SyncExchange:
        """Begin a call."""
        return SyncExchange(self, request, self._config, owned=self._given is None)

    def close(self) -> None:
        """Close the client, unless it was given; threads that wait for a reply learn that it will not come."""
        if (client := _close_client(self._clients)) is not None:
            client.wake()


def _close_client(clients: dict[int, _Client]) -> _Client | None:
    """Close this process's client; one that came over in a fork is left alone.

    What is being read at the interpreter's end is left to the thread that reads it, which ends without a word.
    """
    if (client := clients.pop(os.getpid(), None)) is not None:
        client.close()
    return client


class SyncExchange:
    """One call's requests in a thread."""

    __slots__ = (
        "_chunks",
        "_client",
        "_config",
        "_http",
        "_is_interrupted",
        "_owned",
        "_patient",
        "_request",
        "_response",
        "_timeouts",
    )

    def __init__(self, http: SyncHTTP, request: Request, config: Config, *, owned: bool) -> None:
        self._http, self._request, self._config, self._owned = http, request, config, owned
        self._response: Any = None
        self._chunks: Iterator[bytes] | None = None
        self._timeouts: dict[str, float | None] = {}
        self._patient: _PatientStream | None = None
        self._is_interrupted = False
        self._client: Any = None

    def interrupt(self) -> None:
        """End the wait of the thread that waits for the reply, from another one."""
        self._is_interrupted = True
        if (patient := self._patient) is not None:
            patient.wake()

    def send(self, command: Send) -> Head:
        """Send the request and return the reply's head."""
        if self._is_interrupted:
            raise interrupted()
        self._timeouts = timeouts(command)
        if self._client is not None and not self._http.is_open(self._client):
            raise closed()
        client = self._client = self._http.client()
        request = self._request.build(client, self._config, self._timeouts, owned=self._owned)
        handled = sys.exception()
        try:
            response = client.send(request, stream=True, follow_redirects=False)
        except Exception as error:  # noqa: BLE001  nothing foreign may pass
            failure = fault(error, handled)
        else:
            return self._begin(response)
        raise failure

    def _begin(self, response: Any) -> Head:
        self._response = response
        stream = response.extensions.get("network_stream")
        self._patient = stream if isinstance(stream, _PatientStream) else None
        if "content-encoding" in response.headers:
            response.stream = Sliced(response.stream)
            self._chunks = response.iter_bytes()
        else:
            self._chunks = iter(response.stream)
        return Head(response.status_code, dict(response.headers))

    def read(self, timeout: float | None) -> bytes:
        """Return more of the reply's body, nothing at its end."""
        if self._chunks is None:
            return b""  # the connection is in the pool again, or another's
        if self._is_interrupted:
            raise interrupted()
        if self._patient is not None:
            self._patient.wait(timeout)
        else:
            self._timeouts["read"] = timeout  # another library's stream looks at it once, before its first read
        handled = sys.exception()
        try:
            for chunk in self._chunks:
                if chunk:
                    return chunk
        except Exception as error:  # noqa: BLE001  nothing foreign may pass
            failure = interrupted() if self._is_interrupted else fault(error, handled)
        else:
            self._chunks = None
            return b""
        raise failure

    def release(self) -> None:
        """Be done with the reply, if there is one."""
        response, self._response = self._response, None
        if response is not None:
            self._chunks = None
            with suppress(Exception):  # it is closed either way
                response.close()


class _Client(httpx.Client):
    """httpx's client whose reads can be given another timeout while a body comes in."""

    def _init_transport(self, *args: Any, **options: Any) -> httpx.BaseTransport:
        return _patiently(super()._init_transport(*args, **options))

    def _init_proxy_transport(self, *args: Any, **options: Any) -> httpx.BaseTransport:
        return _patiently(super()._init_proxy_transport(*args, **options))

    def wake(self) -> None:
        """End the reads of other threads."""
        for transport in (self._transport, *self._mounts.values()):
            if transport is not None:
                for stream in list(_pool(transport)._network_backend.streams):  # noqa: SLF001
                    stream.wake()


def _patiently(transport: httpx.BaseTransport) -> httpx.BaseTransport:
    pool = _pool(transport)
    pool._network_backend = _PatientBackend(pool._network_backend)  # noqa: SLF001
    return transport


def _pool(transport: httpx.BaseTransport) -> Any:
    # httpx has no public way to give its pool a network backend; httpcore's backends themselves are public.
    return transport._pool  # type: ignore[attr-defined]  # noqa: SLF001


class _PatientBackend(httpcore.NetworkBackend):
    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner
        self.streams: weakref.WeakSet[_PatientStream] = weakref.WeakSet()

    def connect_tcp(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        return _PatientStream(self._inner.connect_tcp(*args, **options), self.streams)


class _PatientStream(httpcore.NetworkStream):
    """A connection that waits as long as its user says now, not as long as was said with the request.

    One thing that is waited for, a head for instance, may take many reads: what counts is when the wait began.
    """

    def __init__(self, inner: httpcore.NetworkStream, streams: weakref.WeakSet[_PatientStream]) -> None:
        self._inner = inner
        self._streams = streams
        streams.add(self)
        self._process = os.getpid()
        self._is_read = False
        self._is_closed = False
        self._ends: float | None = None  # when the wait ends; None until it begins

    def wait(self, seconds: float | None) -> None:
        """Begin to wait for something."""
        self._ends = time.monotonic() + (math.inf if seconds is None else seconds)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._is_read = True
        try:
            return self._inner.read(max_bytes, self._left(timeout))
        finally:
            self._is_read = False
            if self._is_closed:
                self._inner.close()

    def _left(self, timeout: float | None) -> float | None:
        if self._ends is None:  # the head of a new reply
            self.wait(timeout)
        left = (self._ends or 0.0) - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return None if left == math.inf else left

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._ends = None  # a new request
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        """Close the connection; if another thread reads it, that one closes it when its read has ended.

        Closing a descriptor does not end a wait for it, and its number may be another connection's a moment later.
        """
        self._is_closed = True
        if not self._is_read:
            self._inner.close()

    def wake(self) -> None:
        """End the read of another thread; after a fork, the connection is still the parent's and is left alone."""
        if self._is_read and self._process == os.getpid():
            with suppress(OSError):
                self._inner.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def start_tls(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        return _PatientStream(self._inner.start_tls(*args, **options), self._streams)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
