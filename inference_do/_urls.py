"""Where a key may be sent: base URLs, checked when a client is built."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from ._callers import callers_level
from .errors import ConfigError

BASE_URL = "https://inference.do-ai.run/v1"
KNOWLEDGE_URL = "https://kbaas.do-ai.run/v1"
AGENT_HOSTS = ".agents.do-ai.run"
VERSIONED_HOSTS = frozenset({"inference.do-ai.run", "kbaas.do-ai.run"})
OWN_HOSTS = ".do-ai.run"
DEDICATED_HOSTS = "-dedicated-inference.do-infra.ai"
"""DigitalOcean's hosts whose API is at `/v1`."""
BASE_URL_VARIABLE = "DIGITALOCEAN_INFERENCE_BASE_URL"

UNREAD_URLS: Mapping[str, tuple[str, ...]] = {
    BASE_URL: ("GRADIENT_INFERENCE_ENDPOINT", "GRADIENT_BASE_URL", "GRADIENT_AGENT_ENDPOINT"),
    KNOWLEDGE_URL: ("GRADIENT_KBASS_ENDPOINT",),
}
"""Variables that the retired SDK reads in place of a default address, and nothing here: https://pypi.org/project/gradient.
"""
OPENAI_URLS = ("OPENAI_BASE_URL", "OPENAI_API_BASE")
"""Variables that say where the key in `OPENAI_KEY` is for. They matter only to somebody who gives that key."""
OPENAI_KEY = "OPENAI_API_KEY"

PORTS = {"http": 80, "https": 443}
METHODS = ("/chat/completions", "/completions", "/embeddings", "/responses", "/messages", "/models")
"""What is added to a base URL."""
VERSION = re.compile(r"/v\d+[a-z0-9]*(/|$)")

LONGEST_URL = 2000
URL_OF_HOST = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[A-Za-z0-9._/-]*")
BEHIND_BRACKETS = re.compile(r"\][^:]")
HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?")


def check_base_url(url: object, *, allow_http: bool = False) -> str:
    """Return the base URL without a trailing slash, after checking that a key may be sent there.

    Args:
        url: The URL, or None for the environment's or DigitalOcean's.
        allow_http: Accept plain http to any host, for a private network.

    Raises:
        ConfigError: It is not an http(s) URL of a host, has user info, a query or a fragment, or is plain http to a
            host that is not this machine.
    """
    if not url and not (url := os.environ.get(BASE_URL_VARIABLE)):
        url = BASE_URL
    if not isinstance(url, str):
        message = f"base_url must be a string, not {type(url).__name__}"
        raise ConfigError(message)
    return checked(url, allow_http=bool(allow_http))


def warn_of_unread(url: str, *, is_openai_key: bool = False) -> None:
    """Warn where a variable of another package names another address than the one that the key is now sent to.

    Args:
        url: The address, which nobody gave: it is a default.
        is_openai_key: Whether the key is the value of `OPENAI_KEY`.
    """
    for name in (*UNREAD_URLS.get(url, ()), *(OPENAI_URLS if is_openai_key else ())):
        if (value := os.environ.get(name)) and urlsplit(url).netloc not in value:
            variable = f"Set {BASE_URL_VARIABLE} or give" if url == BASE_URL else "Give"
            warnings.warn(
                f"{name} is set, but not read: requests go to {url}. {variable} base_url= to send them elsewhere; "
                f"unset {name}, or give base_url={url!r}, if this is meant",
                stacklevel=callers_level(),
            )


