"""What an adapter looks for in every chunk of a stream, as sets: one test in place of several lookups."""

from __future__ import annotations

from inference_do.types import AGENT_FIELDS

__all__ = ["AGENTS", "PLAIN"]

AGENTS = frozenset(AGENT_FIELDS)
"""Fields of a chunk that only an agent sends."""
PLAIN = frozenset({"role", "content", "tool_calls"})
"""A delta of these fields alone has neither reasoning nor a refusal, nor a field that is not known."""
