"""Prompt caching by family, over HTTP: what is read, what is written, and that input always includes both."""

from __future__ import annotations

from typing import Any

import pytest
from client_kit import make

from inference_do import Tokens, Usage, estimate_cost

LONG = "The droplet is a virtual machine. " * 200
MARK = {"cache_control": {"type": "ephemeral", "ttl": "5m"}}


def ask(emu: Any, model: str, *, streamed: bool, marked: bool = False) -> Tokens:
    rules: Any = [{"type": "text", "text": LONG, **MARK}] if marked else LONG
    messages = [{"role": "system", "content": rules}, {"role": "user", "content": "What is a droplet?"}]
    with make(emu) as client:
        if streamed:
            return Tokens.of(client.stream(model=model, messages=messages).completion().usage)
        return Tokens.of(client.chat(model=model, messages=messages).usage)


@pytest.mark.parametrize("streamed", [False, True])
def test_claude_writes_what_is_marked_and_reads_it_again(emu, streamed):
    first, second = (ask(emu, "anthropic-claude-opus-4.6", streamed=streamed, marked=True) for _ in range(2))
    assert first.created > 1024
    assert (first.cached, second.cached, second.created) == (0, first.created, 0)
    assert first.input == second.input > first.created
    wire = ask(emu, "anthropic-claude-opus-4.6", streamed=streamed)
    assert (wire.cached, wire.created) == (0, 0)
    paid, again = (estimate_cost("anthropic-claude-opus-4.6", tokens).total or 0 for tokens in (first, second))
    assert again < paid


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("model", ["openai-gpt-4.1", "deepseek-v4-pro", "qwen3.8-max"])
def test_others_read_by_themselves(emu, model, streamed):
    first, second = (ask(emu, model, streamed=streamed) for _ in range(2))
    assert (first.cached, first.created, second.created) == (0, 0, 0)
    assert 1024 < second.cached <= second.input == first.input


def test_a_model_without_a_cache_reads_nothing_and_reset_forgets(emu):
    assert [ask(emu, "llama3.3-70b-instruct", streamed=False).cached for _ in range(2)] == [0, 0]
    ask(emu, "openai-gpt-4.1", streamed=False)
    emu.reset()
    assert ask(emu, "openai-gpt-4.1", streamed=False).cached == 0


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 14, "cache_read_input_tokens": 1043}, 1057),
        ({"prompt_tokens": 14, "cache_read_input_tokens": 1000, "cache_created_input_tokens": 43}, 1057),
        ({"prompt_tokens": 4491, "prompt_tokens_details": {"cached_tokens": 4483}}, 4491),
        ({"prompt_tokens": 4491, "cache_read_input_tokens": 4483, "completion_tokens": 9, "total_tokens": 4500}, 4491),
        ({"prompt_tokens": 2000, "cache_read_input_tokens": 1000, "completion_tokens": 9, "total_tokens": 3009}, 3000),
        ({"prompt_tokens": 43, "completion_tokens": 8, "total_tokens": 51}, 43),
        ({}, 0),
    ],
)
def test_input_always_includes_what_was_cached(usage, expected):
    assert Usage.model_validate(usage).input_tokens == expected
