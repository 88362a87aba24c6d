"""What both HTTP sides share: the request, how clients are built, and what their failures are called.

Only this module and those beside it (`_threads.py`, `_pool.py` and `_http11.py` for threads, `_loops.py` and
`_aiohttp.py` for event loops) know an HTTP library. Whatever a library raises is put into two words here,
`Disconnected` and `TimedOut`, and no exception of theirs goes further: they may hold the request, and with it the key.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from http import HTTPStatus
from typing import Any, TypeVar

import httpx

from ._call import Disconnected, Send, TimedOut
from .config import PEM, Config
from .errors import ConfigError, Phase

C = TypeVar("C")

MAX_CONNECTIONS = 1000
IDLE_SECONDS = 60.0
SLICE = 4096  # bytes given to the decompressor at once, so that a bomb is noticed before it has gone off


Seconds = Mapping[str, float | None]
"""Limits of a request's phases as httpx names them (`connect`, `pool`, `write`, `read`); None is for ever."""

Headers = Sequence[tuple[bytes, bytes]]
"""Headers as they came over the wire."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it is sent, with the key."""

    method: str
    url: httpx.URL = field(repr=False)  # gateways take keys in its query
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, the same bytes on every attempt; the Authorization header is added when it is."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, Any]
    content: bytes | None

    def outgoing(self, config: Config) -> Outgoing:
        """Return the request with the key in it.

        Raises:
            ConfigError: Its URL cannot be written, or there is no key.
        """
        address = self._address()  # first: should it fail, this frame has not seen the key
        headers = {**self.headers, "Authorization": f"Bearer {config.secret.reveal()}"}
        return Outgoing(self.method, address, headers, self.content)

    def of(self, client: Any, config: Config, limits: dict[str, float | None]) -> Any:
        """Return the request as a caller's own client makes it, whose HTTP library need not be ours."""
        sent = self.outgoing(config)
        return client.build_request(
            sent.method,
            str(sent.url),
            headers=dict(sent.headers),
            content=sent.content,
            extensions={"timeout": limits},
        )

    def _address(self) -> httpx.URL:
        try:
            return httpx.URL(self.url, params=dict(self.query)) if self.query else _parsed(self.url)
        except (httpx.InvalidURL, UnicodeError) as error:
            reason = type(error).__name__
        message = f"base_url, default_query or extra_query cannot be written as a URL ({reason})"
        raise ConfigError(message)


@lru_cache(maxsize=64)
def _parsed(url: str) -> httpx.URL:
    return httpx.URL(url)


def by_name(headers: Headers) -> dict[str, str]:
    """Return headers by their lower-case names; what stands there more than once is joined with commas."""
    named: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), _text(value)
        named[key] = f"{named[key]}, {text}" if key in named else text
    return named


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def decoded(headers: Headers, body: Any) -> httpx.Response:
    """Return a body to be read decompressed, by `iter_bytes()` or `aiter_bytes()`."""
    return httpx.Response(HTTPStatus.OK, headers=list(headers), stream=Sliced(body))


