"""Observers: one event a call, whose end has the complete response, and the server's own counts of tokens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler, TokenCountingHandler
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]  # it is documented there
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from pydantic import PrivateAttr

from inference_do.emulator import Status

from ._asking import METHODS, STREAMS, ask, last
from ._kit import LLMKit, needs

__all__ = ["ObserverTests"]


class Recorder(BaseEventHandler):
    """Keeps events."""

    _events: list[Any] = PrivateAttr(default_factory=list)

    def handle(self, event: Any, **_: Any) -> None:
        """Keep an event."""
        self._events.append(event)

    def named(self, name: str) -> list[Any]:
        """Return the events of a class."""
        return [event for event in self._events if type(event).__name__ == name]


@contextmanager
def recorded() -> Iterator[Recorder]:
    """Record the events meanwhile."""
    dispatcher = get_dispatcher()
    dispatcher.add_event_handler(recorder := Recorder())
    try:
        yield recorder
    finally:
        dispatcher.event_handlers.remove(recorder)


class ObserverTests(LLMKit):
    """Instrumentation events, callbacks, token counting."""

    def test_a_call_is_one_event(self, server: Any) -> None:
        """complete() by way of chat() would be two, and its tokens be counted twice."""
        for method in METHODS:
            debug = LlamaDebugHandler(print_trace_on_end=False)
            llm = self.make_llm(server, callback_manager=CallbackManager([debug]))
            with recorded() as events:
                ask(llm, method)
            kind, other = ("Completion", "Chat") if "complete" in method else ("Chat", "Completion")
            for when in ("Start", "End"):
                assert len(events.named(f"LLM{kind}{when}Event")) == 1, f"{method}: LLM{kind}{when}Event"
                assert not events.named(f"LLM{other}{when}Event"), f"{method}: LLM{other}{when}Event"
            assert len(debug.get_event_pairs(CBEventType.LLM)) == 1, method

    def test_the_end_has_the_complete_response(self, server: Any) -> None:
        """What observers store is the last response."""
        llm = self.make_llm(server)
        for method in METHODS:
            server.reply("Skagen lies in Jutland.")
            with recorded() as events:
                answer = last(llm, method)
            (end,) = events.named("LLMCompletionEndEvent" if "complete" in method else "LLMChatEndEvent")
            assert end.response == answer, method
            text = end.response.text if "complete" in method else end.response.message.content
            assert text == "Skagen lies in Jutland.", method

    def test_every_response_of_a_stream_is_an_event(self, server: Any) -> None:
        """Progress is shown from them."""
        llm = self.make_llm(server)
        for method in STREAMS:
            server.reply("Skagen lies in Jutland.")
            with recorded() as events:
                responses = ask(llm, method)
            kind = "Completion" if "complete" in method else "Chat"
            assert len(events.named(f"LLM{kind}InProgressEvent")) == len(responses) > 1, method

    @needs("has_usage")
    def test_tokens_are_those_the_server_counted(self, server: Any) -> None:
        """TokenCountingHandler, for whole answers and for streams."""
        for method in METHODS:
            counter = TokenCountingHandler(tokenizer=lambda text: [0] * len(text))
            llm = self.make_llm(server, callback_manager=CallbackManager([counter]))
            server.reply("Yes.", usage={"prompt_tokens": 1100, "completion_tokens": 700, "total_tokens": 1800})
            ask(llm, method)
            counted = (counter.prompt_llm_token_count, counter.completion_llm_token_count)
            assert counted == (1100, 700), f"{method}: LlamaIndex counts {counted}, the server reported (1100, 700)"

    @needs("over_http")
    def test_a_failed_call_ends_its_event(self, server: Any) -> None:
        """With the exception."""
        for method in METHODS:
            debug = LlamaDebugHandler(print_trace_on_end=False)
            llm = self.make_llm(server, callback_manager=CallbackManager([debug]))
            server.script(Status(401))
            with pytest.raises(Exception, match="401"):
                ask(llm, method)
            ((_, end),) = debug.get_event_pairs(CBEventType.LLM)
            assert "exception" in (end.payload or {}), method
