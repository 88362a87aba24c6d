"""The log: a line for each call, numbers and names only."""

from __future__ import annotations

import logging

import pytest
from client_kit import ASK, achat, astream, chat, stream

from inference_do.emulator import Status

SAID = "a-sentence-that-no-log-shows"


@pytest.mark.parametrize("ask", [chat, stream, achat, astream])
def test_a_call_is_one_debug_line_without_content_or_key(emu, caplog, ask):
    caplog.set_level(logging.DEBUG, "inference_do")
    emu.script(Status(503))
    ask(emu, messages=[{"role": "user", "content": SAID}])
    lines = [record for record in caplog.records if record.name == "inference_do"]
    (line,) = [record.getMessage() for record in lines if record.levelno == logging.DEBUG and "attempts" in record.msg]
    assert line.startswith(f"chat_completions answered: model {ASK['model']}, 2 attempts, head after ")
    assert [record.levelno for record in lines].count(logging.INFO) == 1
    shown = "".join(record.getMessage() for record in lines)
    assert SAID not in shown
    assert emu.api_key not in shown


def test_what_the_user_asked_for_and_was_left_out_is_a_warning(emu, caplog):
    chat(emu, prompt_cache_retention="24h")
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert record.getMessage().startswith("prompt_cache_retention is left out")
