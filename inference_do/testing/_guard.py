"""No real calls: the names of DigitalOcean's inference hosts are not resolved while tests run.

What is patched is `socket.getaddrinfo`, which every HTTP library calls before it connects: this project's, httpx,
requests, the SDKs of others, in threads and in asyncio. What answers before that (respx, pytest-httpx, VCR.py, another
resolver) is not disturbed. A proxy would resolve the name itself, so the hosts are in NO_PROXY meanwhile.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from inference_do.errors import ConfigError

HOSTS = (".do-ai.run", ".do-infra.ai")
"""How the names of hosts end that are DigitalOcean's inference: serverless, agents, knowledge bases, dedicated."""
NO_PROXY = ("NO_PROXY", "no_proxy")

_RECORDS: ContextVar[bool] = ContextVar("records", default=False)


class RealCallError(ConfigError):
    """A test would have called the real API."""


class Guard:
    """Refuses to resolve those names, and remembers which it has refused.

    Attributes:
        is_open: Whether real calls are allowed for now.
        refused: The hosts that were asked for, once for each attempt.
    """

    def __init__(self) -> None:
        self.is_open = False
        self.refused: list[str] = []
        self._resolve: Any = None
        self._no_proxy: dict[str, str | None] = {}

    def install(self) -> None:
        """Begin to refuse."""
        resolve = self._resolve = socket.getaddrinfo

        def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
            name = host.decode("latin-1") if isinstance(host, bytes) else str(host)
            if not self.is_open and not _RECORDS.get() and name.lower().rstrip(".").endswith(HOSTS):
                self.refused.append(name)
                raise RealCallError(message_of(name))
            return resolve(host, *args, **kwargs)

        self._patched = socket.getaddrinfo = getaddrinfo
        self._no_proxy = {name: os.environ.get(name) for name in NO_PROXY}
        os.environ.update(without_proxy(*HOSTS))

    def remove(self) -> None:
        """Be as before."""
        if self._resolve is not None and socket.getaddrinfo is self._patched:
            socket.getaddrinfo = self._resolve
        for name, value in self._no_proxy.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def without_proxy(*hosts: str) -> dict[str, str]:
    """Return the variables with which no proxy is asked for these hosts, nor for those that have none already."""
    named = next(filter(None, map(os.environ.get, NO_PROXY)), "")
    return dict.fromkeys(NO_PROXY, named if named == "*" else ",".join(filter(None, (named, *hosts))))


@contextmanager
def recording() -> Iterator[None]:
    """Allow real calls of this thread, which records them."""
    token = _RECORDS.set(True)
    try:
        yield
    finally:
        _RECORDS.reset(token)


def message_of(host: str) -> str:
    """Say what was refused, and what a test should do instead."""
    return (
        f"a test would have called the real API at {host!r}, and nothing was sent. Use the fixture "
        "digitalocean_emulator before the model is made, so that its key and URL are the emulator's; or allow real "
        "calls with --digitalocean-real-calls, digitalocean_real_calls = true in the configuration of pytest, or "
        "@pytest.mark.digitalocean(real_calls=True)"
    )
