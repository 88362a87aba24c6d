"""Batches: up to 50,000 requests to OpenAI's or Anthropic's models as one job, within a day, at about half the price.

    batch = client.batches.create({"custom_id": id, "model": model, "messages": [...]} for id, ... in rows)
    client.batches.wait(batch.id, progress=True)
    for result in client.batches.results(batch.id):
        print(result.custom_id, result.completion.text if result.completion else result.error)

Requests are canonical chat requests, each with a `custom_id` of its own; results come in any order. A batch is known by
its id: any process may wait for it and read its results, for 30 days. `POST /v1/batches` and its neighbours:
https://docs.digitalocean.com/products/inference/how-to/use-batch-inference/
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping
from contextlib import aclosing, closing
from dataclasses import dataclass, fields
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import SecretStr

from ._batches import steps
from ._batches.lines import write_lines
from ._batches.progress import shown
from ._batches.steps import Ask, BatchStep, Delay, Download, Steps, Upload, Waiting
from ._batches.types import Batch, BatchFile, BatchResult, LineError, RequestCounts
from ._elsewhere import call_elsewhere
from ._protocol.call import Call, PreparedRequest
from ._protocol.drive import adrive, drive
from ._protocol.flow import call_flow
from ._protocol.lines import lines_flow
from ._protocol.retry import Policy
from ._wires.bodies import read_object
from .errors import APIStatusError, ConfigError, InferenceError
from .pricing import Ledger
from .types import Reply

if TYPE_CHECKING:
    from .client import AsyncClient, Client

__all__ = ["AsyncBatches", "Batch", "BatchResult", "Batches", "LineError", "RequestCounts"]

C = TypeVar("C", "Client", "AsyncClient")

NO_FLAG = "the key may not make batches: a model access key needs the permission for batch inference"


class _Uploaded(Reply):
    """Storage took a file."""


class _BatchesCore(Generic[C]):
    """What both kinds prepare alike."""

    def __init__(self, client: C) -> None:
        self._client: C = client

    def _file(self, requests: Any, provider: Any, endpoint: Any) -> BatchFile:
        if self._client._config.is_agent:
            message = "an agent has no batches: make a Client without its URL"
            raise ConfigError(message)
        return write_lines(requests, self._client._chat_body, provider, endpoint)

    def _prepare(self, ask: Ask) -> tuple[Call, PreparedRequest, Callable[[bytes], Reply]]:
        options: Any = {"extra_query": ask.query} if ask.query else {}
        call, request = self._client._other(ask.path, ask.body, options)
        given = {item.name: getattr(call.policy, item.name) for item in fields(Policy)}
        call.policy = _BatchPolicy(**{**given, "retry_ambiguous": True})  # what is asked twice is done once
        explain = call.hint
        call.hint = lambda status, text: NO_FLAG if status == HTTPStatus.FORBIDDEN else explain(status, text)
        return call, request, partial(read_object, kind=ask.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class _BatchPolicy(Policy):
    """A conflict is about what a batch is, and does not pass by asking again."""

    def allows(self, error: InferenceError, *, ambiguous: bool, paced: int = 0) -> bool:
        is_conflict = isinstance(error, APIStatusError) and error.status == HTTPStatus.CONFLICT
        return not is_conflict and Policy.allows(self, error, ambiguous=ambiguous, paced=paced)


def _waiting(poll: float, timeout: float | None, look: Callable[[Batch], Any] | None = None) -> Waiting:
    return Waiting(longest_pause=poll, deadline=timeout, on_look=look)


class Batches(_BatchesCore["Client"]):
    """`client.batches`, for threads."""

    def create(
        self,
        requests: Iterable[Mapping[str, Any]],
        *,
        provider: str | None = None,
        endpoint: str | None = None,
        metadata: Mapping[str, str] | None = None,
        request_id: str | None = None,
    ) -> Batch:
        """Check requests, upload them and make a batch of them.

        Args:
            requests: Canonical chat requests, as `Client.chat` takes them, each a dict with a `custom_id` of its own:
                at most 50,000, 200 MB in all, text only. They are read once and held in a temporary file.
            provider: `openai` or `anthropic`; by default that of the first request's model. All have the same.
            endpoint: `/v1/chat/completions` or `/v1/responses`, of OpenAI's models; by default what the first request
                goes to. All go to the same.
            metadata: Notes for yourself, texts by names.
            request_id: A text by which the API knows this batch: with the same one it makes no second batch. By default
                a new one for each call, so that retries inside the call are safe.

        Raises:
            ConfigError: A request cannot be sent, which is named by its line and `custom_id`; nothing was sent.
            ConflictError: Another batch was created with this `request_id`.
            InferenceError: One of its other subclasses; see `inference_do.errors`.
        """
        with self._file(requests, provider, endpoint) as file:
            return self._one(steps.create(file, metadata, request_id))

    def get(self, id: str | Batch) -> Batch:  # noqa: A002  the API's own name
        """Return a batch as it stands now."""
        return self._one(steps.get(id))

    def list(
        self, *, status: str | None = None, limit: int | None = None, after: str | None = None
    ) -> Generator[Batch, None, None]:
        """Iterate over all batches, newest first; pages are asked for as they are needed.

        Args:
            status: Only those of this status.
            limit: Batches of a page, 1 to 100; by default the API's 20.
            after: Only those behind the batch of this id.
        """
        return self._perform(steps.listed(status, limit, after))

    def cancel(self, id: str | Batch) -> Batch:  # noqa: A002
        """Ask for a batch to end; what has been answered by then is in its results.

        Raises:
            ConflictError: It has ended, or is not yet with the provider: try again in a minute.
        """
        return self._one(steps.cancel(id))

    def wait(
        self,
        id: str | Batch,  # noqa: A002
        *,
        progress: bool | Callable[[Batch], Any] = False,
        poll: float = 60.0,
        timeout: float | None = None,
    ) -> Batch:
        """Wait until a batch is final, and return it.

        Args:
            id: Its id.
            progress: True: a progress bar on a terminal where `rich` is installed, lines on standard error elsewhere. A
                function is given the batch after each look.
            poll: Seconds between two looks, at most: pauses begin with one second and grow.
            timeout: Seconds to wait in all; by default for ever. The batch goes on either way.

        Raises:
            APITimeoutError: The time was over.
        """
        with shown(progress) as look:
            return self._one(steps.wait(id, _waiting(poll, timeout, look)))

    def results(
        self,
        id: str | Batch,  # noqa: A002
        *,
        poll: float = 60.0,
        timeout: float | None = None,
        ledger: Ledger | None = None,
    ) -> Generator[BatchResult, None, None]:
        """Iterate over the results of a batch that has ended: in any order, by `custom_id`.

        A batch that was cancelled or has expired has those that were done by then.

        Args:
            id: Its id.
            poll: Seconds between two looks, at most, while the files of a batch that has ended are not there yet.
            timeout: Seconds to look for them; by default ten minutes.
            ledger: Where each answer's usage is added, at the batches' price.

        Raises:
            InferenceError: The batch has not ended, or has failed as a whole.
        """
        return self._perform(steps.results(id, _waiting(poll, timeout), ledger))

    def _one(self, work: Steps[None]) -> Batch:
        with closing(self._perform(work)) as performed:
            batch: Batch = next(performed)
        return batch

    def _perform(self, work: Steps[None]) -> Generator[Any, None, None]:
        """Perform steps in this thread; yields their results."""
        answer: Any = None
        failure: InferenceError | None = None
        lines: Generator[bytes, None, None] | None = None
        try:
            while True:
                try:
                    step = work.send(answer) if failure is None else work.throw(failure)
                except StopIteration:
                    return
                answer = failure = None
                if not isinstance(step, BatchStep):
                    yield step
                    continue
                try:
                    if isinstance(step, Download):
                        lines = self._elsewhere(step.url)
                    else:
                        answer = self._done(step, lines)
                except InferenceError as error:
                    failure = error.with_traceback(None)
        finally:
            work.close()
            if lines is not None:
                lines.close()

    def _done(self, step: BatchStep, lines: Generator[bytes, None, None] | None) -> Any:
        """Do what a step asks for, and return its answer."""
        match step:
            case Ask():
                return self._client._answer(*self._prepare(step))
            case Upload(url, file):
                with closing(self._elsewhere(url, file)) as sent:
                    return next(sent)
            case Delay(seconds):
                return time.sleep(seconds)
            case _:
                return None if lines is None else next(lines, None)

    def _elsewhere(self, url: SecretStr, file: BatchFile | None = None) -> Generator[Any, None, None]:
        """Send a file to a presigned URL, or yield the lines of the one that is there."""
        client = self._client
        config, call, request = call_elsewhere(
            client._config, url, budget=client._traffic.budget, file=None if file is None else file.file
        )
        flow = lines_flow(call) if file is None else call_flow(call, lambda _: _Uploaded())
        http = type(client._http)(config, client._http_client)  # apart: proxies and TLS go by the host
        try:
            yield from drive(flow, http.exchange(request))
        finally:
            http.close()


class AsyncBatches(_BatchesCore["AsyncClient"]):
    """`client.batches` of an `AsyncClient`; see `Batches` for what each method takes and returns."""

    async def create(
        self,
        requests: Iterable[Mapping[str, Any]],
        *,
        provider: str | None = None,
        endpoint: str | None = None,
        metadata: Mapping[str, str] | None = None,
        request_id: str | None = None,
    ) -> Batch:
        """Check requests, upload them and make a batch of them; see `Batches.create`."""
        with await asyncio.to_thread(self._file, requests, provider, endpoint) as file:
            return await self._one(steps.create(file, metadata, request_id))

    async def get(self, id: str | Batch) -> Batch:  # noqa: A002  the API's own name
        """Return a batch as it stands now."""
        return await self._one(steps.get(id))

    def list(
        self, *, status: str | None = None, limit: int | None = None, after: str | None = None
    ) -> AsyncGenerator[Batch, None]:
        """Iterate over all batches, newest first; see `Batches.list`."""
        return self._perform(steps.listed(status, limit, after))

    async def cancel(self, id: str | Batch) -> Batch:  # noqa: A002
        """Ask for a batch to end; see `Batches.cancel`."""
        return await self._one(steps.cancel(id))

    async def wait(
        self,
        id: str | Batch,  # noqa: A002
        *,
        progress: bool | Callable[[Batch], Any] = False,
        poll: float = 60.0,
        timeout: float | None = None,  # noqa: ASYNC109  it ends the wait with an error of ours
    ) -> Batch:
        """Wait until a batch is final, and return it; see `Batches.wait`."""
        with shown(progress) as look:
            return await self._one(steps.wait(id, _waiting(poll, timeout, look)))

    def results(
        self,
        id: str | Batch,  # noqa: A002
        *,
        poll: float = 60.0,
        timeout: float | None = None,
        ledger: Ledger | None = None,
    ) -> AsyncGenerator[BatchResult, None]:
        """Iterate over the results of a batch that has ended; see `Batches.results`."""
        return self._perform(steps.results(id, _waiting(poll, timeout), ledger))

    async def _one(self, work: Steps[None]) -> Batch:
        async with aclosing(self._perform(work)) as performed:
            batch: Batch = await anext(performed)
        return batch

    async def _perform(self, work: Steps[None]) -> AsyncGenerator[Any, None]:
        """Perform steps in the running event loop; yields their results."""
        answer: Any = None
        failure: InferenceError | None = None
        lines: AsyncGenerator[bytes, None] | None = None
        try:
            while True:
                try:
                    step = work.send(answer) if failure is None else work.throw(failure)
                except StopIteration:
                    return
                answer = failure = None
                if not isinstance(step, BatchStep):
                    yield step
                    continue
                try:
                    if isinstance(step, Download):
                        lines = self._elsewhere(step.url)
                    else:
                        answer = await self._done(step, lines)
                except InferenceError as error:
                    failure = error.with_traceback(None)
        finally:
            work.close()
            if lines is not None:
                await lines.aclose()

    async def _done(self, step: BatchStep, lines: AsyncGenerator[bytes, None] | None) -> Any:
        """Do what a step asks for, and return its answer."""
        match step:
            case Ask():
                return await self._client._answer(*self._prepare(step))
            case Upload(url, file):
                async with aclosing(self._elsewhere(url, file)) as sent:
                    return await anext(sent)
            case Delay(seconds):
                return await asyncio.sleep(seconds)
            case _:
                return None if lines is None else await anext(lines, None)

    async def _elsewhere(self, url: SecretStr, file: BatchFile | None = None) -> AsyncGenerator[Any, None]:
        """Send a file to a presigned URL, or yield the lines of the one that is there."""
        client = self._client
        config, call, request = call_elsewhere(
            client._config, url, budget=client._traffic.budget, file=None if file is None else file.file
        )
        flow = lines_flow(call) if file is None else call_flow(call, lambda _: _Uploaded())
        http = type(client._http)(config, client._http_client)  # as above
        try:
            async with aclosing(adrive(flow, http.exchange(request))) as driven:
                async for item in driven:
                    yield item
        finally:
            await http.aclose()


for _kind in (Batch, BatchResult):
    _kind.__module__ = __name__  # where users find them, and pickles too
