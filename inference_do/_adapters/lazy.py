"""Names of a package that are imported when they are first touched: the one pattern of the three packages."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from inference_do._version import VERSION

__all__ = ["lazy_names"]


def lazy_names(
    package: str,
    homes: Mapping[str, str],
    *,
    needs: str | None = None,
    install: str = "",
    elsewhere: Mapping[str, str] | None = None,
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a package's `__getattr__` and `__dir__`.

    Args:
        package: The package's name.
        homes: Its public names, each with the module that has it. `__version__` is known by itself.
        needs: A framework without which nothing of the package works.
        install: How to install that.
        elsewhere: Names of other packages that people import from this one, with what to write.
    """

    def get(name: str) -> Any:
        if name == "__version__":
            value: Any = VERSION
        elif name in homes:
            value = getattr(_home(homes[name]), name)
        elif elsewhere and name in elsewhere:
            message = f"{package} has no {name}: {elsewhere[name]}"
            raise ImportError(message)  # `from ... import` would drop the text of an AttributeError
        else:
            message = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(message)
        setattr(sys.modules[package], name, value)
        return value

    def _home(module: str) -> Any:
        try:
            return import_module(f".{module}", package)
        except ModuleNotFoundError as error:
            if needs is None or (error.name or "").partition(".")[0] != needs:
                raise
        message = f"{package} needs {needs.replace('_', '-')}, which is not installed: {install}"
        raise ImportError(message)

    def names() -> list[str]:
        return [*homes, "__version__"]

    return get, names
