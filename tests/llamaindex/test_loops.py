"""Event loops and threads: one object serves any number of them, and each call is one request."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from llama_index.core.async_utils import asyncio_run
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.evaluation import CorrectnessEvaluator, FaithfulnessEvaluator

if TYPE_CHECKING:
    from inference_do.emulator import Emulator
    from llamaindex_do import DigitalOcean, DigitalOceanEmbedding

HELLO = [ChatMessage(content="Hello")]


def test_one_loop_after_another(llm: DigitalOcean, emu: Emulator) -> None:
    async def calls() -> None:
        assert (await llm.achat(HELLO)).message.content == "You said: Hello"
        assert [r async for r in await llm.astream_chat(HELLO)][-1].message.content == "You said: Hello"

    for _ in range(5):
        asyncio.run(calls())
        llm.chat(HELLO)
    assert emu.posts == 15
    assert emu.connections == 6  # one for each loop, one for this thread


def test_loops_at_the_same_time(llm: DigitalOcean, emu: Emulator) -> None:
    async def calls() -> list[str | None]:
        answers = await asyncio.gather(*(llm.achat([ChatMessage(content=f"Number {n}")]) for n in range(5)))
        return [answer.message.content for answer in answers]

    with ThreadPoolExecutor(4) as pool:
        for answers in pool.map(lambda _: asyncio.run(calls()), range(8)):
            assert answers == [f"You said: Number {n}" for n in range(5)]
    assert emu.posts == 40


def test_evaluators_from_synchronous_code_send_each_request_once(llm: DigitalOcean, emu: Emulator) -> None:
    asyncio.run(llm.achat(HELLO))
    before = emu.posts
    correctness = CorrectnessEvaluator(llm=llm)
    for _ in range(5):
        result = correctness.evaluate(query="Capital?", response="Paris it is.", reference="Paris it is.")
        assert result.passing
        assert result.score == 5.0
    assert emu.posts - before == 5


def test_llamaindexs_runner(llm: DigitalOcean, emu: Emulator) -> None:
    for _ in range(3):
        assert asyncio_run(llm.acomplete("Hello")).text == "You said: Hello"
    assert emu.posts == 3


async def test_synchronous_evaluators_inside_a_loop(llm: DigitalOcean, emu: Emulator) -> None:
    await llm.achat(HELLO)
    evaluator = FaithfulnessEvaluator(llm=llm)
    contexts = ["Ada Lovelace wrote the first program."]
    result = await asyncio.to_thread(
        evaluator.evaluate, query="x", response="Ada Lovelace wrote the first program.", contexts=contexts
    )
    assert result.passing
    assert emu.posts == 2
    await llm.aclose()


def test_threads_share_the_object(llm: DigitalOcean, emu: Emulator) -> None:
    def ask(number: int) -> str | None:
        if number % 2:
            return llm.chat([ChatMessage(content=f"Number {number}")]).message.content
        return list(llm.stream_chat([ChatMessage(content=f"Number {number}")]))[-1].message.content

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(40)))
    assert answers == [f"You said: Number {number}" for number in range(40)]
    assert emu.posts == 40
    assert emu.connections <= 8


def test_embeddings_on_several_loops(embedding: DigitalOceanEmbedding, emu: Emulator) -> None:
    vectors = [asyncio.run(embedding.aget_text_embedding("Hello")) for _ in range(3)]
    assert vectors[0] == vectors[1] == vectors[2] == embedding.get_text_embedding("Hello")
    assert emu.posts == 4
