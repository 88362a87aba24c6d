"""Messages on their way out: every block is sent or refused, every tool result says which call it answers."""

from __future__ import annotations

import json
from typing import Any

from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)

from ._asking import CHATS, PNG, ask, asked_for, sent, turn
from ._kit import LLMKit, needs

__all__ = ["MessageTests"]

WORDS = "a memorable phrase"
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00"
PDF = b"%PDF-1.4 one page"


class MessageTests(LLMKit):
    """Blocks, roles and tool turns as requests."""

    @needs("over_http")
    def test_all_text_blocks_are_sent(self, server: Any) -> None:
        """Not only the first one."""
        llm = self.make_llm(server)
        ask(llm, "chat", [ChatMessage(blocks=[TextBlock(text="first"), TextBlock(text="second")])])
        text = json.dumps(sent(server))
        assert "first" in text
        assert "second" in text

    @needs("over_http")
    def test_every_role_is_one_of_the_apis(self, server: Any) -> None:
        """LlamaIndex has roles of other providers: chatbot and model are assistants, a developer is no user."""
        llm = self.make_llm(server)
        roles = ["developer", "user", "chatbot", "user", "model", "user"]
        ask(llm, "chat", [ChatMessage(role=role, content=role) for role in roles])
        roles = [message["role"] for message in sent(server)]
        assert roles[0] in {"developer", "system"}
        assert roles[1:] == ["user", "assistant", "user", "assistant", "user"]

    @needs("over_http", "has_images")
    def test_images_are_sent(self, server: Any) -> None:
        """From bytes and from URLs."""
        llm = self.make_llm(server)
        blocks = [TextBlock(text="See:"), ImageBlock(image=PNG), ImageBlock(url="https://example.com/a.png")]
        ask(llm, "chat", [ChatMessage(blocks=blocks)])
        parts = sent(server)[0]["content"]
        assert isinstance(parts, list), f"the images were dropped: {parts!r}"
        urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
        assert urls[0].startswith("data:image/png;base64,")
        assert urls[1] == "https://example.com/a.png"

    @needs("over_http", "has_audio")
    def test_sound_is_sent(self, server: Any) -> None:
        """As `input_audio`."""
        ask(self.make_llm(server), "chat", [ChatMessage(blocks=[AudioBlock(audio=WAV, format="wav")])])
        parts = sent(server)[0]["content"]
        assert "input_audio" in [part["type"] for part in parts if isinstance(part, dict)], f"it was dropped: {parts!r}"

    @needs("over_http", "has_documents")
    def test_documents_are_sent(self, server: Any) -> None:
        """As `file`."""
        block = DocumentBlock(data=PDF, title="a.pdf", document_mimetype="application/pdf")
        ask(self.make_llm(server), "chat", [ChatMessage(blocks=[TextBlock(text="Read:"), block])])
        parts = sent(server)[0]["content"]
        assert "file" in [part["type"] for part in parts if isinstance(part, dict)], f"it was dropped: {parts!r}"

    @needs("over_http")
    def test_nothing_is_dropped(self, server: Any) -> None:
        """A block that cannot be sent is refused by an error; one that is lost silently makes the model guess."""
        blocks: dict[str, Any] = {
            WORDS: CitableBlock(title="T", source="S", content=[TextBlock(text=WORDS)]),
            "another phrase": CitationBlock(
                cited_content=TextBlock(text="another phrase"), source="S", title="T", additional_location_info={}
            ),
            "iVBORw0KGgo": ImageBlock(image=PNG),
            "UklGR": AudioBlock(audio=WAV, format="wav"),
            "JVBERi0": DocumentBlock(data=PDF, title="a.pdf", document_mimetype="application/pdf"),
            "a.mp4": VideoBlock(url="https://example.com/a.mp4"),
        }
        for trace, block in blocks.items():
            llm = self.make_llm(server)
            before = server.posts
            try:
                ask(llm, "chat", [ChatMessage(blocks=[TextBlock(text="Look:"), block])])
            except Exception:  # noqa: BLE001, S112  any refusal will do
                continue
            assert server.posts == before + 1
            assert trace in server.requests[-1].body.decode(), f"a {type(block).__name__} was dropped silently"

    @needs("over_http")
    def test_blocks_for_one_provider_do_no_harm(self, server: Any) -> None:
        """A cache point, or thoughts in the history, may be left out, but the message arrives."""
        llm = self.make_llm(server)
        point = CachePoint(cache_control=CacheControl(type="ephemeral"))
        messages = [
            ChatMessage(blocks=[TextBlock(text=WORDS), point]),
            ChatMessage(role="assistant", blocks=[ThinkingBlock(content="hm"), TextBlock(text="Yes.")]),
            ChatMessage(content="And now?"),
        ]
        ask(llm, "chat", messages)
        first, second, _ = sent(server)
        assert WORDS in json.dumps(first)
        assert second["content"] == "Yes."

    def test_messages_that_are_given_stay_as_they_are(self, server: Any) -> None:
        """Memory and engines go on using them."""
        llm = self.make_llm(server)
        messages = [*turn(), ChatMessage(content="Thanks")]
        before = [message.model_copy(deep=True) for message in messages]
        for method in CHATS:
            ask(llm, method, messages)
            assert messages == before, method

    @needs("over_http", "has_tools")
    def test_results_say_which_call_they_answer(self, server: Any) -> None:
        """Servers refuse a tool message without its `tool_call_id`."""
        ask(self.make_llm(server), "chat", turn("call_7"))
        _, call, result = sent(server)
        assert call["tool_calls"][0]["id"] == "call_7"
        assert json.loads(call["tool_calls"][0]["function"]["arguments"]) == {"a": 41, "b": 58}
        assert result["role"] == "tool"
        assert result.get("tool_call_id") == "call_7", "the tool message has lost its tool_call_id"
        assert result["content"] == "99"

    @needs("over_http", "has_tools")
    def test_a_direct_result_is_no_tool_message(self, server: Any) -> None:
        """Agents keep the result of a `return_direct` tool as an assistant's message with a `tool_call_id`."""
        direct = ChatMessage(role="assistant", content="99", additional_kwargs={"tool_call_id": "call_1"})
        ask(self.make_llm(server), "chat", [*turn(), direct, ChatMessage(content="Thanks")])
        assert "tool_call_id" not in sent(server)[3], "an assistant's message must not have a tool_call_id"

    @needs("over_http", "has_tools")
    def test_calls_are_sent_once(self, server: Any) -> None:
        """Streamed messages hold their calls as blocks and as dicts."""
        question, call, result = turn()
        twin = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 41, "b": 58}'}}
        call.additional_kwargs["tool_calls"] = [twin]
        ask(self.make_llm(server), "chat", [question, call, result])
        assert len(sent(server)[1]["tool_calls"]) == 1

    @needs("over_http", "has_tools")
    def test_arguments_may_be_text(self, server: Any) -> None:
        """What was streamed keeps arguments as JSON text; it must not be written as JSON a second time."""
        question, _, result = turn()
        block = ToolCallBlock(tool_call_id="call_1", tool_name="add", tool_kwargs='{"a": 41, "b": 58}')
        ask(self.make_llm(server), "chat", [question, ChatMessage(role="assistant", blocks=[block]), result])
        arguments = sent(server)[1]["tool_calls"][0]["function"]["arguments"]
        assert json.loads(arguments) == {"a": 41, "b": 58}

    @needs("over_http", "has_tools", "has_images")
    def test_an_image_in_a_result_is_not_lost(self, server: Any) -> None:
        """Tools return blocks; where a tool message takes text only, the image follows in another message."""
        question, call, result = turn()
        result.blocks = [TextBlock(text="Here it is."), ImageBlock(image=PNG)]
        ask(self.make_llm(server), "chat", [question, call, result])
        assert "data:image/png;base64," in json.dumps(sent(server)), "the tool's image was dropped"

    @needs("over_http", "has_tools")
    def test_a_stored_turn_can_be_sent_again(self, server: Any) -> None:
        """From JSON, as chat stores and workflow contexts keep it."""
        llm = self.make_llm(server)
        server.reply(tool_calls=[("add", {"a": 41, "b": 58})])
        answer = asked_for(llm, "stream_chat")[-1]
        stored = json.dumps(answer.message.model_dump())
        again = ChatMessage.model_validate(json.loads(stored))
        (call,) = [block for block in again.blocks if isinstance(block, ToolCallBlock)]
        result = ChatMessage(role=MessageRole.TOOL, content="99", additional_kwargs={"tool_call_id": call.tool_call_id})
        ask(llm, "chat", [ChatMessage(content="Add 41 and 58"), again, result])
        assert [message["role"] for message in sent(server)] == ["user", "assistant", "tool"]
