"""What a system message asks for in words, the emulator's model does on each API as if a field had asked for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from inference_do import Client
from inference_do.emulator import Emulator

ON_EACH = pytest.mark.parametrize(
    ("api", "model"),
    [
        ("chat_completions", "openai-gpt-6-1-sol"),
        ("responses", "openai-gpt-6-1-sol"),
        ("messages", "anthropic-claude-haiku-4.5"),
    ],
)
SUM = {"name": "Sum", "parameters": {"type": "object", "properties": {"total": {"type": "integer"}}}}
CITY = {"name": "City", "parameters": {"type": "object", "properties": {"name": {"type": "string"}}}}
TOOLS = [{"type": "function", "function": function} for function in (CITY, SUM)]


@pytest.fixture
def client() -> Iterator[Client]:
    with Emulator() as emu, Client(emu.api_key, base_url=emu.base_url) as client:
        yield client


def asked(words: Any) -> list[Any]:
    return [{"role": "system", "content": words}, {"role": "user", "content": "How much is one and one?"}]


@ON_EACH
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Call the tool Sum.", ["Sum"]),
        ("Be brief.\nCall the tool `Sum`", ["Sum"]),
        ([{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Call the tool Sum."}], ["Sum"]),
        ("Call one of the tools.", ["City"]),
        ("Call the tool Product.", []),
        ("Do not call the tool Sum.", []),
    ],
    ids=str,
)
def test_a_choice_of_tools_in_words(client: Client, api: Any, model: str, words: Any, expected: list[str]) -> None:
    answer = client.chat(model=model, api=api, messages=asked(words), tools=TOOLS)
    assert [call.function.name for call in answer.choices[0].message.tool_calls or ()] == expected


@ON_EACH
def test_what_was_called_is_not_called_again(client: Client, api: Any, model: str) -> None:
    messages = asked("Call the tool Sum.")
    answer = client.chat(model=model, api=api, messages=messages, tools=TOOLS).choices[0].message
    (call,) = answer.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": "2"}
    again = client.chat(model=model, api=api, messages=[*messages, answer, result], tools=TOOLS)
    assert again.text == "The answer is: 2"


@ON_EACH
@pytest.mark.parametrize("form", [None, {"type": "json_object"}], ids=str)
def test_json_in_words(client: Client, api: Any, model: str, form: Any) -> None:
    words = "Answer with one JSON object and nothing else. Its keys are `total` and `unit`."
    answer = client.chat(model=model, api=api, messages=asked(words), response_format=form)
    assert json.loads(answer.text).keys() == {"total", "unit"}
