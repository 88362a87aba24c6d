"""Streams over HTTP: chunks, usage, quirks of servers, what a stream knows of itself."""

from __future__ import annotations

from typing import Any

import pytest
from client_kit import ASK, achat, astream, chat, make, make_async, stream
from interfaces import ANSWER

from inference_do import InferenceError, StreamInterrupted
from inference_do.emulator import DelayEvents, Drop, ErrorEvent, Quirks, Status

QUIRKS: dict[str, dict[str, Any]] = {
    "live": {},
    "CRLF": {"line_end": "\r\n"},
    "CR": {"line_end": "\r"},
    "no space": {"no_space": True},
    "BOM": {"bom": True},
    "comments": {"comments": True},
    "no DONE": {"no_done": True},
    "no finish reason": {"no_finish_reason": True},
    "bare chunks": {"no_chunk_id": True, "no_chunk_model": True},
    "roles": {"role_on_every_delta": True, "empty_role": True},
    "usage on finish": {"usage_on_finish_chunk": True},
    "usage null": {"usage_null": True},
    "usage everywhere": {"usage_on_every_chunk": True},
    "choices null": {"usage_choices_null": True},
    "gzip": {"gzip": True},
    "media type": {"stream_content_type": "application/json; charset=iso-8859-1"},
    "one token each": {"tokens_per_event": 1},
    "one event": {"tokens_per_event": 9999},
}


@pytest.mark.parametrize("read", [stream, astream])
@pytest.mark.parametrize("quirks", QUIRKS.values(), ids=QUIRKS)
def test_the_answer_is_whole_whatever_the_servers_habits(emu, read, quirks):
    emu.quirks = Quirks(**quirks)
    response = read(emu)
    assert response.text == ANSWER
    assert response.usage.total_tokens > 0
    assert response.choices[0].finish_reason == (None if "no_finish_reason" in quirks else "stop")
    assert emu.posts == 1


@pytest.mark.parametrize(("whole", "streamed"), [(chat, stream), (achat, astream)])
def test_a_stream_adds_up_to_the_whole_answer(emu, whole, streamed):
    function = {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}
    for _ in range(2):
        emu.reply("words", reasoning="thoughts", tool_calls=[("f", {"a": "é"}), ("f", {"a": "2"})])
    params = {"tools": [{"type": "function", "function": function}]}
    one = make(emu).chat(**ASK, **params)
    other = make(emu).stream(**ASK, **params).completion()

    def seen(response: Any) -> Any:
        (choice,) = response.choices
        calls = [(call.function.name, call.function.arguments) for call in choice.message.tool_calls]
        return response.model, choice.finish_reason, choice.message.content, choice.message.reasoning_content, calls

    assert seen(one) == seen(other)
    assert one.usage == other.usage


TOOLS: dict[str, dict[str, Any]] = {
    "live": {},
    "index missing": {"tool_index": "missing"},
    "index null": {"tool_index": "null"},
    "index zero": {"tool_index": "zero"},
    "ids every": {"tool_ids": "every"},
    "ids empty": {"tool_ids": "empty"},
    "ids missing": {"tool_ids": "missing"},
    "names every": {"tool_name_on_every_fragment": True},
    "one fragment": {"arguments_in_one_fragment": True},
    "interleaved": {"interleave_calls": True},
    "two in a chunk": {"two_fragments_per_chunk": True},
    "neither, one fragment": {"tool_index": "missing", "tool_ids": "missing", "arguments_in_one_fragment": True},
    "zero and missing": {"tool_index": "zero", "tool_ids": "missing"},
}


@pytest.mark.parametrize("quirks", TOOLS.values(), ids=TOOLS)
def test_parallel_tool_calls_whatever_the_servers_habits(emu, quirks):
    emu.quirks = Quirks(**quirks)
    emu.reply(tool_calls=[("f", '{"a": "one"}'), ("g", '{"b": "two"}')])
    tools = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in "fg"]
    response = make(emu).stream(**ASK, tools=tools).completion()
    calls = response.choices[0].message.tool_calls
    assert [(call.function.name, call.function.arguments) for call in calls] == [
        ("f", '{"a": "one"}'),
        ("g", '{"b": "two"}'),
    ]
    assert len({call.id for call in calls} - {"", "null"}) == 2


