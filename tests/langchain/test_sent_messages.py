"""What the emulator has recorded, as LangChain's messages: sent again, they are the same request."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_do import ChatDigitalOcean
from langchain_do.testing import sent_messages

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
HISTORY = [
    SystemMessage("Be brief."),
    HumanMessage("How is the weather?"),
    AIMessage("", tool_calls=[{"name": "get_weather", "args": {"city": "Paris"}, "id": "call_1"}]),
    ToolMessage("sunny", tool_call_id="call_1"),
    HumanMessage(
        [{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]
    ),
]


@pytest.mark.parametrize("api", ["chat_completions", "responses", "messages"])
def test_a_history_is_read_back(emu, api):
    model = {
        "chat_completions": "gemma-4-31B-it",
        "responses": "openai-gpt-5.4",
        "messages": "anthropic-claude-opus-4.6",
    }[api]
    chat = ChatDigitalOcean(model=model, api=api, base_url=emu.base_url, api_key=emu.api_key)
    chat.invoke(HISTORY)
    messages = sent_messages(emu.requests[-1])
    assert [type(message) for message in messages] == [type(message) for message in HISTORY]
    assert messages[0].text == "Be brief."
    assert messages[2].tool_calls[0]["args"] == {"city": "Paris"}
    assert messages[3].tool_call_id == messages[2].tool_calls[0]["id"]
    chat.invoke(messages)
    first, second = emu.requests
    assert second.messages == first.messages
