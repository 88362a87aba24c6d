"""Threads that rows are asked in: as many as are needed at once, and none that keeps a program from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

__all__ = ["Workers"]


class Workers:
    """Daemon threads, made when one is needed and none is idle; whoever submits bounds how many."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0
        self._count = 0

    def submit(self, work: Callable[[], None]) -> None:
        """Have a thread do something, which may not raise."""
        with self._lock:
            if self._idle:
                self._idle -= 1
                needed = False
            else:
                self._count += 1
                needed = True
        self._queue.put(work)
        if needed:
            threading.Thread(target=self._run, name=f"inference-do-job-{self._count}", daemon=True).start()

    def close(self) -> None:
        """Let the threads end when they have done what they do."""
        for _ in range(self._count):
            self._queue.put(None)

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            work()
            del work
            with self._lock:
                self._idle += 1
