"""The APIs beside chat completions, one test a row of the comparison: the first line of each docstring is its title.

A call that raises is "refused" in the table (`RefusedError`); an answer that fails an assertion is "wrong or lost".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.tools import FunctionTool
from llamaindex_wire_peers import WIRE_PEERS
from wire_peers import (
    CHAT,
    CLAUDE,
    GPT,
    HOSTED,
    LONG,
    OTHER_CLAUDE,
    PNG,
    SLOW,
    SLOW_DOWN,
    THOUGHT,
    USAGE,
    RefusedError,
    WirePeer,
)

from inference_do.emulator import Emulator, ErrorEvent, Status, Truncate

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(params=WIRE_PEERS, ids=lambda peer: peer.name)
def peer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> WirePeer:
    if request.function is not test_the_platforms_ids_are_taken:
        from llama_index.llms.anthropic import utils

        for model in (CLAUDE, OTHER_CLAUDE, GPT, HOSTED, CHAT):  # or it would refuse them all
            monkeypatch.setitem(utils.CLAUDE_MODELS, model, 200_000)
    return request.param


@pytest.fixture
def emu() -> Iterator[Emulator]:
    with Emulator(allow_unknown_fields=True) as emulator:
        yield emulator


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


PLUS = FunctionTool.from_defaults(add)
Ask = Callable[..., ChatResponse]


def whole(llm: Any, messages: Sequence[ChatMessage], tools: Sequence[Any] = ()) -> ChatResponse:
    if tools:
        return llm.chat_with_tools(list(tools), chat_history=list(messages))
    return llm.chat(list(messages))


def streamed(llm: Any, messages: Sequence[ChatMessage], tools: Sequence[Any] = ()) -> ChatResponse:
    if tools:
        return list(llm.stream_chat_with_tools(list(tools), chat_history=list(messages)))[-1]
    return list(llm.stream_chat(list(messages)))[-1]


def ask(how: Ask, make: Callable[[], Any], prompt: str | Sequence[ChatMessage], tools: Sequence[Any] = ()) -> Any:
    """Return an answer's message.

    Raises:
        RefusedError: There is none.
    """
    messages = [ChatMessage(content=prompt)] if isinstance(prompt, str) else prompt
    try:
        return how(make(), messages, tools).message
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        raise RefusedError(message) from error


def failure(how: Ask, make: Callable[[], Any]) -> Exception | None:
    """Return what a call raises."""
    try:
        how(make(), [ChatMessage(content="hi")])
    except Exception as error:  # noqa: BLE001  whatever a package has for it
        return error
    return None


def thoughts(message: ChatMessage) -> str:
    """Return what a message tells of the model's thinking."""
    return "".join(block.content or "" for block in message.blocks if isinstance(block, ThinkingBlock))


def called(emu: Emulator, how: Ask, make: Callable[[], Any], history: Sequence[Any] = ()) -> list[ChatMessage]:
    """Return a conversation at the end of which the model thought, and called a tool."""
    emu.reply("I add.", tool_calls=[("add", {"a": 1, "b": 2})], reasoning=THOUGHT)
    asked = [*history, ChatMessage(content="add")]
    answer = ask(how, make, asked, [PLUS])
    calls = [block for block in answer.blocks if isinstance(block, ToolCallBlock)]
    assert len(calls) == 1
    result = ChatMessage(role="tool", content="3", additional_kwargs={"tool_call_id": calls[0].tool_call_id})
    return [*asked, answer, result]


def go_on(emu: Emulator, how: Ask, make: Callable[[], Any], history: list[ChatMessage]) -> str:
    """Return what was sent when a conversation went on."""
    emu.reply("Three.")
    assert ask(how, make, history, [PLUS]).content == "Three."
    return emu.requests[-1].body.decode()


def test_a_model_of_responses_only(emu: Emulator, peer: WirePeer) -> None:
    """A model that answers on `/responses` only (`openai-gpt-5.4`), whole and streamed"""
    for how in (whole, streamed):
        emu.reply("Paris")
        assert ask(how, partial(peer.make, emu, GPT), "The capital of France?").content == "Paris"


def test_an_image_for_claude(emu: Emulator, peer: WirePeer) -> None:
    """An image for Claude, which takes none on chat completions"""
    blocks = [TextBlock(text="What is it?"), ImageBlock(image=PNG, image_mimetype="image/png")]
    emu.reply("A dot.")
    assert ask(whole, partial(peer.make, emu, CLAUDE), [ChatMessage(blocks=blocks)]).content == "A dot."
    assert base64.b64encode(PNG) in emu.requests[-1].body


def test_streamed_thinking_of_a_hosted_model(emu: Emulator, peer: WirePeer) -> None:
    """Streamed thinking of an open model that the platform hosts (`kimi-k2.6`)"""
    emu.reply("Four.", reasoning="two and two")
    answer = ask(streamed, partial(peer.thinker, emu, HOSTED), "2+2?")
    assert answer.content == "Four."
    assert thoughts(answer) == "two and two"


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
        reasoning = [item for item in sent["input"] if item.get("type") == "reasoning"]
        assert [bool(item.get("encrypted_content")) for item in reasoning] == [True]


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
    """An error that the API reports inside a stream is an error, in each form"""
    for model, settings in peer.home.items():
        for event in (ErrorEvent(6), ErrorEvent(6, event_name="error")):
            emu.reply(LONG)
            emu.script(event)
            raised = failure(streamed, partial(peer.make, emu, model, **settings))
            assert "The model failed while answering" in str(raised)


def test_errors_say_what_the_api_said(emu: Emulator, peer: WirePeer) -> None:
    """Errors in each API's shape have the status (401, 429, 500) and the API's words"""
    for model, settings in peer.home.items():
        for status in (401, 429, 500):
            emu.script(Status(status, SLOW[model] if status == 429 else None))
            raised = failure(whole, partial(peer.make, emu, model, **settings))
            assert status in {getattr(raised, name, None) for name in ("status", "status_code")}
            assert status != 429 or SLOW_DOWN in str(raised)


def test_the_platforms_ids_are_taken(emu: Emulator, peer: WirePeer) -> None:
    """The platform's ids of models are taken"""
    for model, settings in peer.home.items():
        emu.reply("hi")
        assert ask(whole, partial(peer.make, emu, model, **settings), "hi").content == "hi"


def test_usage_counts_what_was_cached(emu: Emulator, peer: WirePeer) -> None:
    """Usage counts cached tokens among the input, where LlamaIndex's token counter looks, whole and streamed"""
    for model, settings in peer.home.items():
        for how in (whole, streamed):
            emu.reply("hi", usage=USAGE[model])
            response = how(peer.make(emu, model, **settings), [ChatMessage(content="hi")])
            assert counted(response) == (100, 10)


def counted(response: ChatResponse) -> tuple[int, int]:
    """Return the tokens that LlamaIndex's own token counter finds in a response."""
    from llama_index.core.callbacks.token_counting import get_tokens_from_response

    prompt, completion = get_tokens_from_response(response)
    return prompt, completion


def test_one_class_for_all_models(emu: Emulator, peer: WirePeer) -> None:
    """One class for all: `/responses` only, chat completions only, and Claude with an image; only the id differs"""
    image = ImageBlock(image=PNG, image_mimetype="image/png")
    for model in (GPT, CHAT, CLAUDE):
        emu.reply("hi")
        prompt = [ChatMessage(blocks=[TextBlock(text="hi"), *([image] if model == CLAUDE else [])])]
        assert ask(whole, partial(peer.make, emu, model), prompt).content == "hi"
