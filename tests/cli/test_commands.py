"""Each command, in this process, over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cli_kit import run

from inference_do import known_models
from inference_do.emulator import Emulator, Status
from inference_do.models import MODELS_VARIABLE

# --- models ---


def test_the_table_needs_no_key_and_no_network(emu):
    done = run(emu, "models", DIGITALOCEAN_INFERENCE_KEY="")
    assert done.code == 0
    assert "72 models. Prices: US dollars per million tokens" in done.err
    [line] = [line for line in done.out.splitlines() if "glm-5.2 " in line]
    assert line.split()[:5] == ["glm-5.2", "262,144", "0.7", "2.2", "2026-08-21"]
    assert line.split()[5:] == ["tools", "json", "thinks", "cache"]
    assert emu.requests == []


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["--all"], 108),
        (["--kind", "embedding"], 6),
        (["claude", "opus"], 5),
        (["CLAUDE", "--all"], 21),
    ],
    ids=str,
)
def test_the_table_can_be_narrowed_and_widened(emu, arguments, count):
    done = run(emu, "models", *arguments)
    assert f"{count} models." in done.err


def test_what_a_model_cannot_do_here_is_not_promised(emu):
    table = run(emu, "models", "--all").out
    lines = {line.split()[0]: line for line in table.splitlines() if line.strip()}
    assert "images" not in lines["anthropic-claude-opus-4.6"]
    assert "images" in lines["openai-gpt-4o"]
    assert "tools" not in lines["qwen3.5-397b-a17b"]
    assert "only /v1/responses" in lines["openai-gpt-5.4"]


def test_json_for_programs(emu):
    rows = [json.loads(line) for line in run(emu, "models", "--all", "--json").out.splitlines()]
    assert [row["id"] for row in rows] == list(known_models())
    [glm] = [row for row in rows if row["id"] == "glm-5.2"]
    assert (glm["context_window"], glm["dates"][0]) == (262_144, ["facts", "2026-08-21"])


def test_check_asks_which_models_the_key_may_call():
    with Emulator(locked_models=["openai-gpt-4o", "bge-m3"]) as emu:
        done = run(emu, "models", "--check", COLUMNS="160")
        rows = {line.split()[0]: line for line in done.out.splitlines() if line.strip()}
        assert done.code == 0
        assert "no: 403 not for this key, tier or balance" in rows["openai-gpt-4o"]
        assert "no: 403" in rows["bge-m3"]
        assert rows["gemma-4-31B-it"].rstrip().endswith("yes")
        assert rows["kimi-k3"].rstrip().endswith("yes")
        assert rows["router:general"].rstrip().endswith("yes")
        assert "not asked: neither chat nor embeddings" in rows["openai-gpt-5.4"]
        chats = sum(i.listed and "/v1/chat/completions" in i.endpoints for i in known_models().values())
        vectors = sum(i.listed and "/v1/embeddings" in i.endpoints for i in known_models().values())
        assert emu.posts == chats + vectors
        assert f"72 models, {chats + vectors - 2} of which this key may call" in done.err
        assert all(request.json.get("max_completion_tokens", 16) == 16 for request in emu.requests[1:])


def test_check_of_some_models_as_json(emu):
    emu.script(Status(500), Status(500), Status(429), Status(429))
    done = run(emu, "models", "nemotron-3-ultra", "--check", "--json")
    [row] = [json.loads(line) for line in done.out.splitlines()]
    assert row["callable"] == "no: 500 the model failed"
    assert emu.posts == 2


def test_check_with_a_wrong_key_stops_at_once(emu):
    done = run(emu, "models", "--check", DIGITALOCEAN_INFERENCE_KEY="sk-do-v1-wrong")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("AuthenticationError: 401 Unauthorized")
    assert emu.posts == 0


# --- chat ---


def test_one_answer(emu):
    done = run(emu, "chat", "What is a droplet?", "--model", "gemma-4-31B-it")
    assert (done.code, done.out) == (0, "You said: What is a droplet?\n")
    summary = done.err.strip().split(" · ")
    assert summary[0] == "gemma-4-31B-it"
    assert summary[2:4] == ["10 in", "9 out"]
    assert summary[4].startswith("about $0.0000")
    assert summary[4].endswith("(prices of 2026-08-21)")
    assert emu.requests[0].json["stream"] is True


def test_thoughts_come_first_and_can_be_hidden(emu):
    shown = run(emu, "chat", "Why?", "-m", "kimi-k3", "--effort", "low")
    assert shown.out == "You said: Why?\n"
    assert shown.err.startswith("The last message is from the user: 'Why?'. I answer it.\n\nkimi-k3 · ")
    assert emu.requests[0].json["reasoning_effort"] == "low"
    hidden = run(emu, "chat", "Why?", "-m", "kimi-k3", "--no-reasoning")
    assert hidden.out == "You said: Why?\n"
    assert hidden.err.startswith("kimi-k3 · ")
    assert "thinking)" in hidden.err


def test_settings_and_piped_prompts(emu):
    done = run(emu, "chat", "-s", "Be brief.", "--max-tokens", "50", content="Hello there", INFERENCE_DO_MODEL="glm-5")
    assert "You said: Hello there" in done.out
    sent = emu.requests[0].json
    assert sent["model"] == "glm-5"
    assert sent["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello there"}]
    assert sent["max_completion_tokens"] == 50
    done = run(emu, "chat", content=" \n")
    assert (done.code, done.err) == (2, "ConfigError: there is nothing to say: give a prompt, or pipe one in\n")


def test_a_budget_spent_on_thinking_is_explained(emu):
    done = run(emu, "chat", "Why?", "-m", "kimi-k3", "--max-tokens", "5", "--no-reasoning")
    assert (done.code, done.out.strip()) == (3, "")
    assert "before any text (length): the model was thinking. Raise --max-tokens" in done.err


def test_a_router_tells_its_route(emu):
    done = run(emu, "chat", "Refactor this function", "-m", "router:mine")
    assert done.err.startswith("qwen3-coder-flash · ")
    assert " · route code-generation · " in done.err


def test_text_cannot_steer_the_terminal(emu):
    emu.reply("safe \x1b]0;title\x07\x1b[2J text\x9b1m[bold]x[/bold]", reasoning="think\x1b[31m")
    done = run(emu, "chat", "hi", "-m", "kimi-k3")
    assert not {"\x1b", "\x07", "\x9b"} & set(done.out)
    assert "[bold]x[/bold]" in done.out


@pytest.mark.parametrize(
    ("arguments", "detail"),
    [
        (["-m", "bge-m3"], "ConfigError: model 'bge-m3' is not on /v1/chat/completions"),
        (["-m", "gemma-4-31b-it"], "closest: gemma-4-31B-it"),
        (["-m", "glm-5.2", "--effort", "low"], "model 'glm-5.2' takes reasoning_effort of medium, high, xhigh"),
    ],
    ids=lambda value: value[1] if isinstance(value, list) else None,
)
def test_failures_are_one_sentence(emu, arguments, detail):
    done = run(emu, "chat", "hi", *arguments)
    assert (done.code, done.out) == (2 if "ConfigError" in done.err else 1, "")
    assert detail in done.err
    assert "Traceback" not in done.err
    assert done.err.count("\n") == 1


# --- doctor ---


def test_all_is_well(emu):
    done = run(emu, "doctor", "--model", "router:mine")
    assert done.code == 0
    lines = [line for line in done.out.splitlines() if line.startswith("ok")]
    assert lines[0] == "ok     key: a model access key, from DIGITALOCEAN_INFERENCE_KEY"
    assert lines[1].startswith(f"ok     address: {emu.base_url} (from DIGITALOCEAN_INFERENCE_BASE_URL)")
    assert "72 models in" in lines[2]
    assert "ok     limit of requests: 999,999 of 1,000,000 left" in lines
    assert any("answered by llama3.3-70b-instruct (route mine, api chat_completions)" in line for line in lines)
    assert "wrong" not in done.out


@pytest.mark.parametrize(
    ("key", "kind", "meaning"),
    [
        ("sk-do-v1-0123456789", "a model access key", "it was deleted or regenerated"),
        ("dop_v1_0123456789", "a personal access token", "was not made with full access, which it needs"),
        ("doo_v1_0123456789", "an OAuth token", "lacks the scope genai:read or inference:query"),
        ("0123456789", "of no known kind", "it may be an agent's key, which only that agent takes"),
    ],
)
def test_what_a_401_means_depends_on_the_key(emu, key, kind, meaning):
    done = run(emu, "doctor", DIGITALOCEAN_INFERENCE_KEY="", MODEL_ACCESS_KEY=key)
    assert done.code == 1
    assert f"ok     key: {kind}, from MODEL_ACCESS_KEY" in done.out
    assert "wrong  list of models: 401 Unauthorized" in done.out
    assert next(line for line in done.out.splitlines() if line.startswith("fix ") and meaning in line)
    assert key not in done.out + done.err
    assert "0123456789" not in done.out + done.err


def test_what_a_403_means(emu):
    emu._faults_on_get = True
    emu.script(Status(403))
    done = run(emu, "doctor")
    assert done.code == 1
    assert "the prepaid balance is used up, or the key is bound to a VPC" in done.out


def test_a_model_that_is_locked_or_unknown():
    with Emulator(locked_models=["openai-gpt-4o"]) as emu:
        locked = run(emu, "doctor", "-m", "openai-gpt-4o")
        assert (locked.code, "it is not in the account's tier" in locked.out) == (1, True)
        unknown = run(emu, "doctor", "-m", "gpt-4o-mini")
        assert unknown.code == 1
        assert "nothing is known of 'gpt-4o-mini'; closest: openai-gpt-4o-mini" in unknown.out
        assert "the model has another id" in unknown.out


def test_nobody_there_no_key_no_address(emu):
    absent = run(emu, "doctor", "--base-url", "http://127.0.0.1:1/v1")
    assert absent.code == 1
    assert (
        "fix    Nothing answered: start what should answer at http://127.0.0.1:1/v1, or correct --base-url"
        in absent.out
    )
    assert "(from --base-url)" in absent.out
    keyless = run(emu, "doctor", DIGITALOCEAN_INFERENCE_KEY="")
    assert (keyless.code, "wrong  key: none of DIGITALOCEAN_INFERENCE_KEY, MODEL" in keyless.out) == (1, True)
    broken = run(emu, "doctor", DIGITALOCEAN_INFERENCE_KEY="a key with spaces")
    assert (broken.code, "has a character at position 1" in broken.out) == (1, True)
    odd = run(emu, "doctor", "--base-url", "http://example.com/v1")
    assert (odd.code, "wrong  address: base_url must be https" in odd.out) == (1, True)


def test_limits_that_are_used_up_or_not_told(emu):
    emu._faults_on_get = True
    used: Any = {"x-ratelimit-limit-requests": "120", "x-ratelimit-remaining-requests": "0"}
    emu.script(Status(200, body={"data": []}, headers={**used, "x-ratelimit-reset-requests": "1790000000"}))
    done = run(emu, "doctor")
    assert "wrong  limit of requests: 0 of 120 left, again at 14:13:20 UTC" in done.out
    emu.script(Status(200, body={"data": []}))
    assert "limits: not in this response" in run(emu, "doctor").out


# --- refresh ---


def test_facts_are_written_to_a_file_that_the_library_reads(emu, tmp_path):
    path = tmp_path / "models.json"
    done = run(emu, "refresh", str(path))
    assert (done.code, done.out) == (0, f"72 models written. To use them: export {MODELS_VARIABLE}={path}\n")
    assert set(json.loads(path.read_text())["models"]["glm-5.2"]) == {
        "listed",
        "owned_by",
        "created",
        "catalog_max_output_tokens",
        "dates",
    }
    done = run(
        emu,
        "refresh",
        str(path),
        "--catalogue",
        "--control-plane",
        emu.control_plane_url,
        DIGITALOCEAN_TOKEN=emu.api_key,
    )
    assert done.code == 0
    assert json.loads(path.read_text())["models"]["glm-5.2"]["context_window"] == 262_144


def test_what_cannot_be_refreshed_is_reported(emu, tmp_path):
    done = run(emu, "refresh", str(tmp_path / "x.json"), "--catalogue")
    assert done.err == "ConfigError: the control plane needs a personal access token: set DIGITALOCEAN_TOKEN\n"
    done = run(emu, "refresh", str(tmp_path / "nowhere" / "x.json"))
    assert (done.code, "cannot be written: No such file or directory" in done.err) == (2, True)


# --- serve ---


def test_it_listens_on_this_machine_only(emu):
    done = run(emu, "serve", "--host", "0.0.0.0")
    assert (done.code, "host must be a loopback address" in done.err) == (2, True)
    port = emu.base_url.rsplit(":", 1)[1].removesuffix("/v1")
    done = run(emu, "serve", "--port", port)
    assert (done.code, "ConfigError: the emulator cannot listen on '127.0.0.1', port" in done.err) == (2, True)


@pytest.mark.parametrize("arguments", [["models", "--kindd", "x"], ["nothing"], ["chat", "--max-tokens", "0"]], ids=str)
def test_what_is_no_command_or_option_is_refused(emu, arguments):
    assert run(emu, *arguments).code == 2
    assert emu.requests == []


def test_the_version(emu):
    assert run(emu, "--version").out.startswith("inference-do 0.")
