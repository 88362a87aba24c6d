"""Dask and LlamaIndex: a partition is a job, and its output goes on where a worker stopped.

python examples/cluster/dask_bag.py [ROWS.jsonl OUTPUT]
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dask.bag
from _cluster import place
from distributed import Client, LocalCluster, get_worker, progress

from inference_do import jobs
from llamaindex_do import DigitalOcean


def model() -> DigitalOcean:
    """Return the model of this worker; the key is read from its environment."""
    worker: Any = get_worker()
    if not hasattr(worker, "model"):
        worker.model = DigitalOcean(model="gemma-4-31B-it", temperature=0, rate_limit_wait=600)
    found: DigitalOcean = worker.model
    return found


def ask(rows: list[dict[str, Any]], block: Path) -> tuple[int, int]:
    """Ask for the rows of a partition that have no result in its block; return how many have one, and failures."""
    report = jobs.run(rows, model(), prompt="Sum up: {text}", output=block, key="id", concurrency=16, progress=False)
    return report.done + report.skipped, report.failed


def main() -> None:
    """Ask for all rows, in partitions of 1 KiB."""
    with (
        place() as (rows, output),
        LocalCluster(n_workers=2, threads_per_worker=1) as cluster,
        Client(cluster) as dask_,
    ):
        output.mkdir(parents=True, exist_ok=True)
        partitions = dask.bag.read_text(str(rows), blocksize="1KiB").map(json.loads).to_delayed()
        blocks = [output / f"block-{number:06}.jsonl" for number in range(len(partitions))]
        delayed = dask.delayed(ask)
        counts = dask_.compute([delayed(part, block) for part, block in zip(partitions, blocks, strict=True)])
        progress(counts)
        done, failed = map(sum, zip(*dask_.gather(counts), strict=True))
        print(f"\n{done} answers, {failed} failures in {output}")


if __name__ == "__main__":
    main()
