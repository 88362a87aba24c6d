"""The classes that users subclass: all tests of the kit."""

from __future__ import annotations

from ._agents import AgentTests
from ._calls import CallTests
from ._embeddings import EmbeddingTests
from ._http import HTTPTests
from ._kit import catalogue
from ._messages import MessageTests
from ._objects import ObjectTests
from ._observers import ObserverTests
from ._streams import StreamTests
from ._structured import StructuredTests
from ._tools import ToolTests

__all__ = ["KIT_VERSION", "EmbeddingConformance", "LLMConformance", "catalogue"]

KIT_VERSION = 1
"""The version of the kit. One more with each release in which something that passed may fail: a test that is new or
stricter, or a flag that is new. A test that goes or asks less raises it too, so that a version is one set of tests."""


class LLMConformance(
    CallTests,
    StreamTests,
    MessageTests,
    ToolTests,
    StructuredTests,
    ObjectTests,
    ObserverTests,
    HTTPTests,
    AgentTests,
):
    """The contract for LLMs: subclass it, define `make_llm`, and switch off the flags of what is not offered."""


class EmbeddingConformance(EmbeddingTests):
    """The contract for embedding models. Subclass it and define `make_embedding`."""
