"""LangChain's standard cases for plain chat, streaming, usage and structured output, on a real model."""

import os

from langchain_tests.integration_tests import ChatModelIntegrationTests

from langchain_do import ChatDigitalOcean

MODEL = os.environ.get("EXAMPLE_MODEL", "")


class TestStandard(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[ChatDigitalOcean]:
        return ChatDigitalOcean

    @property
    def chat_model_params(self) -> dict:
        # this server's version knows max_tokens only, and reads nothing of max_completion_tokens
        return {"model": MODEL, "temperature": 0, "extra_body": {"max_tokens": 1024}}

    @property
    def supports_json_mode(self) -> bool:
        return True
