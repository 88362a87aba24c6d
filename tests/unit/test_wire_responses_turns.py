"""An assistant's turn, and what goes back in it, as input items of `/responses`."""

from __future__ import annotations

import logging

import pytest
from responses_kit import MODEL

from inference_do._wires.responses import Responses

HI = {"role": "user", "content": "Hi"}


def items(*messages, **params):
    return Responses(MODEL).body({"model": MODEL, "messages": list(messages), **params})["input"]


def text_item(role, text):
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def call(id_, name="f", arguments="{}"):
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def call_item(id_, name="f", arguments="{}"):
    return {"type": "function_call", "call_id": id_, "name": name, "arguments": arguments}


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        ({"content": "Hi"}, [text_item("assistant", "Hi")]),
        ({"content": [{"type": "text", "text": "Hi"}]}, [text_item("assistant", "Hi")]),
        (
            {"content": None, "refusal": "No."},
            [{"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}],
        ),
        (
            {"content": [{"type": "refusal", "refusal": "No."}]},
            [{"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}],
        ),
        ({"content": ""}, []),
        (
            {"content": "I look.", "tool_calls": [call("a"), call("b")]},
            [text_item("assistant", "I look."), call_item("a"), call_item("b")],
        ),
        ({"content": None, "tool_calls": [call("a", arguments=' {"x": 1}\n')]}, [call_item("a", arguments='{"x": 1}')]),
        ({"tool_calls": [call("a", arguments="")]}, [call_item("a")]),
        ({"tool_calls": [call("a", arguments={"x": 1})]}, [call_item("a", arguments='{"x":1}')]),
    ],
)
def test_assistant(message, sent):
    assert items(HI, {"role": "assistant", **message})[1:] == sent


def entry(kind, index, **fields):
    return {"type": f"reasoning.{kind}", "format": "responses", "model": MODEL, "index": index, **fields}


def thought(*details, **message):
    return {"role": "assistant", "reasoning_details": list(details), **message}


def test_reasoning_stands_before_its_calls():
    message = thought(
        entry("summary", 0, id="rs_1", summary="One."),
        entry("summary", 1, id="rs_1", summary="Two."),
        entry("encrypted", 2, id="rs_1", data="gAAA"),
        tool_calls=[call("a")],
    )
    reasoning = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "One."}, {"type": "summary_text", "text": "Two."}],
        "encrypted_content": "gAAA",
    }
    assert items(message) == [reasoning, call_item("a")]


def test_interleaved_reasoning_keeps_its_place():
    message = thought(
        entry("encrypted", 0, id="rs_1", data="A"),
        entry("encrypted", 2, id="rs_2", data="B", after=2),
        entry("encrypted", 1, data="C"),
        content="Text.",
        tool_calls=[call("a"), call("b")],
        server_tool_calls=[
            {"type": "web_search_call", "id": "ws_1", "format": "responses", "model": MODEL, "index": 3, "after": 2}
        ],
    )
    order = [item.get("encrypted_content") or item.get("call_id") or item["type"] for item in items(message)]
    assert order == ["A", "C", "message", "a", "B", "web_search_call", "b"]


def test_thinking_of_a_hosted_model_goes_back_as_its_text_and_without_an_id():
    message = thought(entry("text", 0, id="8759", text=" I think."), tool_calls=[call("a")])
    content = [{"type": "reasoning_text", "text": " I think."}]
    assert items(message) == [{"type": "reasoning", "summary": [], "content": content}, call_item("a")]
    assert items(message, store=True)[0]["id"] == "8759"


def test_entries_without_ids_are_items_by_their_ends():
    message = thought(
        entry("summary", 0, summary="x"), entry("encrypted", 1, data="A"), entry("encrypted", 2, data="B"), content="c"
    )
    assert [len(item.get("summary", ())) for item in items(message)] == [1, 0, 0]


@pytest.mark.parametrize(
    "foreign",
    [
        {"format": "messages"},
        {"format": None},
        {"model": "openai-gpt-5.5"},
    ],
)
def test_foreign_parts_are_left_out_with_a_line_in_the_log(foreign, caplog):
    message = thought(
        {**entry("encrypted", 0, data="gAAA"), **foreign},
        content="Hi",
        tool_calls=[call("a")],
        server_tool_calls=[{"type": "web_search_call", "format": "responses", "model": MODEL, "index": 1, **foreign}],
        reasoning_content="thinking",
    )
    with caplog.at_level(logging.DEBUG, "inference_do"):
        assert items(message) == [text_item("assistant", "Hi"), call_item("a")]
    assert [record.levelname for record in caplog.records] == ["DEBUG", "DEBUG"]
    assert "messages[0]: a reasoning.encrypted of another wire or model is left out" in caplog.text
    assert "gAAA" not in caplog.text


@pytest.mark.parametrize("junk", ["x", None, 7, {"type": "reasoning.text"}, entry("text", 0, text=5), entry("new", 0)])
def test_parts_of_no_known_form_are_left_out(junk):
    assert items(thought(junk, content="Hi")) == [text_item("assistant", "Hi")]


def test_reasoning_that_led_to_nothing_is_left_out():
    assert items(HI, thought(entry("encrypted", 0, data="A"), content=""), HI) == [text_item("user", "Hi")] * 2


def test_a_server_tools_call_goes_back_unchanged():
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "q"}}
    message = thought(
        content="Found.", server_tool_calls=[{**search, "format": "responses", "model": MODEL, "index": 0}]
    )
    assert items(message) == [search, text_item("assistant", "Found.")]


def test_phase_and_namespace_go_back():
    details = [
        {"type": "responses.item", "item": {"type": "message", "phase": "commentary"}},
        {"type": "responses.item", "item": {"type": "function_call", "call_id": "a", "namespace": "crm"}},
        {"type": "responses.item", "item": None},
    ]
    marks = {"format": "responses", "model": MODEL}
    message = thought(
        *({**each, **marks, "index": n} for n, each in enumerate(details)), content="Hi", tool_calls=[call("a")]
    )
    assert items(message) == [
        {**text_item("assistant", "Hi"), "phase": "commentary"},
        {**call_item("a"), "namespace": "crm"},
    ]
