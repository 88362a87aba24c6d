"""The HTTP side of a client for threads: its connections, shared by the threads of a process."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from ._call import Disconnected, Head, Send, TimedOut
from ._http import (
    Request,
    built,
    by_name,
    closed,
    context_of,
    decoded,
    fault,
    interrupted,
    names_proxies,
    timeouts,
    trusts_environment,
)
from ._pool import Pool
from ._sockets import Socket
from .config import Config, check_http_client

if TYPE_CHECKING:
    from ._proxies import Chooser

    Connections = Pool | Chooser


class SyncHTTP:
    """The HTTP side of a client for threads."""

    def __init__(self, config: Config, client: Any = None) -> None:
        self._config = config
        self._given = check_http_client(client, is_async=False)
        self._clients: dict[int, Connections] = {}  # by process: a fork must not touch its parent's sockets
        weakref.finalize(self, _close_client, self._clients)

    def client(self) -> Any:
        """Return the client of this process, made on first use."""
        if self._given is not None:
            return self._given
        process = os.getpid()
        if (client := self._clients.get(process)) is None:
            made = built(self._make, self._config)
            client = self._clients.setdefault(process, made)  # atomic: of two threads, one wins
            if client is not made:
                made.close()
        return client

    def _make(self) -> Connections:
        context = context_of(self._config)
        if not (trusts_environment(self._config) and names_proxies()):
            return Pool(context)
        from ._proxies import Chooser  # noqa: PLC0415  only where there may be a proxy

        return Chooser(context)

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


def _close_client(clients: dict[int, Connections]) -> Connections | None:
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
        "_reply",
        "_request",
        "_timeouts",
    )

    def __init__(self, http: SyncHTTP, request: Request, config: Config, *, owned: bool) -> None:
        self._http, self._request, self._config, self._owned = http, request, config, owned
        self._reply: Any = None
        self._chunks: Iterator[bytes] | None = None
        self._timeouts: dict[str, float | None] = {}
        self._patient: Socket | None = None
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
        send, request = self._ready(client)
        handled = sys.exception()
        try:
            reply = send(request)
        except (Disconnected, TimedOut):
            raise
        except Exception as error:  # noqa: BLE001  nothing foreign may pass
            failure = fault(error, handled)
        else:
            return self._begin(reply)
        raise failure

    def _ready(self, client: Any) -> tuple[Callable[[Any], Any], Any]:
        """Return what sends the request, and the request."""
        if self._owned:
            if client.is_closed:  # by another thread, a moment ago
                raise closed()
            return partial(client.send, limits=self._timeouts), self._request.outgoing(self._config)
        send = partial(client.send, stream=True, auth=None, follow_redirects=False)
        return send, self._request.of(client, self._config, self._timeouts)

    def _begin(self, reply: Any) -> Head:
        self._reply = reply
        if self._owned:
            status, headers, body = reply.status, reply.headers, reply
            self._patient = reply.stream
        else:
            status, headers, body = reply.status_code, reply.headers.raw, reply.stream
        named = by_name(headers)
        self._chunks = iter(body) if "content-encoding" not in named else decoded(headers, body).iter_bytes()
        return Head(status, named)

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
        reply, self._reply = self._reply, None
        if reply is not None:
            self._chunks = None
            with suppress(Exception):  # it is closed either way
                reply.close()
