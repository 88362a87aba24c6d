"""Our own classes pass the conformance kit with every flag on, however structured output is asked for."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.types import PydanticProgramMode
from three_apis import HOSTED, PATHS

from inference_do import models
from inference_do.models import register_model
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


class TestResponses(LLMConformance):
    """By `/responses`, which knows no sound and no seed; a summary of thoughts comes to those who ask for an effort."""

    has_audio = has_seed = False

    def make_llm(self, server: Any, **settings: Any) -> DigitalOcean:
        connection = {"base_url": server.base_url, "api_key": server.api_key}
        model = {"model": "openai-gpt-6-1-sol", "api": "responses", "reasoning_effort": "low"}
        return DigitalOcean(**{**model, "max_retries": 0, **connection, **settings})


class TestResponsesOfHostedModels(TestResponses):
    """The same API with the other family of ids and of events for thoughts."""

    @pytest.fixture(autouse=True)
    def hosted_thinker(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(models, "_REGISTERED", dict(models._REGISTERED))
        register_model(HOSTED, kind="chat", provider="Moonshot AI", reasoning=True, endpoints=list(PATHS.values()))

    def make_llm(self, server: Any, **settings: Any) -> DigitalOcean:
        return super().make_llm(server, **{"model": HOSTED, "reasoning_effort": None, **settings})


class TestMessages(LLMConformance):
    """By `/messages`, which knows no sound, no seed and no log probabilities."""

    has_audio = has_seed = has_logprobs = False

    def make_llm(self, server: Any, **settings: Any) -> DigitalOcean:
        connection = {"base_url": server.base_url, "api_key": server.api_key}
        model = {"model": "anthropic-claude-haiku-4.5", "api": "messages"}
        return DigitalOcean(**{**model, "max_retries": 0, **connection, **settings})


class TestDigitalOceanEmbedding(EmbeddingConformance):
    def make_embedding(self, server: Any, **settings: Any) -> DigitalOceanEmbedding:
        connection = {"base_url": server.base_url, "api_key": server.api_key}
        return DigitalOceanEmbedding(**{"model_name": "bge-m3", "max_retries": 0, **connection, **settings})
