"""The settings of a client: the key, where to send, how long to wait.

Everything is checked here, when a client is built, so that a mistake is reported before anything is sent.
The environment is read at that moment too, never on import. The key lives in a `Secret`, whose every rendering is a
mask; the one place that unwraps it is the one that writes the Authorization header.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from ._urls import BASE_URL, BASE_URL_VARIABLE, check_base_url, is_of_this_machine, of_agent
from .errors import ConfigError, Phase

__all__ = ["BASE_URL", "BASE_URL_VARIABLE", "KEY_VARIABLES", "Config", "Key", "Secret", "Timeout"]

KEY_VARIABLES = (
    "DIGITALOCEAN_INFERENCE_KEY",
    "MODEL_ACCESS_KEY",
    "GRADIENT_MODEL_ACCESS_KEY",
    "DIGITALOCEAN_TOKEN",
    "DIGITALOCEAN_ACCESS_TOKEN",
)
"""Where a key is looked for, in this order: the names that DigitalOcean's own packages and documents use."""

Key = str | SecretStr | Callable[[], str | SecretStr]
"""A key, or a function that is asked for one before each request."""

PATH = re.compile(r"^[./~\\]|[/\\].*\.|\.(pem|crt|cer|ca|bundle)$", re.IGNORECASE)
"""What looks like a path and not like a key."""

LIKE_A_KEY = re.compile(r"\S{16}|^(sk|dop|doo)[-_]")

PEM = "-----BEGIN CERTIFICATE-----"

MASK = "**********"
SHORTEST_SECRET = 6
"""Characters; what is shorter is a word like "none" for a server without keys, and is not looked for in responses."""

IN_NO_KEY = re.compile(r"[^!-~]")
ESCAPED = re.compile(r"\\u00([0-9A-Fa-f]{2})")
MADE_HERE = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
LONGEST_WAIT = 1_000_000.0
"""Seconds; sockets cannot wait much longer."""


class Secret:
    """A key that shows itself to nobody who does not ask for it by `get_secret_value()`.

    No frame of a traceback holds it either: it is wrapped before anything else, and checked where nothing is raised.
    """

    __slots__ = ("_last", "_pattern", "_source")

    def __init__(self, source: Key) -> None:
        source = as_secret(source)
        self._source: SecretStr | Callable[[], str | SecretStr]
        self._last: SecretStr | None = None
        self._pattern: re.Pattern[str] | None = None  # finds the last key, made when it is looked for
        if callable(source):
            self._source = source
        else:
            self._source = self._last = _checked_key(source)

    def get_secret_value(self) -> str:
        """Return the key.

        Raises:
            ConfigError: The function that should give it gave something that cannot be a key.
        """
        if isinstance(self._source, SecretStr):
            return self._source.get_secret_value()
        self._last, self._pattern = _checked_key(as_secret(self._source())), None
        return self._last.get_secret_value()

    def scrub(self, text: str) -> str:
        """Return `text` with the key masked, wherever a server repeated it: as it is, or as JSON or URLs write it."""
        if self._last is None or len(self._last) < SHORTEST_SECRET:
            return text
        if self._pattern is None:
            spellings = _spellings(self._last.get_secret_value())
            self._pattern = re.compile("|".join(map(re.escape, spellings)), re.IGNORECASE)
        masked = self._pattern.sub(MASK, text)
        if "\\u00" not in masked:
            return masked
        unescaped = ESCAPED.sub(lambda found: chr(int(found[1], 16)), masked)
        return self._pattern.sub(MASK, unescaped) if self._pattern.search(unescaped) else masked

    def __repr__(self) -> str:
        return f"Secret('{MASK}')"

    def __reduce__(self) -> str:
        message = "a key is never pickled"
        raise TypeError(message)


class NoKey:
    """What stands in place of a value that is no key and may hold one: the name of its type."""

    __slots__ = ("kind",)

    def __init__(self, value: object) -> None:
        self.kind = type(value).__name__

    def __repr__(self) -> str:
        return f"NoKey({self.kind})"


