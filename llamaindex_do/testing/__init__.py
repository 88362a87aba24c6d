"""A conformance kit for LLMs and embedding models of LlamaIndex, whoever wrote them.

Subclass, give a factory, and let pytest run the class:

    from llamaindex_do.testing import LLMConformance

    class TestMyLLM(LLMConformance):
        def make_llm(self, server, **settings):
            return MyLLM(model="m", base_url=server.base_url, api_key=server.api_key, **settings)

        has_audio = False

Each test is one promise of LlamaIndex's contract, one that its engines, agents, observers or stores rely on. An LLM
that is not meant to keep one says so with a flag (`has_…`, see `LLMConformance`), and the tests that need it are not
collected. Answers are scripted on `server`, a fixture: by default `inference_do.emulator.Emulator`, an offline server
of the OpenAI form. An LLM that cannot be pointed at a URL overrides the fixture with anything that has its `reply()`,
and sets `over_http = False`. pytest is all that the kit needs besides LlamaIndex.

`KIT_VERSION` says which set of tests it is: write it beside a result.

`sent_messages(request)` is for tests of applications: what the emulator has recorded, as LlamaIndex's messages.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{name}" for name in ("_agents", "_asking", "_calls", "_embeddings", "_http", "_messages")),
    *(f"{__name__}.{name}" for name in ("_objects", "_observers", "_streams", "_structured", "_tools")),
)

from ._conformance import (  # noqa: E402  after the line above, for its effect
    KIT_VERSION,
    EmbeddingConformance,
    LLMConformance,
    catalogue,
)
from ._sent import sent_messages  # noqa: E402

__all__ = ["KIT_VERSION", "EmbeddingConformance", "LLMConformance", "catalogue", "sent_messages"]
