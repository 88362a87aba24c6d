"""What the emulator says of a request in the words of chat completions, whichever API it was sent to."""

from __future__ import annotations

from typing import Any

import pytest
from emulator_wires import CLAUDE, HOSTED, PLACE, PLAIN_OPENAI, WireAsker

from inference_do.emulator import Emulator

FUNCTION = {"name": "get_weather", "parameters": PLACE}
CHAT: dict[str, Any] = {
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}],
    "stop": ["END"],
    "top_p": 0.5,
    "max_completion_tokens": 50,
    "tools": [{"type": "function", "function": FUNCTION}],
    "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
    "parallel_tool_calls": False,
    "stream": True,
}
REQUESTS: dict[str, dict[str, Any]] = {
    "/chat/completions": {"model": "gemma-4-31B-it", **CHAT},
    "/responses": {
        "model": PLAIN_OPENAI,
        "instructions": "Be brief.",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}],
        "stop": ["END"],
        "top_p": 0.5,
        "max_output_tokens": 50,
        "tools": [{"type": "function", **FUNCTION}],
        "tool_choice": {"type": "function", "name": "get_weather"},
        "parallel_tool_calls": False,
        "stream": True,
        "store": False,
    },
    "/messages": {
        "model": CLAUDE,
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
        "stop_sequences": ["END"],
        "top_p": 0.5,
        "max_tokens": 50,
        "tools": [{"name": "get_weather", "input_schema": PLACE}],
        "tool_choice": {"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True},
        "stream": True,
    },
}


@pytest.mark.parametrize("path", REQUESTS)
def test_a_request_is_read_as_chat_completions(path: str) -> None:
    with Emulator() as emu:
        response = WireAsker(emu, path).post(**REQUESTS[path])
        assert response.status_code == 200, response.text
        chat = emu.requests[-1].chat
    assert {name: chat[name] for name in CHAT} == CHAT
    assert chat["model"] == REQUESTS[path]["model"]


@pytest.mark.parametrize(("path", "body"), [("/messages", {}), ("/responses", {"input": 5})])
def test_what_is_no_request_of_its_api_cannot_be_read(path: str, body: dict[str, Any]) -> None:
    with Emulator() as emu:
        assert WireAsker(emu, path).post(model=HOSTED if path == "/responses" else CLAUDE, **body).status_code >= 400
        with pytest.raises(ValueError, match=rf"the request is none of /v1{path}"):
            _ = emu.requests[-1].chat