class Sliced(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A compressed body in small pieces."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            for start in range(0, len(chunk), SLICE):
                yield chunk[start : start + SLICE]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            for start in range(0, len(chunk), SLICE):
                yield chunk[start : start + SLICE]


@cache
def _ssl_context(ca: str | None) -> ssl.SSLContext:
    context = httpx.create_ssl_context()  # reads the certificates of all authorities: once, and only when needed
    if ca is not None:
        context.load_verify_locations(**({"cadata": ca} if PEM in ca else {"cafile": ca}))
    return context


def _verify(config: Config) -> ssl.SSLContext | bool:
    return _ssl_context(config.ca) if config.base_url.startswith("https:") else False


def built(kind: Callable[..., C], config: Config) -> C:
    """Make a client of our own.

    Raises:
        ConfigError: The environment names a proxy or certificates that cannot be used.
    """
    limits = httpx.Limits(max_connections=MAX_CONNECTIONS, keepalive_expiry=IDLE_SECONDS)
    # The environment's proxy is for other machines: over plain http it would see the key.
    trusts = not config.is_of_this_machine
    try:
        return kind(verify=_verify(config), limits=limits, timeout=None, trust_env=trusts)
    except httpx.InvalidURL:
        reason = "a proxy's URL cannot be read"  # its own words may hold a part of the password
    except (ValueError, OSError, ImportError) as error:
        reason = str(error)
    where = "ca or the environment" if config.ca else "the environment"
    message = f"the proxy or certificates that {where} names cannot be used: {reason[:300]}"
    raise ConfigError(message)


def timeouts(command: Send) -> dict[str, float | None]:
    return {"connect": command.connect, "pool": command.pool, "write": command.write, "read": command.read}


def closed() -> Disconnected:
    """Say that the client was closed while the call was under way: it ends then, and opens no new connection."""
    return Disconnected("the client was closed", sent=False, hopeless=True)


def interrupted() -> Disconnected:
    """Say that a stream was closed by another thread or task than the one that reads it."""
    return Disconnected("it was closed while it was read", sent=True, hopeless=True)


PHASES: dict[str, Phase | None] = {
    "ConnectTimeout": "connect",
    "ConnectionTimeoutError": "connect",  # aiohttp's
    "PoolTimeout": "pool",
    "WriteTimeout": "write",
    "ReadTimeout": None,
    "SocketTimeoutError": None,  # aiohttp's
    "TimeoutError": None,
}
"""What timed out, by the exception's name: httpx, httpx2 and aiohttp say the same things in their own classes."""

UNSENT = frozenset({"ConnectError", "ClientConnectorError", "ProxyError", "ClientHttpProxyError"})
PASSING = frozenset(
    {"TransportError", "NetworkError", "ProtocolError", "ProxyError"}  # httpx's, and httpcore's
    | {"ClientError", "OSError", "EndOfStream", "ClosedResourceError"}
)
HOPELESS = frozenset({"SSLCertVerificationError", "LocalProtocolError", "UnsupportedProtocol", "InvalidURL"})


def fault(error: Exception, handled: BaseException | None) -> Disconnected | TimedOut:
    """Say in our own words what a library raised: the same words, whichever library it was.

    Where aiohttp raised it under a caller's httpx client (`httpx-aiohttp`), its class counts and not the one that was
    made of it, which is often wrong: a disconnect becomes a timeout there.
    """
    chain = _chain(error, handled)
    told_by = next((link for link in chain if type(link).__module__.startswith("aiohttp")), error)
    names = [kind.__name__ for kind in type(told_by).__mro__]
    for name in names:
        if name in PHASES:
            return TimedOut(PHASES[name])
    if "DecodingError" in names:
        return Disconnected("the reply's compression is broken", sent=True, hopeless=True, garbled=True)
    if PASSING.isdisjoint(names) or any(type(link).__name__ in HOPELESS for link in chain):
        return Disconnected(
            f"the request cannot be sent: {' '.join(str(error).split())[:300]}", sent=False, hopeless=True
        )
    if UNSENT.isdisjoint(names):
        return Disconnected("the connection to the API broke before the reply was complete", sent=True)
    if (said := _refusal_of_proxy(told_by)) is not None:
        return Disconnected(
            f"no connection to the API: the proxy answered {said}", sent=False, hopeless=said[:1] == "4"
        )
    reason = next((_reason(link) for link in reversed(chain) if isinstance(link, OSError) and link.errno), "")
    return Disconnected(f"no connection to the API{reason}", sent=False)


def _refusal_of_proxy(error: BaseException) -> str | None:
    """Return what a proxy answered in place of a connection: a status and its phrase, nothing of its own words."""
    said = str(getattr(error, "status", "") or error)[:3]
    if not type(error).__name__.endswith("ProxyError") or not said.isdecimal():
        return None
    try:
        return f"{said} {HTTPStatus(int(said)).phrase}"
    except ValueError:
        return said


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return ": the host's name was not found"
    return f": {os.strerror(error.errno or 0)}"


def _chain(error: BaseException, handled: BaseException | None) -> list[BaseException]:
    """Return an exception and what led to it, up to what the caller was already handling when it called us."""
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link is not handled and link not in links:
        links.append(link)
        link = link.__cause__ or link.__context__
    return links
