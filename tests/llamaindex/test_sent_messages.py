"""What the emulator has recorded, as LlamaIndex's messages: sent again, they are the same request."""

from __future__ import annotations

import base64

import pytest
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock, ToolCallBlock

from llamaindex_do import DigitalOcean
from llamaindex_do.testing import sent_messages

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
CALL = ToolCallBlock(tool_call_id="call_1", tool_name="get_weather", tool_kwargs={"city": "Paris"})
HISTORY = [
    ChatMessage("Be brief.", role="system"),
    ChatMessage("How is the weather?", role="user"),
    ChatMessage(role="assistant", blocks=[CALL]),
    ChatMessage("sunny", role="tool", additional_kwargs={"tool_call_id": "call_1"}),
    ChatMessage(
        role="user",
        blocks=[TextBlock(text="Look:"), ImageBlock(image=base64.b64decode(PNG), image_mimetype="image/png")],
    ),
]


@pytest.mark.parametrize("api", ["chat_completions", "responses", "messages"])
def test_a_history_is_read_back(emu, api):
    model = {
        "chat_completions": "gemma-4-31B-it",
        "responses": "openai-gpt-5.4",
        "messages": "anthropic-claude-opus-4.6",
    }[api]
    llm = DigitalOcean(model=model, api=api, base_url=emu.base_url, api_key=emu.api_key)
    llm.chat(HISTORY)
    messages = sent_messages(emu.requests[-1])
    assert [message.role for message in messages] == [message.role for message in HISTORY]
    assert messages[0] == HISTORY[0]
    [call] = messages[2].blocks
    assert call.tool_name == "get_weather"
    assert messages[3].additional_kwargs["tool_call_id"] == call.tool_call_id
    assert [type(block) for block in messages[4].blocks] == [TextBlock, ImageBlock]
    llm.chat(messages)
    first, second = emu.requests
    assert second.messages == first.messages
