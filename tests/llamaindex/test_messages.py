"""Messages on their way out: a table of blocks, and the order that tool calls and results are put in."""

from __future__ import annotations

import base64
from io import BytesIO
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)

from inference_do import ConfigError
from llamaindex_do._messages import to_wire

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from inference_do.emulator import Emulator
    from llamaindex_do import DigitalOcean

    Make = Callable[..., DigitalOcean]


PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00"
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
PDF = b"%PDF-1.4 one page"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


IMAGE_URL = f"data:image/png;base64,{b64(PNG)}"
IMAGE = {"type": "image_url", "image_url": {"url": IMAGE_URL}}


def text(value: str) -> dict[str, str]:
    return {"type": "text", "text": value}


def sent(llm: DigitalOcean, emu: Emulator, *messages: ChatMessage) -> list[dict[str, Any]]:
    llm.chat(list(messages))
    return emu.requests[-1].json["messages"]


@pytest.mark.parametrize(
    ("blocks", "content"),
    [
        ([], ""),
        ([TextBlock(text="a")], "a"),
        ([TextBlock(text="a"), TextBlock(text="b")], "a\nb"),
        ([TextBlock(text="a"), ImageBlock(image=PNG)], [text("a"), IMAGE]),
        ([ImageBlock(image=BytesIO(PNG), image_mimetype="image/png")], [IMAGE]),
        (
            [ImageBlock(url="https://example.com/a.png", detail="low")],
            [{"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}],
        ),
        ([ImageBlock(url=IMAGE_URL)], [IMAGE]),
        (
            [AudioBlock(audio=WAV, format="wav")],
            [{"type": "input_audio", "input_audio": {"data": b64(WAV), "format": "wav"}}],
        ),
        ([AudioBlock(audio=WAV)], [{"type": "input_audio", "input_audio": {"data": b64(WAV), "format": "wav"}}]),
        (
            [VideoBlock(url="https://example.com/a.mp4", fps=2)],
            [{"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}],
        ),
        (
            [VideoBlock(video=MP4, video_mimetype="video/mp4")],
            [{"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{b64(MP4)}"}}],
        ),
        (
            [DocumentBlock(data=PDF, title="a.pdf")],
            [
                {
                    "type": "file",
                    "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{b64(PDF)}"},
                }
            ],
        ),
        ([DocumentBlock(data=b"plain words!", document_mimetype="text/plain")], "plain words!"),
        ([DocumentBlock(data=b"plain words!", title="notes.txt")], "notes.txt:\nplain words!"),
        ([CitableBlock(title="T", source="S", content=[TextBlock(text="said")])], "T (S):\nsaid"),
        (
            [CitableBlock(title="T", source="S", content=[ImageBlock(image=PNG)])],
            [text("T (S):"), IMAGE],
        ),
        (
            [CitationBlock(cited_content="said", source="S", title="T", additional_location_info={})],
            "said\n(cited from T, S)",
        ),
        ([TextBlock(text="a"), CachePoint(cache_control=CacheControl(type="ephemeral"))], "a"),
    ],
    ids=lambda value: "+".join(type(block).__name__ for block in value) if isinstance(value, list) else "",
)
def test_blocks_of_a_user(llm: DigitalOcean, emu: Emulator, blocks: list, content: object) -> None:
    assert sent(llm, emu, ChatMessage(role="user", blocks=blocks)) == [{"role": "user", "content": content}]


def test_blocks_from_files(llm: DigitalOcean, emu: Emulator, tmp_path: Path) -> None:
    image, sound = tmp_path / "a.png", tmp_path / "a.wav"
    image.write_bytes(PNG)
    sound.write_bytes(WAV)
    (message,) = sent(llm, emu, ChatMessage(blocks=[ImageBlock(path=image), AudioBlock(path=sound)]))
    assert message["content"] == [IMAGE, {"type": "input_audio", "input_audio": {"data": b64(WAV), "format": "wav"}}]


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (ChatMessage(blocks=[ThinkingBlock(content="hm")]), r"messages\[1\] \(user\): block 0 \(ThinkingBlock\)"),
        (ChatMessage(blocks=[ToolCallBlock(tool_name="f")]), r"messages\[1\] \(user\): block 0 \(ToolCallBlock\)"),
        (ChatMessage(blocks=[TextBlock(text="a"), ImageBlock()]), r"block 1 \(ImageBlock\)"),
        (ChatMessage(blocks=[ImageBlock(image=b"no image at all")]), r"block 0 \(ImageBlock\): .*image_mimetype="),
        (ChatMessage(blocks=[AudioBlock(url="https://example.com/a.wav")]), r"\(AudioBlock\): .* no URL here"),
        (ChatMessage(blocks=[AudioBlock(audio=b"no sound at all")]), r"\(AudioBlock\): its format is unknown"),
        (ChatMessage(blocks=[VideoBlock(video=b"no video at all")]), r"\(VideoBlock\): .*video_mimetype="),
        (ChatMessage(blocks=[DocumentBlock(url="https://example.com/a.pdf")]), r"\(DocumentBlock\): .* no URL here"),
        (ChatMessage(blocks=[DocumentBlock(data=b"\xff\x00\xfe")]), r"\(DocumentBlock\): .*document_mimetype="),
        (
            ChatMessage(role="system", blocks=[ImageBlock(image=PNG)]),
            r"messages\[1\] \(system\): block 0 \(ImageBlock\)",
        ),
    ],
)
def test_what_cannot_be_expressed_is_refused(
    llm: DigitalOcean, emu: Emulator, message: ChatMessage, named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        llm.chat([ChatMessage(content="Hello"), message])
    with pytest.raises(ConfigError, match=named):
        llm.stream_chat([ChatMessage(content="Hello"), message])
    assert emu.posts == 0


def test_roles(llm: DigitalOcean, emu: Emulator) -> None:
    roles = ("system", "developer", "user", "assistant", "chatbot", "model")
    messages = [ChatMessage(role=role, content=role) for role in roles]
    assert [message["role"] for message in sent(llm, emu, *messages, ChatMessage(content="x"))] == [
        "system",
        "developer",
        "user",
        "assistant",
        "assistant",
        "assistant",
        "user",
    ]


def test_cache_points_mark_the_text_before_them_for_anthropic(make: Make, emu: Emulator) -> None:
    llm = make("anthropic-claude-opus-4.5")
    point = CachePoint(cache_control=CacheControl(type="ephemeral", ttl="1h"))
    message = ChatMessage(blocks=[TextBlock(text="a"), point, TextBlock(text="b")])
    (wire,) = sent(llm, emu, message)
    assert wire["content"] == [{**text("a"), "cache_control": {"type": "ephemeral", "ttl": "1h"}}, text("b")]


def test_a_models_override_decides_about_cache_points(llm: DigitalOcean, emu: Emulator) -> None:
    point = CachePoint(cache_control=CacheControl(type="ephemeral"))
    llm.chat([ChatMessage(blocks=[TextBlock(text="a"), point])], model="anthropic-claude-opus-4.5")
    assert emu.requests[0].json["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "5m"}


def test_thoughts_go_back(llm: DigitalOcean, emu: Emulator) -> None:
    answer = ChatMessage(role="assistant", blocks=[ThinkingBlock(content="hm"), TextBlock(text="Hi")])
    wire = sent(llm, emu, ChatMessage(content="Hello"), answer, ChatMessage(content="And?"))
    assert wire[1] == {"role": "assistant", "content": "Hi", "reasoning_content": "hm"}


@pytest.mark.parametrize(
    ("blocks", "kwargs", "sent_back"),
    [
        (["a", "b"], {}, "a\nb"),
        (["", "b"], {"reasoning_content": "kept"}, "b"),
        ([], {"reasoning_content": "kept"}, "kept"),
        ([""], {"reasoning_content": "kept"}, "kept"),
        ([], {"reasoning_content": ""}, ""),
        ([""], {}, ""),
        ([], {"reasoning_content": 5}, None),
    ],
)
def test_thoughts_are_read_where_they_are(
    llm: DigitalOcean, emu: Emulator, blocks: list[str], kwargs: Any, sent_back: str | None
) -> None:
    parts = [*(ThinkingBlock(content=thought) for thought in blocks), TextBlock(text="Hi")]
    answer = ChatMessage(role="assistant", blocks=parts, additional_kwargs=kwargs)
    wire = sent(llm, emu, ChatMessage(content="Hello"), answer, ChatMessage(content="And?"))
    assert wire[1].get("reasoning_content") == sent_back


def test_what_only_the_api_reads_goes_back_without_what_is_none() -> None:
    entry = {"type": "reasoning.encrypted", "data": "x"}
    answer = ChatMessage(role="assistant", content="Hi", additional_kwargs={"reasoning_details": [entry, "junk", None]})
    assert to_wire([answer], "m") == [{"role": "assistant", "content": "Hi", "reasoning_details": [entry]}]


def test_an_answer_that_says_nothing_is_empty(
    llm: DigitalOcean, emu: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    wire = sent(llm, emu, ChatMessage(content="Hello"), ChatMessage(role="assistant"), ChatMessage(content="And?"))
    assert wire[1] == {"role": "assistant", "content": ""}
    assert caplog.records == []


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_names_go_along_where_the_api_takes_them(llm: DigitalOcean, emu: Emulator, role: str) -> None:
    messages = [ChatMessage(role=role, content="x", additional_kwargs={"name": name}) for name in ("ada", "a b", "", 5)]
    wire = sent(llm, emu, *messages, ChatMessage(content="?"))
    assert wire[0] == {"role": role, "content": "x", "name": "ada"}
    assert wire[1:4] == [{"role": role, "content": "x"}] * 3


# --- tool calls ------------------------------------------------------------

CALL = ToolCallBlock(tool_call_id="call_1", tool_name="add", tool_kwargs={"a": 1})
WIRE_CALL = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}


def result(call_id: str | None, *blocks: object, content: str = "5", role: str = "tool") -> ChatMessage:
    kwargs = {} if call_id is None else {"tool_call_id": call_id}
    return ChatMessage(role=role, blocks=[*(blocks or [TextBlock(text=content)])], additional_kwargs=kwargs)


def asked(*blocks: object, **kwargs: Any) -> list[ChatMessage]:
    return [ChatMessage(content="Add"), ChatMessage(role="assistant", blocks=[*blocks], additional_kwargs=kwargs)]


def test_calls_in_both_places_are_sent_once(llm: DigitalOcean, emu: Emulator) -> None:
    wire = sent(llm, emu, *asked(TextBlock(text="Well"), CALL, tool_calls=[WIRE_CALL]), result("call_1"))
    assert wire[1] == {"role": "assistant", "content": "Well", "tool_calls": [WIRE_CALL]}
    assert wire[2] == {"role": "tool", "tool_call_id": "call_1", "content": "5"}


def test_calls_beside_the_blocks_are_sent(llm: DigitalOcean, emu: Emulator) -> None:
    wire = sent(llm, emu, *asked(tool_calls=[WIRE_CALL]), result("call_1"))
    assert wire[1] == {"role": "assistant", "content": None, "tool_calls": [WIRE_CALL]}


@pytest.mark.parametrize("kept", [WIRE_CALL, SimpleNamespace(**WIRE_CALL)], ids=["a dict", "an object"])
def test_a_single_call_beside_the_blocks_is_one(llm: DigitalOcean, emu: Emulator, kept: Any) -> None:
    wire = sent(llm, emu, *asked(tool_calls=kept), result("call_1"))
    assert wire[1]["tool_calls"] == [WIRE_CALL]


def test_function_calls_of_old_are_sent_as_tool_calls(llm: DigitalOcean, emu: Emulator) -> None:
    old = asked(function_call={"name": "add", "arguments": '{"a": 1}'})
    wire = sent(llm, emu, *old, result(None, role="function"))
    assert wire[1]["tool_calls"][0]["function"] == WIRE_CALL["function"]
    assert wire[2]["tool_call_id"] == wire[1]["tool_calls"][0]["id"]


def test_calls_without_ids_are_answered_in_order(llm: DigitalOcean, emu: Emulator) -> None:
    nameless = ToolCallBlock(tool_name="add", tool_kwargs={"a": 1})
    wire = sent(llm, emu, *asked(nameless), result(None))
    assert wire[2]["tool_call_id"] == wire[1]["tool_calls"][0]["id"]


@pytest.mark.parametrize(
    ("kwargs", "arguments"),
    [({}, "{}"), ("", "{}"), ('{"a":1}', '{"a":1}'), ({"k": "ü"}, '{"k": "ü"}'), ('{"a', '{"invalid_json": "{\\"a"}')],
)
def test_arguments_are_json_of_an_object(llm: DigitalOcean, emu: Emulator, kwargs: Any, arguments: str) -> None:
    call = ToolCallBlock(tool_call_id="call_1", tool_name="add", tool_kwargs=kwargs)
    wire = sent(llm, emu, *asked(call), result("call_1"))
    assert wire[1]["tool_calls"][0]["function"]["arguments"] == arguments


@pytest.mark.parametrize("name", ["tool_call_id", "tool_use_id", "toolUseId", "call_id"])
def test_a_result_names_its_call_in_any_providers_form(llm: DigitalOcean, emu: Emulator, name: str) -> None:
    other = CALL.model_copy(update={"tool_call_id": "call_2"})
    results = [ChatMessage(role="tool", content=id_, additional_kwargs={name: id_}) for id_ in ("call_2", "call_1")]
    wire = sent(llm, emu, *asked(CALL, other), *results)
    assert {message["tool_call_id"]: message["content"] for message in wire[2:]} == {
        "call_1": "call_1",
        "call_2": "call_2",
    }


def test_an_empty_id_is_none(llm: DigitalOcean, emu: Emulator) -> None:
    other = CALL.model_copy(update={"tool_call_id": "call_2"})
    second = ChatMessage(role="tool", content="2", additional_kwargs={"tool_call_id": "", "call_id": "call_2"})
    wire = sent(llm, emu, *asked(CALL, other), second, result("call_1"))
    assert (wire[2]["tool_call_id"], wire[3]["tool_call_id"]) == ("call_2", "call_1")


@pytest.mark.parametrize("field", ["name", "tool_name"])
def test_a_result_without_an_id_is_of_the_tool_that_it_names(llm: DigitalOcean, emu: Emulator, field: str) -> None:
    calls = [ToolCallBlock(tool_name=name, tool_kwargs={}) for name in ("add", "look")]
    results = [ChatMessage(role="tool", content=name, additional_kwargs={field: name}) for name in ("look", "add")]
    wire = sent(llm, emu, *asked(*calls), *results)
    names = {call["id"]: call["function"]["name"] for call in wire[1]["tool_calls"]}
    assert [(names[message["tool_call_id"]], message["content"]) for message in wire[2:]] == [
        ("look", "look"),
        ("add", "add"),
    ]


def test_an_id_that_looks_like_one_of_ours_is_the_calls_own(llm: DigitalOcean, emu: Emulator) -> None:
    calls = [ToolCallBlock(tool_call_id=f"call_1_{n}", tool_name="add", tool_kwargs={}) for n in range(2)]
    wire = sent(llm, emu, *asked(*calls), result("call_1_1", content="b"), result("call_1_0", content="a"))
    assert {message["tool_call_id"]: message["content"] for message in wire[2:]} == {"call_1_0": "a", "call_1_1": "b"}


def test_open_calls_are_answered_before_an_orphaned_result(llm: DigitalOcean, emu: Emulator) -> None:
    wire = sent(llm, emu, *asked(CALL), result("call_9"))
    assert [message["role"] for message in wire] == ["user", "assistant", "tool", "user"]
    assert wire[2]["content"] == "No result was recorded for this call."


def test_an_assistant_never_has_a_tool_call_id(llm: DigitalOcean, emu: Emulator) -> None:
    direct = ChatMessage(role="assistant", content="5", additional_kwargs={"tool_call_id": "call_1"})
    wire = sent(llm, emu, *asked(CALL), result("call_1"), direct, ChatMessage(content="Thanks"))
    assert wire[3] == {"role": "assistant", "content": "5"}


def test_images_in_results_follow_after_the_last_result(llm: DigitalOcean, emu: Emulator) -> None:
    other = CALL.model_copy(update={"tool_call_id": "call_2"})
    results = [result("call_1", TextBlock(text="see"), ImageBlock(image=PNG)), result("call_2")]
    further = [ChatMessage(role="assistant", content="a"), ChatMessage(content="b")]
    wire = sent(llm, emu, *asked(CALL, other), *results, *further)
    assert [message["role"] for message in wire[:-2]] == ["user", "assistant", "tool", "tool", "user"]
    assert wire[-2:] == [{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}]
    assert wire[2]["content"] == "see"
    assert wire[4]["content"] == [text("Attached to the result of tool call call_1:"), IMAGE]


def test_an_unanswered_call_gets_a_result(llm: DigitalOcean, emu: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    wire = sent(llm, emu, *asked(CALL), ChatMessage(content="Never mind."))
    assert wire[2] == {"role": "tool", "tool_call_id": "call_1", "content": "No result was recorded for this call."}
    assert "call_1" in caplog.text


def test_an_orphaned_result_is_given_by_the_user(
    llm: DigitalOcean, emu: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    wire = sent(llm, emu, result("call_0"), ChatMessage(role="assistant", content="5"), ChatMessage(content="And?"))
    assert wire[0] == {"role": "user", "content": "Result of an earlier tool call (call_0):\n5"}
    assert "messages[0]" in caplog.text
    assert {record.name for record in caplog.records} == {"inference_do"}


def test_messages_are_not_changed(llm: DigitalOcean) -> None:
    messages = [*asked(CALL, tool_calls=[WIRE_CALL]), result("call_1", ImageBlock(image=PNG)), ChatMessage(content="x")]
    before = [message.model_copy(deep=True) for message in messages]
    llm.chat(messages)
    assert messages == before
