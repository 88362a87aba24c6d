"""What is known of models."""

from __future__ import annotations

from typing import Any

import pytest

from inference_do.models import ModelInfo, closest_models, known_models, model_info

KINDS = {"chat", "embedding", "router", "rerank", "image", "tts", "video", "audio", "stt"}


def test_an_unknown_model_has_only_unknowns():
    assert model_info("nobody/knows:it") == ModelInfo(id="nobody/knows:it")
    assert not model_info("").is_known


def test_a_known_model():
    info = model_info("llama3.3-70b-instruct")
    assert info.is_known
    assert (info.kind, info.id, info.is_router) == ("chat", "llama3.3-70b-instruct", False)
    assert info.context_window is not None
    assert info.context_window >= 8192


def test_ids_are_case_sensitive():
    assert not model_info("LLAMA3.3-70B-INSTRUCT").is_known


def test_routers_are_known_by_their_prefix():
    assert model_info("router:mine").is_router


@pytest.mark.parametrize("info", known_models().values(), ids=known_models())
def test_every_entry_makes_sense(info):
    assert info.id in known_models()
    assert info.kind in KINDS or "router" in str(info.kind) or info.kind
    counts: list[Any] = [info.context_window, info.max_output_tokens, info.catalog_max_output_tokens, info.dimensions]
    assert all(isinstance(count, int | None) and (count is None or count > 0) for count in counts)
    prices = [info.input_price, info.output_price, info.cache_read_price, info.cache_write_price]
    assert all(price is None or 0 <= price < 1000 for price in prices)
    assert all(isinstance(flag, bool | None) for flag in (info.tools, info.vision, info.reasoning, info.temperature))
    hash(info)


def test_the_table_is_read_once_and_cannot_be_changed():
    assert known_models() is known_models()
    with pytest.raises(TypeError):
        known_models()["x"] = ModelInfo(id="x")  # type: ignore[index]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("llama3-70b-instruct", "llama3.3-70b-instruct"), ("gemma-4-31b-it", "gemma-4-31B-it"), ("bge-m", "bge-m3")],
)
def test_the_closest_models(wrong, right):
    assert right in closest_models(wrong)


def test_nothing_is_close_to_nonsense():
    assert closest_models("qqqqqqqqqqqqqqqq") == []
    assert len(closest_models("openai-gpt", limit=2)) <= 2
