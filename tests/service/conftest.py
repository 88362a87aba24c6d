"""An emulator and a service for each module; what a test scripted is forgotten after it."""

from __future__ import annotations

from functools import partial

import pytest
from service_kit import serving

from inference_do.emulator import Emulator


@pytest.fixture(scope="module")
def api():
    with Emulator() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def serve(api):
    """Return what starts a service, with limits of its own."""
    return partial(serving, api)


@pytest.fixture(scope="module")
def url(serve):
    with serve() as url:
        yield url


@pytest.fixture(autouse=True)
def _forget(api):
    api.reset()
    yield
    api.reset()
