"""Many texts to embed: cut into requests, several of them at once, vectors in the order of the texts.

A job knows which texts are still to be sent, what has come and what failed. Its workers, threads or tasks, take a part,
send it and come back for the next, so that only those requests and responses are held that are under way. After a
failure nothing more is begun; what is under way is waited for, because it is paid for. The error then says which texts
were in the request, and has all vectors that came.
"""

from __future__ import annotations

import asyncio
import re
import threading
import warnings
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from http import HTTPStatus
from importlib import import_module
from typing import Any, Self

from inference_do._callers import callers_level
from inference_do.errors import BadRequestError, ConfigError, ContextLengthError, InferenceError, ProtocolError

__all__ = ["ENCODING", "EmbeddingJob", "Vector", "check_size"]

Vector = list[float]

MAX_TEXTS = 2048
"""Of a request: https://docs.digitalocean.com/products/inference/reference/api/embeddings/"""
MAX_TOKENS = 100_000
"""Of a request, as estimated here; a text that has more is sent alone. The API states no limit; OpenAI's is 300,000."""
TOO_MANY = r"(?i)batch.{0,40}(size|limit|large|exceed)|too many (inputs|texts|strings)"
"""A pattern, as text: what servers say that take fewer texts at once, such as Hugging Face's (32 by default)."""
ENCODING = "How vectors travel: base64 is a quarter of the size and exact; `float` is for servers that do not have it."
"""The description of a setting that both frameworks' classes have."""
REQUESTS_PER_THREAD = 4
"""A thread and its connection are not worth it for fewer."""


