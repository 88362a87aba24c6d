"""The HTTP side of a client for event loops: one `LoopClient` a loop, which keeps aiohttp's connections.

httpx is not used for them: its asynchronous pool loses a place whenever a request is cancelled while it connects
(https://github.com/encode/httpcore/issues/1093), and costs several times as much per streamed event.

A loop's client lives in a suspended asynchronous generator. `asyncio.run` closes the generators of its loop when it
ends, and thereby the client, in the loop where that is possible. What a loop leaves that was closed in another way is
closed when the next loop asks for a client, or the owner is gone.
"""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from ._call import Head, Send, TimedOut
from ._http import FRAMING, Request, built, by_name, closed, decoded, fault, interrupted, timeouts
from .config import Config, check_http_client

if TYPE_CHECKING:
    import aiohttp

    from ._aiohttp import LoopClient

RETIRE_SECONDS = 0.5
PIECE = 64 * 1024
"""Bytes of a request that are written at once."""


class AsyncHTTP:
    """The HTTP side of a client for event loops."""

    def __init__(self, config: Config, client: Any = None) -> None:
        self._config = config
        self._given = check_http_client(client, is_async=True)
        self._lives: dict[asyncio.AbstractEventLoop, AsyncGenerator[LoopClient, None]] = {}
        self._clients: dict[asyncio.AbstractEventLoop, LoopClient] = {}
        weakref.finalize(self, _retire, self._lives).atexit = False
        weakref.finalize(self, _abandon_closed, self._clients)

    @property
    def given(self) -> Any:
        """The caller's own client, if there is one."""
        return self._given

    async def client(self) -> LoopClient:
        """Return the client of the running loop, made on first use."""
        loop = asyncio.get_running_loop()
        if (client := self._clients.get(loop)) is None:
            _abandon_closed(self._clients)
            for other in [other for other in list(self._lives) if other.is_closed()]:
                self._forget(other)
            life = _life(weakref.ref(self), self._config)
            self._lives[loop] = life
            client = self._clients[loop] = await anext(life)
        return client

    def is_open(self, client: Any) -> bool:
        """Tell whether a client that was used is still the one to use."""
        return client is self._given or client is self._clients.get(asyncio.get_running_loop())

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


async def _patiently_sent(sending: Awaitable[Any], command: Send) -> tuple[Any, Callable[[], None] | None]:
    """Wait for a reply's head: so long for the connection, so long for each piece of the body, so long after it.

    Returns:
        The response; and, if it came before the request was written whole, what ends the connection.
    """
    from ._aiohttp import Patience  # noqa: PLC0415  as below

    patience = Patience(command)
    try:
        response = await patience.during(sending)
    except TimeoutError:
        phase = patience.phase
    else:
        return response, patience.abort if patience.phase == "write" else None
    raise TimedOut(phase)


async def _let_go(reply: aiohttp.ClientResponse) -> None:
    """End a reply; its connection goes back if it has been read to its end, and is closed otherwise."""
    reply.release()
    await reply.wait_for_close()


async def _in_pieces(content: bytes) -> AsyncGenerator[bytes, None]:
    """Hand out a large body, whose writing takes its time, so that the time for each piece is known."""
    from ._aiohttp import entered  # noqa: PLC0415  as below

    for start in range(0, len(content), PIECE):
        entered("write")
        yield content[start : start + PIECE]
    entered("first_token")


def _retire(lives: dict[asyncio.AbstractEventLoop, AsyncGenerator[LoopClient, None]]) -> None:
    """Close the clients of an owner that is gone.

    It takes a moment, in which a loop that is just ending closes its client by itself, as part of its end.
    """
    for loop, life in lives.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(loop.call_later, RETIRE_SECONDS, _close_life, loop, life)


def _abandon_closed(clients: dict[asyncio.AbstractEventLoop, LoopClient]) -> None:
    """Close what loops left behind that were closed without their asynchronous generators being shut down."""
    for loop, client in list(clients.items()):
        if loop.is_closed():
            client.abandon()


def _close_life(loop: asyncio.AbstractEventLoop, life: AsyncGenerator[LoopClient, None]) -> None:
    loop.create_task(_ended(life))


async def _ended(life: AsyncGenerator[LoopClient, None]) -> None:
    with suppress(RuntimeError):  # the loop is ending, and is at this very generator
        await life.aclose()


async def _life(owner: weakref.ref[AsyncHTTP], config: Config) -> AsyncGenerator[LoopClient, None]:
    """Hold a loop's client; closing the generator, which the loop does when it shuts down, closes the client."""
    from ._aiohttp import LoopClient  # noqa: PLC0415  aiohttp is imported when the first asynchronous call is made

    client = built(partial(LoopClient, config), config)
    loop = asyncio.get_running_loop()
    try:
        yield client
    finally:
        if (http := owner()) is not None:
            http._forget(loop)  # noqa: SLF001
        try:
            await client.end()
        finally:
            client.abandon()  # what a cancellation left


