"""Lets the property tests import their kits, and those that drive a flow by hand and speak plain bytes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from inference_do._protocol.retry import Policy
from inference_do.config import BASE_URL_VARIABLE, KEY_VARIABLES

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "unit"), str(HERE.parent / "client")]


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch):
    """Keep the keys of whoever runs the tests out of them, and the pauses between attempts short."""
    for name in (*KEY_VARIABLES, BASE_URL_VARIABLE, "LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(Policy.__init__.__kwdefaults__, "base", 0.02)