def as_secret(key: Any) -> Any:
    """Return a key wrapped. What takes a key from a caller does this first; what is no key is not kept."""
    if isinstance(key, str):
        return SecretStr(key)
    return key if key is None or isinstance(key, SecretStr | NoKey) or callable(key) else NoKey(key)


def _spellings(key: str) -> set[str]:
    escaped = json.dumps(key)[1:-1]
    return {key, escaped, key.replace("/", "\\/"), escaped.replace("/", "\\/"), quote(key, safe="")}


def find_key(api_key: Key | None) -> Secret:
    """Return the key that was given, else the first that the environment has.

    Raises:
        ConfigError: There is none, or it holds a character that no key has.
    """
    if api_key is not None:
        return Secret(api_key)
    for name in KEY_VARIABLES:
        if os.environ.get(name):
            return Secret(os.environ[name])
    message = f"no API key: pass api_key=, or set {KEY_VARIABLES[0]} (also read: {', '.join(KEY_VARIABLES[1:])})"
    raise ConfigError(message)


def _checked_key(key: object) -> SecretStr:
    """Return a key without the white space around it."""
    if not isinstance(key, SecretStr):
        kind = key.kind if isinstance(key, NoKey) else type(key).__name__
        message = f"api_key must be a string, or a function that returns one, not {kind}"
        raise ConfigError(message)
    clean = SecretStr(key.get_secret_value().strip(" \t\r\n"))
    if problem := _problem_of_key(clean):
        raise ConfigError(problem)
    return clean


def _problem_of_key(key: SecretStr) -> str | None:
    """Say what is wrong with a key; the frame that knows the key's characters is gone when the error is raised."""
    if not key:
        return "the API key is empty"
    if found := IN_NO_KEY.search(key.get_secret_value()):
        return (
            f"the API key has a character at position {found.start()} that no key has (a space, a control character "
            "or one outside ASCII): copy it again"
        )
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout:
    """How long to wait, in seconds, for each phase of a call; `None` is for ever.

    The phases of one request follow each other; `total` spans the whole call with its retries and pauses.
    """

    connect: float | None = 10.0
    """Until a connection stands, TLS included."""
    pool: float | None = 60.0
    """Until a pooled connection is free."""
    write: float | None = 60.0
    """For each write of the request."""
    first_token: float | None = 600.0
    """From a connection to the head of the response, and again from there to the first event. Reasoning models think
    first: more than five minutes have been seen."""
    idle: float | None = 120.0
    """Between two events. Comments that keep a connection alive do not count as events."""
    total: float | None = None
    """From the call to its last byte."""

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
                    "timeout must be a Timeout or a number of seconds, above 0 and at most a million, "
                    f"not {_shown(value)}"
                )
                raise ConfigError(message)

    def of_phase(self, phase: Phase) -> float | None:
        """Return the limit of one phase."""
        return getattr(self, phase)  # type: ignore[no-any-return]


def _shown(value: object) -> str:
    """Return how a message shows a wrong value: a text may be a key that was given in the wrong place."""
    if isinstance(value, str) and not LIKE_A_KEY.search(value):
        return repr(value)
    return f"a {type(value).__name__}" if isinstance(value, str | bytes | list | tuple | dict) else repr(value)


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= LONGEST_WAIT


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
    ) -> Config:
        """Check what a caller gave and fill in the rest.

        Raises:
            ConfigError: Something in it cannot be right.
        """
        url, is_agent = of_agent(check_base_url(base_url, allow_http=allow_http))
        query = {"agent": "true"} if is_agent else {}
        return cls(
            secret=find_key(api_key),
            base_url=url,
            timeout=Timeout.of(timeout),
            max_retries=check_retries(max_retries),
            retry_ambiguous=retry_ambiguous,
            headers=check_headers(default_headers, name="default_headers"),
            query={**query, **check_mapping(default_query, name="default_query")},
            ca=check_ca(ca),
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
    def user_agent(self) -> str:
        """What this client calls itself."""
        from . import __version__  # noqa: PLC0415  a name that is made when it is asked for

        return f"inference-do/{__version__}"
