"""LangChain's standard integration tests with every capability on, for each chat model and way of structured output."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from langchain_core.messages import AIMessage
from langchain_peers import OTHER_MODEL, PEERS, Peer
from langchain_tests.integration_tests import ChatModelIntegrationTests

from inference_do.emulator import Emulator

METHODS = ["function_calling", "json_schema", "json_mode"]
USAGE = {
    "prompt_tokens": 60,
    "completion_tokens": 40,
    "total_tokens": 100,
    "prompt_tokens_details": {"cached_tokens": 20, "audio_tokens": 10},
    "cache_created_input_tokens": 5,
    "completion_tokens_details": {"reasoning_tokens": 8, "audio_tokens": 4},
}


def always(*, value: Any = True) -> property:
    return property(lambda self: value)


class Common(ChatModelIntegrationTests):
    peer: Peer
    method: str
    server: Emulator

    @pytest.fixture(autouse=True)
    def serve(self, server: Emulator, monkeypatch: pytest.MonkeyPatch, request: Any) -> Iterator[None]:
        type(self).server = server
        self.peer.patch(monkeypatch, server)
        if self.method == "json_mode" and "structured_output" in request.node.name:
            for _ in range(4):  # the prompt of these tests names no keys
                server.reply(json.dumps({"setup": "What do cats read?", "punchline": "Catalogues."}))
        yield
        server.reset()

    @property
    def chat_model_class(self) -> Any:
        return self.peer.cls

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return self.peer.arguments(self.server)

    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        return {"method": self.method}

    model_override_value = always(value=OTHER_MODEL)
    supports_json_mode = always()
    supports_image_inputs = always()
    supports_image_urls = always()
    supports_pdf_inputs = always()
    supports_audio_inputs = always()
    supports_anthropic_inputs = always()
    supports_image_tool_message = always()
    supports_pdf_tool_message = always()
    enable_vcr_tests = always()

    @property
    def supported_usage_metadata_details(self) -> dict[Literal["invoke", "stream"], list[Any]]:
        details = ["reasoning_output", "cache_read_input"]  # what each of them has a place for
        return {"invoke": details, "stream": details}

    def _counted(self, *, stream: bool) -> AIMessage:
        self.server.reply("Meow.", usage=USAGE)
        model = self.chat_model_class(**self.chat_model_params)
        if not stream:
            return model.invoke("Hello")
        first, *rest = model.stream("Hello")
        return first + rest

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        return self._counted(stream=stream)

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        return self._counted(stream=stream)


for peer in PEERS:
    for method in METHODS:
        title = f"Test_{peer.name}_{method}"
        globals()[title] = type(title, (Common,), {"peer": peer, "method": method, "__module__": __name__})

del Common, ChatModelIntegrationTests
