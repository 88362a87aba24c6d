"""The settings of a client: the key, where to send, how long to wait.

Everything is checked here, when a client is built, so that a mistake is reported before anything is sent.
The environment is read at that moment too, never on import. The key lives in a `Secret` (`_keys.py`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property, wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from ._keys import KEY_VARIABLES, Key, Secret, find_key
from ._slips import check_arguments
from ._urls import (
    BASE_URL,
    BASE_URL_VARIABLE,
    OPENAI_KEY,
    check_base_url,
    host_and_port,
    is_of_this_machine,
    of_agent,
    warn_of_unread,
)
from .errors import ConfigError, Phase
from .limits import RateLimit, check_rate_limit

if TYPE_CHECKING:
    from .retries import OnRetry

__all__ = ["BASE_URL", "BASE_URL_VARIABLE", "KEY_VARIABLES", "Config", "Key", "Secret", "Timeout"]

PATH = re.compile(r"^[./~\\]|[/\\].*\.|\.(pem|crt|cer|ca|bundle)$", re.IGNORECASE)
"""What looks like a path and not like a key."""

LIKE_A_KEY = re.compile(r"\S{16}|^(sk|dop|doo)[-_]")

PEM = "-----BEGIN CERTIFICATE-----"

MADE_HERE = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
LONGEST_WAIT = 1_000_000.0
"""Seconds; sockets cannot wait much longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout:
    """How long each phase of a call may take, in seconds; None is no limit.

    `timeout=30`, a number, is the limit of each phase but `total`.

        Client(timeout=Timeout(first_token=300, total=600))
    """

    connect: float | None = 10.0
    """Seconds to make a connection: the host's name, all its addresses, the proxy and TLS together."""
    pool: float | None = 60.0
    """Seconds to wait for a free connection, where all 1,000 are in use."""
    write: float | None = 60.0
    """Seconds to send each 64 KiB of the request."""
    first_token: float | None = 600.0
    """Seconds from the request to the response's headers, and again from there to the first event of a stream or the
    first byte of a whole answer. Some reasoning models think for more than five minutes first."""
    idle: float | None = 120.0
    """Seconds between two events of a stream, or between two parts of a whole answer. Comments that only keep the
    connection alive are no events."""
    total: float | None = None
    """Seconds for the whole call, with all its requests, retries and pauses. No limit by default."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if value is not None and not _is_positive(value):
                message = (
                    f"timeout: {item.name} must be a number of seconds, above 0 and at most a million, "
                    f"not {_shown(value)}"
                )
                raise ConfigError(message)

    @classmethod
    def of(cls, value: float | Timeout | None) -> Timeout:
        """Read what callers may give: a number is the timeout of each phase (`total` stays open), None the defaults.

        Raises:
            ConfigError: It is not a positive number of seconds.
        """
        match value:
            case None:
                return DEFAULTS
            case Timeout():
                return value
            case _ if _is_positive(value):
                return cls(connect=value, pool=value, write=value, first_token=value, idle=value)
            case _:
                message = (
                    "timeout must be a number of seconds, above 0 and at most a million, or an inference_do.Timeout, "
                    f"not {_shown(value)}; Timeout(connect=, first_token=, idle=, total=) sets each phase"
                )
                raise ConfigError(message)

    def of_phase(self, phase: Phase) -> float | None:
        """Return the limit of one phase."""
        return getattr(self, phase)  # type: ignore[no-any-return]


def _shown(value: object) -> str:
    """Return how a message shows a wrong value: a text may be a key that was given in the wrong place."""
    if isinstance(value, str) and not LIKE_A_KEY.search(value):
        return repr(value)
    if isinstance(value, str | bytes | list | tuple | dict):
        return f"a {type(value).__name__}"
    if (package := type(value).__module__.partition(".")[0]) == "httpx":
        return f"an {package}.{type(value).__name__}"  # it prints itself as what it should be
    return repr(value)


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= LONGEST_WAIT


def _by_name(init: Callable[..., None]) -> Callable[..., None]:
    """Return a constructor that refuses arguments without a name, and names of other libraries."""

    @wraps(init)
    def checked(self: Timeout, *positional: Any, **given: Any) -> None:
        if positional:
            message = "Timeout takes its phases by name, as in Timeout(connect=10, idle=60); timeout=60 is all of them"
            raise ConfigError(message)
        check_arguments(Timeout, {name: value for name, value in given.items() if name not in Timeout.__slots__})
        init(self, **given)

    return checked


def check_rate_limit_wait(value: object) -> float | None:
    """Return `rate_limit_wait` if it is one.

    Raises:
        ConfigError: It is no number of seconds from 0 up, nor None.
    """
    if value is None or (value == 0 and not isinstance(value, bool)) or _is_positive(value):
        return value  # type: ignore[return-value]
    message = f"rate_limit_wait must be a number of seconds from 0 up, or None for no bound, not {_shown(value)}"
    raise ConfigError(message)


def check_on_retry(value: object) -> OnRetry | None:
    """Return `on_retry` if it can be called.

    Raises:
        ConfigError: It cannot, or what it returns would have to be awaited.
    """
    if value is None or (callable(value) and not iscoroutinefunction(value)):
        return value
    message = f"on_retry must be a function that is called with RetryDetails and returns at once, not {_shown(value)}"
    raise ConfigError(message)


setattr(Timeout, "__init__", _by_name(Timeout.__init__))  # noqa: B010  mypy refuses the assignment

DEFAULTS = Timeout()


def check_retries(value: object) -> int:
    """Return `max_retries` if it is one.

    Raises:
        ConfigError: It is not a whole number from 0 up.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        message = f"max_retries must be a whole number from 0 up, not {_shown(value)}"
        raise ConfigError(message)
    return value


