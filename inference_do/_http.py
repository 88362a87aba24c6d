"""The only module that knows an HTTP library.

It builds clients, sends one request at a time through them, and puts whatever they raise into two words: `Disconnected`
and `TimedOut`. No exception of theirs leaves this module, because theirs hold the request and with it the key.

Threads share one `httpx.Client` (a forked process makes its own). Event loops get one `httpx.AsyncClient` each, over
aiohttp's transport: httpx's own asynchronous pool loses a place whenever a request is cancelled while it connects
(https://github.com/encode/httpcore/issues/1093), and costs several times as much per streamed event. A loop's client
lives in a suspended asynchronous generator, which `asyncio.run` closes with the loop.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import socket
import ssl
import sys
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import httpcore
import httpx

from ._call import Disconnected, Head, Send, TimedOut
from .config import Config
from .errors import ConfigError, Phase

if TYPE_CHECKING:
    from ._aiohttp import LoopClient

C = TypeVar("C")

MAX_CONNECTIONS = 1000
MAX_IDLE_CONNECTIONS = 20  # httpcore looks at every idle connection on every call
IDLE_SECONDS = 60.0
RETIRE_SECONDS = 0.5
SLICE = 4096  # bytes given to the decompressor at once, so that a bomb is noticed before it has gone off


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, the same bytes on every attempt; the Authorization header is added when it is."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, Any]
    content: bytes | None

    def build(self, client: Any, config: Config, timeouts: dict[str, float | None], *, owned: bool) -> Any:
        """Make the HTTP library's request; a caller's own client makes it, so that its library need not be ours."""
        make = httpx.Request if owned else client.build_request
        url = httpx.URL(self.url, params=dict(self.query)) if self.query else self.url
        return make(
            self.method,
            url,
            headers=httpx.Headers({**self.headers, "Authorization": f"Bearer {config.secret.reveal()}"}),
            content=self.content,
            extensions={"timeout": timeouts},
        )


# --- threads ---


class SyncHTTP:
    """The HTTP side of a client for threads."""

    def __init__(self, config: Config, client: Any = None) -> None:
        self._config = config
        self._given = _check_given(client, is_async=False)
        self._clients: dict[int, httpx.Client] = {}  # by process: a fork must not touch its parent's sockets
        weakref.finalize(self, _close_client, self._clients)

    def client(self) -> Any:
        """Return the client of this process, made on first use."""
        if self._given is not None:
            return self._given
        process = os.getpid()
        if (client := self._clients.get(process)) is None:
            made = _built(_Client, self._config.base_url)
            client = self._clients.setdefault(process, made)  # atomic: of two threads, one wins
            if client is not made:
                made.close()
        return client

    def exchange(self, request: Request) -> SyncExchange:
        """Begin a call."""
        return SyncExchange(self, request, self._config, owned=self._given is None)

    def close(self) -> None:
        """Close the client, unless it was given."""
        _close_client(self._clients)


def _close_client(clients: dict[int, httpx.Client]) -> None:
    """Close this process's client; one that came over in a fork is left alone."""
    if (client := clients.pop(os.getpid(), None)) is not None:
        client.close()


