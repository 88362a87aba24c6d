"""One emulator for each test, and a client on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from emulator_kit import Asker

from inference_do.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def emu() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def ask(emu: Emulator) -> Iterator[Asker]:
    asker = Asker(emu)
    yield asker
    asker.http.close()