class EmbeddingJob:
    """One call's texts, and what has become of them; as a context manager it closes its progress bar at the end."""

    def __init__(self, texts: Sequence[str], *, size: int, show_progress: bool = False) -> None:
        """Cut the texts into parts.

        Args:
            texts: The texts.
            size: The most texts of a request.
            show_progress: Whether to show a bar of the texts that are done.
        """
        self._texts = texts
        self._parts = deque(_cut(texts, size))
        self._vectors: list[Vector | None] = [None] * len(texts)
        self._failures: list[tuple[range, Exception]] = []
        self._is_stopped = False
        self._bar = _open_bar(len(texts)) if show_progress and texts else None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def run(self, embed: Callable[[list[str]], list[Vector]], *, workers: int) -> list[Vector]:
        """Return the vectors.

        Args:
            embed: Returns the vectors of one request's texts.
            workers: Threads at most; few requests are sent one after another in the caller's.

        Raises:
            InferenceError: A request failed; `texts` and `vectors` say how far it came.
        """
        workers = min(workers, len(self._parts) // REQUESTS_PER_THREAD)
        if workers <= 1:
            self._work(embed)
            return self._finish()
        threads = ThreadPoolExecutor(workers, thread_name_prefix="embeddings")
        try:
            for working in [threads.submit(copy_context().run, self._work, embed) for _ in range(workers)]:
                working.result()
        finally:
            self._is_stopped = True  # whoever interrupts the wait does not wait for the requests
            threads.shutdown(wait=False)
        return self._finish()

    async def arun(self, embed: Callable[[list[str]], Awaitable[list[Vector]]], *, workers: int) -> list[Vector]:
        """Return the vectors, as `run` does; the workers are tasks."""
        workers = min(workers, len(self._parts))
        if workers <= 1:
            await self._awork(embed)
            return self._finish()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(workers):
                tasks.create_task(self._awork(embed))
        return self._finish()

    def _work(self, embed: Callable[[list[str]], list[Vector]]) -> None:
        while part := self._take():
            with self._asking(part):
                self._keep(part, embed(self._of(part)))

    async def _awork(self, embed: Callable[[list[str]], Awaitable[list[Vector]]]) -> None:
        while part := self._take():
            with self._asking(part):
                self._keep(part, await embed(self._of(part)))

    def _of(self, part: range) -> list[str]:
        return list(self._texts[part.start : part.stop])

    def _take(self) -> range | None:
        with self._lock:
            return self._parts.popleft() if self._parts and not self._is_stopped else None

    def _keep(self, part: range, vectors: list[Vector]) -> None:
        if len(vectors) != len(part):  # of a class that is made of one of ours
            message = f"{len(part)} texts were given, and {len(vectors)} vectors came back"
            raise ProtocolError(message)
        with self._lock:
            self._vectors[part.start : part.stop] = vectors
            if self._bar is not None:
                self._bar.update(len(part))

    @contextmanager
    def _asking(self, part: range) -> Iterator[None]:
        """Take what fails in a request: too many texts are sent again in halves, anything else ends the job."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  a framework's cache or limiter may raise anything; it is raised again
            with self._lock:
                if len(part) > 1 and _is_too_large(error):
                    middle = part.start + len(part) // 2
                    self._parts.extendleft((range(middle, part.stop), range(part.start, middle)))
                else:
                    self._failures.append((part, error))
                    self._is_stopped = True

    def _finish(self) -> list[Vector]:
        if not self._failures:
            return self._vectors  # type: ignore[return-value]  # each part was kept
        part, error = min(self._failures, key=lambda failure: failure[0].start)
        if isinstance(error, InferenceError) and not isinstance(error, ConfigError):
            error.texts, error.vectors = part, self._vectors
            error.message = "; ".join((error.message, *self._notes(part, error)))
            error.args = (error.message,)
        raise error

    def _notes(self, part: range, error: InferenceError) -> Iterator[str]:
        """Say what is known of the texts of a request that failed."""
        refused = self._of(part)
        if len(self._texts) > 1:
            places = str(part.start) if len(part) == 1 else f"{part.start}:{part.stop}"
            characters = f" of {len(refused[0])} characters" if len(part) == 1 else ""
            have = sum(vector is not None for vector in self._vectors)
            yield f"it was the request for texts[{places}]{characters}"
            yield f"of {len(self._texts)} texts, {have} have their vector in this error's .vectors"
        if isinstance(error, BadRequestError):
            if empty := [part.start + place for place, text in enumerate(refused) if not text.strip()]:
                yield f"texts[{empty[0]}] is empty" + (f", and {len(empty) - 1} more are" if empty[1:] else "")
            if "base64" in error.message or "encoding_format" in error.message:
                yield "encoding_format='float' asks for vectors in the form that every server has"


def _is_too_large(error: Exception) -> bool:
    """Return whether fewer texts may be taken; if one of them is too long, halves find it."""
    return isinstance(error, BadRequestError) and (
        isinstance(error, ContextLengthError)
        or error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        or re.search(TOO_MANY, error.message) is not None
    )


def check_size(size: object) -> int:
    """Return how many texts a request may hold.

    Raises:
        ConfigError: It is no such number.
    """
    if isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= MAX_TEXTS:
        return size
    message = f"chunk_size must be a whole number from 1 to {MAX_TEXTS}, not {size!r}"
    raise ConfigError(message)


def _cut(texts: Sequence[str], size: int) -> Iterator[range]:
    """Cut texts into ranges that one request may hold."""
    start = tokens = 0
    for place, text in enumerate(texts):
        tokens += (needed := _most_tokens(text))
        if place > start and (place - start == size or tokens > MAX_TOKENS):
            yield range(start, place)
            start, tokens = place, needed
    if texts:
        yield range(start, len(texts))


def _most_tokens(text: str) -> int:
    """Estimate the tokens of a text from above, by its length alone: 100,000 texts take milliseconds."""
    return len(text) // (3 if text.isascii() else 1) + 1


def _open_bar(total: int) -> Any:
    """Return tqdm's bar; None, after a warning, where it is not installed."""
    try:
        tqdm = import_module("tqdm.auto").tqdm  # LlamaIndex brings it, LangChain does not; it has no types
    except ImportError:
        warnings.warn("the progress bar needs tqdm: pip install tqdm", stacklevel=callers_level())
        return None
    return tqdm(total=total, desc="Generating embeddings", unit="text")