class SyncExchange:
    """One call's requests in a thread."""

    __slots__ = ("_chunks", "_config", "_http", "_owned", "_patient", "_request", "_response", "_timeouts")

    def __init__(self, http: SyncHTTP, request: Request, config: Config, *, owned: bool) -> None:
        self._http, self._request, self._config, self._owned = http, request, config, owned
        self._response: Any = None
        self._chunks: Iterator[bytes] | None = None
        self._timeouts: dict[str, float | None] = {}
        self._patient: _PatientStream | None = None

    def send(self, command: Send) -> Head:
        """Send the request and return the reply's head."""
        self._timeouts = _timeouts(command)
        client = self._http.client()
        request = self._request.build(client, self._config, self._timeouts, owned=self._owned)
        handled = sys.exception()
        try:
            response = client.send(request, stream=True, follow_redirects=False)
        except Exception as error:  # noqa: BLE001  nothing foreign may pass
            fault = _fault(error, handled)
        else:
            return self._begin(response)
        raise fault

    def _begin(self, response: Any) -> Head:
        self._response = response
        stream = response.extensions.get("network_stream")
        self._patient = stream if isinstance(stream, _PatientStream) else None
        if "content-encoding" in response.headers:
            response.stream = _Sliced(response.stream)
            self._chunks = response.iter_bytes()
        else:
            self._chunks = iter(response.stream)
        return Head(response.status_code, dict(response.headers))

    def read(self, timeout: float | None) -> bytes:
        """Return more of the reply's body, nothing at its end."""
        if self._chunks is None:
            return b""  # the connection is in the pool again, or another's
        if self._patient is not None:
            self._patient.patience = timeout
        else:
            self._timeouts["read"] = timeout  # another library's stream looks at it once, before its first read
        handled = sys.exception()
        try:
            for chunk in self._chunks:
                if chunk:
                    return chunk
        except Exception as error:  # noqa: BLE001  nothing foreign may pass
            fault = _fault(error, handled)
        else:
            self._chunks = None
            return b""
        raise fault

    def release(self) -> None:
        """Be done with the reply, if there is one."""
        response, self._response = self._response, None
        if response is not None:
            self._chunks = None
            with suppress(Exception):  # it is closed either way
                response.close()


class _Client(httpx.Client):
    """httpx's client whose reads can be given another timeout while a body comes in."""

    def _init_transport(self, *args: Any, **options: Any) -> httpx.BaseTransport:
        return _patiently(super()._init_transport(*args, **options))

    def _init_proxy_transport(self, *args: Any, **options: Any) -> httpx.BaseTransport:
        return _patiently(super()._init_proxy_transport(*args, **options))


def _patiently(transport: httpx.BaseTransport) -> httpx.BaseTransport:
    # httpx has no public way to give its pool a network backend; httpcore's backends themselves are public.
    pool: Any = transport._pool  # type: ignore[attr-defined]  # noqa: SLF001
    pool._network_backend = _PatientBackend(pool._network_backend)  # noqa: SLF001
    return transport


class _PatientBackend(httpcore.NetworkBackend):
    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        return _PatientStream(self._inner.connect_tcp(*args, **options))

    def connect_unix_socket(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        return _PatientStream(self._inner.connect_unix_socket(*args, **options))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _PatientStream(httpcore.NetworkStream):
    """A connection whose next read waits as long as its user says now, not as long as was said with the request."""

    UNSET = -1.0

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner
        self.patience: float | None = self.UNSET

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, timeout if self.patience == self.UNSET else self.patience)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.patience = self.UNSET  # a new request
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        return _PatientStream(self._inner.start_tls(*args, **options))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


# --- event loops ---


class AsyncHTTP:
    """The HTTP side of a client for event loops."""

    def __init__(self, config: Config, client: Any = None) -> None:
        self._config = config
        self._given = _check_given(client, is_async=True)
        self._lives: dict[asyncio.AbstractEventLoop, AsyncGenerator[LoopClient, None]] = {}
        self._clients: dict[asyncio.AbstractEventLoop, LoopClient] = {}
        weakref.finalize(self, _retire, self._lives).atexit = False

    @property
    def given(self) -> Any:
        """The caller's own client, if there is one."""
        return self._given

    async def client(self) -> LoopClient:
        """Return the client of the running loop, made on first use."""
        loop = asyncio.get_running_loop()
        if (client := self._clients.get(loop)) is None:
            for other in [other for other in self._lives if other.is_closed()]:
                self._forget(other)
            life = _life(weakref.ref(self), self._config.base_url)
            self._lives[loop] = life
            client = self._clients[loop] = await anext(life)
        return client

    def _forget(self, loop: asyncio.AbstractEventLoop) -> None:
        self._lives.pop(loop, None)
        self._clients.pop(loop, None)

    def exchange(self, request: Request) -> LoopExchange:
        """Begin a call."""
        return LoopExchange(self, request, self._config)

    async def aclose(self) -> None:
        """Close the running loop's client, unless it was given. Other loops close theirs."""
        if (life := self._lives.get(asyncio.get_running_loop())) is not None:
            await life.aclose()


