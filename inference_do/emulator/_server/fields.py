"""Checks of a request's fields, for the wires beside chat completions: types, ranges, and which keys there may be."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

from inference_do.emulator._http import Refusal

Check: TypeAlias = Callable[[str, Any], None]
"""Takes a field's name and value, and raises a `Refusal` for a wrong one."""


def number(low: float, high: float) -> Check:
    """Return the check of a number within bounds."""

    def check(name: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Refusal(400, f"{name}: Input should be a valid number, not {value!r}")
        if not low <= value <= high:
            raise Refusal(400, f"{name}: Input should be between {low:g} and {high:g}, not {value!r}")

    return check


def integer(low: int, high: int | None = None) -> Check:
    """Return the check of an integer within bounds."""

    def check(name: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Refusal(400, f"{name}: Input should be a valid integer, not {value!r}")
        if value < low or (high is not None and value > high):
            limits = f"at least {low}" if high is None else f"between {low} and {high}"
            raise Refusal(400, f"{name}: Input should be {limits}, not {value!r}")

    return check


def of_type(kind: type, noun: str) -> Check:
    """Return the check of a type."""

    def check(name: str, value: Any) -> None:
        if not isinstance(value, kind):
            raise Refusal(400, f"{name}: Input should be {noun}, not {value!r}")

    return check


def one_of(*allowed: Any) -> Check:
    """Return the check of one out of several values."""

    def check(name: str, value: Any) -> None:
        if isinstance(value, bool) != any(isinstance(one, bool) for one in allowed) or value not in allowed:
            raise Refusal(400, f"{name}: Input should be one of {', '.join(map(repr, allowed))}, not {value!r}")

    return check


def text_list(least: int = 0, most: int | None = None) -> Check:
    """Return the check of a list of texts."""

    def check(name: str, value: Any) -> None:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise Refusal(400, f"{name}: Input should be a list of strings, not {value!r}")
        if len(value) < least or (most is not None and len(value) > most):
            raise Refusal(400, f"{name}: it should have {least} to {most} items, not {len(value)}")

    return check


STRING = of_type(str, "a string")
BOOLEAN = of_type(bool, "a boolean")
OBJECT = of_type(dict, "an object")
LIST = of_type(list, "a list")


def accept_anything(name: str, value: Any) -> None:
    """Take any value."""
    del name, value


def only(value: Mapping[str, Any], allowed: Collection[str], where: str) -> None:
    """Refuse keys that are not allowed.

    Raises:
        Refusal: 400.
    """
    for key in value:
        if key not in allowed:
            raise Refusal(400, f"{where}.{key}: Extra inputs are not permitted")


def check_object(value: Any, checks: Mapping[str, Check], where: str, *, required: Collection[str] = ()) -> None:
    """Check an object whose keys are all known.

    Raises:
        Refusal: 400.
    """
    OBJECT(where, value)
    for name in required:
        if name not in value:
            raise Refusal(400, f"{where}.{name}: Field required")
    only(value, checks, where)
    for name, item in value.items():
        checks[name](f"{where}.{name}", item)