def check_headers(headers: Mapping[str, str] | None, *, name: str) -> dict[str, str]:
    """Return a copy of extra headers, checked, by their lower-case names.

    Raises:
        ConfigError: A name or value cannot stand in a header, or would replace the Authorization header.
    """
    checked: dict[str, str] = {}
    for key, value in check_mapping(headers, name=name).items():
        if not isinstance(key, str) or not key.isascii() or not key.replace("-", "").replace("_", "").isalnum():
            message = f"{name}: {key!r} is not a header name"
            raise ConfigError(message)
        if key.lower() == "authorization":
            message = f"{name}: Authorization is made from api_key, which is where the key belongs"
            raise ConfigError(message)
        if key.lower() in MADE_HERE:
            message = f"{name}: {key!r} is made with each request, from its body and its connection"
            raise ConfigError(message)
        if not isinstance(value, str) or not HEADER_VALUE.fullmatch(value):
            message = f"{name}: the value of {key!r} must be a string of ASCII without control characters"
            raise ConfigError(message)
        checked[key.lower()] = value.strip(" \t")
    return checked


def check_ca(ca: object) -> str | None:
    """Return what authorities to trust besides the system's: the path of a PEM file, or PEM text.

    Raises:
        ConfigError: It is neither.
    """
    if ca is None or (isinstance(ca, str) and PEM in ca):
        return ca
    if not isinstance(ca, str | os.PathLike):
        message = f"ca must be the path of a PEM file, or PEM text, not {type(ca).__name__}"
        raise ConfigError(message)
    path = os.fspath(ca)
    if not os.path.isfile(path):  # noqa: PTH113  pathlib would be imported for this alone
        shown = f": {path!r}" if isinstance(path, str) and PATH.search(path) else " (what was given is not shown)"
        message = f"ca names no file{shown}"
        raise ConfigError(message)
    return path


def check_mapping(value: object, *, name: str) -> dict[str, Any]:
    """Return a copy of a mapping, empty for None.

    Raises:
        ConfigError: It is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        message = f"{name} must be a mapping, not {type(value).__name__}"
        raise ConfigError(message)
    return dict(value)


def check_http_client(client: Any, *, is_async: bool) -> Any:
    """Return a caller's own HTTP client if it is one of httpx or httpx2.

    Raises:
        ConfigError: It is not, or is of the other mode.
    """
    name = "AsyncClient" if is_async else "Client"
    if client is None or any(
        kind.__name__ == name and kind.__module__.partition(".")[0] in HTTP_LIBRARIES for kind in type(client).__mro__
    ):
        return client
    message = f"the HTTP client must be an httpx.{name}, not {type(client).__module__}.{type(client).__name__}"
    raise ConfigError(message)


HTTP_LIBRARIES = ("httpx", "httpx2")
"""The packages whose clients are accepted."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """A client's settings, checked."""

    secret: Secret
    base_url: str
    timeout: Timeout = field(default_factory=Timeout)
    max_retries: int = 2
    retry_ambiguous: bool = True
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, Any] = field(default_factory=dict)
    ca: str | None = None
    rate_limit: RateLimit | None = None
    rate_limit_wait: float | None = 60.0
    on_retry: OnRetry | None = field(default=None, repr=False)

    @classmethod
    def build(
        cls,
        api_key: Key | None,
        *,
        base_url: str | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int = 2,
        retry_ambiguous: bool = True,
        default_headers: Mapping[str, str] | None = None,
        default_query: Mapping[str, Any] | None = None,
        allow_http: bool = False,
        ca: str | os.PathLike[str] | None = None,
        rate_limit: RateLimit | None = None,
        rate_limit_wait: float | None = 60.0,
        on_retry: OnRetry | None = None,
    ) -> Config:
        """Check what a caller gave and fill in the rest.

        Raises:
            ConfigError: Something in it cannot be right.
        """
        url, is_agent = of_agent(check_base_url(base_url, allow_http=allow_http))
        query = {"agent": "true"} if is_agent else {}
        secret = find_key(api_key)
        if not base_url:
            warn_of_unread(url, is_openai_key=secret.is_of_variable(OPENAI_KEY))
        return cls(
            secret=secret,
            base_url=url,
            timeout=Timeout.of(timeout),
            max_retries=check_retries(max_retries),
            retry_ambiguous=bool(retry_ambiguous),
            headers=check_headers(default_headers, name="default_headers"),
            query={**query, **check_mapping(default_query, name="default_query")},
            ca=check_ca(ca),
            rate_limit=check_rate_limit(rate_limit),
            rate_limit_wait=check_rate_limit_wait(rate_limit_wait),
            on_retry=check_on_retry(on_retry),
        )

    @property
    def is_agent(self) -> bool:
        """Whether requests go to an agent, which has a model of its own and takes plain text only."""
        return "agent" in self.query

    @cached_property
    def is_of_this_machine(self) -> bool:
        """Whether requests go to this machine, in the clear."""
        return is_of_this_machine(self.base_url)

    @cached_property
    def peer(self) -> str:
        """The host and port that requests go to."""
        return host_and_port(self.base_url)

    @cached_property
    def user_agent(self) -> str:
        """What this client calls itself."""
        from . import __version__  # noqa: PLC0415  a name that is made when it is asked for

        return f"inference-do/{__version__}"
