"""What every folder of tests shares: an emulator for each test that asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inference_do.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def emu() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator
