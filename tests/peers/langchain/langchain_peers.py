"""The chat models that are compared, and how each is pointed at the emulator, as its users would point it at a URL."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pytest

from inference_do.emulator import Emulator

MODEL = "qwen3.8-max"
OTHER_MODEL = "nemotron-3-nano-omni"


def _no_patch(monkeypatch: pytest.MonkeyPatch, server: Emulator) -> None:
    """Leave everything as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One chat model.

    Attributes:
        package: The distribution.
        module: Where the class is.
        name: The class.
        settings: Names of the constructor's arguments for the base URL and the key.
        patch: What else must be done to reach the emulator.
    """

    package: str
    module: str
    name: str
    settings: tuple[str | None, str] = ("base_url", "api_key")
    patch: Callable[[pytest.MonkeyPatch, Emulator], None] = _no_patch

    @property
    def cls(self) -> type[Any]:
        """The class."""
        found: type[Any] = getattr(import_module(self.module), self.name)
        return found

    def arguments(self, server: Emulator) -> dict[str, Any]:
        """Return the constructor's arguments."""
        url, key = self.settings
        where = {url: server.base_url} if url else {}
        return {"model": MODEL, key: server.api_key, **where}


def _groq_paths(monkeypatch: pytest.MonkeyPatch, server: Emulator) -> None:
    """Take off the `/openai/v1` that Groq's SDK puts before every path."""
    from groq._base_client import BaseClient

    whole = BaseClient._prepare_url
    monkeypatch.setattr(BaseClient, "_prepare_url", lambda self, url: whole(self, url.removeprefix("/openai/v1")))


def _gradient_endpoint(monkeypatch: pytest.MonkeyPatch, server: Emulator) -> None:
    """Give the SDK another endpoint, which the class has no argument for, and let it send the key over plain http."""
    import langchain_gradient.chat_models as home
    from azure.core.pipeline.policies import _authentication

    monkeypatch.setattr(_authentication, "_enforce_https", lambda request: None)
    endpoint = server.base_url.removesuffix("/v1")
    monkeypatch.setattr(home, "Client", functools.partial(home.Client, inference_endpoint=endpoint))


PEERS = [
    Peer(package="inference-do", module="langchain_do", name="ChatDigitalOcean"),
    Peer(package="langchain-openai", module="langchain_openai", name="ChatOpenAI"),
    Peer(package="langchain-groq", module="langchain_groq", name="ChatGroq", patch=_groq_paths),
    Peer(
        package="langchain-deepseek",
        module="langchain_deepseek",
        name="ChatDeepSeek",
        settings=("api_base", "api_key"),
    ),
    Peer(
        package="langchain-gradient",
        module="langchain_gradient",
        name="ChatGradient",
        settings=(None, "api_key"),
        patch=_gradient_endpoint,
    ),
]
