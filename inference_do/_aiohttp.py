"""The connections of one event loop, which are aiohttp's; httpx's rules say through which proxy, if any."""

from __future__ import annotations

import asyncio
import ssl
import weakref
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, TypeVar

import aiohttp
import httpx
import yarl

from . import _http
from ._call import Send
from ._http import Outgoing, context_of, trusts_environment
from .config import Config
from .errors import Phase

T = TypeVar("T")

ENDLESS = aiohttp.ClientTimeout()
"""Time is kept by `Patience`, and for each read by who reads."""


class Patience:
    """How long a request may take to get a connection, to write each piece of its body, to get the head of its reply.

    aiohttp itself bounds neither the resolution of the host's name, nor a write, nor the wait for the head alone.
    """

    def __init__(self, command: Send) -> None:
        self._limits = {"write": command.write, "first_token": command.read}
        self._timer = asyncio.timeout(command.connect)
        self._transport: asyncio.Transport | None = None
        self.phase: Phase = "connect"

    async def during(self, request: Awaitable[T]) -> T:
        """Wait for a request.

        Raises:
            TimeoutError: It took too long; `phase` tells for what.
        """
        token = _PATIENCE.set(self)
        try:
            async with self._timer:
                return await request
        except (TimeoutError, asyncio.CancelledError):
            self.abort()  # what has not been written need not be
            raise
        finally:
            _PATIENCE.reset(token)

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def enter(self, phase: Phase, transport: asyncio.Transport | None = None) -> None:
        """Begin to wait for something else; `transport` is the connection, once there is one."""
        self.phase = phase
        self._transport = transport or self._transport
        limit = self._limits[phase]
        with suppress(RuntimeError):  # the time is over already
            self._timer.reschedule(None if limit is None else asyncio.get_running_loop().time() + limit)


_PATIENCE: ContextVar[Patience | None] = ContextVar("inference_do_patience", default=None)


def entered(phase: Phase, transport: asyncio.Transport | None = None) -> None:
    """Note that the request that is being made, if it is one of ours, has come so far."""
    if (patience := _PATIENCE.get()) is not None:
        patience.enter(phase, transport)


class LoopClient(httpx.AsyncClient):
    """A client of one event loop. It keeps no cookies and follows httpx's rules for proxies.

    `places` counts its connections, so that waiting for one is told apart from making one.
    """

    def __init__(self, config: Config) -> None:
        self.places = asyncio.Semaphore(_http.MAX_CONNECTIONS)
        self._context = context_of(config)
        super().__init__(verify=self._context or False, trust_env=trusts_environment(config))

    def _init_transport(self, *_: Any, **__: Any) -> httpx.AsyncBaseTransport:
        return Connections(self._context)

    def _init_proxy_transport(self, proxy: httpx.Proxy, *_: Any, **__: Any) -> httpx.AsyncBaseTransport:
        return Connections(self._context, _with_password_in_headers(proxy))

    async def pass_on(self, request: Outgoing, pieces: AsyncIterator[bytes] | None) -> aiohttp.ClientResponse:
        """Send a request over the connections that httpx's rules say.

        Args:
            request: The request.
            pieces: Its content again, to be sent in pieces.
        """
        url = request.address.url
        connections = self._transport_for_url(httpx.URL(url)) if self._mounts else self._transport
        return await connections.send(request, pieces)  # type: ignore[attr-defined, no-any-return]  # all made here

    async def end(self) -> None:
        """Close the client; tasks that wait for a reply learn that it will not come, which aiohttp does not tell."""
        for connector in self._connectors():
            for connection in list(getattr(connector, "in_use", ())):
                if connection.transport is not None:  # it is, once the connection has been given back
                    connection.transport.abort()
        await asyncio.sleep(0)  # in which they learn it
        await self.aclose()

    def _connectors(self) -> Iterator[aiohttp.BaseConnector]:
        for transport in (self._transport, *self._mounts.values()):
            if isinstance(transport, Connections) and (connector := transport.connector) is not None:
                yield connector

    def abandon(self) -> None:
        """Close the connections of a loop that was closed before this client was: nothing can be awaited any more.

        `asyncio.run` never leaves a loop like that, LlamaIndex's `asyncio_run` does, each time it is called from
        within a running loop. Neither aiohttp nor asyncio has a public way to do this.
        """
        for connector in self._connectors():
            _abandon(connector)

    def __del__(self) -> None:
        """Do so, if its owner was gone before the loop was closed."""
        if hasattr(self, "_mounts"):  # it is not, where httpx refused its options
            self.abandon()


class Connections(httpx.AsyncBaseTransport):
    """The connections of one event loop, maybe through a proxy, made when the first request is sent.

    It is one of httpx's transports so that httpx chooses between several, by its rules for proxies; requests come to
    `send`.
    """

    def __init__(self, context: ssl.SSLContext | None, proxy: httpx.Proxy | None = None) -> None:
        self._context = context
        self._proxy: dict[str, Any] = {} if proxy is None else {"proxy": str(proxy.url), "proxy_headers": proxy.headers}
        self._session: aiohttp.ClientSession | None = None

    @property
    def connector(self) -> aiohttp.BaseConnector | None:
        """What keeps the connections."""
        return None if self._session is None else self._session.connector

    async def send(self, request: Outgoing, pieces: AsyncIterator[bytes] | None) -> aiohttp.ClientResponse:
        """Send a request and return its reply, whose head has come."""
        if self._session is None:
            verify = self._context or bool(self._proxy)  # a proxy may be https of its own
            connector = _Connector(limit=0, keepalive_timeout=_http.IDLE_SECONDS, ssl=verify)
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, timeout=ENDLESS
            )
        return await self._session.request(
            request.method,
            yarl.URL(request.address.url, encoded=True),
            data=request.content if pieces is None else pieces,
            headers=request.headers,
            allow_redirects=False,
            **self._proxy,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def _with_password_in_headers(proxy: httpx.Proxy) -> httpx.Proxy:
    """Return a proxy whose password is in the form that aiohttp does not deprecate; it sends it to the proxy alone."""
    if proxy.url.scheme not in {"http", "https"}:
        message = f"in event loops proxies of {proxy.url.scheme}:// are not supported"
        raise ValueError(message)
    if proxy.auth is None:
        return proxy
    token = b64encode(":".join(proxy.auth).encode()).decode()
    headers = [*proxy.headers.multi_items(), ("Authorization", f"Basic {token}")]
    return httpx.Proxy(proxy.url, ssl_context=proxy.ssl_context, headers=headers)


class _Connector(aiohttp.TCPConnector):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.in_use: weakref.WeakSet[Any] = weakref.WeakSet()

    async def connect(self, *args: Any, **options: Any) -> Any:
        connection = await super().connect(*args, **options)
        self.in_use.add(connection)
        entered("first_token", connection.transport)
        return connection


def _abandon(connector: aiohttp.BaseConnector) -> None:
    pooled = [protocol for places in connector._conns.values() for protocol, _ in places]  # noqa: SLF001
    protocols = [*pooled, *connector._acquired]  # noqa: SLF001
    connector._conns.clear()  # noqa: SLF001
    connector._acquired.clear()  # noqa: SLF001
    connector._closed = True  # noqa: SLF001
    for protocol in protocols:
        transport: Any = protocol.transport
        socket_side = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None) or transport
        with suppress(Exception):  # another kind of loop: its connections are left to the collector
            socket_side._call_connection_lost(None)  # noqa: SLF001
