"""Jobs that are ended from outside: kill -9 again and again, Ctrl-C once and twice; and what many rows cost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from client_kit import run_alone, soon
from jobs_kit import MODES, lines_of

from inference_do.emulator import Emulator

ROOT = Path(__file__).parents[2]

PROGRAM = """
import asyncio, sys
from inference_do import AsyncClient, Client, jobs
url, key, mode, output, count, concurrency = sys.argv[1:]
rows = [{"text": f"row {number}"} for number in range(1, int(count) + 1)]
options = {"output": output, "progress": False, "concurrency": int(concurrency), "fingerprint": "same"}
asked = lambda row: {"model": "gemma-4-31B-it", "messages": [{"role": "user", "content": row["text"]}]}
if mode == "threads":
    client = Client(key, base_url=url, max_retries=0)
    report = jobs.run(rows, lambda row: client.chat(**asked(row)), **options)
else:
    client = AsyncClient(key, base_url=url, max_retries=0)
    async def ask(row):
        return await client.chat(**asked(row))
    report = asyncio.run(jobs.arun(rows, ask, **options))
print(report.done, report.skipped)
"""


def begin(emu: Emulator, mode: str, output: Path, count: int, concurrency: int) -> subprocess.Popen[str]:
    arguments = [emu.base_url, emu.api_key, mode, str(output), str(count), str(concurrency)]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize("mode", ["threads", pytest.param("tasks", marks=pytest.mark.long)])
def test_kill_9_again_and_again(mode, tmp_path):
    """No row is lost, and none is asked twice but those in flight when the process was killed."""
    count, concurrency, kills = 300, 6, 4
    chance = random.Random(mode)
    output = tmp_path / "o"
    with Emulator(head_delay=0.02) as emu:
        for number in range(1, kills + 1):
            process = begin(emu, mode, output, count, concurrency)
            until = number * 40 + chance.randrange(20)
            assert soon(lambda until=until: emu.posts >= until, 30)
            process.kill()
            process.communicate(timeout=150)
        out, err = begin(emu, mode, output, count, concurrency).communicate(timeout=150)
        assert err == ""
        done, skipped = map(int, out.split())
        assert done + skipped == count
        asked = Counter(request.json["messages"][0]["content"] for request in emu.requests)
    lines = lines_of(output)
    assert sorted(line["row"] for line in lines) == list(range(1, count + 1))
    assert all(line["result"] == f"You said: row {line['row']}" for line in lines)
    assert set(asked) == {f"row {number}" for number in range(1, count + 1)}
    assert sum(asked.values()) - count <= kills * concurrency


@MODES
def test_ctrl_c_lets_what_is_being_asked_end(mode, tmp_path):
    output = tmp_path / "o"
    with Emulator(head_delay=0.3) as emu:
        process = begin(emu, mode, output, 1000, 5)
        assert soon(lambda: emu.posts >= 8, 30)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=150)
        assert process.returncode != 0
        assert "KeyboardInterrupt" in err or "JobInterrupted" in err
        assert len(lines_of(output)) == emu.posts < 20
        assert {line.get("result") is not None for line in lines_of(output)} == {True}


@MODES
def test_a_second_ctrl_c_does_not_wait(mode, tmp_path):
    output = tmp_path / "o"
    with Emulator(head_delay=40) as emu:
        process = begin(emu, mode, output, 1000, 5)
        assert soon(lambda: emu.posts >= 4, 30)
        process.send_signal(signal.SIGINT)
        time.sleep(1)
        assert process.poll() is None
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=150)
        assert time.monotonic() - began < 20
        assert "Exception in thread" not in err
        assert lines_of(output) == []


def test_an_interrupted_job_has_its_report():
    assert (
        run_alone("""
        import threading
        from inference_do import jobs
        def ask(row):
            if row == 3:
                os.kill(os.getpid(), signal.SIGINT)
            return row
        try:
            jobs.run(range(100), ask, concurrency=1, progress=False)
        except jobs.JobInterrupted as error:
            done, kind = error.report.done, error.report.stop.kind
            print(4 <= done < 100, kind, len(error.report.results) == done)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    """)
        == "True interrupted True"
    )


MEMORY = """
import resource
from inference_do import jobs
for _ in range(2):  # the second time all rows are done
    rows = ({{"text": "x" * 500, "number": number}} for number in range({count}))
    report = jobs.run(rows, lambda row: row["text"], output={output!r}, progress=False, concurrency=8)
    assert report.done + report.skipped == {count}
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux")
def test_memory_does_not_grow_with_the_rows(tmp_path):
    """20,000 rows take what 2,000 take, and some 13 bytes for each row that is found done."""
    few, many = (
        int(run_alone(MEMORY.format(count=count, output=str(tmp_path / str(count))))) for count in (2_000, 20_000)
    )
    assert many - few < 6_000  # kilobytes; the rows' text is 9,000
