"""What a server sends cannot steer the terminal, be read as markup, or make a traceback; `refresh` and its file."""

from __future__ import annotations

import json
import os
import stat
from typing import Any

import pytest
from cli_kit import Terminal, run

from inference_do import Client, InferenceError
from inference_do.catalogue import from_catalogue
from inference_do.emulator import Emulator, Status
from inference_do.models import MODELS_VARIABLE, checked_facts

STEERING = {"\x1b", "\x07", "\x9b", "\r", "\u202e"}
IDS = ["[link=https://evil.example]click[/link]", "[/]", "[bold", "a\x1b]8;;https://evil.example\x07b", "two\nlines"]


def run_listing(*ids: str, arguments: tuple[str, ...] = ("models", "--check"), **extra: str) -> Any:
    with Emulator(models=ids, faults_on_get=True) as emu:
        emu.script(Status(200, body={"data": [{"id": id_} for id_ in ids]}))
        return run(emu, *arguments, **extra)


@pytest.mark.parametrize("id_", IDS)
def test_a_models_id_is_text_and_nothing_else(id_):
    done = run_listing(id_, COLUMNS="200")
    assert done.code == 0
    assert not STEERING & set(done.out)
    assert " ".join(id_.replace("\x1b", "").replace("\x07", "").split()) in done.out


def test_a_models_id_makes_no_link_on_a_terminal(tmp_path):
    path = tmp_path / "models.json"
    path.write_text(json.dumps({"models": {id_: {"kind": "chat"} for id_ in IDS}}))
    with Emulator() as emu, Terminal(emu, "models", "--all", **{MODELS_VARIABLE: str(path)}) as terminal:
        assert terminal.code() == 0
        assert "\x1b]8" not in terminal.seen
        assert IDS[0] in terminal.text


@pytest.mark.parametrize("width", ["80", "60", "40"])
def test_a_narrow_table_says_what_it_leaves_out(emu, width):
    done = run(emu, "models", "glm-5.2", "--all", COLUMNS=width)
    assert max(map(len, done.out.splitlines())) <= int(width)
    assert "glm-5.2 262,144 0.7 2.2" in done.out
    if width == "80":
        assert "2026-08-21 tools json thinks cache" in done.out
    else:
        assert "Can" in done.out or "Left out, as the terminal is narrow: Can, As of" in done.err


def test_of_all_models_nothing_is_cut(emu):
    done = run(emu, "models", COLUMNS="80")
    assert "…" not in done.out
    assert "as of 20" in done.err
    assert "Left out, as the terminal is narrow: As of. --json has everything." in done.err


def test_the_verdict_of_a_check_comes_before_prices():
    done = run_listing("glm-5.2", "fal-ai/elevenlabs/tts/multilingual-v2", COLUMNS="70")
    assert "This key" in done.out
    assert "yes" in done.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["zzz"], "there is no model whose id holds 'zzz'; --all shows also those that the API did not list"),
        (["zzz", "--all"], "there is no model whose id holds 'zzz'"),
        (["gml-5.2", "--json"], "there is no model whose id holds 'gml-5.2'; closest: glm-5.2"),
        (["--kind", "chatt"], "there is no model of the kind 'chatt'; kinds are"),
    ],
    ids=str,
)
def test_no_model_is_a_failure(emu, arguments, sentence):
    done = run(emu, "models", *arguments)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(sentence)


# --- messages ---

STEERING_MESSAGE = "no\x1b[2J such\r\n2026-01-01 INFO all is well\x9b1m \u202ethis\x00"


@pytest.mark.parametrize(
    "body", [{"error": {"message": STEERING_MESSAGE}}, {"message": STEERING_MESSAGE}, STEERING_MESSAGE]
)
@pytest.mark.parametrize("status", [400, 403, 500, 200])
def test_a_servers_message_steers_no_terminal_and_forges_no_log(emu, body, status):
    emu.script(Status(status, body=body, headers={"x-request-id": "a\x9b2J"}))
    with Client(emu.api_key, base_url=emu.base_url, max_retries=0) as client, pytest.raises(InferenceError) as caught:
        client.chat(model="glm-5", messages=[{"role": "user", "content": "x"}])
    for text in (str(caught.value), caught.value.message, str(caught.value.args[0])):
        assert text.isprintable() or "\ufffd" in text
        assert not (STEERING | {"\n", "\x00"}) & set(text)


def test_a_message_on_a_terminal(emu):
    emu.script(Status(400, body={"error": {"message": STEERING_MESSAGE}}))
    with Terminal(emu, "chat", "hi", "-m", "glm-5") as terminal:
        assert terminal.code() == 1
        assert "\x1b[2J" not in terminal.seen
        assert "no\ufffd[2J such 2026-01-01 INFO" in " ".join(terminal.text.split())


@pytest.mark.parametrize(
    "limits",
    [
        {"limit": "120", "remaining": "0", "reset": str(3_000_000 * 31_556_952)},
        {"limit": "120", "remaining": "0", "reset": "9" * 5000},
        {"limit": "9" * 5000, "remaining": "9" * 5000, "reset": "0"},
        {"limit": "120", "remaining": "9" * 5000, "reset": "x"},
    ],
    ids=["year 3,000,000", "long reset", "long limit", "long rest"],
)
def test_limits_of_any_size(limits):
    with Emulator(faults_on_get=True) as emu:
        headers = {f"x-ratelimit-{name}-requests": value for name, value in limits.items()}
        emu.script(Status(200, body={"data": []}, headers=headers))
        done = run(emu, "doctor")
        assert done.code == (1 if "wrong" in done.out else 0)
        assert "list of models: 0 models" in done.out
        if len(limits["reset"]) < 20 and limits["limit"] == "120" and limits["remaining"] == "0":
            assert "wrong  limit of requests: 0 of 120 left, again in a time beyond all dates" in done.out


