"""Lets the conformance tests import their kit and tables, and shortens the pauses between attempts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from inference_do._protocol.retry import Policy
from inference_do.config import BASE_URL_VARIABLE, KEY_VARIABLES

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    from rows import BASE  # the path above is set only now

    monkeypatch.setitem(Policy.__init__.__kwdefaults__, "base", BASE)


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch):
    for name in (*KEY_VARIABLES, BASE_URL_VARIABLE):
        monkeypatch.delenv(name, raising=False)
