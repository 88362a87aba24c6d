"""Jobs: rows asked once, outputs that are gone on with, stop rules, levels, sources; in threads and in tasks."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from datetime import date

import pytest
from client_kit import run_alone
from jobs_kit import MODEL, MODES, asked, asking, go, lines_of, rows_of
from pydantic import BaseModel

from inference_do import ConfigError, jobs
from inference_do._jobs.progress import OneLine, PlainProgress
from inference_do._observer import report_wait
from inference_do.emulator import Emulator, RateLimited, Status
from langchain_do import ChatDigitalOcean

# --- what comes out ---


@MODES
def test_each_row_has_a_line(emu, mode, tmp_path):
    report = go(mode, rows_of(40), asking(emu, mode), output=tmp_path / "out.jsonl")
    lines = sorted(lines_of(tmp_path / "out.jsonl"), key=lambda line: line["row"])
    assert [line["row"] for line in lines] == list(range(1, 41))
    assert [line["result"] for line in lines] == [f"You said: row {number}" for number in range(1, 41)]
    assert {line["finish_reason"] for line in lines} == {"stop"}
    assert {line["model"] for line in lines} == {MODEL}
    assert (report.done, report.failed, report.skipped, report.total) == (40, 0, 0, 40)
    assert report.is_complete
    spent = report.spent[MODEL]
    assert spent.calls == emu.posts == 40
    assert spent.tokens.total == sum(line["usage"]["input"] + line["usage"]["output"] for line in lines)
    assert spent.cost == pytest.approx(sum(line["cost"] for line in lines))


@MODES
def test_without_an_output_results_are_in_the_report_in_order(emu, mode):
    report = go(mode, rows_of(9), asking(emu, mode))
    assert [line["result"] for line in report.results] == [f"You said: row {number}" for number in range(1, 10)]


def test_both_modes_write_the_same(tmp_path):
    found = []
    for mode in ("threads", "tasks"):
        with Emulator() as emu:
            emu.script(None, Status(400), RateLimited(1), Status(422))
            go(mode, rows_of(8), asking(emu, mode), output=tmp_path / mode, concurrency=1, fingerprint="same")
            lines = [{**line, "seconds": 0} for line in lines_of(tmp_path / mode)]
            found.append([line | {"error": line["error"]["status"]} if "error" in line else line for line in lines])
    assert found[0] == found[1]
    assert ["result" in line for line in found[0]].count(False) == 2


class Fruit(BaseModel):
    name: str
    picked: date


def test_results_of_every_kind_become_json():
    made = [Fruit(name="fig", picked=date(2026, 1, 2)), {"a": [1, float("nan")]}, "text", None, {3}, ValueError("no")]
    report = go("threads", range(6), lambda number: made[number])
    shown = [line["result"] for line in report.results]
    fruit = {"name": "fig", "picked": "2026-01-02"}
    assert shown == [fruit, {"a": [1, None]}, "text", None, [3], {"class": "ValueError", "message": "no"}]


def test_a_result_without_json_fails_its_row():
    report = go("threads", range(2), lambda number: object() if number else "fine")
    assert report.errors == {"TypeError": 1}
    assert "has no JSON" in report.results[1]["error"]["message"]


def test_odd_characters_stay_one_line(tmp_path):
    texts = ["a\u2028b\x85c", "half \ud83d", "é", "two\nlines"]
    go("threads", texts, lambda text: text, output=tmp_path / "o")
    lines = (tmp_path / "o").read_text("utf-8").splitlines()
    assert {json.loads(line)["row"]: json.loads(line)["result"] for line in lines} == dict(enumerate(texts, 1))


# --- going on ---


@MODES
def test_what_failed_is_asked_again_and_nothing_else(emu, mode, tmp_path):
    emu.script(None, Status(400), None, Status(422, body={"error": {"message": "odd", "code": "x1"}}))
    first = go(mode, rows_of(12), asking(emu, mode), output=tmp_path / "o", concurrency=1)
    assert (first.done, first.failed) == (10, 2)
    errors = {line["row"]: line["error"] for line in lines_of(tmp_path / "o") if "error" in line}
    assert errors[4]["class"] == "BadRequestError"
    assert (errors[4]["status"], errors[4]["code"]) == (422, "x1")
    second = go(mode, rows_of(12), asking(emu, mode), output=tmp_path / "o")
    assert (second.done, second.failed, second.skipped) == (2, 0, 10)
    assert second.cost_before == pytest.approx(first.total_spent.cost)
    third = go(mode, rows_of(12), asking(emu, mode), output=tmp_path / "o")
    assert (third.done, third.skipped, emu.posts) == (0, 12, 14)
    assert asked(emu)["row 2"] == asked(emu)["row 4"] == 2


@pytest.mark.parametrize("cut", [1, 5, 40, 100])
def test_a_torn_last_line_is_mended(emu, cut, tmp_path):
    path = tmp_path / "o"
    go("threads", rows_of(6), asking(emu), output=path, concurrency=1)
    data = path.read_bytes()
    path.write_bytes(data[:-cut])
    report = go("threads", rows_of(6), asking(emu), output=path)
    if cut == 1:  # nothing but the end of the line was missing
        assert (report.mended, report.done, path.read_bytes()) == (0, 0, data)
    else:
        assert (report.mended, report.done, report.skipped) == (1, 1, 5)
    assert sorted(line["row"] for line in lines_of(path)) == [1, 2, 3, 4, 5, 6]


def test_lines_that_a_loss_of_power_broke_are_passed_over(emu, tmp_path):
    path = tmp_path / "o"
    go("threads", rows_of(3), asking(emu), output=path, concurrency=1)
    first, second, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + b"\0" * (len(second) - 1) + b"\n" + third)
    report = go("threads", rows_of(3), asking(emu), output=path)
    assert (report.mended, report.done, report.skipped) == (1, 1, 2)


@pytest.mark.parametrize("data", [b"my own notes\n", b"my own notes", b'{"a": 1}\n', b"\xff\xfe"], ids=str)
def test_a_file_that_is_no_output_is_left_alone(data, tmp_path):
    path = tmp_path / "o"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match="is no output of a job"):
        go("threads", [1], str, output=path)
    assert path.read_bytes() == data


def test_the_output_of_another_job_is_refused(emu, tmp_path):
    def short(row):
        return "short " + row["text"]

    def long(row):
        return "long " + row["text"]

    path = tmp_path / "o"
    go("threads", rows_of(2), short, output=path)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="is the output of another job"):
        go("threads", rows_of(2), long, output=path)
    with pytest.raises(ConfigError, match="another job"):
        go("threads", rows_of(2), short, output=path, prompt="{text}")
    assert path.read_bytes() == before
    report = go("threads", rows_of(2), long, output=path, resume=False)
    assert report.moved == tmp_path / "o.1"
    assert (tmp_path / "o.1").read_bytes() == before
    assert {line["result"] for line in lines_of(path)} == {"long row 1", "long row 2"}


def test_the_output_of_other_rows_is_refused(tmp_path):
    path = tmp_path / "o"
    go("threads", rows_of(30), str, output=path)
    with pytest.raises(ConfigError, match="is the output of other rows"):
        go("threads", [{"id": "new", "text": "put in before"}, *rows_of(30)], str, output=path)
    assert len(lines_of(path)) == 30


def test_a_row_that_has_changed_is_asked_again(tmp_path):
    path, rows = tmp_path / "o", rows_of(5)
    go("threads", rows, lambda row: row["text"], output=path)
    rows[0]["text"] = "row one"
    report = go("threads", rows, lambda row: row["text"], output=path, fingerprint=None)
    assert (report.changed, report.done, report.skipped) == (1, 1, 4)
    assert lines_of(path)[-1]["result"] == "row one"


@MODES
def test_rows_with_a_key_may_move_and_come_twice(emu, mode, tmp_path):
    path, rows = tmp_path / "o", rows_of(10)
    go(mode, rows[5:], asking(emu, mode), output=path, key="id")
    report = go(mode, [*rows, *rows[:3]], asking(emu, mode), output=path, key=lambda row: row["id"])
    assert (report.done, report.skipped, emu.posts) == (5, 8, 10)
    assert sorted(line["key"] for line in lines_of(path)) == sorted(row["id"] for row in rows)


def test_an_output_has_one_run_at_a_time(tmp_path):
    begun, ends = threading.Event(), threading.Event()

    def wait(row):
        begun.set()
        ends.wait(10)
        return row

    thread = threading.Thread(target=lambda: go("threads", [1], wait, output=tmp_path / "o"))
    thread.start()
    assert begun.wait(10)
    with pytest.raises(ConfigError, match="is being written by another run"):
        go("threads", [1], wait, output=tmp_path / "o")
    ends.set()
    thread.join(10)
    assert go("threads", [1], wait, output=tmp_path / "o").skipped == 1


# --- bad rows ---


@MODES
def test_bad_lines_are_named_and_cost_nothing(emu, mode, tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_bytes(b'\xef\xbb\xbf{"text":"a"}\n\n{"text":\n[1]\n{"other":1}\n{"text":null}\n\xff\n{"text":"b"}')
    report = go(mode, source, asking(emu, mode), prompt=lambda row: {"text": f"<{row['text'] or 1 / 0}>"})
    lines = {line["row"]: line for line in report.results}
    assert (report.total, report.done, emu.posts) == (7, 2, 2)
    assert (lines[1]["result"], lines[8]["result"]) == ("You said: <a>", "You said: <b>")
    messages = {row: line["error"]["message"] for row, line in lines.items() if "error" in line}
    assert messages == {
        3: "it is not JSON: Expecting value at character 9",
        4: "it is not an object but a list",
        5: "KeyError: 'text'",
        6: "ZeroDivisionError: division by zero",
        7: "it is not UTF-8 text: invalid start byte at byte 1",
    }


def test_a_strict_job_begins_only_if_every_row_can_be_asked(emu, tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text('{"text":"a"}\n{"other":1}\nnonsense\n')
    with pytest.raises(ConfigError, match="2 rows cannot be asked: row 2: it has no field 'text'; row 3: it"):
        go("threads", source, str, prompt="{text}", strict=True, output=tmp_path / "o")
    with pytest.raises(ConfigError, match="come only once"):
        go("threads", iter([1]), str, strict=True)
    assert not (tmp_path / "o").exists()


def test_when_all_rows_are_bad_alike_it_stops():
    report = go("threads", rows_of(1000), str, prompt="{txt}")
    assert report.failed == 20
    assert report.stop.kind == "error"
    assert "the first 20 rows have all failed alike: it has no field 'txt'" in str(report)


# --- stop rules ---


@MODES
@pytest.mark.parametrize(("status", "name"), [(401, "AuthenticationError"), (403, "PermissionDeniedError")])
def test_an_error_that_every_row_would_meet_stops_at_once(emu, mode, status, name):
    emu.always = Status(status)
    report = go(mode, rows_of(500), asking(emu, mode))
    assert report.stop.kind == "error"
    assert name in report.stop.reason
    assert emu.posts <= 4
    assert report.done == 0


@MODES
def test_an_unknown_model_stops_but_a_row_that_is_not_found_does_not(emu, mode):
    emu.always = Status(404)
    assert go(mode, rows_of(500), asking(emu, mode)).failed <= 4
    emu.always = None
    emu.script(None, Status(404))
    report = go(mode, rows_of(10), asking(emu, mode), concurrency=1)
    assert (report.done, report.errors, report.stop) == (9, {"NotFoundError": 1}, None)


@MODES
def test_a_spending_limit_ends_a_job_and_counts_earlier_runs(emu, mode, tmp_path):
    one = go(mode, rows_of(1), asking(emu, mode)).total_spent.cost
    limit, path = 10.5 * one, tmp_path / "o"
    options = {"output": path, "max_cost": limit, "model": MODEL}
    first = go(mode, [{"text": "row 1"}] * 100, asking(emu, mode), **options)
    assert (first.stop.kind, first.done) == ("max_cost", 10)
    assert first.total_spent.cost <= limit
    assert "max_cost" in str(first)
    second = go(mode, [{"text": "row 1"}] * 100, asking(emu, mode), **options)
    assert (second.done, second.stop.kind) == (0, "max_cost")
    third = go(mode, [{"text": "row 1"}] * 100, asking(emu, mode), **{**options, "max_cost": 200 * one})
    assert (third.done, third.stop) == (90, None)


def test_a_spending_limit_needs_a_price(emu):
    with pytest.raises(ConfigError, match="the model cannot be seen in the call, so name it with model="):
        go("threads", rows_of(3), asking(emu), max_cost=1)
    with pytest.raises(ConfigError, match="none is known for 'my-own'"):
        go("threads", rows_of(3), asking(emu), max_cost=1, model="my-own")
    assert emu.posts == 0
    report = go("threads", rows_of(3), lambda row: row, max_cost=1, model=MODEL)  # nothing reports what it costs
    assert (report.done, report.stop.kind) == (1, "error")
    assert "it reported no usage" in report.stop.reason


@MODES
def test_too_many_failures_stop_it(emu, mode):
    emu.script(*[Status(400)] * 6)
    report = go(mode, rows_of(50), asking(emu, mode), max_failures=2, concurrency=1)
    assert (report.failed, report.stop.kind) == (3, "max_failures")


@MODES
def test_a_rate_limit_is_waited_for_and_fails_no_row(emu, mode):
    emu.script(*[None] * 3, *[RateLimited(1)] * 4)
    report = go(mode, rows_of(30), asking(emu, mode))
    assert (report.done, report.failed, report.stop) == (30, 0, None)
    assert sum(asked(emu).values()) == 34
    assert report.waited > 0


@MODES
def test_a_rate_limit_that_lasts_ends_the_job_and_fails_no_row(emu, mode, tmp_path):
    emu.script(None)
    emu.always = Status(429, headers={"retry-after": "7200"})
    began = time.monotonic()
    report = go(mode, rows_of(30), asking(emu, mode), output=tmp_path / "o", concurrency=1)
    assert time.monotonic() - began < 30
    assert (report.done, report.failed, report.stop.kind) == (1, 0, "limits")
    assert len(lines_of(tmp_path / "o")) == 1


# --- sources ---


@MODES
def test_a_generator_is_read_only_as_rows_are_needed(mode):
    read, ended, ahead = 0, 0, []
    lock = threading.Lock()

    def rows():
        nonlocal read
        for number in range(400):
            read += 1
            yield number

    def call(row):
        nonlocal ended
        with lock:
            ahead.append(read - ended)
            ended += 1
        return row

    async def acall(row):
        await asyncio.sleep(0)
        return call(row)

    report = go(mode, rows(), call if mode == "threads" else acall, concurrency=4)
    assert (report.done, report.total) == (400, 400)
    assert max(ahead) <= 6


@MODES
def test_an_error_of_the_source_is_raised_when_what_was_asked_is_written(emu, mode, tmp_path):
    def rows():
        yield from rows_of(5)
        message = "the cursor is closed"
        raise LookupError(message)

    with pytest.raises(LookupError, match="the cursor is closed"):
        go(mode, rows(), asking(emu, mode), output=tmp_path / "o")
    assert len(lines_of(tmp_path / "o")) == emu.posts == 5


def test_an_open_file_and_an_asynchronous_source(emu, tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows_of(4)))
    with source.open() as file:
        assert go("threads", file, asking(emu)).done == 4

    async def rows():
        for row in rows_of(4):
            await asyncio.sleep(0)
            yield row

    assert go("tasks", rows(), asking(emu, "tasks")).done == 4
    with pytest.raises(ConfigError, match="await arun"):
        go("threads", rows(), asking(emu))


@pytest.mark.parametrize("rows", [{"a": 1}, b"x", 3, None], ids=str)
def test_what_gives_no_rows_is_refused(rows):
    with pytest.raises(ConfigError, match="rows must be a path"):
        go("threads", rows, str)


def test_each_kind_of_function_in_each_mode(emu):
    assert go("threads", rows_of(3), asking(emu, "tasks")).done == 3  # in a loop of its own
    assert go("tasks", rows_of(3), asking(emu, "threads")).done == 3  # in threads

    async def inside():
        jobs.run([1], asking(emu, "tasks"))

    with pytest.raises(ConfigError, match="await arun"):
        asyncio.run(inside())


def test_a_source_is_read_in_the_thread_that_began():
    threads = set()

    def rows():
        for number in range(20):
            threads.add(threading.current_thread())
            yield number

    go("threads", rows(), str)
    assert threads == {threading.current_thread()}


# --- how many at once ---


@MODES
def test_a_level_grows_while_calls_succeed_and_a_fixed_one_stays(mode):
    now, most = 0, 0

    async def acall(row):
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        await asyncio.sleep(0.01)
        now -= 1
        return row

    lock = threading.Lock()

    def call(row):
        nonlocal now, most
        with lock:
            now, most = now + 1, max(most, now + 1)
        time.sleep(0.01)
        with lock:
            now -= 1
        return row

    work = call if mode == "threads" else acall
    go(mode, range(200), work)
    assert 8 <= most <= 256
    most = 0
    go(mode, range(100), work, concurrency=3)
    assert most == 3


# --- interruptions ---


def test_a_cancellation_lets_what_was_asked_end(emu, tmp_path):
    begun, are_begun = 0, asyncio.Event()

    async def ask(row):
        nonlocal begun
        begun += 1
        if begun == 8:
            are_begun.set()
        await asyncio.sleep(0.2)
        return row

    async def work():
        task = asyncio.create_task(jobs.arun(range(1000), ask, output=tmp_path / "o", progress=False, concurrency=8))
        await are_begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())
    assert len(lines_of(tmp_path / "o")) == begun == 8


def test_a_second_cancellation_does_not_wait(tmp_path):
    begun = asyncio.Event()

    async def ask(row):
        begun.set()
        await asyncio.sleep(60)

    async def work():
        task = asyncio.create_task(jobs.arun(range(9), ask, output=tmp_path / "o", progress=False))
        await begun.wait()
        task.cancel()
        await asyncio.sleep(0.05)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(work())
    assert (tmp_path / "o").read_bytes() == b""


# --- what is shown ---


def test_progress_may_be_a_function(emu):
    seen: list[jobs.JobProgress] = []
    go("threads", rows_of(5), asking(emu), progress=seen.append)
    assert (seen[-1].done, seen[-1].total, seen[-1].failed) == (5, 5, 0)
    assert seen[-1].cost > 0
    assert seen[-1].tokens.total > 0


@MODES
def test_waits_of_the_client_are_shown_and_hold_the_level(mode):
    """What paces calls reports its waits; rows that mostly wait are not made more."""
    seen: list[jobs.JobProgress] = []
    most = 0

    def call(row):
        report_wait(0.3)
        time.sleep(0.3)
        return row

    def show(progress):
        nonlocal most
        seen.append(progress)
        most = max(most, progress.concurrency)

    report = go(mode, range(12), call, progress=show)
    assert max(progress.waiting for progress in seen) >= 1
    assert report.waited == pytest.approx(12 * 0.3)
    assert most <= 4


def test_a_retry_of_the_client_after_429_is_a_wait_too(emu):
    emu.script(Status(429, headers={"retry-after": "0.05"}))
    report = go("threads", rows_of(3), asking(emu, max_retries=2))
    assert (report.done, emu.posts) == (3, 4)
    assert report.waited == pytest.approx(0.05, abs=0.02)


def test_silence_and_lines(emu, capsys):
    go("threads", rows_of(5), asking(emu))
    assert capsys.readouterr() == ("", "")
    emu.script(Status(400))
    go("threads", rows_of(5), asking(emu), progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("5 rows: 4 answered, 1 failed. ")
    assert "Failed: 1 BadRequestError.\n  row " in err


@pytest.mark.parametrize("place", ["notebook", "terminal without rich"])
def test_one_line_that_is_written_over(emu, monkeypatch, capsys, place):
    if place == "notebook":
        monkeypatch.setitem(sys.modules, "ipykernel", sys)
    else:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setitem(sys.modules, "inference_do._jobs.bars", None)
    monkeypatch.setattr(OneLine, "every", 0)
    go("threads", rows_of(30), asking(emu), progress=True)
    written = capsys.readouterr()
    shown = written.out if place == "notebook" else written.err
    lines = shown.split("\r")
    assert any("/30 rows · " in line for line in lines)
    assert max(map(len, lines[:-1])) <= 100
    assert lines[-1].startswith("30 rows: 30 answered.")


def test_lines_where_there_is_no_terminal(emu, monkeypatch, capsys):
    monkeypatch.setattr(PlainProgress, "every", 0)
    go("threads", rows_of(30), asking(emu), progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert "/30 rows · " in lines[-2]
    assert lines[-1].startswith("30 rows: 30 answered.")


# --- settings ---


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"concurrency": 0}, "concurrency must be a whole number from 1 up"),
        ({"concurrency": True}, "concurrency must be"),
        ({"max_cost": 0}, "max_cost must be US dollars, more than 0"),
        ({"max_failures": -1}, "max_failures must be"),
        ({"patience": "long"}, "patience must be seconds"),
        ({"progress": 3}, "progress must be True, False or a function"),
        ({"prompt": "a {b"}, "at character 3, which is no field"),
        ({"outptu": "x"}, "a job has no option 'outptu'"),
    ],
    ids=str,
)
def test_settings_that_cannot_be_right(options, words, tmp_path):
    with pytest.raises(ConfigError, match=words):
        go("threads", [1], str, **{"output": tmp_path / "o", **options})
    assert go("threads", [1], str, output=tmp_path / "o").done == 1  # it is locked by nobody


@pytest.mark.parametrize("call", [3, "text", Ellipsis, ChatDigitalOcean, None], ids=str)
def test_what_cannot_be_called_is_refused(call):
    with pytest.raises(ConfigError, match="call must be a Runnable of LangChain"):
        go("threads", [1], call)


def test_an_output_that_cannot_grow_ends_it(emu, tmp_path):
    with pytest.raises(ConfigError, match="is no regular file"):
        go("threads", [1], str, output=tmp_path)
    run_alone(f"""
        import json, resource
        from inference_do import jobs
        asked = []
        most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, most))
        try:
            jobs.run(range(1000), asked.append, output={str(tmp_path / "o")!r}, concurrency=2, progress=False)
        except OSError as error:
            assert error.errno == 27, error  # the file is too large
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))  # what measures coverage writes at the end
        with open({str(tmp_path / "o")!r}, "rb") as file:
            lines = file.read()
        assert lines.endswith(b"\\n") and len(lines) <= 3000, lines[-200:]
        assert len(asked) - len(lines.splitlines()) <= 2
    """)
