"""What users miss, one test a row of the comparison: the first line of each docstring is the row's title."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from collections.abc import Callable, Iterator
from functools import reduce
from operator import add
from typing import Any

import pytest
from langchain_core import exceptions
from langchain_core.caches import InMemoryCache
from langchain_core.messages import HumanMessage
from langchain_core.tracers.base import BaseTracer
from langchain_peers import PEERS, Peer

from inference_do.emulator import Emulator, ErrorEvent, Quirks, RawBody, Status, Truncate

Make = Callable[..., Any]
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
CALLS = [("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4})]
LONG = {"error": {"message": "the token count: [4] exceeds the model: [m]'s maximum token count: [2]", "type": "x"}}

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(params=PEERS, ids=lambda peer: peer.name)
def peer(request: pytest.FixtureRequest) -> Peer:
    return request.param


@pytest.fixture
def emu(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """One for each test: what another package still sends after its own test is not counted."""
    with Emulator(allow_unknown_fields=True) as emulator:
        peer.patch(monkeypatch, emulator)
        yield emulator


@pytest.fixture
def make(emu: Emulator, peer: Peer) -> Make:
    def build(**settings: Any) -> Any:
        return peer.cls(**{**peer.arguments(emu), "max_retries": 0, **settings})

    return build


def streamed(model: Any, **given: Any) -> Any:
    return reduce(add, model.stream("add", **given))


def test_reasoning_is_kept(emu: Emulator, make: Make) -> None:
    """The model's reasoning reaches the message, whole and streamed"""
    for ask in (make().invoke, lambda text: streamed(make())):
        emu.reply("Four.", reasoning="two and two")
        blocks = ask("2+2?").content_blocks
        assert [block["reasoning"] for block in blocks if block["type"] == "reasoning"] == ["two and two"]


def test_reasoning_goes_back(emu: Emulator, make: Make) -> None:
    """Earlier reasoning is sent back, as models that think between tool calls need"""
    emu.reply("Four.", reasoning="two and two")
    answer = make().invoke("2+2?")
    make().invoke([HumanMessage("2+2?"), answer, HumanMessage("sure?")])
    sent = emu.requests[-1].json["messages"][1]
    assert "two and two" in (sent.get("reasoning_content"), sent.get("reasoning"))


def test_usage_of_a_stream(emu: Emulator, make: Make) -> None:
    """Streams report usage without being told to"""
    emu.reply("hi", usage=USAGE)
    assert streamed(make()).usage_metadata["total_tokens"] == 14


def test_usage_is_counted_once(emu: Emulator, make: Make) -> None:
    """Usage is right when the server repeats its running total on every chunk"""
    emu.quirks = Quirks(usage_on_every_chunk=True)
    emu.reply("one two three four five six", usage=USAGE)
    given = {"stream_options": {"include_usage": True}}
    assert streamed(make(), **given).usage_metadata["total_tokens"] == 14


def test_facts_come_once(emu: Emulator, make: Make) -> None:
    """Finish reason and model name of a stream are there, once"""
    data = streamed(make()).response_metadata
    assert data["finish_reason"] == "stop"
    assert data["model_name"] == "qwen3.8-max"


def test_calls_of_one_index(emu: Emulator, make: Make) -> None:
    """Parallel tool calls stay apart when the server gives them one index"""
    emu.quirks = Quirks(tool_index="zero")
    emu.reply(tool_calls=CALLS)
    assert [(call["name"], call["args"]) for call in streamed(make()).tool_calls] == CALLS


def test_cut_calls(emu: Emulator, make: Make) -> None:
    """A tool call that the token limit cut off is no valid call, streamed as well as whole"""
    for ask in (lambda model: model.invoke("x"), streamed):
        emu.reply(tool_calls=[("write", '{"text": "the first ha')], finish_reason="length")
        message = ask(make())
        assert message.tool_calls == []
        assert message.invalid_tool_calls[0]["name"] == "write"


def test_blocks_of_v1(emu: Emulator, make: Make) -> None:
    """Streams with `output_version="v1"` keep reasoning, text and tool calls in blocks of their own"""
    emu.reply("I add.", tool_calls=CALLS[:1], reasoning="hm")
    message = streamed(make(output_version="v1"))
    assert [block["type"] for block in message.content] == ["reasoning", "text", "tool_call"]


def test_events_of_v3(emu: Emulator, make: Make) -> None:
    """`stream_events(version="v3")` ends with the tool call that was streamed"""
    emu.reply("I add.", tool_calls=CALLS[:1])
    message = make().stream_events("add", version="v3").output
    assert [(call["name"], call["args"]) for call in message.tool_calls] == CALLS[:1]
    assert message.text == "I add."


