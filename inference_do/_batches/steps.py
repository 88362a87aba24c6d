"""The operations on batches as steps, without I/O: generators that say what to do next, and are sent what came of it.

What is no `BatchStep` is a result. `inference_do.batches` performs the steps, in threads and in event loops.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import SecretStr

from inference_do.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    ConfigError,
    ConflictError,
    InferenceError,
    PermissionDeniedError,
)
from inference_do.pricing import Ledger
from inference_do.types import Reply

from .results import read_result
from .types import Batch, BatchesPage, BatchFile, ResultFiles, UploadIntent

__all__ = [
    "Ask",
    "BatchStep",
    "Delay",
    "Download",
    "NextLine",
    "Upload",
    "Waiting",
    "cancel",
    "create",
    "get",
    "listed",
]

PATH = "/batches"
FIRST_PAUSE = 1.0
GROWTH = 1.5
LATE_FILES = 600.0
"""Seconds that the results of a batch that has ended may take to be there."""
MOST_FAILURES = 20
"""Looks at a batch that may fail one after another, an outage of some twenty minutes, before waiting ends."""

T = TypeVar("T")
Steps = Generator[Any, Any, T]


class BatchStep:
    """What is to be done next."""


@dataclass(frozen=True, slots=True)
class Ask(BatchStep):
    """Call the API; answer with an object of `kind`."""

    kind: type[Reply]
    path: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Upload(BatchStep):
    """PUT the file to a presigned URL."""

    url: SecretStr
    file: BatchFile = field(repr=False)


@dataclass(frozen=True, slots=True)
class Download(BatchStep):
    """Begin to read the file at a presigned URL."""

    url: SecretStr


@dataclass(frozen=True, slots=True)
class NextLine(BatchStep):
    """Answer with the next line of that file, None at its end."""


@dataclass(frozen=True, slots=True)
class Delay(BatchStep):
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How patiently a batch is waited for."""

    longest_pause: float = 60.0
    """Seconds between two looks, at most: pauses begin with one second and grow by half."""
    deadline: float | None = None
    """Seconds in all."""
    on_look: Callable[[Batch], Any] | None = None
    """Is given the batch after each look."""

    def __post_init__(self) -> None:
        for name in ("longest_pause", "deadline"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not value > 0):
                given = {"longest_pause": "poll", "deadline": "timeout"}[name]
                message = f"{given} must be a number of seconds above 0, not {value!r}"
                raise ConfigError(message)


def _of(batch_id: Any, rest: str = "") -> str:
    if isinstance(batch_id, Batch):
        batch_id = batch_id.id
    if not isinstance(batch_id, str) or not batch_id.strip():
        message = f"id must be a batch's id, not {batch_id!r}"
        raise ConfigError(message)
    return f"{PATH}/{quote(batch_id.strip(), safe='')}{rest}"


def create(file: BatchFile, metadata: Mapping[str, Any] | None, request_id: str | None) -> Steps[None]:
    """Upload a file and make a batch of it; yields the `Batch`."""
    name = request_id or str(uuid.uuid4())
    file_id = yield from _uploaded(file)
    body: dict[str, Any] = {"file_id": file_id, "provider": file.provider, "completion_window": "24h"}
    if file.endpoint is not None:
        body["endpoint"] = file.endpoint
    if metadata is not None:
        body["metadata"] = metadata
    try:
        batch = yield Ask(Batch, PATH, {**body, "request_id": name})
    except ConflictError as error:
        failure = error
    else:
        yield batch
        return
    known = yield from _created_with(name)
    which = f"batch {known.id} ({known.status}) was created with it" if known else "another batch was created with it"
    failure.args = (f"request_id {name!r} is taken: {which}; {failure.message}",)
    failure.message = failure.args[0]
    raise failure


def _uploaded(file: BatchFile) -> Steps[str]:
    """Upload a file and return its id. A URL that has expired is replaced by a new one, once."""
    for is_last in (False, True):
        intent: UploadIntent = yield Ask(UploadIntent, f"{PATH}/files", {"file_name": "requests.jsonl"})
        try:
            yield Upload(intent.upload_url, file)
        except PermissionDeniedError:
            if is_last:
                raise
        else:
            break
    return intent.file_id


def _created_with(name: str) -> Steps[Batch | None]:
    """Return the batch that was created with a `request_id`, if it is among the latest."""
    try:
        page: BatchesPage = yield Ask(BatchesPage, PATH, None, {"limit": 100})
    except InferenceError:
        return None
    return next((batch for batch in page.data if batch.request_id == name), None)


def get(batch_id: Any) -> Steps[None]:
    """Look at a batch; yields it."""
    yield (yield Ask(Batch, _of(batch_id)))


