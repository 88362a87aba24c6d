"""The requests of one call, sent one after another by an httpx client; what threads and event loops do alike.

A client of ours sends through its own connections, a caller's through whatever it has. Nothing here asks which, but
where the one can do more: its responses look at the limit before each read, and end a wait from another thread.
"""

from __future__ import annotations

import sys
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import lru_cache
from typing import Any, TypeVar

import httpx

from inference_do._protocol.call import Disconnected, Head, KeylessRequest, PreparedRequest, Send, TimedOut
from inference_do.cancellation import enter_scopes
from inference_do.config import Config
from inference_do.errors import ConfigError, InferenceError

from .environment import proxy_of, tls_context
from .faults import cancelled, closed, face_of, failure_of, interrupted, without_frames
from .keyless import keyless_request
from .loop_sockets import LoopNetwork
from .pool import IDLE_SECONDS, Pool, PooledResponse
from .sockets import MAX_CONNECTIONS, Attempt, moment
from .thread_sockets import ThreadNetwork

T = TypeVar("T")

PIECE = 64 * 1024
NO_SCOPE = nullcontext()
LIMITS = httpx.Limits(
    max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS, keepalive_expiry=IDLE_SECONDS
)


class Unpickled:
    """What is of one process: its connections are in no pickle and no copy."""

    def __reduce__(self) -> str:
        message = f"{type(self).__name__} has connections and is never pickled or copied"
        raise TypeError(message)


class Exchange(ABC):
    """The requests of one call. `_perform` and `iterate` are what differs."""

    iterate: Any
    """`iter` or `aiter`."""

    def __init__(self, http: Any, request: PreparedRequest, config: Config) -> None:
        self._http, self._request, self._config = http, request, config
        self._client: Any = None
        self._face: Any = httpx
        self._attempt = Attempt()
        self._limits: dict[str, float | None] = {}  # of the request that is under way
        self._response: Any = None
        self._body: Any = None
        self._pieces: Iterator[bytes] | None = None  # of what is decompressed, or was read by a hook
        self._inflate: Any = None  # of zlib; a text where the body has a coding that was not asked for
        self._is_ours = False  # it is of our connections
        self._interruption: Disconnected | None = None
        enter_scopes(self)

    @abstractmethod
    async def _key(self) -> str:
        """Return the key."""

    @abstractmethod
    async def _perform(self, client: Any, request: Any) -> Any:
        """Return the client's response."""

    def interrupt(self) -> None:
        """End the wait of the thread or task that makes the call, from another one."""
        self._end_wait(interrupted())

    def cancel(self) -> None:
        """End the call with its `CancelScope`, from any thread."""
        self._end_wait(cancelled())

    def client_closed(self, client: Any) -> None:
        """End the call if this client, which was just closed, is the one that makes it."""
        if client is not None and self._client is client:
            self._end_wait(closed())

    def _end_wait(self, reason: Disconnected) -> None:
        self._interruption = self._interruption or reason
        self._attempt.interrupt()

    def _check(self) -> None:
        if self._interruption is not None:
            raise self._interruption

    async def _send(self, client: Any, command: Send) -> Head:
        self._attempt = Attempt(moment(None) if command.deadline is None else command.deadline)
        self._check()  # after that: from here on, who interrupts the call interrupts this attempt
        if client is not self._client and self._client is not None:
            raise closed()  # the client was closed while the call was under way, and this is the next one
        self._client, self._face = client, face_of(client)
        self._limits = {phase: getattr(command, phase) for phase in ("connect", "pool", "write", "read")}
        request, handled = None, sys.exception()
        try:
            if isinstance(self._request, KeylessRequest):
                request = keyless_request(self._face, self._request, self._extensions)
            else:
                traced = {} if command.telemetry is None else command.telemetry.headers()
                url = _url(self._request)
                request = self._build(client, url, traced | {"Authorization": f"Bearer {await self._key()}"})
            try:
                with NO_SCOPE if command.telemetry is None else command.telemetry.scope():
                    response = await self._perform(client, request)
            except self._face.HTTPStatusError as error:  # an event hook's
                response = error.response
            return self._head(response)
        except BaseException as error:
            if request is None and isinstance(error, Exception):
                raise  # it is the key function's own
            failure, request = self._failure(error, handled), None
        try:
            raise failure
        finally:
            del failure  # else the exception and this frame keep each other, and all that came

    def _build(self, client: Any, url: httpx.URL, further: dict[str, str]) -> Any:
        """Return the request as the client makes it, with further headers: the key, and those of telemetry."""
        return client.build_request(
            self._request.method,
            url if self._face is httpx else str(url),
            headers={**self._request.headers, **further},
            content=self._request.content,
            extensions=self._extensions,
        )

    @property
    def _extensions(self) -> dict[str, Any]:
        return {"timeout": self._limits, Attempt.NAME: self._attempt}

    def _head(self, response: Any) -> Head:
        """Take a response, and return what its head says."""
        self._response = response
        named = dict(response.headers.items())
        if response.is_stream_consumed or response.is_closed:
            self._pieces = iter((_content(response, self._face),))  # a hook, an auth flow or a transport has read it
        else:
            self._is_ours = isinstance(response.extensions.get("network_stream"), PooledResponse)
            self._inflate = _inflate_of(named.get("content-encoding", ""))
            self._body = self.iterate(response.stream)
        return Head(response.status_code, named)

    def _decompress(self, data: bytes) -> bytes:
        """Return what a piece of the body decompresses to, or the first part of it."""
        if isinstance(self._inflate, str):
            raise _undecodable(self._inflate)
        self._pieces = _inflated(self._inflate, data)
        return next(self._pieces, b"")

    def _end(self) -> bytes:
        self._check()
        self._body = None
        return b""

    def _failure(self, error: BaseException, handled: BaseException | None) -> BaseException:
        """Return what is to be raised for an exception: as an error of ours, and without frames that have the key."""
        if isinstance(error, Disconnected | TimedOut):
            return error
        if not isinstance(error, Exception) or isinstance(error, InferenceError):
            return without_frames(error, handled)
        if self._interruption is not None:
            return self._interruption
        return failure_of(error, handled, self._face) if self._http.is_current(self._client) else closed()

    def _forget(self) -> Any:
        """Be done with the response; return it, to be closed."""
        response, self._response, self._body, self._pieces = self._response, None, None, None
        if response is None or sys.is_finalizing():
            if (held := self._attempt.response()) is not None:
                held.close()  # Ctrl-C came before httpx handed it over; or httpx would use modules that are gone
            return None
        return response


