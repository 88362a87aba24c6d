"""An emulator with a playground, and what its page does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playground_kit import PlaygroundPage

from inference_do.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def emu() -> Iterator[Emulator]:
    with Emulator(playground=True) as emulator:
        yield emulator


@pytest.fixture
def page(emu: Emulator) -> Iterator[PlaygroundPage]:
    with PlaygroundPage(emu) as made:
        yield made
