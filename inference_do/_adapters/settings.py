"""The connection of a framework's object: its settings, as fields that the framework's pages show, and its clients.

1. Everything is checked when the object is made, by the client's own rules. The environment is read then.
2. The clients are made when they are first needed, and made anew when a setting has changed since.
3. A key is wrapped before anything else, and is in no pickle: an object that comes out of one reads the environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from inference_do.config import KEY_VARIABLES, Config, NoKey, Timeout, as_secret, check_http_client
from inference_do.connection import SETTINGS, ClientPair

__all__ = ["ConnectionSettings", "Number", "Whole", "key_field"]

DROPPED = ("api_key", "http_client", "http_async_client")
"""Fields that no pickle has."""


def key_of_environment() -> SecretStr | None:
    """Return the key that the environment has."""
    return next((SecretStr(value) for name in KEY_VARIABLES if (value := os.environ.get(name))), None)


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        message = f"must be a number, not {value!r}"
        raise ValueError(message)  # noqa: TRY004  pydantic takes no TypeError
    return value


def _check_key(value: Any) -> Any:
    """Refuse what is no key; what was given is not kept (`as_secret`), so it is in no message."""
    key = as_secret(value)
    if isinstance(key, NoKey):
        message = f"api_key must be a string, or a function that returns one, not {key.kind}"
        raise ValueError(message)  # noqa: TRY004  pydantic takes no TypeError
    return key


def _check_timeout(value: Any) -> Any:
    """Check a timeout as the client will; numbers in words are read, as for every other setting."""
    with suppress(TypeError, ValueError):
        value = float(value) if isinstance(value, str) else value
    if not isinstance(value, Mapping):  # a serialized Timeout
        Timeout.of(value)
    return value


Number = Annotated[float, BeforeValidator(_no_bool)]
Whole = Annotated[int, BeforeValidator(_no_bool)]
Key = Annotated[SecretStr | Callable[[], str | SecretStr] | str | None, BeforeValidator(_check_key)]


def key_field(**options: Any) -> Any:
    """Return the field of a key, which is never shown."""
    return Field(
        default_factory=key_of_environment,
        repr=False,
        description="A model access key or a personal access token, or a function that is asked for one before each "
        "request. By default the first of `inference_do.config.KEY_VARIABLES` that is set, read when the object is "
        "made. Never printed and never pickled.",
        **options,
    )


class ConnectionSettings(BaseModel):
    """Settings of the connection to the API, and the two clients that are made of them."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
        protected_namespaces=(),
        defer_build=True,  # it is not built by itself; what is made of it says False
    )

    api_key: Key = key_field()
    base_url: str | None = Field(
        default=None, description="By default `DIGITALOCEAN_INFERENCE_BASE_URL`, else DigitalOcean's."
    )
    timeout: Annotated[float | Timeout | None, BeforeValidator(_check_timeout)] = Field(
        default=None, description="Seconds for each phase of a call, or an `inference_do.Timeout`."
    )
    max_retries: Whole = Field(default=2, description="Requests sent again after the first, at most.")
    retry_ambiguous: bool = Field(
        default=True,
        description="Whether to send again when a request was written and no answer came: the API may be generating "
        "one, which is then billed twice.",
    )
    default_headers: Mapping[str, str] | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="Headers of every request. They may hold secrets, so they are neither shown nor serialized.",
    )
    default_query: Mapping[str, Any] | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="Query parameters of every request; neither shown nor serialized: gateways take their keys there.",
    )
    allow_http: bool = Field(
        default=False, description="Accept a plain http base URL of any host, for a private network."
    )
    ca: str | None = Field(
        default=None,
        repr=False,
        description="A PEM file, or PEM text, of authorities to trust besides the system's, as a dedicated endpoint "
        "may need.",
    )
    http_client: Any = Field(
        default=None,
        exclude=True,
        repr=False,
        description="An `httpx.Client` (or one of httpx2) to send with; it is never closed here.",
    )
    http_async_client: Any = Field(
        default=None,
        exclude=True,
        repr=False,
        description="An `httpx.AsyncClient` (or one of httpx2) to send with; it is never closed here.",
    )

    def _check_connection(self) -> None:
        """Check the settings together.

        Raises:
            ConfigError: One cannot be right, or there is no key.
        """
        url = Config.build(**self._settings).base_url
        if self.base_url != url:
            self.base_url = url
        check_http_client(self.http_client, is_async=False)
        check_http_client(self.http_async_client, is_async=True)

    @property
    def _settings(self) -> dict[str, Any]:
        values = vars(self)
        return {name: values[name] for name in SETTINGS}

    @property
    def _clients(self) -> ClientPair:
        """The clients for the settings as they are now."""
        settings, clients, given = self._settings, self._made_clients, (self.http_client, self.http_async_client)
        if clients is not None and clients.are_of(settings, *given):
            return clients
        made = ClientPair(settings, http_client=given[0], http_async_client=given[1])
        if clients is None:
            return vars(self).setdefault("_made", made)  # type: ignore[no-any-return]  # atomic: of two threads one wins
        vars(self)["_made"] = made
        return made

    @property
    def _made_clients(self) -> ClientPair | None:
        """The clients that were made; kept as a cached property's value is: a private attribute is slow to reach."""
        return vars(self).get("_made")

    def close(self) -> None:
        """Close the connections that threads opened; a call after that opens new ones."""
        if self._made_clients is not None:
            self._made_clients.close()

    async def aclose(self) -> None:
        """Close those connections and the running event loop's; a call after that opens new ones."""
        if self._made_clients is not None:
            await self._made_clients.aclose()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, as_secret(value) if name == "api_key" else value)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy; a key among what is changed is wrapped as at construction."""
        changed = dict(update or {})
        if "api_key" in changed:
            changed["api_key"] = as_secret(changed["api_key"])
        return super().model_copy(update=changed, deep=deep)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        memo = {} if memo is None else memo
        for shared in (self._made_clients, self.http_client, self.http_async_client, self.api_key):
            memo[id(shared)] = shared
        return super().__deepcopy__(memo)

    def __getstate__(self) -> dict[Any, Any]:
        bare = self.__copy__()  # a framework may take what does not pickle from the object that it is given
        vars(bare).update(dict.fromkeys(DROPPED))
        vars(bare).pop("_made", None)
        return super(ConnectionSettings, bare).__getstate__()

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        vars(self)["api_key"] = key_of_environment()
