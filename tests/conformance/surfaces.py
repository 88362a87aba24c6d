"""The ways to ask, told in one language: three surfaces, each whole, streamed and collected, in threads and in loops.

A way takes an emulator and settings, asks one question and tells what its caller saw as a `Seen`: the answer with all
its parts, or the error with all that it says. What differs from run to run (ids that are made up) is left out, so
that two ways can be compared to the letter.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ThinkingBlock, ToolCallBlock

from inference_do import AsyncClient, ChatCompletion, Client, InferenceError, errors
from inference_do.accumulate import reasoning_text
from inference_do.emulator import Emulator
from langchain_do import ChatDigitalOcean
from llamaindex_do import DigitalOcean

MODEL = "llama3.3-70b-instruct"
QUESTION = "Say hello"
ANSWER = "You said: Say hello"


REQUEST: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": QUESTION}]}
OURS = {kind for name in errors.__all__ if isinstance(kind := getattr(errors, name), type)}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a caller saw of one call."""

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


def failed(error: InferenceError, delivered: str | None) -> Seen:
    """Tell of an error. It is ours whatever else it is, and drags no other library's along."""
    assert error.__cause__ is None or isinstance(error.__cause__, InferenceError)
    assert len(error.message) <= 700
    assert str(error).startswith(error.message)
    return Seen(
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


class Way:
    """One surface: how it is asked and how its answers are read."""

    name: str

    def make(self, emu: Emulator, settings: dict[str, Any]) -> Any:
        raise NotImplementedError

    def ask(self, emu: Emulator, mode: str, *, is_async: bool, settings: dict[str, Any]) -> Seen:
        """Ask once; `mode` is whole, stream or collect."""
        pieces: list[str] = []
        try:
            if is_async:
                return asyncio.run(self.in_loop(emu, mode, settings, pieces))
            return self.in_thread(emu, mode, settings, pieces)
        except InferenceError as error:
            return failed(error, "".join(pieces) if mode == "stream" else None)

    def in_thread(self, emu: Emulator, mode: str, settings: dict[str, Any], pieces: list[str]) -> Seen:
        raise NotImplementedError

    async def in_loop(self, emu: Emulator, mode: str, settings: dict[str, Any], pieces: list[str]) -> Seen:
        raise NotImplementedError


class OfClient(Way):
    """`Client` and `AsyncClient`; collecting is `completion()`."""

    name = "client"

    def in_thread(self, emu: Emulator, mode: str, settings: dict[str, Any], pieces: list[str]) -> Seen:
        with Client(emu.api_key, base_url=emu.base_url, **settings) as client:
            if mode == "whole":
                return self.read(client.chat(**REQUEST))
            stream = client.stream(**REQUEST)
            if mode == "collect":
                return self.read(stream.completion())
            pieces.extend(chunk.text for chunk in stream)
            return self.streamed(stream.partial, pieces)

    async def in_loop(self, emu: Emulator, mode: str, settings: dict[str, Any], pieces: list[str]) -> Seen:
        async with AsyncClient(emu.api_key, base_url=emu.base_url, **settings) as client:
            if mode == "whole":
                return self.read(await client.chat(**REQUEST))
            stream = client.stream(**REQUEST)
            if mode == "collect":
                return self.read(await stream.completion())
            async for chunk in stream:
                pieces += [chunk.text]
            return self.streamed(stream.partial, pieces)

    def streamed(self, whole: ChatCompletion, pieces: list[str]) -> Seen:
        assert whole.text == "".join(pieces)
        return self.read(whole)

    def read(self, completion: ChatCompletion) -> Seen:
        choice = completion.choices[0]
        usage = completion.usage
        return Seen(
            text=choice.message.content or choice.message.refusal or "",
            reasoning=reasoning_text(choice.message.model_dump()),
            calls=_calls((call.function.name, call.function.arguments) for call in choice.message.tool_calls),
            finish=choice.finish_reason,
            usage=None if usage is None else _counts(usage.input_tokens, usage.output_tokens),
        )


class OfLangChain(Way):
    """`ChatDigitalOcean`; collecting is `invoke` of a model that streams."""

    name = "langchain"

    def make(self, emu: Emulator, settings: dict[str, Any], mode: str = "") -> ChatDigitalOcean:
        streaming = {"streaming": True} if mode == "collect" else {}
        return ChatDigitalOcean(model=MODEL, api_key=emu.api_key, base_url=emu.base_url, **streaming, **settings)

    def in_thread(self, emu: Emulator, mode: str, settings: dict[str, Any], pieces: list[str]) -> Seen:
        model = self.make(emu, settings, mode)
        try:
            if mode != "stream":
                return self.read(model.invoke(QUESTION))
            chunks = []
            for chunk in model.stream(QUESTION):
                chunks.append(chunk)
                pieces.append(chunk.text)
            return self.streamed(chunks)
        finally:
            model.close()

    async def in_loop(self, emu: Emulator, mode: str, settings: dict[str, Any], pieces: list[str]) -> Seen:
        model = self.make(emu, settings, mode)
        if mode != "stream":
            return self.read(await model.ainvoke(QUESTION))
        chunks = []
        async for chunk in model.astream(QUESTION):
            chunks.append(chunk)
            pieces.append(chunk.text)
        return self.streamed(chunks)

    def streamed(self, chunks: list[AIMessageChunk]) -> Seen:
        whole = chunks[0]
        for chunk in chunks[1:]:
            whole += chunk
        return self.read(whole)

    def read(self, message: AIMessage) -> Seen:
        calls = [(call["name"], json.dumps(call["args"])) for call in message.tool_calls]
        calls += [(call["name"] or "", call["args"] or "") for call in message.invalid_tool_calls]
        usage = message.usage_metadata
        return Seen(
            text=str(message.text) or message.additional_kwargs.get("refusal", ""),
            reasoning=message.additional_kwargs.get("reasoning_content", ""),
            calls=_calls(calls),
            finish=message.response_metadata.get("finish_reason"),
            usage=None if usage is None else _counts(usage["input_tokens"], usage["output_tokens"]),
        )


class OfLlamaIndex(Way):
    """`DigitalOcean`; collecting is keeping the last response, streaming adds the deltas up."""

    name = "llamaindex"

    def make(self, emu: Emulator, settings: dict[str, Any]) -> DigitalOcean:
        return DigitalOcean(model=MODEL, api_key=emu.api_key, base_url=emu.base_url, **settings)

    def in_thread(self, emu: Emulator, mode: str, settings: dict[str, Any], pieces: list[str]) -> Seen:
        llm = self.make(emu, settings)
        try:
            if mode == "whole":
                return self.read(llm.chat(self.messages))
            return self.last(llm.stream_chat(self.messages), mode, pieces)
        finally:
            llm.close()

    async def in_loop(self, emu: Emulator, mode: str, settings: dict[str, Any], pieces: list[str]) -> Seen:
        llm = self.make(emu, settings)
        if mode == "whole":
            return self.read(await llm.achat(self.messages))
        return await self.alast(await llm.astream_chat(self.messages), mode, pieces)

    messages = (ChatMessage(role="user", content=QUESTION),)

    def last(self, responses: Iterable[ChatResponse], mode: str, pieces: list[str]) -> Seen:
        for response in responses:
            pieces.append(response.delta or "")
        return self.finished(response, pieces)

    async def alast(self, responses: AsyncIterator[ChatResponse], mode: str, pieces: list[str]) -> Seen:
        async for response in responses:
            pieces.append(response.delta or "")
        return self.finished(response, pieces)

    def finished(self, response: ChatResponse, pieces: list[str]) -> Seen:
        assert (response.message.content or "") == "".join(pieces)
        return self.read(response)

    def read(self, response: ChatResponse) -> Seen:
        blocks = response.message.blocks
        facts = response.additional_kwargs
        usage = None
        if "prompt_tokens" in facts:
            usage = _counts(facts["prompt_tokens"], facts["completion_tokens"])
        return Seen(
            text=response.message.content or "",
            reasoning="".join(block.content or "" for block in blocks if isinstance(block, ThinkingBlock)),
            calls=_calls(self._call(block) for block in blocks if isinstance(block, ToolCallBlock)),
            finish=facts.get("finish_reason"),
            usage=usage,
        )

    @staticmethod
    def _call(block: ToolCallBlock) -> tuple[str, str]:
        arguments: Any = block.tool_kwargs
        if isinstance(arguments, dict) and set(arguments) == {"invalid_json"}:
            arguments = arguments["invalid_json"]
        return block.tool_name, arguments if isinstance(arguments, str) else json.dumps(arguments)


def _calls(calls: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _sorted(arguments)) for name, arguments in calls)


def _sorted(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments or "{}"), sort_keys=True)
    except ValueError:
        return arguments


def _counts(tokens_in: int, tokens_out: int) -> tuple[int, int, int]:
    return tokens_in, tokens_out, tokens_in + tokens_out


WAYS = (OfClient(), OfLangChain(), OfLlamaIndex())
