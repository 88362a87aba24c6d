"""`inference-do batch estimate`: arithmetic of numbers and of files; nothing is asked."""

from __future__ import annotations

import json

import pytest
from cli_kit import run

NUMBERS = ["batch", "estimate", "--rows", "1000000", "--input-tokens", "300", "--output-tokens", "100"]


def test_numbers(emu):
    limits = ["--requests-per-minute", "600", "--tokens-per-minute", "1000000", "--seconds", "2", "--workers", "4"]
    done = run(emu, *NUMBERS, *limits, "--input-price", "1", "--output-price", "4", "-m", "openai-gpt-4o-mini")
    assert (done.code, done.err, emu.posts) == (0, "", 0)
    assert "1,000,000 / 600 a minute = 1 d 4 h" in done.out
    assert "1 d 4 h, by requests per minute" in done.out
    assert "$700.00 x 0.5 = $350.00" in done.out


def test_a_file_is_counted_by_its_prompt(emu, tmp_path):
    rows = tmp_path / "in.jsonl"
    rows.write_text("".join(json.dumps({"text": f"row {'word ' * n}"}) + "\n" for n in (1, 3)))
    done = run(emu, "batch", "estimate", str(rows), "--prompt", "{text}", "-m", "gemma-4-31B-it")
    assert (done.code, done.err, emu.posts) == (0, "", 0)
    assert "2 rows x " in done.out
    assert "2 rows x 200 = 400" in done.out
    longer = run(emu, "batch", "estimate", str(rows), "--prompt", "Sum up: {text}", "-m", "gemma-4-31B-it")
    assert longer.out != done.out
    many = run(emu, "batch", "estimate", str(rows), "--prompt", "{text}", "-m", "gemma-4-31B-it", "--rows", "1000")
    assert "1,000 rows x 200 = 200,000" in many.out


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (["batch", "estimate", "--rows", "5"], "give IN.jsonl, or --rows and --input-tokens"),
        ([*NUMBERS, "-m", "a-model-of-mine"], "no price is known for 'a-model-of-mine'"),
        ([*NUMBERS, "--input-price", "1"], "together"),
        ([*NUMBERS, "--workers", "0"], "workers must be a number above 0"),
    ],
)
def test_what_cannot_be_computed_is_said_in_words(emu, given, reason):
    done = run(emu, *given)
    assert (done.code, done.out) == (2, "")
    assert reason in done.err


def test_a_bad_line_is_named(emu, tmp_path):
    rows = tmp_path / "in.jsonl"
    rows.write_text('{"text": "a"}\n{"other": 1}\n')
    done = run(emu, "batch", "estimate", str(rows), "--prompt", "{text}")
    assert done.code == 2
    assert "line 2 of" in done.err
    gone = run(emu, "batch", "estimate", str(tmp_path / "none.jsonl"), "--prompt", "{text}")
    assert gone.code != 0
    assert "none.jsonl" in gone.err
