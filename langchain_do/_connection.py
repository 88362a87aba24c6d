"""What the chat model and the embeddings have in common: where to send, with which key, and the two clients.

1. Names are settled before pydantic looks at them: None is "not given", old names become today's, unknown ones go to
   `model_kwargs`, unless they look like a slip.
2. Everything is checked at construction, by the client's own rules, and reported as `ConfigError`.
3. The clients are made when they are first needed, and made anew when a setting has changed since.
"""

from __future__ import annotations

import difflib
import inspect
import os
import traceback
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)

from inference_do import ConfigError, Timeout
from inference_do._adapters.merging import renamed
from inference_do.config import KEY_VARIABLES, Config, as_secret, check_http_client, check_mapping
from inference_do.connection import SETTINGS, Clients

from ._errors import translate

__all__ = ["Connection", "Number", "Whole"]

SLIP = 0.85
"""How alike an unknown name must be to a known one to be taken for a slip; `top_k` and `top_p` are 0.80."""


def _key_of_environment() -> SecretStr | None:
    return next((SecretStr(value) for name in KEY_VARIABLES if (value := os.environ.get(name))), None)


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        message = f"must be a number, not {value!r}"
        raise ValueError(message)  # noqa: TRY004  pydantic takes no TypeError
    return value


def _patience(value: Any) -> Any:
    """Check a timeout as the client will; numbers in words are read, as for every other setting."""
    with suppress(TypeError, ValueError):
        value = float(value) if isinstance(value, str) else value
    if not isinstance(value, Mapping):  # a serialized Timeout
        Timeout.of(value)
    return value


Number = Annotated[float, BeforeValidator(_no_bool)]
Whole = Annotated[int, BeforeValidator(_no_bool)]


