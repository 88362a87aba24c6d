"""The two clients behind one object of a framework, which is used from threads and from event loops alike.

Each is made when it is first asked for, so that httpx is not imported for an object that never calls.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ._keys import key_to_pickle
from ._slips import SETTINGS
from .config import check_http_client

if TYPE_CHECKING:
    from ._protocol.pacing import Traffic
    from .client import AsyncClient, Client

C = TypeVar("C", "Client", "AsyncClient")

__all__ = ["SETTINGS", "ClientPair"]


class ClientPair:
    """A client for threads and one for event loops, of the same settings.

    Args:
        settings: Arguments of `Client`, by name.
        http_client: An `httpx.Client` to use as it is.
        http_async_client: An `httpx.AsyncClient` to use as it is.

    Raises:
        ConfigError: One of the HTTP clients is not of its kind.
    """

    def __init__(self, settings: Mapping[str, Any], *, http_client: Any = None, http_async_client: Any = None) -> None:
        self._settings = dict(settings)
        self._http_client = check_http_client(http_client, is_async=False)
        self._http_async_client = check_http_client(http_async_client, is_async=True)
        self._lock = threading.Lock()
        self._traffic: Traffic | None = None
        self._sync: Client | None = None
        self._async: AsyncClient | None = None

    def __repr__(self) -> str:
        return "ClientPair()"

    def __reduce__(self) -> tuple[Any, ...]:
        key = self._settings.get("api_key")
        return ClientPair, ({**self._settings, "api_key": None if key is None else key_to_pickle(key)},)

    def __deepcopy__(self, memo: dict[int, Any]) -> ClientPair:
        return self  # any number of copies of an object may share its connections

    def are_of(self, settings: Mapping[str, Any], http_client: Any, http_async_client: Any) -> bool:
        """Return whether these clients are still the right ones."""
        given = (self._http_client, self._http_async_client)
        return self._settings == settings and given == (http_client, http_async_client)

    @property
    def sync(self) -> Client:
        """The client for threads."""
        if self._sync is None:
            from .client import Client  # noqa: PLC0415  on the first call, not before

            with self._lock:
                self._sync = self._sync or self._sharing(Client(**self._settings, http_client=self._http_client))
        return self._sync

    @property
    def asynchronous(self) -> AsyncClient:
        """The client for event loops."""
        if self._async is None:
            from .client import AsyncClient  # noqa: PLC0415  as above

            with self._lock:
                made = self._async or AsyncClient(**self._settings, http_client=self._http_async_client)
                self._async = self._sharing(made)
        return self._async

    def _sharing(self, client: C) -> C:
        """Have both clients wait together for the API's rate limits."""
        if self._traffic is None:
            self._traffic = client._traffic  # noqa: SLF001  it is a part of the clients
        client._traffic = self._traffic  # noqa: SLF001
        return client

    def close(self) -> None:
        """Close the connections that threads opened."""
        if self._sync is not None:
            self._sync.close()

    async def aclose(self) -> None:
        """Close the connections that threads opened and those of the running event loop."""
        self.close()
        if self._async is not None:
            await self._async.aclose()
