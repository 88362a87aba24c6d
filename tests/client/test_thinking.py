"""Reasoning, over HTTP: asked for, shown, counted, and what happens when it eats the whole answer."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from client_kit import chat
from client_modes import EVERY_CALL

from inference_do import EmptyAnswerWarning

SHOWING = ["kimi-k3", "qwen3.8-max", "openai-gpt-oss-120b", "deepseek-v4-pro", "glm-5.2", "minimax-m2.5"]
SILENT = ["openai-gpt-5", "openai-o3", "openai-gpt-5.6-sol"]


def thoughts(answer: Any) -> str:
    return answer.choices[0].message.reasoning_content or ""


@EVERY_CALL
@pytest.mark.parametrize("model", SHOWING)
def test_models_that_show_their_thoughts(emu, ask, model):
    answer = ask(emu, model=model)
    assert thoughts(answer).startswith("The last message is from the user")
    assert answer.text == "You said: Say hello"
    assert 0 < answer.usage.reasoning_tokens < answer.usage.output_tokens


@EVERY_CALL
@pytest.mark.parametrize("model", SILENT)
def test_models_that_bill_thoughts_and_keep_them(emu, ask, model):
    answer = ask(emu, model=model)
    assert not thoughts(answer)
    assert 0 < answer.usage.reasoning_tokens < answer.usage.output_tokens


@EVERY_CALL
def test_claude_thinks_when_asked_and_the_newer_ones_always(emu, ask):
    assert not thoughts(ask(emu, model="anthropic-claude-opus-4.6"))
    assert thoughts(ask(emu, model="anthropic-claude-opus-4.6", reasoning_effort="low"))
    assert thoughts(ask(emu, model="anthropic-claude-opus-4.6", reasoning={"max_tokens": 200}))
    assert thoughts(ask(emu, model="anthropic-claude-opus-5"))


@EVERY_CALL
@pytest.mark.parametrize(
    "off",
    [
        {"reasoning_effort": "none"},
        {"reasoning": {"effort": "none"}},
        {"chat_template_kwargs": {"enable_thinking": False}},
        {"extra_body": {"chat_template_kwargs": {"enable_thinking": False}}},
    ],
    ids=["effort", "reasoning", "switch", "switch in extra_body"],
)
def test_thinking_can_be_turned_off(emu, ask, off):
    answer = ask(emu, model="kimi-k2.5" if "reasoning_effort" not in off else "qwen3.8-max", **off)
    assert not thoughts(answer)
    assert answer.usage.reasoning_tokens == 0


def test_more_effort_thinks_longer_and_a_budget_bounds_it(emu):
    low, high = (chat(emu, model="kimi-k3", reasoning_effort=effort) for effort in ("low", "high"))
    assert low.usage.reasoning_tokens < high.usage.reasoning_tokens
    bounded = chat(emu, model="kimi-k3", reasoning={"effort": "high", "max_tokens": 5})
    assert bounded.usage.reasoning_tokens == 5
    assert bounded.text == "You said: Say hello"
    claude = chat(emu, model="anthropic-claude-opus-4.6", reasoning_effort="low", max_completion_tokens=40)
    assert claude.usage.reasoning_tokens == 8  # a fifth of the limit
    assert claude.text == "You said: Say hello"


@EVERY_CALL
@pytest.mark.parametrize("model", [*SHOWING[:2], *SILENT[:1], "anthropic-claude-opus-5"])
def test_an_answer_that_was_all_thinking_is_delivered_with_a_warning(emu, ask, model):
    with pytest.warns(EmptyAnswerWarning) as reported:
        answer = ask(emu, model=model, max_tokens=5)
    assert (answer.choices[0].finish_reason, answer.text) == ("length", "")
    [warning] = reported
    assert f"model '{model}' used all tokens that it was allowed (max_completion_tokens=5; 5 were spent)" in str(
        warning.message
    )
    assert "Raise max_completion_tokens" in str(warning.message)


@EVERY_CALL
def test_a_limit_of_the_apis_own_is_named_as_that(emu, ask):
    emu.reply(message={"content": None}, finish_reason="length", usage={"prompt_tokens": 1})
    with pytest.warns(EmptyAnswerWarning, match="as no max_completion_tokens was given"):
        ask(emu, model="kimi-k3")


@EVERY_CALL
def test_a_model_that_does_not_think_gives_no_reason_to_warn(emu, ask):
    emu.reply(message={"content": None}, finish_reason="length")
    assert ask(emu, model="gemma-4-31B-it").text == ""


@EVERY_CALL
@pytest.mark.parametrize(
    ("message", "finish"),
    [
        ({"content": "cut o"}, "length"),
        ({"content": None}, "stop"),
        ({"content": None, "refusal": "no"}, "length"),
        ({"content": None, "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}, "length"),
    ],
    ids=["text", "stop", "refusal", "call"],
)
def test_other_answers_are_no_reason_to_warn(emu, ask, message, finish):
    emu.reply(message=message, finish_reason=finish)
    with warnings.catch_warnings():
        warnings.simplefilter("error", EmptyAnswerWarning)
        ask(emu, model="kimi-k3")
