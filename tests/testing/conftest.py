"""Suites of users, each run by a pytest of its own with the plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

PLUGIN = "inference_do.testing.plugin"
HELPERS = """
import os
import re
import unittest

import pytest

from inference_do import AsyncClient, Client, InferenceError
from inference_do.emulator import Quirks, Status
from inference_do.testing import reply

MODEL = "gemma-4-31B-it"


def ask(text, client=None, **fields):
    with client or Client() as client:
        return client.chat(model=MODEL, messages=[{"role": "user", "content": text}], **fields).text
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pytest.RunResult]:
    """Run a suite of one file: `run(source, *options)`.

    A suite that loads a framework needs a process of its own: pytester would forget what it loaded, and what is loaded
    again has second classes of the same names. There it has no plugins but ours, pytest-asyncio and those that it names
    with -p: loading all that are installed takes a second.
    """
    for name in ("CI", "BUILD_NUMBER"):  # with these pytest shortens nothing, and repeats an error in its summary
        monkeypatch.delenv(name, raising=False)

    def run(source: str, *options: str, own_process: bool = False) -> pytest.RunResult:
        if not (pytester.path / "helpers.py").exists():
            pytester.makepyfile(helpers=HELPERS)
            pytester.makeini(
                "[pytest]\nasyncio_mode = auto\npythonpath = .\nasyncio_default_fixture_loop_scope = function"
            )
        pytester.makepyfile(test_app="from helpers import *\n\n" + source)
        options = ("-p", PLUGIN, "-p", "no:cacheprovider", "--strict-markers", *options)
        if not own_process:
            return pytester.runpytest_inprocess(*options)
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        return pytester.runpytest_subprocess("-p", "pytest_asyncio.plugin", *options)

    return run
