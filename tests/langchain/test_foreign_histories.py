"""Conversations that other providers' packages made, handed on to a model here: the emulator takes each of them.

The messages have the shapes that langchain-anthropic 1.7, langchain-openai 1.7, langchain-google-genai 4.4,
langchain-aws 1.9, langchain-ollama 1.1 and langchain-mistralai 1.1 store.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import pytest
from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from inference_do import ConfigError
from inference_do.emulator import Emulator
from langchain_do import ChatDigitalOcean

Make = Callable[..., ChatDigitalOcean]

ARGUMENTS = {"city": "Bonn"}


def call(id_: str, args: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "tool_call", "name": "weather", "args": args if args is not None else ARGUMENTS, "id": id_}


ANSWERS = {
    "anthropic": (
        AIMessage(
            [
                {"type": "thinking", "thinking": "Look it up.", "signature": "EqQB"},
                {"type": "redacted_thinking", "data": "EmwK"},
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
                {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"type": "x"}]},
                {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "echo", "server_name": "s", "input": {}},
                {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": False, "content": []},
                {"type": "code_execution_tool_result", "tool_use_id": "srvtoolu_2", "content": {"type": "x"}},
                {"type": "text", "text": "I ask.", "citations": [{"type": "web_search_result_location"}]},
                {"type": "tool_use", "id": "toolu_01", "name": "weather", "input": ARGUMENTS, "caller": {"type": "x"}},
            ],
            tool_calls=[call("toolu_01")],
            response_metadata={"model_provider": "anthropic"},
        ),
        "Look it up.",
    ),
    "openai responses": (
        AIMessage(
            [
                {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Look it up."}]},
                {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
                {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "iVBORw0KGgo="},
                {"type": "code_interpreter_call", "id": "ci_1", "code": "1", "container_id": "c"},
                {"type": "mcp_list_tools", "id": "m_1", "server_label": "s", "tools": []},
                {"type": "text", "text": "I ask.", "annotations": [], "id": "msg_1", "phase": "commentary"},
                {"type": "function_call", "name": "weather", "arguments": "{}", "call_id": "call_1", "id": "fc_1"},
            ],
            tool_calls=[call("call_1")],
            response_metadata={"model_provider": "openai"},
        ),
        "Look it up.",
    ),
    "openai chat, first form of responses": (
        AIMessage(
            "I ask.",
            additional_kwargs={"reasoning": {"id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}},
            tool_calls=[call("call_1")],
        ),
        "Hm.",
    ),
    "gemini": (
        AIMessage(
            [
                {"type": "thinking", "thinking": "Look it up.", "signature": "CiQB"},
                {"type": "executable_code", "executable_code": "print(1)", "language": 1},
                {"type": "code_execution_result", "code_execution_result": "1", "outcome": 1},
                {"type": "server_tool_call", "id": "s1", "name": "google_search", "args": {}},
                {"type": "server_tool_result", "tool_call_id": "s1", "output": {}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                {"type": "text", "text": "I ask.", "extras": {"signature": "CiQB"}},
            ],
            additional_kwargs={"function_call": {"name": "weather", "arguments": "{}"}},
            tool_calls=[call("7b0c")],
        ),
        "Look it up.",
    ),
    "bedrock": (
        AIMessage(
            [
                {"type": "reasoning_content", "reasoning_content": {"text": "Look it up.", "signature": "Eo"}},
                {"type": "guard_content", "guard_content": {"type": "text", "text": "x"}},
                {"type": "text", "text": "I ask."},
                {"type": "tool_use", "name": "weather", "input": ARGUMENTS, "id": "tooluse_1"},
            ],
            tool_calls=[call("tooluse_1")],
        ),
        "Look it up.",
    ),
    "mistral": (
        AIMessage(
            [
                {"type": "thinking", "thinking": [{"type": "text", "text": "Look it up."}]},
                {"type": "text", "text": "I ask."},
                {"type": "reference", "reference_ids": [1]},
            ],
            tool_calls=[call("9aB3dE6f1")],
        ),
        "Look it up.",
    ),
    "ollama": (
        AIMessage("I ask.", additional_kwargs={"reasoning_content": "Look it up."}, tool_calls=[call("0f9a")]),
        "Look it up.",
    ),
    "v1 blocks": (
        AIMessage(
            [
                {"type": "reasoning", "reasoning": "Look it up.", "extras": {"signature": "x"}},
                {"type": "server_tool_call", "id": "s1", "name": "web_search", "args": {}, "index": "lc_st_0"},
                {"type": "server_tool_result", "tool_call_id": "s1", "status": "success", "output": []},
                {"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"},
                {"type": "non_standard", "value": {"type": "image_generation_call", "id": "ig"}},
                {"type": "non_standard", "value": "odd"},
                {"type": "text", "text": "I ask.", "annotations": [{"type": "citation"}]},
                {"type": "tool_call", "name": "weather", "args": ARGUMENTS, "id": "c1"},
            ],
            tool_calls=[call("c1")],
            response_metadata={"output_version": "v1"},
        ),
        "Look it up.",
    ),
    "odd blocks": (
        AIMessage(
            [{"type": ["text"], "text": "x"}, {"type": {}}, {"type": 5}, {"text": "I ask."}, {"type": "text"}],
            tool_calls=[call("c1")],
        ),
        None,
    ),
}


@pytest.mark.parametrize("origin", ANSWERS)
@pytest.mark.parametrize("entry", ["invoke", "stream", "ainvoke", "astream"])
async def test_an_answer_of_another_provider_goes_on_here(
    emu: Emulator, make: Make, caplog: pytest.LogCaptureFixture, origin: str, entry: str
) -> None:
    """F31: a fallback in mid-thread, with a tool call that was answered."""
    answer, thoughts = ANSWERS[origin]
    id_ = answer.tool_calls[0]["id"]
    model = make()
    messages = [HumanMessage("Bonn?"), answer, ToolMessage("Rain.", tool_call_id=id_), HumanMessage("And?")]
    before = [message.model_dump() for message in messages]
    with caplog.at_level(logging.DEBUG, "langchain_do"):
        match entry:
            case "invoke":
                model.invoke(messages)
            case "ainvoke":
                await model.ainvoke(messages)
            case "stream":
                list(model.stream(messages))
            case _:
                _ = [chunk async for chunk in model.astream(messages)]
    sent = emu.requests[-1].json["messages"]
    function = {"name": "weather", "arguments": json.dumps(ARGUMENTS)}
    assert sent[1]["tool_calls"] == [{"id": id_, "type": "function", "function": function}]
    assert sent[1]["content"] == "I ask."
    assert sent[1].get("reasoning_content") == thoughts
    assert sent[2] == {"role": "tool", "tool_call_id": id_, "content": "Rain."}
    assert [message.model_dump() for message in messages] == before
    left_out = [name for name in ("web_search", "image", "server_tool", "executable_code") if name in str(answer)]
    assert not left_out or "is left out" in caplog.text


GIF = "R0lGODlhAQABAA=="


@pytest.mark.parametrize("data", [{"base64": GIF}, {"source_type": "base64", "data": GIF}])
def test_an_image_without_a_type(emu: Emulator, make: Make, data: dict[str, Any]) -> None:
    """As langchain-openai keeps images that were generated, and core's tracing fails on."""
    image = {"type": "image", **data}
    messages = [HumanMessage([image]), AIMessage([image, {"type": "text", "text": "Here."}]), HumanMessage("And?")]
    before = [message.model_dump() for message in messages]
    make(model="openai-gpt-4o").invoke(messages)
    user, answer, _ = emu.requests[-1].json["messages"]
    assert user["content"][0]["image_url"]["url"] == f"data:image/gif;base64,{GIF}"
    assert answer["content"] == "Here."
    assert [message.model_dump() for message in messages] == before


