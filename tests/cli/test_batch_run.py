"""`inference-do batch run`: from lines to lines, with pipes and on a terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import pytest
from cli_kit import Terminal, environment, run, run_program
from client_kit import soon

from inference_do.emulator import Emulator, Status

MODEL = ["-m", "gemma-4-31B-it"]


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"id": f"r{n}", "text": f"row {n}"}) + "\n" for n in range(1, 7)))
    return str(path)


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out.jsonl"


def lines_of(path):
    return sorted(map(json.loads, path.read_text().splitlines()), key=lambda line: line["row"])


def test_a_file_of_rows(emu, rows, output):
    given = [*MODEL, "--prompt", "Sum up {text}", "-s", "Be brief, {id}.", "--max-tokens", "50", "--temperature", "0"]
    done = run(emu, "batch", "run", rows, str(output), *given, "--key", "id")
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines()[-1].startswith("6 rows: 6 answered. ")
    assert "about $0.00" in done.err
    assert [line["result"] for line in lines_of(output)] == [f"You said: Sum up row {n}" for n in range(1, 7)]
    assert [line["key"] for line in lines_of(output)] == [f"r{n}" for n in range(1, 7)]
    sent = [request.json for request in emu.requests]
    assert {(request["model"], request["temperature"], request["max_completion_tokens"]) for request in sent} == {
        ("gemma-4-31B-it", 0, 50)
    }
    assert {request["messages"][0]["content"] for request in sent} == {f"Be brief, r{n}." for n in range(1, 7)}
    again = run(emu, "batch", "run", rows, str(output), *given, "--key", "id", "--no-progress")
    assert (again.code, again.err, emu.posts) == (0, "", 6)


def test_failures_and_bad_lines_are_named_and_tried_again(emu, rows, output):
    with open(rows, "a") as file:  # noqa: PTH123
        file.write('{"text":\n')
    emu.script(Status(400))
    done = run(emu, "batch", "run", rows, str(output), *MODEL, "--prompt", "{text}", "--concurrency", "1")
    assert done.code == 1
    assert "7 rows: 5 answered, 2 failed." in done.err
    assert "Failed: 1 BadRequestError, 1 BadRowError." in done.err
    assert "  row 7: BadRowError: it is not JSON: Expecting value at character 9" in done.err
    assert done.err.splitlines()[-1] == "Run the same job again to ask the rows that have no result."
    run(emu, "batch", "run", rows, str(output), *MODEL, "--prompt", "{text}")
    assert emu.posts == 7
    strict = run(emu, "batch", "run", rows, str(output), *MODEL, "--prompt", "{text}", "--strict")
    assert strict.code == 2
    assert strict.err.startswith("ConfigError: 1 rows cannot be asked: row 7:")


def test_messages_or_prompts_of_the_rows_from_standard_input(emu, output):
    content = '{"messages":[{"role":"user","content":"one"}]}\n\n{"prompt":"two"}\n'
    done = run_program(emu, "batch", "run", "-", str(output), *MODEL, content=content)
    assert done.code == 0, done.err
    assert [(line["row"], line["result"]) for line in lines_of(output)] == [(1, "You said: one"), (3, "You said: two")]


def test_a_schema_makes_objects(emu, rows, output, tmp_path):
    schema = {"title": "City of a row", "type": "object", "properties": {"city": {"type": "string"}}}
    schema |= {"required": ["city"], "additionalProperties": False}
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(schema))
    emu.reply('{"city": 7}')
    emu.reply('{"city": "Paris"}', finish_reason="length")
    emu.reply("Paris")
    for _ in range(3):
        emu.reply('{"city": "Paris"}')
    given = [*MODEL, "--prompt", "{text}", "--schema", str(path), "--concurrency", "1"]
    done = run(emu, "batch", "run", rows, str(output), *given)
    assert done.code == 1
    lines = lines_of(output)
    assert "does not satisfy the schema: city must be of type 'string'" in lines[0]["error"]["message"]
    assert "--max-tokens" in lines[1]["error"]["message"]
    assert "the answer is not JSON" in lines[2]["error"]["message"]
    assert [line["result"] for line in lines[3:]] == [{"city": "Paris"}] * 3
    assert all(line["cost"] > 0 for line in lines)  # what failed was paid too
    sent = emu.requests[0].json["response_format"]["json_schema"]
    assert (sent["name"], sent["schema"]) == ("City_of_a_row", schema)


def test_a_spending_limit(emu, rows, output):
    done = run(emu, "batch", "run", rows, str(output), *MODEL, "--prompt", "{text}", "--max-cost", "0.00001")
    assert done.code == 1
    assert 0 < emu.posts < 6
    assert re.search(r"Stopped: \$0\.00000\d of max_cost \$0\.000010 are spent", done.err)
    free = run(emu, "batch", "run", rows, str(output), "-m", "my-own", "--prompt", "{text}", "--max-cost", "1")
    assert (free.code, "needs a price" in free.err) == (2, True)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--prompt", 'like {"a": 1}'], "which is no field: a field is written {name}"),
        (["--schema", "nowhere.json"], "--schema 'nowhere.json' cannot be used: No such file"),
        (["--concurrency", "0"], "concurrency"),
    ],
    ids=str,
)
def test_a_command_that_cannot_be_right(emu, rows, output, given, words):
    done = run(emu, "batch", "run", rows, str(output), *MODEL, *given)
    assert (done.code, emu.posts) == (2, 0)
    assert words in done.err
    assert not output.exists()
    assert run(emu, "batch", "run", "nowhere.jsonl", str(output)).code == 2
    assert run(emu, "batch", "run", rows, rows).code == 2


def test_another_prompt_is_refused_unless_it_begins_anew(emu, rows, output):
    run(emu, "batch", "run", rows, str(output), *MODEL, "--prompt", "{text}")
    other = run(emu, "batch", "run", rows, str(output), *MODEL, "--prompt", "Now {text}")
    assert (other.code, "is the output of another job" in other.err) == (2, True)
    anew = run(emu, "batch", "run", rows, str(output), *MODEL, "--prompt", "Now {text}", "--no-resume")
    assert anew.code == 0
    assert f"The earlier output is now '{output}.1'" in anew.err
    assert {line["result"] for line in lines_of(output)} == {f"You said: Now row {n}" for n in range(1, 7)}


@pytest.mark.parametrize("columns", [60, 100])
def test_one_live_line_on_a_terminal_that_fits(output, tmp_path, columns):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"text": f"row {n}"}) + "\n" for n in range(60)))
    given = [str(path), str(output), *MODEL, "--prompt", "{text}", "--concurrency", "4"]
    with Emulator(head_delay=0.1) as emu, Terminal(emu, "batch", "run", *given, COLUMNS=str(columns)) as terminal:
        terminal.wait_for("left")
        assert terminal.code() == 0
        shown = [line for line in re.split(r"[\r\n]+", terminal.text) if "━" in line or "─" in line]
        assert shown
        assert max(map(len, shown)) <= columns
        assert "60 rows: 60 answered." in terminal.text
        assert emu.api_key not in terminal.seen


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_with_130_and_everything_written(output, tmp_path, number):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"text": f"row {n}"}) + "\n" for n in range(500)))
    command = [
        sys.executable,
        "-c",
        CLI,
        "batch",
        "run",
        str(path),
        str(output),
        *MODEL,
        "--prompt",
        "{text}",
    ]
    with Emulator(head_delay=0.3) as emu:
        process = subprocess.Popen(command, env=environment(emu), stderr=subprocess.PIPE, text=True)
        assert soon(lambda: emu.posts >= 5, 40)
        os.kill(process.pid, number)
        _, err = process.communicate(timeout=150)
        assert process.returncode == 130
        assert len(lines_of(output)) == emu.posts
    assert "Stopped: it was interrupted." in err
    assert "Traceback" not in err


CLI = "from inference_do.cli import main; main()"
