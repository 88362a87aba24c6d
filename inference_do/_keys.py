"""The key: where it comes from, how it is held, and what becomes of it in a pickle.

It lives in a `Secret`, whose every rendering is a mask; the one place that unwraps it is the one that writes the
Authorization header. A pickle never holds a key: one of the environment comes from the environment again, a function
of a module is found again by its name, and a key that was given is missed at the first call unless the environment has
the same one.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from .errors import ConfigError

__all__ = [
    "KEY_VARIABLES",
    "MASK",
    "Key",
    "NoKey",
    "Secret",
    "as_secret",
    "find_key",
    "key_of_environment",
    "key_to_pickle",
]

KEY_VARIABLES = (
    "DIGITALOCEAN_INFERENCE_KEY",
    "MODEL_ACCESS_KEY",
    "GRADIENT_MODEL_ACCESS_KEY",
    "DIGITALOCEAN_TOKEN",
    "DIGITALOCEAN_ACCESS_TOKEN",
)
"""Where a key is looked for, in this order: the names that DigitalOcean's own packages and documents use."""

Key = str | SecretStr | Callable[[], str | SecretStr] | Callable[[], Awaitable[str | SecretStr]]
"""A key, or a function that is asked for one before each request; an asynchronous one serves asynchronous calls."""

UNREAD = (
    "DIGITALOCEAN_API_KEY",
    "DIGITALOCEAN_MODEL_ACCESS_KEY",
    "DIGITAL_OCEAN",
    "GRADIENT_AGENT_ACCESS_KEY",
    "GRADIENT_API_KEY",
    "OPENAI_API_KEY",
)
"""Variables of other packages, which are not read; they are named where no key is found."""

MASK = "**********"
SHORTEST_SECRET = 6
"""Characters; what is shorter is a word like "none" for a server without keys, and is not looked for in responses."""

LEAST_HASHED = 16
"""Characters of a key that pickles have a hash of."""

IN_NO_KEY = re.compile(r"[^!-~]")
ESCAPED = re.compile(r"\\u00([0-9A-Fa-f]{2})")


class Secret:
    """A key that shows itself to nobody who does not ask for it by `get_secret_value()`.

    No frame of a traceback holds it either: it is wrapped before anything else, and checked where nothing is raised.
    """

    __slots__ = ("_is_given", "_last", "_pattern", "_source")

    def __init__(self, source: Key, *, is_given: bool = True) -> None:
        source = as_secret(source)
        self._is_given = is_given  # and not the environment's
        self._source: Any  # a SecretStr, or a function
        self._last: SecretStr | None = None
        self._pattern: re.Pattern[str] | None = None  # finds the last key, made when it is looked for
        if callable(source):
            self._source = source
        else:
            self._source = self._last = _checked_key(source)

    def get_secret_value(self) -> str:
        """Return the key.

        Raises:
            ConfigError: The function that should give it gave something that cannot be a key, or is asynchronous.
        """
        if isinstance(self._source, SecretStr):
            return self._source.get_secret_value()
        key = _wrapped(self._source())
        if inspect.isawaitable(key):
            getattr(key, "close", bool)()  # a coroutine that nobody awaits warns
            message = "api_key is an asynchronous function, which serves asynchronous calls only: give a plain one"
            raise ConfigError(message)
        return self._keep(key)

    async def aget_secret_value(self) -> str:
        """Return the key, in an event loop.

        Raises:
            ConfigError: The function that should give it gave something that cannot be a key.
        """
        if isinstance(self._source, SecretStr):
            return self._source.get_secret_value()
        key = _wrapped(self._source())
        return self._keep(as_secret(await key) if inspect.isawaitable(key) else key)

    def _keep(self, key: Any) -> str:
        self._last, self._pattern = _checked_key(key), None
        return self._last.get_secret_value()

    def is_of_variable(self, name: str) -> bool:
        """Return whether the key is what an environment variable holds."""
        return self._last is not None and self._last.get_secret_value() == os.environ.get(name)

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

    def __reduce__(self) -> tuple[Any, ...]:
        return _secret_of_pickle, (key_to_pickle(self._source) if self._is_given else None,)


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


def _wrapped(key: Any) -> Any:
    """Return what a function gave, wrapped unless it is still to be awaited."""
    return key if inspect.isawaitable(key) else as_secret(key)


# --- keys in pickles ---


class GivenElsewhere:
    """What stands in a pickle for a key that was given: it knows the key again, and cannot tell it.

    Where it is opened the environment may have the same key, which is then used. Any other key is not: a call could be
    billed to somebody else's account.
    """

    __slots__ = ("_digest",)

    def __init__(self, digest: bytes) -> None:
        self._digest = digest

    def __call__(self) -> SecretStr:
        """Return the key, if the environment has it.

        Raises:
            ConfigError: It has none, or another one.
        """
        found = [value for name in KEY_VARIABLES if (value := os.environ.get(name))]
        keys = (SecretStr(value) for value in found if self._digest and _digest_of(SecretStr(value)) == self._digest)
        if (key := next(keys, None)) is not None:
            return key
        found, note = [], " (the one that it has is another)" if found else ""
        message = (
            "no API key in this process: it was given as api_key= in another one, and a key is never pickled. Give it "
            f"again here, leave api_key out and set {KEY_VARIABLES[0]} in both, or give a function of a module as "
            f"api_key=. A key of the environment is used if it is the same{note}"
        )
        raise ConfigError(message)

    def __repr__(self) -> str:
        return "GivenElsewhere()"

    def __reduce__(self) -> tuple[Any, ...]:
        return GivenElsewhere, (self._digest,)


def _digest_of(key: SecretStr) -> bytes:
    """Return a hash of a key; nothing for a short one, which could be guessed from it."""
    text = key.get_secret_value().strip(" \t\r\n").encode("utf-8", "replace")
    return hashlib.blake2b(text, person=b"inference-do-key").digest() if len(text) >= LEAST_HASHED else b""


def key_to_pickle(key: Any) -> Any:
    """Return what a pickle holds for a key that was given: a function that is found again by its name, or a hash."""
    if isinstance(key, SecretStr | str):
        return GivenElsewhere(_digest_of(as_secret(key)))
    name, module = getattr(key, "__qualname__", None), sys.modules.get(getattr(key, "__module__", None) or "")
    is_found = isinstance(key, GivenElsewhere) or (isinstance(name, str) and getattr(module, name, None) is key)
    return key if is_found else GivenElsewhere(b"")


def _secret_of_pickle(key: Callable[[], Any] | None) -> Secret:
    if key is not None:
        return Secret(key)
    found = key_of_environment()
    return Secret(_key_now if found is None else found, is_given=False)


def _key_now() -> SecretStr:
    """Return the environment's key; an object that came out of a pickle may be there before it."""
    found = key_of_environment()
    if found is None:
        raise ConfigError(_no_key())
    return found


def key_of_environment() -> SecretStr | None:
    """Return the key that the environment has."""
    return next((SecretStr(value) for name in KEY_VARIABLES if (value := os.environ.get(name))), None)


def _no_key() -> str:
    unread = [name for name in UNREAD if os.environ.get(name)]
    note = f"; {' and '.join(unread)} {'is' if len(unread) == 1 else 'are'} set, but not read" if unread else ""
    return f"no API key: pass api_key=, or set {KEY_VARIABLES[0]} (also read: {', '.join(KEY_VARIABLES[1:])}){note}"


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
    if (found := key_of_environment()) is not None:
        return Secret(found, is_given=False)
    raise ConfigError(_no_key())


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
