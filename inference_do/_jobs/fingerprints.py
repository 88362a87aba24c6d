"""What a call is known by, so that an output is not gone on with by another one.

Read off the call, the same in every process: of models, prompts and chains the settings that decide what is asked (not
keys, addresses, timeouts or callbacks); of functions the name and the texts and names that their code uses, texts of
the module and of the enclosing function among them. A change of the code that changes none of these is not seen.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Mapping
from hashlib import blake2b
from types import CodeType, FunctionType
from typing import Any

from inference_do._slips import SETTINGS

__all__ = ["fingerprint_of"]

DEEPEST = 12
PLAIN = (str, int, float, bool, type(None))
NOT_ASKED = frozenset(
    [
        *SETTINGS,
        "rate_limiter",
        "http_client",
        "http_async_client",
        "async_http_client",
        "callbacks",
        "callback_manager",
        "cache",
        "verbose",
        "metadata",
        "tags",
        "name",
        "config",
        "config_factories",
        "custom_get_token_ids",
        "profile",
        "streaming",
        "disable_streaming",
        "messages_to_prompt",
        "completion_to_prompt",
        "client",
        "async_client",
    ]
)
"""Fields of models and Runnables that do not change what is asked."""
PARTS = ("func", "afunc", "_prompt", "_llm", "_output_cls", "_output_parser", "branches", "default", "steps")
"""Where objects that are no pydantic models keep what they are made of."""


def fingerprint_of(*parts: Any) -> str:
    """Return 16 hex digits that change when what they are made of does."""
    described = json.dumps([_describe(part, 0) for part in parts], sort_keys=True, ensure_ascii=True)
    return blake2b(described.encode(), digest_size=8).hexdigest()


def _describe(value: Any, depth: int) -> Any:  # noqa: PLR0911  one line a kind
    if isinstance(value, PLAIN):
        return value
    if depth > DEEPEST:
        return "..."
    match value:
        case Mapping():
            return {str(name): _describe(item, depth + 1) for name, item in value.items()}
        case list() | tuple():
            return [_describe(item, depth + 1) for item in value]
        case set() | frozenset():
            return sorted(json.dumps(_describe(item, depth + 1), sort_keys=True) for item in value)
        case type():
            return _class(value)
        case functools.partial():
            return [_describe(part, depth + 1) for part in (value.func, value.args, value.keywords)]
        case FunctionType():
            return _function(value, depth)
        case _ if inspect.ismethod(value):
            return [_describe(value.__func__, depth + 1), _describe(value.__self__, depth + 1)]
        case _:
            return _object(value, depth)


def _class(kind: type) -> Any:
    schema = getattr(kind, "model_json_schema", None)
    try:
        return [kind.__qualname__, schema() if schema else None]
    except Exception:  # noqa: BLE001  a class that has no schema
        return [kind.__qualname__, None]


def _object(value: Any, depth: int) -> Any:
    names = getattr(type(value), "model_fields", None)
    found = {name: getattr(value, name, None) for name in (names if isinstance(names, Mapping) else ())}
    found.update({name: part for name in PARTS if (part := vars_of(value).get(name)) is not None})
    kept = {
        name: _describe(part, depth + 1) for name, part in found.items() if name not in NOT_ASKED and part is not None
    }
    return [type(value).__qualname__, kept]


def vars_of(value: Any) -> Mapping[str, Any]:
    """Return an object's attributes, none if it keeps them elsewhere."""
    return getattr(value, "__dict__", {})


def _function(function: FunctionType, depth: int) -> Any:
    code, module = function.__code__, function.__globals__
    names = _names(code)
    outer = {
        name: module[name]
        for name in names
        if isinstance(module.get(name), str)
        or (isinstance(module.get(name), FunctionType) and module[name].__module__ == function.__module__)
    }
    outer.pop(function.__name__, None)
    cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=False))
    inner = {name: cell.cell_contents for name, cell in cells.items() if _is_filled(cell)}
    return {
        "name": function.__qualname__,
        "texts": _texts(code, function.__doc__),
        "names": sorted(names),
        "module": _describe({name: value for name, value in outer.items() if not name.startswith("__")}, depth + 1),
        "closure": _describe({name: value for name, value in inner.items() if value is not function}, depth + 1),
        "defaults": _describe([function.__defaults__, function.__kwdefaults__], depth + 1),
    }


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _names(code: CodeType) -> set[str]:
    inner = (_names(part) for part in code.co_consts if isinstance(part, CodeType))
    return set(code.co_names).union(*inner)


def _texts(code: CodeType, doc: str | None) -> list[str]:
    texts = [part for part in code.co_consts if isinstance(part, str) and part != doc]
    for part in code.co_consts:
        if isinstance(part, CodeType):
            texts += _texts(part, None)
    return texts
