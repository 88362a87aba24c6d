"""Facts from what the API says of itself, and the files that are made of them."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from inference_do import Client, InferenceError
from inference_do import catalogue as module
from inference_do.catalogue import as_text, fetch, from_catalogue, from_listing, merged
from inference_do.emulator import Emulator, RawBody, Status

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("refresh_models", ROOT / "tools" / "refresh_models.py")
    assert spec
    assert spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


# --- the recorded facts ---


def test_the_data_and_the_table_are_what_the_records_make(tool, capsys):
    assert tool.main(["--check"]) == 0, capsys.readouterr().out
    data, table = tool.made()
    assert (ROOT / "inference_do" / "_models.json").read_text(encoding="utf-8") == data
    assert (ROOT / "docs" / "models.md").read_text(encoding="utf-8") == table
    assert "## Chat models\n\n84 models.\n\n| Model " in table
    assert table.count("\n| `") == 108


def test_a_changed_record_is_noticed_and_written(tool, tmp_path, monkeypatch, capsys):
    records = tmp_path / "tools" / "models"
    shutil.copytree(tool.RECORDS, records)
    for name, value in {
        "ROOT": tmp_path,
        "DATA": tmp_path / "models.json",
        "TABLE": tmp_path / "docs" / "m.md",
    }.items():
        monkeypatch.setattr(tool, name, value)
    assert tool.main(["--check"]) == 1
    assert capsys.readouterr().out.splitlines() == ["models.json is out of date", "docs/m.md is out of date"]
    assert tool.main([]) == 0
    assert tool.main(["--check"]) == 0
    assert json.loads((tmp_path / "models.json").read_text())["models"]["bge-m3"]["dimensions"] == 1024


def test_the_records_can_be_made_anew_from_a_live_api(tool, tmp_path, monkeypatch):
    records = tmp_path / "models"
    shutil.copytree(tool.RECORDS, records)
    with Emulator() as emu:
        for name, value in {
            "DIGITALOCEAN_TOKEN": emu.api_key,
            "DIGITALOCEAN_INFERENCE_KEY": emu.api_key,
            "DIGITALOCEAN_INFERENCE_BASE_URL": emu.base_url,
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(tool, "CONTROL_PLANE", emu.control_plane_url)
        tool.record(records)
    listing = json.loads((records / "listing.json").read_text())
    assert (len(listing["data"]), listing["date"] >= "2026-11") == (72, True)
    before, after = json.loads(tool.made()[0]), json.loads(tool.made(records)[0])
    gemma = after["models"]["gemma-4-31B-it"]
    assert gemma["dates"] == {"facts": listing["date"], "prices": listing["date"], "listing": listing["date"]}
    undated = {name: value for name, value in gemma.items() if name != "dates"}
    assert undated == {name: value for name, value in before["models"]["gemma-4-31B-it"].items() if name != "dates"}


# --- asking ---


def test_listing_and_catalogue_are_laid_over_each_other():
    with Emulator() as emu, Client(emu.api_key, base_url=emu.base_url) as client:
        plane = Client(emu.api_key, base_url=emu.control_plane_url)
        bare, full = fetch(client), fetch(client, plane)
        assert [request.query for request in emu.requests[-1:]] == ["page=1&limit=100"]
    assert len(bare) == len(full) == 72
    assert set(bare["glm-5.2"]) == {"listed", "owned_by", "created", "catalog_max_output_tokens", "dates"}
    assert full["glm-5.2"]["context_window"] == 262_144
    assert (full["glm-5.2"]["input_price"], full["glm-5.2"]["tools"], full["glm-5.2"].get("vision")) == (
        0.7,
        True,
        None,
    )


def test_pages_follow_each_other(monkeypatch):
    monkeypatch.setattr(module, "PAGE", 30)
    with Emulator() as emu, Client(emu.api_key, base_url=emu.base_url) as client:
        full = fetch(client, Client(emu.api_key, base_url=emu.control_plane_url))
        assert [request.query for request in emu.requests[1:]] == [f"page={page}&limit=30" for page in (1, 2, 3)]
    assert sum("context_window" in facts for facts in full.values()) > 50


def test_a_catalogue_that_is_none_is_an_error():
    with Emulator(faults_on_get=True) as emu, Client(emu.api_key, base_url=emu.base_url) as client:
        plane = Client(emu.api_key, base_url=emu.control_plane_url)
        emu.script(None, RawBody(b'{"models": 5}'))
        with pytest.raises(InferenceError, match="holds no list of models"):
            fetch(client, plane)
        emu.script(None, Status(401))
        with pytest.raises(InferenceError, match="401"):
            fetch(client, plane)


# --- reading ---


def test_an_entry_is_read_leniently():
    entry = {
        "id": "m",
        "type": "reasoning",
        "context_window": "131072",
        "max_output_tokens": None,
        "capabilities": ["Tool Calling", "vision", "Prompt Caching", "json-mode", "new"],
        "reasoning_efforts": ["low"],
        "thinking": True,
        "modalities": {"input": ["text", "image"], "output": None},
        "endpoints": [{"endpoint": "/v1/chat/completions"}, {}],
        "lifecycle_status": "end_of_life",
        "pricing": {
            "input_price_per_million": 1,
            "output_price_per_million": "2",
            "cache_write_5m_input_price_per_million": 1.5,
        },
    }
    assert from_catalogue([entry, {"name": "without an id"}], date="2027-01-02") == {
        "m": {
            "kind": "chat",
            "context_window": 131_072,
            "tools": True,
            "vision": True,
            "prompt_caching": True,
            "structured_output": True,
            "reasoning_efforts": ["low"],
            "reasoning": True,
            "input_modalities": ["text", "image"],
            "endpoints": ["/v1/chat/completions"],
            "status": "retired",
            "input_price": 1.0,
            "cache_write_price": 1.5,
            "dates": {"facts": "2027-01-02", "prices": "2027-01-02"},
        }
    }
    assert from_catalogue([{"id": "n", "context_window": "?"}], date="d") == {"n": {"dates": {"facts": "d"}}}


def test_silence_says_nothing():
    assert from_listing([{"id": "m", "created": 0}], date="d") == {"m": {"listed": True, "dates": {"listing": "d"}}}


def test_later_layers_win_fact_by_fact():
    below = {"a": {"x": 1, "y": 1, "dates": {"facts": "1"}}, "b": {"x": 1}}
    above = {"a": {"x": 2, "dates": {"prices": "2"}}, "c": {}}
    assert merged(below, above) == {
        "a": {"x": 2, "y": 1, "dates": {"facts": "1", "prices": "2"}},
        "b": {"x": 1},
        "c": {},
    }


def test_the_text_has_an_entry_a_line():
    assert as_text({"b": {"x": 1}, "a": {}}) == '{\n"models": {\n  "a": {},\n  "b": {"x": 1}\n}\n}\n'
