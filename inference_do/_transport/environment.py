"""What of the environment a client's connections go by: certificates, and the proxy for its address.

httpx looks for a proxy for any address. A client has one, so one answer is enough; and NO_PROXY may name networks
(`10.0.0.0/8`, `fd00::/8`), which httpx ignores or refuses. Names are matched by the standard library.
"""

from __future__ import annotations

import os
import ssl
from functools import cache
from ipaddress import ip_address, ip_network
from urllib.request import getproxies, proxy_bypass

import httpx

from inference_do.config import PEM, Config

PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
SOCKS = frozenset({"socks5", "socks5h"})


def tls_context(config: Config) -> ssl.SSLContext | None:
    """Return the context for https, None for plain http.

    Raises:
        OSError, ValueError: `ca`, or what `SSL_CERT_FILE` or `SSL_CERT_DIR` names, holds no certificates.
    """
    if not config.base_url.startswith("https:"):
        return None
    return _context(config.ca, os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None)


@cache
def _context(ca: str | None, file: str | None, folder: str | None) -> ssl.SSLContext:
    """Make a context. Reading the certificates of all authorities takes milliseconds, so it is done once."""
    if file is None and folder is None:
        import certifi  # noqa: PLC0415  not where the environment names other certificates

        file = certifi.where()
    context = ssl.create_default_context(cafile=file, capath=None if file else folder)
    context.hostname_checks_common_name = False  # RFC 9525: names stand in subjectAltName
    context.set_alpn_protocols(["http/1.1"])
    if ca is not None:
        context.load_verify_locations(**({"cadata": ca} if PEM in ca else {"cafile": ca}))
    return context


def proxy_of(config: Config) -> httpx.Proxy | None:
    """Return the proxy for a client's requests. Plain http to this machine takes none: the proxy would see the key.

    Raises:
        ValueError: It is no URL, or of a kind that there is not.
    """
    if config.is_of_this_machine:
        return None
    address, named = httpx.URL(config.base_url), getproxies()
    proxy = named.get(address.scheme) or named.get("all")
    if not proxy or _is_exempt(address, named.get("no", "")):
        return None
    try:
        made = httpx.Proxy(proxy if "://" in proxy else f"http://{proxy}")
    except (ValueError, httpx.InvalidURL):
        made = None  # its text may hold a part of the password
    if made is None or not made.url.host or made.url.scheme not in PORTS:
        message = f"the proxy for {address.scheme}:// must be an http, https, socks5 or socks5h URL"
        raise ValueError(message)
    return made


def _is_exempt(address: httpx.URL, no_proxy: str) -> bool:
    """Return whether NO_PROXY names an address: by its host, a domain above it, a network, with or without port."""
    for entry in no_proxy.split(","):
        if entry.strip() == "*":
            return True
        try:
            if ip_address(address.host) in ip_network(entry.strip(" []"), strict=False):
                return True
        except ValueError:  # one of them is a name
            continue
    host = f"[{address.host}]" if ":" in address.host else address.host
    return bool(proxy_bypass(f"{host}:{address.port or PORTS[address.scheme]}"))
