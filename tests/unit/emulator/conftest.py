"""One emulator for each test, and a client on it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from inference_do.emulator import Emulator

sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[2] / "llamaindex"))  # its prompt forms

from emulator_kit import Asker

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
