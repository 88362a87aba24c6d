"""Streams: every response holds all that came before it, the last one is complete, and none is changed later."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from llama_index.core.base.llms.types import ChatMessage

from inference_do.emulator import DelayEvents

from ._asking import STREAMS, ask, run
from ._kit import LLMKit, needs

__all__ = ["StreamTests"]

ANSWER = "Skagen lies at the northern end of Jutland, where two seas meet."


class StreamTests(LLMKit):
    """stream_chat, stream_complete and their async forms."""

    def test_deltas_add_up(self, server: Any) -> None:
        """Chat engines rebuild the answer from the deltas alone."""
        llm = self.make_llm(server)
        for method in STREAMS:
            server.reply(ANSWER)
            responses = ask(llm, method)
            assert len(responses) > 2, f"{method}: the answer came in {len(responses)} responses: is it streamed?"
            assert "".join(response.delta or "" for response in responses) == ANSWER, method

    def test_responses_hold_everything_so_far(self, server: Any) -> None:
        """Text grows from response to response."""
        llm = self.make_llm(server)
        for method in STREAMS:
            server.reply(ANSWER)
            so_far = ""
            for response in ask(llm, method):
                so_far += response.delta or ""
                text = response.text if "complete" in method else response.message.content or ""
                assert text == so_far, method

    def test_earlier_responses_are_not_changed(self, server: Any) -> None:
        """Observers keep responses; a shared message or list would change under them."""
        llm = self.make_llm(server)
        server.reply(ANSWER)
        kept, seen = [], []
        for response in llm.stream_chat([ChatMessage(content="Where is Skagen?")]):
            kept.append(response)
            seen.append(response.message.content)
        assert [response.message.content for response in kept] == seen
        messages = [response.message for response in kept]
        assert len({id(message) for message in messages}) == len(messages), "two responses share a message"
        blocks = [id(message.blocks) for message in messages]
        assert len(set(blocks)) == len(blocks), "two responses share a list of blocks"

    def test_changing_a_response_changes_no_later_one(self, server: Any) -> None:
        """Chat engines overwrite the blocks of what they were given."""
        llm = self.make_llm(server)
        server.reply(ANSWER)
        text = None
        for response in llm.stream_chat([ChatMessage(content="Where is Skagen?")]):
            text = response.message.content
            response.message.blocks.clear()
            response.message.additional_kwargs.clear()
        assert text == ANSWER

    @needs("has_reasoning")
    def test_thoughts_are_streamed_beside_the_message(self, server: Any) -> None:
        """Agents forward `additional_kwargs["thinking_delta"]` of the response, from the first thought on."""
        llm = self.make_llm(server)
        thought = "France is a country, so it is Paris."
        for method in ("stream_chat", "astream_chat"):
            server.reply("Paris.", reasoning=thought)
            responses = ask(llm, method)
            thinking = "".join(response.additional_kwargs.get("thinking_delta") or "" for response in responses)
            assert thinking == thought, f"{method}: thinking_delta of the responses"

    @needs("over_http")
    def test_closing_a_stream_stops_the_server(self, server: Any) -> None:
        """Who stops reading stops paying."""
        self._slowly(server)
        stream = self.make_llm(server).stream_chat([ChatMessage(content="Tell me a long story")])
        next(stream)
        stream.close()
        self._stopped(server)

    @needs("over_http")
    def test_closing_an_async_stream_stops_the_server(self, server: Any) -> None:
        """`await stream.aclose()` does what close() does."""
        self._slowly(server)
        llm = self.make_llm(server)

        async def work() -> None:
            stream = await llm.astream_chat([ChatMessage(content="Tell me a long story")])
            await anext(stream)
            await stream.aclose()
            await asyncio.to_thread(self._stopped, server)

        run(work())

    @needs("over_http")
    def test_cancelling_a_stream_stops_the_server(self, server: Any) -> None:
        """A cancelled task does not go on reading."""
        self._slowly(server)
        llm = self.make_llm(server)
        started = asyncio.Event()

        async def read() -> None:
            async for _ in await llm.astream_chat([ChatMessage(content="Tell me a long story")]):
                started.set()

        async def work() -> None:
            task = asyncio.create_task(read())
            begun = asyncio.create_task(started.wait())
            await asyncio.wait([task, begun], return_when=asyncio.FIRST_COMPLETED)
            assert begun.done(), f"the stream ended before its first response: {task.exception()!r}"
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            await asyncio.to_thread(self._stopped, server)

        run(work())

    def _slowly(self, server: Any) -> None:
        server.always = DelayEvents(0.05)
        server.reply("and so on " * 100)

    def _stopped(self, server: Any, seconds: float = 1.0) -> None:
        ends = time.monotonic() + seconds
        while not server.disconnects and time.monotonic() < ends:
            time.sleep(0.01)
        assert server.disconnects, f"the server was still being read {seconds:g} s after the stream had been stopped"
