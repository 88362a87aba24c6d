"""What both HTTP sides share: the request, how clients are built, and what their failures are called.

Only this module and those beside it know an HTTP library: `_threads.py`, `_pool.py`, `_http11.py`, `_sockets.py` and
`_proxies.py` for threads, `_loops.py` and `_aiohttp.py` for event loops, `_decoding.py` for both. Whatever a library
raises is put into two words here, `Disconnected` and `TimedOut`, and no exception of theirs goes further: they may hold
the request, and with it the key.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ._call import Disconnected, Send, TimedOut
from .config import PEM, Config
from .errors import ConfigError, Phase

if TYPE_CHECKING:
    import httpx

C = TypeVar("C")

MAX_CONNECTIONS = 1000
IDLE_SECONDS = 60.0

Seconds = Mapping[str, float | None]
"""Limits of a request's phases as httpx names them (`connect`, `pool`, `write`, `read`); None is for ever."""

Headers = Sequence[tuple[bytes, bytes]]
"""Headers as they came over the wire."""


PLAIN_URL = re.compile(r"(https?)://([A-Za-z0-9._-]+)(?::([0-9]{1,5}))?(/[A-Za-z0-9._~/:@-]*)")
"""URLs of which every character means itself; others are httpx's business."""

PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """A URL, taken apart and fit to be sent."""

    scheme: str
    host: str
    """A name as it stands in DNS, or an address; one of IPv6 without brackets."""
    port: int
    netloc: str
    """The host, and the port if it is not the scheme's: what the Host header says."""
    target: str
    """Path and query."""

    @property
    def url(self) -> str:
        """The whole URL."""
        return f"{self.scheme}://{self.netloc}{self.target}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """What a connection goes to."""
        return self[:3]


@dataclass(frozen=True, slots=True, eq=False)
class Outgoing:
    """A request as it is sent, with the key."""

    method: str
    address: Address = field(repr=False)  # gateways take keys in its query
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
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
        length = {} if self.content is None else {"Content-Length": str(len(self.content))}
        headers = {**self.headers, "Authorization": f"Bearer {config.secret.reveal()}", **length}
        return Outgoing(self.method, address, headers, self.content)

    def of(self, client: Any, config: Config, limits: dict[str, float | None]) -> Any:
        """Return the request as a caller's own client makes it, whose HTTP library need not be ours."""
        sent = self.outgoing(config)
        return client.build_request(
            sent.method,
            sent.address.url,
            headers=dict(sent.headers),
            content=sent.content,
            extensions={"timeout": limits},
        )

    def _address(self) -> Address:
        """Return where it goes, URL and query."""
        if not self.query and (plain := _plain(self.url)) is not None:
            return plain
        from httpx import URL, InvalidURL  # noqa: PLC0415  only for what is out of the ordinary

        try:
            url = URL(self.url, params=dict(self.query)) if self.query else URL(self.url)
            host, netloc, target = (text.decode("ascii") for text in (url.raw_host, url.netloc, url.raw_path))
            return Address(url.scheme, host, url.port or PORTS[url.scheme], netloc, target)
        except (InvalidURL, UnicodeError) as error:
            reason = type(error).__name__
        message = f"base_url, default_query or extra_query cannot be written as a URL ({reason})"
        raise ConfigError(message)


@lru_cache(maxsize=64)
def _plain(url: str) -> Address | None:
    """Take a plain URL apart; None if it is not plain."""
    if (found := PLAIN_URL.fullmatch(url)) is None:
        return None
    scheme, host, port, target = found.groups()
    host = host.lower()
    if host[-1].isdecimal() and not _is_address(host):
        return None
    number = int(port or PORTS[scheme])
    return Address(scheme, host, number, host if number == PORTS[scheme] else f"{host}:{number}", target)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


FRAMING = frozenset({"content-length", "transfer-encoding"})
"""Headers of a reply that tell where it ends; without them the end of its connection does."""


def by_name(headers: Headers) -> dict[str, str]:
    """Return headers by their lower-case names; what stands there more than once is joined with commas."""
    named: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), _text(value)
        named[key] = f"{named[key]}, {text}" if key in named else text
    return named


def decoded(headers: Headers, body: Any) -> httpx.Response:
    """Return a compressed body to be read decompressed, by `iter_bytes()` or `aiter_bytes()`."""
    from ._decoding import response  # noqa: PLC0415  httpx is imported when the first compressed reply comes

    return response(headers, body)


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


@cache
def _context(ca: str | None, file: str | None, folder: str | None) -> ssl.SSLContext:
    """Make a context, which reads the certificates of all authorities: once, and only when it is needed."""
    if file is None and folder is None:
        import certifi  # noqa: PLC0415  not where the environment names other certificates

        file = certifi.where()
    context = ssl.create_default_context(cafile=file, capath=None if file else folder)
    if ca is not None:
        context.load_verify_locations(**({"cadata": ca} if PEM in ca else {"cafile": ca}))
    return context


def context_of(config: Config) -> ssl.SSLContext | None:
    """Return what TLS goes by, None for plain http.

    Raises:
        OSError, ValueError: `ca`, or what `SSL_CERT_FILE` or `SSL_CERT_DIR` names, holds no certificates.
    """
    if not config.base_url.startswith("https:"):
        return None
    file, folder = os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None
    return _context(config.ca, file, folder)


def trusts_environment(config: Config) -> bool:
    """Tell whether the environment may name a proxy: it is for other machines, and over plain http sees the key."""
    return not config.is_of_this_machine


def names_proxies() -> bool:
    """Tell whether the environment, or the system's settings, may name a proxy."""
    if sys.platform in {"darwin", "win32"}:
        from urllib.request import getproxies  # noqa: PLC0415

        return bool(getproxies())
    return any(
        value and name.lower().endswith("_proxy") and name.lower() != "no_proxy" for name, value in os.environ.items()
    )


def built(make: Callable[[], C], config: Config) -> C:
    """Make what connects.

    Raises:
        ConfigError: The environment names a proxy or certificates that cannot be used.
    """
    try:
        return make()
    except (ValueError, OSError, ImportError) as error:
        reason = str(error)
    except Exception as error:
        if type(error).__name__ != "InvalidURL":  # httpx's
            raise
        reason = "a proxy's URL cannot be read"  # its own words may hold a part of the password
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
    if isinstance(error, ssl.SSLError):  # its errno is not the system's
        return f": TLS failed ({(error.reason or 'for no reason that was told').replace('_', ' ').lower()})"
    return f": {os.strerror(error.errno or 0)}"


def _chain(error: BaseException, handled: BaseException | None) -> list[BaseException]:
    """Return an exception and what led to it, up to what the caller was already handling when it called us."""
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link is not handled and link not in links:
        links.append(link)
        link = link.__cause__ or link.__context__
    return links
