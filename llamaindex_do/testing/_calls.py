"""The eight methods: what they return, and what they send."""

from __future__ import annotations

import json
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse, MessageRole
from llama_index.core.prompts import ChatPromptTemplate
from pydantic import BaseModel

from ._asking import METHODS, ask, last
from ._kit import LLMKit, needs

__all__ = ["CallTests"]

ANSWER = "Skagen lies at the northern end of Jutland."


class CallTests(LLMKit):
    """Chat and complete, sync and async."""

    def test_the_eight_methods_give_the_same_answer(self, server: Any) -> None:
        """Engines call any of them, and expect the whole text in the last response."""
        llm = self.make_llm(server)
        for method in METHODS:
            server.reply(ANSWER)
            answer = last(llm, method)
            if "complete" in method:
                assert isinstance(answer, CompletionResponse), method
                assert answer.text == ANSWER, method
            else:
                assert isinstance(answer, ChatResponse), method
                assert answer.message.content == ANSWER, method
                assert answer.message.role == MessageRole.ASSISTANT, method

    def test_an_empty_answer_is_an_empty_text(self, server: Any) -> None:
        """`content: null` is "" in completions, and a stream of nothing has a response all the same."""
        llm = self.make_llm(server)
        for method in METHODS:
            server.reply(None)
            answer = last(llm, method)
            text = answer.text if "complete" in method else answer.message.content or ""
            assert text == "", method

    def test_text_is_kept_as_it_is(self, server: Any) -> None:
        """White space, line ends and characters outside the basic plane arrive as they were sent."""
        llm = self.make_llm(server)
        text = "  Two\n\n  lines, “quoted”, and a 🦜\n"
        for method in METHODS:
            server.reply(text)
            answer = last(llm, method)
            assert (answer.text if "complete" in method else answer.message.content) == text, method

    @needs("over_http")
    def test_one_call_is_one_request(self, server: Any) -> None:
        """Nothing is asked twice, which would be billed twice."""
        llm = self.make_llm(server)
        for number, method in enumerate(METHODS, 1):
            ask(llm, method)
            assert server.posts == number, method

    @needs("over_http")
    def test_messages_arrive_in_order_and_with_their_roles(self, server: Any) -> None:
        """System messages stay messages; a prompt of complete() is one message of the user."""
        llm = self.make_llm(server)
        sent = [("system", "Be brief."), ("user", "Hello"), ("assistant", "Hi"), ("user", "Where is Skagen?")]
        messages = [ChatMessage(role=role, content=text) for role, text in sent]
        for method in ("chat", "stream_chat", "achat", "astream_chat"):
            ask(llm, method, messages)
            arrived = [(item["role"], item["content"]) for item in server.requests[-1].chat["messages"]]
            assert arrived == sent, method
        ask(llm, "complete")
        assert [item["role"] for item in server.requests[-1].chat["messages"]] == ["user"]

    @needs("over_http")
    def test_a_template_reaches_a_chat_model_as_messages(self, server: Any) -> None:
        """predict() flattens messages into one prompt unless `metadata.is_chat_model` is set."""
        messages = [ChatMessage(role="system", content="Be brief."), ChatMessage(content="Where is {place}?")]
        self.make_llm(server).predict(ChatPromptTemplate(messages), place="Skagen")
        arrived = [(item["role"], item["content"]) for item in server.requests[-1].chat["messages"]]
        assert arrived == [("system", "Be brief."), ("user", "Where is Skagen?")]

    @needs("over_http", "has_settings")
    def test_what_a_call_is_given_wins(self, server: Any) -> None:
        """Settings of the object are defaults; `max_tokens` and `temperature` of a call replace them."""
        llm = self.make_llm(server, temperature=0.1, max_tokens=300)
        for method in METHODS:
            ask(llm, method, temperature=0.7, max_tokens=50)
            body = server.requests[-1].chat
            limit = body.get("max_completion_tokens", body.get("max_tokens"))
            assert (body["temperature"], limit) == (0.7, 50), method

    @needs("over_http", "has_settings")
    def test_further_arguments_of_a_call_reach_the_api(self, server: Any) -> None:
        """A call can use whatever the API takes."""
        llm = self.make_llm(server)
        for method in METHODS:
            ask(llm, method, stop=["END"], top_p=0.5)
            body = server.requests[-1].chat
            assert (body.get("stop"), body.get("top_p")) == (["END"], 0.5), method

    @needs("over_http", "has_seed")
    def test_a_seed_reaches_the_api(self, server: Any) -> None:
        """A field that few have a setting for."""
        llm = self.make_llm(server)
        for method in METHODS:
            ask(llm, method, seed=7)
            assert server.requests[-1].chat.get("seed") == 7, method

    @needs("has_usage")
    def test_usage_is_told(self, server: Any) -> None:
        """Token counters read `raw["usage"]`; numbers that are missing are counted anew, and wrongly."""
        llm = self.make_llm(server)
        usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        for method in METHODS:
            server.reply(ANSWER, usage=usage)
            assert usage_of(last(llm, method)) == usage, f"{method}: usage of the last response"

    @needs("has_logprobs", "over_http")
    def test_logprobs_are_told(self, server: Any) -> None:
        """In whole answers and in the last response of a stream: one list for each token."""
        llm = self.make_llm(server)
        for method in ("chat", "achat", "stream_chat", "astream_chat"):
            server.reply("one two three")
            logprobs = last(llm, method, logprobs=True, top_logprobs=2).logprobs
            assert logprobs, f"{method}: no logprobs in the last response"
            assert "".join(token[0].token for token in logprobs) == "one two three", method

    def test_answers_can_be_stored(self, server: Any) -> None:
        """Chat stores write messages as JSON and send them again; so nothing in them may be an object of an SDK."""
        llm = self.make_llm(server)
        for method in ("chat", "stream_chat", "achat", "astream_chat"):
            server.reply(ANSWER)
            answer = last(llm, method)
            stored = json.dumps(answer.message.model_dump())
            again = ChatMessage.model_validate(json.loads(stored))
            assert again.content == ANSWER, method

    @needs("has_reasoning")
    def test_thoughts_are_blocks(self, server: Any) -> None:
        """Reasoning is a ThinkingBlock, and no part of the text."""
        llm = self.make_llm(server)
        for method in ("chat", "achat", "stream_chat", "astream_chat"):
            server.reply("Paris.", reasoning="France, so it is Paris.")
            message = last(llm, method).message
            thoughts = [block.content for block in message.blocks if block.block_type == "thinking"]
            assert thoughts == ["France, so it is Paris."], method
            assert message.content == "Paris.", method


def usage_of(response: Any) -> dict[str, int] | None:
    """Return the counts that LlamaIndex's token counter would read."""
    raw = response.raw
    usage = raw.get("usage") if isinstance(raw, dict) else getattr(raw, "usage", None)
    counts = usage.model_dump() if isinstance(usage, BaseModel) else usage or response.additional_kwargs
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    return {name: counts[name] for name in names} if names[0] in counts else None
