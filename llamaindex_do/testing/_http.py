"""HTTP: retries happen once, connections are kept, errors come through, any number of event loops will do."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from llama_index.core.async_utils import asyncio_run
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.evaluation import CorrectnessEvaluator

from inference_do.emulator import Drop, ErrorEvent, Status

from ._asking import METHODS, STREAMS, ask
from ._kit import LLMKit, needs

__all__ = ["HTTPTests"]

T = TypeVar("T")

HELLO = [ChatMessage(content="Hello")]


class HTTPTests(LLMKit):
    """What the server sees."""

    @needs("over_http", "has_retries")
    def test_retries_are_as_many_as_were_asked_for(self, server: Any) -> None:
        """Two layers that both retry multiply."""
        llm = self.make_llm(server, max_retries=1)
        server.always = Status(503, headers={"retry-after": "0"})
        for number, method in enumerate(METHODS, 1):
            with pytest.raises(Exception, match="503"):
                ask(llm, method)
            assert server.posts == 2 * number, f"{method}: {server.posts - 2 * (number - 1)} requests, not 2"

    @needs("over_http", "has_retries")
    def test_a_wrong_key_is_not_tried_again(self, server: Any) -> None:
        """Nor any other mistake of the caller."""
        llm = self.make_llm(server, max_retries=2)
        for status in (400, 401, 404, 422):
            server.reset()
            server.always = Status(status)
            with pytest.raises(Exception, match=str(status)):
                ask(llm, "chat")
            assert server.posts == 1, status

    @needs("over_http")
    def test_an_error_inside_a_stream_is_raised(self, server: Any) -> None:
        """Half an answer is not an answer."""
        for fault in (ErrorEvent(after_events=3), Drop(after_events=3)):
            for method in STREAMS:
                llm = self.make_llm(server)
                server.reset()
                server.script(fault)
                with pytest.raises(Exception):  # noqa: B017, PT011  any will do
                    ask(llm, method)
                assert server.posts == 1, f"{method}: a stream that had begun was asked for again"

    @needs("over_http")
    def test_errors_pass_llamaindexs_runner(self, server: Any) -> None:
        """It replaces every RuntimeError by advice on nested event loops."""
        llm = self.make_llm(server)
        server.always = Status(403)
        with pytest.raises(Exception, match="403"):
            asyncio_run(llm.achat(HELLO))

    @needs("over_http")
    def test_connections_are_kept(self, server: Any) -> None:
        """A new one for each call costs a handshake each."""
        llm = self.make_llm(server)
        for _ in range(5):
            ask(llm, "chat")
        assert server.connections == 1, f"5 calls opened {server.connections} connections"

    @needs("over_http")
    def test_any_number_of_event_loops(self, server: Any) -> None:
        """One after another, each request sent once; synchronous evaluators and engines do so all the time."""
        llm = self.make_llm(server)
        for _ in range(3):
            asyncio.run(llm.achat(HELLO))
        assert server.posts == 3, f"3 calls sent {server.posts} requests"
        evaluator = CorrectnessEvaluator(llm=llm)
        for _ in range(3):
            server.reply("5.0\nThey agree.")
            assert evaluator.evaluate(query="Capital?", response="Paris.", reference="Paris.").score == 5.0
        assert server.posts == 6, f"3 evaluations sent {server.posts - 3} requests"

    @needs("over_http")
    def test_event_loops_at_the_same_time(self, server: Any) -> None:
        """In several threads."""
        llm = self.make_llm(server)

        async def calls() -> int:
            return len(await asyncio.gather(*(llm.achat(HELLO) for _ in range(3))))

        for _ in range(2):
            assert _in_threads(3, lambda _: asyncio.run(calls())) == [3, 3, 3]
        assert server.posts == 18, f"18 calls sent {server.posts} requests"

    @needs("over_http")
    def test_threads_share_an_llm(self, server: Any) -> None:
        """Streaming chat engines read in a thread of their own."""
        llm = self.make_llm(server)

        def say(number: int) -> str:
            *_, response = llm.stream_chat([ChatMessage(content=f"Number {number}")])
            return response.message.content or ""

        answers = _in_threads(8, say)
        assert [answer[-1] for answer in answers] == list("01234567")
        assert server.posts == 8


def _in_threads(count: int, work: Callable[[int], T], *, seconds: float = 10.0) -> list[T]:
    """Do something in several threads at once and return what each gave; those that hang are left behind."""
    given: dict[int, T] = {}
    raised: list[Exception] = []

    def one(number: int) -> None:
        try:
            given[number] = work(number)
        except Exception as error:  # noqa: BLE001  raised below, in the test's thread
            raised.append(error)

    threads = [threading.Thread(target=one, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    ends = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    for error in raised:
        raise error
    assert len(given) == count, f"{count - len(given)} of {count} threads still hang after {seconds:g} s"
    return [given[number] for number in range(count)]