# --- refresh ---

ODD: dict[str, Any] = {
    "entries": [1, None, "glm-5", [], {}],
    "id": [{"id": 5}, {"model_id": None}, {"model_id": ["glm-5"]}],
    "modalities": [
        {"id": "glm-5", "modalities": ["text"]},
        {"id": "glm-5.2", "modalities": {"input": 5, "output": "text"}},
    ],
    "endpoints": [{"id": "glm-5", "endpoints": "x"}, {"id": "glm-5.2", "endpoints": ["x", {"endpoint": 1}, None]}],
    "capabilities": [{"id": "glm-5", "capabilities": 5}, {"id": "glm-5.2", "capabilities": [None, {"name": "tools"}]}],
    "efforts": [{"id": "glm-5", "reasoning_efforts": 3}, {"id": "glm-5.2", "reasoning_efforts": [1, {}, "low"]}],
    "pricing": [{"id": "glm-5", "pricing": [1]}, {"id": "glm-5.2", "pricing": {"input_price_per_million": "1"}}],
    "prices": [
        {"id": "glm-5", "pricing": {"input_price_per_million": 10**400}},
        {
            "id": "glm-5.2",
            "pricing": {"input_price_per_million": float("inf"), "output_price_per_million": float("nan")},
        },
        {"id": "glm-5.1", "pricing": {"input_price_per_million": -1}},
    ],
    "counts": [
        {"id": "glm-5", "context_window": float("inf"), "max_output_tokens": True},
        {"id": "glm-5.2", "context_window": "9" * 5000, "max_output_tokens": [1]},
        {"id": "glm-5.1", "context_window": -5, "max_output_tokens": 10**400},
    ],
    "type": [{"id": "glm-5", "type": {"a": 1}, "lifecycle_status": []}],
}


@pytest.mark.parametrize("name", ODD)
def test_odd_catalogues(name, tmp_path):
    path = tmp_path / "models.json"
    for entry in from_catalogue([one for one in ODD[name] if isinstance(one, dict)], date="2026-01-01").items():
        assert checked_facts(*entry)
    with Emulator(faults_on_get=True) as emu:
        emu.script(None, Status(200, body={"models": ODD[name]}))
        plane = ("--catalogue", "--control-plane", emu.control_plane_url)
        done = run(emu, "refresh", str(path), *plane, DIGITALOCEAN_TOKEN=emu.api_key)
        if done.code:  # NaN and Infinity are no JSON
            assert (name in {"prices", "counts"}, done.err.startswith("ProtocolError")) == (True, True)
            assert not path.exists()
            return
        assert run(emu, "models", "glm-5", **{MODELS_VARIABLE: str(path)}).code == 0


@pytest.mark.parametrize("body", [{"models": 5}, {}, {"models": {"a": []}}, [1]], ids=str)
def test_catalogues_that_hold_no_list(body, tmp_path):
    with Emulator(faults_on_get=True) as emu:
        emu.script(None, Status(200, body=body))
        plane = ("--catalogue", "--control-plane", emu.control_plane_url)
        done = run(emu, "refresh", str(tmp_path / "x"), *plane, DIGITALOCEAN_TOKEN=emu.api_key)
        assert (done.code, "Error: " in done.err, "defect" in done.err) == (1, True, False)


def test_odd_listings_make_a_file_that_can_be_read(tmp_path):
    path = tmp_path / "models.json"
    entries = [{"id": "glm-5", "created": 1.5, "owned_by": "x"}, {"id": "glm-5.2", "max_output_tokens": 10}]
    with Emulator(faults_on_get=True) as emu:
        emu.script(Status(200, body={"data": entries}))
        assert run(emu, "refresh", str(path)).code == 0
        models = json.loads(path.read_text())["models"]
        assert {name: set(facts) for name, facts in models.items()} == {
            "glm-5": {"listed", "owned_by", "dates"},
            "glm-5.2": {"listed", "catalog_max_output_tokens", "dates"},
        }


def test_a_failed_write_leaves_the_earlier_file(emu, tmp_path, monkeypatch):
    path = tmp_path / "models.json"
    path.write_text('{"models": {}}')

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    done = run(emu, "refresh", str(path))
    assert (done.code, "cannot be written: No space left on device" in done.err) == (2, True)
    assert path.read_text() == '{"models": {}}'
    assert [entry.name for entry in tmp_path.iterdir()] == ["models.json"]


def test_an_earlier_file_keeps_its_mode(emu, tmp_path):
    path = tmp_path / "models.json"
    path.write_text("{}")
    path.chmod(0o640)
    assert run(emu, "refresh", str(path)).code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["models.json"]


@pytest.mark.parametrize("kind", ["link", "dangling link", "folder", "pipe"])
def test_what_is_no_regular_file_is_left_alone(emu, tmp_path, kind):
    path, target = tmp_path / "models.json", tmp_path / "target"
    match kind:
        case "link":
            target.write_text("mine")
            path.symlink_to(target)
        case "dangling link":
            path.symlink_to(target)
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
    done = run(emu, "refresh", str(path))
    assert (done.code, "ConfigError" in done.err) == (2, True)
    assert (target.read_text() if kind == "link" else target.exists()) == ("mine" if kind == "link" else False)
