"""Ray Data and LangChain: an actor pool that holds one model each, and Ray's checkpoints to go on with.

python examples/cluster/ray_data.py [ROWS.jsonl OUTPUT]
"""

from __future__ import annotations

from typing import Any

import ray
from _cluster import place
from ray.data.checkpoint import CheckpointConfig

from langchain_do import ChatDigitalOcean


class Ask:
    """One in each worker; the key is read from its environment."""

    def __init__(self) -> None:
        self.model = ChatDigitalOcean(model="gemma-4-31B-it", temperature=0, rate_limit_wait=600)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Ask for a batch of rows; a row that fails gets an error, and does not end the job."""
        prompts: list[Any] = [f"Sum up: {text}" for text in batch["text"]]
        answers = self.model.batch(prompts, {"max_concurrency": 16}, return_exceptions=True)
        failed = [isinstance(answer, BaseException) for answer in answers]
        batch["answer"] = ["" if bad else answer.text for bad, answer in zip(failed, answers, strict=True)]
        batch["error"] = [str(answer) if bad else "" for bad, answer in zip(failed, answers, strict=True)]
        return batch


def main() -> None:
    """Ask for all rows that have no answer in a block of the output."""
    with place() as (rows, output):
        ray.init(num_cpus=4, include_dashboard=False)
        ray.data.DataContext.get_current().checkpoint_config = CheckpointConfig(
            id_column="id", checkpoint_path=f"{output}-checkpoint", delete_checkpoint_on_success=False
        )
        reviews = ray.data.read_json(str(rows), override_num_blocks=8)
        answers = reviews.map_batches(Ask, batch_size=25, compute=ray.data.ActorPoolStrategy(size=2))
        answers.write_parquet(str(output))
        print(f"{ray.data.read_parquet(str(output)).count()} answers in {output}")
        ray.shutdown()


if __name__ == "__main__":
    main()
