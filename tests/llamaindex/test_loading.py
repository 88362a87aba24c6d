"""Stored components find their classes again, and the classes find their tables without importing other packages."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from llama_index.core.embeddings.loading import load_embed_model
from llama_index.core.extractors import TitleExtractor
from llama_index.core.llms.loading import load_llm

from inference_do import ConfigError
from llamaindex_do import DigitalOcean, DigitalOceanEmbedding

if TYPE_CHECKING:
    from inference_do.emulator import Emulator


@pytest.fixture
def key_around(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", emu.api_key)


@pytest.mark.usefixtures("key_around")
def test_an_llm_is_loaded_by_its_name(llm: DigitalOcean) -> None:
    loaded = load_llm(json.loads(llm.to_json()))
    assert isinstance(loaded, DigitalOcean)
    assert loaded.to_dict() == llm.to_dict()
    assert loaded.complete("Hello").text == "You said: Hello"


@pytest.mark.usefixtures("key_around")
def test_an_embedding_model_is_loaded_by_its_name(embedding: DigitalOceanEmbedding) -> None:
    loaded = load_embed_model(json.loads(embedding.to_json()))
    assert isinstance(loaded, DigitalOceanEmbedding)
    assert loaded.get_text_embedding("a") == embedding.get_text_embedding("a")


@pytest.mark.usefixtures("key_around")
def test_an_extractor_is_loaded_with_its_llm(llm: DigitalOcean) -> None:
    extractor = TitleExtractor(llm=llm)
    loaded = TitleExtractor.from_dict(json.loads(extractor.to_json()))
    assert isinstance(loaded.llm, DigitalOcean)
    assert loaded.llm.base_url == llm.base_url


def test_loading_needs_the_key(llm: DigitalOcean) -> None:
    with pytest.raises(ConfigError, match="no API key"):
        load_llm(llm.to_dict())


def test_the_table_is_filled_when_something_else_imports_it() -> None:
    code = """
import sys
from llamaindex_do import DigitalOcean, DigitalOceanEmbedding
assert not {"llama_index.core.llms.loading", "openai"} & set(sys.modules)
from llama_index.core.llms.loading import RECOGNIZED_LLMS
from llama_index.core.embeddings.loading import RECOGNIZED_EMBEDDINGS
assert RECOGNIZED_LLMS["DigitalOcean_LLM"] is DigitalOcean
assert RECOGNIZED_EMBEDDINGS["DigitalOcean_Embedding"] is DigitalOceanEmbedding
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=150)


def test_a_version_without_the_table_is_left_as_it_is() -> None:
    code = """
import sys, types
from llamaindex_do import DigitalOcean
sys.meta_path.insert(0, type("Finder", (), {"find_spec": staticmethod(
    lambda name, path=None, target=None: __import__("importlib.util").util.spec_from_loader(name, type("Loader", (), {
        "create_module": staticmethod(lambda spec: None), "exec_module": staticmethod(lambda module: None)})())
    if name == "llama_index.core.llms.loading" else None)})())
import llama_index.core.llms.loading as loading
assert not hasattr(loading, "RECOGNIZED_LLMS")
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=150)
