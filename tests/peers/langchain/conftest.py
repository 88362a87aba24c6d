"""The same tests over ours and over others' chat models, one emulator for all; `scripts/peers` runs them.

They need packages that nothing else needs, and others' failures are what they find out, so that without
`PEERS=langchain` they are not collected.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from inference_do.emulator import Emulator

collect_ignore_glob = [] if os.environ.get("PEERS") == "langchain" else ["test_*.py"]

FILES = {"pdf": b"%PDF-1.4\n%%EOF\n", "wav": b"RIFF\x00\x00\x00\x00WAVE"}
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def own_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """No keys of whoever runs this, and the tests' pictures from here instead of the web."""
    for name in ("OPENAI_API_KEY", "GROQ_API_KEY", "DEEPSEEK_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    def get(url: str, **_: Any) -> httpx.Response:
        return httpx.Response(200, content=FILES.get(url.rpartition(".")[2].lower(), PNG))

    monkeypatch.setattr(httpx, "get", get)


@pytest.fixture
def vcr() -> SimpleNamespace:
    return SimpleNamespace(responses=["the emulator answers"])


@pytest.fixture(scope="session")
def server() -> Iterator[Emulator]:
    with Emulator(allow_unknown_fields=True) as emulator:  # Groq's sends nulls
        yield emulator
