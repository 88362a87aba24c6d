"""Token estimates beside the counts of real tokenizers, which `token_counts.json` has with their source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from inference_do._adapters.tokens import estimate_message, estimate_tokens

FACTOR = 1.7

COUNTED = json.loads((Path(__file__).parent / "token_counts.json").read_text(encoding="utf-8"))["texts"]


@pytest.mark.parametrize("counted", COUNTED, ids=lambda counted: counted["name"])
def test_an_estimate_is_near_every_models_count(counted: dict[str, Any]) -> None:
    """H43."""
    estimate = estimate_tokens(counted["text"])
    for model, count in counted["counts"].items():
        assert count / FACTOR <= estimate <= count * FACTOR, f"{model}: {count}, estimated {estimate}"


def test_odd_texts_have_an_estimate() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("\ud83d half an emoji") > 3
    assert 1000 < estimate_tokens("word " * 2000) < 4000


def test_a_message_is_all_that_is_sent_with_it() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bonn"}'}}
    plain = estimate_message({"role": "assistant", "content": "Rain."})
    thought = estimate_message({"role": "assistant", "content": "Rain.", "reasoning_content": "I look it up."})
    assert thought == plain + estimate_tokens("I look it up.")
    assert estimate_message({"content": None, "tool_calls": [call]}) > 8
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 9000}}
    assert estimate_message({"content": [{"type": "text", "text": "Rain."}, image]}) == plain + 85
