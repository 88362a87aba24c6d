"""Where the user's code stands, for warnings."""

from __future__ import annotations

import inspect
import traceback

__all__ = ["callers_level"]

MAKERS = frozenset(
    {
        *("inference_do", "langchain_do", "llamaindex_do", "pydantic"),
        *("langchain", "langchain_classic", "langchain_core", "langgraph", "langsmith"),
        *("llama_index", "llama_index_instrumentation", "workflows"),
        *("asyncio", "concurrent", "threading"),
    }
)
"""Packages whose frames are not the user's. In a thread or a task of a framework there may be no other."""


def callers_level() -> int:
    """Return how far up the stack, from where it is asked, stands the user's code."""
    frames = enumerate(frame for frame, _ in traceback.walk_stack(inspect.currentframe()))
    levels = (level for level, frame in frames if str(frame.f_globals.get("__name__")).partition(".")[0] not in MAKERS)
    return next(levels, 1)
