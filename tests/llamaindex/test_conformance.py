"""Our own classes pass the conformance kit with every flag on, however structured output is asked for."""

from __future__ import annotations

from typing import Any

from llama_index.core.types import PydanticProgramMode

from llamaindex_do import DigitalOcean, DigitalOceanEmbedding
from llamaindex_do.testing import EmbeddingConformance, LLMConformance


class TestDigitalOcean(LLMConformance):
    def make_llm(self, server: Any, **settings: Any) -> DigitalOcean:
        connection = {"base_url": server.base_url, "api_key": server.api_key}
        return DigitalOcean(**{"model": "gemma-4-31B-it", "max_retries": 0, **connection, **settings})


class TestDigitalOceanByFunctions(TestDigitalOcean):
    """Structured output by function calls, as for models that take no schema."""

    def make_llm(self, server: Any, **settings: Any) -> DigitalOcean:
        return super().make_llm(server, pydantic_program_mode=PydanticProgramMode.FUNCTION, **settings)


class TestDigitalOceanEmbedding(EmbeddingConformance):
    def make_embedding(self, server: Any, **settings: Any) -> DigitalOceanEmbedding:
        connection = {"base_url": server.base_url, "api_key": server.api_key}
        return DigitalOceanEmbedding(**{"model_name": "bge-m3", "max_retries": 0, **connection, **settings})
