"""The command line as a program: with pipes, on a terminal, and without its extra."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import httpx
import pytest
from cli_kit import ROOT, Terminal, run_program

from inference_do.emulator import Emulator


def test_the_table_on_a_terminal_and_in_a_pipe(emu):
    with Terminal(emu, "models", "glm") as terminal:
        assert terminal.code() == 0
        assert "\x1b[1m" in terminal.seen
        assert "glm-5.2" in terminal.text
    piped = run_program(emu, "models", "glm")
    assert "\x1b" not in piped.out
    assert piped.err.startswith("\n3 models.")
    assert "glm-5.2" in piped.out


def test_check_shows_a_bar_while_it_asks():
    with Emulator(event_delay=0.05) as emu, Terminal(emu, "models", "openai-gpt", "--check") as terminal:
        terminal.wait_for("Asking")
        assert terminal.code() == 0
        assert re.search(r"\d+/\d+", terminal.text)
        assert "of which this key may call" in terminal.text
        assert emu.api_key not in terminal.seen


def test_an_answer_appears_as_it_is_made_with_dim_thoughts_and_usage():
    with Emulator(event_delay=0.1) as emu, Terminal(emu, "chat", "Why is it so?", "-m", "kimi-k3") as terminal:
        terminal.wait_for("The last message")
        assert "You said" not in terminal.text
        assert "\x1b[2;3m" in terminal.seen  # dim, italic
        assert terminal.code() == 0
        assert "You said: Why is it so?" in terminal.text
        assert re.search(r"kimi-k3 · [\d.]+ s · \d+ in · \d+ out \(\d+ thinking\) · about \$0\.\d+", terminal.text)
        assert emu.api_key not in terminal.seen


def test_a_conversation():
    with Emulator() as emu, Terminal(emu, "chat", "-m", "gemma-4-31B-it") as terminal:
        terminal.wait_for("> ")
        terminal.type("My name is Ada.\n")
        terminal.wait_for("You said: My name is Ada.")
        terminal.wait_for("> ", count=2)
        terminal.type("What is my name?\n")
        terminal.wait_for(" out", count=2)
        terminal.wait_for("> ", count=3)
        terminal.type("\x04")
        assert terminal.code() == 0
        assert [message["role"] for message in emu.requests[1].json["messages"]] == ["user", "assistant", "user"]
        assert terminal.text.count("Ada") >= 2


def test_ctrl_c_stops_an_answer_and_not_the_conversation():
    with Emulator(event_delay=0.2) as emu, Terminal(emu, "chat", "-m", "gemma-4-31B-it") as terminal:
        terminal.wait_for("> ")
        terminal.type("one two three four five six seven eight nine ten eleven twelve thirteen fourteen\n")
        terminal.wait_for("You said")
        terminal.type("\x03")
        terminal.wait_for("Stopped: this is no whole answer.")
        terminal.wait_for("> ", count=2)
        terminal.type("\x04")
        assert terminal.code() == 0
        assert "Traceback" not in terminal.text
        assert len(emu.disconnects) == 1


def test_a_failure_in_a_conversation_does_not_end_it(emu):
    with Terminal(emu, "chat", "-m", "no-such-model") as terminal:
        terminal.wait_for("> ")
        terminal.type("Hello\n")
        terminal.wait_for("NotFoundError: 404")
        terminal.wait_for("> ", count=2)
        terminal.type("\x04")
        assert terminal.code() == 0


def test_doctor_on_a_terminal(emu):
    with Terminal(emu, "doctor", "-m", "glm-5") as terminal:
        assert terminal.code() == 0
        assert "\x1b[32mok" in terminal.seen
        assert "a call of glm-5: answered" in terminal.text
        assert emu.api_key not in terminal.seen


@pytest.mark.parametrize("how", ["ctrl-c", "sigterm"])
def test_serve_serves_until_it_is_stopped(emu, how, tmp_path):
    facts = tmp_path / "facts.txt"
    facts.write_text("A droplet is a virtual machine.\n\nSpaces keep objects.\n")
    with Terminal(emu, "serve", "--port", "0", "--knowledge", str(facts)) as terminal:
        terminal.wait_for("Ctrl-C stops it.")
        base_url, key = (
            re.search(rf"{name}=(\S+)", terminal.text)[1]  # type: ignore[index]
            for name in ("DIGITALOCEAN_INFERENCE_BASE_URL", "DIGITALOCEAN_INFERENCE_KEY")
        )
        headers = {"authorization": f"Bearer {key}"}
        asked = {"query": "droplet", "num_results": 1}
        found = httpx.post(f"{base_url}/kb/retrieve", headers=headers, json=asked, timeout=5).json()
        assert found["results"][0]["text_content"] == "A droplet is a virtual machine."
        first, page = terminal.text.split()[:2]
        assert (first, httpx.get(page, timeout=5).status_code) == ("Playground:", 200)
        if how == "ctrl-c":
            terminal.type("\x03")
        else:
            terminal.stop()
        assert terminal.code() == 0
        assert "Traceback" not in terminal.text


def test_serve_does_without_the_page_and_opens_it(emu, tmp_path):
    with Terminal(emu, "serve", "--port", "0", "--no-playground") as terminal:
        terminal.wait_for("Ctrl-C stops it.")
        assert "Playground" not in terminal.text
        base_url = re.search(r"BASE_URL=(\S+)", terminal.text)[1]  # type: ignore[index]
        assert httpx.get(base_url.removesuffix("v1"), timeout=5).status_code == 401
    opened = tmp_path / "opened"
    browser = f"sh -c 'echo %s > {opened}'"
    with Terminal(emu, "serve", "--port", "0", "--open", BROWSER=browser) as terminal:
        terminal.wait_for("Ctrl-C stops it.")
        assert opened.read_text().strip() == terminal.text.split()[1]


def test_no_traceback_shows_the_key(emu):
    """A defect's traceback has no local variables, whatever went wrong."""
    code = (
        "import inference_do.cli._models as m\n"
        "def broken(*_, **__):\n    key = 'sk-do-v1-emulator'\n    raise ZeroDivisionError\n"
        "m.known_models = broken\n"
        "from inference_do.cli import main\nimport sys\nsys.argv = ['inference-do', 'models']\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=150, check=False, cwd=ROOT
    )
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "locals" not in done.stderr


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_its_extra_it_says_so_in_one_sentence(missing):
    code = f"import sys\nsys.modules[{missing!r}] = None\nfrom inference_do.cli import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=150, check=False, cwd=ROOT
    )
    sentence = 'inference-do needs typer and rich, which are not installed: pip install "inference-do[cli]"\n'
    assert (done.returncode, done.stdout, done.stderr) == (1, "", sentence)


def test_ctrl_c_while_it_is_loaded_is_no_traceback(emu, tmp_path):
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt\n")
    done = run_program(emu, "chat", "Hello", PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert (done.code, done.out, done.err) == (130, "", "interrupted\n")


def test_the_library_does_not_import_the_command_line():
    code = (
        "import sys, inference_do.cli, inference_do.models, inference_do.pricing\n"  # httpx itself asks for rich
        "print([name for name in ('typer', 'rich', 'click', 'httpx', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=150, check=True, cwd=ROOT
    )
    assert done.stdout == "[]\n"


def test_it_is_quick_to_say_its_version(emu):
    started = time.monotonic()
    assert run_program(emu, "--version").out.startswith("inference-do ")
    assert time.monotonic() - started < 20
