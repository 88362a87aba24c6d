"""LangChain's own integration tests, over HTTP against the emulator, for each way of structured output.

Every capability is switched on, so nothing is skipped. Two things stand in for the outside world: the tests' pictures
and papers come from here instead of the web, and `test_stream_time` replays no cassette but asks the emulator.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Literal

import httpx
import pytest
from langchain_core.messages import AIMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

from inference_do.emulator import Emulator
from langchain_do import ChatDigitalOcean, DigitalOceanEmbeddings

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
FILES = {"pdf": b"%PDF-1.4\n%%EOF\n", "wav": b"RIFF\x00\x00\x00\x00WAVE", "png": PNG, "jpg": PNG}
USAGE = {
    "prompt_tokens": 60,
    "completion_tokens": 40,
    "total_tokens": 100,
    "prompt_tokens_details": {"cached_tokens": 20, "audio_tokens": 10},
    "cache_created_input_tokens": 5,
    "cache_read_input_tokens": 20,
    "completion_tokens_details": {"reasoning_tokens": 8, "audio_tokens": 4},
}


@pytest.fixture(autouse=True)
def web(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer the tests' own `httpx.get`; the package never calls that."""

    def get(url: str, **_: Any) -> httpx.Response:
        ending = url.rpartition(".")[2].lower()
        return httpx.Response(200, content=FILES.get(ending, PNG))

    monkeypatch.setattr(httpx, "get", get)
    monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "inference-do's tests, which ask nobody")


@pytest.fixture
def vcr() -> SimpleNamespace:
    return SimpleNamespace(responses=["the emulator answers"])


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


class Common(ChatModelIntegrationTests):
    server: Emulator

    @pytest.fixture(autouse=True)
    def serve(self, server: Emulator) -> Iterator[None]:
        self.server = server
        yield
        server.reset()

    @property
    def chat_model_class(self) -> type[ChatDigitalOcean]:
        return ChatDigitalOcean

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "qwen3.8-max", "base_url": self.server.base_url, "api_key": self.server.api_key}

    @property
    def model_override_value(self) -> str:
        return "nemotron-3-nano-omni"

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

    @property
    def enable_vcr_tests(self) -> bool:
        return True

    @property
    def supported_usage_metadata_details(self) -> dict[Literal["invoke", "stream"], list[Any]]:
        details = ["audio_input", "audio_output", "reasoning_output", "cache_read_input", "cache_creation_input"]
        return {"invoke": details, "stream": details}

    def _counted(self, *, stream: bool) -> AIMessage:
        self.server.reply("Meow.", usage=USAGE)
        model = ChatDigitalOcean(**self.chat_model_params)
        if not stream:
            return model.invoke("Hello")
        first, *rest = model.stream("Hello")
        return first + rest

    def invoke_with_audio_input(self, *, stream: bool = False) -> AIMessage:
        return self._counted(stream=stream)

    def invoke_with_audio_output(self, *, stream: bool = False) -> AIMessage:
        return self._counted(stream=stream)

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        return self._counted(stream=stream)

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        return self._counted(stream=stream)

    def invoke_with_cache_creation_input(self, *, stream: bool = False) -> AIMessage:
        return self._counted(stream=stream)


class TestFunctionCalling(Common):
    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        return {"method": "function_calling"}


class TestJsonSchema(Common):
    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        return {"method": "json_schema"}


class TestJsonMode(Common):
    """`json_mode` leaves it to the prompt to describe the JSON, and "Tell me a joke about cats." does not: the
    emulator would answer with a key of its own, so in these tests its answer is set.
    """

    @pytest.fixture(autouse=True)
    def know_jokes(self, serve: None, request: pytest.FixtureRequest) -> None:
        if "structured_output" in request.node.name:
            for _ in range(4):
                self.server.reply(json.dumps({"setup": "What do cats read?", "punchline": "Catalogues."}))

    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        return {"method": "json_mode"}


class OtherApi(Common):
    """What both of the API's other ways to chat have in common: neither reads audio or video."""

    @property
    def supports_audio_inputs(self) -> bool:
        return False

    @property
    def supports_video_inputs(self) -> bool:
        return False

    @property
    def supported_usage_metadata_details(self) -> dict[Literal["invoke", "stream"], list[Any]]:
        details = ["reasoning_output", "cache_read_input"]
        return {"invoke": details, "stream": details}

    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        return {"method": "json_schema"}


class TestResponses(OtherApi):
    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**super().chat_model_params, "model": "openai-gpt-5.4"}

    @property
    def model_override_value(self) -> str:
        return "openai-gpt-5.5"


class TestMessages(OtherApi):
    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**super().chat_model_params, "model": "anthropic-claude-haiku-4.5", "api": "messages"}

    @property
    def model_override_value(self) -> str:
        return "anthropic-claude-opus-4.8"


class TestEmbeddings(EmbeddingsIntegrationTests):
    server: Emulator

    @pytest.fixture(autouse=True)
    def serve(self, server: Emulator) -> None:
        self.server = server

    @property
    def embeddings_class(self) -> type[DigitalOceanEmbeddings]:
        return DigitalOceanEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"model": "bge-m3", "base_url": self.server.base_url, "api_key": self.server.api_key}


del Common, OtherApi, ChatModelIntegrationTests, EmbeddingsIntegrationTests
