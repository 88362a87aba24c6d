"""Streams: every response holds everything up to it, the last one is complete, and stopping stops the server."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import aclosing
from inspect import isasyncgen, iscoroutine
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from llama_index.core.base.llms.types import ChatMessage, TextBlock, ThinkingBlock, ToolCallBlock

from inference_do.emulator import Emulator, Quirks, RawStream
from llamaindex_do import DigitalOcean

if TYPE_CHECKING:
    from llama_index.core.llms import ChatResponse

    from llamaindex_do import DigitalOcean

HELLO = [ChatMessage(content="Hello, world, how are you this fine morning?")]
SAID = "You said: Hello, world, how are you this fine morning?"
FACTS = {"finish_reason", "prompt_tokens", "completion_tokens", "total_tokens", "request_id", "api", "attempts"}


async def collect(llm: DigitalOcean, **kwargs: object) -> list[ChatResponse]:
    return [response async for response in await llm.astream_chat(HELLO, **kwargs)]


def check_text(responses: list[ChatResponse]) -> None:
    assert "".join(response.delta for response in responses) == SAID
    so_far = ""
    for response in responses:
        so_far += response.delta
        assert response.message.content == so_far
        assert response.message.role == "assistant"
    last = responses[-1]
    assert last.message.blocks == [TextBlock(text=SAID)]
    assert set(last.additional_kwargs) == FACTS
    assert last.raw["usage"]["completion_tokens"] == last.additional_kwargs["completion_tokens"] > 0
    assert last.additional_kwargs["finish_reason"] == "stop"


def test_stream_chat(llm: DigitalOcean, emu: Emulator) -> None:
    responses = list(llm.stream_chat(HELLO))
    assert len(responses) > 3
    check_text(responses)
    assert emu.requests[0].json["stream_options"] == {"include_usage": True}


async def test_astream_chat_is_a_coroutine_that_returns_a_generator(llm: DigitalOcean) -> None:
    coroutine = llm.astream_chat(HELLO)
    assert iscoroutine(coroutine)
    stream = await coroutine
    assert isasyncgen(stream)
    check_text([response async for response in stream])
    await llm.aclose()


def test_stream_complete(llm: DigitalOcean) -> None:
    responses = list(llm.stream_complete(HELLO[0].content))
    assert "".join(response.delta for response in responses) == responses[-1].text == SAID
    assert set(responses[-1].additional_kwargs) == FACTS


async def test_astream_complete(llm: DigitalOcean) -> None:
    responses = [response async for response in await llm.astream_complete(HELLO[0].content)]
    assert "".join(response.delta for response in responses) == responses[-1].text == SAID
    await llm.aclose()


def test_earlier_responses_are_never_touched_again(llm: DigitalOcean, emu: Emulator) -> None:
    emu.reply("one two three four five six", tool_calls=[("add", {"a": 1, "b": 2})], reasoning="Well, well, well.")
    responses, copies = [], []
    for response in llm.stream_chat(HELLO):
        responses.append(response)
        copies.append(response.model_copy(deep=True))
    assert responses == copies
    for one, other in pairwise(responses):
        assert one.message is not other.message
        assert not {id(block) for block in one.message.blocks} & {id(block) for block in other.message.blocks}
        assert one.message.additional_kwargs is not other.message.additional_kwargs
        assert one.raw is not other.raw


def test_changing_a_response_changes_no_later_one(llm: DigitalOcean, emu: Emulator) -> None:
    emu.reply("one two three four", tool_calls=[("add", {"a": 1})])
    for response in llm.stream_chat(HELLO):
        last = response.model_copy(deep=True)
        response.message.blocks.clear()
        response.message.additional_kwargs.clear()
        response.additional_kwargs.clear()
        response.raw.clear()
    assert last.message.content == "one two three four"
    assert last.message.blocks[1].tool_kwargs == {"a": 1}
    assert last.raw["usage"]


def test_thoughts_are_reported_beside_the_message(llm: DigitalOcean, emu: Emulator) -> None:
    thoughts = "France has a capital, and it is Paris."
    emu.reply("Paris, of course.", reasoning=thoughts)
    responses = list(llm.stream_chat(HELLO))
    deltas = [response.additional_kwargs.get("thinking_delta", "") for response in responses]
    assert "".join(deltas) == thoughts
    assert deltas[0]
    assert responses[0].delta == ""
    assert all("thinking_delta" not in response.message.additional_kwargs for response in responses)
    last = responses[-1].message
    assert [type(block) for block in last.blocks] == [ThinkingBlock, TextBlock]
    assert last.blocks[0].content == thoughts
    assert last.content == "Paris, of course."


async def test_the_first_thought_is_not_lost_in_async_code(llm: DigitalOcean, emu: Emulator) -> None:
    emu.quirks = Quirks(reasoning_field="reasoning")
    emu.reply("Paris.", reasoning="France, so it must be Paris.")
    responses = await collect(llm)
    assert "".join(r.additional_kwargs.get("thinking_delta", "") for r in responses) == "France, so it must be Paris."
    await llm.aclose()


def test_tool_calls_grow_as_text_and_are_parsed_at_the_end(llm: DigitalOcean, emu: Emulator) -> None:
    emu.reply("Let me add.", tool_calls=[("add", {"a": 12, "b": 30}), ("now", {})])
    responses = list(llm.stream_chat(HELLO))
    partial = [response for response in responses[:-1] if response.message.additional_kwargs]
    assert len(partial) > 2
    for response in partial:
        blocks = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
        dicts = response.message.additional_kwargs["tool_calls"]
        assert [block.tool_kwargs for block in blocks] == [call["function"]["arguments"] for call in dicts]
        assert all(isinstance(block.tool_kwargs, str) for block in blocks)
    last = responses[-1].message
    assert [type(block) for block in last.blocks] == [TextBlock, ToolCallBlock, ToolCallBlock]
    assert [(block.tool_name, block.tool_kwargs) for block in last.blocks[1:]] == [
        ("add", {"a": 12, "b": 30}),
        ("now", {}),
    ]
    assert responses[-1].additional_kwargs["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(tool_index="missing"),
        Quirks(tool_index="zero", tool_ids="every"),
        Quirks(tool_ids="every", tool_name_on_every_fragment=True),
        Quirks(interleave_calls=True),
        Quirks(two_fragments_per_chunk=True),
        Quirks(arguments_in_one_fragment=True),
        Quirks(tool_ids="missing"),
    ],
    ids=str,
)
def test_calls_are_whole_whatever_the_fragments_look_like(llm: DigitalOcean, emu: Emulator, quirks: Quirks) -> None:
    emu.quirks = quirks
    emu.reply(tool_calls=[("add", {"a": 1, "b": 2}), ("multiply", {"a": 3, "b": 4})])
    last = list(llm.stream_chat(HELLO))[-1].message
    assert [(block.tool_name, block.tool_kwargs) for block in last.blocks] == [
        ("add", {"a": 1, "b": 2}),
        ("multiply", {"a": 3, "b": 4}),
    ]
    assert len({block.tool_call_id for block in last.blocks}) == 2


def test_logprobs_of_the_chunks_add_up_to_the_last_ones(llm: DigitalOcean) -> None:
    responses = list(llm.stream_chat(HELLO, logprobs=True, top_logprobs=2))
    parts = [candidates for response in responses[:-1] for candidates in response.logprobs or ()]
    assert parts == responses[-1].logprobs
    assert "".join(candidates[0].token for candidates in parts) == SAID


@pytest.mark.parametrize("usage_choices_null", [False, True])
def test_the_usage_chunk_blanks_nothing(llm: DigitalOcean, emu: Emulator, usage_choices_null: bool) -> None:
    emu.quirks = Quirks(usage_choices_null=usage_choices_null)
    check_text(list(llm.stream_chat(HELLO)))


def test_counts_that_are_null_are_numbers(llm: DigitalOcean, emu: Emulator) -> None:
    usage = {"prompt_tokens": 11, "completion_tokens": None, "total_tokens": None}
    answer = {"index": 0, "delta": {"content": "Hi."}, "finish_reason": "stop"}
    emu.reply(chunks=[{"choices": [answer]}, {"choices": [], "usage": usage}])
    last = list(llm.stream_chat(HELLO))[-1]
    assert (last.raw["usage"]["prompt_tokens"], last.raw["usage"]["completion_tokens"]) == (11, 0)
    assert last.additional_kwargs["total_tokens"] == 11


def test_usage_that_came_before_the_last_chunk_is_kept(llm: DigitalOcean, emu: Emulator) -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    first = {"choices": [{"index": 0, "delta": {"content": "Hi."}}], "usage": usage}
    emu.reply(chunks=[first, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}])
    last = list(llm.stream_chat(HELLO))[-1]
    assert last.raw["usage"] == usage
    assert last.additional_kwargs["completion_tokens"] == 2


def test_a_stream_without_usage_is_whole(llm: DigitalOcean, emu: Emulator) -> None:
    emu.quirks = Quirks(ignore_include_usage=True)
    last = list(llm.stream_chat(HELLO))[-1]
    assert last.message.content == SAID
    assert "prompt_tokens" not in last.additional_kwargs
    assert last.additional_kwargs["finish_reason"] == "stop"


def test_an_empty_answer_is_one_response(llm: DigitalOcean, emu: Emulator) -> None:
    emu.reply("")
    (only,) = llm.stream_chat(HELLO)
    assert only.message.content == ""
    assert only.delta == ""
    assert only.additional_kwargs["finish_reason"] == "stop"


def test_stopping_early_closes_the_connection(llm: DigitalOcean, emu: Emulator) -> None:
    emu.quirks = Quirks(event_delay=0.05)
    stream = llm.stream_chat(HELLO)
    next(stream)
    stream.close()
    wait_for_disconnect(emu)


def test_a_dropped_stream_closes_the_connection(llm: DigitalOcean, emu: Emulator) -> None:
    emu.quirks = Quirks(event_delay=0.05)
    for _ in llm.stream_complete("one two three four five six seven"):
        break
    wait_for_disconnect(emu)


async def test_aclose_closes_the_connection(llm: DigitalOcean, emu: Emulator) -> None:
    emu.quirks = Quirks(event_delay=0.05)
    async with aclosing(await llm.astream_chat(HELLO)) as stream:
        await anext(stream)
    await asyncio.to_thread(wait_for_disconnect, emu)
    await llm.aclose()


async def test_cancelling_closes_the_connection(llm: DigitalOcean, emu: Emulator) -> None:
    emu.quirks = Quirks(event_delay=0.05)
    begun = asyncio.Event()

    async def consume() -> None:
        async for _ in await llm.astream_chat(HELLO):
            begun.set()

    task = asyncio.create_task(consume())
    await asyncio.wait_for(begun.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(wait_for_disconnect, emu)
    await llm.aclose()


def wait_for_disconnect(emu: Emulator) -> None:
    ends = time.monotonic() + 2
    while not emu.disconnects:
        assert time.monotonic() < ends, "the server went on generating"
        time.sleep(0.01)


def test_a_refusal_reaches_those_who_print_deltas(emu: Emulator) -> None:
    emu.reply(message={"role": "assistant", "content": None, "refusal": "I cannot."})
    llm = DigitalOcean(model="llama3.3-70b-instruct", api_key=emu.api_key, base_url=emu.base_url)
    assert "".join(part.delta or "" for part in llm.stream_chat([ChatMessage(content="x")])) == "I cannot."


def test_calls_of_a_second_answer_in_the_same_chunk_are_left_out(llm: DigitalOcean, emu: Emulator) -> None:
    choices = [
        {
            "index": number,
            "delta": {"tool_calls": [{"index": 0, "id": f"c{number}", "function": {"name": "f", "arguments": "{}"}}]},
            "finish_reason": "tool_calls",
        }
        for number in (0, 1)
    ]
    emu.script(RawStream([f"data: {json.dumps({'choices': choices})}\n\ndata: [DONE]\n\n".encode()]))
    *_, last = llm.stream_chat([ChatMessage(content="Hello")], n=2)
    assert [call["id"] for call in last.message.additional_kwargs["tool_calls"]] == ["c0"]
    assert last.message.additional_kwargs["tool_calls"][0]["function"] == {"name": "f", "arguments": "{}"}
