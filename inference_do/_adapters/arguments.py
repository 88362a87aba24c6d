"""Arguments of a framework's object: other names of them, slips, and what goes into the request as it is.

The same for both frameworks: None is "not given"; another name becomes the field's own; a name that is nearly a field's
is a slip and refused; any other name is a field of the request that this package does not know, sent with a warning.
"""

from __future__ import annotations

import inspect
import traceback
import warnings
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from inference_do.config import check_mapping
from inference_do.errors import ConfigError

from .merging import renamed

__all__ = ["problems_of", "settle"]

SLIP = 0.85
"""How alike an unknown name must be to a known one to be taken for a slip; `top_k` and `top_p` are 0.80."""

MAKERS = frozenset({"inference_do", "langchain_core", "langchain_do", "llama_index", "llamaindex_do", "pydantic"})
"""Packages whose frames are not the user's."""


def settle(
    values: Mapping[str, Any], *, known: Mapping[str, Any], aliases: Mapping[str, str], further: str
) -> dict[str, Any]:
    """Return an object's arguments under the names of its fields.

    Args:
        values: The arguments as they were given.
        known: The object's fields.
        aliases: Other names of fields, with the fields' own.
        further: The field that holds further fields of every request.

    Raises:
        ConfigError: A name is a slip, or one field is given twice with different values.
    """
    given = {name: value for name, value in values.items() if value is not None}
    if given.keys() <= known.keys() and aliases.keys().isdisjoint(given) and not given.get(further):
        return {**given, further: {}}
    extra = renamed(check_mapping(given.pop(further, None), name=further), aliases)
    settled = renamed(given, aliases)
    for name in [name for name in extra if name in known]:
        if settled.setdefault(name, extra[name]) != extra[name]:
            message = f"{name} is given twice: as an argument and in {further}"
            raise ConfigError(message)
        del extra[name]
    for name in [name for name in settled if name not in known]:
        _check_unknown(name, known, further)
        extra[name] = settled.pop(name)
    return {**settled, further: extra}


def _check_unknown(name: str, known: Mapping[str, Any], further: str) -> None:
    import difflib  # noqa: PLC0415  only needed to explain a mistake

    if close := difflib.get_close_matches(name, known, n=1, cutoff=SLIP):
        message = f"there is no argument {name!r}: did you mean {close[0]!r}? ({further}= sends any name as it is)"
        raise ConfigError(message)
    warnings.warn(
        f"{name} is no argument of this class and will be sent as a field of the request; "
        f"put it into {further} or extra_body to say that this is meant",
        stacklevel=_callers_level(),
    )


def _callers_level() -> int:
    """Return how far up the stack, from where it is asked, stands the code that makes the object."""
    frames = enumerate(frame for frame, _ in traceback.walk_stack(inspect.currentframe()))
    return next(level for level, frame in frames if _package(frame.f_globals) not in MAKERS)


def _package(names: Mapping[str, Any]) -> str:
    return str(names.get("__name__")).partition(".")[0]


def problems_of(error: ValidationError) -> str:
    """Return what pydantic found, in one line and without the values, which may be secret."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    reported = {(item["loc"][0] if item["loc"] else ""): item["msg"].removeprefix("Value error, ") for item in found}
    return "; ".join(
        problem if problem.startswith(str(name)) else f"{name}: {problem}" for name, problem in reported.items()
    )
