"""Streams of the client as streams of LlamaIndex's responses; closing one closes the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from typing import TYPE_CHECKING

from llama_index.core.base.llms.types import (
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
)

from ._responses import StreamReader, completion_of

if TYPE_CHECKING:
    from inference_do.client import AsyncStream, Stream

__all__ = ["acompletions_of", "aread_stream", "completions_of", "read_stream"]


def read_stream(stream: Stream, reader: StreamReader) -> Generator[ChatResponse, None, None]:
    """Return a stream's responses, the complete one last."""
    with stream:
        for chunk in stream:
            if (response := reader.read(chunk)) is not None:
                yield response
    yield reader.end(stream.response_info)


async def aread_stream(stream: AsyncStream, reader: StreamReader) -> AsyncGenerator[ChatResponse, None]:
    """Return a stream's responses, the complete one last."""
    async with stream:
        async for chunk in stream:
            if (response := reader.read(chunk)) is not None:
                yield response
    yield reader.end(stream.response_info)


def completions_of(responses: ChatResponseGen) -> Generator[CompletionResponse, None, None]:
    """Return the responses of a stream as completions of a prompt."""
    with closing(responses):
        for response in responses:
            yield completion_of(response)


async def acompletions_of(responses: ChatResponseAsyncGen) -> AsyncGenerator[CompletionResponse, None]:
    """Return the responses of a stream as completions of a prompt."""
    async with aclosing(responses):
        async for response in responses:
            yield completion_of(response)
