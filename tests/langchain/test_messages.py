"""Messages in: what the API is sent for every kind of message and block, as the emulator saw it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.exceptions import ModelInvalidRequestError
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from inference_do import BadRequestError, ConfigError
from inference_do._adapters.call_results import NoArguments
from inference_do.emulator import Emulator
from langchain_do import ChatDigitalOcean
from langchain_do._messages import to_wire

CALL = {"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}
WIRE_CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
PNG = "data:image/png;base64,iVBORw0KGgo="
EPHEMERAL = {"type": "ephemeral"}


def one(message: BaseMessage, **options: Any) -> dict[str, Any]:
    (wire,) = to_wire([message], **options)
    return wire


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        (SystemMessage("s"), {"role": "system", "content": "s"}),
        (HumanMessage("h", name="Ann"), {"role": "user", "content": "h", "name": "Ann"}),
        (HumanMessage("h", name="Ann Lee"), {"role": "user", "content": "h"}),
        (AIMessage("a", name="bot_1"), {"role": "assistant", "content": "a", "name": "bot_1"}),
        (AIMessageChunk("a"), {"role": "assistant", "content": "a"}),
        (AIMessage("", tool_calls=[CALL]), {"role": "assistant", "content": None, "tool_calls": [WIRE_CALL]}),
        (AIMessage(""), {"role": "assistant", "content": ""}),
        (ToolMessage("42", tool_call_id="c1"), {"role": "tool", "content": "42", "tool_call_id": "c1"}),
        (ToolMessage("no", tool_call_id="c", status="error"), {"role": "tool", "content": "no", "tool_call_id": "c"}),
        (ChatMessage("x", role="developer"), {"role": "developer", "content": "x"}),
        (ChatMessage("x", role="assistant", name="bot"), {"role": "assistant", "content": "x", "name": "bot"}),
        *[
            (ChatMessage("x", role=name), {"role": role, "content": "x"})
            for name, role in (
                *(("human", "user"), ("user", "user"), ("Human", "user"), ("system", "system")),
                *(("ai", "assistant"), ("model", "assistant")),
            )
        ],
        (
            ChatMessage("5", role="Tool", additional_kwargs={"tool_call_id": "c1"}),
            {"role": "tool", "content": "5", "tool_call_id": "c1"},
        ),
        (ChatMessage("x", role="user", additional_kwargs={"tool_call_id": "c1"}), {"role": "user", "content": "x"}),
        (HumanMessage([]), {"role": "user", "content": ""}),
    ],
)
def test_roles(message: BaseMessage, wire: dict[str, Any]) -> None:
    assert one(message) == wire


def test_developer_role_of_a_dict(emu: Emulator, model: ChatDigitalOcean) -> None:
    model.invoke([{"role": "developer", "content": "be brief"}, {"role": "user", "content": "hi"}])
    assert [message["role"] for message in emu.requests[0].json["messages"]] == ["developer", "user"]


@pytest.mark.parametrize(
    ("message", "detail"),
    [
        (RemoveMessage(id="1"), "RemoveMessage"),
        (FunctionMessage("1", name="f"), "ToolMessage"),
        (ChatMessage("x", role="narrator"), "'narrator'"),
        (HumanMessage([{"type": "hologram"}]), r"messages\[0\].content\[0\].*'hologram'"),
        (HumanMessage([{"type": "audio", "url": "https://x.test/a.wav"}]), "base64"),
        (HumanMessage([{"type": "file", "url": "https://x.test/a.pdf"}]), "base64"),
        (HumanMessage([{"type": "image", "file_id": "f1"}]), "url or base64"),
        (HumanMessage([{"type": "text-plain", "url": "https://x.test/a.txt"}]), "text-plain"),
        (HumanMessage([{"type": "image", "source": "nowhere"}]), "url or base64"),
        (BaseMessage("x", type="odd"), "BaseMessage has no role"),
        (AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": None}]), "no id"),
        (AIMessage("", additional_kwargs={"function_call": {"name": "f", "arguments": "{}"}}), "tool_calls"),
    ],
)
def test_what_has_no_form_is_refused_by_name(message: BaseMessage, detail: str) -> None:
    with pytest.raises(ConfigError, match=detail):
        to_wire([message])


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ("bare", {"type": "text", "text": "bare"}),
        ({"type": "text", "text": "t", "id": "1", "index": 0}, {"type": "text", "text": "t"}),
        ({"type": "text-plain", "text": "t", "mime_type": "text/plain"}, {"type": "text", "text": "t"}),
        (
            {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
            {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        ),
        ({"type": "image_url", "image_url": PNG}, {"type": "image_url", "image_url": {"url": PNG}}),
        (
            {"type": "image", "url": "https://x.test/a.png", "extras": {"detail": "high"}},
            {"type": "image_url", "image_url": {"url": "https://x.test/a.png", "detail": "high"}},
        ),
        (
            {"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"},
            {"type": "image_url", "image_url": {"url": PNG}},
        ),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
            {"type": "image_url", "image_url": {"url": PNG}},
        ),
        (
            {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}},
            {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
        ),
        (
            {"type": "audio", "base64": "UklGRg==", "mime_type": "audio/mpeg"},
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "mp3"}},
        ),
        (
            {"type": "audio", "base64": "UklGRg==", "mime_type": "audio/x-wav"},
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        ),
        (
            {"type": "video", "url": "https://x.test/a.mp4"},
            {"type": "video_url", "video_url": {"url": "https://x.test/a.mp4"}},
        ),
        (
            {"type": "file", "base64": "JVBERg==", "mime_type": "application/pdf", "extras": {"filename": "a.pdf"}},
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERg==", "filename": "a.pdf"}},
        ),
        (
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}},
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERg==", "filename": "file.pdf"}},
        ),
        ({"type": "document", "source": {"type": "text", "data": "plain"}}, {"type": "text", "text": "plain"}),
        (
            {"type": "audio", "url": "data:audio/wav;codecs=1;base64,UklGRg=="},
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        ),
        ({"type": "file", "file": {"file_id": "f1"}}, {"type": "file", "file": {"file_id": "f1"}}),
        (
            {"type": "video_url", "video_url": {"url": "https://x.test/v"}},
            {"type": "video_url", "video_url": {"url": "https://x.test/v"}},
        ),
        ({"type": "file", "file_id": "f1"}, {"type": "file", "file": {"file_id": "f1"}}),
        (
            {"type": "non_standard", "value": {"type": "video_url", "video_url": {"url": "https://x.test/v"}}},
            {"type": "video_url", "video_url": {"url": "https://x.test/v"}},
        ),
    ],
)
@pytest.mark.parametrize("role", ["user", "tool"])
def test_parts(block: Any, part: dict[str, Any], role: str) -> None:
    content = [{"type": "text", "text": "look"}, block]
    message = HumanMessage(content) if role == "user" else ToolMessage(content, tool_call_id="c1")
    assert one(message)["content"] == [{"type": "text", "text": "look"}, part]


def test_old_blocks_reach_the_api(emu: Emulator, make: Callable[..., ChatDigitalOcean]) -> None:
    model = make(model="qwen3.8-max")
    image = {"type": "image", "source_type": "base64", "mime_type": "image/png", "data": "iVBORw0KGgo="}
    sound = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
    answer = model.invoke([HumanMessage([{"type": "text", "text": "hi"}, image, sound])])
    assert "an image and a sound recording" in answer.text
    parts = emu.requests[0].json["messages"][0]["content"]
    assert parts[1] == {"type": "image_url", "image_url": {"url": PNG}}
    assert parts[2] == sound


def test_single_text_part_is_text() -> None:
    assert one(HumanMessage([{"type": "text", "text": "t"}]))["content"] == "t"
    several = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert one(SystemMessage(several))["content"] == several


@pytest.mark.parametrize("extras", [False, True])
def test_cache_control_is_for_anthropic_models(
    emu: Emulator, make: Callable[..., ChatDigitalOcean], *, extras: bool
) -> None:
    mark = {"extras": {"cache_control": EPHEMERAL}} if extras else {"cache_control": EPHEMERAL}
    messages = [SystemMessage([{"type": "text", "text": "rules", **mark}]), HumanMessage("hi")]
    make(model="anthropic-claude-4.5-sonnet").invoke(messages)
    make().invoke(messages)
    make().invoke(messages, model="anthropic-claude-4.5-sonnet")
    contents = [request.json["messages"][0]["content"] for request in emu.requests]
    marked = [{"type": "text", "text": "rules", "cache_control": EPHEMERAL}]
    assert contents == [marked, "rules", marked]


# --- assistant messages ---


def test_what_of_an_answer_has_no_form_is_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert one(AIMessage(["a", {"type": "hologram"}])) == {"role": "assistant", "content": "a"}
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("inference_do", "WARNING")
    assert "messages[0].content[1]: 'hologram'" in record.getMessage()


def test_reasoning_goes_back_once() -> None:
    kept = {"reasoning_content": "hm"}
    wanted = {"role": "assistant", "content": "a", "reasoning_content": "hm"}
    assert one(AIMessage("a", additional_kwargs=kept)) == wanted
    blocks = [{"type": "reasoning", "reasoning": "hm", "index": "lc_rs_0"}, {"type": "text", "text": "a"}]
    assert one(AIMessage(blocks)) == wanted
    assert one(AIMessage(blocks, additional_kwargs=kept)) == wanted
    assert one(AIMessage([{"type": "thinking", "thinking": "hm", "signature": "x"}, "a"])) == wanted
    summary = [{"type": "summary_text", "text": "h"}, {"type": "summary_text", "text": "m"}]
    assert one(AIMessage([{"type": "reasoning", "summary": summary}, "a"])) == wanted
    assert one(AIMessage([{"type": "reasoning", "content": [{"type": "reasoning_text", "text": "hm"}]}, "a"])) == wanted
    assert one(AIMessage([{"type": "reasoning"}, "a"])) == {"role": "assistant", "content": "a"}
    assert one(AIMessage([{"type": "redacted_thinking", "data": "x"}, "a"])) == {"role": "assistant", "content": "a"}


@pytest.mark.parametrize(
    ("chosen", "field"),
    [
        (True, "reasoning_content"),
        ("reasoning_content", "reasoning_content"),
        ("reasoning", "reasoning"),
        (False, None),
    ],
)
@pytest.mark.parametrize("how", ["setting", "argument"])
def test_reasoning_goes_back_under_the_name_that_is_wanted(
    emu: Emulator, make: Callable[..., ChatDigitalOcean], *, chosen: Any, field: str | None, how: str
) -> None:
    emu.reply("Four.", reasoning="two and two")
    given = {"send_reasoning": chosen}
    model = make(**(given if how == "setting" else {}))
    history = [HumanMessage("2+2?"), model.invoke("2+2?"), HumanMessage("sure?")]
    model.invoke(history, **(given if how == "argument" else {}))
    sent = emu.requests[-1].json["messages"][1]
    assert sent == {"role": "assistant", "content": "Four.", **({field: "two and two"} if field else {})}
    assert "send_reasoning" not in emu.requests[-1].json


@pytest.mark.parametrize("calls", ["a call without its result", "a result without its call"])
def test_history_that_the_api_refuses_is_reported_in_its_words(
    emu: Emulator, model: ChatDigitalOcean, calls: str
) -> None:
    """Histories are never repaired in silence; some servers take these."""
    asked = AIMessage("", tool_calls=[CALL])
    history = [HumanMessage("x"), asked] if calls.startswith("a call") else [ToolMessage("3", tool_call_id="c1")]
    advice = "of the tool 'add' has no result.*handle_tool_errors" if len(history) > 1 else "leave it out, or add it"
    with pytest.raises(BadRequestError, match=f"'c1'.*{advice}") as caught:
        model.invoke([*history, HumanMessage("and?")])
    assert isinstance(caught.value, ModelInvalidRequestError)
    assert emu.posts == 1


def test_reasoning_round_trip(emu: Emulator, make: Callable[..., ChatDigitalOcean]) -> None:
    for settings in ({}, {"output_version": "v1"}):
        emu.reply("Four.", reasoning="two and two")
        model = make(**settings)
        answer = model.invoke("2+2?")
        model.invoke([HumanMessage("2+2?"), answer, HumanMessage("sure?")])
    for request in (emu.requests[1], emu.requests[3]):
        assert request.json["messages"][1] == {
            "role": "assistant",
            "content": "Four.",
            "reasoning_content": "two and two",
        }


@pytest.mark.parametrize(
    "content",
    [
        "",
        [{"type": "tool_call", **CALL}],
        [{"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}}],
        [{"type": "tool_call_chunk", "id": "c1", "name": "add", "args": '{"a": 1}', "index": 0}],
    ],
)
def test_calls_that_blocks_repeat_are_sent_once(content: Any) -> None:
    assert one(AIMessage(content, tool_calls=[CALL]))["tool_calls"] == [WIRE_CALL]


@pytest.mark.parametrize(
    ("block", "arguments"),
    [
        ({"type": "tool_use", "id": "c1", "input": {"a": 1}}, '{"a": 1}'),
        ({"type": "tool_call", "id": "c1", "args": {"a": 1}}, '{"a": 1}'),
        ({"type": "function_call", "call_id": "c1", "arguments": '{"a": 1}'}, '{"a": 1}'),
        ({"type": "tool_use", "id": "c1"}, "{}"),
    ],
)
def test_calls_that_only_blocks_hold_are_sent(block: dict[str, Any], arguments: str) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": arguments}}
    assert one(AIMessage([{**block, "name": "add"}])) == {"role": "assistant", "content": None, "tool_calls": [call]}


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ('{"a": 1', '{"invalid_json": "{\\"a\\": 1"}'),
        ("", "{}"),
        (" ", "{}"),
        ("[1]", '{"invalid_json": "[1]"}'),
        (None, "{}"),
    ],
)
def test_invalid_calls_are_sent_as_json(arguments: str | None, sent: str) -> None:
    invalid = {"type": "invalid_tool_call", "name": "add", "args": arguments, "id": "c1", "error": "broken"}
    (call,) = one(AIMessage("", invalid_tool_calls=[invalid]))["tool_calls"]
    assert call == {"id": "c1", "type": "function", "function": {"name": "add", "arguments": sent}}
    assert isinstance(call["function"]["arguments"], NoArguments) == (sent == "{}"), "known to have come without any"


def test_invalid_call_round_trip(emu: Emulator, model: ChatDigitalOcean) -> None:
    emu.reply(tool_calls=[("add", '{"a": oops}')])
    answer = model.invoke("add")
    (call,) = answer.invalid_tool_calls
    assert (call["name"], call["args"], bool(call["error"])) == ("add", '{"a": oops}', True)
    model.invoke([HumanMessage("add"), answer, ToolMessage("bad arguments", tool_call_id=call["id"])])
    assert emu.posts == 2


def test_refusal_both_ways(emu: Emulator, model: ChatDigitalOcean) -> None:
    emu.reply(message={"content": None, "refusal": "I will not."})
    answer = model.invoke("bad")
    assert answer.additional_kwargs["refusal"] == "I will not."
    (block,) = answer.content_blocks
    assert block.get("refusal") or block["value"]["refusal"] == "I will not."
    for message in (answer, AIMessage(answer.content_blocks)):
        assert one(message) == {"role": "assistant", "content": None, "refusal": "I will not."}


def test_anthropic_tool_results_become_tool_messages() -> None:
    content = [
        {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "3"}], "is_error": False},
        {"type": "tool_result", "tool_use_id": "c2", "content": "4"},
        {"type": "text", "text": "and now?"},
    ]
    assert to_wire([HumanMessage(content)]) == [
        {"role": "tool", "tool_call_id": "c1", "content": "3"},
        {"role": "tool", "tool_call_id": "c2", "content": "4"},
        {"role": "user", "content": "and now?"},
    ]
    assert len(to_wire([HumanMessage(content[:2])])) == 2


@pytest.mark.parametrize(
    ("content", "text"), [({}, ""), ({"content": None}, ""), ({"content": {"type": "text", "text": "5"}}, "5")]
)
def test_an_anthropic_tool_result_may_be_empty_or_one_block(content: dict[str, Any], text: str) -> None:
    result = {"type": "tool_result", "tool_use_id": "c1", **content}
    assert one(HumanMessage([result])) == {"role": "tool", "tool_call_id": "c1", "content": text}


def test_parts_of_an_answer_that_only_the_api_reads_go_back_as_they_came() -> None:
    details = [{"type": "reasoning.encrypted", "data": "x"}]
    message = AIMessage("a", additional_kwargs={"reasoning_details": details})
    assert one(message) == {"role": "assistant", "content": "a", "reasoning_details": details}
    assert one(message, reasoning=False) == {"role": "assistant", "content": "a"}


def test_an_aggregated_stream_goes_back_as_it_came(emu: Emulator, make: Callable[..., ChatDigitalOcean]) -> None:
    for version in ("v0", "v1"):
        model = make(output_version=version)
        emu.reply("I add.", tool_calls=[("add", {"a": 1})], reasoning="hm")
        first, *rest = model.stream("add")
        total = first + rest
        model.invoke([HumanMessage("add"), total, ToolMessage("1", tool_call_id=total.tool_calls[0]["id"])])
        sent = emu.requests[-1].json["messages"][1]
        sent["tool_calls"][0]["id"] = "c1"
        assert sent == {
            "role": "assistant",
            "content": "I add.",
            "reasoning_content": "hm",
            "tool_calls": [WIRE_CALL],
        }


def test_blocks_of_a_message_that_somebody_made() -> None:
    made = AIMessage([{"type": "text", "text": "a"}], response_metadata={"model_provider": "digitalocean"})
    assert made.content_blocks == [{"type": "text", "text": "a"}]


def test_history_is_not_changed(emu: Emulator, model: ChatDigitalOcean) -> None:
    messages = [
        HumanMessage([{"type": "text", "text": "x", "cache_control": EPHEMERAL}]),
        AIMessage([{"type": "reasoning", "reasoning": "r"}], tool_calls=[CALL]),
        ToolMessage("1", tool_call_id="c1"),
    ]
    before = [message.model_dump() for message in messages]
    model.invoke(messages)
    assert [message.model_dump() for message in messages] == before
