"""Observers: one event a call, the last response of a stream is the one they see, and tokens are the server's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler, TokenCountingHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.prompts import PromptTemplate
from llama_index.core.rate_limiter import TokenBucketRateLimiter
from pydantic import BaseModel, PrivateAttr

from inference_do.emulator import Status
from inference_do.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inference_do.emulator import Emulator
    from llamaindex_do import DigitalOcean, DigitalOceanEmbedding

    Make = Callable[..., DigitalOcean]

HELLO = [ChatMessage(content="Hello, how are you?")]
PROMPT = "Hello, how are you?"


class Recorder(BaseEventHandler):
    _events: list[Any] = PrivateAttr(default_factory=list)

    def handle(self, event: Any, **_: Any) -> None:
        self._events.append(event)

    def count(self, name: str) -> int:
        return sum(type(event).__name__ == name for event in self._events)

    def last(self, name: str) -> Any:
        return [event for event in self._events if type(event).__name__ == name][-1]


@pytest.fixture
def events() -> Iterator[Recorder]:
    recorder = Recorder()
    dispatcher = get_dispatcher()
    dispatcher.add_event_handler(recorder)
    yield recorder
    dispatcher.event_handlers.remove(recorder)


async def run(llm: DigitalOcean, method: str) -> Any:
    answer = getattr(llm, method)(PROMPT if "complete" in method else HELLO)
    if method.startswith("a"):
        answer = await answer
    if "stream" not in method:
        return answer
    items = [item async for item in answer] if method.startswith("a") else list(answer)
    return items[-1]


METHODS = ["chat", "complete", "stream_chat", "stream_complete"]
METHODS += [f"a{method}" for method in METHODS]


@pytest.mark.parametrize("method", METHODS)
async def test_one_event_a_call(make: Make, emu: Emulator, events: Recorder, method: str) -> None:
    debug = LlamaDebugHandler(print_trace_on_end=False)
    counter = TokenCountingHandler(tokenizer=lambda _: pytest.fail("the server's counts are there"))
    llm = make(callback_manager=CallbackManager([debug, counter]))
    answer = await run(llm, method)
    kind, other = ("Completion", "Chat") if "complete" in method else ("Chat", "Completion")
    assert events.count(f"LLM{kind}StartEvent") == events.count(f"LLM{kind}EndEvent") == 1
    assert events.count(f"LLM{other}StartEvent") == events.count(f"LLM{other}EndEvent") == 0
    assert (events.count(f"LLM{kind}InProgressEvent") > 1) is ("stream" in method)
    assert events.last(f"LLM{kind}EndEvent").response == answer
    assert len(debug.get_event_pairs(CBEventType.LLM)) == 1
    usage = answer.raw["usage"]
    assert counter.prompt_llm_token_count == usage["prompt_tokens"] > 0
    assert counter.completion_llm_token_count == usage["completion_tokens"] > 0
    assert len(counter.llm_token_counts) == 1
    await llm.aclose()


@pytest.mark.parametrize("method", METHODS)
async def test_a_failed_call_ends_its_event(make: Make, emu: Emulator, method: str) -> None:
    debug = LlamaDebugHandler(print_trace_on_end=False)
    llm = make(callback_manager=CallbackManager([debug]))
    emu.script(Status(500))
    with pytest.raises(ServerError):
        await run(llm, method)
    ((start, end),) = debug.get_event_pairs(CBEventType.LLM)
    assert start.id_ == end.id_
    assert isinstance(end.payload["exception"], ServerError)
    await llm.aclose()


async def test_structured_output_is_reported(llm: DigitalOcean, events: Recorder) -> None:
    class City(BaseModel):
        name: str

    prompt = PromptTemplate("name: Paris")
    llm.structured_predict(City, prompt)
    await llm.astructured_predict(City, prompt)
    list(llm.stream_structured_predict(City, prompt))
    assert events.count("LLMStructuredPredictStartEvent") == events.count("LLMStructuredPredictEndEvent") == 3
    assert events.last("LLMStructuredPredictEndEvent").output == City(name="Paris")
    assert events.count("LLMChatStartEvent") == 3
    await llm.aclose()


async def test_embeddings_are_reported_once_a_batch(embedding: DigitalOceanEmbedding, events: Recorder) -> None:
    embedding.embed_batch_size = 2
    embedding.get_text_embedding_batch(["a", "b", "c"])
    await embedding.aget_text_embedding_batch(["a", "b", "c"])
    assert events.count("EmbeddingStartEvent") == events.count("EmbeddingEndEvent") == 4
    await embedding.aclose()


def test_a_rate_limiter_is_asked_once_a_call(make: Make) -> None:
    class Counting(TokenBucketRateLimiter):
        _asked: int = PrivateAttr(default=0)

        def acquire(self, *args: Any, **kwargs: Any) -> None:
            self._asked += 1

    limiter = Counting(requests_per_minute=1000)
    llm = make(rate_limiter=limiter)
    llm.chat(HELLO)
    llm.complete(PROMPT)
    assert limiter._asked == 2
