"""What both clients are: settings, and the preparation of calls. Nothing here waits, so nothing here exists twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

from ._apis import ENDPOINTS, asked_api
from ._hooks import INSTALLED
from ._keys import as_secret
from ._other_names import no_attribute
from ._protocol.call import Call, PreparedRequest
from ._protocol.pacing import Traffic
from ._protocol.retry import Policy
from ._slips import check_arguments, check_names
from ._wires import embeddings
from ._wires.bodies import checked_model, encode, given
from ._wires.chat_completions import chat_body
from ._wires.codec import Codec
from ._wires.selection import choose_api, open_wire
from .accumulate import Accumulator
from .config import Config, Key, Timeout, check_headers, check_http_client, check_mapping, check_retries
from .errors import ConfigError
from .limits import RateLimit
from .models import EMBEDDINGS_PATH, model_info
from .params import CALL_OPTIONS, CallOptions, ChatParams, EmbedParams, Messages
from .retries import OnRetry
from .rules import adapt_request, adapt_request_for_agent, check_endpoint, explain_error, warn_empty
from .types import EmbeddingResponse, Reply

R = TypeVar("R", bound=Reply)
H = TypeVar("H")
"""The HTTP client that a client may be given."""
Reading = Callable[[bytes], R]


class Core(Generic[H]):
    """A client without its calls."""

    _is_async = False

    def __init__(
        self,
        api_key: Key | None = None,
        *,
        base_url: str | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int = 2,
        default_headers: Mapping[str, str] | None = None,
        default_query: Mapping[str, Any] | None = None,
        http_client: H | None = None,
        retry_ambiguous: bool = True,
        allow_http: bool = False,
        ca: str | os.PathLike[str] | None = None,
        rate_limit: RateLimit | None = None,
        rate_limit_wait: float | None = 60.0,
        on_retry: OnRetry | None = None,
        **unknown: Any,
    ) -> None:
        """Check the settings; nothing is sent and no connection is made.

        Args:
            api_key: A model access key or a personal access token, or a function that is asked for one before each
                request; by default the first of `inference_do.config.KEY_VARIABLES` that is set.
            base_url: By default `DIGITALOCEAN_INFERENCE_BASE_URL`, else DigitalOcean's. https, or http to this machine.
            timeout: Seconds for each phase of a call, or a `Timeout`.
            max_retries: How many times a failed request is sent again, at most.
            default_headers: Headers of every request.
            default_query: Query parameters of every request.
            http_client: An `httpx.Client` (for `AsyncClient` an `httpx.AsyncClient`), or one of httpx2, to send with;
                see `inference_do.params.HTTPClient`.
            retry_ambiguous: Whether to send a request again that was sent and got no answer. The API may have made
                one, which is then billed twice.
            allow_http: Accept a plain http base URL of any host, for a private network.
            ca: A PEM file, or PEM text, with further authorities to trust, as the private address of a dedicated
                endpoint needs. It does not hold for a client given as `http_client`, which has its own.
            rate_limit: A limit of your own, kept to from the first request on, for all calls of this client together.
            rate_limit_wait: Seconds that one call waits in all until the API's rate limit has room; None: no bound, 0:
                no wait. A call that would wait longer raises `RateLimitError` at once. Such a wait is no retry.
            on_retry: A function that is called with `RetryDetails` before each wait: for a retry, or for the rate
                limit.
            **unknown: Refused, with the right name where it is known.

        Raises:
            ConfigError: A setting cannot be right.
        """
        api_key = as_secret(api_key)
        try:
            check_arguments(type(self), unknown, base_url=base_url, ca=ca, timeout=timeout)
            self._config = Config.build(
                api_key,
                base_url=base_url,
                timeout=timeout,
                max_retries=max_retries,
                retry_ambiguous=retry_ambiguous,
                default_headers=default_headers,
                default_query=default_query,
                allow_http=allow_http,
                ca=ca,
                rate_limit=rate_limit,
                rate_limit_wait=rate_limit_wait,
                on_retry=on_retry,
            )
            self._http_client = check_http_client(http_client, is_async=self._is_async)
        except ConfigError as error:
            failure = error
        else:
            self._traffic = Traffic(self._config.rate_limit)
            return
        base_url = timeout = default_headers = default_query = http_client = ca = None  # one of them may be a key
        max_retries = 0
        unknown.clear()
        raise failure.with_traceback(None)

    def __repr__(self) -> str:
        config = getattr(self, "_config", None)  # a traceback may show a client whose settings were refused
        return f"{type(self).__name__}(base_url={config.base_url!r})" if config else type(self).__name__

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise no_attribute(self, name)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle holds: the settings, without the key and without an HTTP client of the caller's."""
        return {"_config": self._config}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state, _http_client=None, _traffic=Traffic(state["_config"].rate_limit))

    def __copy__(self) -> Self:
        return self  # it is never changed, and any number of threads may share it

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self._config.base_url

    def _call(
        self,
        body: Mapping[str, Any],
        timeout: float | Timeout | None,
        max_retries: int | None,
        path: str = "/models",
        api: str | None = None,
    ) -> Call:
        config = self._config
        telemetry = INSTALLED.telemetry
        if telemetry is None:
            reported = None
        else:
            shown_api = "agent" if api and config.is_agent else api
            reported = telemetry.of_call(path, body, api=shown_api, base_url=config.base_url)
        retries = config.max_retries if max_retries is None else check_retries(max_retries)
        model = name if isinstance(name := body.get("model"), str) else None
        return Call(
            timeout=config.timeout if timeout is None else Timeout.of(timeout),
            policy=Policy(max_retries=retries, retry_ambiguous=config.retry_ambiguous),
            budget=self._traffic.budget,
            pacer=self._traffic.pacer_of(model) if config.rate_limit_wait != 0 and model is not None else None,
            rate_limit_wait=config.rate_limit_wait,
            model=model,
            on_retry=config.on_retry,
            scrub=config.secret.scrub,
            hint=lambda status, text: explain_error(
                status, {} if config.is_agent else body, base_url=config.base_url, path=path, response=text
            ),
            peer=config.peer,
            api=api,
            path=path,
            telemetry=reported,
            on_empty=lambda spent: warn_empty(body, spent),
        )

    def _request(
        self,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        accept: str = "application/json",
        extra_headers: Mapping[str, str] | None = None,
        extra_query: Mapping[str, Any] | None = None,
    ) -> PreparedRequest:
        config = self._config
        headers = {"accept": accept, "user-agent": config.user_agent}
        headers["accept-encoding"] = "gzip, deflate" if accept == "application/json" else "identity"
        if body is not None:
            headers["content-type"] = "application/json"
        headers.update(config.headers)
        headers.update(check_headers(extra_headers, name="extra_headers"))
        return PreparedRequest(
            method="GET" if body is None else "POST",
            url=config.base_url + path,
            headers=headers,
            query={**config.query, **check_mapping(extra_query, name="extra_query")},
            content=None if body is None else encode(body),
        )

    def _prepare(
        self,
        path: str,
        body: dict[str, Any],
        *,
        canonical: Mapping[str, Any] | None = None,
        api: str | None = None,
        **options: Any,
    ) -> tuple[Call, PreparedRequest]:
        """Part a call's own options from the request's fields.

        Args:
            path: What follows the base URL.
            body: The fields as they are sent, with the call's options.
            canonical: The fields in the form of chat completions, where they are sent in another one.
            api: Which API a chat request takes.
            **options: Of `_request`.
        """
        timeout, max_retries = body.pop("timeout", None), body.pop("max_retries", None)
        headers, query = body.pop("extra_headers", None), body.pop("extra_query", None)
        body.update(check_mapping(body.pop("extra_body", None), name="extra_body"))
        request = self._request(path, body, extra_headers=headers, extra_query=query, **options)
        return self._call(canonical or body, timeout, max_retries, path, api), request

    def _chat(self, model: str, messages: Messages, params: ChatParams) -> tuple[Call, PreparedRequest, Codec]:
        if params.get("stream") or check_mapping(params.get("extra_body"), name="extra_body").get("stream"):
            message = "chat() waits for the whole answer: use stream()"
            raise ConfigError(message)
        return self._by_wire(*self._chat_body(model, messages, params))

    def _by_wire(
        self, body: dict[str, Any], api: str, defaults: AbstractSet[str], **options: Any
    ) -> tuple[Call, PreparedRequest, Codec]:
        """Return a chat request in the form of the API that it goes to."""
        wire = open_wire(api, body)
        call, request = self._prepare(wire.path, wire.body(body, defaults), canonical=body, api=api, **options)
        return call, request, wire

    def _chat_body(
        self, model: str, messages: Messages, params: ChatParams
    ) -> tuple[dict[str, Any], str, AbstractSet[str]]:
        """Return a canonical request, the API that it goes to, and the names of fields that no caller asked for."""
        check_names(cast("dict[str, Any]", params))
        defaults = check_mapping(params.pop("default_params", None), name="default_params")
        asked = asked_api(params.pop("api", None), params.pop("use_responses_api", None))
        body = chat_body(model, messages, params)
        if self._config.is_agent:
            if asked not in {"auto", "chat_completions"}:
                message = f"an agent answers on chat completions only: leave out api={asked!r}"
                raise ConfigError(message)
            return adapt_request_for_agent({**given(defaults), **body}), "chat_completions", frozenset()
        api = choose_api(body, asked)
        adapted = adapt_request(body, defaults, path=ENDPOINTS[api])
        return adapted, api, frozenset(adapted.keys() - body.keys())

    def _streamed(
        self, model: str, messages: Messages, params: ChatParams
    ) -> tuple[Call, Accumulator, Codec, PreparedRequest]:
        body, api, defaults = self._chat_body(model, messages, params)
        if not check_mapping(body.get("extra_body"), name="extra_body").get("stream", True):
            message = "stream() hands the answer over as it is made: use chat()"
            raise ConfigError(message)
        body["stream"] = True
        body.setdefault("stream_options", {"include_usage": True})
        call, request, wire = self._by_wire(body, api, defaults, accept="text/event-stream")
        answers = body.get("n")
        return call, Accumulator(answers if isinstance(answers, int) else 1), wire, request

    def _other(self, path: str, body: Mapping[str, Any] | None, options: CallOptions) -> tuple[Call, PreparedRequest]:
        if not path.startswith("/"):
            message = f"path must begin with a slash, as in '/rerank', not {path!r}"
            raise ConfigError(message)
        if unknown := options.keys() - CALL_OPTIONS:
            message = f"request() takes no {min(unknown)!r}: fields of the request belong into body"
            raise ConfigError(message)
        if body is not None:
            check_names(body := {**body, **options}, frozenset(body))
            return self._prepare(path, body)
        query, headers = options.pop("extra_query", None), options.pop("extra_headers", None)
        call = self._call({}, options.get("timeout"), options.get("max_retries"), path)
        return call, self._request(path, None, extra_headers=headers, extra_query=query)

    def _embed(
        self, model: str, texts: str | Sequence[str], params: EmbedParams
    ) -> tuple[Call, PreparedRequest, Reading[EmbeddingResponse]]:
        check_names(cast("dict[str, Any]", params))
        body, count = embeddings.embedding_body(model, texts, params)
        check_endpoint(model_info(checked_model(model)), EMBEDDINGS_PATH)
        call, request = self._prepare(embeddings.PATH, body)
        return call, request, lambda data: embeddings.read_embeddings(data, count)


Core.__init__.__qualname__ = "Client.__init__"  # Python names it where too many arguments are given
