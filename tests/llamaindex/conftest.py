"""What the tests of the LlamaIndex adapter share: the offline server and objects that talk to it over HTTP."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.callbacks import CallbackManager

from inference_do.emulator import Emulator
from llamaindex_do import DigitalOcean, DigitalOceanEmbedding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODEL = "gemma-4-31B-it"
"""Takes tools, images and a JSON schema, and does not think aloud."""

TOOLS_MODEL = "llama3.3-70b-instruct"
"""Is not known to take a JSON schema, so structured output goes through a tool."""


NOT_OURS = (
    "ignore:.*aiosqlite:ResourceWarning",  # Memory never closes its database
    "ignore:Exception ignored in. <function Connection.__del__:pytest.PytestUnraisableExceptionWarning",
    "ignore:Exception in thread .*_connection_worker_thread:pytest.PytestUnhandledThreadExceptionWarning",
)
"""Warnings about what LlamaIndex itself does."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            for text in NOT_OURS:
                item.add_marker(pytest.mark.filterwarnings(text))


@pytest.fixture(autouse=True)
def own_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Give synchronous tests a loop that is closed: LlamaIndex makes one in synchronous code, and leaves it open."""
    if inspect.iscoroutinefunction(request.function):
        yield
        return
    with asyncio.Runner() as runner:
        runner.get_loop()  # makes it the thread's
        yield


@pytest.fixture
def unclosed_memory() -> Iterator[None]:
    """For tests of what keeps LlamaIndex's Memory: let its database be collected while its warning is ignored."""
    yield
    gc.collect()
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:  # the database's; its last word goes to the loop
            thread.join(5)


@pytest.fixture
def emu() -> Iterator[Emulator]:
    """An emulator that knows LlamaIndex's own prompts too."""
    from prompt_forms import PROMPT_FORMS

    with Emulator(prompt_forms=PROMPT_FORMS) as emulator:
        yield emulator


@pytest.fixture
def make(emu: Emulator) -> Callable[..., DigitalOcean]:
    def build(model: str = MODEL, **options: Any) -> DigitalOcean:
        given = {"base_url": emu.base_url, "api_key": emu.api_key, "max_retries": 0, **options}
        return DigitalOcean(model=model, **given)

    return build


@pytest.fixture
def llm(make: Callable[..., DigitalOcean]) -> Iterator[DigitalOcean]:
    model = make(callback_manager=CallbackManager())
    yield model
    model.close()


@pytest.fixture
def embedding(emu: Emulator) -> Iterator[DigitalOceanEmbedding]:
    model = DigitalOceanEmbedding(model_name="bge-m3", base_url=emu.base_url, api_key=emu.api_key, max_retries=0)
    yield model
    model.close()