def test_marks_for_a_cache_stay_on_the_text_of_an_answer(emu: Emulator, make: Make) -> None:
    marked = {"type": "text", "text": "I ask.", "cache_control": {"type": "ephemeral"}}
    messages = [HumanMessage("a"), AIMessage([marked]), HumanMessage("b")]
    make(model="anthropic-claude-4.5-sonnet").invoke(messages)
    make().invoke(messages)
    assert [request.json["messages"][1]["content"] for request in emu.requests] == [[marked], "I ask."]


def test_calls_that_only_a_responses_block_holds_are_sent(emu: Emulator, model: ChatDigitalOcean) -> None:
    block = {"type": "function_call", "name": "weather", "arguments": "{}", "call_id": "call_1", "id": "fc_1"}
    model.invoke([HumanMessage("a"), AIMessage([block]), ToolMessage("b", tool_call_id="call_1")])
    (sent,) = emu.requests[-1].json["messages"][1]["tool_calls"]
    assert (sent["id"], sent["function"]) == ("call_1", {"name": "weather", "arguments": "{}"})


@pytest.mark.parametrize("role", ["assistant", "ai", "model"])
def test_a_chat_message_keeps_its_calls(emu: Emulator, model: ChatDigitalOcean, role: str) -> None:
    """F31: and a ChatMessage of a tool is the result."""
    kept = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bonn"}'}}
    asked = ChatMessage("", role=role, additional_kwargs={"tool_calls": [kept], "reasoning_content": "Hm."})
    model.invoke(
        [HumanMessage("a"), asked, ChatMessage("Rain.", role="tool", additional_kwargs={"tool_call_id": "c1"})]
    )
    assert emu.requests[-1].json["messages"][1:] == [
        {"role": "assistant", "content": None, "tool_calls": [kept], "reasoning_content": "Hm."},
        {"role": "tool", "tool_call_id": "c1", "content": "Rain."},
    ]


