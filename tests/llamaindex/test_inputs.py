"""Wrong inputs are refused in words, by errors of ours, before anything is sent or observed."""

from __future__ import annotations

import asyncio
import json
import traceback
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager, LlamaDebugHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.span_handlers import NullSpanHandler
from llama_index.core.tools import FunctionTool

from inference_do import ConfigError
from llamaindex_do import DigitalOcean, DigitalOceanEmbedding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inference_do.emulator import Emulator

    Make = Callable[..., DigitalOcean]

HELLO = [ChatMessage(content="Hello")]
KEY = "sk-do-v1-very-secret-0123456789"
CHATS = ["chat", "stream_chat", "achat", "astream_chat"]
COMPLETIONS = [name.replace("chat", "complete") for name in CHATS]


async def ask(llm: DigitalOcean, method: str, *args: Any, **kwargs: Any) -> Any:
    answer = getattr(llm, method)(*args, **kwargs)
    answer = await answer if method.startswith("a") else answer
    if "stream" not in method:
        return answer
    return [item async for item in answer] if method.startswith("a") else list(answer)


@pytest.mark.parametrize("method", CHATS)
@pytest.mark.parametrize(
    ("messages", "detail"),
    [
        ("Hello", r"not str 'Hello': pass \[ChatMessage\(content=\.\.\.\)\]"),
        (ChatMessage(content="Hello"), r"not ChatMessage .*: pass \[it\]"),
        ({"role": "user", "content": "Hello"}, "messages must be a list of ChatMessage, not dict"),
        (None, "not NoneType None"),
        (5, "not int 5"),
        ([], "at least one ChatMessage"),
        (["Hello"], r"messages\[0\] must be a ChatMessage of LlamaIndex, not str 'Hello'"),
        ([*HELLO, {"role": "user", "content": "x"}], r"messages\[1\] must be a ChatMessage .* not dict"),
    ],
    ids=["str", "message", "dict", "none", "number", "empty", "strings", "dicts"],
)
async def test_messages(llm: DigitalOcean, emu: Emulator, method: str, messages: Any, detail: str) -> None:
    with pytest.raises(ConfigError, match=detail):
        await ask(llm, method, messages)
    with pytest.raises(ConfigError, match=detail):
        await ask(llm, method, messages=messages)
    assert emu.posts == 0


@pytest.mark.parametrize("method", COMPLETIONS)
@pytest.mark.parametrize("prompt", [None, 5, HELLO], ids=["none", "number", "messages"])
async def test_prompts(llm: DigitalOcean, emu: Emulator, method: str, prompt: Any) -> None:
    with pytest.raises(ConfigError, match="a prompt must be a string, not"):
        await ask(llm, method, prompt)
    with pytest.raises(ConfigError, match="chat\\(\\) takes messages"):
        await ask(llm, method, prompt=prompt)
    assert emu.posts == 0


@pytest.mark.parametrize("method", [*CHATS, *COMPLETIONS])
async def test_nothing_at_all_is_pythons_own_error(llm: DigitalOcean, method: str) -> None:
    with pytest.raises((TypeError, ValueError), match=r"messages|prompt"):
        await ask(llm, method)


@pytest.mark.parametrize("method", [*CHATS, *COMPLETIONS])
async def test_names_of_arguments_may_be_given(llm: DigitalOcean, emu: Emulator, method: str) -> None:
    named = {"prompt": "Hello", "formatted": True} if "complete" in method else {"messages": iter(HELLO)}
    await ask(llm, method, **named)
    assert emu.requests[0].json["messages"] == [{"role": "user", "content": "Hello"}]
    await llm.aclose()


def test_tools(llm: DigitalOcean, emu: Emulator) -> None:
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    with pytest.raises(ConfigError, match=r"tools\[0\] must be a tool, not <function .*FunctionTool.from_defaults"):
        llm.chat_with_tools([add], "Add 2 and 3")
    with pytest.raises(ConfigError, match=r"tools\[1\]"):
        llm.chat(HELLO, tools=[FunctionTool.from_defaults(add), 5])
    for tools in (5, "add", {"type": "function"}):
        with pytest.raises(ConfigError, match="tools must be a list of tools, not"):
            llm.chat(HELLO, tools=tools)
    with pytest.raises(ConfigError, match=r"tool_choice must be .*not 5"):
        llm.chat_with_tools([FunctionTool.from_defaults(add)], "Add 2 and 3", tool_choice=5)
    assert emu.posts == 0


@pytest.mark.parametrize(
    "choice", ["maths.add", {"type": "function", "function": {"name": "maths.add"}}], ids=["name", "form"]
)
def test_a_tool_is_chosen_by_its_own_name(llm: DigitalOcean, emu: Emulator, choice: Any) -> None:
    tool = FunctionTool.from_defaults(lambda a, b: a + b, name="maths.add", description="Add two numbers.")
    llm.chat(HELLO, tools=[tool], tool_choice=choice)
    llm.chat_with_tools([tool], "Add 2 and 3", tool_choice=choice)
    for request in emu.requests:
        assert request.json["tool_choice"] == {"type": "function", "function": {"name": "maths_add"}}


