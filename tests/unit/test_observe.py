"""A call that is watched: the line of the log to the letter, and a call that goes on as if nobody looked."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from flow_kit import (
    DONE,
    GONE,
    JSON,
    SSE,
    UNREACHED,
    After,
    ask,
    chunk,
    event,
    new_call,
    play,
    read_ok,
    status,
    stream,
)

from inference_do._protocol.call import Read, Release, Send, TimedOut
from inference_do._protocol.flow import call_flow, stream_flow
from inference_do._protocol.lines import lines_flow
from inference_do._wires.chat_completions import ChatCompletions
from inference_do.accumulate import Accumulator
from inference_do.types import Usage

USAGE = event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})


@pytest.fixture
def lines(caplog):
    """What the log says of calls."""
    caplog.set_level(logging.DEBUG, "inference_do")

    def read() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.levelno == logging.DEBUG]

    return read


def test_the_line_of_a_stream(lines):
    call = new_call(api="chat_completions", model="m")
    parts = chunk("Hi"), chunk(" you", finish="stop"), USAGE, DONE
    stream(call, After(0.5, SSE), After(1.0, parts[0]), After(0.25, parts[1]), *parts[2:], b"")
    assert lines() == [
        (
            "chat_completions answered: model m, attempts 1, head after 0.500 s, first token after 1.500 s, "
            f"end after 1.750 s, tokens in 3, out 2, {sum(map(len, parts))} bytes, request id req-1"
        )
    ]


def test_the_line_of_a_whole_answer_that_was_asked_for_twice(lines):
    refused = status(503)
    ask(new_call(path="/x", model="m"), *refused, JSON, After(1.0, b'{"ok": null}'), b"")
    assert lines() == [
        (
            "/x answered: model m, attempts 2, head after 0.500 s, first token after -, "
            f"end after 1.500 s, tokens in -, out -, {len(refused[1]) + 12} bytes, request id req-1"
        )
    ]


def test_the_line_of_a_call_that_reached_nobody(lines):
    ask(new_call(retries=0), UNREACHED)
    assert lines() == [
        (
            "- failed with APIConnectionError: model -, attempts 1, head after -, first token after -, "
            "end after 0.000 s, tokens in -, out -, 0 bytes, request id -"
        )
    ]


def test_the_line_of_a_file(lines):
    call = new_call(path="/file")
    play(lines_flow(call), call, SSE, After(1.0, b"a\n"), After(1.0, b"b\n"), b"")
    (line,) = lines()
    assert line.startswith(
        "/file answered: model -, attempts 1, head after 0.000 s, first token after 1.000 s, end after 2.0"
    )


SCRIPTS = {
    "an answer": [JSON, b'{"ok": 1}', b""],
    "a timeout": [JSON, TimedOut(), JSON, b'{"ok": 1}', b""],
    "a timeout of the head": [TimedOut("connect"), JSON, b'{"ok": 1}', b""],
    "a connection that broke": [JSON, GONE, JSON, b'{"ok": 1}', b""],
    "refusals": [*status(503), *status(503), *status(503)],
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_call_is_the_same_when_it_is_watched(lines, script, caplog):
    seen = []
    for level in (logging.DEBUG, logging.INFO):
        caplog.set_level(level, "inference_do")
        played = ask(new_call(), *script)
        seen.append((played.trace, played.outcome, played.results))
    assert seen[0] == seen[1]
    assert len(lines()) == 1


def advance(flow, *answers):
    """Answer the commands of a flow; return the last one."""
    command = next(flow)
    for answer in answers:
        command = flow.send(answer)
    return command


def interrupt(flow) -> None:
    """Close a flow as a driver does that was interrupted."""
    try:
        raise KeyboardInterrupt  # noqa: TRY301  what is handled while the flow is closed
    except KeyboardInterrupt:
        flow.close()


def test_an_interruption_before_the_answer_is_a_failure_and_behind_it_is_none(lines):
    before, behind = (call_flow(new_call(), read_ok) for _ in range(2))
    assert isinstance(advance(before, JSON), Read)
    interrupt(before)
    assert advance(behind, JSON, b'{"ok": 1}', b"", None) == 1
    interrupt(behind)
    assert [line.partition(":")[0] for line in lines()] == ["- failed with KeyboardInterrupt", "- answered"]


def test_a_call_that_is_closed_while_another_is_closed_has_not_failed(lines):
    flow = call_flow(new_call(), read_ok)
    advance(flow, JSON)
    try:
        raise GeneratorExit  # noqa: TRY301  as in a generator of the user that is closed
    except GeneratorExit:
        flow.close()
    assert [line.partition(":")[0] for line in lines()] == ["- closed early"]


def test_the_line_of_a_whole_answer_has_its_tokens(lines):
    answer = SimpleNamespace(model="m", usage=Usage(prompt_tokens=3, completion_tokens=2))
    call = new_call(model="m")
    play(call_flow(call, lambda _: answer), call, JSON, b"{}", b"")
    assert "tokens in 3, out 2," in lines()[0]


def test_a_stream_that_was_closed_behind_its_end_was_answered(lines):
    early, late = (stream_flow(new_call(), Accumulator(), ChatCompletions()) for _ in range(2))
    advance(early, SSE, chunk("Hi"))
    early.close()
    assert isinstance(advance(late, SSE, chunk("Hi", finish="stop"), None, b""), Release)
    late.close()
    assert [line.partition(":")[0] for line in lines()] == ["- closed early", "- answered"]


class Telemetry:
    """Notes what it is recorded."""

    def __init__(self) -> None:
        self.recorded: list[object] = []

    def begin(self) -> None:
        self.recorded.append("begin")

    def chunk(self) -> None:
        self.recorded.append("chunk")

    def end(self, answer, failure, *, attempts, info) -> None:
        made = answer()
        self.recorded.append((getattr(made, "text", made), type(failure).__name__, attempts, info and info.status))


def test_telemetry_is_told_of_the_call_and_goes_along_with_each_request():
    telemetry = Telemetry()
    played = stream(new_call(telemetry=telemetry), *status(503), SSE, chunk("Hi"), chunk(finish="stop"), b"")
    assert telemetry.recorded == ["begin", "chunk", "chunk", ("Hi", "NoneType", 2, 200)]
    assert [command.telemetry for command in played.commands if isinstance(command, Send)] == [telemetry] * 2


def test_telemetry_has_a_whole_answer():
    telemetry = Telemetry()
    ask(new_call(telemetry=telemetry), JSON, b'{"ok": 1}', b"")
    assert telemetry.recorded == ["begin", (1, "NoneType", 1, 200)]


def test_an_answer_of_which_nothing_has_come_is_none():
    telemetry = Telemetry()
    stream(new_call(telemetry=telemetry, retries=0), SSE, GONE)
    assert telemetry.recorded == ["begin", (None, "APIConnectionError", 1, 200)]