def _url(request: PreparedRequest) -> httpx.URL:
    """Return where a request goes.

    Raises:
        ConfigError: It cannot be written.
    """
    try:
        return httpx.URL(request.url, params=dict(request.query)) if request.query else _parsed(request.url)
    except (httpx.InvalidURL, UnicodeError) as error:
        reason = type(error).__name__
    message = f"base_url, default_query or extra_query cannot be written as a URL ({reason})"
    raise ConfigError(message)


@lru_cache(maxsize=64)
def _parsed(url: str) -> httpx.URL:
    """Parse a URL: a client has few, and it would take a tenth of a call each time."""
    return httpx.URL(url)


def _content(response: Any, face: Any) -> bytes:
    """Return a body that somebody has read and kept, decompressed.

    Raises:
        httpx.RemoteProtocolError: It was not kept, and it is not that of an error, whose status says enough.
    """
    try:
        return response.content  # type: ignore[no-any-return]
    except face.ResponseNotRead:
        if not httpx.codes.is_success(response.status_code):
            return b""
    message = "its body was read by an event hook or a transport and not kept: use response.read() there"
    raise face.RemoteProtocolError(message)


def _inflate_of(named: str) -> Any:
    """Return what decompresses a body with this `Content-Encoding`; None if it is not compressed.

    A text says why it cannot be: the coding was not asked for, or there are several.
    """
    codings = [coding for item in named.lower().split(",") if (coding := item.strip()) not in {"", "identity"}]
    if not codings:
        return None
    if codings[1:] or codings[0] not in {"gzip", "x-gzip", "deflate"}:
        return f"content-encoding {named[:100]!r} was not asked for"
    return zlib.decompressobj(32 + zlib.MAX_WBITS)  # gzip's frame or zlib's


def _inflated(inflate: Any, data: bytes) -> Iterator[bytes]:
    """Yield what a piece of a body decompresses to, in pieces of 64 KiB: who has enough stops between two.

    httpx decompresses a piece whole, and any number of codings one inside the other: a kilobyte can become gigabytes.

    Raises:
        Disconnected: It is not of this coding.
    """
    while data and not inflate.eof:
        try:
            piece = inflate.decompress(data, PIECE)
        except zlib.error as error:
            raise _undecodable(str(error)) from None
        if piece:
            yield piece
        data = inflate.unconsumed_tail


def _undecodable(reason: str) -> Disconnected:
    return Disconnected(f"the response cannot be decompressed: {reason}", sent=True, malformed=True)


def make_transport(
    make: Callable[..., T], network: ThreadNetwork | LoopNetwork, config: Config
) -> tuple[T, Pool | None]:
    """Return one of httpx's transports, and the connections of ours that it sends through.

    Its class and `handle_request` stay httpx's, so that what patches them (respx, pytest-httpx, VCR.py, OpenTelemetry)
    sees every request. `_pool` is a private name of httpx: where it has another one, httpx's own pool sends, slower.
    A proxy that is reached by TLS is left to it as well.

    Raises:
        ConfigError: The environment names a proxy or certificates that cannot be used.
    """
    try:
        context, proxy = tls_context(config), proxy_of(config)
        transport: Any = make(verify=context or False, proxy=proxy, limits=LIMITS, trust_env=False)
    except (ValueError, OSError, ImportError) as error:
        reason = str(error)
    except httpx.InvalidURL:
        reason = "an address cannot be read as a URL"  # its text may hold a part of the password
    else:
        if not hasattr(transport, "_pool") or (proxy is not None and proxy.url.scheme == "https"):
            return transport, None
        transport._pool = pool = Pool(network, context, proxy)  # noqa: SLF001
        return transport, pool
    where = "ca or the environment" if config.ca else "the environment"
    message = f"the proxy or certificates that {where} names cannot be used: {reason[:300]}"
    raise ConfigError(message)
