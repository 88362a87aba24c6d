"""An extension of Sphinx: the reference shows docstrings and settings as their readers need them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from sphinx.util.typing import stringify_annotation

NAME = re.compile(r"(?<![`:\w])`([^`]+)`(?![`_])")
"""A name in a docstring, which stands between single backticks as in Markdown."""
SENTENCES: dict[str, list[str]] = {}
"""Docstrings of attributes, between the hooks below."""


def skip(_app: Any, what: str, name: str, obj: Any, skip: bool, _options: Any) -> bool | None:
    """Leave out what a framework or pydantic brings along, what has no docstring, and settings, which stand above."""
    if what in {"class", "exception"} and (name.startswith(("model_", "lc_")) or name.isupper()):
        return True
    if isinstance(obj, property) and name == "lc_secrets":
        return True
    function = getattr(obj, "__func__", obj)
    if inspect.isroutine(function) and not (function.__doc__ or "").strip():
        return True
    return skip or None


def from_markdown(_app: Any, what: str, name: str, obj: Any, _options: Any, lines: list[str]) -> None:
    """Turn the little Markdown that docstrings have into reStructuredText: names, and indented blocks of code."""
    found: list[str] = []
    for line in lines:
        starts_code = line.startswith("    ") and found and not found[-1].strip()
        above = next((text for text in reversed(found) if text.strip()), "") if starts_code else ""
        if above and not above.startswith((" ", "*", "-", ".. ")):
            found[-1:] = ["", "::", ""]
        found.append(line)
    lines[:] = _names("\n".join(found)).split("\n")
    if what in {"attribute", "property", "data"}:
        SENTENCES[name] = list(lines)
    if what == "class" and _is_model(obj):
        lines += ["", *settings(obj)]


def keep_sentences(_app: Any, what: str, name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    """Undo what napoleon makes of an attribute's sentence: it takes what stands before a colon for a type."""
    if what in {"attribute", "property", "data"}:
        lines[:] = SENTENCES.pop(name, lines)


def short_signature(
    _app: Any, what: str, _name: str, obj: Any, _options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Leave settings out of a model's signature: they are listed below it."""
    return ("(**settings)", "") if what == "class" and _is_model(obj) else (signature, returns)


def settings(model: type[BaseModel]) -> Iterator[str]:
    """Return the settings of a model of ours, with their types and defaults."""
    for name, field in model.model_fields.items():
        if (text := field.description) is None:
            continue
        default = field.default
        shown = "" if default is PydanticUndefined or default is None else f" Default: ``{default!r}``."
        ends = "" if text.endswith((".", "?")) else "."
        yield f":param {name}: {_names(text)}{ends}{shown}"
        yield f":type {name}: {stringify_annotation(_plain(field.annotation), 'smart')}"


def _plain(hint: Any) -> Any:
    """Return an annotation without the validators in it."""
    if get_origin(hint) is Annotated:
        return _plain(get_args(hint)[0])
    if get_origin(hint) in {Union, UnionType}:
        return reduce(or_, map(_plain, get_args(hint)))
    return hint


def _names(text: str) -> str:
    return NAME.sub(r"``\1``", text)


def _is_model(obj: Any) -> bool:
    return inspect.isclass(obj) and issubclass(obj, BaseModel)


def setup(app: Any) -> dict[str, bool]:
    """Register the hooks; napoleon's has the priority 500."""
    app.connect("autodoc-skip-member", skip)
    app.connect("autodoc-process-signature", short_signature)
    app.connect("autodoc-process-docstring", from_markdown, priority=400)
    app.connect("autodoc-process-docstring", keep_sentences, priority=600)
    return {"parallel_read_safe": True}