async def _patiently_sent(sending: Awaitable[Any], command: Send) -> Any:
    """Wait for a reply's head: so long for the connection, so long after it."""
    from ._aiohttp import Patience  # noqa: PLC0415  as below

    patience = Patience(command.connect, command.read)
    try:
        return await patience.during(sending)
    except TimeoutError:
        if patience.is_connected:
            raise
    raise TimedOut(phase="connect")


def _retire(lives: dict[asyncio.AbstractEventLoop, AsyncGenerator[LoopClient, None]]) -> None:
    """Close the clients of an owner that is gone.

    It takes a moment, in which a loop that is just ending closes its client by itself, as part of its end.
    """
    for loop, life in lives.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(loop.call_later, RETIRE_SECONDS, _close_life, loop, life)


def _close_life(loop: asyncio.AbstractEventLoop, life: AsyncGenerator[LoopClient, None]) -> None:
    loop.create_task(life.aclose())


async def _life(owner: weakref.ref[AsyncHTTP], base_url: str) -> AsyncGenerator[LoopClient, None]:
    """Hold a loop's client; closing the generator, which the loop does when it shuts down, closes the client."""
    from ._aiohttp import LoopClient  # noqa: PLC0415  aiohttp is imported when the first asynchronous call is made

    client = _built(LoopClient, base_url)
    loop = asyncio.get_running_loop()
    try:
        yield client
    finally:
        if (http := owner()) is not None:
            http._forget(loop)  # noqa: SLF001
        await client.aclose()


class LoopExchange:
    """One call's requests in an event loop."""

    __slots__ = ("_chunks", "_config", "_http", "_place", "_request", "_response")

    def __init__(self, http: AsyncHTTP, request: Request, config: Config) -> None:
        self._http, self._request, self._config = http, request, config
        self._response: Any = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._place: asyncio.Semaphore | None = None  # among the connections of the loop

    async def send(self, command: Send) -> Head:
        """Send the request and return the reply's head."""
        timeouts = _timeouts(command)
        given = self._http.given
        client = await self._http.client() if given is None else given
        if given is None:
            await self._take_place(client.places, command.pool)
            timeouts = dict.fromkeys(timeouts)  # time is kept here
        request = self._request.build(client, self._config, timeouts, owned=given is None)
        sending = client.send(request, stream=True, follow_redirects=False)
        handled = sys.exception()
        try:
            response = await (sending if given is not None else _patiently_sent(sending, command))
        except TimedOut:
            raise
        except Exception as error:  # noqa: BLE001  nothing foreign may pass
            fault = _fault(error, handled)
        else:
            timeouts["read"] = None  # from here on, each read is timed here
            return self._begin(response)
        raise fault

    async def _take_place(self, places: asyncio.Semaphore, patience: float | None) -> None:
        if places.locked():
            try:
                async with asyncio.timeout(patience):
                    await places.acquire()
            except TimeoutError:
                pass
            else:
                self._place = places
                return
            raise TimedOut(phase="pool")
        await places.acquire()
        self._place = places

    def _begin(self, response: Any) -> Head:
        self._response = response
        if "content-encoding" in response.headers:
            response.stream = _Sliced(response.stream)
            self._chunks = response.aiter_bytes()
        else:
            self._chunks = aiter(response.stream)
        return Head(response.status_code, dict(response.headers))

    async def read(self, timeout: float | None) -> bytes:  # noqa: ASYNC109  the flow sets it
        """Return more of the reply's body, nothing at its end."""
        if self._chunks is None:
            return b""
        handled = sys.exception()
        try:
            async with asyncio.timeout(timeout):
                async for chunk in self._chunks:
                    if chunk:
                        return chunk
        except Exception as error:  # noqa: BLE001  nothing foreign may pass
            fault = _fault(error, handled)
        else:
            self._chunks = None
            return b""
        raise fault

    async def release(self) -> None:
        """Be done with the reply, if there is one."""
        response, self._response = self._response, None
        place, self._place = self._place, None
        if place is not None:
            place.release()
        if response is not None:
            self._chunks = None
            with suppress(Exception):  # it is closed either way
                await response.aclose()


# --- both ---