def cancel(batch_id: Any) -> Steps[None]:
    """Cancel a batch; yields it."""
    yield (yield Ask(Batch, _of(batch_id, "/cancel"), {}))


def listed(status: str | None, limit: int | None, after: str | None) -> Steps[None]:
    """Yield batches, newest first, page by page."""
    while True:
        given = {"status": status, "limit": limit, "after": after}
        query = {name: value for name, value in given.items() if value is not None}
        page: BatchesPage = yield Ask(BatchesPage, PATH, None, query)
        yield from page.data
        last = page.last_id or (page.data[-1].id if page.data else None)
        if not page.has_more or not page.data or last is None or last == after:
            return
        after = last


def wait(batch_id: Any, waiting: Waiting) -> Steps[None]:
    """Look at a batch until it is final; yields it.

    An outage does not end the wait: a look that fails for a reason that may pass is made again.

    Raises:
        APITimeoutError: The deadline passed.
    """
    path, pauses, failures = _of(batch_id), _Delays(waiting), 0
    while True:
        try:
            batch: Batch = yield Ask(Batch, path)
        except (APIConnectionError, APIStatusError) as error:
            failures += 1
            if not error.retryable or failures > MOST_FAILURES:
                raise
        else:
            failures = 0
            if waiting.on_look:
                waiting.on_look(batch)
            if batch.is_final:
                yield batch
                return
        yield pauses.next(f"batch {path.removeprefix(f'{PATH}/')} has not ended")


class _Delays:
    """Pauses that grow, until a deadline."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self._pause = FIRST_PAUSE
        self._ends = None if waiting.deadline is None else time.monotonic() + waiting.deadline

    def next(self, problem: str) -> Delay:
        pause = min(self._pause, self._waiting.longest_pause)
        self._pause *= GROWTH
        pause *= 0.9 + random.random() / 5  # noqa: S311  so that many who wait do not ask at the same moments
        if self._ends is not None and time.monotonic() + pause > self._ends:
            limit = self._waiting.deadline or 0
            message = f"{problem} within {limit:g} s; it goes on, and can be waited for again"
            raise APITimeoutError(message, phase="total", retryable=True)
        return Delay(pause)


def results(batch_id: Any, waiting: Waiting, ledger: Ledger | None) -> Steps[None]:
    """Yield the results of a batch that has ended, in the order of its files.

    Raises:
        InferenceError: The batch has not ended, or has failed as a whole.
    """
    files: ResultFiles = yield from _files(batch_id, waiting)
    for position in range(len(files.urls)):
        delivered = 0
        for is_last in (False, True):
            try:
                yield Download(files.urls[position])
                number = 0
                while (line := (yield NextLine())) is not None:
                    number += 1
                    if number <= delivered:
                        continue
                    delivered = number
                    result = read_result(line)
                    if ledger is not None and result.completion is not None:
                        ledger.add(result.model or "unknown", result.usage, batch=True)
                    yield result
            except PermissionDeniedError:  # the URL has expired
                if is_last:
                    raise
                files = yield from _files(batch_id, waiting)
                if position >= len(files.urls):
                    raise
            else:
                break


def _files(batch_id: Any, waiting: Waiting) -> Steps[ResultFiles]:
    """Return where the results are. Those of a batch that has just ended may take a moment to be there."""
    path, pauses = _of(batch_id, "/results"), _Delays(_late(waiting))
    batch: Batch | None = None
    while True:
        try:
            files: ResultFiles = yield Ask(ResultFiles, path)
        except APIStatusError as error:
            if error.status != HTTPStatus.PRECONDITION_FAILED:
                raise
        else:
            if files.result_available or (files.result_available is None and files.urls):
                return files
        batch = yield Ask(Batch, _of(batch_id))
        if (problem := _problem_of(batch)) is not None:
            raise problem
        if batch.request_counts.total and not batch.request_counts.ended:
            return ResultFiles()  # it was cancelled, or has expired, before the first answer
        yield pauses.next(f"the results of batch {batch.id} were not there")


def _late(waiting: Waiting) -> Waiting:
    return Waiting(longest_pause=waiting.longest_pause, deadline=waiting.deadline or LATE_FILES)


def _problem_of(batch: Batch) -> InferenceError | None:
    """Return why a batch has no results, unless they may still come."""
    if not batch.is_final:
        counts = batch.request_counts
        text = (
            f"batch {batch.id} has not ended: {batch.status}, {counts.ended} of {counts.total} requests; wait() for it"
        )
        return InferenceError(text, retryable=True)
    if batch.status == "failed":
        reasons = "; ".join(map(str, batch.errors[:5])) or "no reason given"
        return InferenceError(f"batch {batch.id} has failed, and has no results: {reasons}")
    return None
