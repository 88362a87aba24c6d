"""`Client` and `AsyncClient`: the four calls of the API, for threads and for event loops.

Both prepare a call in the same way (`_Core`), hand its flow to their driver, and own their HTTP side. Each method
exists twice only in what Python makes different: `await`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar

from ._bodies import (
    chat_body,
    checked_model,
    encode,
    given,
    read_completion,
    read_embeddings,
    read_models,
    read_object,
)
from ._call import Call
from ._drive import adrive, drive
from ._flow import call_flow, stream_flow
from ._http import Request
from ._loops import AsyncHTTP
from ._retry import Budget, Policy
from ._threads import SyncHTTP
from .accumulate import Accumulator
from .config import Config, Key, Timeout, check_headers, check_mapping, check_retries, hidden
from .errors import ConfigError, StreamInterrupted
from .models import EMBEDDINGS_PATH, model_info
from .rules import check_endpoint, explained, shaped, shaped_for_agent
from .types import (
    ChatCompletion,
    ChatCompletionChunk,
    EmbeddingResponse,
    Model,
    Reply,
    ResponseInfo,
)

__all__ = ["AsyncClient", "AsyncStream", "Client", "Stream"]

R = TypeVar("R", bound=Reply)
Reading = Callable[[bytes], R]
CALL_OPTIONS = frozenset({"extra_headers", "extra_query", "extra_body", "timeout", "max_retries"})


class _Core:
    """What both clients are: settings, and the preparation of calls."""

    def __init__(
        self,
        api_key: Key | None = None,
        *,
        base_url: str | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int = 2,
        default_headers: Mapping[str, str] | None = None,
        default_query: Mapping[str, Any] | None = None,
        http_client: Any = None,
        retry_ambiguous: bool = True,
        allow_http: bool = False,
    ) -> None:
        """Check the settings; nothing is sent and no connection is made.

        Args:
            api_key: A model access key or a personal access token, or a function that is asked for one before each
                request; by default the first of `inference_do.config.KEY_VARIABLES` that is set.
            base_url: By default `DIGITALOCEAN_INFERENCE_BASE_URL`, else DigitalOcean's. https, or http to this machine.
            timeout: Seconds for each phase of a call, or a `Timeout`.
            max_retries: Requests sent again after the first, at most.
            default_headers: Headers of every request.
            default_query: Query parameters of every request.
            http_client: An `httpx.Client` (for `AsyncClient` an `httpx.AsyncClient`) to use as it is; it is never
                closed here. Of an `httpx.Client` the wait for each read of a reply is fixed when the first one is made,
                to what `first_token` leaves for it; `idle` and `total` are then looked at only between reads.
            retry_ambiguous: Whether to send again when the request was written and no answer came: the API may be
                generating one, which is then billed twice.
            allow_http: Accept a plain http base URL of any host, for a private network.

        Raises:
            ConfigError: A setting cannot be right.
        """
        api_key = hidden(api_key)
        self._config = Config.build(
            api_key,
            base_url=base_url,
            timeout=timeout,
            max_retries=max_retries,
            retry_ambiguous=retry_ambiguous,
            default_headers=default_headers,
            default_query=default_query,
            allow_http=allow_http,
        )
        self._budget = Budget()
        self._open(http_client)

    def _open(self, http_client: Any) -> None:
        """Make the HTTP side; nothing is connected yet."""
        raise NotImplementedError

    def __repr__(self) -> str:
        config = getattr(self, "_config", None)  # a traceback may show a client whose settings were refused
        return f"{type(self).__name__}(base_url={config.base_url!r})" if config else type(self).__name__

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self._config.base_url

    def _call(self, body: Mapping[str, Any], timeout: float | Timeout | None, max_retries: int | None) -> Call:
        config = self._config
        retries = config.max_retries if max_retries is None else check_retries(max_retries)
        return Call(
            timeout=config.timeout if timeout is None else Timeout.of(timeout),
            policy=Policy(max_retries=retries, retry_ambiguous=config.retry_ambiguous),
            budget=self._budget,
            scrub=config.secret.scrub,
            hint=lambda status: None if config.is_agent else explained(status, body),
        )

    def _request(
        self,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        accept: str = "application/json",
        extra_headers: Mapping[str, str] | None = None,
        extra_query: Mapping[str, Any] | None = None,
    ) -> Request:
        config = self._config
        headers = {"accept": accept, "user-agent": config.user_agent}
        headers["accept-encoding"] = "gzip, deflate" if accept == "application/json" else "identity"
        if body is not None:
            headers["content-type"] = "application/json"
        headers.update(config.headers)
        headers.update(check_headers(extra_headers, name="extra_headers"))
        return Request(
            method="GET" if body is None else "POST",
            url=config.base_url + path,
            headers=headers,
            query={**config.query, **check_mapping(extra_query, name="extra_query")},
            content=None if body is None else encode(body),
        )

    def _prepare(self, path: str, body: dict[str, Any], **options: Any) -> tuple[Call, Request]:
        """Part a call's own options from the request's fields."""
        timeout, max_retries = body.pop("timeout", None), body.pop("max_retries", None)
        headers, query = body.pop("extra_headers", None), body.pop("extra_query", None)
        body.update(check_mapping(body.pop("extra_body", None), name="extra_body"))
        request = self._request(path, body, extra_headers=headers, extra_query=query, **options)
        return self._call(body, timeout, max_retries), request

    def _chat(self, model: str, messages: Iterable[Any], params: dict[str, Any]) -> tuple[Call, Request]:
        if params.get("stream") or check_mapping(params.get("extra_body"), name="extra_body").get("stream"):
            message = "chat() waits for the whole answer: use stream()"
            raise ConfigError(message)
        return self._prepare("/chat/completions", self._chat_body(model, messages, params))

    def _chat_body(self, model: str, messages: Iterable[Any], params: dict[str, Any]) -> dict[str, Any]:
        defaults = check_mapping(params.pop("default_params", None), name="default_params")
        body = chat_body(model, messages, params)
        return shaped_for_agent({**defaults, **body}) if self._config.is_agent else shaped(body, defaults)

    def _streamed(
        self, model: str, messages: Iterable[Any], params: dict[str, Any]
    ) -> tuple[Call, Accumulator, Request]:
        body = self._chat_body(model, messages, params)
        if not check_mapping(body.get("extra_body"), name="extra_body").get("stream", True):
            message = "stream() hands the answer over as it is made: use chat()"
            raise ConfigError(message)
        body["stream"] = True
        body.setdefault("stream_options", {"include_usage": True})
        call, request = self._prepare("/chat/completions", body, accept="text/event-stream")
        answers = body.get("n")
        return call, Accumulator(answers if isinstance(answers, int) else 1), request

    def _other(self, path: str, body: Mapping[str, Any] | None, options: dict[str, Any]) -> tuple[Call, Request]:
        if not path.startswith("/"):
            message = f"path must begin with a slash, as in '/rerank', not {path!r}"
            raise ConfigError(message)
        unknown = options.keys() - CALL_OPTIONS
        if unknown:
            message = f"request() takes no {sorted(unknown)[0]!r}: fields of the request belong into body"
            raise ConfigError(message)
        if body is not None:
            return self._prepare(path, {**body, **options})
        query, headers = options.pop("extra_query", None), options.pop("extra_headers", None)
        call = self._call({}, options.get("timeout"), options.get("max_retries"))
        return call, self._request(path, None, extra_headers=headers, extra_query=query)

    def _embed(
        self, model: str, texts: str | Sequence[str], params: dict[str, Any]
    ) -> tuple[Call, Request, Reading[EmbeddingResponse]]:
        inputs = [texts] if isinstance(texts, str) else list(texts) if isinstance(texts, Sequence) else []
        if not inputs or not all(isinstance(text, str) for text in inputs):
            message = "input must be a string or a list of at least one string"
            raise ConfigError(message)
        check_endpoint(model_info(checked_model(model)), EMBEDDINGS_PATH)
        body = {"model": model, "input": texts if isinstance(texts, str) else inputs, **given(params)}
        call, request = self._prepare("/embeddings", body)
        return call, request, lambda data: read_embeddings(data, len(inputs))


class Client(_Core):
    """The API for threads: one client may be used from any number of them.

    As a context manager it closes its connections at the end; so does `close()`. A call after that opens new ones.
    """

    def _open(self, http_client: Any) -> None:
        self._http = SyncHTTP(self._config, http_client)

    def chat(self, *, model: str, messages: Iterable[Any], **params: Any) -> ChatCompletion:
        """Return the model's whole answer.

        Args:
            model: A model's id, `router:NAME`, or what a dedicated endpoint calls its model.
            messages: The whole conversation, at least one message.
            **params: Any field of the API; `max_tokens` is sent as `max_completion_tokens`. Besides: `extra_headers`,
                `extra_query`, `extra_body`, `timeout`, `max_retries` for this call, and `default_params`, fields to
                send unless this call has them or the model is known to refuse them.

        Raises:
            InferenceError: One of its subclasses; see `inference_do.errors`.
        """
        return self._answer(*self._chat(model, messages, params), read_completion)

    def stream(self, *, model: str, messages: Iterable[Any], **params: Any) -> Stream:
        """Return the model's answer as it is made. Nothing is sent until the stream is read.

        Takes what `chat` takes. Usage is asked for unless `stream_options` says otherwise.
        """
        call, accumulator, request = self._streamed(model, messages, params)
        return Stream(call, accumulator, drive(stream_flow(call, accumulator), self._http.exchange(request)))

    def embed(self, *, model: str, input: str | Sequence[str], **params: Any) -> EmbeddingResponse:  # noqa: A002
        """Return a vector for each input, in the order of the inputs."""
        return self._answer(*self._embed(model, input, params))

    def models(self, *, timeout: float | Timeout | None = None, max_retries: int | None = None) -> list[Model]:
        """Return the models that the API lists; the key may not be allowed to call all of them."""
        return self._answer(self._call({}, timeout, max_retries), self._request("/models", None), read_models).data

    def request(self, path: str, body: Mapping[str, Any] | None = None, **options: Any) -> Reply:
        """Call an endpoint that has no method of its own; the reply's fields are attributes of what is returned.

        Args:
            path: What follows the base URL, such as `/rerank`.
            body: A JSON object to POST; None makes it a GET.
            **options: `extra_headers`, `extra_query`, `extra_body`, `timeout`, `max_retries`.
        """
        return self._answer(*self._other(path, body, options), read_object)

    def _answer(self, call: Call, request: Request, read: Reading[R]) -> R:
        driven = drive(call_flow(call, read), self._http.exchange(request))
        try:
            reply: R = next(driven)
        finally:
            driven.close()
        return _with_info(reply, call)

    def close(self) -> None:
        """Close the connections of this process."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncClient(_Core):
    """The API for event loops: one client may be used from any number of them, one after another or at once.

    `asyncio.run` closes the connections of its loop when it ends; `aclose()` and `async with` do so earlier.
    """

    def _open(self, http_client: Any) -> None:
        self._http = AsyncHTTP(self._config, http_client)

    async def chat(self, *, model: str, messages: Iterable[Any], **params: Any) -> ChatCompletion:
        """Return the model's whole answer; see `Client.chat`."""
        return await self._answer(*self._chat(model, messages, params), read_completion)

    def stream(self, *, model: str, messages: Iterable[Any], **params: Any) -> AsyncStream:
        """Return the model's answer as it is made; see `Client.stream`. There is nothing to await until it is read."""
        call, accumulator, request = self._streamed(model, messages, params)
        return AsyncStream(call, accumulator, adrive(stream_flow(call, accumulator), self._http.exchange(request)))

    async def embed(self, *, model: str, input: str | Sequence[str], **params: Any) -> EmbeddingResponse:  # noqa: A002
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

    async def request(self, path: str, body: Mapping[str, Any] | None = None, **options: Any) -> Reply:
        """Call an endpoint that has no method of its own; see `Client.request`."""
        return await self._answer(*self._other(path, body, options), read_object)

    async def _answer(self, call: Call, request: Request, read: Reading[R]) -> R:
        driven = adrive(call_flow(call, read), self._http.exchange(request))
        try:
            reply: R = await anext(driven)
        finally:
            await driven.aclose()
        return _with_info(reply, call)

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


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
        self, call: Call, accumulator: Accumulator, chunks: Generator[ChatCompletionChunk, None, None]
    ) -> None:
        super().__init__(call, accumulator)
        self._chunks = chunks

    def __iter__(self) -> Iterator[ChatCompletionChunk]:
        return self._chunks

    def __next__(self) -> ChatCompletionChunk:
        return next(self._chunks)

    def completion(self) -> ChatCompletion:
        """Read the rest and return the whole answer."""
        for _ in self._chunks:
            pass
        return self._whole()

    def close(self) -> None:
        """Stop: the connection is closed, and the API sees it."""
        self._chunks.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncStream(_Streaming):
    """An answer as it is made, for an event loop."""

    def __init__(self, call: Call, accumulator: Accumulator, chunks: AsyncGenerator[ChatCompletionChunk, None]) -> None:
        super().__init__(call, accumulator)
        self._chunks = chunks

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
        """Stop: the connection is closed, and the API sees it."""
        await self._chunks.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _with_info(reply: R, call: Call) -> R:
    if call.info:
        reply.came_with(call.info)
    return reply
