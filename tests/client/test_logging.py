"""The log: a line for each call, numbers and names only, and nothing where it is off."""

from __future__ import annotations

import json
import logging

import pytest
from batch_kit import SECONDS, emulator, request
from client_kit import ASK, VECTORS, achat, astream, caught, chat, make, make_async, stream

from inference_do import Client, KnowledgeBase, NotFoundError
from inference_do._protocol import observe
from inference_do.emulator import Emulator, RawStream, Stall, Status

SAID = "a-sentence-that-no-log-shows"
SAY = [{"role": "user", "content": SAID}]
EVERY_CALL = pytest.mark.parametrize("ask", [chat, stream, achat, astream])


@pytest.fixture
def log(caplog):
    """The records of the client at any level."""
    caplog.set_level(logging.CRITICAL, "inference_do.emulator")
    caplog.set_level(1)  # the last one is the handler's as well

    def read() -> list[logging.LogRecord]:
        return [record for record in caplog.records if record.name.startswith("inference_do")]

    read.text = lambda: "".join(f"{record.getMessage()} {record.args} {record.exc_text}" for record in caplog.records)
    return read


def lines_of(log, level: int) -> list[str]:
    return [record.getMessage() for record in log() if record.levelno == level]


# --- what it says ---


def test_a_model_cannot_forge_a_line_nor_show_the_key(emu, log):
    with make(emu) as client:
        emu.script(Status(503))
        for model in ("x\nERROR root: forged", emu.api_key):
            with pytest.raises(NotFoundError):
                client.chat(**{**ASK, "model": model})
    assert len(log()) == 3
    assert all("\n" not in record.getMessage() for record in log())
    assert emu.api_key not in log.text()


@EVERY_CALL
def test_a_call_is_one_debug_line(emu, log, ask):
    emu.script(Status(503))
    ask(emu)
    (line,) = lines_of(log, logging.DEBUG)
    assert line.startswith(f"chat_completions answered: model {ASK['model']}, attempts 2, head after ")
    assert ("first token after -" in line) == (ask in {chat, achat})
    assert "tokens in 8, out 6" in line
    assert "bytes, request id " in line
    (line,) = lines_of(log, logging.INFO)
    assert line.startswith("sending again in ")
    assert f": ServerError, status 503 (model {ASK['model']}, 1 sent so far, request id " in line


def test_how_a_call_ended_stands_in_its_line(emu, log):
    with make(emu, max_retries=0) as client:
        client.stream(**ASK).close()  # nothing was asked yet
        for _ in client.stream(**ASK):
            break
        emu.script(Status(401))
        caught(lambda: client.chat(**ASK))
        client.embed(model=VECTORS, input="a")
        client.models()
    starts = [line.partition(":")[0] for line in lines_of(log, logging.DEBUG)]
    assert starts == [
        "chat_completions closed early",
        "chat_completions failed with AuthenticationError",
        "/embeddings answered",
        "/models answered",
    ]


def test_a_download_of_results_is_one_line(log):
    with emulator() as (emu, clock), Client(emu.api_key, base_url=emu.base_url) as client:
        made = client.batches.create([request("r1", SAID)])
        clock.advance(SECONDS)
        list(client.batches.results(made.id))
        assert [line for line in lines_of(log, logging.DEBUG) if line.startswith("file at a presigned URL answered")]
        assert emu.api_key not in log.text()
        assert SAID not in log.text()
        assert "X-Amz" not in "".join(record.getMessage() for record in log())


# --- what it never says ---


def failures(emu: Emulator) -> list[Status | Stall | RawStream]:
    """What servers answer that repeats what they were sent."""
    repeated = {"error": {"message": f"no use for {emu.api_key}: {SAID}"}}
    event = b"data: " + json.dumps(repeated).encode() + b"\n\n"
    return [Status(code, repeated) for code in (400, 401, 429, 500, 503)] + [RawStream([event])]


@EVERY_CALL
def test_neither_content_nor_keys_are_said_at_any_level(emu, log, ask):
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    ask(emu, messages=SAY, tools=tools, user=SAID)
    for failure in failures(emu):
        emu.script(failure, failure)
        ask(emu, {"max_retries": 1}, messages=SAY, tools=tools)
    assert {record.levelno for record in log()} == {logging.DEBUG, logging.INFO}
    assert SAID not in log.text()
    assert emu.api_key not in log.text()


async def test_nor_by_what_is_beside_chat(log):
    with Emulator(knowledge={"kb": [SAID]}) as emu:
        make(emu).embed(model=VECTORS, input=[SAID])
        await make_async(emu).embed(model=VECTORS, input=[SAID])
        base = KnowledgeBase("kb", api_key=emu.api_key, base_url=emu.base_url)
        assert base.retrieve(SAID)[0].text == SAID
        caught(lambda: make(emu).request(f"/x/{emu.api_key}", {"prompt": SAID}))
        assert len(lines_of(log, logging.DEBUG)) == 4
        assert SAID not in log.text()
        assert emu.api_key not in "".join(record.getMessage() for record in log())


# --- what was left out ---


def test_what_the_user_asked_for_and_was_left_out_is_a_warning(emu, log):
    chat(emu, prompt_cache_retention="24h")
    (line,) = lines_of(log, logging.WARNING)
    assert line.startswith("prompt_cache_retention is left out")


def test_a_part_of_an_answer_that_has_no_form_is_a_warning(emu, log):
    content = [{"type": "text", "text": "yes"}, {"type": "reference", "reference_ids": [1]}]
    message = {"role": "assistant", "content": content}
    body = {"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    emu.script(Status(200, body))
    assert chat(emu).text == "yes"
    assert lines_of(log, logging.WARNING) == [
        "a part of an answer is left out: it is neither text, thinking nor an image"
    ]


# --- off ---


def test_a_call_that_nobody_watches_is_not_touched(emu, monkeypatch):
    logging.getLogger("inference_do").setLevel(logging.INFO)
    try:
        monkeypatch.setattr(observe, "_watch", None)  # would fail if it were called
        assert chat(emu).text
        assert stream(emu).text
    finally:
        logging.getLogger("inference_do").setLevel(logging.NOTSET)
