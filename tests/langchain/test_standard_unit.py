"""LangChain's own unit tests, for each way of structured output, and for embeddings."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_tests.unit_tests import ChatModelUnitTests, EmbeddingsUnitTests

from langchain_do import ChatDigitalOcean, DigitalOceanEmbeddings

KEY = "sk-do-v1-unit"
URL = "http://127.0.0.1:9/v1"


@pytest.fixture(autouse=True)
def allowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let `load(allowed_objects="all")` make our class: "all" means those of core's table, which no package can join.

    Users say `allowed_objects=[ChatDigitalOcean]`; test_secrets.py does as they do.
    """
    load = importlib.import_module("langchain_core.load.load")
    path = tuple(ChatDigitalOcean.lc_id())
    monkeypatch.setitem(load.ALL_SERIALIZABLE_MAPPINGS, path, path)
    load._default_class_paths_cache.clear()
    yield
    load._default_class_paths_cache.clear()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITALOCEAN_INFERENCE_KEY", KEY)


class Serialized:
    """Stands for the snapshot file, which would hold version numbers."""

    def __call__(self, *, name: str) -> Serialized:
        return self

    def __eq__(self, found: object) -> bool:
        assert isinstance(found, dict)
        kwargs = {name: value for name, value in found["kwargs"].items() if name != "metadata"}
        assert {**found, "kwargs": kwargs} == {
            "lc": 1,
            "type": "constructor",
            "id": ["langchain_do", "chat_models", "ChatDigitalOcean"],
            "name": "ChatDigitalOcean",
            "kwargs": {
                "api": "auto",
                "api_key": {"lc": 1, "type": "secret", "id": ["DIGITALOCEAN_INFERENCE_KEY"]},
                "base_url": URL,
                "max_retries": 2,
                "max_tokens": 100,
                "model": "openai-gpt-oss-120b",
                "rate_limit_wait": 60.0,
                "retry_ambiguous": True,
                "send_reasoning": True,
                "stop": [],
                "stream_usage": True,
                "temperature": 0.0,
                "timeout": 60.0,
            },
        }
        return True

    __hash__ = None


@pytest.fixture
def snapshot() -> Serialized:
    return Serialized()


class TestChatModel(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[ChatDigitalOcean]:
        return ChatDigitalOcean

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "openai-gpt-oss-120b", "base_url": URL}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        environment = {"DIGITALOCEAN_INFERENCE_KEY": "sk-from-env", "DIGITALOCEAN_INFERENCE_BASE_URL": URL}
        return environment, {"model": "m"}, {"api_key": "sk-from-env", "base_url": URL}

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        return True

    @property
    def supports_audio_inputs(self) -> bool:
        return True

    @property
    def supports_video_inputs(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    def supports_pdf_tool_message(self) -> bool:
        return True


class TestEmbeddings(EmbeddingsUnitTests):
    @property
    def embeddings_class(self) -> type[DigitalOceanEmbeddings]:
        return DigitalOceanEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"model": "bge-m3", "base_url": URL}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return {"MODEL_ACCESS_KEY": KEY}, {"model": "bge-m3"}, {"api_key": KEY}
