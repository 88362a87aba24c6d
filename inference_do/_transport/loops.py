"""The httpx clients of an `AsyncClient`, one for each event loop, and its exchanges.

A loop's client lives in a suspended asynchronous generator. `asyncio.run` closes the generators of its loop when it
ends, and thereby the client, in the loop where that is possible. What a loop leaves that was closed in another way is
closed when the next loop asks for a client, or the owner is gone.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
import weakref
from collections.abc import AsyncGenerator
from contextlib import suppress
from functools import partial
from typing import Any

import httpx

from .._call import Disconnected, Head, Request, Send
from ..config import Config, check_http_client
from .exchange import Exchange, built
from .faults import closed, interrupted
from .loop_sockets import LoopNetwork
from .pool import IDLE_SECONDS, Pool, PooledResponse
from .proxies import proxy_of
from .tls import tls_context

RETIRE_SECONDS = 0.5


class AsyncTransport(httpx.AsyncHTTPTransport):
    """httpx's transport with the connections of our pool; see `threads.Transport`."""

    def __init__(self, context: ssl.SSLContext | None, proxy: httpx.Proxy | None) -> None:
        limits = httpx.Limits(max_connections=1000, max_keepalive_connections=None, keepalive_expiry=IDLE_SECONDS)
        super().__init__(verify=context or False, limits=limits, proxy=proxy, trust_env=False)
        self.pool: Pool | None = None
        if hasattr(self, "_pool") and (proxy is None or proxy.url.scheme != "https"):
            self.pool = Pool(LoopNetwork(), context, proxy)
            self._pool: Any = _HTTPCoreFace(self.pool)

    def __del__(self) -> None:
        """Close what its loop left, which may be closed."""
        if self.pool is not None:
            self.pool.close()


class _HTTPCoreFace:
    """A pool in the form of httpcore's."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def handle_async_request(self, request: Any) -> PooledResponse:
        return await self._pool.send(request, b"".join([part async for part in request.stream]))

    async def aclose(self) -> None:
        self._pool.close()


class AsyncHTTP:
    """The HTTP side of an `AsyncClient`."""

    def __init__(self, config: Config, client: Any = None) -> None:
        self._config = config
        self._given = check_http_client(client, is_async=True)
        self._lifespans: dict[asyncio.AbstractEventLoop, AsyncGenerator[httpx.AsyncClient, None]] = {}
        self._clients: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}
        self._exchanges: weakref.WeakSet[AsyncExchange] = weakref.WeakSet()
        weakref.finalize(self, _retire, self._lifespans).atexit = False

    async def client(self) -> Any:
        """Return the client of the running loop, made on first use, or the caller's own."""
        if self._given is not None:
            return self._given
        loop = asyncio.get_running_loop()
        if (client := self._clients.get(loop)) is None:
            for other in [other for other in list(self._lifespans) if other.is_closed()]:
                self._forget(other)
            lifespan = _lifespan(weakref.ref(self), self._config)
            self._lifespans[loop] = lifespan
            client = self._clients[loop] = await anext(lifespan)
        return client

    def is_current(self, client: Any) -> bool:
        """Return whether a client that was used is still the one to use."""
        return client is self._given or client is self._clients.get(asyncio.get_running_loop())

    def _forget(self, loop: asyncio.AbstractEventLoop) -> None:
        self._lifespans.pop(loop, None)
        self._clients.pop(loop, None)

    def exchange(self, request: Request) -> AsyncExchange:
        """Begin a call."""
        exchange = AsyncExchange(self, request, self._config)
        self._exchanges.add(exchange)
        return exchange

    def interrupt(self, client: Any) -> None:
        """End the calls that a client has under way."""
        for exchange in list(self._exchanges):
            exchange.close_client(client)

    async def aclose(self) -> None:
        """Close the running loop's client, unless it is the caller's. Other loops close theirs."""
        if (lifespan := self._lifespans.get(asyncio.get_running_loop())) is not None:
            await lifespan.aclose()


def _retire(lifespans: dict[asyncio.AbstractEventLoop, AsyncGenerator[httpx.AsyncClient, None]]) -> None:
    """Close the clients of an owner that is gone.

    It takes a moment, in which a loop that is just ending closes its client by itself, as part of its end.
    """
    for loop, lifespan in lifespans.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(loop.call_later, RETIRE_SECONDS, _close_lifespan, loop, lifespan)


