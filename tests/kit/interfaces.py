"""The interfaces through which a user calls, with the same methods for all: the client, LangChain's chat model,
LlamaIndex's LLM.

An interface is called in threads and in event loops: `ask` gets a whole response, `stream` is read piece by piece,
`collect` is a stream that the interface puts together. `Outcome` is what its caller sees: the answer with all its
parts or the error with all that it reports, so that two interfaces can be compared to the letter.

The frameworks are imported by whoever needs them: the programs that measure memory use one interface only.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from importlib.util import find_spec
from operator import add
from typing import Any, ClassVar

from inference_do import AsyncClient, Client, InferenceError, errors
from inference_do.accumulate import reasoning_text

KEY = "sk-do-v1-emulator"
CHAT = "llama3.3-70b-instruct"
HELLO = "Say hello"
ANSWER = "You said: Say hello"

OURS = {kind for name in errors.__all__ if isinstance(kind := getattr(errors, name), type)}


def request_of(text: str, model: str = CHAT, **options: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **options}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a caller sees of one call, without what differs from run to run."""

    text: str | None = None
    reasoning: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    """Names and arguments of tool calls; arguments that are JSON with sorted keys."""
    finish: str | None = None
    usage: tuple[int, int, int] | None = None
    """Tokens in, out, and in all."""

    kind: str | None = None
    """The error's class, as this project calls it."""
    message: str = ""
    attempts: int | None = None
    """Of an error, and of the client's answers."""
    retryable: bool | None = None
    partial: str | None = None
    delivered: str | None = None
    """The text that had been handed out before the error, piece by piece."""
    phase: str | None = None
    status: int | None = None
    code: str | None = None
    retry_after: float | None = field(default=None, compare=False)
    """Seconds; counted from now where the server names a time of day, so two runs differ a little."""
    has_request_id: bool | None = None


def failed(error: InferenceError, delivered: str | None = None) -> Outcome:
    """Describe an error. It is ours whatever else it is, and carries no other library's along."""
    assert error.__cause__ is None or isinstance(error.__cause__, InferenceError)
    assert len(error.message) <= 700
    assert str(error).startswith(error.message)
    return Outcome(
        kind=next(kind for kind in type(error).__mro__ if kind in OURS).__name__,
        message=error.message,
        attempts=error.attempts,
        retryable=error.retryable,
        partial=None if error.partial is None else error.partial.text,
        delivered=delivered,
        phase=getattr(error, "phase", None),
        status=getattr(error, "status", None),
        code=getattr(error, "code", None),
        retry_after=getattr(error, "retry_after", None),
        has_request_id=error.request_id is not None,
    )


class Interface:
    """One interface on a server. What it returns is its own; `text_of`, `delta_of` and `outcome_of` read it."""

    name: ClassVar[str]
    collecting: ClassVar[dict[str, Any]] = {}
    """Options with which `collect` streams."""

    ask: Callable[[str], Any]
    aask: Callable[[str], Any]
    stream: Callable[[str], Any]
    astream: Callable[[str], Any]
    collect: Callable[[str], Any]
    acollect: Callable[[str], Any]
    text_of: Callable[[Any], str]
    delta_of: Callable[[Any], str]
    whole_of: Callable[[Any, Sequence[Any]], Any]
    """What a stream and all that it yielded make."""
    outcome_of: Callable[[Any], Outcome]
    close: Callable[[], None]
    aclose: Callable[[], Any]

    def chat(self, text: str) -> str:
        return self.text_of(self.ask(text))

    async def achat(self, text: str) -> str:
        return self.text_of(await self.aask(text))


