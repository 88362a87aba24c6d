"""What a process does that shares a rate limit with others; it imports the client alone, and starts quickly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from inference_do import Client


def ask_many(url: str, key: str, rows: int, request: dict[str, Any], answered: Any) -> None:
    """Ask the same so many times, four at once, and put the number of answers into a queue."""
    with Client(key, base_url=url) as client, ThreadPoolExecutor(4) as pool:
        answered.put(sum(bool(answer.text) for answer in pool.map(lambda _: client.chat(**request), range(rows))))
