"""The command line as people type it: help, prompts without quotes, scripts, conversations, the shell's completion."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from cli_kit import ROOT, Terminal, run, run_program

from inference_do.emulator import Emulator, Status

CHAT = ["chat", "-m", "gemma-4-31B-it"]
LEAF_COMMANDS = [["models"], ["chat"], ["doctor"], ["serve"], ["refresh"], ["batch"], ["batch", "run"]]

# --- help ---


@pytest.mark.parametrize("command", [[], *LEAF_COMMANDS], ids=" ".join)
def test_h_is_help(emu, command):
    short, long = run(emu, *command, "-h"), run(emu, *command, "--help")
    assert (short.code, short.out) == (0, long.out)
    assert "Usage:" in short.out
    assert emu.requests == []


def test_alone_it_shows_its_help(emu):
    done = run_program(emu)
    assert done.code in {0, 2}
    assert "Commands" in done.out + done.err
    assert "Exit codes: 0 all is well, 1 the API or the network failed" in done.out + done.err


def test_exit_codes_stand_in_the_help_of_chat(emu):
    assert "3 the answer was cut off, filtered or refused" in " ".join(run(emu, "chat", "-h").out.split())


def test_the_version_by_one_letter(emu):
    assert run(emu, "-V").out == run(emu, "--version").out


@pytest.mark.parametrize(
    ("typed", "advice"),
    [
        (["modles"], "There is no command 'modles'. Did you mean: inference-do models"),
        (["help"], "Did you mean: inference-do --help"),
        (["What is a droplet?"], "To ask a model: inference-do chat 'What is a droplet?'"),
        (["hello", "there"], "To ask a model: inference-do chat 'hello there'"),
        (["batch", "stats"], "Did you mean: inference-do batch status"),
        (["batch", "zzz"], "There are submit, status, wait, results, cancel, list, run, estimate."),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_what_is_no_command_gets_advice(emu, typed, advice):
    done = run_program(emu, *typed)
    assert (done.code, done.out) == (2, "")
    assert advice in " ".join(done.err.replace("│", " ").split())


@pytest.mark.parametrize("arguments", [["--version"], ["-h"], ["chat", "-h"], ["batch", "-h"]], ids=" ".join)
def test_help_loads_neither_the_client_nor_a_framework(emu, arguments):
    heavy = "httpx asyncio langchain_core llama_index inference_do.client inference_do.emulator"  # typer has pydantic
    code = (
        f"import sys\nfrom inference_do.cli import main\nsys.argv = ['inference-do', *{arguments}]\n"
        f"try:\n    main()\nfinally:\n    found = [n for n in {heavy.split()} if n in sys.modules]\n"
        "    print(found, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=150, check=False, cwd=ROOT
    )
    assert done.stderr.splitlines()[0] == "[]"


# --- one answer ---


def test_words_need_no_quotes(emu):
    assert run(emu, *CHAT, "What", "is", "it?").out == "You said: What is it?\n"
    assert run(emu, *CHAT, "-", content="piped\n").out == "You said: piped\n"
    assert run(emu, *CHAT, "-", content="").code == 2
    assert [len(request.json["messages"]) for request in emu.requests] == [1, 1]


def test_settings_reach_the_request(emu, tmp_path):
    image = tmp_path / "photo"
    image.write_bytes(b"\x89PNG\r\n\x1a\n0000")
    done = run(emu, *CHAT, "hi", "-t", "0.5", "--image", str(image), "-s", "Be brief.")
    assert done.code == 0, done.err
    sent = emu.requests[0].json
    assert sent["temperature"] == 0.5
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}
    text, part = sent["messages"][1]["content"]
    assert text == {"type": "text", "text": "hi"}
    assert part == {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgowMDAw"}}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["hi", "-t", "3"], "Invalid value for '--temperature' / '-t'"),
        (["hi", "--image", "/nowhere.png"], "--image '/nowhere.png' cannot be read: No such file"),
        (["hi", "--image", __file__], "is no image of a known type"),
        (["hi", "--schema", __file__], "cannot be used: it is not JSON"),
    ],
    ids=str,
)
def test_wrong_use_has_an_exit_code_of_its_own(emu, arguments, reason):
    done = run(emu, *CHAT, *arguments)
    assert (done.code, done.out) == (2, "")
    assert reason in " ".join(done.err.replace("│", " ").split())
    assert emu.requests == []


def test_json_is_the_whole_completion(emu):
    done = run(emu, "chat", "Why?", "-m", "kimi-k3", "--json")
    assert (done.code, done.err) == (0, "")
    [line] = done.out.splitlines()
    completion = json.loads(line)
    assert completion["choices"][0]["message"]["content"] == "You said: Why?"
    assert completion["choices"][0]["message"]["reasoning_content"].startswith("The last message")
    assert completion["usage"]["completion_tokens"] > 0


def test_json_of_a_cut_answer_and_of_none(emu):
    emu.reply("Once upon", finish_reason="length")
    cut = run(emu, *CHAT, "hi", "--json")
    assert (cut.code, json.loads(cut.out)["choices"][0]["finish_reason"]) == (3, "length")
    assert cut.err.startswith("The answer was cut off")
    emu.script(Status(400))
    failed = run(emu, *CHAT, "hi", "--json")
    assert (failed.code, failed.out) == (1, "")


SCHEMA = {"title": "City", "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def test_a_schema(emu, tmp_path):
    path = tmp_path / "city.json"
    path.write_text(json.dumps(SCHEMA))
    given = [*CHAT, "Where?", "--schema", str(path)]
    emu.reply('{"city": "Paris"}')
    emu.reply('{"town": "Paris"}')
    emu.reply('{"city": "Par', finish_reason="length")
    good, wrong, cut = run(emu, *given), run(emu, *given), run(emu, *given)
    assert (good.code, json.loads(good.out)) == (0, {"city": "Paris"})
    assert emu.requests[0].json["response_format"]["json_schema"]["name"] == "City"
    assert (wrong.code, wrong.out) == (1, "")
    assert "the answer does not satisfy the schema" in wrong.err
    assert (cut.code, cut.out) == (3, "")


@pytest.mark.parametrize(
    ("status", "shown"),
    [(503, "sending it again in"), (429, "rate limit: waiting")],
)
def test_waits_are_shown(emu, status, shown):
    emu.script(Status(status, headers={"retry-after": "0.1"}))
    done = run(emu, *CHAT, "hi")
    assert (done.code, done.out) == (0, "You said: hi\n")
    [line] = [line for line in done.err.splitlines() if shown in line]
    assert line.endswith(" s (attempt 2)")


def test_ctrl_c_ends_one_answer_with_130(tmp_path):
    with Emulator(event_delay=0.2) as emu, Terminal(emu, *CHAT, "a b c d e f g h i j k l m n o p q r s t") as terminal:
        terminal.wait_for("You said: a b")
        terminal.type("\x03")
        assert terminal.code() == 130
        assert "Stopped: this is no whole answer." in terminal.text
        assert "Traceback" not in terminal.text


# --- a conversation ---


def test_commands_of_a_conversation(emu, tmp_path):
    saved = tmp_path / "saved.json"
    with Terminal(emu, *CHAT, COLUMNS="200") as terminal:
        terminal.wait_for("> ")
        for typed, shown in [
            ("Hello", "You said: Hello"),
            ("/model", "The model is gemma-4-31B-it."),
            ("/model kimi-k33", "Nothing is known of it; closest: kimi-k3"),
            ("/model glm-5.2", "The model is glm-5.2."),
            ("/system", "There are no instructions."),
            ("/system Be brief.", "The instructions are: Be brief."),
            (f"/save {saved}", "3 messages written to"),
            (f"/save {saved}", "cannot be written: File exists"),
            ("/save", "/save needs the name of a file"),
            ("/clear", "This is a new conversation."),
            ("Again", "You said: Again"),
        ]:
            terminal.type(f"{typed}\r")
            terminal.wait_for(shown)
        terminal.type("/quit\r")
        assert terminal.code() == 0
    first, second = (request.json for request in emu.requests)
    assert [message["content"] for message in first["messages"]] == ["Hello"]
    assert second["model"] == "glm-5.2"
    assert [message["content"] for message in second["messages"]] == ["Be brief.", "Again"]
    assert json.loads(saved.read_text()) == {
        "model": "glm-5.2",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "You said: Hello"},
        ],
    }


def test_text_of_several_lines_and_lines_that_are_called_back(emu):
    with Terminal(emu, *CHAT) as terminal:
        terminal.wait_for("> ")
        for count, typed in enumerate(
            ["one \\\rtwo\r", '"""\rthree\r\r  four"""\r', "\x1b[200~five\nsix\x1b[201~\r", "\x1b[A\x01seven \r"], 1
        ):
            terminal.type(typed)
            terminal.wait_for(" out ", count=count)
        terminal.type("\r \r")  # nothing is asked
        terminal.wait_for_prompt()
        terminal.type("gone\x03")
        terminal.wait_for("Ctrl-D or /exit ends this.")
        terminal.wait_for_prompt()
        terminal.type("\x04")
        assert terminal.code() == 0
    asked = [request.json["messages"][-1]["content"] for request in emu.requests]
    assert asked == ["one \ntwo", "three\n\n  four", "five\nsix", "seven five\nsix"]


# --- doctor and models ---


def test_doctor_for_programs(emu):
    done = run(emu, "doctor", "--json", "-m", "glm-5")
    found = json.loads(done.out)
    assert (done.code, done.err, found["ok"]) == (0, "", True)
    assert [check["name"] for check in found["checks"]][:4] == ["key", "address", "proxy", "list of models"]
    broken = run(emu, "doctor", "--json", DIGITALOCEAN_INFERENCE_KEY="sk-do-v1-wrong")
    found = json.loads(broken.out)
    assert (broken.code, found["ok"]) == (1, False)
    [wrong] = [check for check in found["checks"] if check["status"] == "wrong"]
    assert (wrong["name"], "make a new one in the control panel" in wrong["fix"]) == ("list of models", True)
    assert "sk-do-v1-wrong" not in broken.out


PROXIES = {
    "HTTPS_PROXY": "http://ada:p/a@ss:word@proxy.example.com:3128/path?x=hidden",
    "ALL_PROXY": "socks5://hidden",
    "HTTP_PROXY": "hidden word",
}


def test_a_report_has_no_secret(emu):
    address = {"DIGITALOCEAN_INFERENCE_BASE_URL": "https://api.example.com/v1"}
    done = run(emu, "doctor", "--report", **address, **PROXIES)
    facts = dict(line.split(": ", 1) for line in done.out.splitlines())
    assert (done.code, emu.requests) == (0, [])
    for name in ("inference-do", "python", "os", "httpx", "pydantic", "langchain-core", "llama-index-core", "openssl"):
        assert facts[name]
    assert facts["base URL"] == "https://api.example.com/v1 (from DIGITALOCEAN_INFERENCE_BASE_URL)"
    assert facts["key"] == "a model access key, from DIGITALOCEAN_INFERENCE_KEY"
    assert facts["api"] == "chat_completions"
    assert facts["HTTPS_PROXY"] == "http://***@proxy.example.com:3128"
    shown = done.out + run(emu, "doctor", "--report", "--json", **address, **PROXIES).out
    for secret in ("ada", "p/a", "ss:word", emu.api_key, "path?x"):
        assert secret not in shown


def test_a_report_has_no_secret_where_none_belongs(emu):
    key = "sk-do-v1-0123456789abcdef"
    odd = {
        "DIGITALOCEAN_INFERENCE_KEY": key,
        "DIGITALOCEAN_INFERENCE_BASE_URL": f"{emu.base_url}/{key}",
        "GATEWAY_TOKEN": "a token of another kind",
        "NO_PROXY": "localhost,http://zoe:p@ss@intern.example.com,127.0.0.1",
        "SECRET_PROXY": "hidden",
        "TERM": "a token of another kind",
    }
    for options in (["--report", "-m", key], ["--report", "--json"], [], ["--json"], ["-m", key]):
        done = run(emu, "doctor", *options, **odd)
        shown = done.out + done.err
        assert "(secret)" in shown
        for secret in (key, key[9:], "zoe", "ss@", "hidden", "another kind"):
            assert secret not in shown
    assert "NO_PROXY: localhost,***@intern.example.com,127.0.0.1\n" in run(emu, "doctor", "--report", **odd).out


def test_doctor_names_the_proxy(emu):
    proxied = {"DIGITALOCEAN_INFERENCE_BASE_URL": "", "HTTPS_PROXY": "http://ada:secret@127.0.0.1:1"}
    done = run(emu, "doctor", **proxied)
    assert done.code == 1
    assert "requests go through http://127.0.0.1:1" in done.out
    assert "Nothing answered through the proxy http://127.0.0.1:1: check it, or set NO_PROXY=inference.do-ai.run" in (
        done.out
    )
    assert "secret" not in done.out + done.err
    broken = run(emu, "doctor", **{**proxied, "HTTPS_PROXY": "ftp://ada:secret@x"})
    assert (broken.code, "wrong  proxy: the proxy for https://" in broken.out) == (1, True)
    assert "secret" not in broken.out + broken.err


def test_doctor_says_which_key_is_used(emu):
    done = run(emu, "doctor", DIGITALOCEAN_TOKEN="dop_v1_other", LANG="C")
    assert "key: DIGITALOCEAN_TOKEN is set too, and not used" in done.out


@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_sentences_break_between_words(emu, term):
    with Terminal(emu, "doctor", "-m", "glm-5", COLUMNS="60", TERM=term) as terminal:
        assert terminal.code() == 0
        lines = terminal.text.splitlines()
    assert max(map(len, lines)) <= 60
    assert "DIGITALOCEAN_INFERENCE_KEY" in terminal.text
    assert ("\x1b[" in terminal.seen) == (term != "dumb")


def test_a_terminal_without_colours(emu):
    with Terminal(emu, "doctor", NO_COLOR="1") as terminal:
        assert terminal.code() == 0
        assert "\x1b[3" not in terminal.seen


def test_what_is_piped_is_a_row_for_each_model(emu):
    done = run_program(emu, "models", "--all", COLUMNS="1000")
    header, *rows = done.out.splitlines()
    assert header.split()[:2] == ["Model", "Window"]
    assert [row.split()[0] for row in rows] == [
        json.loads(line)["id"] for line in run(emu, "models", "--all", "--json").out.splitlines()
    ]
    assert "108 models." in done.err


# --- completion ---


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """A folder with the program, and the script that bash is given."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "inference-do"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m inference_do.cli "$@"\n')
    program.chmod(0o755)
    variables = {"PATH": f"{folder}:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    shown = subprocess.run(
        [str(program), "--show-completion", "bash"],
        env={**variables, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True,
        text=True,
        timeout=150,
        check=True,
    )
    (folder / "completion.bash").write_text(shown.stdout)
    return folder, variables


def completed(shell, *words: str) -> list[str]:
    """Return what bash offers for the last word, by the function that `complete` names for the program."""
    folder, variables = shell
    script = (
        f'source {folder}/completion.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))\n'
        "found=$(complete -p inference-do); name=${found##*-F }; ${name%% *} inference-do\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", *words],
        env=variables,
        capture_output=True,
        text=True,
        timeout=150,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.skipif(not os.path.exists("/bin/bash"), reason="no bash")  # noqa: PTH110
def test_bash_completes_commands_options_and_models(shell):
    assert completed(shell, "inference-do", "mo") == ["models"]
    assert completed(shell, "inference-do", "batch", "sta") == ["status"]
    assert completed(shell, "inference-do", "chat", "--te") == ["--temperature"]
    assert completed(shell, "inference-do", "chat", "-m", "kimi-k3") == ["kimi-k3"]
    assert len(completed(shell, "inference-do", "doctor", "--model", "anthropic-claude-")) > 5
    assert completed(shell, "inference-do", "chat", "--effort", "xh") == ["xhigh"]


@pytest.mark.skipif(not os.path.exists("/bin/bash"), reason="no bash")  # noqa: PTH110
def test_bash_completes_names_of_files(shell):
    """`-o default` has bash offer them where the program offers nothing."""
    folder, _ = shell
    assert completed(shell, "inference-do", "batch", "run", "some-ro") == []
    assert "complete -o default -F" in (folder / "completion.bash").read_text()


@pytest.mark.parametrize("kind", ["zsh", "fish"])
def test_other_shells_have_a_script(emu, kind):
    done = run_program(emu, "--show-completion", kind, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert (done.code, "inference-do" in done.out, "_INFERENCE_DO_COMPLETE" in done.out) == (0, True, True)
