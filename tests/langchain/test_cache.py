"""LangChain's cache of answers: the same question is asked once, and a different one is never answered from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.tools import tool
from pydantic import BaseModel, create_model

from inference_do import ConfigError
from inference_do.emulator import Emulator
from langchain_do import ChatDigitalOcean

Make = Callable[..., ChatDigitalOcean]


@tool
def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"Sunny in {city}."


def test_cache_tells_settings_apart(emu: Emulator, make: Make) -> None:
    cache = InMemoryCache()
    for temperature in (0.0, 1.0, 0.0):
        make(temperature=temperature, cache=cache).invoke("hi")
    make(temperature=0.0, cache=cache).invoke("hi", max_tokens=5)
    assert emu.posts == 3


DIFFERENT: list[dict[str, Any]] = [
    {},
    {"temperature": 0.0},
    {"temperature": 1.0},
    {"max_tokens": 5},
    {"model": "openai-gpt-oss-120b"},
    {"stop": ["x"]},
    {"n": 2},
    {"seed": 1},
    {"reasoning_effort": "low"},
    {"model_kwargs": {"top_k": 1}},
    {"extra_body": {"top_k": 2}},
    {"model_affinity": "a"},
    {"output_version": "v1"},
    {"include_response_headers": True},
]


def test_each_setting_that_matters_is_in_the_key(emu: Emulator, make: Make) -> None:
    cache = InMemoryCache()
    for _ in range(2):
        for settings in DIFFERENT:
            make(cache=cache, **settings).invoke("hi")
    assert emu.posts == len(DIFFERENT)


def test_identities_differ_where_the_keys_do(make: Make) -> None:
    settings = [given for given in DIFFERENT if not {"output_version", "include_response_headers"} & set(given)]
    settings.append({"base_url": "https://elsewhere.example/v1"})
    identities = [make(default_headers={"X-Gate": "gate-secret"}, **given)._identifying_params for given in settings]
    assert len({repr(identity) for identity in identities}) == len(settings)
    assert "gate-secret" not in repr(identities)


def test_each_argument_that_matters_is_in_the_key(emu: Emulator, make: Make) -> None:
    model = make(cache=InMemoryCache())
    arguments = [{}, {"temperature": 0.5}, {"stop": ["x"]}, {"tools": [get_weather]}, {"model": "openai-gpt-oss-120b"}]
    for _ in range(2):
        for given in arguments:
            model.invoke("hi", **given)
    assert emu.posts == len(arguments)


def test_settings_that_change_later_are_seen(emu: Emulator, make: Make) -> None:
    """Core computes its half of the key once for each object, and copies take it along."""
    model = make(cache=InMemoryCache(), temperature=0.0)
    model.invoke("hi")
    model.model_copy(update={"temperature": 1.0}).invoke("hi")
    assert emu.posts == 2
    model.temperature = 0.5
    model.invoke("hi")
    assert emu.posts == 3
    model.model_kwargs["top_k"] = 3
    model.invoke("hi")
    assert emu.posts == 4
    del model.model_kwargs["top_k"]
    model.temperature = 0.0
    model.invoke("hi")
    assert emu.posts == 4


def test_classes_of_one_name_are_distinguished(emu: Emulator, make: Make) -> None:
    model = make(cache=InMemoryCache())
    schemas: list[type[BaseModel]] = [create_model("Answer", a=(int, ...)), create_model("Answer", b=(str, ...))]
    for schema in (*schemas, *schemas):
        model.invoke("hi", response_format=schema)
    assert emu.posts == 2


def test_what_changes_no_answer_is_not_in_the_key(emu: Emulator, make: Make) -> None:
    cache = InMemoryCache()
    model = make(cache=cache)
    model.invoke("hi", extra_headers={"X-Gate": "gate-secret"}, timeout=5, max_retries=1)
    model.invoke("hi")
    assert emu.posts == 1
    assert "gate-secret" not in repr(cache._cache)
    assert emu.api_key not in repr(cache._cache)


@pytest.mark.parametrize("version", ["v0", "v1"])
async def test_a_cached_answer_is_the_answer(emu: Emulator, make: Make, version: str) -> None:
    cache = InMemoryCache()
    emu.reply("I add.", tool_calls=[("f", {"a": 1})], reasoning="hm")
    model = make(cache=cache, output_version=version)
    first, second, third = model.invoke("hi"), model.invoke("hi"), await model.ainvoke("hi")
    assert emu.posts == 1
    for again in (second, third):
        assert again.content == first.content
        assert again.content_blocks == first.content_blocks
        assert again.tool_calls == first.tool_calls
        assert again.additional_kwargs == first.additional_kwargs


def test_the_global_cache(emu: Emulator, make: Make) -> None:
    set_llm_cache(InMemoryCache())
    try:
        bound = make().bind_tools([get_weather])
        answers = [bound.invoke("What is the weather in Rome?") for _ in range(2)]
        make(cache=False).invoke("What is the weather in Rome?")
    finally:
        set_llm_cache(None)
    assert answers[0].tool_calls == answers[1].tool_calls
    assert emu.posts == 2


def test_mistakes_are_errors_of_both_families_under_a_cache(make: Make) -> None:
    with pytest.raises(ConfigError, match="tool_choice"):
        make(cache=InMemoryCache()).invoke("hi", tools=[get_weather], tool_choice="nope")
