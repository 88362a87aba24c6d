"""Secrets of tools that the server runs, such as the token for an MCP server: sent, and never shown.

1. `mask_secrets` puts a mask in the place of each secret of a tool. The mask remembers the secret; whatever prints,
   traces, serializes or pickles the tool meets the mask alone.
2. `reveal_secrets` puts the secrets back, where the request becomes JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import SecretStr

from ._keys import MASK
from ._slips import BODIES
from .errors import ConfigError

__all__ = ["MaskedText", "mask_secrets", "mask_tools", "reveal_secrets"]

SECRET_FIELD = re.compile(
    r"^headers$|^auth$|^key$|authori[sz]ation|secret|passw|credential|cookie|bearer|(?:api|access|private)[_-]?key|token$",
    re.IGNORECASE,
)
"""Fields whose texts are secrets, also those inside them."""


class MaskedText(str):
    """A mask that remembers what it masks. A copy does too; a pickle, or what was made of the text, does not."""

    __slots__ = ("_secret",)

    _secret: SecretStr | None

    def __new__(cls, secret: str | None = None) -> Self:
        """Make a mask for a secret; None for one that was lost."""
        masked = super().__new__(cls, MASK)
        masked._secret = None if secret is None else SecretStr(secret)
        return masked

    def get_secret_value(self) -> str | None:
        """Return what is masked; None if it was lost."""
        return None if self._secret is None else self._secret.get_secret_value()

    def __copy__(self) -> MaskedText:
        return self

    def __deepcopy__(self, memo: object) -> MaskedText:
        return self

    def __reduce__(self) -> tuple[type[MaskedText], tuple[()]]:
        return MaskedText, ()


def mask_secrets(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool with its secrets masked: texts of fields named like one, each SecretStr, URLs that hold one."""
    return {name: _masked(value, is_secret=bool(SECRET_FIELD.search(str(name)))) for name, value in tool.items()}


def mask_tools(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call's arguments; of its `tools`, those that the server runs have their secrets masked.

    Tools among the fields of a request's body, such as those of `extra_body`, are masked as well.
    """
    masked = dict(given)
    for name in BODIES & given.keys():
        if isinstance(given[name], Mapping):
            masked[name] = mask_tools(given[name])
    tools = given.get("tools")
    if isinstance(tools, list | tuple) and any(isinstance(tool, Mapping) for tool in tools):
        masked["tools"] = [mask_secrets(tool) if _is_served(tool) else tool for tool in tools]
    return masked


def _is_served(tool: Any) -> bool:
    return isinstance(tool, Mapping) and tool.get("type") not in {None, "function", "custom", "object"}


def _masked(value: Any, *, is_secret: bool) -> Any:
    match value:
        case SecretStr():
            return MaskedText(value.get_secret_value())
        case MaskedText():
            return value
        case str():
            return MaskedText(value) if (is_secret and value != MASK) or _is_secret_url(value) else value
        case Mapping():
            inner = mask_secrets(value)
            return {name: _masked(item, is_secret=True) for name, item in inner.items()} if is_secret else inner
        case list() | tuple():
            return [_masked(item, is_secret=is_secret) for item in value]
        case _:
            return value


def _is_secret_url(text: str) -> bool:
    """Return whether a text is a URL with a password or a query, which is where servers put tokens."""
    if not text.startswith(("http://", "https://")):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return True  # nobody can say what it holds
    return "@" in parts.netloc or bool(parts.query)


def reveal_secrets(value: Any) -> Any:
    """Return a tool, or a part of one, as it is sent.

    Raises:
        ConfigError: A secret was lost: all that is left of it is its mask.
    """
    match value:
        case SecretStr():
            return value.get_secret_value()
        case str() if value == MASK:
            secret = value.get_secret_value() if isinstance(value, MaskedText) else None
            if secret is None:
                message = (
                    f"a tool's secret is {MASK!r}, a mask: secrets are not serialized or pickled; give the tool again"
                )
                raise ConfigError(message)
            return secret
        case Mapping():
            return {name: reveal_secrets(item) for name, item in value.items()}
        case list() | tuple():
            return [reveal_secrets(item) for item in value]
        case _:
            return value
