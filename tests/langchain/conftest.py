"""One emulator for each test, and models on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from inference_do.config import KEY_VARIABLES
from inference_do.emulator import Emulator
from langchain_do import ChatDigitalOcean

MODEL = "llama3.3-70b-instruct"


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of whoever runs the tests stay out of them."""
    for name in (*KEY_VARIABLES, "DIGITALOCEAN_INFERENCE_BASE_URL", "LANGSMITH_TRACING", "LC_OUTPUT_VERSION"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def emu() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def make(emu: Emulator) -> Callable[..., ChatDigitalOcean]:
    """Make a chat model on the emulator."""

    def build(**settings: Any) -> ChatDigitalOcean:
        return ChatDigitalOcean(**{"model": MODEL, "api_key": emu.api_key, "base_url": emu.base_url, **settings})

    return build


@pytest.fixture
def model(make: Callable[..., ChatDigitalOcean]) -> ChatDigitalOcean:
    return make()
