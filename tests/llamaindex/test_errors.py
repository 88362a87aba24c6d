"""Errors: our own tree in every method, explained, retried by the client only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.async_utils import asyncio_run
from llama_index.core.base.llms.types import ChatMessage

from inference_do import errors
from inference_do.emulator import Drop, Emulator, ErrorEvent, RateLimited, RawBody, Reset, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from llamaindex_do import DigitalOcean

    Make = Callable[..., DigitalOcean]

HELLO = [ChatMessage(content="Hello, how are you this fine morning?")]


async def call(llm: DigitalOcean, method: str) -> Any:
    prompt: Any = "Hello" if "complete" in method else HELLO
    answer = getattr(llm, method)(prompt)
    if method.startswith("a"):
        answer = await answer
    if "stream" not in method:
        return answer
    return [item async for item in answer] if method.startswith("a") else list(answer)


METHODS = [
    "chat",
    "complete",
    "stream_chat",
    "stream_complete",
    "achat",
    "acomplete",
    "astream_chat",
    "astream_complete",
]


@pytest.mark.parametrize("method", METHODS)
async def test_a_status_becomes_an_error_of_ours(llm: DigitalOcean, emu: Emulator, method: str) -> None:
    emu.script(Status(401))
    with pytest.raises(errors.AuthenticationError, match="401 Unauthorized") as caught:
        await call(llm, method)
    assert not isinstance(caught.value, RuntimeError)
    assert emu.posts == 1
    await llm.aclose()


@pytest.mark.parametrize("method", METHODS)
async def test_retries_happen_in_the_client_only(make: Make, emu: Emulator, method: str) -> None:
    llm = make(max_retries=2)
    emu.always = Status(500, headers={"retry-after": "0"})
    with pytest.raises(errors.ServerError) as caught:
        await call(llm, method)
    assert caught.value.attempts == emu.posts == 3
    await llm.aclose()


@pytest.mark.parametrize("method", METHODS)
async def test_a_connection_that_breaks(llm: DigitalOcean, emu: Emulator, method: str) -> None:
    emu.script(Reset(before_head=True))
    with pytest.raises(errors.APIConnectionError):
        await call(llm, method)
    await llm.aclose()


@pytest.mark.parametrize("method", [method for method in METHODS if "stream" in method])
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Drop(after_events=2), errors.StreamInterrupted),
        (ErrorEvent(after_events=2), errors.StreamFailed),
    ],
)
async def test_a_stream_that_breaks_keeps_what_came(
    llm: DigitalOcean, emu: Emulator, method: str, fault: Any, kind: type[errors.StreamError]
) -> None:
    emu.script(fault)
    with pytest.raises(kind) as caught:
        await call(llm, method)
    assert caught.value.partial is not None
    assert caught.value.partial.text.startswith("You")
    assert emu.posts == 1
    await llm.aclose()


def test_rate_limits_are_reported_in_text_that_llamaindex_looks_for(llm: DigitalOcean, emu: Emulator) -> None:
    emu.script(RateLimited(reset_after=100))
    with pytest.raises(errors.RateLimitError) as caught:
        llm.chat(HELLO)
    answered = str(caught.value).lower()
    assert "429" in answered
    assert "too many requests" in answered


def test_a_body_that_is_no_answer(llm: DigitalOcean, emu: Emulator) -> None:
    emu.script(RawBody(b"<html>hello</html>", content_type="text/html"))
    with pytest.raises(errors.ProtocolError):
        llm.chat(HELLO)


def test_errors_pass_llamaindexs_own_event_loops(llm: DigitalOcean, emu: Emulator) -> None:
    emu.script(Status(403))
    with pytest.raises(errors.PermissionDeniedError):
        asyncio_run(llm.achat(HELLO))  # it replaces every RuntimeError by advice on nested loops


def test_too_long_prompts_are_recognised(llm: DigitalOcean, emu: Emulator) -> None:
    message = "the token count: [400000] exceeds the model: [glm-5.2]'s maximum token count: [262144]"
    emu.script(Status(400, body={"error": {"message": message}}))
    with pytest.raises(errors.ContextLengthError):
        llm.chat(HELLO)
