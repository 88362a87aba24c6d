"""What the tests of the lifecycle share; prints what those that measure have measured."""

from __future__ import annotations

import pytest
from interfaces import KEY
from lifecycle_kit import FIGURES, Served, Zygote
from lifecycle_tls import Authority

from inference_do.config import KEY_VARIABLES


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    """A model that was pickled needs it."""
    monkeypatch.setenv(KEY_VARIABLES[0], KEY)


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