def test_usage_is_asked_for_unless_the_caller_says_otherwise(emu):
    client = make(emu)
    for options in ({}, {"stream_options": {"include_usage": False}}, {"stream_options": None}):
        client.stream(**ASK, **options).completion()
    asked = [request.json["stream_options"] for request in emu.requests]
    assert asked == [{"include_usage": True}, {"include_usage": False}, {"include_usage": True}]
    assert all(request.json["stream"] is True for request in emu.requests)
    assert emu.requests[0].headers["accept"] == "text/event-stream"
    assert "gzip" not in emu.requests[0].headers["accept-encoding"]


def test_nothing_is_sent_until_the_stream_is_read(emu):
    stream = make(emu).stream(**ASK)
    assert (stream.response_info, stream.request_id, emu.posts) == (None, None, 0)
    assert (stream.partial.text, stream.partial.response_info) == ("", None)
    stream.close()
    assert emu.posts == 0


def test_a_stream_knows_what_has_come(emu):
    with make(emu).stream(**ASK) as stream:
        first = next(stream)
        assert stream.response_info.status == 200
        assert stream.request_id == stream.response_info.headers["x-request-id"]
        text = first.text + next(stream).text
        assert stream.partial.text == text
        rest = [chunk.text for chunk in stream]
    assert text + "".join(rest) == ANSWER
    assert stream.partial.text == ANSWER
    assert stream.partial.request_id == stream.request_id
    assert stream.completion().text == ANSWER


async def test_an_async_stream_knows_the_same(emu):
    async with make_async(emu) as client, client.stream(**ASK) as stream:
        assert stream.response_info is None
        first = await anext(stream)
        assert stream.partial.text == first.text
        assert stream.request_id == stream.response_info.headers["x-request-id"]
        text = first.text + "".join([chunk.text async for chunk in stream])
        assert text == stream.partial.text == ANSWER
        assert (await stream.completion()).text == ANSWER


def test_chunks_read_raw_and_typed(emu):
    chunks = list(make(emu).stream(**ASK))
    assert "".join(chunk.raw["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk.choices) == ANSWER
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == ANSWER
    assert [chunk.usage is None for chunk in chunks] == [True] * (len(chunks) - 1) + [False]


def test_several_answers_keep_their_places(emu):
    response = make(emu).stream(**ASK, n=2).completion()
    assert [choice.index for choice in response.choices] == [0, 1]
    assert all(choice.message.content for choice in response.choices)


# --- streams that are not whole are never taken for whole ---


def test_a_closed_stream_has_no_completion(emu):
    stream = make(emu).stream(**ASK)
    next(stream)
    stream.close()
    with pytest.raises(StreamInterrupted, match="closed before its end") as caught:
        stream.completion()
    assert caught.value.partial.text == stream.partial.text


async def test_nor_has_an_async_one(emu):
    async with make_async(emu) as client:
        stream = client.stream(**ASK)
        await anext(stream)
        await stream.aclose()
        with pytest.raises(StreamInterrupted, match="closed before its end"):
            await stream.completion()


def test_a_failed_stream_has_no_completion_later_either(emu):
    emu.script(ErrorEvent(after_events=2))
    stream = make(emu).stream(**ASK)
    for _ in range(2):
        with pytest.raises(InferenceError) as caught:
            stream.completion()
        assert caught.value.partial.text == stream.partial.text


def test_after_an_error_the_client_goes_on(emu):
    emu.script(Drop(after_events=2), Status(400), ErrorEvent(after_events=2), None)
    client = make(emu)
    for _ in range(3):
        with pytest.raises(InferenceError):
            client.stream(**ASK).completion()
    assert client.stream(**ASK).completion().text == ANSWER


def test_the_first_chunk_does_not_wait_for_the_second(emu):
    emu.always = DelayEvents(0.15)
    with make(emu).stream(**ASK) as stream:
        next(stream)
        assert not emu.disconnects
        assert stream.partial.choices[0].finish_reason is None
