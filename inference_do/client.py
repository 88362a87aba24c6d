"""`Client` and `AsyncClient`: the four calls of the API, for threads and for event loops.

Both prepare a call in the same way (`_core.py`), hand its flow to their driver, and own their HTTP side. Each method
exists twice only in what Python makes different: `await`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from ._core import Core, Reading
from ._other_names import name_other_spellings
from ._protocol.call import Call, PreparedRequest
from ._protocol.drive import adrive, drive
from ._protocol.flow import call_flow, stream_flow
from ._wires.bodies import read_models, read_object
from .accumulate import Accumulator
from .config import Timeout
from .errors import ConfigError, StreamInterrupted
from .params import AsyncHTTPClient, CallOptions, ChatParams, EmbedParams, HTTPClient, Messages
from .types import ChatCompletion, ChatCompletionChunk, EmbeddingResponse, Model, Reply, ResponseInfo

if TYPE_CHECKING:
    from ._transport.loops import AsyncHTTP
    from ._transport.threads import SyncHTTP
    from .batches import AsyncBatches, Batches

__all__ = ["AsyncClient", "AsyncStream", "Client", "Stream"]

R = TypeVar("R", bound=Reply)


class Client(Core[HTTPClient]):
    """The API for threads: one client may be used from any number of them.

    As a context manager it closes its connections at the end; so does `close()`. A call after that opens new ones.
    """

    @cached_property
    def _http(self) -> SyncHTTP:
        from ._transport.threads import SyncHTTP  # noqa: PLC0415  httpx is imported by the first call

        made = SyncHTTP(self._config, self._http_client)
        return vars(self).setdefault("_http", made)  # type: ignore[no-any-return]  # atomic: of two threads one wins

    @property
    def batches(self) -> Batches:
        """Jobs of many requests at about half the price; see `inference_do.batches`."""
        from .batches import Batches  # noqa: PLC0415  few need them

        return Batches(self)

    def chat(self, *, model: str, messages: Messages, **params: Unpack[ChatParams]) -> ChatCompletion:
        """Return the model's whole answer.

        Args:
            model: A model's id, `router:NAME`, or what a dedicated endpoint calls its model.
            messages: The whole conversation, at least one message.
            **params: Fields of the request and options of the call, which `ChatParams` lists; `max_tokens` is sent as
                `max_completion_tokens`. Fields that it does not list are sent as they are; type checkers accept them in
                `extra_body` only.

        Raises:
            InferenceError: One of its subclasses; see `inference_do.errors`.
        """
        call, request, wire = self._chat(model, messages, params)
        return _warn_if_empty(self._answer(call, request, wire.read), call)

    def stream(self, *, model: str, messages: Messages, **params: Unpack[ChatParams]) -> Stream:
        """Return the model's answer as it is made. Nothing is sent until the stream is read.

        Takes what `chat` takes. Usage is asked for unless `stream_options` says otherwise.
        """
        call, accumulator, wire, request = self._streamed(model, messages, params)
        exchange = self._http.exchange(request)
        return Stream(call, accumulator, drive(stream_flow(call, accumulator, wire), exchange), exchange.interrupt)

    def embed(self, *, model: str, input: str | Sequence[str], **params: Unpack[EmbedParams]) -> EmbeddingResponse:  # noqa: A002
        """Return a vector for each input, in the order of the inputs."""
        return self._answer(*self._embed(model, input, params))

    def models(self, *, timeout: float | Timeout | None = None, max_retries: int | None = None) -> list[Model]:
        """Return the models that the API lists; the key may not be allowed to call all of them."""
        return self._answer(self._call({}, timeout, max_retries), self._request("/models", None), read_models).data

    def request(self, path: str, body: Mapping[str, Any] | None = None, **options: Unpack[CallOptions]) -> Reply:
        """Call an endpoint that has no method of its own; the response's fields are attributes of what is returned.

        Args:
            path: What follows the base URL, such as `/rerank`.
            body: A JSON object to POST; None makes it a GET.
            **options: Those of the call, which `CallOptions` lists.
        """
        return self.request_as(Reply, path, body, **options)

    def request_as(
        self, kind: type[R], path: str, body: Mapping[str, Any] | None = None, **options: Unpack[CallOptions]
    ) -> R:
        """Call an endpoint as `request` does, and check the response against a subclass of `Reply`."""
        return self._answer(*self._other(path, body, options), lambda data: read_object(data, kind))

    def _answer(self, call: Call, request: PreparedRequest, read: Reading[R]) -> R:
        driven = drive(call_flow(call, read), self._http.exchange(request))
        try:
            response: R = next(driven)
        finally:
            driven.close()
        return _with_info(response, call)

    def close(self) -> None:
        """Close the connections of this process."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncClient(Core[AsyncHTTPClient]):
    """The API for event loops: one client may be used from any number of them, one after another or at once.

    `asyncio.run` closes the connections of its loop when it ends; `aclose()` and `async with` do so earlier.
    """

    _is_async = True

    @cached_property
    def _http(self) -> AsyncHTTP:
        from ._transport.loops import AsyncHTTP  # noqa: PLC0415  as above

        made = AsyncHTTP(self._config, self._http_client)
        return vars(self).setdefault("_http", made)  # type: ignore[no-any-return]  # atomic, as above

    @property
    def batches(self) -> AsyncBatches:
        """Jobs of many requests at about half the price; see `inference_do.batches`."""
        from .batches import AsyncBatches  # noqa: PLC0415  as above

        return AsyncBatches(self)

    async def chat(self, *, model: str, messages: Messages, **params: Unpack[ChatParams]) -> ChatCompletion:
        """Return the model's whole answer; see `Client.chat`."""
        call, request, wire = self._chat(model, messages, params)
        return _warn_if_empty(await self._answer(call, request, wire.read), call)

    def stream(self, *, model: str, messages: Messages, **params: Unpack[ChatParams]) -> AsyncStream:
        """Return the model's answer as it is made; see `Client.stream`. There is nothing to await until it is read."""
        call, accumulator, wire, request = self._streamed(model, messages, params)
        exchange = self._http.exchange(request)
        return AsyncStream(
            call, accumulator, adrive(stream_flow(call, accumulator, wire), exchange), exchange.interrupt
        )

    async def embed(
        self,
        *,
        model: str,
        input: str | Sequence[str],  # noqa: A002  the API's own name
        **params: Unpack[EmbedParams],
    ) -> EmbeddingResponse:
        """Return a vector for each input, in the order of the inputs."""
        return await self._answer(*self._embed(model, input, params))

    async def models(
        self,
        *,
        timeout: float | Timeout | None = None,  # noqa: ASYNC109  seconds of each phase, for the flow
        max_retries: int | None = None,
    ) -> list[Model]:
        """Return the models that the API lists; the key may not be allowed to call all of them."""
        call = self._call({}, timeout, max_retries)
        return (await self._answer(call, self._request("/models", None), read_models)).data

    async def request(self, path: str, body: Mapping[str, Any] | None = None, **options: Unpack[CallOptions]) -> Reply:
        """Call an endpoint that has no method of its own; see `Client.request`."""
        return await self.request_as(Reply, path, body, **options)

    async def request_as(
        self, kind: type[R], path: str, body: Mapping[str, Any] | None = None, **options: Unpack[CallOptions]
    ) -> R:
        """Call an endpoint as `request` does; see `Client.request_as`."""
        return await self._answer(*self._other(path, body, options), lambda data: read_object(data, kind))

    async def _answer(self, call: Call, request: PreparedRequest, read: Reading[R]) -> R:
        driven = adrive(call_flow(call, read), self._http.exchange(request))
        try:
            response: R = await anext(driven)
        finally:
            await driven.aclose()
        return _with_info(response, call)

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


