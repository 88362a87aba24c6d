"""httpx's asynchronous client over aiohttp's connections."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

Wait = tuple[asyncio.Timeout, float | None]
_WAIT: ContextVar[Wait | None] = ContextVar("inference_do_wait", default=None)


class LoopClient(httpx.AsyncClient):
    """A client of one event loop. It keeps no cookies and follows httpx's rules for proxies.

    `places` counts its connections, so that waiting for one is told apart from making one.
    """

    def __init__(self, *, limits: httpx.Limits, **options: Any) -> None:
        self.places = asyncio.Semaphore(limits.max_connections or 1)
        super().__init__(limits=limits, **options)

    @contextmanager
    def on_connected(self, wait: asyncio.Timeout, seconds: float | None) -> Iterator[None]:
        """Let `wait` end that many seconds after the request has a connection."""
        token = _WAIT.set((wait, seconds))
        try:
            yield
        finally:
            _WAIT.reset(token)

    def _init_transport(self, *_: Any, transport: Any = None, **options: Any) -> httpx.AsyncBaseTransport:
        del transport  # there is none: this class is here to make it
        return _transport(**options)

    def _init_proxy_transport(self, proxy: httpx.Proxy, *_: Any, **options: Any) -> httpx.AsyncBaseTransport:
        return _transport(proxy=proxy, **options)


class _Connector(aiohttp.TCPConnector):
    async def connect(self, *args: Any, **options: Any) -> Any:
        connection = await super().connect(*args, **options)
        if (wait := _WAIT.get()) is not None and wait[1] is not None:
            wait[0].reschedule(asyncio.get_running_loop().time() + wait[1])
        return connection


def _transport(*, limits: httpx.Limits, **options: Any) -> httpx.AsyncBaseTransport:
    made = AiohttpTransport(limits=limits, **options)

    def session() -> aiohttp.ClientSession:
        connector = _Connector(limit=0, keepalive_timeout=limits.keepalive_expiry, ssl=made.ssl_context)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    made.client = session
    return made