def test_a_documents_title_and_context_are_sent(emu: Emulator, make: Make) -> None:
    """F31."""
    about = {"title": "Terms", "context": "Of 2026."}
    text = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "No refunds."}, **about}
    inner = [{"type": "text", "text": "No refunds."}]
    blocks = {"type": "document", "source": {"type": "content", "content": inner}, **about}
    plain = {"type": "text-plain", "text": "No refunds.", "mime_type": "text/plain", **about}
    pdf = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}, **about}
    make(model="openai-gpt-4o").invoke([HumanMessage([text, blocks, plain, pdf])])
    *texts, context, file = emu.requests[-1].json["messages"][0]["content"]
    assert [part["text"] for part in texts] == ["Terms\nOf 2026.:\nNo refunds."] * 3
    assert context == {"type": "text", "text": "Of 2026."}
    assert file["file"] == {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "Terms"}


def b64(data: bytes | str) -> str:
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


PDF = b64("%PDF-1.4 one page")
LINK = {"type": "file", "url": "https://example.com/a.txt", "mime_type": "text/plain"}
SEARCH = {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "found"}]}
ZIP = {
    "type": "file",
    "base64": b64(b"PK\x03\x04" + b"\x00\xff" * 500),
    "mime_type": "application/zip",
    "name": "a.zip",
}


