"""LlamaIndex finds classes by their names in tables, when it loads what was stored (`load_llm`, `load_embed_model`).

The modules of those tables import other packages that happen to be installed (the OpenAI integration takes about a
second), so they are not imported here: the classes are entered when something else imports them.
"""

from __future__ import annotations

from typing import Any

from wrapt import register_post_import_hook

__all__ = ["register_class"]


def register_class(cls: Any, *, module: str, table: str) -> None:
    """Register a class in a table under its `class_name()`, as soon as the table's module is imported.

    A version of LlamaIndex without the table is left as it is; stored forms then do not find the class.

    Args:
        cls: The class.
        module: The full name of the table's module.
        table: The name of the table in it.
    """

    def add(loaded: Any) -> None:
        classes = getattr(loaded, table, None)
        if isinstance(classes, dict):
            classes[cls.class_name()] = cls

    register_post_import_hook(add, module)
