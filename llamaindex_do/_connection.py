"""What the LLM and the embedding model share: settings of the connection, the key's secrecy, the clients.

1. Arguments are understood (`_understood`): old names are translated, unknown ones refused.
2. The settings are checked, and the key is found, when the object is built; nothing is imported or opened for that.
3. Each client is made at its first call, and made anew after a copy, a pickle or a changed setting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, ValidationError

from inference_do.config import Config, Timeout, as_secret
from inference_do.connection import SETTINGS, Clients
from inference_do.errors import ConfigError

__all__ = ["Connected", "check_model"]

KEY_ARGUMENTS = frozenset({"api_key", "model_access_key"})

NEVER_PICKLED = ("api_key", "http_client", "http_async_client")


class Connected(BaseModel):
    """A component of LlamaIndex that calls the API."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
        protected_namespaces=(),
        defer_build=True,  # it is not built by itself; what is made of it says False
    )

    ALIASES: ClassVar[Mapping[str, str]] = {}
    """Arguments under the names that earlier packages gave them."""

    api_key: SecretStr | Callable[[], str | SecretStr] | str | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="A model access key or personal access token, or a function that returns one. By default the "
        "first of `inference_do.config.KEY_VARIABLES` that is set. Never printed, serialized or pickled.",
    )
    base_url: str | None = Field(
        default=None, description="By default `DIGITALOCEAN_INFERENCE_BASE_URL`, else DigitalOcean's."
    )
    timeout: float | Timeout | None = Field(
        default=None, description="Seconds for each phase of a call, or an `inference_do.Timeout`."
    )
    max_retries: int = Field(default=2, description="Requests sent again after the first, at most.")
    retry_ambiguous: bool = Field(
        default=True,
        description="Whether to send again when a request was written and no answer came: the API may be generating "
        "one, which is then billed twice.",
    )
    default_headers: dict[str, str] | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="Headers of every request. They may hold secrets, so they are neither shown nor serialized.",
    )
    default_query: dict[str, Any] | None = Field(
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
        default=None, exclude=True, repr=False, description="An `httpx.Client` to use as it is; never closed here."
    )
    http_async_client: Any = Field(
        default=None, exclude=True, repr=False, description="An `httpx.AsyncClient` to use as it is."
    )

    _made: Clients | None = PrivateAttr(default=None)

    def __init__(self, **options: Any) -> None:
        """Check the arguments; nothing is sent.

        Raises:
            ConfigError: An argument is unknown or cannot be right, or there is no key.
        """
        _hide_key(options)
        options = self._understood(options)
        try:
            super().__init__(**options)
        except ValidationError as error:
            raise _refusal(type(self), error) from None
        self._check()

    def _check(self) -> None:
        """Refuse settings that cannot be right; the key is found here."""
        self._made = self._clients_anew()

    @classmethod
    def _understood(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that were given, under their present names."""
        fields = cls.model_fields
        understood: dict[str, Any] = {}
        for given, value in options.items():
            name = cls.ALIASES.get(given, given)
            if value is None or name == "class_name":
                continue
            if name not in fields:
                raise ConfigError(_unknown(cls, given))
            if name in understood:
                message = f"{cls.__name__}: {given!r} is another name for {name!r}: give one of them"
                raise ConfigError(message)
            if isinstance(value, bool):
                _check_switch(cls, name, value)
            understood[name] = value
        return understood

    def _clients_anew(self) -> Clients:
        fields = vars(self)
        settings: dict[str, Any] = {name: fields[name] for name in SETTINGS}
        config = Config.build(**settings)
        settings["base_url"] = config.base_url  # the environment is read once
        if not callable(self.api_key):
            settings["api_key"] = SecretStr(config.secret.get_secret_value())
        return Clients(settings, http_client=self.http_client, http_async_client=self.http_async_client)

    @property
    def _clients(self) -> Clients:
        made: Clients | None = (self.__pydantic_private__ or {}).get("_made")  # what `self._made` does in 18,000 steps
        if made is None:
            made = self._made = self._clients_anew()
        return made

    def close(self) -> None:
        """Close the connections that threads opened; a later call opens new ones."""
        if self._made is not None:
            self._made.close()

    async def aclose(self) -> None:
        """Close the connections of threads and of the running event loop; a later call opens new ones."""
        if self._made is not None:
            await self._made.aclose()

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        plumbing = {name for name, field in type(self).model_fields.items() if field.exclude}
        for name, value in super().__repr_args__():
            if name not in plumbing and value not in (None, {}):
                yield name, value

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, SecretStr(value) if name == "api_key" and isinstance(value, str) else value)
        if name in Connected.model_fields:
            self._made = None

    def __getstate__(self) -> dict[Any, Any]:
        bare = self.__copy__()  # LlamaIndex deletes what does not pickle from the object it is given
        bare.__dict__.update(dict.fromkeys(NEVER_PICKLED))
        return super(Connected, bare).__getstate__()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy; a key among what is changed is wrapped as at construction."""
        changed = dict(update or {})
        if "api_key" in changed:
            changed["api_key"] = as_secret(changed["api_key"])
        return super().model_copy(update=changed, deep=deep)

    def __copy__(self) -> Self:
        copy = super().__copy__()
        copy._made = None  # noqa: SLF001  it is one of us
        return copy

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        shared = {id(client): client for client in (self.http_client, self.http_async_client, self.api_key)}
        return super().__deepcopy__({**(memo or {}), **shared, id(self._made): None})


def check_model(model: str) -> None:
    """Refuse what can be no model's id.

    Raises:
        ConfigError: It is empty.
    """
    if not model.strip():
        message = f"model must be a model's id, not {model!r}"
        raise ConfigError(message)


def _hide_key(options: dict[str, Any]) -> None:
    """Wrap the key first of all: tracebacks may be shown with their frames' variables.

    Raises:
        ConfigError: What was given cannot be a key.
    """
    for name in KEY_ARGUMENTS & options.keys():
        if isinstance(options[name], str):
            options[name] = SecretStr(options[name])
        elif not (options[name] is None or isinstance(options[name], SecretStr) or callable(options[name])):
            kind = type(options.pop(name)).__name__
            message = f"{name} must be a string, or a function that returns one, not {kind}"
            raise ConfigError(message)


def _check_switch(cls: type[Connected], name: str, value: bool) -> None:
    """Refuse True and False for a number, where pydantic would take 1.0 and 0.0.

    Raises:
        ConfigError: That is so.
    """
    kinds = get_args(cls.model_fields[name].annotation) or (cls.model_fields[name].annotation,)
    if not {bool, Any} & {*kinds}:
        message = f"{cls.__name__}: {name} must not be {value!r}"
        raise ConfigError(message)


def _unknown(cls: type[Connected], name: str) -> str:
    import difflib  # noqa: PLC0415  for words about a mistake, not before

    known = [*cls.model_fields, *cls.ALIASES]
    close = difflib.get_close_matches(name, known, n=1)
    mending = f"did you mean {close[0]!r}?" if close else "a field of the API goes into additional_kwargs or extra_body"
    return f"{cls.__name__} has no argument {name!r}: {mending}"


def _refusal(cls: type[Connected], error: ValidationError) -> ConfigError:
    """Put pydantic's findings into one line, without the values, which may be secret."""
    told = {(item["loc"][0] if item["loc"] else ""): item["msg"] for item in error.errors(include_input=False)}
    return ConfigError(f"{cls.__name__}: {'; '.join(f'{name}: {problem}' for name, problem in told.items())}")
