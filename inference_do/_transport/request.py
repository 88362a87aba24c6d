"""How an httpx client makes its request of ours."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from functools import cache, lru_cache
from typing import Any

import httpx

from .._call import Request
from ..config import Config
from ..errors import ConfigError
from .pool import ATTEMPT
from .sockets import Attempt


def build_request(
    client: Any, request: Request, config: Config, limits: dict[str, float | None], attempt: Attempt
) -> Any:
    """Return a request as a client makes it, with the key.

    Raises:
        ConfigError: Its URL cannot be written, or there is no key.
    """
    url = _url(request)  # first: should it fail, this frame has not seen the key
    return client.build_request(
        request.method,
        url if isinstance(client, httpx.Client | httpx.AsyncClient) else str(url),
        headers={**request.headers, "Authorization": f"Bearer {config.secret.reveal()}"},
        content=request.content,
        extensions={"timeout": limits, ATTEMPT: attempt},
    )


def _url(request: Request) -> httpx.URL:
    try:
        return httpx.URL(request.url, params=dict(request.query)) if request.query else _parsed(request.url)
    except (httpx.InvalidURL, UnicodeError) as error:
        reason = type(error).__name__
    message = f"base_url, default_query or extra_query cannot be written as a URL ({reason})"
    raise ConfigError(message)


@lru_cache(maxsize=64)
def _parsed(url: str) -> httpx.URL:
    """Parse a URL; a client has few, and httpx would parse it for each call."""
    return httpx.URL(url)


def auth_of(client: Any, face: Any) -> Any:
    """Return a caller's own auth flow, which may read, sign and repeat requests; it does not replace the key."""
    return None if client.auth is None else _keeping(face)(client.auth)


@cache
def _keeping(face: Any) -> Any:
    class KeepingKey(face.Auth):  # type: ignore[misc]  # of httpx or httpx2
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
            key = request.headers["Authorization"]
            flow = self._inner.sync_auth_flow(request)
            response = None
            try:
                while True:
                    made = flow.send(response)
                    made.headers["Authorization"] = key
                    response = yield made
            except StopIteration:
                return
            finally:
                flow.close()

        async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
            key = request.headers["Authorization"]
            flow = self._inner.async_auth_flow(request)
            response = None
            try:
                while True:
                    made = await flow.asend(response)
                    made.headers["Authorization"] = key
                    response = yield made
            except StopAsyncIteration:
                return
            finally:
                await flow.aclose()

    return KeepingKey
