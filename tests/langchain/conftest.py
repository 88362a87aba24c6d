"""Chat models on the emulator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from inference_do.emulator import Emulator
from langchain_do import ChatDigitalOcean

MODEL = "llama3.3-70b-instruct"


@pytest.fixture
def make(emu: Emulator) -> Callable[..., ChatDigitalOcean]:
    """Make a chat model on the emulator."""

    def build(**settings: Any) -> ChatDigitalOcean:
        return ChatDigitalOcean(**{"model": MODEL, "api_key": emu.api_key, "base_url": emu.base_url, **settings})

    return build


@pytest.fixture
def model(make: Callable[..., ChatDigitalOcean]) -> ChatDigitalOcean:
    return make()
