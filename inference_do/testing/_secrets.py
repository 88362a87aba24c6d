"""What of recorded requests and responses is never written: keys, tokens, ids of requests."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "(secret)"
NAMES = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)
"""How the names of variables end whose values are secrets."""
PATTERNS = re.compile(
    r"\b(?:sk|dop|doo|dor|ghp|gho|xox[abp]|pat|lsv2|hf|AKIA)[-_][A-Za-z0-9_-]{12,}"
    r"|\bBearer\s+[A-Za-z0-9._~+/-]{12,}=*"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+"
)
"""What looks like a key, wherever it stands."""
FIELDS = re.compile(
    r"(x-)?request[-_]?id|(proxy-)?authorization|api[-_]?key|access[-_]?token|(client[-_]?)?secret|password|(set-)?cookie",
    re.IGNORECASE,
)
"""Names of fields whose values are."""
SHORTEST = 16
"""Characters of a value of the environment that is hidden; a shorter one may be a word of any text."""


class Secrets:
    """What is hidden: by its value, by its form, by the name of its field.

    Args:
        environment: Whose variables' values are hidden, if their names say that they are secrets.
        values: Further values.
    """

    def __init__(self, *values: str, environment: Mapping[str, str] | None = None) -> None:
        named = os.environ if environment is None else environment
        found = {*values, *(value for name, value in named.items() if NAMES.search(name))}
        self._values = sorted((value for value in found if len(value) >= SHORTEST), key=len, reverse=True)

    def hide(self, value: Any) -> Any:
        """Return a JSON value without secrets; the names of its fields stay."""
        match value:
            case str():
                for secret in self._values:
                    value = value.replace(secret, HIDDEN)
                return PATTERNS.sub(HIDDEN, value)
            case list():
                return [self.hide(item) for item in value]
            case dict():
                return {
                    self.hide(name): HIDDEN if FIELDS.fullmatch(name) and isinstance(item, str) else self.hide(item)
                    for name, item in value.items()
                }
            case _:
                return value
