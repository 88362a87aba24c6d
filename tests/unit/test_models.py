"""What is known of models, and how users put it right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from inference_do import ConfigError, Tokens, estimate_cost
from inference_do import models as module
from inference_do.catalogue import as_text, from_listing
from inference_do.models import ModelInfo, PriceTier, closest_models, known_models, model_info, register_model

KINDS = {"chat", "embedding", "router", "rerank", "image", "tts", "video", "guardrail", "systemone"}
KINDS |= {"async-audio", "async-image"}


@pytest.fixture
def _undone():
    """Forget what a test registered."""
    yield
    module._REGISTERED.clear()
    known_models.cache_clear()


def test_an_unknown_model_has_only_unknowns():
    assert model_info("nobody/knows:it") == ModelInfo(id="nobody/knows:it")
    assert not model_info("").is_known


def test_a_known_model():
    info = model_info("llama3.3-70b-instruct")
    assert info.is_known
    assert (info.kind, info.id, info.is_router) == ("chat", "llama3.3-70b-instruct", False)
    assert (info.context_window, info.max_output_tokens) == (128_000, 128_000)
    assert (info.input_price, info.date_of("input_price")) == (0.65, "2026-07-02")


def test_ids_are_case_sensitive():
    assert not model_info("LLAMA3.3-70B-INSTRUCT").is_known


def test_routers_are_known_by_their_prefix():
    mine = model_info("router:mine")
    assert (mine.is_router, mine.is_known, mine.kind, mine.context_window) == (True, True, "router", None)


def test_what_is_known_of_a_family_holds_for_ids_that_are_not_listed():
    info = model_info("anthropic-claude-of-tomorrow")
    assert (info.is_known, info.cache_control, info.images_on_chat, info.vision) == (False, True, False, None)
    assert model_info("openai-gpt-7").cache_retention is True
    assert model_info("openai-gpt-oss-500b").cache_retention is False


def test_what_is_read_line_by_line_is_what_the_file_says():
    text = Path(module.__file__).with_name("_models.json").read_text(encoding="utf-8")
    data = json.loads(text)
    shipped = module._shipped()
    assert shipped.families == data["families"]
    assert {id_: shipped.facts_of(id_) for id_ in shipped.models} == data["models"]
    assert shipped.facts_of("nobody/knows:it") == {}
    assert as_text(data["models"], data["families"]) == text


@pytest.mark.parametrize("info", known_models().values(), ids=known_models())
def test_every_entry_makes_sense(info):
    assert info.id in known_models()
    assert info.kind in KINDS
    counts: list[Any] = [info.context_window, info.max_output_tokens, info.catalog_max_output_tokens, info.dimensions]
    assert all(isinstance(count, int | None) and (count is None or count > 0) for count in counts)
    prices = [info.input_price, info.output_price, info.cache_read_price, info.cache_write_price]
    assert all(price is None or 0 <= price < 1000 for price in prices)
    assert all(isinstance(flag, bool | None) for flag in (info.tools, info.vision, info.reasoning, info.temperature))
    assert all(tier.above > 0 and tier.input_price >= info.input_price for tier in info.price_tiers)
    assert info.endpoints
    assert info.date_of("context_window")
    assert info.input_price is None or info.date_of("input_price")
    assert not info.listed or info.date_of("listed") == "2026-08-21"
    hash(info)


def test_there_are_as_many_as_were_recorded():
    kinds = [info.kind for info in known_models().values()]
    assert (len(kinds), kinds.count("chat"), kinds.count("embedding"), kinds.count("router")) == (108, 84, 6, 5)
    assert sum(info.listed for info in known_models().values()) == 72


def test_the_table_is_read_once_and_cannot_be_changed():
    assert known_models() is known_models()
    with pytest.raises(TypeError):
        known_models()["x"] = ModelInfo(id="x")  # type: ignore[index]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("llama3-70b-instruct", "llama3.3-70b-instruct"),
        ("gemma-4-31b-it", "gemma-4-31B-it"),
        ("bge-m", "bge-m3"),
        ("anthropic-claude-sonnet-4.6", "anthropic-claude-4.6-sonnet"),
        ("claude_opus_4.6", "anthropic-claude-opus-4.6"),
        ("GPT-4O-MINI", "openai-gpt-4o-mini"),
    ],
)
def test_the_closest_models(wrong, right):
    assert right in closest_models(wrong)


@pytest.mark.parametrize(
    ("bare", "whole"),
    [
        ("gpt-4o", "openai-gpt-4o"),
        ("GPT-5", "openai-gpt-5"),
        ("o3", "openai-o3"),
        ("openai/gpt-4.1", "openai-gpt-4.1"),
        ("anthropic/claude-opus-5", "anthropic-claude-opus-5"),
    ],
)
def test_an_id_without_its_provider_is_closest_to_the_same_with_it(bare, whole):
    assert closest_models(bare)[0] == whole


def test_nothing_is_close_to_nonsense():
    assert closest_models("qqqqqqqqqqqqqqqq") == []
    assert len(closest_models("openai-gpt", limit=2)) <= 2


# --- what a model accepts ---


@pytest.mark.parametrize(
    ("model", "parameter", "value", "accepted"),
    [
        ("kimi-k3", "top_p", None, False),
        ("kimi-k3", "top_p", 1.0, False),
        ("kimi-k3", "temperature", 2.0, False),
        ("kimi-k3", "temperature", 1.0, None),
        ("openai-o1", "temperature", 0.5, False),
        ("gemma-4-31B-it", "temperature", 0.5, True),
        ("minimax-m2.5", "top_p", 0, False),
        ("minimax-m2.5", "top_p", 0.5, None),
        ("openai-gpt-oss-120b", "reasoning_effort", "none", False),
        ("openai-gpt-oss-120b", "reasoning_effort", "low", True),
        ("openai-gpt-4.1", "prompt_cache_retention", "24h", True),
        ("nobody/knows:it", "top_p", 0.5, None),
    ],
)
def test_what_a_model_accepts(model, parameter, value, accepted):
    assert model_info(model).accepts(parameter, value) is accepted


@pytest.mark.parametrize(
    ("model", "usable"),
    [
        ("gemma-4-31B-it", 256_000),
        ("nvidia-nemotron-3-super-120b", 263_000),
        ("kimi-k3", 158_411),
        ("nobody/knows:it", None),
    ],
)
def test_the_context_to_plan_with_is_the_documented_one_or_what_was_measured(model, usable):
    assert model_info(model).usable_context == usable


# --- users' own ---


@pytest.mark.usefixtures("_undone")
def test_a_model_can_be_added():
    added = register_model("mine/small", context_window=4096, tools=False, reasoning_efforts=["low", "high"])
    assert model_info("mine/small") == added == known_models()["mine/small"]
    assert (added.kind, added.context_window, added.reasoning_efforts) == ("chat", 4096, ("low", "high"))
    assert closest_models("mine/smal") == ["mine/small"]


@pytest.mark.usefixtures("_undone")
def test_facts_can_be_put_right_one_by_one():
    before = model_info("openai-gpt-5.5")
    tiers = [{"above": 10, "input_price": 1.0, "output_price": 2.0}]
    after = register_model("openai-gpt-5.5", endpoints=["/v1/chat/completions"], price_tiers=tiers, temperature=None)
    assert after.endpoints == ("/v1/chat/completions",)
    assert after.price_tiers == (PriceTier(above=10, input_price=1.0, output_price=2.0),)
    assert (after.temperature, after.context_window) == (None, before.context_window)
    register_model("openai-gpt-5.5", input_price=1)
    assert model_info("openai-gpt-5.5").endpoints == ("/v1/chat/completions",)


@pytest.mark.usefixtures("_undone")
def test_a_new_date_leaves_those_of_other_groups():
    before = model_info("glm-5.2")
    after = register_model("glm-5.2", listed=True, dates={"listing": "2027-01-02"})
    assert after.date_of("listed") == "2027-01-02"
    assert after.date_of("input_price") == before.date_of("input_price") == "2026-08-21"


@pytest.mark.parametrize("model", ["", " ", None, 5], ids=repr)
def test_what_is_no_id_cannot_be_registered(model):
    with pytest.raises(ConfigError, match="model must be a model's id, not"):
        register_model(model, tools=True)


@pytest.mark.parametrize(
    ("facts", "detail"),
    [
        ({"context_windw": 1}, "no fact 'context_windw': did you mean 'context_window'"),
        ({"id": "x"}, "no fact 'id'"),
        ({"context_window": "big"}, "context_window must be int | None, not 'big'"),
        ({"context_window": True}, "context_window must be int | None, not True"),
        ({"tools": 1}, "tools must be bool | None, not 1"),
        ({"listed": None}, "listed must be bool, not None"),
        ({"endpoints": "/v1/x"}, "endpoints must be tuple, not '/v1/x'"),
        ({"price_tiers": [{"above": 1}]}, "price_tiers cannot be read"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_facts_that_are_none_are_refused(facts, detail):
    with pytest.raises(ConfigError, match=detail.replace("|", r"\|")):
        register_model("mine/small", **facts)
    assert not model_info("mine/small").is_known


@pytest.fixture
def models_file(tmp_path, monkeypatch):
    """Name a file of models in the environment, to be read anew."""
    path = tmp_path / "models.json"
    monkeypatch.setenv(module.MODELS_VARIABLE, str(path))
    caches = (module._users_file, module._found, module.known_models)
    for cached in caches:
        cached.cache_clear()
    yield path
    for cached in caches:
        cached.cache_clear()


def test_a_file_that_the_environment_names_adds_and_overrides(models_file):
    facts = {"gemma-4-31B-it": {"context_window": 1000}, "mine": {"tools": True, "dates": {"facts": "2027-01-02"}}}
    models_file.write_text(json.dumps({"models": facts}))
    gemma, mine = model_info("gemma-4-31B-it"), model_info("mine")
    assert (gemma.context_window, gemma.vision) == (1000, True)
    assert (mine.tools, mine.kind, mine.date_of("tools")) == (True, "chat", "2027-01-02")
    assert len(known_models()) == 109


def test_what_the_api_lists_today_leaves_the_dates_of_the_prices(models_file):
    entries = [{"id": "glm-5.2", "created": 1, "owned_by": "digitalocean"}]
    models_file.write_text(as_text(from_listing(entries, date="2027-01-02")))
    info = model_info("glm-5.2")
    assert (info.date_of("listed"), info.date_of("input_price")) == ("2027-01-02", "2026-08-21")
    assert estimate_cost("glm-5.2", Tokens(input=1)).date == "2026-08-21"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"models": []}', '{"models": {"a": 1}}', '{"models": {"a": {"x": 1}}}']
)
def test_a_file_that_is_none_is_named(models_file, text):
    models_file.write_text(text)
    with pytest.raises(ConfigError, match=r"INFERENCE_DO_MODELS|there is no fact"):
        model_info("x")


def test_a_file_that_is_not_there_is_named(models_file):
    with pytest.raises(
        ConfigError, match=r"INFERENCE_DO_MODELS: '.*models\.json' is no file of models: .*No such file"
    ):
        model_info("x")


@pytest.mark.parametrize("model", [None, 5, ["x"]], ids=str)
def test_what_is_no_id_is_not_known(model):
    assert not model_info(model).is_known
