"""The TLS context of a client: the system's rules, the authorities that httpx trusts, and those of `ca=`."""

from __future__ import annotations

import os
import ssl
from functools import cache

from ..config import PEM, Config


def tls_context(config: Config) -> ssl.SSLContext | None:
    """Return the context for https, None for plain http.

    Raises:
        OSError, ValueError: `ca`, or what `SSL_CERT_FILE` or `SSL_CERT_DIR` names, holds no certificates.
    """
    if not config.base_url.startswith("https:"):
        return None
    return default_context(config.ca)


def default_context(ca: str | None = None) -> ssl.SSLContext:
    """Return the context that trusts what the environment names, else certifi's list, and `ca` besides."""
    return _context(ca, os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None)


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