class ClientInterface(Interface):
    """`Client` and `AsyncClient`; collecting is `completion()`."""

    name = "client"

    def __init__(self, base_url: str, *, api_key: str | None = KEY, model: str = CHAT, **options: Any) -> None:
        self.asked = {"model": model, **({"api": options.pop("api")} if "api" in options else {})}
        given = {name: options.pop(name, None) for name in ("http_client", "http_async_client")}
        self.sync = Client(api_key, base_url=base_url, http_client=given["http_client"], **options)
        self.asynchronous = AsyncClient(api_key, base_url=base_url, http_client=given["http_async_client"], **options)

    def ask(self, text: str) -> Any:
        return self.sync.chat(**request_of(text, **self.asked))

    async def aask(self, text: str) -> Any:
        return await self.asynchronous.chat(**request_of(text, **self.asked))

    def stream(self, text: str) -> Any:
        return self.sync.stream(**request_of(text, **self.asked))

    async def astream(self, text: str) -> Any:
        return self.asynchronous.stream(**request_of(text, **self.asked))

    def collect(self, text: str) -> Any:
        return self.stream(text).completion()

    async def acollect(self, text: str) -> Any:
        return await (await self.astream(text)).completion()

    @staticmethod
    def text_of(result: Any) -> str:
        return result.text

    @staticmethod
    def delta_of(item: Any) -> str:
        return item.text

    @staticmethod
    def whole_of(stream: Any, _: Sequence[Any]) -> Any:
        return stream.partial

    @staticmethod
    def outcome_of(result: Any) -> Outcome:
        choice, usage = result.choices[0], result.usage
        return Outcome(
            text=choice.message.content or choice.message.refusal or "",
            reasoning=reasoning_text(choice.message.model_dump()),
            calls=_calls((call.function.name, call.function.arguments) for call in choice.message.tool_calls),
            finish=choice.finish_reason,
            usage=None if usage is None else _counts(usage.input_tokens, usage.output_tokens),
        )

    def close(self) -> None:
        self.sync.close()

    async def aclose(self) -> None:
        self.sync.close()
        await self.asynchronous.aclose()


class LangChainInterface(Interface):
    """`ChatDigitalOcean`; collecting is `invoke` of a model that streams."""

    name = "langchain"
    collecting: ClassVar = {"streaming": True}

    def __init__(self, base_url: str, *, api_key: str = KEY, model: str = CHAT, **options: Any) -> None:
        from langchain_do import ChatDigitalOcean

        self.model = ChatDigitalOcean(model=model, base_url=base_url, api_key=api_key, **options)

    def ask(self, text: str) -> Any:
        return self.model.invoke(text)

    async def aask(self, text: str) -> Any:
        return await self.model.ainvoke(text)

    collect, acollect = ask, aask

    def stream(self, text: str) -> Any:
        return self.model.stream(text)

    async def astream(self, text: str) -> Any:
        return self.model.astream(text)

    @staticmethod
    def text_of(result: Any) -> str:
        return str(result.text)

    delta_of = text_of

    @staticmethod
    def whole_of(_: Any, items: Sequence[Any]) -> Any:
        return reduce(add, items)

    @staticmethod
    def outcome_of(result: Any) -> Outcome:
        calls = [(call["name"], json.dumps(call["args"])) for call in result.tool_calls]
        calls += [(call["name"] or "", call["args"] or "") for call in result.invalid_tool_calls]
        usage = result.usage_metadata
        return Outcome(
            text=str(result.text) or result.additional_kwargs.get("refusal", ""),
            reasoning=result.additional_kwargs.get("reasoning_content", ""),
            calls=_calls(calls),
            finish=result.response_metadata.get("finish_reason"),
            usage=None if usage is None else _counts(usage["input_tokens"], usage["output_tokens"]),
        )

    def close(self) -> None:
        self.model.close()

    async def aclose(self) -> None:
        await self.model.aclose()


class LlamaIndexInterface(Interface):
    """`DigitalOcean`; collecting is keeping the last response."""

    name = "llamaindex"

    def __init__(self, base_url: str, *, api_key: str = KEY, model: str = CHAT, **options: Any) -> None:
        from llama_index.core.callbacks import CallbackManager

        from llamaindex_do import DigitalOcean

        self.model = DigitalOcean(
            model=model, base_url=base_url, api_key=api_key, callback_manager=CallbackManager(), **options
        )

    def ask(self, text: str) -> Any:
        return self.model.chat(self._messages(text))

    async def aask(self, text: str) -> Any:
        return await self.model.achat(self._messages(text))

    def stream(self, text: str) -> Any:
        return self.model.stream_chat(self._messages(text))

    async def astream(self, text: str) -> Any:
        return await self.model.astream_chat(self._messages(text))

    def collect(self, text: str) -> Any:
        return list(self.stream(text))[-1]

    async def acollect(self, text: str) -> Any:
        return [response async for response in await self.astream(text)][-1]

    @staticmethod
    def text_of(result: Any) -> str:
        return result.message.content or ""

    @staticmethod
    def delta_of(item: Any) -> str:
        return item.delta or ""

    @staticmethod
    def whole_of(_: Any, items: Sequence[Any]) -> Any:
        return items[-1]

    @staticmethod
    def outcome_of(result: Any) -> Outcome:
        from llama_index.core.base.llms.types import ThinkingBlock, ToolCallBlock

        blocks, metadata, usage = result.message.blocks, result.additional_kwargs, None
        if "prompt_tokens" in metadata:
            usage = _counts(metadata["prompt_tokens"], metadata["completion_tokens"])
        return Outcome(
            text=result.message.content or "",
            reasoning="".join(block.content or "" for block in blocks if isinstance(block, ThinkingBlock)),
            calls=_calls(
                (block.tool_name, _arguments(block.tool_kwargs)) for block in blocks if isinstance(block, ToolCallBlock)
            ),
            finish=metadata.get("finish_reason"),
            usage=usage,
        )

    def close(self) -> None:
        self.model.close()

    async def aclose(self) -> None:
        await self.model.aclose()

    @staticmethod
    def _messages(text: str) -> list[Any]:
        from llama_index.core.base.llms.types import ChatMessage

        return [ChatMessage(role="user", content=text)]


