"""The three versions of content: text with attributes (v0), standard blocks (v1), and events (v3).

Whatever the habits of the server, the three say the same, and the blocks of one message never flow into each other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any

import pytest
from langchain_core.exceptions import ContextOverflowError, ModelRateLimitError
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_tests.utils.stream_lifecycle import assert_valid_event_stream

from inference_do.emulator import Emulator, ErrorEvent, Quirks, Truncate
from inference_do.errors import StreamInterrupted
from langchain_do import ChatDigitalOcean

Make = Callable[..., ChatDigitalOcean]
CALLS = [("add", {"a": 1, "b": 2}), ("now", {})]
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
COUNTED = {"input_tokens": 10, "output_tokens": 4, "total_tokens": 14}
HABITS = [
    Quirks(),
    Quirks(interleave_calls=True),
    Quirks(two_fragments_per_chunk=True),
    Quirks(tool_index="zero"),
    Quirks(tool_index="missing"),
    Quirks(tool_index="null"),
    Quirks(tool_ids="empty"),
    Quirks(tool_ids="every", tool_name_on_every_fragment=True),
    Quirks(tool_ids="missing"),
    Quirks(arguments_in_one_fragment=True, tokens_per_event=1000),
    Quirks(usage_on_every_chunk=True),
    Quirks(usage_on_finish_chunk=True),
    Quirks(reasoning_field="reasoning", role_on_every_delta=True),
    Quirks(no_chunk_id=True, no_chunk_model=True, empty_role=True),
]

pytestmark = pytest.mark.filterwarnings("ignore:.*is in beta:langchain_core._api.beta_decorator.LangChainBetaWarning")


def script(emu: Emulator) -> None:
    emu.reply("I add.", tool_calls=CALLS, reasoning="One and two.", usage=USAGE)


async def ask(model: ChatDigitalOcean, entry: str) -> AIMessage:
    match entry:
        case "invoke":
            return model.invoke("add")
        case "stream":
            return reduce(add, model.stream("add"))
        case "astream":
            return reduce(add, [chunk async for chunk in model.astream("add")])
        case "events":
            return model.stream_events("add", version="v3").output
        case _:
            stream = await model.astream_events("add", version="v3")
            return await stream.output


@pytest.mark.parametrize("quirks", HABITS, ids=repr)
@pytest.mark.parametrize("entry", ["stream", "astream", "events", "aevents"])
@pytest.mark.parametrize("version", ["v0", "v1"])
async def test_all_versions_agree(emu: Emulator, make: Make, quirks: Quirks, entry: str, version: str) -> None:
    emu.quirks = quirks
    model = make(output_version=version)
    script(emu)
    message = await ask(model, entry)
    kinds = [block["type"] for block in message.content_blocks]
    assert kinds == ["reasoning", "text", "tool_call", "tool_call"]
    assert message.content_blocks[0]["reasoning"] == "One and two."
    assert message.content_blocks[1]["text"] == message.text == "I add."
    for calls in (message.content_blocks[2:], message.tool_calls):
        assert [(call["name"], call["args"]) for call in calls] == CALLS
    ids = [call["id"] for call in message.tool_calls]
    assert [block["id"] for block in message.content_blocks[2:]] == ids
    assert all(ids)
    assert len(set(ids)) == 2
    assert message.usage_metadata == COUNTED
    facts = {name: message.response_metadata[name] for name in ("finish_reason", "model_name", "model_provider")}
    assert facts == {
        "finish_reason": "tool_calls",
        "model_name": "llama3.3-70b-instruct",
        "model_provider": "digitalocean",
    }
    assert emu.posts == 1


@pytest.mark.parametrize("quirks", HABITS, ids=repr)
async def test_events_keep_the_protocol(emu: Emulator, model: ChatDigitalOcean, quirks: Quirks) -> None:
    emu.quirks = quirks
    script(emu)
    script(emu)
    events = list(model.stream_events("add", version="v3"))
    awaited = [event async for event in await model.astream_events("add", version="v3")]
    for found in (events, awaited):
        assert_valid_event_stream(found)
        begun = [event["content"] for event in found if event["event"] == "content-block-start"]
        assert [block["type"] for block in begun] == ["reasoning", "text", "tool_call_chunk", "tool_call_chunk"]
        assert all(block["id"] and block["name"] for block in begun[2:])
        ended = [event for event in found if event["event"] == "message-finish"]
        assert [event["usage"]["total_tokens"] for event in ended] == [14]
    assert [event["event"] for event in events] == [event["event"] for event in awaited]


def test_typed_projections_of_a_stream(emu: Emulator, model: ChatDigitalOcean) -> None:
    script(emu)
    stream = model.stream_events("add", version="v3")
    assert "".join(stream.reasoning) == "One and two."
    assert "".join(stream.text) == "I add."
    assert [(call["name"], call["args"]) for call in stream.tool_calls.get()] == CALLS
    assert stream.output.usage_metadata == COUNTED


@pytest.mark.parametrize("entry", ["invoke", "stream", "events", "aevents"])
@pytest.mark.parametrize("version", ["v0", "v1"])
async def test_refusals_are_blocks(emu: Emulator, make: Make, entry: str, version: str) -> None:
    emu.reply(message={"content": None, "refusal": "I will not."})
    message = await ask(make(output_version=version), entry)
    (block,) = message.content_blocks
    value = block.get("value") or block  # langchain-core has a block of its own from 1.7.5 on
    assert (value["type"], value["refusal"]) == ("refusal", "I will not.")
    assert message.text == ""


@pytest.mark.parametrize("entry", ["events", "aevents"])
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (ErrorEvent(2, {"error": {"message": "too many", "code": "context_length_exceeded"}}), ContextOverflowError),
        (ErrorEvent(2, {"error": {"message": "slow down", "code": 429}}), ModelRateLimitError),
        (Truncate(after_events=2), StreamInterrupted),
    ],
    ids=str,
)
async def test_a_broken_stream_of_events_raises(
    emu: Emulator, model: ChatDigitalOcean, entry: str, fault: Any, kind: type[Exception]
) -> None:
    emu.reply("One two three four five six.")
    emu.script(fault)
    with pytest.raises(kind):
        await ask(model, entry)
    assert emu.posts == 1


def test_only_the_first_fragment_names_a_call(emu: Emulator, model: ChatDigitalOcean) -> None:
    emu.quirks = Quirks(tool_ids="every", tool_name_on_every_fragment=True)
    script(emu)
    fragments = [part for chunk in model.stream("add") for part in chunk.tool_call_chunks]
    named = [part["name"] for part in fragments if part["name"]]
    assert named == ["add", "now"]
    assert len([part for part in fragments if part["id"]]) == 2
    assert {part["index"] for part in fragments} == {0, 1}


@pytest.mark.parametrize("entry", ["stream", "events"])
async def test_messages_go_back_as_they_came(emu: Emulator, make: Make, entry: str) -> None:
    """Blocks, attributes and tool calls hold the same things twice: each is sent once."""
    for version in ("v0", "v1"):
        model = make(output_version=version)
        script(emu)
        message = await ask(model, entry)
        results = [{"role": "tool", "content": "3", "tool_call_id": call["id"]} for call in message.tool_calls]
        model.invoke([{"role": "user", "content": "add"}, message, *results])
        sent = emu.requests[-1].json["messages"][1]
        assert (sent["content"], sent["reasoning_content"]) == ("I add.", "One and two.")
        assert [call["function"]["name"] for call in sent["tool_calls"]] == ["add", "now"]


# --- calls that the token limit cut ---

CUT = ['{"text": "a lo', '{"a": [1, 2', '{"a": "x\\', '{"a": 1, ', '{"a": {"b": "c"}', "{", ""]


@pytest.mark.parametrize("entry", ["invoke", "stream", "astream", "events", "aevents"])
@pytest.mark.parametrize("arguments", CUT)
async def test_a_cut_call_is_invalid(emu: Emulator, model: ChatDigitalOcean, entry: str, arguments: str) -> None:
    """LangChain's own parser would close the JSON, and an agent would run the tool with half of its arguments."""
    emu.reply(tool_calls=[("now", {}), ("write", arguments)], finish_reason="length")
    message = await ask(model, entry)
    assert [call["name"] for call in message.tool_calls] == ["now"]
    (broken,) = message.invalid_tool_calls
    assert broken["name"] == "write"
    assert broken["args"].startswith(arguments)
    assert broken["id"]
    if not isinstance(message, AIMessageChunk):
        assert message.content_blocks[-1]["type"] == "invalid_tool_call"
    again = [{"role": "tool", "content": "-", "tool_call_id": call["id"]} for call in (*message.tool_calls, broken)]
    model.invoke([{"role": "user", "content": "add"}, message, *again])
    assert emu.posts == 2


@pytest.mark.parametrize("streaming", [False, True])
def test_whole_calls_of_a_cut_answer_are_whole(emu: Emulator, make: Make, *, streaming: bool) -> None:
    emu.reply("I", tool_calls=[("write", '{"text": "all"}')], finish_reason="length")
    message = make(streaming=streaming).invoke("add") if not streaming else reduce(add, make().stream("add"))
    assert [call["args"] for call in message.tool_calls] == [{"text": "all"}]
    assert message.invalid_tool_calls == []