class LoopExchange:
    """One call's requests in an event loop."""

    __slots__ = (
        "_chunks",
        "_client",
        "_close",
        "_config",
        "_give_up",
        "_http",
        "_is_framed",
        "_is_interrupted",
        "_limits",
        "_place",
        "_request",
        "_timer",
    )

    def __init__(self, http: AsyncHTTP, request: Request, config: Config) -> None:
        self._http, self._request, self._config = http, request, config
        self._close: Callable[[], Awaitable[None]] | None = None  # ends the reply that there is
        self._limits: dict[str, float | None] = {}  # of a caller's own client
        self._chunks: AsyncIterator[bytes] | None = None
        self._place: asyncio.Semaphore | None = None  # among the connections of the loop
        self._timer: asyncio.Timeout | None = None  # of the read that is under way
        self._is_interrupted = False
        self._is_framed = False  # whether the reply tells where it ends
        self._client: Any = None
        self._give_up: Callable[[], None] | None = None  # ends a connection to which not all was written

    def interrupt(self) -> None:
        """End the wait of the task that waits for the reply, from another one."""
        self._is_interrupted = True
        if self._timer is not None:
            with suppress(RuntimeError):  # it is over already
                self._timer.reschedule(0)

    async def send(self, command: Send) -> Head:
        """Send the request and return the reply's head."""
        if self._is_interrupted:
            raise interrupted()
        given = self._http.given
        if self._client is not None and not self._http.is_open(self._client):
            raise closed()
        client = self._client = await self._http.client() if given is None else given
        if given is None:
            await self._take_place(client.places, command.pool)
        sending = self._sending(client, command)
        handled = sys.exception()
        try:
            if given is None:
                reply, self._give_up = await _patiently_sent(sending, command)
            else:
                reply = await sending
        except TimedOut:
            raise
        except Exception as error:  # noqa: BLE001  nothing foreign may pass
            failure = fault(error, handled)
        else:
            return self._begin(reply)
        raise failure

    def _sending(self, client: Any, command: Send) -> Awaitable[Any]:
        """Return what sends the request, to be awaited."""
        if self._http.given is not None:
            self._limits = timeouts(command)
            request = self._request.of(client, self._config, self._limits)
            return client.send(request, stream=True, auth=None, follow_redirects=False)  # type: ignore[no-any-return]
        content = self._request.content
        pieces = _in_pieces(content) if content is not None and len(content) > PIECE else None
        return client.pass_on(self._request.outgoing(self._config), pieces)  # type: ignore[no-any-return]

    async def _take_place(self, places: asyncio.Semaphore, patience: float | None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await places.acquire()
                self._place = places
        if self._place is None:
            raise TimedOut(phase="pool")

    def _begin(self, reply: Any) -> Head:
        if self._http.given is None:
            status, headers, body = reply.status, reply.raw_headers, reply.content.iter_any()
            self._close = partial(_let_go, reply)
        else:
            status, headers, body = reply.status_code, reply.headers.raw, reply.stream
            self._close = reply.aclose
            self._limits["read"] = None  # from here on, each read is timed here
        named = by_name(headers)
        self._is_framed = not FRAMING.isdisjoint(named)
        self._chunks = aiter(body) if "content-encoding" not in named else decoded(headers, body).aiter_bytes()
        return Head(status, named)

    async def read(self, timeout: float | None) -> bytes:  # noqa: ASYNC109  the flow sets it
        """Return more of the reply's body, nothing at its end."""
        if self._chunks is None:
            return b""
        if self._is_interrupted:
            raise interrupted()
        handled = sys.exception()
        self._timer = asyncio.timeout(timeout)
        try:
            async with self._timer:
                async for chunk in self._chunks:
                    if chunk:
                        return chunk
        except Exception as error:  # noqa: BLE001  nothing foreign may pass
            failure = interrupted() if self._is_interrupted else fault(error, handled)
        else:
            if self._is_framed or self._http.is_open(self._client):
                self._chunks = None
                return b""
            failure = interrupted()  # the server has not ended the connection, which alone would end this reply
        raise failure

    async def release(self) -> None:
        """Be done with the reply, if there is one."""
        close, self._close = self._close, None
        place, self._place = self._place, None
        if place is not None:
            place.release()
        if close is not None:
            self._chunks = None
            with suppress(Exception):  # it is closed either way
                await close()
        if self._give_up is not None:
            self._give_up()  # it would wait for ever for a server that reads no more
