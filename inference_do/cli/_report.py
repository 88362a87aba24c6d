"""What of a machine and its settings decides how calls go: for `inference-do doctor`, and for bug reports.

Nothing here asks anybody, and nothing shows a key or a password.
"""

from __future__ import annotations

import json
import os
import platform
import re
import ssl
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from urllib.request import getproxies

from inference_do import ConfigError, __version__, model_info
from inference_do._keys import find_key
from inference_do._secrets import Secrets
from inference_do._transport.environment import proxy_of
from inference_do._wires.selection import choose_api
from inference_do.config import BASE_URL_VARIABLE, KEY_VARIABLES, Config

from ._screen import one_line, say, screen

__all__ = ["KeyKind", "find_proxy", "kind_of_key", "name_of_key", "show_report", "source_of_url", "versions"]

PACKAGES = ("httpx", "httptools", "aiohttp", "pydantic", "langchain-core", "llama-index-core", "typer", "rich")
PROXY_KINDS = ("all", "http", "https")
"""Whose proxies httpx uses."""
ANY_KEY = "k"
"""What stands for a key where only the address counts."""


@dataclass(frozen=True, slots=True)
class KeyKind:
    """A kind of key, by how it begins."""

    prefix: str
    name: str
    when_refused: str
    """What a 401 means for it, and what to do."""


KINDS = (
    KeyKind("sk-do-", "a model access key", "it was deleted or regenerated: make a new one in the control panel"),
    KeyKind(
        "dop_v1_",
        "a personal access token",
        "it has expired, or was not made with full access, which it needs: make a new one",
    ),
    KeyKind("doo_v1_", "an OAuth token", "it has expired, or lacks the scope genai:read or inference:query"),
)
UNKNOWN = KeyKind("", "of no known kind", "it may be an agent's key, which only that agent takes, or cut when copied")


def name_of_key() -> str | None:
    """Return the name of the variable that the key comes from."""
    return next((name for name in KEY_VARIABLES if os.environ.get(name)), None)


def kind_of_key() -> KeyKind:
    """Return what kind of key the environment has.

    Raises:
        ConfigError: There is none, or it holds a character that no key has.
    """
    key = find_key(None).get_secret_value()
    return next((kind for kind in KINDS if key.startswith(kind.prefix)), UNKNOWN)


def source_of_url(base_url: str | None) -> str:
    """Return where the address comes from."""
    if base_url:
        return "--base-url"
    return BASE_URL_VARIABLE if os.environ.get(BASE_URL_VARIABLE) else "the default"


def versions() -> dict[str, str]:
    """Return the versions of what calls depend on."""
    return {"inference-do": __version__, "python": platform.python_version(), **{p: _version(p) for p in PACKAGES}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def find_proxy(base_url: str | None) -> str | None:
    """Return the proxy that requests go through, without user name and password, or None.

    Raises:
        ConfigError: The environment's proxy is none, or the address cannot be used.
    """
    try:
        proxy = proxy_of(Config.build(ANY_KEY, base_url=base_url))
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return None if proxy is None else f"{proxy.url.scheme}://{proxy.url.netloc.decode('ascii', 'replace')}"


def _named_proxies() -> dict[str, str]:
    """Return the proxies that the environment names, without user names and passwords, and where none is used."""
    found = getproxies()  # of each variable that ends in _PROXY, whatever it is
    shown = {f"{kind.upper()}_PROXY": _without_password(found[kind]) for kind in PROXY_KINDS if kind in found}
    hosts = [re.sub(".*@", "***@", host, flags=re.DOTALL) for host in found.get("no", "").split(",")]
    return {**shown, **({"NO_PROXY": ",".join(hosts)} if "no" in found else {})}


def _without_password(url: str) -> str:
    """Return scheme, host and port of a proxy's URL. A password may hold any character, an unescaped / as well."""
    scheme, separator, rest = url.rpartition("://") if "://" in url else ("", "", url)
    secret, _, place = rest.rpartition("@")
    host = re.match(r"[\w.\-]+(?::\d+)?|\[[0-9A-Fa-f:.]+\](?::\d+)?", place, re.ASCII)
    known = scheme if re.fullmatch(r"[A-Za-z][A-Za-z0-9+]{0,9}", scheme) else ""
    if host is None or (separator and not known):
        return "set, but no URL of a proxy (not shown)"
    return f"{known}{separator}{'***@' if secret else ''}{host[0]}"


def show_report(*, model: str, base_url: str | None, as_json: bool) -> int:
    """Show versions and settings.

    Args:
        model: Of which model to say what API it is asked on.
        base_url: Where the API is.
        as_json: One JSON object instead of lines.
    """
    facts = Secrets().hide(_facts(model, base_url))
    if as_json:
        print(json.dumps(facts, ensure_ascii=True))  # noqa: T201  data
    else:
        for name, text in facts.items():
            say(screen(), f"{name}: {one_line(text)}", indent=2)
    return 0


def _facts(model: str, base_url: str | None) -> dict[str, str]:
    try:
        address = f"{Config.build(ANY_KEY, base_url=base_url).base_url} (from {source_of_url(base_url)})"
    except ConfigError as error:
        address = f"cannot be used (from {source_of_url(base_url)}): {error}"
    try:
        key = f"{kind_of_key().name}, from {name_of_key()}"
    except ConfigError as error:
        key = str(error)
    try:
        proxy = find_proxy(base_url) or "none"
    except ConfigError as error:
        proxy = str(error)
    known = "" if model_info(model).is_known else ", of which nothing is known"
    encoding = getattr(sys.stdout, "encoding", None) or "none"
    return {
        **versions(),
        "os": platform.platform(),
        "machine": platform.machine(),
        "openssl": ssl.OPENSSL_VERSION,
        "base URL": address,
        "key": key,
        "model": f"{model}{known}",
        "api": choose_api({"model": model}),
        "proxy for this base URL": proxy,
        **_named_proxies(),
        "terminal": f"TERM {os.environ.get('TERM', 'not set')}, {encoding}, {screen().width} columns",
    }