def test_a_truncated_stream_is_an_error(emu: Emulator, make: Make) -> None:
    """A stream that ends without its end is an error"""
    emu.reply("One two three four five six seven eight nine ten.")
    emu.script(Truncate(after_events=4))
    with pytest.raises(Exception):  # noqa: B017, PT011  whatever a package has for it
        streamed(make())


def test_an_error_in_a_stream_is_an_error(emu: Emulator, make: Make) -> None:
    """An error that the API reports inside a stream is one of LangChain's model errors"""
    emu.script(ErrorEvent(2, {"error": {"message": "slow down", "code": 429}}))
    with pytest.raises(exceptions.ModelError):
        streamed(make())


def test_errors_have_langchains_classes(emu: Emulator, make: Make) -> None:
    """Errors have LangChain's classes: 401, 429, 500"""
    for status, kind in (
        (401, exceptions.ModelAuthenticationError),
        (429, exceptions.ModelRateLimitError),
        (500, exceptions.ModelAPIError),
    ):
        emu.script(Status(status))
        with pytest.raises(kind):
            make().invoke("hi")


def test_overflow_is_known(emu: Emulator, make: Make) -> None:
    """DigitalOcean's words for a full context window become `ContextOverflowError`, which agents summarize on"""
    emu.script(Status(400, LONG))
    with pytest.raises(exceptions.ContextOverflowError):
        make().invoke("hi")


def test_no_choices_is_an_error(emu: Emulator, make: Make) -> None:
    """A response without choices is one of LangChain's model errors, not an IndexError"""
    emu.script(RawBody(json.dumps({"id": "", "object": "chat.completion", "model": "m", "choices": []}).encode()))
    with pytest.raises(exceptions.ModelError):
        make().invoke("hi")


def test_event_loops_in_a_row(emu: Emulator, make: Make) -> None:
    """One model works in several event loops (`asyncio.run` again and again)"""
    model = make()

    async def both() -> None:
        await model.ainvoke("hi")
        _ = [chunk async for chunk in model.astream("hi")]

    for _ in range(3):
        asyncio.run(both())
    assert emu.posts == 6


def test_traces_hold_no_key(emu: Emulator, make: Make) -> None:
    """The key is in no trace, `repr` or serialized form"""

    class Kept(BaseTracer):
        reported = ""

        def _persist_run(self, run: Any) -> None:
            self.reported += repr(run.model_dump() if hasattr(run, "model_dump") else run.dict())

    tracer, model = Kept(), make()
    model.invoke("hi", {"callbacks": [tracer]})
    assert tracer.reported
    assert emu.api_key not in tracer.reported + repr(model) + repr(model.asdict())


def test_copies_and_pickles(emu: Emulator, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A used model can be deep-copied and pickled (the key comes from the environment again)"""
    for name in ("MODEL_ACCESS_KEY", "OPENAI_API_KEY", "GROQ_API_KEY", "DEEPSEEK_API_KEY"):
        monkeypatch.setenv(name, emu.api_key)
    model = make()
    model.invoke("hi")
    assert copy.deepcopy(model).invoke("hi").text
    assert pickle.loads(pickle.dumps(model)).invoke("hi").text


def test_all_answers_are_kept(emu: Emulator, make: Make) -> None:
    """`generate(n=3)` hands out three answers"""
    assert len(make().generate([[HumanMessage("hi")]], n=3).generations[0]) == 3


def test_arguments_of_a_call_are_sent(emu: Emulator, make: Make) -> None:
    """Arguments of one call are sent: stop, temperature, seed"""
    make().invoke("hi", stop=["x"], temperature=0.5, seed=7)
    sent = emu.requests[-1].json
    assert (sent.get("stop"), sent.get("temperature"), sent.get("seed")) == (["x"], 0.5, 7)


def test_no_tools_with_a_schema(emu: Emulator, make: Make) -> None:
    """`bind_tools([], response_format=...)`, as agents without tools do, sends the format and no tools"""
    form = {
        "type": "json_schema",
        "json_schema": {"name": "X", "schema": {"title": "X", "type": "object", "properties": {}}},
    }
    make().bind_tools([], response_format=form).invoke("hi")
    sent = emu.requests[-1].json
    assert sent["response_format"] == form
    assert not {"tools", "tool_choice"} & set(sent)


def test_the_window_is_known(make: Make) -> None:
    """The profile of a DigitalOcean model tells its context window, which summarization needs"""
    assert make().profile["max_input_tokens"] > 1000


def test_counting_works_offline(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens can be counted without a network and without transformers"""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert make().get_num_tokens_from_messages([HumanMessage("hello there")]) > 1


def test_the_cache_tells_settings_apart(emu: Emulator, make: Make) -> None:
    """LangChain's cache tells temperatures apart"""
    cache = InMemoryCache()
    for temperature in (0.1, 0.9):
        make(temperature=temperature, cache=cache).invoke("hi")
    assert emu.posts == 2