class Connection(BaseModel):
    """Settings of the connection to the API."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
        defer_build=True,  # it is not built by itself; what is made of it says False
    )

    api_key: SecretStr | Callable[[], str | SecretStr] | None = Field(default_factory=_key_of_environment, repr=False)
    """A model access key or a personal access token, or a function that is asked for one before each request. By
    default the first of `inference_do.config.KEY_VARIABLES` that is set, read at construction."""
    base_url: str | None = None
    """By default `DIGITALOCEAN_INFERENCE_BASE_URL`, else DigitalOcean's."""
    timeout: Annotated[float | Timeout | None, BeforeValidator(_patience)] = None
    """Seconds for each phase of a call, or an `inference_do.Timeout`."""
    max_retries: Whole = 2
    """Requests sent again after the first, at most."""
    retry_ambiguous: bool = True
    """Whether to send again when a request was written and no answer came: the API may be generating one, which is then
    billed twice."""
    default_headers: Mapping[str, str] | None = Field(default=None, exclude=True, repr=False)
    """Headers of every request. They may hold secrets, so they are neither shown nor serialized."""
    default_query: Mapping[str, Any] | None = Field(default=None, exclude=True, repr=False)
    """Query parameters of every request; neither shown nor serialized, as gateways take their keys there too."""
    allow_http: bool = False
    """Accept a plain http base URL of any host, for a private network."""
    ca: str | None = None
    """A PEM file, or PEM text, of authorities to trust besides the system's, as a dedicated endpoint may need."""
    http_client: Any = Field(default=None, exclude=True, repr=False)
    """An `httpx.Client` to use as it is."""
    http_async_client: Any = Field(default=None, exclude=True, repr=False)
    """An `httpx.AsyncClient` to use as it is."""
    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Further fields of every request's body."""

    ALIASES: ClassVar[Mapping[str, str]] = {"model_name": "model", "request_timeout": "timeout"}

    def __init__(self, **values: Any) -> None:
        values["api_key"] = as_secret(values.get("api_key"))
        with translate():
            try:
                super().__init__(**values)
            except ValidationError as error:
                message = f"{type(self).__name__}: {_problems(error)}"
            else:
                url = Config.build(**self._settings).base_url
                if self.base_url != url:
                    self.base_url = url
                check_http_client(self.http_client, is_async=False)
                check_http_client(self.http_async_client, is_async=True)
                return
            raise ConfigError(message)

    @model_validator(mode="before")
    @classmethod
    def _settle_names(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        known = cls.model_fields
        given = {name: value for name, value in values.items() if value is not None}
        is_settled = given.keys() <= known.keys() and cls.ALIASES.keys().isdisjoint(given)
        if is_settled and given.get("model_kwargs", {}) == {}:
            return {**given, "model_kwargs": {}}
        extra = renamed(check_mapping(values.get("model_kwargs"), name="model_kwargs"), cls.ALIASES)
        settled = renamed({**values, "model_kwargs": None}, cls.ALIASES)
        for name in [name for name in extra if name in known]:
            if settled.setdefault(name, extra[name]) != extra[name]:
                message = f"{name} is given twice: as an argument and in model_kwargs"
                raise ConfigError(message)
            del extra[name]
        for name in [name for name in settled if name not in known]:
            _check_unknown(name, known)
            extra[name] = settled.pop(name)
        return {**settled, "model_kwargs": extra}

    @field_validator("model", check_fields=False)
    @classmethod
    def _check_model(cls, model: str) -> str:
        if not model.strip():
            message = "it is empty: give a model's id, such as 'llama3.3-70b-instruct'"
            raise ValueError(message)
        return model

    @field_serializer("api_key", when_used="json")
    def _mask_key(self, key: Any) -> Any:
        """Write a mask for a key, and for a function as well: JSON has no form for one."""
        return key and "**********"

    @property
    def _settings(self) -> dict[str, Any]:
        """What both clients are made of."""
        values = vars(self)
        return {name: values[name] for name in SETTINGS}

    @property
    def _connected(self) -> Clients:
        """The clients for the settings as they are now."""
        settings, clients = self._settings, self._clients
        if clients is None or not clients.are_of(settings, self.http_client, self.http_async_client):
            clients = vars(self)["_made"] = Clients(
                settings, http_client=self.http_client, http_async_client=self.http_async_client
            )
        return clients

    @property
    def _clients(self) -> Clients | None:
        """The clients that were made; kept as a cached property's value is: a private attribute is slow to reach."""
        return vars(self).get("_made")

    def close(self) -> None:
        """Close the connections that threads opened; a call after that opens new ones."""
        if self._clients:
            self._clients.close()

    async def aclose(self) -> None:
        """Close those connections and the running event loop's; a call after that opens new ones."""
        if self._clients:
            await self._clients.aclose()

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
        for shared in (self._clients, self.http_client, self.http_async_client, self.api_key):
            memo[id(shared)] = shared
        return super().__deepcopy__(memo)

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        dropped = {"api_key": None, "http_client": None, "http_async_client": None, "_made": None}
        return {**state, "__dict__": {**state["__dict__"], **dropped}}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        self.__dict__["api_key"] = _key_of_environment()


def _check_unknown(name: str, known: Mapping[str, Any]) -> None:
    if close := difflib.get_close_matches(name, known, n=1, cutoff=SLIP):
        message = f"there is no argument {name!r}: did you mean {close[0]!r}? (model_kwargs= sends any name as it is)"
        raise ConfigError(message)
    warnings.warn(
        f"{name} is no argument of this class and will be sent as a field of the request; "
        "put it into model_kwargs or extra_body to say that this is meant",
        stacklevel=_callers_level(),
    )


def _callers_level() -> int:
    """Return how far up the stack, from where it is asked, stands the code that makes the model."""
    frames = enumerate(frame for frame, _ in traceback.walk_stack(inspect.currentframe()))
    return next(level for level, frame in frames if _package(frame.f_globals) not in MAKERS)


MAKERS = frozenset({"langchain_core", "langchain_do", "pydantic"})


def _package(names: Mapping[str, Any]) -> str:
    return str(names.get("__name__")).partition(".")[0]


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    told = {(item["loc"][0] if item["loc"] else ""): item["msg"].removeprefix("Value error, ") for item in found}
    return "; ".join(
        problem if problem.startswith(str(name)) else f"{name}: {problem}" for name, problem in told.items()
    )
