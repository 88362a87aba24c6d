"""Whatever is typed, piped in, answered or in the way: the command line says it in a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from cli_kit import Terminal, environment, run, run_program

from inference_do.emulator import Emulator, RawStream
from inference_do.models import MODELS_VARIABLE

CHAT = ["chat", "-m", "gemma-4-31B-it"]


def program(emu, *arguments: str, **options) -> tuple[int, bytes, bytes]:
    """Run as a program, with what the kit has no room for: bytes, closed or broken pipes."""
    environ = environment(emu, **options.pop("environ", {}))
    done = subprocess.run(
        [sys.executable, "-m", "inference_do.cli", *arguments],
        env=environ,
        stderr=subprocess.PIPE,
        timeout=150,
        check=False,
        **{"stdout": subprocess.PIPE, "stdin": subprocess.DEVNULL, **options},
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    assert b"Exception ignored" not in done.stderr, done.stderr.decode()
    return done.returncode, done.stdout or b"", done.stderr


def events(*deltas: dict) -> RawStream:
    chunks = [{"id": "1", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    data = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    return RawStream([data, b"data: [DONE]\n\n"])


# --- encodings ---


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", "Gr??e ?"), ("latin-1", "Grüße ?"), ("cp1252", "Grüße ?")])
def test_an_answer_outside_the_encoding_of_standard_output(emu, encoding, shown):
    emu.reply("Grüße 😀")
    code, out, _ = program(emu, *CHAT, "hi", environ={"PYTHONIOENCODING": encoding})
    assert (code, out.decode(encoding)) == (0, f"{shown}\n")


@pytest.mark.parametrize(
    ("deltas", "shown"),
    [
        ([{"content": "a \ud83d"}, {"content": "\ude00 b"}], "a 😀 b"),
        ([{"content": "a \ud83d"}], "a \ufffd"),
        ([{"content": "\ude00 b"}], "\ufffd b"),
        ([{"reasoning_content": "so \ud83d"}, {"content": "yes"}], "so \ufffd\n\nyes"),
    ],
    ids=["halves", "first half", "second half", "half a thought"],
)
def test_half_an_emoji_in_a_chunk(emu, deltas, shown):
    emu.script(events(*deltas))
    code, out, err = program(emu, *CHAT, "hi", environ={"PYTHONIOENCODING": "utf-8"})
    thought, _, answer = shown.rpartition("\n\n")
    assert (code, out.decode()) == (0, f"{answer}\n")
    assert err.decode().startswith(thought)


def test_half_an_emoji_does_not_end_a_conversation(emu):
    emu.script(events({"content": "a \ud83d"}))
    with Terminal(emu, *CHAT) as terminal:
        terminal.wait_for("> ")
        terminal.type("one\n")
        terminal.wait_for("> ", count=2)
        terminal.type("two\n")
        terminal.wait_for("> ", count=3)
        terminal.type("\x04")
        assert terminal.code() == 0
    assert emu.requests[1].json["messages"][1] == {"role": "assistant", "content": "a \ufffd"}


# --- standard input ---


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_piped_bytes_that_are_no_text(emu, locale):
    code, out, err = program(emu, *CHAT, stdin=None, input=b"a\xff\xfe", environ={"LC_ALL": locale, "LANG": locale})
    assert (code, out, emu.posts) == (2, b"", 0)
    assert b"ConfigError: what is piped in is not utf-8 text: byte 0xff at 1" in err


def test_typed_bytes_that_are_no_text(emu, tmp_path):
    """Without line editing, which leaves them out."""
    with Terminal(emu, *CHAT, out=tmp_path / "out.txt", LC_ALL="C.UTF-8") as terminal:
        terminal.wait_for("> ")
        os.write(terminal._master, b"caf\xe9\n")
        terminal.wait_for("not UTF-8")
        terminal.type("hello\n")
        terminal.wait_for(" out ")
        terminal.type("\x04")
        assert terminal.code() == 0
        assert "Traceback" not in terminal.text
    assert (tmp_path / "out.txt").read_text() == "You said: hello\n"  # the prompt is on standard error


def test_a_prompt_of_bytes_that_are_no_text(emu):
    code, out, _ = program(emu, *CHAT, b"caf\xe9")  # type: ignore[arg-type]
    assert (code, out.decode()) == (0, "You said: caf\ufffd\n")


def closed(number: int):
    return lambda: os.close(number)


def test_closed_standard_input(emu):
    code, _, err = program(emu, *CHAT, preexec_fn=closed(0))
    assert code == 2
    assert b"there is nothing to say" in err
    code, out, _ = program(emu, *CHAT, "hi", preexec_fn=closed(0))
    assert (code, out) == (0, b"You said: hi\n")


def test_standard_input_that_cannot_be_read(emu, tmp_path):
    with (tmp_path / "x").open("w") as written:
        code, _, err = program(emu, *CHAT, stdin=written)
    assert code == 2
    assert b"ConfigError: standard input cannot be read" in err


def test_text_that_is_piped_in_follows_the_prompt(emu):
    assert run(emu, *CHAT, "Summarize:", content="first\nsecond\n").code == 0
    assert emu.requests[0].json["messages"] == [{"role": "user", "content": "Summarize:\n\nfirst\nsecond\n"}]
    run(emu, *CHAT, "Hello", content=" \n")
    assert emu.requests[1].json["messages"] == [{"role": "user", "content": "Hello"}]
    run_program(emu, *CHAT, content="\ufeffa file of Windows")
    assert emu.requests[2].json["messages"][0]["content"] == "a file of Windows"


# --- standard output ---


@pytest.mark.parametrize("arguments", [["models", "--all", "--json"], ["models", "--all"], [*CHAT, "hi"], ["doctor"]])
def test_a_reader_that_went_away(emu, arguments):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as gone:
        code, _, err = program(emu, *arguments, stdout=gone)
    assert code == 1
    assert b"defect" not in err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")  # noqa: PTH110
@pytest.mark.parametrize("arguments", [["models", "--all", "--json"], [*CHAT, "hi"]], ids=["json", "chat"])
def test_a_full_disk(emu, arguments):
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        code, _, err = program(emu, *arguments, stdout=full)
    assert code == 1
    assert b"No space left on device" in err


@pytest.mark.parametrize("arguments", [["models"], [*CHAT, "hi"], ["--version"]], ids=["models", "chat", "version"])
def test_closed_standard_output_and_error(emu, arguments):
    def close_both() -> None:
        os.close(1)
        os.close(2)

    assert program(emu, *arguments, preexec_fn=close_both)[0] == 0


# --- files ---


@pytest.mark.parametrize(("data", "reason"), [(b"fact\xff", b"it is not UTF-8 text"), (None, b"Permission denied")])
def test_knowledge_that_cannot_be_read(emu, tmp_path, data, reason):
    path = tmp_path / "facts.txt"
    path.write_bytes(data or b"x")
    if data is None:
        if os.geteuid() == 0:
            pytest.skip("root reads everything")
        path.chmod(0)
    code, _, err = program(emu, "serve", "--port", "0", "--knowledge", str(path))
    assert (code, b"ConfigError" in err, reason in err) == (2, True, True)


@pytest.mark.parametrize(
    "text",
    [
        '{"models": {"a": {"dates": [1]}}}',
        '{"models": {"a": {"dates": {"facts": [1]}}}}',
        "[" * 100_000,
        '{"models": [1]}',
        "\ud800",
    ],
    ids=["dates", "date", "deep", "list", "half a character"],
)
def test_a_file_of_models_that_is_none(emu, tmp_path, text):
    path = tmp_path / "models.json"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    code, _, err = program(emu, "models", environ={MODELS_VARIABLE: str(path)})
    assert (code, err.startswith(b"ConfigError: ")) == (2, True)
    assert err.count(b"\n") == 1


# --- answers ---


def test_a_refusal_is_shown(emu):
    emu.reply(message={"content": None, "refusal": "I cannot help with that."})
    done = run(emu, *CHAT, "hi")
    assert (done.code, done.out) == (3, "I cannot help with that.\n")
    assert done.err.startswith("The model refused to answer.\n")


@pytest.mark.parametrize(
    ("reason", "note"),
    [
        ("length", "The answer was cut off: it reached its token limit (length). --max-tokens raises it."),
        ("content_filter", "A content filter ended the answer (content_filter)."),
        ("stop", None),
    ],
)
def test_an_answer_that_ended_early_leaves_a_note(emu, reason, note):
    emu.reply("Once upon", finish_reason=reason)
    done = run(emu, *CHAT, "hi")
    assert (done.code, done.out) == (3 if note else 0, "Once upon\n")
    assert done.err.splitlines()[:-1] == ([note] if note else [])


def test_counts_of_any_size(emu):
    emu.reply("ok", usage={"prompt_tokens": 10**400, "completion_tokens": 1, "total_tokens": 1})
    done = run(emu, *CHAT, "hi")
    assert done.out == "ok\n"
    assert "defect" not in done.err


@pytest.mark.parametrize("word", ["exit", "quit", "QUIT", "/exit", "/bye"])
def test_a_conversation_ends_by_a_word(word):
    with Emulator() as emu, Terminal(emu, *CHAT) as terminal:
        terminal.wait_for("> ")
        terminal.type(f"{word}\n")
        assert terminal.code() == 0
        assert emu.posts == 0


def test_help_in_a_conversation_costs_nothing(emu):
    with Terminal(emu, *CHAT, COLUMNS="60") as terminal:
        terminal.wait_for("/help shows what can be typed")
        terminal.type("/help\n")
        terminal.wait_for("begin and end text of several lines")
        assert "ask another model; without NAME, say which one\n              is asked\n" in terminal.text
        assert "/help         show this\n/exit         end this;" in terminal.text
        terminal.type("/undo\n")
        terminal.wait_for("There is no command /undo")
        assert emu.posts == 0
        for path in ("/etc/hosts is what?", "/etc/hosts", "/tmp is full"):
            terminal.type(f"{path}\n")
            terminal.wait_for(f"You said: {path}")
        terminal.type("exit\n")
        assert terminal.code() == 0


def test_a_turn_without_content_is_not_sent_again(emu):
    emu.reply("", finish_reason="length")
    with Terminal(emu, *CHAT) as terminal:
        terminal.wait_for("> ")
        terminal.type("one\n")
        terminal.wait_for("> ", count=2)
        terminal.type("two\n")
        terminal.wait_for("You said: two")
        terminal.type("exit\n")
        assert terminal.code() == 0
    assert [message["content"] for message in emu.requests[1].json["messages"]] == ["two"]


def test_a_defect_is_one_sentence_and_its_traceback_is_there_for_the_asking(emu, monkeypatch):
    monkeypatch.setattr("inference_do.cli._models.show_models", lambda *_, **__: {}["x"])
    done = run(emu, "models")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("KeyError: 'x'\nThis is a defect, please report it; INFERENCE_DO_TRACEBACK=1")
    with pytest.raises(KeyError):
        run(emu, "models", INFERENCE_DO_TRACEBACK="1")
