"""The connection of a framework's object: its settings, as fields that the framework's pages show, and its clients.

1. Everything is checked when the object is made, by the client's own rules. The environment is read then.
2. The clients are made when they are first needed, and made anew when a setting has changed since.
3. A key is wrapped before anything else, and is in no pickle: an object that comes out of one reads the environment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from inference_do._keys import NoKey, as_secret, key_of_environment, key_to_pickle
from inference_do._slips import BODIES, problem_of_names
from inference_do._tool_secrets import mask_tools
from inference_do._urls import BASE_URL_VARIABLE, is_trusted, warn_of_unread
from inference_do.config import Config, Key, Timeout, check_http_client
from inference_do.connection import SETTINGS, ClientPair
from inference_do.errors import ConfigError
from inference_do.limits import RateLimit

from .arguments import names_of, settle

__all__ = ["ConnectionSettings", "Number", "OptionalKey", "Whole", "as_secret", "check_form", "key_field"]

DROPPED = ("http_client", "http_async_client", "on_retry")
"""Fields that no pickle has."""


class Checked(BeforeValidator):
    """A check before pydantic's own; `help()` shows its name and no function."""

    def __repr__(self) -> str:
        return "checked"


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


Number = Annotated[float, Checked(_no_bool)]
Whole = Annotated[int, Checked(_no_bool)]
OptionalKey = Annotated[Key | None, Checked(_check_key)]