name_other_spellings(Client)
name_other_spellings(AsyncClient)


class _Streaming:
    """What both kinds of stream know of themselves."""

    def __init__(self, call: Call, accumulator: Accumulator) -> None:
        self._call = call
        self._accumulator = accumulator

    @property
    def response_info(self) -> ResponseInfo | None:
        """Status, headers and attempts; None until the first chunk has been read."""
        return self._call.info

    @property
    def request_id(self) -> str | None:
        """The API's `x-request-id`; None until the first chunk has been read."""
        return self._call.request_id

    @property
    def partial(self) -> ChatCompletion:
        """What has come so far, put together."""
        return _with_info(self._accumulator.completion(), self._call)

    def _whole(self) -> ChatCompletion:
        if not self._call.is_complete:
            message = "the stream was closed before its end; .partial has what came"
            raise StreamInterrupted(message, partial=self.partial, **self._call.details)
        return self.partial


class Stream(_Streaming):
    """An answer as it is made: iterate over it, and close it (or leave its `with` block) to stop the API early."""

    def __init__(
        self,
        call: Call,
        accumulator: Accumulator,
        chunks: Generator[ChatCompletionChunk, None, None],
        interrupt: Callable[[], None],
    ) -> None:
        super().__init__(call, accumulator)
        self._chunks = chunks
        self._reading = _read_alone(chunks, call)
        self._interrupt = interrupt

    def __iter__(self) -> Iterator[ChatCompletionChunk]:
        return self._reading

    def __next__(self) -> ChatCompletionChunk:
        return next(self._reading)

    def completion(self) -> ChatCompletion:
        """Read the rest and return the whole answer."""
        for _ in self._reading:
            pass
        return self._whole()

    def close(self) -> None:
        """Stop: the connection is closed, and the API sees it.

        A thread that is reading the stream at this moment gets a `StreamInterrupted`.
        """
        try:
            self._chunks.close()
        except ValueError:  # what Python raises for a running generator
            self._interrupt()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    if not TYPE_CHECKING:

        def __await__(self) -> Any:
            """Refuse what only an asynchronous client's stream could be asked."""
            message = "client.stream() of a Client is read with `for`: an AsyncClient has what event loops need"
            raise ConfigError(message)

        __aiter__ = __await__


