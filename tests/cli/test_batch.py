"""`inference-do batch`, in this process and on a terminal, against an emulator whose clock the tests move."""

from __future__ import annotations

import json

import pytest
from batch_kit import CLAUDE, SECONDS, emulator, request, requests
from cli_kit import Terminal, run, run_program


@pytest.fixture
def placed():
    with emulator() as (emu, clock):
        yield emu, clock


@pytest.fixture
def emu(placed):
    return placed[0]


@pytest.fixture
def clock(placed):
    return placed[1]


def written(path, rows) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


@pytest.fixture
def submitted(emu, tmp_path):
    """The id of a batch of four requests, one of which is wrong."""
    rows = [*requests(3), request("wrong", extra_body={"temperature": 9})]
    done = run(emu, "batch", "submit", written(tmp_path / "in.jsonl", rows), "--metadata", "team=a")
    assert done.code == 0, done.err
    return done.out.strip()


def test_submit_prints_the_id(emu, submitted):
    [upload] = [r for r in emu.requests if r.method == "PUT"]
    assert len(upload.body.splitlines()) == 4
    made = next(r.json for r in emu.requests if (r.method, r.path) == ("POST", "/v1/batches"))
    assert (made["metadata"], made["provider"]) == ({"team": "a"}, "openai")
    assert run(emu, "batch", "list", "--json").out.count("\n") == 1
    assert submitted in emu._api.batches.jobs


def test_submit_takes_standard_input_and_a_model_for_all(emu, tmp_path):
    rows = "\ufeff" + "".join(
        json.dumps({name: value for name, value in row.items() if name != "model"}) + "\n\n" for row in requests(2)
    )
    done = run(emu, "batch", "submit", "-", "-m", CLAUDE, "--request-id", "x", content=rows)
    assert done.code == 0, done.err
    made = next(r.json for r in emu.requests if (r.method, r.path) == ("POST", "/v1/batches"))
    assert (made["provider"], made["request_id"]) == ("anthropic", "x")
    assert f"inference-do batch wait {done.out.strip()}" in done.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "ConfigError: line 1 of the file: it is not JSON"),
        ("\n[1]", "ConfigError: line 2 of the file: it is no JSON object, but a list"),
        (
            '{"custom_id": "a", "messages": []}',
            "ConfigError: line 1 (custom_id 'a'): model must be a model's id, not None",
        ),
        ("", "ConfigError: a batch needs at least one request"),
    ],
)
def test_submit_names_the_line_that_is_wrong(emu, tmp_path, text, message):
    path = tmp_path / "in.jsonl"
    path.write_text(text)
    done = run(emu, "batch", "submit", str(path))
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert emu.requests == []


def test_submit_says_what_cannot_be_read(emu, tmp_path):
    done = run(emu, "batch", "submit", str(tmp_path / "none.jsonl"))
    assert (done.code, "none.jsonl' cannot be read: No such file" in done.err) == (2, True)
    done = run(emu, "batch", "submit", written(tmp_path / "in.jsonl", requests(1)), "--metadata", "a")
    assert (done.code, "--metadata takes NAME=TEXT, not 'a'" in done.err) == (2, True)


def test_status_says_how_it_stands(emu, clock, submitted):
    clock.advance(50)
    done = run(emu, "batch", "status", submitted)
    lines = dict(line.split(maxsplit=1) for line in done.out.splitlines())
    assert lines["batch"] == submitted
    assert lines["status"] == "in_progress, 2 of 4 requests"
    assert lines["provider"] == "openai /v1/chat/completions"
    assert lines["metadata"] == "team=a"
    shown = json.loads(run(emu, "batch", "status", submitted, "--json").out)
    assert (shown["batch_id"], shown["status"], shown["request_counts"]["total"]) == (submitted, "in_progress", 4)
    assert "request_id" in shown


def test_wait_shows_progress_as_lines_and_then_the_status(emu, clock, submitted):
    clock.advance(SECONDS)
    done = run(emu, "batch", "wait", submitted, "--poll", "0.01")
    assert done.code == 0
    assert done.err == f"batch {submitted}: completed: 4 of 4 requests, 1 failed\n"
    assert "status      completed, 4 of 4 requests, 1 failed" in done.out


def test_wait_ends_at_its_timeout_and_with_a_cancelled_batch(emu, clock, submitted):
    done = run(emu, "batch", "wait", submitted, "--poll", "0.01", "--timeout", "0.05")
    assert (done.code, "has not ended within 0.05 s" in done.err) == (1, True)
    clock.advance(50)
    assert "cancelling" in run(emu, "batch", "cancel", submitted).out
    clock.advance(20)
    assert run(emu, "batch", "wait", submitted, "--poll", "0.01").code == 1


def test_results_are_json_lines(emu, clock, submitted, tmp_path):
    clock.advance(SECONDS)
    done = run(emu, "batch", "results", submitted)
    rows = {row["custom_id"]: row for row in map(json.loads, done.out.splitlines())}
    assert rows["r0"]["text"] == "You said: Hello 0"
    assert rows["r0"]["completion"]["usage"]["total_tokens"] > 0
    assert rows["wrong"].keys() == {"custom_id", "error"}
    error = rows["wrong"]["error"]
    assert (error["class"], error["status"], error["retryable"]) == ("BadRequestError", 400, False)
    assert "3 answers · 1 error ·" in done.err
    assert "at the batches' price" in done.err
    output = tmp_path / "out.jsonl"
    again = run(emu, "batch", "results", submitted, str(output))
    assert (again.code, again.out) == (0, "")
    assert output.read_text() == done.out
    assert list(tmp_path.glob(".out*")) == []


def test_results_that_are_not_there_leave_no_file(emu, submitted, tmp_path):
    output = tmp_path / "out.jsonl"
    done = run(emu, "batch", "results", submitted, str(output))
    assert (done.code, "has not ended: validating" in done.err) == (1, True)
    assert not output.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl"]


def test_the_list_fits_its_terminal(emu, clock, submitted):
    clock.advance(SECONDS)
    wide = run(emu, "batch", "list", COLUMNS="120").out
    assert next(line.split() for line in wide.splitlines() if submitted in line)[1:4] == ["completed", "4/4", "1"]
    narrow = run(emu, "batch", "list", COLUMNS="60")
    assert "Left out, as the terminal is narrow: " in narrow.err
    assert all(len(line) <= 60 for line in narrow.out.splitlines() if submitted in line)
    assert run(emu, "batch", "list", "--status", "failed").out == ""


def test_what_fails_is_one_sentence(emu):
    done = run_program(emu, "batch", "status", "nothing")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert done.err.startswith("NotFoundError: 404 Not Found: batch not found")


def test_a_terminal_shows_a_bar(emu, clock, submitted):
    with Terminal(emu, "batch", "wait", submitted, "--poll", "0.05", COLUMNS="80") as terminal:
        terminal.wait_for("validating")
        clock.advance(50)
        terminal.wait_for("2/4")
        clock.advance(50)
        assert terminal.code() == 0
        assert "completed, 4 of 4 requests" in terminal.text
