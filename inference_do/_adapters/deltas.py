"""What adapters do with every chunk of a stream: what they look for, as sets, and how lists in deltas come together."""

from __future__ import annotations

from inference_do._deltas import put_together
from inference_do.types import AGENT_FIELDS

__all__ = ["AGENTS", "PLAIN", "put_together"]

AGENTS = frozenset(AGENT_FIELDS)
"""Fields of a chunk that only an agent sends."""
PLAIN = frozenset({"role", "content", "tool_calls"})
"""A delta of these fields alone has neither reasoning nor a refusal, nor a field that is not known."""
