"""Which proxy the environment names for an address, and how a connection goes through it.

The rules are httpx's, with two additions: networks in NO_PROXY (`10.0.0.0/8`, `fd00::/8`), which httpx does not read or
refuses, and that a proxy which is not used is not looked at. A client has one address, so one answer is all it needs.
"""

from __future__ import annotations

import base64
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.request import getproxies

import httpx

from ..config import Config
from .http11 import ResponseParser, request_head

if TYPE_CHECKING:
    from .sockets import Socket

PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


def proxy_of(config: Config) -> httpx.Proxy | None:
    """Return the proxy for a client's requests. Plain http to this machine takes none: the proxy would see the key."""
    return None if config.is_of_this_machine else environment_proxy(config.base_url)


def environment_proxy(url: str) -> httpx.Proxy | None:
    """Return the proxy that the environment, or the system's settings, name for an address.

    Raises:
        ValueError: It is no URL, or of a kind that there is not.
    """
    named = getproxies()
    address = httpx.URL(url)
    proxy = named.get(address.scheme) or named.get("all")
    if not proxy or is_exempt(address, named.get("no", "")):
        return None
    try:
        made = httpx.Proxy(proxy if "://" in proxy else f"http://{proxy}")
    except (ValueError, httpx.InvalidURL):
        made = None  # its words may hold a part of the password
    if made is None or not made.url.host or made.url.scheme not in PORTS:
        message = f"the proxy for {address.scheme}:// must be an http, https, socks5 or socks5h URL"
        raise ValueError(message)
    return made


def is_exempt(address: httpx.URL, no_proxy: str) -> bool:
    """Return whether NO_PROXY names an address: its host, a domain above it, its network, with or without port."""
    return any(_names(entry, address) for item in no_proxy.split(",") if (entry := item.strip().lower()))


def _names(entry: str, address: httpx.URL) -> bool:
    if entry == "*":
        return True
    scheme, separator, rest = entry.partition("://")
    if separator and scheme not in {address.scheme, "all"}:
        return False
    entry = rest if separator else entry
    if (network := _network(entry)) is not None:
        return _is_in(address.host, network)
    host, port = _host_and_port(entry)
    if port is not None and port != (address.port or PORTS[address.scheme]):
        return False
    if (network := _network(host)) is not None:
        return _is_in(address.host, network)
    domain = host.removeprefix("*").removeprefix(".")
    is_inside = address.host.endswith(f".{domain}")
    return is_inside if host.startswith(("*.", ".")) else is_inside or address.host == domain


def _host_and_port(entry: str) -> tuple[str, int | None]:
    host, separator, port = entry.rpartition(":")
    return (host, int(port)) if separator and port.isdecimal() else (entry, None)


def _network(text: str) -> object | None:
    try:
        return ip_network(text.removeprefix("[").removesuffix("]"), strict=False)
    except ValueError:
        return None


def _is_in(host: str, network: object) -> bool:
    try:
        return ip_address(host) in network  # type: ignore[operator]  # of another version it is in none
    except ValueError:
        return False


def authorization(proxy: httpx.Proxy) -> list[tuple[bytes, bytes]]:
    """Return the header that a proxy wants, if its URL has a user name."""
    if proxy.raw_auth is None:
        return []
    return [(b"Proxy-Authorization", b"Basic " + base64.b64encode(b":".join(proxy.raw_auth)))]


async def open_tunnel(socket: Socket, host: bytes, port: int, proxy: httpx.Proxy, ends: float) -> None:
    """Ask a proxy to lead a connection on to a host.

    Raises:
        httpx.ProxyError: It refused.
        httpx.ConnectTimeout: It did not answer in time.
    """
    if proxy.url.scheme.startswith("socks"):
        await _open_socks(socket, host, port, proxy, ends)
        return
    to = b"%b:%d" % (b"[%b]" % host if b":" in host else host, port)
    await socket.write(request_head(b"CONNECT", to, [(b"Host", to), *authorization(proxy)]), ends)
    parser = ResponseParser()
    while not parser.has_head:
        parser.feed(await socket.read(ends))
        parser.check()
    parser.close()
    if not httpx.codes.is_success(parser.status):
        message = f"{parser.status} {httpx.codes.get_reason_phrase(parser.status)}".strip()
        raise httpx.ProxyError(message)


async def _open_socks(socket: Socket, host: bytes, port: int, proxy: httpx.Proxy, ends: float) -> None:
    try:
        from socksio import socks5  # noqa: PLC0415  rarely needed, and an extra of httpx's
        from socksio.exceptions import ProtocolError as SOCKSError  # noqa: PLC0415
    except ImportError:
        message = "a SOCKS proxy needs the package socksio: pip install 'httpx[socks]'"
        raise httpx.UnsupportedProtocol(message) from None
    connection = socks5.SOCKS5Connection()

    async def exchange(request: object) -> object:
        connection.send(request)
        await socket.write(connection.data_to_send(), ends)
        if not (data := await socket.read(ends)):
            raise httpx.ProxyError(CLOSED)
        try:
            return connection.receive_data(data)
        except SOCKSError:
            raise httpx.ProxyError(MALFORMED) from None

    method = socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED
    if proxy.raw_auth is not None:
        method = socks5.SOCKS5AuthMethod.USERNAME_PASSWORD
    chosen = await exchange(socks5.SOCKS5AuthMethodsRequest([method]))
    if getattr(chosen, "method", None) != method:
        raise httpx.ProxyError(REFUSED_METHOD)
    if proxy.raw_auth is not None:
        answer = await exchange(socks5.SOCKS5UsernamePasswordRequest(*proxy.raw_auth))
        if not getattr(answer, "success", False):
            raise httpx.ProxyError(REFUSED_PASSWORD)
    command = socks5.SOCKS5CommandRequest.from_address(socks5.SOCKS5Command.CONNECT, (host.decode("ascii"), port))
    answer = await exchange(command)
    if getattr(answer, "reply_code", None) != socks5.SOCKS5ReplyCode.SUCCEEDED:
        code = getattr(getattr(answer, "reply_code", None), "name", "an unknown code")
        raise httpx.ProxyError(f"{code.replace('_', ' ').lower()}")


CLOSED = "it closed the connection"
MALFORMED = "what came is not SOCKS5"
REFUSED_METHOD = "it accepts no password, or wants one"
REFUSED_PASSWORD = "it refused the user name or password"  # noqa: S105  a message