@lru_cache(maxsize=64)  # an application builds its models anew for each request, of the same few addresses
def checked(url: str, *, allow_http: bool) -> str:
    """Check an address; one that is refused, which may hold a password or a key, is not remembered."""
    if "@" in url:
        message = "base_url must not hold a user name or password: the key is sent as a Bearer token"
        raise ConfigError(message)
    if "?" in url or "#" in url:
        message = "base_url must not have a query or a fragment: use default_query="
        raise ConfigError(message)
    parts, host = _parts_of(url.strip())
    if parts.scheme == "http" and not allow_http and not is_loopback(host):
        message = f"base_url must be https, or http to this machine only: {url!r} would send the key in the clear"
        raise ConfigError(message)
    if not all("!" <= character <= "~" for character in parts.path):
        message = f"base_url must not hold spaces or characters outside ASCII in its path: {url!r}"
        raise ConfigError(message)
    address = parts.geturl().rstrip("/")
    is_bare = not parts.path.strip("/") and (host in VERSIONED_HOSTS or host.endswith(DEDICATED_HOSTS))
    return f"{address}/v1" if is_bare else address


def _parts_of(url: str) -> tuple[SplitResult, str]:
    """Return a URL's parts and its host, after checking that both can be."""
    if len(url) > LONGEST_URL:
        message = f"base_url is longer than {LONGEST_URL:,} characters"
        raise ConfigError(message)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts = None
    if parts is None or BEHIND_BRACKETS.search(parts.netloc):
        message = "base_url is not a URL: its host or port cannot be read"
        raise ConfigError(message)
    if parts.scheme not in {"https", "http"} or not host:
        shown = f", not {url!r}" if URL_OF_HOST.fullmatch(url) else ""  # a key that was given in its place is not shown
        message = f"base_url must start with https:// and name a host{shown}"
        raise ConfigError(message)
    if not HOST.fullmatch(_ascii(host)):
        message = f"base_url names no possible host: {host!r}"
        raise ConfigError(message)
    return parts, host


@lru_cache(maxsize=64)
def of_agent(url: str) -> tuple[str, bool]:
    """Return an agent's endpoint as the base of its API, and other URLs as they are; and whether it is an agent's.

    DigitalOcean's control panel shows `https://ID.agents.do-ai.run`; the API is at `/api/v1` there.
    """
    parts = urlsplit(url)
    if not (parts.hostname or "").endswith(AGENT_HOSTS):
        return url, False
    return (url if parts.path else f"{url}/api/v1"), True


def is_trusted(url: object) -> bool:
    """Return whether the environment's key may go to an address that only a stored form names.

    It may go to DigitalOcean, to this machine, and to what the environment itself names.
    """
    if not isinstance(url, str) or url.rstrip("/") == os.environ.get(BASE_URL_VARIABLE, "").rstrip("/"):
        return True
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname or ""
    except ValueError:
        return False
    return is_loopback(host) or (parts.scheme == "https" and host.endswith((OWN_HOSTS, DEDICATED_HOSTS)))


def host_and_port(url: str) -> str:
    """Return where a base URL's connections go."""
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2]}" if parts.port else f"{parts.netloc}:{PORTS[parts.scheme]}"


def problem_of_path(url: str) -> str | None:
    """Say what is unusual in a base URL at which nothing was found; None if nothing is."""
    parts = urlsplit(url)
    version = "/api/v1" if (parts.hostname or "").endswith(AGENT_HOSTS) else "/v1"
    end = next((end for end in METHODS if parts.path.endswith(end)), None)
    right = url.removesuffix(end) if end else url
    if not VERSION.search(right):
        right += version
    if right == url:
        return None
    reason = (
        f"base_url ends in {end}, which is added to it" if end else f"base_url has no {version}, as most servers do"
    )
    return f"{reason}: give {right!r}"


def _ascii(host: str) -> str:
    """Return a host's name as it stands in DNS, or nothing if it has no such form."""
    if host.isascii() and "xn--" not in host:
        return host
    import idna  # noqa: PLC0415  rarely needed; the rules that httpx goes by are this library's

    try:
        name = idna.encode(host.lower()).decode("ascii")
        idna.decode(name)
    except UnicodeError:
        return ""
    return name


def is_of_this_machine(url: str) -> bool:
    """Return whether a base URL is this machine's, in the clear."""
    parts = urlsplit(url)
    return parts.scheme == "http" and is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
