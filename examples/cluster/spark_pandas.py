"""Spark: mapInPandas with one client in each Python worker, written in blocks of rows.

python examples/cluster/spark_pandas.py [ROWS.jsonl OUTPUT]
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
from _cluster import place
from pyspark.sql import SparkSession
from pyspark.sql.functions import col, floor

BLOCK = 100
"""Rows of a block; the ids are numbers."""


def ask(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Ask for the rows of a partition; the key is read from the worker's environment."""
    from inference_do import Client, InferenceError  # noqa: PLC0415  in the worker

    with Client(rate_limit_wait=600) as client, ThreadPoolExecutor(16) as threads:

        def answer(text: str) -> tuple[str, str]:
            messages = [{"role": "user", "content": f"Sum up: {text}"}]
            try:
                return client.chat(model="gemma-4-31B-it", messages=messages).text, ""
            except InferenceError as error:
                return "", str(error)

        for frame in frames:
            found = pd.DataFrame(list(threads.map(answer, frame["text"])), columns=["answer", "error"])
            yield pd.concat([frame[["id"]].reset_index(drop=True), found], axis=1)


def main() -> None:
    """Ask for each block of rows that the output does not have."""
    with place() as (rows, output):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # with the packages that are installed here
        spark = SparkSession.builder.master("local[2, 4]").config("spark.ui.enabled", "false").getOrCreate()
        reviews = (
            spark.read.schema("id long, text string").json(str(rows)).withColumn("block", floor(col("id") / BLOCK))
        )
        for block in sorted(row.block for row in reviews.select("block").distinct().collect()):
            folder = output / f"block={block}"
            if (folder / "_SUCCESS").exists():
                continue
            part = reviews.where(col("block") == block).repartition(2)
            part.mapInPandas(ask, "id long, answer string, error string").write.mode("overwrite").parquet(str(folder))
            print(f"block {block} is written")
        print(f"{spark.read.parquet(str(output)).count()} answers in {output}")
        spark.stop()


if __name__ == "__main__":
    main()
