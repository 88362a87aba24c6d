"""A stored form does not choose where the environment's key goes."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.embeddings.loading import load_embed_model
from llama_index.core.llms.loading import load_llm

from inference_do import ConfigError
from inference_do.emulator import Emulator
from llamaindex_do import DigitalOcean, DigitalOceanEmbedding

ELSEWHERE = [
    "https://elsewhere.example/v1",
    "http://10.0.0.7/v1",
    "https://do-ai.run.example/v1",
    "http://x.do-ai.run/v1",
]
FORMS: list[Any] = [
    (load_llm, {"class_name": "DigitalOcean_LLM", "model": "gemma-4-31B-it"}, DigitalOcean),
    (load_embed_model, {"class_name": "DigitalOcean_Embedding", "model_name": "bge-m3"}, DigitalOceanEmbedding),
]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch, emu: Emulator) -> None:
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", emu.api_key)


@pytest.mark.parametrize("url", ELSEWHERE)
@pytest.mark.parametrize(("load", "form", "kind"), FORMS, ids=lambda value: getattr(value, "__name__", ""))
def test_the_environments_key_is_not_sent_where_only_a_form_says(
    monkeypatch: pytest.MonkeyPatch, load: Any, form: dict[str, Any], kind: Any, url: str
) -> None:
    stored = {**form, "base_url": url, "allow_http": True}
    for attempt in (lambda: load(stored), lambda: kind.from_dict(stored)):
        with pytest.raises(ConfigError, match=r"the stored base_url .* DIGITALOCEAN_INFERENCE_BASE_URL"):
            attempt()
    assert kind.from_dict(stored, api_key="its-own").base_url == url
    assert kind.from_dict(stored, base_url=url).base_url == url
    monkeypatch.setenv("DIGITALOCEAN_INFERENCE_BASE_URL", url)
    assert load(stored).base_url == url


@pytest.mark.parametrize(("load", "form", "kind"), FORMS, ids=lambda value: getattr(value, "__name__", ""))
def test_digitalocean_and_this_machine_are_fine(emu: Emulator, load: Any, form: dict[str, Any], kind: Any) -> None:
    for url in (None, "https://inference.do-ai.run/v1", "https://a1.agents.do-ai.run/api/v1", emu.base_url):
        loaded = load({**form, "base_url": url})
        assert isinstance(loaded, kind)
        assert load(loaded.to_dict()).to_dict() == loaded.to_dict()
