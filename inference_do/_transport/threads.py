"""The httpx client of a `Client`, shared by the threads of a process, and its exchanges."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from contextlib import suppress
from typing import Any

import httpx

from inference_do._protocol.call import Disconnected, Head, PreparedRequest, Send
from inference_do._protocol.pacing import Turn
from inference_do.config import Config

from .exchange import Exchange, Unpickled, make_transport
from .sockets import run
from .thread_sockets import ThreadNetwork


class SyncHTTP(Unpickled):
    """The HTTP side of a `Client`."""

    def __init__(self, config: Config, client: httpx.Client | None = None) -> None:
        self._config, self._given = config, client
        self._clients: dict[int, httpx.Client] = {}  # by process: a fork must not touch its parent's sockets
        self._exchanges: weakref.WeakSet[SyncExchange] = weakref.WeakSet()
        weakref.finalize(self, _close_client, self._clients)

    def client(self) -> httpx.Client:
        """Return the client of this process, made on first use, or the caller's own."""
        if self._given is not None:
            return self._given
        process = os.getpid()
        if (client := self._clients.get(process)) is None:
            transport, _ = make_transport(httpx.HTTPTransport, ThreadNetwork(), self._config)
            made = httpx.Client(transport=transport, trust_env=False)
            client = self._clients.setdefault(process, made)  # atomic: of two threads, one wins
            if client is not made:
                made.close()
        return client

    def is_current(self, client: Any) -> bool:
        return client is self._given or client is self._clients.get(os.getpid())

    def exchange(self, request: PreparedRequest) -> SyncExchange:
        exchange = SyncExchange(self, request, self._config)
        self._exchanges.add(exchange)
        return exchange

    def close(self) -> None:
        """Close the client, unless it is the caller's; what is under way in other threads ends."""
        client = _close_client(self._clients)
        for exchange in list(self._exchanges):
            exchange.client_closed(client)


def _close_client(clients: dict[int, httpx.Client]) -> httpx.Client | None:
    """Close this process's client and return it; one that came over in a fork is left alone."""
    if (client := clients.pop(os.getpid(), None)) is not None:
        client.close()
    return client


class SyncExchange(Exchange):
    """The requests of one call in a thread."""

    iterate = staticmethod(iter)
    _pause: threading.Event | None = None

    def _end_wait(self, reason: Disconnected) -> None:
        super()._end_wait(reason)
        if (pause := self._pause) is not None:
            pause.set()

    async def _key(self) -> str:
        return self._config.secret.get_secret_value()

    async def _perform(self, client: Any, request: Any) -> Any:
        return client.send(request, stream=True, auth=None, follow_redirects=False)

    def send(self, command: Send) -> Head:
        return run(self._send(self._http.client(), command))

    def read(self, timeout: float | None) -> bytes:
        handled = sys.exception()
        self._limits["read"] = timeout
        try:
            if self._pieces is not None and (piece := next(self._pieces, b"")):
                return piece
            for data in self._body or ():
                if data and (piece := data if self._inflate is None else self._decompress(data)):
                    return piece
            return self._end()
        except BaseException as error:  # noqa: BLE001  nothing foreign may pass
            failure = self._failure(error, handled)
        try:
            raise failure
        finally:
            del failure  # as in `_send`

    def sleep(self, seconds: float, turn: Turn | None = None) -> None:
        self._pause = threading.Event()
        if turn is not None:
            turn.on_wake(self._pause.set)
        if self._interruption is None:
            self._pause.wait(seconds)
        self._check()

    def release(self) -> None:
        if (response := self._forget()) is not None:
            with suppress(Exception):  # it is closed either way
                response.close()
