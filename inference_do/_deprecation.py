"""Warnings of names, arguments and behaviour that will go: the policy is in CONTRIBUTING.md."""

from __future__ import annotations

import warnings

from ._callers import callers_level

__all__ = ["warn_deprecated"]


def warn_deprecated(old: str, *, instead: str | None, removed_in: str, stacklevel: int | None = None) -> None:
    """Warn that something is deprecated, at the line of the user's code that uses it.

    Args:
        old: What is deprecated, as a user writes it: `Client.ask()`, `the argument size=`.
        instead: What to write in its place; None if there is nothing.
        removed_in: The version that no longer has it: at least two minor releases after the one that deprecates it.
        stacklevel: As in `warnings.warn`, counted from the caller of this function. By default the warning is at the
            nearest line outside this project and the frameworks.
    """
    replacement = f"use {instead}" if instead else "there is no replacement"
    message = f"{old} is deprecated and will be removed in inference-do {removed_in}: {replacement}"
    warnings.warn(message, DeprecationWarning, stacklevel=callers_level() if stacklevel is None else stacklevel + 1)
