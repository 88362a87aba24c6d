"""Names of LangChain that are not public: what happens in a version without them (pydantic's: `test_chunks.py`)."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.load import dumpd

from inference_do.emulator import Emulator
from langchain_do import ChatDigitalOcean


def make(emu: Emulator, **settings: object) -> ChatDigitalOcean:
    return ChatDigitalOcean(model="gemma-4-31B-it", base_url=emu.base_url, api_key=emu.api_key, **settings)


def test_a_wrong_profile_is_warned_of_by_core(emu: Emulator) -> None:
    with pytest.warns(UserWarning, match="no_such_key"):
        make(emu, profile={"no_such_key": 1})


def test_without_cores_check_of_profiles_nothing_is_warned_of(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(BaseChatModel, "_check_profile_keys")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert make(emu, profile={"no_such_key": 1}).invoke("Hello!").text


def test_without_the_kept_serialized_form_the_cache_key_is_made_the_same_way(emu: Emulator) -> None:
    model = make(emu)
    first = model._get_llm_string()
    vars(model).pop("_serialized", None)
    assert model._get_llm_string() == first
    model.temperature = 0.5
    assert model._get_llm_string() != first


def test_a_model_is_serialized_while_another_thread_keeps_what_it_serialized(emu: Emulator) -> None:
    """Core's `_serialized` is kept among the fields: to write it there must not break whoever reads them."""
    model = make(emu)
    alone = dumpd(model)

    class Name(str):
        __slots__ = ()

        def startswith(self, *prefix: Any) -> bool:
            vars(model)["_serialized"] = {}  # as another thread does it at this moment
            return super().startswith(*prefix)

    vars(model)[Name("model")] = vars(model).pop("model")
    assert dumpd(model) == alone


def test_a_subclass_that_takes_further_fields_shows_them(emu: Emulator) -> None:
    class Further(ChatDigitalOcean, extra="allow"):
        pass

    model = Further(model="gemma-4-31B-it", base_url=emu.base_url, api_key=emu.api_key)
    model.further = 1
    assert dict(model)["further"] == 1