@pytest.mark.parametrize("name", ["extra_headers", "extra_query", "extra_body"])
def test_collections(llm: DigitalOcean, name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} must be a mapping, not str"):
        llm.chat(HELLO, **{name: "x"})


@pytest.mark.parametrize(
    ("options", "detail"),
    [
        (
            {"timeout": True},
            "timeout must be a number of seconds, above 0 and at most a million, or an inference_do.Timeout, not True",
        ),
        ({"max_retries": True}, "max_retries: must be a number, not True"),
        ({"temperature": False}, "temperature: must be a number, not False"),
        ({"default_headers": True}, "default_headers: Input should be a valid"),
        ({"model": ""}, "model must be a model's id, not ''"),
        ({"model": "  "}, "model must be a model's id"),
        ({"http_client": "x"}, "must be an httpx.Client, not builtins.str"),
        ({"http_async_client": "x"}, "must be an httpx.AsyncClient, not builtins.str"),
        ({"api_key": 5}, "api_key must be a string, or a function that returns one, not int"),
        ({"api_key": {"key": KEY}}, "not dict"),
        ({"api_key": KEY + "\n\x00"}, "character at position"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
@pytest.mark.parametrize("kind", [DigitalOcean, DigitalOceanEmbedding])
def test_settings(kind: Any, options: dict[str, Any], detail: str) -> None:
    if kind is DigitalOceanEmbedding and "temperature" in options:
        options = {"embed_batch_size": False}
        detail = "embed_batch_size: must be a number, not False"
    with pytest.raises(ConfigError, match=detail):
        kind(**{"model": "bge-m3", "api_key": KEY, **options})


async def test_clients_of_the_other_kind() -> None:
    async with httpx.AsyncClient() as client:
        with pytest.raises(ConfigError, match=r"must be an httpx.Client, not httpx.AsyncClient"):
            DigitalOcean(model="m", api_key=KEY, http_client=client)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temprature": 1},
        {"temperature": "hot"},
        {"timeout": -1},
        {"base_url": "ftp://x"},
        {"max_tokens": 1, "max_completion_tokens": 2},
        {"default_headers": {"Authorization": "x"}},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["api_key", "model_access_key", "additional_kwargs"])
def test_no_frame_of_ours_holds_the_key_while_settings_are_refused(options: dict[str, Any], name: str) -> None:
    broken = KEY + "\x00" if not options else KEY
    given = {"model": "m", **options, name: {"api_key": broken} if name == "additional_kwargs" else broken}
    with pytest.raises(ConfigError) as caught:
        DigitalOcean(**given)
    chain: list[BaseException] = [caught.value]
    while (earlier := chain[-1].__context__) is not None:
        chain.append(earlier)
    here = __file__
    for error in chain:
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        for frame in shown.stack:
            assert frame.filename == here or KEY not in str(frame.locals), (frame.name, frame.locals)


# --- headers of a call -----------------------------------------------------


@pytest.fixture
def observed() -> Iterator[list[str]]:
    seen: list[str] = []

    class Events(BaseEventHandler):
        def handle(self, event: Any, **_: Any) -> None:
            seen.append(event.model_dump_json(fallback=repr))
            seen.append(repr(vars(event)))
            seen.append(json.dumps(getattr(event, "additional_kwargs", {}), default=str))

    class Spans(NullSpanHandler):
        def span_enter(self, id_: str, bound_args: Any, instance: Any = None, **_: Any) -> None:
            assert instance is not None, id_
            seen.append(repr(bound_args.arguments))

    dispatcher = get_dispatcher()
    dispatcher.add_event_handler(events := Events())
    dispatcher.add_span_handler(spans := Spans())
    yield seen
    dispatcher.event_handlers.remove(events)
    dispatcher.span_handlers.remove(spans)


@pytest.mark.parametrize("method", [*CHATS, *COMPLETIONS])
def test_headers_of_a_call_are_sent_and_not_shown(make: Make, emu: Emulator, observed: list[str], method: str) -> None:
    debug = LlamaDebugHandler(print_trace_on_end=False)
    llm = make(callback_manager=CallbackManager([debug]))
    headers = {"X-Tenant-Secret": KEY}
    asyncio.run(ask(llm, method, "Hello" if "complete" in method else HELLO, extra_headers=headers))
    assert emu.requests[0].headers["x-tenant-secret"] == KEY
    assert headers == {"X-Tenant-Secret": KEY}
    reported = "".join(observed) + repr(debug.get_llm_inputs_outputs())
    assert "X-Tenant-Secret" in reported
    assert KEY not in reported
