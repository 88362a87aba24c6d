"""Whole answers: the four methods that do not stream, and what a response holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from llama_index.core.base.llms.base import BaseLLM
from llama_index.core.base.llms.types import ChatMessage, TextBlock, ThinkingBlock, ToolCallBlock
from llama_index.core.llms import LLM
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.prompts import PromptTemplate

from inference_do import model_info
from llamaindex_do import DigitalOcean

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference_do.emulator import Emulator

    Make = Callable[..., DigitalOcean]

HELLO = [ChatMessage(content="Hello, world")]


def test_it_is_a_function_calling_llm() -> None:
    assert issubclass(DigitalOcean, FunctionCallingLLM)
    assert BaseLLM in DigitalOcean.__mro__
    assert DigitalOcean.class_name() == "DigitalOcean_LLM"


def test_chat_returns_the_answer(llm: DigitalOcean, emu: Emulator) -> None:
    response = llm.chat([ChatMessage(role="system", content="Be kind."), *HELLO])
    assert response.message.role == "assistant"
    assert response.message.blocks == [TextBlock(text="You said: Hello, world")]
    assert response.message.additional_kwargs == {}
    assert emu.requests[0].json == {
        "model": "gemma-4-31B-it",
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello, world"}],
    }


async def test_achat_returns_the_same_answer(llm: DigitalOcean, emu: Emulator) -> None:
    response = await llm.achat(HELLO)
    assert response.message == llm.chat(HELLO).message
    assert emu.requests[0].json == emu.requests[1].json
    await llm.aclose()


def test_complete_returns_text(llm: DigitalOcean, emu: Emulator) -> None:
    response = llm.complete("Hello, world")
    assert response.text == str(response) == "You said: Hello, world"
    assert response.additional_kwargs["finish_reason"] == "stop"
    assert response.raw["usage"]["completion_tokens"] == response.additional_kwargs["completion_tokens"] > 0
    assert emu.requests[0].json["messages"] == [{"role": "user", "content": "Hello, world"}]


async def test_acomplete_returns_text(llm: DigitalOcean) -> None:
    assert (await llm.acomplete("Hello, world")).text == "You said: Hello, world"
    await llm.aclose()


def test_completion_to_prompt_is_applied_to_unformatted_prompts(make: Make, emu: Emulator) -> None:
    llm = make(completion_to_prompt=lambda prompt: f"<{prompt}>")
    llm.complete("a")
    llm.complete("b", formatted=True)
    assert [request.json["messages"][0]["content"] for request in emu.requests] == ["<a>", "b"]


def test_usage_finish_reason_and_request_id_are_beside_the_message(llm: DigitalOcean, emu: Emulator) -> None:
    emu.reply("Hi.", usage={"prompt_tokens": 11, "completion_tokens": None, "total_tokens": 11})
    response = llm.chat(HELLO)
    assert response.raw["usage"]["prompt_tokens"] == 11
    assert response.raw["usage"]["completion_tokens"] == 0  # null would break LlamaIndex's sums
    assert response.additional_kwargs["prompt_tokens"] == 11
    assert response.additional_kwargs["finish_reason"] == "stop"
    assert response.additional_kwargs["request_id"]
    assert isinstance(response.raw, dict)


def test_cached_and_reasoning_tokens_are_counted(llm: DigitalOcean, emu: Emulator) -> None:
    emu.reply(
        "Hi.",
        reasoning="Hm.",
        usage={
            "prompt_tokens": 20,
            "completion_tokens": 9,
            "total_tokens": 29,
            "prompt_tokens_details": {"cached_tokens": 16},
            "completion_tokens_details": {"reasoning_tokens": 7},
        },
    )
    response = llm.chat(HELLO)
    assert response.additional_kwargs["cached_tokens"] == 16
    assert response.additional_kwargs["reasoning_tokens"] == 7
    assert response.message.blocks[0] == ThinkingBlock(content="Hm.", num_tokens=7)


def test_thoughts_come_first_and_are_no_content(llm: DigitalOcean, emu: Emulator) -> None:
    emu.reply("Paris.", reasoning="France, so Paris.")
    message = llm.chat(HELLO).message
    assert [type(block) for block in message.blocks] == [ThinkingBlock, TextBlock]
    assert message.content == "Paris."


def test_tool_calls_are_blocks_and_dicts(llm: DigitalOcean, emu: Emulator) -> None:
    emu.reply("I'll look.", reasoning="Hm.", tool_calls=[("get_weather", {"city": "Paris"}), ("now", "")])
    message = llm.chat(HELLO).message
    assert [type(block) for block in message.blocks] == [ThinkingBlock, TextBlock, ToolCallBlock, ToolCallBlock]
    weather, now = message.blocks[2:]
    assert (weather.tool_name, weather.tool_kwargs) == ("get_weather", {"city": "Paris"})
    assert now.tool_kwargs == {}
    first = message.additional_kwargs["tool_calls"][0]
    assert first["id"] == weather.tool_call_id
    assert first["function"]["name"] == "get_weather"
    assert isinstance(first["function"]["arguments"], str)


def test_empty_content_is_an_empty_text(llm: DigitalOcean, emu: Emulator) -> None:
    emu.reply(message={"role": "assistant", "content": None, "refusal": None})
    assert llm.complete("x").text == ""
    emu.reply(message={"role": "assistant", "content": None, "refusal": None})
    assert llm.chat(HELLO).message.content == ""


def test_a_refusal_is_the_text_and_is_marked(llm: DigitalOcean, emu: Emulator) -> None:
    emu.reply(message={"role": "assistant", "content": None, "refusal": "I must not."})
    response = llm.chat(HELLO)
    assert response.message.content == "I must not."
    assert response.additional_kwargs["refusal"] == "I must not."


def test_logprobs_have_the_chosen_token_first(llm: DigitalOcean) -> None:
    response = llm.chat(HELLO, logprobs=True, top_logprobs=2)
    assert response.logprobs
    assert "".join(candidates[0].token for candidates in response.logprobs) == response.message.content
    assert all(
        len({candidate.token for candidate in candidates}) == len(candidates) for candidates in response.logprobs
    )


def test_all_choices_are_in_raw(llm: DigitalOcean) -> None:
    assert len(llm.chat(HELLO, n=3).raw["choices"]) == 3


def test_predict_sends_the_system_prompt_as_a_message(make: Make, emu: Emulator) -> None:
    llm: LLM = make(system_prompt="Be brief.")
    llm.predict(PromptTemplate("Say {what}"), what="hi")
    assert emu.requests[0].json["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Say hi"},
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"context_window": 256_000, "num_output": 256, "is_function_calling_model": True}),
        ({"context_window": 1000, "max_tokens": 900}, {"context_window": 1000, "num_output": 250}),
        ({"max_tokens": 512}, {"num_output": 512}),
        ({"num_output": 77}, {"num_output": 77}),
        ({"model": "no-such-model"}, {"context_window": 32_768, "is_function_calling_model": True}),
        ({"is_function_calling_model": False}, {"is_function_calling_model": False}),
    ],
)
def test_metadata(make: Make, options: dict, expected: dict) -> None:
    metadata = make(**options).metadata
    assert metadata.is_chat_model
    assert metadata.system_role == "system"
    assert {name: getattr(metadata, name) for name in expected} == expected


def test_no_models_limit_is_reported_as_num_output(make: Make) -> None:
    for model in ("openai-gpt-4.1", "anthropic-claude-opus-4.5", "gemma-4-31B-it"):
        assert make(model=model).metadata.num_output == 256
        assert make(model=model).metadata.context_window == model_info(model).context_window


def test_metadata_follows_the_model(llm: DigitalOcean) -> None:
    llm.model = "openai-gpt-4o"
    assert llm.metadata.context_window == 128_000
    assert llm.metadata.model_name == "openai-gpt-4o"


def test_a_closed_model_opens_new_connections(llm: DigitalOcean, emu: Emulator) -> None:
    llm.chat(HELLO)
    llm.close()
    llm.chat(HELLO)
    assert emu.posts == emu.connections == 2


def test_calls_share_a_connection(llm: DigitalOcean, emu: Emulator) -> None:
    for _ in range(3):
        llm.chat(HELLO)
        list(llm.stream_chat(HELLO))
    assert (emu.posts, emu.connections) == (6, 1)
