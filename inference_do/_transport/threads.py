"""The httpx client of a `Client`, shared by the threads of a process, and its exchanges."""

from __future__ import annotations

import os
import ssl
import sys
import threading
import weakref
from contextlib import suppress
from typing import Any

import httpx

from .._call import Disconnected, Head, Request, Send
from ..config import Config, check_http_client
from .exchange import Exchange, built
from .faults import closed, interrupted
from .pool import IDLE_SECONDS, Pool, PooledResponse
from .proxies import proxy_of
from .sockets import run
from .thread_sockets import ThreadNetwork
from .tls import tls_context


class Transport(httpx.HTTPTransport):
    """httpx's transport with the connections of our pool.

    `handle_request` is httpx's own, so that what patches it (respx, pytest-httpx, VCR.py, OpenTelemetry) sees every
    request. `_pool` is a private name of httpx: where it has another one, httpx's own pool sends, and is slower.
    """

    def __init__(self, context: ssl.SSLContext | None, proxy: httpx.Proxy | None) -> None:
        limits = httpx.Limits(max_connections=1000, max_keepalive_connections=None, keepalive_expiry=IDLE_SECONDS)
        super().__init__(verify=context or False, limits=limits, proxy=proxy, trust_env=False)
        if hasattr(self, "_pool") and (proxy is None or proxy.url.scheme != "https"):
            self._pool: Any = _HTTPCoreFace(Pool(ThreadNetwork(), context, proxy))


class _HTTPCoreFace:
    """A pool in the form of httpcore's."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.close = pool.close

    def handle_request(self, request: Any) -> PooledResponse:
        return run(self.pool.send(request, b"".join(request.stream)))


class SyncHTTP:
    """The HTTP side of a `Client`."""

    def __init__(self, config: Config, client: Any = None) -> None:
        self._config = config
        self._given = check_http_client(client, is_async=False)
        self._clients: dict[int, httpx.Client] = {}  # by process: a fork must not touch its parent's sockets
        self._exchanges: weakref.WeakSet[SyncExchange] = weakref.WeakSet()
        weakref.finalize(self, _close_client, self._clients)

    def client(self) -> Any:
        """Return the client of this process, made on first use, or the caller's own."""
        if self._given is not None:
            return self._given
        process = os.getpid()
        if (client := self._clients.get(process)) is None:
            made = built(self._make, self._config)
            client = self._clients.setdefault(process, made)  # atomic: of two threads, one wins
            if client is not made:
                made.close()
        return client

    def _make(self) -> httpx.Client:
        transport = Transport(tls_context(self._config), proxy_of(self._config))
        return httpx.Client(transport=transport, trust_env=False)

    def is_current(self, client: Any) -> bool:
        """Return whether a client that was used is still the one to use."""
        return client is self._given or client is self._clients.get(os.getpid())

    def exchange(self, request: Request) -> SyncExchange:
        """Begin a call."""
        exchange = SyncExchange(self, request, self._config)
        self._exchanges.add(exchange)
        return exchange

    def close(self) -> None:
        """Close the client, unless it is the caller's; what is under way in other threads ends."""
        if self._given is None:
            _close_client(self._clients)
            for exchange in list(self._exchanges):
                exchange.close_client()


def _close_client(clients: dict[int, httpx.Client]) -> None:
    """Close this process's client; one that came over in a fork is left alone."""
    if (client := clients.pop(os.getpid(), None)) is not None:
        client.close()


class SyncExchange(Exchange):
    """The requests of one call in a thread."""

    __slots__ = ("_http", "_pause")

    def __init__(self, http: SyncHTTP, request: Request, config: Config) -> None:
        super().__init__(request, config)
        self._http = http
        self._pause: threading.Event | None = None

    def interrupt(self) -> None:
        """End the wait of the thread that makes the call, from another one."""
        self._end_wait(interrupted())

    def _end_wait(self, reason: Disconnected) -> None:
        self._interrupt(reason)
        if (pause := self._pause) is not None:
            pause.set()

    def close_client(self) -> None:
        """End a call whose client has been closed."""
        if self._client is not None:
            self._end_wait(closed())

    def _is_current(self, client: Any) -> bool:
        return self._http.is_current(client)

    def send(self, command: Send) -> Head:
        """Send the request and return the head of its response."""
        client = self._http.client()
        arguments = self._begin(client, command)
        handled = sys.exception()
        try:
            try:
                response = client.send(**arguments)
            except self._face.HTTPStatusError as error:  # an event hook's
                response = error.response
            return self._head(response, iter)
        except BaseException as error:  # noqa: BLE001  nothing foreign may pass
            failure = self._failure(error, handled)
            arguments = {}  # which hold the key
        raise failure

    def read(self, timeout: float | None) -> bytes:
        """Return more of the response's body, nothing at its end."""
        if piece := self._next_piece():
            return piece
        if self._body is None:
            return b""
        self._limits["read"] = timeout
        handled = sys.exception()
        try:
            for data in self._body:
                if data and (piece := self._decompress(data)):
                    return piece
            return self._end()
        except BaseException as error:  # noqa: BLE001  nothing foreign may pass
            failure = self._failure(error, handled)
        raise failure

    def sleep(self, seconds: float) -> None:
        """Wait; closing the client or the stream ends it."""
        self._pause = threading.Event()
        if self._interruption is None:
            self._pause.wait(seconds)
        self._pause = None
        self._check()

    def release(self) -> None:
        """Be done with the response, if there is one."""
        if (response := self._forget()) is not None:
            with suppress(Exception):  # it is closed either way
                response.close()
