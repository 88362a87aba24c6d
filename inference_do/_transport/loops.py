"""The httpx clients of an `AsyncClient`, one for each event loop, and its exchanges.

A loop's client lives in a suspended asynchronous generator. `asyncio.run` closes the generators of its loop when it
ends, and thereby the client, in the loop where that is possible. What a loop leaves that was closed in another way is
closed when the next loop asks for a client, or the owner is gone.
"""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import httpx

from inference_do._protocol.call import Disconnected, Head, PreparedRequest, Send
from inference_do._protocol.pacing import Turn
from inference_do.config import Config
from inference_do.errors import ConfigError

from .exchange import Exchange, Unpickled, make_transport
from .loop_sockets import LoopNetwork
from .pool import Pool

Lifespan = AsyncGenerator[httpx.AsyncClient, None]


class AsyncHTTP(Unpickled):
    """The HTTP side of an `AsyncClient`."""

    def __init__(self, config: Config, client: httpx.AsyncClient | None = None) -> None:
        self._config, self._given = config, client
        self._lifespans: dict[asyncio.AbstractEventLoop, Lifespan] = {}
        self._clients: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}
        self._exchanges: weakref.WeakSet[AsyncExchange] = weakref.WeakSet()
        self.pools: dict[asyncio.AbstractEventLoop, Pool] = {}
        weakref.finalize(self, _close_left, self.pools)

    async def client(self) -> httpx.AsyncClient:
        """Return the client of the running loop, made on first use, or the caller's own.

        Raises:
            ConfigError: No event loop of asyncio runs, as in trio.
        """
        if (loop := _running_loop()) is None:
            message = (
                "no event loop of asyncio is running, which AsyncClient needs; under trio, call Client in a thread"
            )
            raise ConfigError(message)
        if self._given is not None:
            return self._given
        if (client := self._clients.get(loop)) is None:
            _close_left(self.pools)
            for other in [other for other in list(self._lifespans) if other.is_closed()]:
                self.forget(other)
            lifespan = self._lifespans[loop] = _lifespan(weakref.ref(self), self._config)
            client = self._clients[loop] = await anext(lifespan)
        return client

    def is_current(self, client: Any) -> bool:
        return client is self._given or client is self._clients.get(asyncio.get_running_loop())

    def forget(self, loop: asyncio.AbstractEventLoop) -> None:
        """End what a loop's client, which is being closed, has under way, and forget it."""
        self._lifespans.pop(loop, None)
        self.pools.pop(loop, None)
        client = self._clients.pop(loop, None)
        if not loop.is_closed():
            for exchange in list(self._exchanges):
                exchange.client_closed(client)

    def exchange(self, request: PreparedRequest) -> AsyncExchange:
        exchange = AsyncExchange(self, request, self._config)
        self._exchanges.add(exchange)
        return exchange

    async def aclose(self) -> None:
        """Close the running loop's client, unless it is the caller's. Other loops close theirs."""
        if (loop := _running_loop()) is not None and (lifespan := self._lifespans.get(loop)) is not None:
            client = self._clients.get(loop)
            await lifespan.aclose()
            if client is not None:
                await client.aclose()


def _wake() -> None:
    """Do nothing: a loop that is given this does not wait any more."""


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


async def _lifespan(owner: weakref.ref[AsyncHTTP], config: Config) -> Lifespan:
    """Hold a loop's client; closing the generator, which the loop does when it shuts down, closes the client.

    A loop that does not look after its generators, as with nest_asyncio, leaves it to the garbage collector, and then
    nothing can be awaited.
    """
    is_looked_after = sys.get_asyncgen_hooks().finalizer is not None
    loop = asyncio.get_running_loop()
    transport, pool = make_transport(httpx.AsyncHTTPTransport, LoopNetwork(), config)
    if pool is not None and (http := owner()) is not None:
        http.pools[loop] = pool
        del http
    client = httpx.AsyncClient(transport=transport, trust_env=False)
    try:
        yield client
    finally:
        if (http := owner()) is not None:
            http.forget(loop)
        if pool is not None:
            pool.close()
        if is_looked_after:
            await client.aclose()


def _close_left(pools: dict[asyncio.AbstractEventLoop, Pool]) -> None:
    """Close the connections of loops that were closed without their asynchronous generators being shut down."""
    for loop in [loop for loop in list(pools) if loop.is_closed()]:
        pools.pop(loop).close()


class AsyncExchange(Exchange):
    """The requests of one call in an event loop."""

    iterate = staticmethod(aiter)
    _timer: asyncio.Timeout | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    """The loop in which the call waits, if it does."""

    def _end_wait(self, reason: Disconnected) -> None:
        if (loop := self._loop) is not None and loop is not _running_loop():
            with suppress(RuntimeError):  # the loop is closed, and the call with it
                loop.call_soon_threadsafe(self._end_wait, reason)
            return
        super()._end_wait(reason)
        if self._timer is not None:
            with suppress(RuntimeError):  # it is over already
                self._timer.reschedule(0)
        if loop is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_wake)  # in a signal's handler the loop still waits

    async def _key(self) -> str:
        return await self._config.secret.aget_secret_value()

    async def _perform(self, client: Any, request: Any) -> Any:
        async with asyncio.timeout(None) as self._timer:
            return await client.send(request, stream=True, auth=None, follow_redirects=False)

    async def send(self, command: Send) -> Head:
        self._loop = _running_loop()
        return await self._send(await self._http.client(), command)

    async def read(self, timeout: float | None) -> bytes:  # noqa: ASYNC109  the flow sets it
        handled = sys.exception()
        try:
            if self._pieces is not None and (piece := next(self._pieces, b"")):
                await asyncio.sleep(0)  # what decompresses to much does not keep the loop
                return piece
            if self._is_ours:
                self._limits["read"] = timeout
                return await self._next()
            self._limits["read"] = None  # another transport looks at it once; so each read is timed here
            async with asyncio.timeout(timeout) as self._timer:
                return await self._next()
        except BaseException as error:  # noqa: BLE001  nothing foreign may pass
            failure = self._failure(error, handled)
        try:
            raise failure
        finally:
            del failure  # as in `_send`

    async def _next(self) -> bytes:
        if self._body is not None:
            async for data in self._body:
                if data and (piece := data if self._inflate is None else self._decompress(data)):
                    return piece
        return self._end()

    async def sleep(self, seconds: float, turn: Turn | None = None) -> None:
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        self._loop = loop

        def wake() -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(woken.set)

        if turn is not None:
            turn.on_wake(wake)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds) as self._timer:
                await woken.wait()
        self._check()

    async def release(self) -> None:
        body = self._body
        if (response := self._forget()) is not None:
            with suppress(Exception):  # it is closed either way
                await response.aclose()
                if self._is_ours and body is not None:
                    async for _ in body:  # httpx's generators come to their end, and leave nothing to the loop
                        pass