def _read_alone(
    chunks: Generator[ChatCompletionChunk, None, None], call: Call
) -> Generator[ChatCompletionChunk, None, None]:
    """Hand on a stream's chunks; a thread that reads while another one closes the stream gets an error of ours."""
    try:
        yield from chunks
    except ValueError as error:
        if str(error) != "generator already executing":  # Python's message
            raise
    else:
        return
    if not call.is_complete:
        message = "the stream broke off: it was closed while it was read"
        raise StreamInterrupted(message, **call.details)


class AsyncStream(_Streaming):
    """An answer as it is made, for an event loop."""

    def __init__(
        self,
        call: Call,
        accumulator: Accumulator,
        chunks: AsyncGenerator[ChatCompletionChunk, None],
        interrupt: Callable[[], None],
    ) -> None:
        super().__init__(call, accumulator)
        self._chunks = chunks
        self._interrupt = interrupt

    def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        return self._chunks

    async def __anext__(self) -> ChatCompletionChunk:
        return await anext(self._chunks)

    async def completion(self) -> ChatCompletion:
        """Read the rest and return the whole answer."""
        async for _ in self._chunks:
            pass
        return self._whole()

    async def aclose(self) -> None:
        """Stop: the connection is closed, and the API sees it.

        A task that is reading the stream at this moment gets a `StreamInterrupted`.
        """
        if getattr(self._chunks, "ag_running", False):
            self._interrupt()
        else:
            await self._chunks.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    if not TYPE_CHECKING:

        def __await__(self) -> Any:
            """Refuse to be awaited, or read by a thread."""
            message = "client.stream() is not awaited: read it with `async for chunk in client.stream(...)`"
            raise ConfigError(message)

        __iter__ = __await__


def _warn_if_empty(completion: ChatCompletion, call: Call) -> ChatCompletion:
    """Return a whole answer, after a warning if it has no content."""
    choice = completion.choices[0]
    content = choice.message.content or choice.message.refusal or choice.message.tool_calls
    if choice.finish_reason == "length" and not content:
        call.on_empty(completion.usage.completion_tokens if completion.usage else 0)
    return completion


def _with_info(response: R, call: Call) -> R:
    if call.info:
        response.came_with(call.info)
    return response
