"""Three LLMs under the same kit, every flag on, each in the way in which its own documents say to make it."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.llms.digitalocean.gradientai import GradientAI
from llama_index.llms.openai_like import OpenAILike

from llamaindex_do import DigitalOcean
from llamaindex_do.testing import LLMConformance

MODEL = "gemma-4-31B-it"
WINDOW = 256_000


@pytest.fixture(autouse=True)
def no_key_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_API_BASE", "GRADIENT_MODEL_ACCESS_KEY", "DIGITALOCEAN_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)


class TestDigitalOcean(LLMConformance):
    def make_llm(self, server: Any, **settings: Any) -> DigitalOcean:
        connection = {"base_url": server.base_url, "api_key": server.api_key}
        return DigitalOcean(**{"model": MODEL, "max_retries": 0, **connection, **settings})


class TestOpenAILike(LLMConformance):
    def make_llm(self, server: Any, **settings: Any) -> OpenAILike:
        connection = {"api_base": server.base_url, "api_key": server.api_key}
        reported = {"is_chat_model": True, "is_function_calling_model": True, "context_window": WINDOW}
        return OpenAILike(**{"model": MODEL, "max_retries": 0, **reported, **connection, **settings})


class TestGradientAI(LLMConformance):
    def make_llm(self, server: Any, **settings: Any) -> GradientAI:
        connection = {"base_url": f"{server.base_url}/", "model_access_key": server.api_key}
        return GradientAI(**{"model": MODEL, "context_window": WINDOW, **connection, **settings})
