"""What of the user's has no place in a request is a warning in the log, which shows nothing of the content."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from inference_do.emulator import Emulator
from langchain_do import ChatDigitalOcean

Make = Callable[..., ChatDigitalOcean]

MARK = {"type": "ephemeral"}
TOOL = {"name": "look", "description": "d", "input_schema": {"type": "object"}, "cache_control": MARK}
SAID = "a-sentence-that-no-log-shows"
MARKED = {"type": "text", "text": SAID, "cache_control": MARK}
PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{SAID}"}}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": SAID}


@pytest.mark.parametrize(
    ("messages", "given", "expected"),
    [
        ([SystemMessage([MARKED])], {}, "messages[0].content[0]: cache_control is left out"),
        ([HumanMessage(["hi", {"cachePoint": {"type": "default"}}])], {}, "a cache point of Bedrock has no form here"),
        ([HumanMessage("hi")], {"cache_control": MARK}, "cache_control is left out: model 'llama3.3-70b-instruct'"),
        ([HumanMessage("hi")], {"tools": [TOOL]}, "cache_control is left out: model 'llama3.3-70b-instruct'"),
        (
            [HumanMessage("hi"), AIMessage([PICTURE])],
            {},
            "messages[1].content[0]: 'image_url' of an answer has no form",
        ),
    ],
)
def test_what_was_left_out_is_a_warning(
    make: Make, caplog: pytest.LogCaptureFixture, messages: list[Any], given: dict[str, Any], expected: str
) -> None:
    make().invoke([*messages, HumanMessage("And?")], **given)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("inference_do", logging.WARNING)
    assert expected in record.getMessage()
    assert SAID not in record.getMessage()


def test_parts_of_another_api_and_what_is_sent_in_another_form_are_no_warning(
    make: Make, emu: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "inference_do.emulator")
    caplog.set_level(logging.DEBUG, "inference_do")
    calls = [{"name": "look", "args": {}, "id": "call_1"}]
    result = ToolMessage([{"type": "json", "json": {"a": SAID}}], tool_call_id="call_1")
    make(model="openai-gpt-5.4", api="responses").invoke(
        [HumanMessage(SAID), AIMessage([THOUGHT], tool_calls=calls), result]
    )
    assert SAID in str(emu.requests[-1].json)
    records = [record for record in caplog.records if record.name == "inference_do"]
    assert {record.levelno for record in records} == {logging.DEBUG}
    assert SAID not in "".join(record.getMessage() for record in records)
