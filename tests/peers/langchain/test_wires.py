"""The APIs beside chat completions, one test a row of the comparison: the first line of each docstring is its title.

A call that raises is "refused" in the table (`RefusedError`); an answer that fails an assertion is "wrong or lost".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce
from operator import add
from typing import Any

import pytest
from langchain_core import exceptions
from langchain_core.messages import HumanMessage, ToolMessage, message_chunk_to_message
from langchain_core.tools import tool
from langchain_wire_peers import WIRE_PEERS
from wire_peers import CHAT, CLAUDE, GPT, HOSTED, LONG, PNG, SLOW, SLOW_DOWN, THOUGHT, USAGE, RefusedError, WirePeer

from inference_do.emulator import Emulator, ErrorEvent, Status, Truncate

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(params=WIRE_PEERS, ids=lambda peer: peer.name)
def peer(request: pytest.FixtureRequest) -> WirePeer:
    return request.param


@pytest.fixture
def emu() -> Iterator[Emulator]:
    with Emulator(allow_unknown_fields=True) as emulator:
        yield emulator


@tool("add")
def plus(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def whole(model: Any, prompt: Any) -> Any:
    return model.invoke(prompt)


def streamed(model: Any, prompt: Any) -> Any:
    return message_chunk_to_message(reduce(add, model.stream(prompt)))


Ask = Callable[[Any, Any], Any]


def ask(how: Ask, make: Callable[[], Any], prompt: Any) -> Any:
    """Return an answer.

    Raises:
        RefusedError: There is none.
    """
    try:
        return how(make(), prompt)
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        raise RefusedError(message) from error


def failure(how: Ask, make: Callable[[], Any]) -> Exception | None:
    """Return what a call raises."""
    try:
        how(make(), "hi")
    except Exception as error:  # noqa: BLE001  whatever a package has for it
        return error
    return None


def called(emu: Emulator, how: Ask, make: Callable[[], Any], history: Sequence[Any] = ()) -> list[Any]:
    """Return a conversation at the end of which the model thought, and called a tool."""
    emu.reply("I add.", tool_calls=[("add", {"a": 1, "b": 2})], reasoning=THOUGHT)
    asked = [*history, HumanMessage("add")]
    answer = ask(how, lambda: make().bind_tools([plus]), asked)
    assert [call["args"] for call in answer.tool_calls] == [{"a": 1, "b": 2}]
    return [*asked, answer, ToolMessage("3", tool_call_id=answer.tool_calls[0]["id"])]


def go_on(emu: Emulator, how: Ask, make: Callable[[], Any], history: list[Any]) -> str:
    """Return what was sent when a conversation went on."""
    emu.reply("Three.")
    assert ask(how, lambda: make().bind_tools([plus]), history).text == "Three."
    return emu.requests[-1].body.decode()


def test_a_model_of_responses_only(emu: Emulator, peer: WirePeer) -> None:
    """A model that answers on `/responses` only (`openai-gpt-5.4`), whole and streamed"""
    for how in (whole, streamed):
        emu.reply("Paris")
        assert ask(how, partial(peer.make, emu, GPT), "The capital of France?").text == "Paris"


def test_an_image_for_claude(emu: Emulator, peer: WirePeer) -> None:
    """An image for Claude, which takes none on chat completions"""
    block = {"type": "image", "base64": base64.b64encode(PNG).decode(), "mime_type": "image/png"}
    prompt = [HumanMessage([{"type": "text", "text": "What is it?"}, block])]
    emu.reply("A dot.")
    assert ask(whole, partial(peer.make, emu, CLAUDE), prompt).text == "A dot."
    assert base64.b64encode(PNG) in emu.requests[-1].body


def test_streamed_thinking_of_a_hosted_model(emu: Emulator, peer: WirePeer) -> None:
    """Streamed thinking of an open model that the platform hosts (`kimi-k2.6`)"""
    emu.reply("Four.", reasoning="two and two")
    answer = ask(streamed, partial(peer.thinker, emu, HOSTED), "2+2?")
    assert answer.text == "Four."
    assert [b.get("reasoning") for b in answer.content_blocks if b["type"] == "reasoning"] == ["two and two"]


def test_thinking_of_a_hosted_model_goes_back(emu: Emulator, peer: WirePeer) -> None:
    """That thinking goes back with the tool's result"""
    for how in (whole, streamed):
        history = called(emu, how, partial(peer.thinker, emu, HOSTED))
        assert THOUGHT in go_on(emu, how, partial(peer.thinker, emu, HOSTED), history)


