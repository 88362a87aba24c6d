"""Lets the client's tests import their kit, and shortens the pauses between attempts (the unit tests know them)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from inference_do._protocol.retry import Policy

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setitem(Policy.__init__.__kwdefaults__, "base", 0.02)