def check_form(form: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse a stored form that would send the environment's key to an address of the form's own choice.

    Args:
        form: What was stored.
        given: What the caller gives besides.

    Raises:
        ConfigError: It would.
    """
    if given.get("base_url") or given.get("api_key") or form.get("api_key") or is_trusted(form.get("base_url")):
        return
    message = (
        f"the stored base_url {form['base_url']!r} is not DigitalOcean's, and the key of the environment is not sent "
        f"where only a stored form says: set {BASE_URL_VARIABLE} to it, or give from_dict() base_url= or api_key="
    )
    raise ConfigError(message)


def key_field(**options: Any) -> Any:
    """Return the field of a key, which is never shown."""
    return Field(
        default_factory=key_of_environment,
        repr=False,
        description="A model access key or a personal access token, or a function that is asked for one before each "
        "request (an asynchronous one serves asynchronous calls). By default the first of these variables that is set: "
        "`DIGITALOCEAN_INFERENCE_KEY`, `MODEL_ACCESS_KEY`, `GRADIENT_MODEL_ACCESS_KEY`, `DIGITALOCEAN_TOKEN`, "
        "`DIGITALOCEAN_ACCESS_TOKEN`. It is never printed and never pickled.",
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

    ALIASES: ClassVar[Mapping[str, str]] = {}
    """Other names of fields, with the fields' own."""
    ARGUMENTS: ClassVar[frozenset[str]] = frozenset()
    """Every name that an argument may have."""
    REQUEST_FIELDS: ClassVar[frozenset[str]] = frozenset()
    """Fields of requests that are no arguments, and are sent without a warning all the same."""
    INHERITED: ClassVar[Mapping[str, str]] = {}
    """Descriptions of the framework's own fields."""

    api_key: OptionalKey = key_field()
    base_url: str | None = Field(
        default=None,
        description="The API's address: https, or http to this machine. By default what "
        "`DIGITALOCEAN_INFERENCE_BASE_URL` says, else DigitalOcean's.",
    )
    timeout: Annotated[float | Timeout | None, Checked(_check_timeout)] = Field(
        default=None, description="Seconds for each phase of a call, or an `inference_do.Timeout`."
    )
    max_retries: Whole = Field(default=2, description="How many times a failed request is sent again, at most.")
    retry_ambiguous: bool = Field(
        default=True,
        description="Whether to send a request again that was sent and got no answer. The API may have made one, "
        "which is then billed twice.",
    )
    default_headers: Mapping[str, str] | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="Headers of every request. They may hold secrets, so they are never shown or serialized.",
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
        description="A PEM file, or PEM text, with further authorities to trust, as the private address of a dedicated "
        "endpoint needs.",
    )
    rate_limit: RateLimit | None = Field(
        default=None,
        description="A limit of your own, kept to from the first request on: "
        "`inference_do.RateLimit(requests=120, seconds=60)`.",
    )
    rate_limit_wait: Number | None = Field(
        default=60.0,
        description="Seconds that one call waits in all until the API's rate limit has room; None: no bound, 0: no "
        "wait. A call that would wait longer raises `RateLimitError` at once. Such a wait is no retry.",
    )
    on_retry: Callable[[Any], Any] | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="A function that is called with `inference_do.RetryDetails` before each wait: for a retry, or for "
        "the rate limit.",
    )
    http_client: Any = Field(
        default=None,
        exclude=True,
        repr=False,
        description="An `httpx.Client` of your own (or one of httpx2), which is never closed here.",
    )
    http_async_client: Any = Field(
        default=None,
        exclude=True,
        repr=False,
        description="An `httpx.AsyncClient` of your own (or one of httpx2), which is never closed here.",
    )

    if not TYPE_CHECKING:

        def __new__(cls, *positional: Any, **values: Any) -> Self:
            """Refuse arguments without a name."""
            if positional:
                positional = None  # a key may be among them
                values.clear()
                message = f"{cls.__name__} takes its arguments by name, as in {next(iter(cls._leading()))}=, api_key="
                raise TypeError(message)
            return super().__new__(cls)

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Note the names of a class's arguments, and describe the framework's own."""
        super().__pydantic_init_subclass__(**options)
        cls.ARGUMENTS = names_of(cls.model_fields, cls.ALIASES)
        for name, field in cls.model_fields.items():
            field.description = cls.INHERITED.get(name, field.description)

    @classmethod
    def _leading(cls) -> list[str]:
        """Return the fields that say what an object is: they are shown first."""
        return [name for name in ("model", "model_name", "knowledge_base_id") if name in cls.model_fields]

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Return what is printed: what was given, the model first."""
        fields = type(self).model_fields
        given = {
            name: value
            for name, value in super().__repr_args__()
            if name in self.model_fields_set and not fields[name].exclude and value not in (None, {})
        }
        first = [name for name in self._leading() if name in given]
        return [(name, given[name]) for name in (*first, *(name for name in given if name not in first))]

    @classmethod
    def _check_names(cls, values: dict[str, Any]) -> None:
        """Refuse what is given under a wrong name, above all a key; it is masked in place.

        Raises:
            ConfigError: Something is.
        """
        if problem := problem_of_names(values, cls.ARGUMENTS, sent_as=cls._further()):
            raise ConfigError(problem)

    @classmethod
    def _settled(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments under the names of fields.

        Raises:
            ConfigError: One field is given twice with different values.
        """
        return settle(
            values, known=cls.ARGUMENTS, aliases=cls.ALIASES, further=cls._further(), fields=cls.REQUEST_FIELDS
        )

    @classmethod
    def _further(cls) -> str:
        """Return the field that holds further fields of every request."""
        return "model_kwargs" if "model_kwargs" in cls.model_fields else "additional_kwargs"

    def _check_connection(self) -> None:
        """Check the settings together.

        Raises:
            ConfigError: One cannot be right, or there is no key.
        """
        if self.base_url and "base_url" not in self.model_fields_set:
            warn_of_unread(self.base_url)
        vars(self)["base_url"] = Config.build(**self._settings).base_url
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
        if name == "api_key":
            value = as_secret(value)
        elif value and (name in BODIES or self._is_unknown(name)) and (problem := self._problem_of({name: value})):
            value = None  # a key is in it
            raise ConfigError(problem)
        if name in BODIES and isinstance(value, Mapping):
            value = mask_tools(value)
        follows = self._changes_with({name: value}) if name in type(self).model_fields else {}
        super().__setattr__(name, value)
        for other, following in follows.items():
            super().__setattr__(other, following)

    def _is_unknown(self, name: str) -> bool:
        return not (name.startswith("_") or name in self.ARGUMENTS or hasattr(type(self), name))

    def _problem_of(self, changed: dict[str, Any]) -> str | None:
        return problem_of_names(changed, self.ARGUMENTS)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy; a key among what is changed is wrapped as at construction.

        Raises:
            ConfigError: A key is given under another name.
        """
        changed = mask_tools(update or {})
        if "api_key" in changed:
            changed["api_key"] = as_secret(changed["api_key"])
        if problem := self._problem_of(changed):
            changed, update = {}, None
            raise ConfigError(problem)
        return super().model_copy(update={**changed, **self._changes_with(changed)}, deep=deep)

    def _changes_with(self, changed: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002  for classes made of this
        """Return settings that change together with others."""
        return {}

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        memo = {} if memo is None else memo
        for shared in (self._made_clients, self.http_client, self.http_async_client, self.api_key):
            memo[id(shared)] = shared
        return super().__deepcopy__(memo)

    def __getstate__(self) -> dict[Any, Any]:
        bare = self.__copy__()  # a framework may take what does not pickle from the object that it is given
        key = key_to_pickle(self.api_key) if "api_key" in self.model_fields_set else None
        vars(bare).update(dict.fromkeys(DROPPED), api_key=key)
        vars(bare).pop("_made", None)
        return super(ConnectionSettings, bare).__getstate__()

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        if self.api_key is None:
            vars(self)["api_key"] = key_of_environment()
