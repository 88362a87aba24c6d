"""Lets the tests of life import their kit and the client's, and prints what those that measure have measured."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from inference_do._protocol.retry import Policy
from inference_do.config import BASE_URL_VARIABLE, KEY_VARIABLES

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "client"))

from lifecycle_interfaces import DOORS, KEY, ROUTES
from lifecycle_kit import FIGURES, Served, Zygote
from lifecycle_tls import Authority


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    """The unit tests know how long they are."""
    monkeypatch.setitem(Policy.__init__.__kwdefaults__, "base", 0.02)


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    """The test's key, as a model that was pickled needs it, and nothing of whoever runs the tests."""
    for name in (*KEY_VARIABLES, BASE_URL_VARIABLE, "LANGSMITH_TRACING"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(KEY_VARIABLES[0], KEY)


@pytest.fixture(params=DOORS)
def door_kind(request):
    return DOORS[request.param]


@pytest.fixture
def door(door_kind, emu):
    made = door_kind(emu.base_url)
    yield made
    made.close()


@pytest.fixture(params=ROUTES)
def route(request):
    return ROUTES[request.param]


@pytest.fixture
def routed(route):
    """A kind of door; `ask` goes through it."""
    return route[0]


@pytest.fixture
def ask(route):
    return route[1]


@pytest.fixture(scope="session")
def _server():
    with Served() as server:
        yield server


@pytest.fixture
def server(_server):
    """An emulator in a process of its own, with nothing counted yet."""
    _server.reset()
    return _server


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusted(authority, monkeypatch):
    """An authority that the environment names."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority


@pytest.fixture(scope="session")
def zygote(tmp_path_factory):
    made = Zygote(tmp_path_factory.mktemp("zygote"))
    yield made
    made.close()


def pytest_terminal_summary(terminalreporter):
    found = [
        text
        for report in terminalreporter.stats.get("passed", [])
        for name, text in report.user_properties
        if name == FIGURES
    ]
    if found:
        terminalreporter.section("figures")
        for text in found:
            terminalreporter.write_line(text)
