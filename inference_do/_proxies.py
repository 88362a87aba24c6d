"""Requests of threads through a proxy: httpx's rules say through which, httpcore's connections go through it.

It is imported only where the environment names a proxy.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpcore
import httpx

from . import _http
from ._http import PORTS, Address, Outgoing, Seconds
from ._pool import Connection, Lent, Pool, Reply
from ._sockets import Socket, Sockets


class Chooser(httpx.Client):
    """Pools, one for each proxy and one for none; httpx says which of them a request is for.

    Args:
        context: For https; None for http.
    """

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._pools: list[Pool] = []
        self._context = context
        super().__init__(verify=context or False)

    def _init_transport(self, *_: Any, **__: Any) -> httpx.BaseTransport:
        return self._transport_of(Pool(self._context))

    def _init_proxy_transport(self, proxy: httpx.Proxy, *_: Any, **__: Any) -> httpx.BaseTransport:
        httpx.HTTPTransport(verify=self._context or False, proxy=proxy).close()  # it says what is not installed for it
        return self._transport_of(Pool(self._context, _maker(proxy, self._context)))

    def _transport_of(self, pool: Pool) -> _Transport:
        self._pools.append(pool)
        return _Transport(pool)

    def send(self, request: Outgoing, limits: Seconds) -> Lent:  # type: ignore[override]  # our requests, not httpx's
        """Send a request and return its reply, whose head has come."""
        transport = self._transport_for_url(httpx.URL(request.address.url))
        return transport.pool.send(request, limits)  # type: ignore[attr-defined, no-any-return]  # all are made here

    def wake(self) -> None:
        """End the waits of other threads."""
        for pool in self._pools:
            pool.wake()


class _Transport(httpx.BaseTransport):
    """A pool, as httpx keeps it."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    def close(self) -> None:
        self.pool.close()


def _maker(proxy: httpx.Proxy, context: ssl.SSLContext | None) -> Callable[[Sockets, Address], Connection]:
    address = httpcore.URL(
        scheme=proxy.url.raw_scheme, host=proxy.url.raw_host, port=proxy.url.port, target=proxy.url.raw_path
    )
    known = httpcore.Proxy(address, auth=proxy.raw_auth, headers=proxy.headers.raw, ssl_context=proxy.ssl_context)

    def make(sockets: Sockets, to: Address) -> Connection:
        pool = httpcore.ConnectionPool(  # knows all kinds of proxies, and keeps no connection that it makes like this
            ssl_context=context, proxy=known, keepalive_expiry=_http.IDLE_SECONDS, network_backend=_Network(sockets)
        )
        origin = httpcore.Origin(to.scheme.encode("ascii"), to.host.encode("ascii"), to.port)
        return _Proxied(pool.create_connection(origin), to)

    return make


class _Proxied:
    """A connection through a proxy, which is httpcore's."""

    def __init__(self, connection: httpcore.ConnectionInterface, to: Address) -> None:
        self._connection = connection
        self._origin = to.origin
        self.has_expired = connection.has_expired
        self.close = connection.close

    def can_serve(self, address: Address) -> bool:
        return address.origin == self._origin

    def send(self, request: Outgoing, limits: Seconds) -> Reply:
        return _Reply(self._connection.handle_request(_for_httpcore(request, limits)))

    def is_available(self) -> bool:
        return self._connection.is_available() and not self._has_surplus()

    def _has_surplus(self) -> bool:
        """Tell whether more came than the reply: httpcore would take it for the next one, and has no word for it."""
        connection: Any = self._connection
        while hasattr(connection, "_connection"):  # a tunnel has one, to the proxy or through it
            connection = connection._connection  # noqa: SLF001
        parser = getattr(connection, "_h11_state", None)
        return parser is None or parser.trailing_data != (b"", False)


def _for_httpcore(request: Outgoing, limits: Seconds) -> httpcore.Request:
    to = request.address
    named = {"Host": to.netloc, **request.headers}
    return httpcore.Request(
        request.method,
        httpcore.URL(
            scheme=to.scheme, host=to.host, port=None if to.port == PORTS[to.scheme] else to.port, target=to.target
        ),
        headers=[(name.encode("ascii"), value.encode("ascii")) for name, value in named.items()],
        content=request.content,
        extensions={"timeout": limits},
    )


class _Reply:
    def __init__(self, reply: httpcore.Response) -> None:
        self.status = reply.status
        self.headers = reply.headers
        self.stream: Socket = reply.extensions["network_stream"]
        self.close = reply.close
        self._body: Any = reply.stream

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)


class _Network(httpcore.NetworkBackend):
    """httpcore's sockets, as a pool's own."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets
        self._inner = httpcore.SyncBackend()

    def connect_tcp(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(self._inner.connect_tcp(*args, **options), self._sockets)


class _Stream(Socket, httpcore.NetworkStream):
    """One of them."""

    def start_tls(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        inner: Any = self._inner
        self._home.forget(self)  # its socket is the new one's, or closed
        return _Stream(inner.start_tls(*args, **options), self._home)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
