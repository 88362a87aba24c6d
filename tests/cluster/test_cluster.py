"""Each example on two local workers: limits, a second run, a worker that is killed, keys."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pyarrow.parquet
import pytest

from inference_do.emulator import Emulator, RateLimit

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "cluster"
ROWS = 200
ENGINES = [
    "ray_data",
    "dask_bag",
    pytest.param("spark_pandas", marks=pytest.mark.skipif(not shutil.which("java"), reason="Spark needs Java")),
]
LOST = {"ray_data": 50, "dask_bag": 2 * 16, "spark_pandas": 50}
"""Rows that are asked again at most when a worker is killed: two batches, what is in flight, half a block."""


@pytest.fixture
def emu(request):
    limit = getattr(request, "param", RateLimit(requests=50, seconds=1))
    with Emulator(api_key="sk-do-v1-a-key-of-the-cluster", rate_limit=limit, head_delay=0.2) as emulator:
        yield emulator


@pytest.fixture
def job(emu, tmp_path):
    rows, output = tmp_path / "rows.jsonl", tmp_path / "output"
    rows.write_text("".join(json.dumps({"id": n, "text": f"row {n}"}) + "\n" for n in range(ROWS)))
    own = {"DIGITALOCEAN_INFERENCE_KEY": emu.api_key, "DIGITALOCEAN_INFERENCE_BASE_URL": emu.base_url}
    environ = {**os.environ, **own, "PYTHONPATH": str(ROOT), "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}

    def start(engine):
        command = [sys.executable, str(FOLDER / f"{engine}.py"), str(rows), str(output)]
        with (tmp_path / "log").open("w") as log:
            return subprocess.Popen(command, env=environ, stdout=log, stderr=log, cwd=tmp_path)

    def end(process):
        code = process.wait(240)
        assert code == 0, (tmp_path / "log").read_text()[-3000:]
        return answers_of(output)

    return start, end


def answers_of(output):
    if blocks := list(output.glob("*.jsonl")):
        rows = [json.loads(line) for block in blocks for line in block.read_text().splitlines()]
        return [(row["key"], row.get("result"), (row.get("error") or {}).get("message", "")) for row in rows]
    tables = [pyarrow.parquet.read_table(path).to_pylist() for path in output.rglob("*.parquet")]
    return [(row["id"], row["answer"], row["error"]) for table in tables for row in table]


def expected():
    return [(n, f"You said: Sum up: row {n}", "") for n in range(ROWS)]


@pytest.mark.parametrize("engine", ENGINES)
def test_all_rows_are_answered_under_the_limits_and_none_again(emu, job, engine):
    start, end = job
    assert sorted(end(start(engine))) == expected()
    refused = emu.posts - ROWS
    print(f"\n{engine}: {refused} of {emu.posts} requests refused")
    assert refused <= ROWS * 0.25  # of two processes, at windows of one second
    asked = emu.posts
    assert sorted(end(start(engine))) == expected()
    assert emu.posts == asked


@pytest.mark.parametrize("emu", [None], indirect=True)  # no refused requests, which would count
@pytest.mark.parametrize("engine", ENGINES)
def test_a_killed_worker_costs_what_the_page_says(emu, job, engine):
    start, end = job
    process = start(engine)
    ends = time.monotonic() + 120
    while emu.posts < ROWS // 4:
        assert time.monotonic() < ends
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(worker_of(engine, emu), signal.SIGKILL)
    assert sorted(end(process)) == expected()
    again = emu.posts - ROWS
    print(f"\n{engine}: {again} rows asked again after a worker was killed")
    assert again <= LOST[engine]


def worker_of(engine, emu):
    """Return the process id of the worker of this run that has the most connections to the emulator."""
    port = int(emu.base_url.rpartition(":")[2].split("/")[0])
    names = {"ray_data": "(Ask)", "dask_bag": "spawn_main", "spark_pandas": "pyspark.daemon"}
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if names[engine] in " ".join(process.cmdline()):
                connections = process.net_connections("tcp")
                found[process.pid] = sum(1 for one in connections if one.raddr and one.raddr.port == port)
    assert found
    worker = max(found, key=found.__getitem__)
    assert found[worker]
    return worker


@pytest.mark.parametrize("engine", ENGINES)
def test_no_key_is_sent_to_workers(emu, monkeypatch, engine):
    import cloudpickle

    monkeypatch.setenv("DIGITALOCEAN_INFERENCE_KEY", emu.api_key)
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location(f"example_{engine}", FOLDER / f"{engine}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    cloudpickle.register_pickle_by_value(module)
    sent = module.Ask if engine == "ray_data" else module.ask
    pickled = [cloudpickle.dumps(sent)]
    if engine == "ray_data":
        pickled.append(cloudpickle.dumps(module.Ask()))
    assert all(emu.api_key.encode() not in data for data in pickled)
