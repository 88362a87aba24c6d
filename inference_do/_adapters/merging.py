"""One request's parameters from several layers: a model's settings, its further arguments, what one call is given.

Later layers win field by field, None means "not given", and other names of a field become its own. Mappings that only
collect (`extra_headers`, `extra_query`, `extra_body`) are joined instead of replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from pydantic import SecretStr

from inference_do._apis import named_api
from inference_do.config import check_mapping
from inference_do.errors import ConfigError

__all__ = ["AFFINITY_HEADER", "merge_layers", "named_api", "renamed"]

AFFINITY_HEADER = "X-Model-Affinity"
COLLECTED = frozenset({"extra_headers", "extra_query", "extra_body"})
EMPTY = COLLECTED | {"stop"}
"""Fields that are not sent where they are empty."""
LIMITS = frozenset({"max_tokens", "max_completion_tokens"})
"""Two names of one field, whichever of them a framework uses."""


def renamed(values: Mapping[str, Any], aliases: Mapping[str, str]) -> dict[str, Any]:
    """Return the values that were given, under the fields' own names.

    Raises:
        ConfigError: Two names of one field have different values.
    """
    settled: dict[str, Any] = {}
    for name, value in values.items():
        own = aliases.get(name, name)
        if value is not None and settled.setdefault(own, value) != value:
            names = " and ".join(sorted(other for other in values if aliases.get(other, other) == own))
            message = f"{names} are names of one setting: give one of them"
            raise ConfigError(message)
    return settled


def merge_layers(
    layers: Iterable[Mapping[str, Any]],
    *,
    aliases: Mapping[str, str],
    is_internal: Callable[[str], bool],
    fixed: AbstractSet[str] = frozenset(),
) -> dict[str, Any]:
    """Return one request's parameters.

    Args:
        layers: Parameters by name, as users write them, the last one winning.
        aliases: Other names of fields, with the fields' own.
        is_internal: Whether an argument is the framework's own, and no field of a request.
        fixed: Settings that no call can change; above all a key must not end up in a request's body.

    Raises:
        ConfigError: A layer contradicts itself, has a fixed setting, or something that should be a mapping is none.
    """
    params: dict[str, Any] = {}
    for layer in layers:
        given = {name: value for name, value in layer.items() if value is not None and not is_internal(name)}
        if not given:
            continue
        given = named_api(given, params.get("api"))
        if not aliases.keys().isdisjoint(given):
            given = renamed(given, aliases)
        if not fixed.isdisjoint(given):
            message = f"{min(fixed & given.keys())} cannot be given to a call, only to the model: make another one"
            raise ConfigError(message)
        if body := params.get("extra_body"):
            named = {*given, *LIMITS} if not LIMITS.isdisjoint(given) else given
            params["extra_body"] = {name: value for name, value in body.items() if name not in named}
        for name in COLLECTED & given.keys():
            given[name] = {**params.get(name, {}), **check_mapping(given[name], name=name)}
        params.update(given)
    _set_headers(params)
    if isinstance(effort := params.get("reasoning"), str):
        params["reasoning"] = {"effort": effort}
    for name in EMPTY & params.keys():
        if not params[name]:
            del params[name]
    return params


def _set_headers(params: dict[str, Any]) -> None:
    """Write headers as they are sent: frameworks trace what a call is given, and show no SecretStr."""
    headers = params.get("extra_headers") or {}
    if affinity := params.pop("model_affinity", None):
        headers = {AFFINITY_HEADER: affinity, **headers}
    if headers:
        params["extra_headers"] = {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in headers.items()
        }