@pytest.mark.parametrize(
    ("block", "content"),
    [
        (LINK, json.dumps(LINK)),
        ({"type": "resource_link", "uri": "file:///a"}, '{"type": "resource_link", "uri": "file:///a"}'),
        ({"type": "json", "json": {"a": [1]}}, '{"a": [1]}'),
        (SEARCH, json.dumps(SEARCH)),
        ({"type": "tool_reference", "tool_name": "t"}, '{"type": "tool_reference", "tool_name": "t"}'),
        ({"type": "file", "base64": b64("a,b\n1,2"), "mime_type": "text/csv"}, "a,b\n1,2"),
        ({"type": "file", "base64": b64('{"a":1}'), "mime_type": "application/json"}, '{"a":1}'),
        ({"type": "file", "base64": b64("plain"), "mime_type": "application/octet-stream"}, "plain"),
        ({"type": "file", "base64": b64("Größe".encode("cp1252")), "mime_type": "text/csv"}, "Größe"),
        ({"type": "file", "base64": b64("Größe".encode("utf-16")), "mime_type": "text/csv"}, "Größe"),
        ({"type": "file", "base64": b64("x"), "mime_type": "text/x-python", "filename": "a.py"}, "a.py:\nx"),
        (
            ZIP,
            '{"type": "file", "base64": "base64 of 1005 bytes", "mime_type": "application/zip", "name": "a.zip"}',
        ),
        ({"type": "audio", "url": "https://x.test/a.wav"}, '{"type": "audio", "url": "https://x.test/a.wav"}'),
        ({"type": ["text"], "text": 5}, '{"type": ["text"], "text": 5}'),
        (
            {"type": "blob", "data": b"\xff" * 9, "at": date(2026, 1, 2)},
            '{"type": "blob", "data": "9 bytes", "at": "2026-01-02"}',
        ),
        ({"type": "image", "base64": "PHN2Zz4=", "mime_type": "image/svg+xml"}, None),
        ({"type": "text", "text": "odd extras", "extras": ["x"]}, "odd extras"),
    ],
    ids=lambda value: str(value)[:60],
)
@pytest.mark.parametrize("form", ["tool message", "anthropic's block"])
def test_results_with_any_block_are_sent(
    emu: Emulator, model: ChatDigitalOcean, block: dict[str, Any], content: str | None, form: str
) -> None:
    """F32: the thread of a checkpointer cannot be changed any more, so every block has some form."""
    result: BaseMessage = ToolMessage([block], tool_call_id="c1")
    if form != "tool message":
        result = HumanMessage([{"type": "tool_result", "tool_use_id": "c1", "content": [block]}])
    model.invoke([HumanMessage("a"), AIMessage("", tool_calls=[call("c1")]), result])
    sent = emu.requests[-1].json["messages"][2]
    assert sent["tool_call_id"] == "c1"
    assert sent["content"] == content or (content is None and "svg" in sent["content"])


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "file", "base64": b64("a,b"), "mime_type": "text/csv"}, "a,b"),
        ({"type": "file", "base64": PDF}, {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "file.pdf"}),
        (
            {"type": "file", "base64": PDF, "mime_type": "text/plain"},
            {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "file.pdf"},
        ),
        (
            {"type": "media", "mime_type": "application/pdf", "data": base64.b64decode(PDF)},
            {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "file.pdf"},
        ),
        ({"text": "no type"}, "no type"),
        ({"type": "guard_content", "guard_content": {"type": "text", "text": "guarded"}}, "guarded"),
    ],
)
def test_files_of_users_are_told_by_their_bytes(emu: Emulator, make: Make, block: dict[str, Any], part: Any) -> None:
    """G35, in LangChain."""
    make(model="openai-gpt-4o").invoke([HumanMessage([block])])
    (sent,) = emu.requests[-1].json["messages"]
    assert sent["content"] == (part if isinstance(part, str) else [{"type": "file", "file": part}])


@pytest.mark.parametrize("media_type", [None, "image/gif"])
def test_an_images_type_is_told_by_its_bytes(emu: Emulator, make: Make, media_type: str | None) -> None:
    data = b64(b"GIF89a\x01\x00\x01\x00")
    source = {"type": "base64", "data": data, **({"media_type": media_type} if media_type else {})}
    make(model="openai-gpt-4o").invoke([HumanMessage([{"type": "image", "source": source}])])
    (part,) = emu.requests[-1].json["messages"][0]["content"]
    assert part["image_url"]["url"] == f"data:image/gif;base64,{data}"


def test_points_of_bedrocks_cache_are_left_out(emu: Emulator, model: ChatDigitalOcean) -> None:
    point = {"cachePoint": {"type": "default"}}
    model.invoke([SystemMessage([{"text": "Be brief."}, point]), HumanMessage([{"type": "text", "text": "a"}, point])])
    assert [message["content"] for message in emu.requests[-1].json["messages"]] == ["Be brief.", "a"]


@pytest.mark.parametrize(
    "block",
    [{"type": ["text"], "text": "x"}, {"type": {}}, {"type": "hologram"}, {"type": "text", "text": 5}, {"a": 1}],
)
def test_an_odd_block_of_a_user_is_refused_by_name(emu: Emulator, model: ChatDigitalOcean, block: Any) -> None:
    """F33: with our error, not with Python's."""
    with pytest.raises(ConfigError, match=r"messages\[0\]\.content\[0\]"):
        model.invoke([HumanMessage([block])])
    assert emu.posts == 0


