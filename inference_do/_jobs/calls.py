"""What a call may be, known by what it can do, so that no framework is imported.

| what | known by | asked with |
|---|---|---|
| a Runnable of LangChain | `invoke`, `ainvoke` | the row; a chat model alone: text or messages |
| an LLM of LlamaIndex | `complete`, `acomplete`, `chat` | text or messages |
| a program of LlamaIndex | `output_cls`, called, `acall` | the row's fields as keyword arguments |
| a function | called | the row |
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from inference_do.errors import ConfigError

from .templates import PromptTemplate

__all__ = ["Prompt", "Target", "model_of", "preparing", "recognize"]

INNER = ("bound", "runnable", "first", "steps__", "steps", "middle", "last", "llm", "_llm")
"""Where Runnables and programs keep what they are made of."""
DEEPEST = 8
LLAMAINDEX_TYPES = "llama_index.core.base.llms.types"


@dataclass(frozen=True, slots=True)
class Target:
    """What rows are asked with: for threads, for event loops, or for both."""

    sync: Callable[[Any], Any] | None
    asynchronous: Callable[[Any], Any] | None
    takes: str
    """`text` (or messages), `fields` or `row`."""


def recognize(call: Any) -> Target:
    """Return what rows are asked with.

    Raises:
        ConfigError: It is nothing that can be called.
    """
    if _can(call, "invoke", "ainvoke"):
        return Target(call.invoke, call.ainvoke, "text" if _takes_text(call, 0) else "row")
    if _can(call, "complete", "acomplete", "chat", "achat"):
        return Target(_asker(call.complete, call.chat), _asker(call.acomplete, call.achat), "text")
    if hasattr(type(call), "output_cls") and callable(call) and _can(call, "acall"):
        return Target(lambda row: call(**row), lambda row: call.acall(**row), "fields")
    is_class = isinstance(call, type) and any(hasattr(call, name) for name in ("invoke", "complete", "acall"))
    if not callable(call) or is_class:
        what = f"the class {call.__name__}: make one" if is_class else f"a {type(call).__name__}"
        message = f"call must be a Runnable of LangChain, an LLM or a program of LlamaIndex, or a function, not {what}"
        raise ConfigError(message)
    if inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None)):  # noqa: B004
        return Target(None, call, "row")
    return Target(call, None, "row")


def _can(value: Any, *names: str) -> bool:
    return not isinstance(value, type) and all(callable(getattr(value, name, None)) for name in names)


def _takes_text(call: Any, depth: int) -> bool:
    """Return whether a Runnable is a model, or begins with one: those take text or messages."""
    if hasattr(call, "_llm_type"):
        return True
    if depth > DEEPEST:
        return False
    for name in ("bound", "runnable", "first"):
        if (inner := getattr(call, name, None)) is not None:
            return _takes_text(inner, depth + 1)
    steps = getattr(call, "steps__", None)
    return bool(steps) and isinstance(steps, Mapping) and any(_takes_text(step, depth + 1) for step in steps.values())


def _asker(complete: Callable[[str], Any], chat: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return what asks an LLM of LlamaIndex with text or with messages."""

    def ask(content: Any) -> Any:
        if isinstance(content, str):
            return complete(content)
        kind = getattr(sys.modules.get(LLAMAINDEX_TYPES), "ChatMessage", None)
        made = [kind(**item) if kind and isinstance(item, Mapping) else item for item in content]
        return chat(made)

    return ask


Prompt: TypeAlias = str | Callable[[Any], Any] | None


def preparing(takes: str, prompt: Prompt) -> Callable[[Any], Any]:
    """Return what makes of a row what the call is given; a ValueError of it says why it cannot.

    Args:
        takes: What the call takes: `text`, `fields` or `row`.
        prompt: A text with fields, or a function that does it.

    Raises:
        ConfigError: A program has a prompt of its own, or a text's braces are no fields.
    """
    if callable(prompt):
        return prompt
    if prompt is not None:
        if takes == "fields":
            message = "a program has its own prompt, filled from the row's fields: leave out prompt="
            raise ConfigError(message)
        template = PromptTemplate(prompt)
        return lambda row: template.fill(_fields(row))
    return {"text": _text_of, "fields": _fields, "row": lambda row: row}[takes]


def _fields(row: Any) -> Mapping[str, Any]:
    if isinstance(row, Mapping):
        return row
    message = f"it must be an object with fields, not {type(row).__name__}"
    raise ValueError(message)


def _text_of(row: Any) -> Any:
    """Return the text or the messages of a row."""
    if not isinstance(row, Mapping):
        return row
    for name, kind in (("messages", list), ("prompt", str)):
        if isinstance(value := row.get(name), kind) and value:
            return value
    message = "it has neither 'messages' nor 'prompt': say with prompt= (--prompt) what to ask of its fields"
    raise ValueError(message)


def model_of(call: Any) -> str | None:
    """Return the id of the model that a call asks, as far as it can be seen."""
    return next(_models(call, 0), None)


def _models(call: Any, depth: int) -> Iterator[str]:
    if depth > DEEPEST or call is None or isinstance(call, str | type):
        return
    for name in ("model", "model_name"):
        if isinstance(value := _attribute(call, name), str) and value:
            yield value
            return
    for name in INNER:
        inner = _attribute(call, name)
        parts = inner.values() if isinstance(inner, Mapping) else inner if isinstance(inner, list | tuple) else (inner,)
        for part in parts:
            yield from _models(part, depth + 1)


def _attribute(value: Any, name: str) -> Any:
    try:
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001  a property of somebody else's
        return None