class _Sliced(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A compressed body in small pieces."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            for start in range(0, len(chunk), SLICE):
                yield chunk[start : start + SLICE]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            for start in range(0, len(chunk), SLICE):
                yield chunk[start : start + SLICE]

    def close(self) -> None:
        self._stream.close()

    async def aclose(self) -> None:
        await self._stream.aclose()


@cache
def _ssl_context() -> ssl.SSLContext:
    return httpx.create_ssl_context()  # reads the certificates of all authorities: once a process, and only when needed


def _verify(base_url: str) -> ssl.SSLContext | bool:
    return _ssl_context() if base_url.startswith("https:") else False


def _built(kind: Callable[..., C], base_url: str) -> C:
    """Make a client of our own.

    Raises:
        ConfigError: The environment names a proxy or certificates that cannot be used.
    """
    limits = httpx.Limits(
        max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_IDLE_CONNECTIONS, keepalive_expiry=IDLE_SECONDS
    )
    try:
        return kind(verify=_verify(base_url), limits=limits, timeout=None)
    except (ValueError, OSError, ImportError, httpx.InvalidURL) as error:
        reason = str(error)
    message = f"the proxy or certificates that the environment names cannot be used: {reason[:300]}"
    raise ConfigError(message)


def _timeouts(command: Send) -> dict[str, float | None]:
    return {"connect": command.connect, "pool": command.pool, "write": command.write, "read": command.read}


PHASES: dict[str, Phase | None] = {
    "ConnectTimeout": "connect",
    "ConnectionTimeoutError": "connect",  # aiohttp's
    "PoolTimeout": "pool",
    "WriteTimeout": "write",
    "ReadTimeout": None,
    "SocketTimeoutError": None,  # aiohttp's
    "TimeoutError": None,
}
"""What timed out, by the exception's name: httpx, httpx2 and aiohttp say the same things in their own classes."""

UNSENT = frozenset({"ConnectError", "ClientConnectorError", "ProxyError", "ClientHttpProxyError"})
PASSING = frozenset({"TransportError", "ClientError", "OSError", "EndOfStream", "ClosedResourceError"})
HOPELESS = frozenset({"SSLCertVerificationError", "LocalProtocolError", "UnsupportedProtocol", "InvalidURL"})


def _fault(error: Exception, handled: BaseException | None) -> Disconnected | TimedOut:
    """Say in our own words what a library raised: the same words, whichever library it was.

    Where aiohttp raised it, its class counts and not the one that httpx-aiohttp made of it, which is often wrong: a
    disconnect becomes a timeout there.
    """
    chain = _chain(error, handled)
    told_by = next((link for link in chain if type(link).__module__.startswith("aiohttp")), error)
    names = [kind.__name__ for kind in type(told_by).__mro__]
    for name in names:
        if name in PHASES:
            return TimedOut(PHASES[name])
    if "DecodingError" in names:
        return Disconnected("the reply's compression is broken", sent=True, hopeless=True, garbled=True)
    if PASSING.isdisjoint(names) or any(type(link).__name__ in HOPELESS for link in chain):
        return Disconnected(
            f"the request cannot be sent: {' '.join(str(error).split())[:300]}", sent=False, hopeless=True
        )
    if UNSENT.isdisjoint(names):
        return Disconnected("the connection to the API broke before the reply was complete", sent=True)
    reason = next((_reason(link) for link in reversed(chain) if isinstance(link, OSError) and link.errno), "")
    return Disconnected(f"no connection to the API{reason}", sent=False)


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return ": the host's name was not found"
    return f": {os.strerror(error.errno or 0)}"


def _chain(error: BaseException, handled: BaseException | None) -> list[BaseException]:
    """Return an exception and what led to it, up to what the caller was already handling when it called us."""
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link is not handled and link not in links:
        links.append(link)
        link = link.__cause__ or link.__context__
    return links


def _check_given(client: Any, *, is_async: bool) -> Any:
    """Return a caller's own client if it is of the right kind."""
    if client is None or (
        hasattr(client, "build_request") and inspect.iscoroutinefunction(getattr(client, "send", None)) is is_async
    ):
        return client
    kind = "httpx.AsyncClient" if is_async else "httpx.Client"
    message = f"the HTTP client given must be an {kind}, not {type(client).__module__}.{type(client).__name__}"
    raise ConfigError(message)