def _close_lifespan(loop: asyncio.AbstractEventLoop, lifespan: AsyncGenerator[httpx.AsyncClient, None]) -> None:
    loop.create_task(_ended(lifespan))


async def _ended(lifespan: AsyncGenerator[httpx.AsyncClient, None]) -> None:
    with suppress(RuntimeError):  # the loop is ending, and is at this very generator
        await lifespan.aclose()


async def _lifespan(owner: weakref.ref[AsyncHTTP], config: Config) -> AsyncGenerator[httpx.AsyncClient, None]:
    """Hold a loop's client; closing the generator, which the loop does when it shuts down, closes the client."""
    client = built(partial(_make, config), config)
    loop = asyncio.get_running_loop()
    try:
        yield client
    finally:
        if (http := owner()) is not None:
            http._forget(loop)  # noqa: SLF001
            http.interrupt(client)
        await client.aclose()
        await asyncio.sleep(0)  # in which the connections end


def _make(config: Config) -> httpx.AsyncClient:
    transport = AsyncTransport(tls_context(config), proxy_of(config))
    return httpx.AsyncClient(transport=transport, trust_env=False)


class AsyncExchange(Exchange):
    """The requests of one call in an event loop."""

    __slots__ = ("_http", "_timer")

    def __init__(self, http: AsyncHTTP, request: Request, config: Config) -> None:
        super().__init__(request, config)
        self._http = http
        self._timer: asyncio.Timeout | None = None  # of what is waited for

    def interrupt(self) -> None:
        """End the wait of the task that makes the call, from another one."""
        self._end_wait(interrupted())

    def _end_wait(self, reason: Disconnected) -> None:
        self._interrupt(reason)
        if self._timer is not None:
            with suppress(RuntimeError):  # it is over already
                self._timer.reschedule(0)

    def close_client(self, client: Any) -> None:
        """End a call whose client is being closed."""
        if self._client is client:
            self._end_wait(closed())

    def _is_current(self, client: Any) -> bool:
        return self._http.is_current(client)

    async def send(self, command: Send) -> Head:
        """Send the request and return the head of its response."""
        client = await self._http.client()
        arguments = self._begin(client, command)
        handled = sys.exception()
        try:
            async with asyncio.timeout(None) as self._timer:
                try:
                    response = await client.send(**arguments)
                except self._face.HTTPStatusError as error:  # an event hook's
                    response = error.response
            return self._head(response, aiter)
        except BaseException as error:  # noqa: BLE001  nothing foreign may pass
            failure = self._failure(error, handled)
            arguments = {}  # which hold the key
        raise failure

    async def read(self, timeout: float | None) -> bytes:  # noqa: ASYNC109  the flow sets it
        """Return more of the response's body, nothing at its end."""
        if piece := self._next_piece():
            await asyncio.sleep(0)  # what decompresses to much does not keep the loop
            return piece
        if self._body is None:
            return b""
        self._limits["read"] = timeout
        handled = sys.exception()
        try:
            return await self._read(timeout)
        except BaseException as error:  # noqa: BLE001  nothing foreign may pass
            failure = self._failure(error, handled)
        raise failure

    async def sleep(self, seconds: float) -> None:
        """Wait; closing the client or the stream ends it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as self._timer:
                await asyncio.sleep(seconds)
        self._check()

    async def _read(self, timeout: float | None) -> bytes:  # noqa: ASYNC109  as above
        if self._is_ours:
            return await self._next()
        self._limits["read"] = None  # another transport looks at it once; so each read is timed here
        async with asyncio.timeout(timeout) as self._timer:
            return await self._next()

    async def _next(self) -> bytes:
        async for data in self._body:
            if data and (piece := self._decompress(data)):
                return piece
        return self._end()

    async def release(self) -> None:
        """Be done with the response, if there is one."""
        body = self._body
        if (response := self._forget()) is None:
            return
        with suppress(Exception):  # it is closed either way
            await response.aclose()
            if self._is_ours and body is not None:
                async for _ in body:  # httpx's generators come to their end, and leave nothing to the loop
                    pass
