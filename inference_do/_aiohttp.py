"""httpx's asynchronous client over aiohttp's connections."""

from __future__ import annotations

from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport


class LoopClient(httpx.AsyncClient):
    """A client of one event loop. It keeps no cookies and follows httpx's rules for proxies."""

    def _init_transport(self, *_: Any, transport: Any = None, **options: Any) -> httpx.AsyncBaseTransport:
        del transport  # there is none: this class is here to make it
        return _transport(**options)

    def _init_proxy_transport(self, proxy: httpx.Proxy, *_: Any, **options: Any) -> httpx.AsyncBaseTransport:
        return _transport(proxy=proxy, **options)


def _transport(*, limits: httpx.Limits, **options: Any) -> httpx.AsyncBaseTransport:
    made = AiohttpTransport(limits=limits, **options)

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=limits.max_connections or 0,
            keepalive_timeout=limits.keepalive_expiry,
            ssl=made.ssl_context,
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    made.client = session
    return made