def test_encrypted_reasoning_goes_back(emu: Emulator, peer: WirePeer) -> None:
    """Encrypted reasoning (`openai-gpt-5.4`) goes back with the tool's result"""
    for how in (whole, streamed):
        history = called(emu, how, partial(peer.thinker, emu, GPT))
        sent = json.loads(go_on(emu, how, partial(peer.thinker, emu, GPT), history))
        assert [bool(item.get("encrypted_content")) for item in sent["input"] if item.get("type") == "reasoning"] == [
            True
        ]


def test_signed_thinking_goes_back(emu: Emulator, peer: WirePeer) -> None:
    """Claude's signed thinking goes back with the tool's result"""
    for how in (whole, streamed):
        history = called(emu, how, partial(peer.thinker, emu, CLAUDE))
        sent = json.loads(go_on(emu, how, partial(peer.thinker, emu, CLAUDE), history))
        [first, *_] = sent["messages"][1]["content"]
        assert first.get("thinking") == THOUGHT
        assert first.get("signature")


def test_the_model_changes(emu: Emulator, peer: WirePeer) -> None:
    """A conversation goes on with another model that the class reaches, and comes back"""
    for how in (whole, streamed):
        home = next(iter(peer.home))
        history = called(emu, how, partial(peer.thinker, emu, home))
        for model in (peer.next, home):
            history = called(emu, how, partial(peer.thinker, emu, model), history)
            assert go_on(emu, how, partial(peer.thinker, emu, model), history)


def test_the_provider_changes(emu: Emulator, peer: WirePeer) -> None:
    """Its thinking and calls are no trouble for the other provider's model, asked through the class for that one"""
    for model in peer.home:
        other = CLAUDE if model == GPT else GPT
        second = peer if other in peer.home else next(one for one in WIRE_PEERS[1:] if other in one.home)
        for how in (whole, streamed):
            history = called(emu, how, partial(peer.thinker, emu, model))
            go_on(emu, how, partial(second.thinker, emu, other), history)


def test_a_cut_stream_is_an_error(emu: Emulator, peer: WirePeer) -> None:
    """A stream that ends before its last event is an error, on each of its APIs"""
    for model, settings in peer.home.items():
        emu.reply(LONG)
        emu.script(Truncate(after_events=6))
        assert failure(streamed, partial(peer.make, emu, model, **settings)) is not None


def test_an_error_event_is_an_error(emu: Emulator, peer: WirePeer) -> None:
    """An error that the API reports inside a stream is one of LangChain's model errors"""
    for model, settings in peer.home.items():
        for event in (ErrorEvent(6), ErrorEvent(6, event_name="error")):
            emu.reply(LONG)
            emu.script(event)
            raised = failure(streamed, partial(peer.make, emu, model, **settings))
            assert isinstance(raised, exceptions.ModelError)


def test_errors_have_langchains_classes(emu: Emulator, peer: WirePeer) -> None:
    """Errors in each API's shape have LangChain's classes (401, 429, 500), and the API's words"""
    for model, settings in peer.home.items():
        for status, kind in (
            (401, exceptions.ModelAuthenticationError),
            (429, exceptions.ModelRateLimitError),
            (500, exceptions.ModelAPIError),
        ):
            emu.script(Status(status, SLOW[model] if status == 429 else None))
            raised = failure(whole, partial(peer.make, emu, model, **settings))
            assert isinstance(raised, kind)
            assert status != 429 or SLOW_DOWN in str(raised)


def test_the_platforms_ids_are_taken(emu: Emulator, peer: WirePeer) -> None:
    """The platform's ids of models are taken"""
    for model, settings in peer.home.items():
        emu.reply("hi")
        assert ask(whole, partial(peer.make, emu, model, **settings), "hi").text == "hi"


def test_the_windows_are_known(emu: Emulator, peer: WirePeer) -> None:
    """Their profiles tell their context windows"""
    for model, settings in peer.home.items():
        profile = peer.make(emu, model, **settings).profile or {}
        assert profile.get("max_input_tokens", 0) > 1000


def test_usage_counts_what_was_cached(emu: Emulator, peer: WirePeer) -> None:
    """Usage counts cached tokens among the input, once, whole and streamed"""
    for model, settings in peer.home.items():
        for how in (whole, streamed):
            emu.reply("hi", usage=USAGE[model])
            usage = ask(how, partial(peer.make, emu, model, **settings), "hi").usage_metadata
            assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (100, 10, 110)
            assert usage["input_token_details"]["cache_read"] == 60


def test_one_class_for_all_models(emu: Emulator, peer: WirePeer) -> None:
    """One class for all: `/responses` only, chat completions only, and Claude with an image; only the id differs"""
    image = {"type": "image", "base64": base64.b64encode(PNG).decode(), "mime_type": "image/png"}
    for model in (GPT, CHAT, CLAUDE):
        emu.reply("hi")
        prompt = [HumanMessage(["hi", image] if model == CLAUDE else "hi")]
        assert ask(whole, partial(peer.make, emu, model), prompt).text == "hi"
