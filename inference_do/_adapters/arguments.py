"""Arguments of a framework's object: other names of them, slips, and what goes into the request as it is.

The same for both frameworks: None is "not given"; another name becomes the field's own; a name that is nearly a field's
is a slip and refused; any other name is a field of the request that this package does not know, sent with a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from pydantic import AliasChoices, AliasPath, ValidationError
from pydantic.fields import FieldInfo

from inference_do._callers import callers_level
from inference_do._slips import CALL_NAMES, check_names, problem_of_config
from inference_do.config import check_mapping
from inference_do.errors import ConfigError

from .merging import renamed

__all__ = [
    "CALL_NAMES",
    "CHAT_REQUEST_FIELDS",
    "check_names",
    "check_text",
    "check_texts",
    "names_of",
    "problem_of_config",
    "problems_of",
    "settle",
]

CHAT_REQUEST_FIELDS = frozenset(
    {
        "audio",
        "include",
        "instructions",
        "modalities",
        "prediction",
        "prompt_cache_key",
        "safety_identifier",
        "store",
        "stream_options",
        "thinking",
        "tool_choice",
        "tools",
        "truncation",
        "verbosity",
        "web_search_options",
    }
)
"""Fields of chat requests that are no settings of a model here, but of other packages' models: no slips."""


def settle(
    values: Mapping[str, Any],
    *,
    known: AbstractSet[str],
    aliases: Mapping[str, str],
    further: str,
    fields: AbstractSet[str] = frozenset(),
) -> dict[str, Any]:
    """Return an object's arguments under the names of its fields.

    Args:
        values: The arguments as they were given.
        known: The names of the object's fields, and their aliases.
        aliases: Other names of fields, with the fields' own.
        further: The field that holds further fields of every request.
        fields: Names of such fields that the API documents, which are no slips.

    Raises:
        ConfigError: One field is given twice with different values.
    """
    given = {name: value for name, value in values.items() if value is not None}
    if given.keys() <= known and aliases.keys().isdisjoint(given) and not given.get(further):
        return {**given, further: {}}
    extra = renamed(check_mapping(given.pop(further, None), name=further), aliases)
    settled = renamed(given, aliases)
    for name in [name for name in extra if name in known]:
        if settled.setdefault(name, extra[name]) != extra[name]:
            message = f"{name} is given twice: as an argument and in {further}"
            raise ConfigError(message)
        del extra[name]
    for name in [name for name in settled if name not in known]:
        if name not in fields:
            warnings.warn(
                f"{name} is no argument of this class and will be sent as a field of the request; "
                f"put it into {further} or extra_body to say that this is meant",
                stacklevel=callers_level(),
            )
        extra[name] = settled.pop(name)
    return {**settled, further: extra}


def names_of(fields: Mapping[str, FieldInfo], aliases: Mapping[str, str]) -> frozenset[str]:
    """Return every name that a class's arguments may have: its fields', their aliases', and other names of ours."""
    names = {*fields, *aliases}
    for field in fields.values():
        for alias in (field.alias, field.validation_alias):
            choices = alias.choices if isinstance(alias, AliasChoices) else [alias] if alias else []
            names.update(str(choice.path[0] if isinstance(choice, AliasPath) else choice) for choice in choices)
    return frozenset(names)


def check_texts(texts: object) -> list[str]:
    """Return texts to embed as a list.

    Raises:
        ConfigError: They are one text, whose letters would be embedded, or something else than texts.
    """
    if isinstance(texts, str):
        message = "one text was given where a list of texts is expected, and its letters would be embedded: give [text]"
        raise ConfigError(message)
    if isinstance(texts, bytes | bytearray | Mapping) or not isinstance(texts, Iterable):
        message = f"what is embedded must be a list of texts, not {type(texts).__name__}"
        raise ConfigError(message)
    listed = list(texts)
    for position, text in enumerate(listed):
        if not isinstance(text, str):
            message = f"what is embedded must be a list of texts: item {position} is a {type(text).__name__}"
            raise ConfigError(message)
    return listed


def check_text(text: object) -> list[str]:
    """Return one text to embed, in a list.

    Raises:
        ConfigError: It is none.
    """
    if isinstance(text, str):
        return [text]
    message = f"what is embedded must be a text, not {type(text).__name__}: several texts have a method of their own"
    raise ConfigError(message)


def problems_of(error: ValidationError) -> str:
    """Return what pydantic found, in one line and without the values, which may be secret."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    reported = {(item["loc"][0] if item["loc"] else ""): _problem(item) for item in found}
    return "; ".join(
        problem if problem.startswith(str(name)) else f"{name}: {problem}" for name, problem in reported.items()
    )


def _problem(item: Mapping[str, Any]) -> str:
    if item["type"] == "missing":
        return "it has no default and must be given"
    return str(item["msg"]).removeprefix("Value error, ")