def _arguments(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {"invalid_json"}:
        value = value["invalid_json"]
    return value if isinstance(value, str) else json.dumps(value)


def _calls(calls: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _sorted(arguments)) for name, arguments in calls)


def _sorted(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments or "{}"), sort_keys=True)
    except ValueError:
        return arguments


def _counts(tokens_in: int, tokens_out: int) -> tuple[int, int, int]:
    return tokens_in, tokens_out, tokens_in + tokens_out


INSTALLED = [
    kind
    for kind, framework in (
        (ClientInterface, "httpx"),
        (LangChainInterface, "langchain_core"),
        (LlamaIndexInterface, "llama_index"),
    )
    if find_spec(framework)
]
"""The interfaces whose framework is installed; all of them but in scripts/matrix, which tries each alone."""

INTERFACES: dict[str, type[Interface]] = {kind.name: kind for kind in INSTALLED}


def read(interface: Interface, text: str) -> str:
    """Read a stream to its end."""
    return "".join(interface.delta_of(item) for item in interface.stream(text))


async def aread(interface: Interface, text: str) -> str:
    return "".join([interface.delta_of(item) async for item in await interface.astream(text)])


CALLS: dict[str, Callable[..., str]] = {
    "chat": lambda interface, text=HELLO: interface.chat(text),
    "stream": lambda interface, text=HELLO: read(interface, text),
    "achat": lambda interface, text=HELLO: asyncio.run(interface.achat(text)),
    "astream": lambda interface, text=HELLO: asyncio.run(aread(interface, text)),
}
"""The kinds of call; those of event loops run in one of their own each time."""

PAIRS = {
    **{f"client-{name}": (ClientInterface, CALLS[name]) for name in CALLS},
    **{
        f"{kind.name}-{name}": (kind, CALLS[name])
        for kind, names in ((LangChainInterface, ("stream", "achat")), (LlamaIndexInterface, ("chat", "astream")))
        for name in names
        if kind in INSTALLED
    },
}
"""Every kind of call of the client, and two of each adapter, which adds nothing to what happens on the wire."""


def outcome(kind: type[Interface], base_url: str, mode: str, *, is_async: bool, **options: Any) -> Outcome:
    """Ask once; `mode` is whole, stream or collect. In an event loop, what was used is left to the loop's end."""
    deltas: list[str] = []
    try:
        if mode == "collect":
            options = {**kind.collecting, **options}
        interface = kind(base_url, **options)
        if is_async:
            return asyncio.run(_outcome_in_loop(interface, mode, deltas))
        try:
            return _outcome_in_thread(interface, mode, deltas)
        finally:
            interface.close()
    except InferenceError as error:
        return failed(error, "".join(deltas) if mode == "stream" else None)


def _outcome_in_thread(interface: Interface, mode: str, deltas: list[str]) -> Outcome:
    if mode != "stream":
        return interface.outcome_of((interface.collect if mode == "collect" else interface.ask)(HELLO))
    stream, items = interface.stream(HELLO), []
    for item in stream:
        items.append(item)
        deltas.append(interface.delta_of(item))
    return _outcome_of_stream(interface, interface.whole_of(stream, items), deltas)


async def _outcome_in_loop(interface: Interface, mode: str, deltas: list[str]) -> Outcome:
    if mode != "stream":
        return interface.outcome_of(await (interface.acollect if mode == "collect" else interface.aask)(HELLO))
    stream, items = await interface.astream(HELLO), []
    async for item in stream:
        items.append(item)
        deltas.append(interface.delta_of(item))
    return _outcome_of_stream(interface, interface.whole_of(stream, items), deltas)


def _outcome_of_stream(interface: Interface, whole: Any, deltas: list[str]) -> Outcome:
    assert interface.text_of(whole) == "".join(deltas)
    return interface.outcome_of(whole)