# --- arguments ---


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), "2026-01-02T03:00:00Z"),
        (Decimal("1.50"), "1.50"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({"one"}, ["one"]),
        (("a", 1), ["a", 1]),
        (Colour.RED, "red"),
        (b"text", "text"),
        (b"\xff\xfe", "__4="),
        (float("nan"), None),
        (float("-inf"), None),
        (PurePosixPath("/a"), "/a"),
        (HumanMessage, str(HumanMessage)),
        ({date(2026, 1, 2): {"n": float("inf")}}, {"2026-01-02": {"n": None}}),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize("deep", [False, True])
def test_arguments_of_any_type_are_json(
    emu: Emulator, model: ChatDigitalOcean, value: Any, sent: Any, *, deep: bool
) -> None:
    """F33."""
    args = {"x": [{"y": value}]} if deep else {"x": value}
    answer = AIMessage("", tool_calls=[call("c1", args)])
    model.invoke([HumanMessage("a"), answer, ToolMessage("b", tool_call_id="c1")])
    (asked,) = emu.requests[-1].json["messages"][1]["tool_calls"]
    arguments = json.loads(asked["function"]["arguments"], parse_constant=pytest.fail)
    assert arguments == ({"x": [{"y": sent}]} if deep else {"x": sent})


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ('{"a": NaN, "b": -Infinity}', {"a": None, "b": None}),
        ('{"a": "two\nlines"}', {"a": "two\nlines"}),
        ("null", {}),
        ("[1]", {"invalid_json": "[1]"}),
        ('{"a', {"invalid_json": '{"a'}),
    ],
)
def test_arguments_that_are_text_are_json(emu: Emulator, model: ChatDigitalOcean, text: str, sent: Any) -> None:
    invalid = {"type": "invalid_tool_call", "name": "weather", "args": text, "id": "c1", "error": None}
    answer = AIMessage("", invalid_tool_calls=[invalid])
    model.invoke([HumanMessage("a"), answer, ToolMessage("b", tool_call_id="c1")])
    (asked,) = emu.requests[-1].json["messages"][1]["tool_calls"]
    assert json.loads(asked["function"]["arguments"], parse_constant=pytest.fail) == sent


# --- ids and reasoning ---


@pytest.mark.parametrize("ids", [["a", "a"], ["a", "a", "a_2"], ["a", "b", "a", "b"]])
def test_calls_that_share_an_id_stay_apart(emu: Emulator, model: ChatDigitalOcean, ids: list[str]) -> None:
    """Kimi, GLM and DeepSeek send such: each result goes to its call, in their order."""
    answer = AIMessage("", tool_calls=[call(id_, {"n": place}) for place, id_ in enumerate(ids)])
    results = [ToolMessage(str(place), tool_call_id=id_) for place, id_ in enumerate(ids)]
    model.invoke([HumanMessage("a"), answer, *results, HumanMessage("b")])
    messages = emu.requests[-1].json["messages"]
    sent = [one["id"] for one in messages[1]["tool_calls"]]
    assert len(set(sent)) == len(ids)
    assert {one["tool_call_id"]: one["content"] for one in messages if one["role"] == "tool"} == {
        id_: str(place) for place, id_ in enumerate(sent)
    }


@pytest.mark.parametrize("entry", ["invoke", "stream", "message"])
def test_an_empty_reasoning_goes_back(emu: Emulator, model: ChatDigitalOcean, entry: str) -> None:
    """F34: some models that think refuse an answer with calls that lacks the field."""
    function = {"name": "weather", "arguments": "{}"}
    asked = {"id": "c1", "type": "function", "function": function}
    message = {"role": "assistant", "content": None, "reasoning_content": "", "tool_calls": [asked]}
    if entry == "stream":
        choice = {"index": 0, "delta": {**message, "tool_calls": [{**asked, "index": 0}]}, "finish_reason": None}
        last = {"index": 0, "delta": {}, "finish_reason": "tool_calls"}
        emu.reply(chunks=[{"choices": [choice]}, {"choices": [last]}])
    elif entry == "invoke":
        emu.reply(message=message)
    match entry:
        case "invoke":
            answer: Any = model.invoke("a")
        case "stream":
            first, *rest = model.stream("a")
            answer = first + rest
        case _:
            answer = AIMessage("", additional_kwargs={"reasoning_content": ""}, tool_calls=[call("c1")])
    model.invoke([HumanMessage("a"), answer, ToolMessage("b", tool_call_id=answer.tool_calls[0]["id"])])
    assert emu.requests[-1].json["messages"][1]["reasoning_content"] == ""
