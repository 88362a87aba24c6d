"""Loops that do not look after asynchronous generators (notebooks with nest_asyncio), and no loop of asyncio at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from inference_do import AsyncClient, ConfigError
from inference_do.emulator import Emulator

ROOT = Path(__file__).parents[2]

PROGRAM = """
import asyncio, gc, sys
import nest_asyncio
nest_asyncio.apply()
from llama_index.core.async_utils import asyncio_run
from inference_do import AsyncClient
from langchain_do import ChatDigitalOcean
from llamaindex_do import DigitalOcean

gc.freeze()  # each collection would look at all objects of the frameworks
place = {"base_url": sys.argv[1], "api_key": sys.argv[2]}
ask = {"model": "gemma-4-31B-it", "messages": [{"role": "user", "content": "Hello"}]}

class Direct:
    def __init__(self):
        self.client = AsyncClient(**place)
    async def whole(self):
        return (await self.client.chat(**ask)).text
    async def broken_off(self):
        async for chunk in self.client.stream(**ask):
            if chunk.text:
                return chunk.text

class LangChain:
    def __init__(self):
        self.llm = ChatDigitalOcean(model="gemma-4-31B-it", **place)
    async def whole(self):
        return (await self.llm.ainvoke("Hello")).text
    async def broken_off(self):
        return [chunk.text async for chunk in self.llm.astream("Hello")]  # broken off, langchain-core's own awaits

class LlamaIndex:
    def __init__(self):
        self.llm = DigitalOcean(model="gemma-4-31B-it", **place)
    async def whole(self):
        return (await self.llm.acomplete("Hello")).text
    async def broken_off(self):
        async for part in await self.llm.astream_complete("Hello"):
            if part.delta:
                return part.delta

def ask_all():
    for kind in (Direct, LangChain, LlamaIndex):
        door = kind()
        for _ in range(2):
            assert asyncio_run(door.whole()) == "You said: Hello"
            assert asyncio_run(door.broken_off())
            gc.collect()
        del door
        gc.collect()

async def inside():
    ask_all()
    direct = Direct()
    assert await direct.whole() == "You said: Hello"
    del direct
    gc.collect()
    async with AsyncClient(**place) as client:
        assert (await client.chat(**ask)).text == "You said: Hello"

ask_all()
asyncio.run(inside())
print("done")
"""


def test_with_nest_asyncio_nothing_is_ignored():
    with Emulator() as emu:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, emu.base_url, emu.api_key],
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
            cwd=ROOT,
        )
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_without_a_loop_of_asyncio_the_error_says_so():
    """As under trio, which drives coroutines by itself."""
    client = AsyncClient("key", base_url="http://127.0.0.1:1/v1")
    ask = {"model": "glm-5", "messages": [{"role": "user", "content": "x"}]}
    for call in (
        client.chat(**ask),
        anext(client.stream(**ask)),
        client.models(),
        client.embed(model="bge-m3", input="x"),
    ):
        with pytest.raises(ConfigError, match="under trio, call Client in a thread"):
            call.__await__().send(None)
    with pytest.raises(StopIteration):
        client.aclose().send(None)
