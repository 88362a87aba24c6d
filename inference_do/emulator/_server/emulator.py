"""The emulator: one thread, one event loop, and what a test can set and count.

1. `start()` runs a loop in a daemon thread and waits until it listens.
2. A connection hands each complete request to `received()`: it is recorded, the API answers it, the next element of
   the fault script is folded in, and the connection performs the resulting steps.
3. `stop()` drops every connection, ends the loop and joins the thread.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self, Unpack

from inference_do.emulator._faults.delivery import Delivery, apply, hides_answer
from inference_do.emulator._faults.steps import Step, steps
from inference_do.emulator._model.model import PretendModel, PromptForm
from inference_do.emulator.faults import Fault, checked
from inference_do.emulator.quirks import Quirks
from inference_do.emulator.replies import ReplyFields, all_scripted, reply
from inference_do.limits import RateLimit, check_rate_limit

from .api import Api
from .batches.endpoint import SECONDS, BatchJobs
from .connection import ServerConnection
from .knowledge import bases_of
from .models import ServedModels
from .pages import Pages
from .playground.endpoint import Playground
from .rate_limits import RateLimits
from .scripts import Replies

if TYPE_CHECKING:
    from types import TracebackType

    from inference_do.emulator._http import ServerResponse

    from .records import Disconnect, Request

__all__ = ["Emulator"]

BACKLOG = 4096
UNRECORDED = -1
"""Index of a request that is not recorded."""
KEPT_BYTES = 512 * 1024 * 1024
"""Bytes of bodies that `requests` remembers."""


class Emulator:
    """An offline inference server on a loopback port, for tests.

    Use it as a context manager, sync or async; `start()` and `stop()` do the same by hand.

    Args:
        host: A loopback address; anything else is refused.
        port: 0 takes a free one.
        api_key: The key it accepts; `None` accepts any non-empty bearer token.
        api_keys: Further keys it accepts.
        models: Ids to serve besides the known ones; they behave as a plain chat model with every capability.
        locked_models: Ids that are listed but answer 403, as models above the account's tier do.
        faults: The fault script, one element a request: a fault, a list of them, or `None`.
        always: The element for requests that the script does not cover.
        replies: Scripted answers: each a `reply()`, a text, a message dict, or a list of raw chunk dicts; or a pair of
            what the request's last message has in it (`When`) and one of these.
        strict: Whether a chat request is refused with 400 when no scripted answer is for it, and kept in `unexpected`.
        quirks: Habits to copy.
        head_delay: Seconds before each response's first byte; short for the quirk.
        event_delay: Seconds before each event; short for the quirk.
        faults_on_get: Whether GET requests take elements of the script too.
        allow_unknown_fields: Whether chat requests may have fields that no documentation names.
        knowledge: Knowledge bases by id, each a list of texts, or of dicts with `text_content` and `metadata`. They
            are retrieved from at `/v1/{id}/retrieve`, and the agent knows all of them.
        prompt_forms: Rules for prompts that ask for the answer in a form of their own, such as a framework's text
            protocols. Each is called with the request and with a function that answers requests by the general rules
            (`ask(request).text`, `.calls`), and returns the answer's text, or `None` for a prompt that is not its own.
            The first that returns a text wins; they come after tool calls and `response_format`.
        ssl_context: Serve https with it, as a dedicated endpoint with a certificate of its own does.
        keep_requests: How many of the latest requests `requests` remembers; of large ones fewer, see `KEPT_BYTES`.
        cors: Origins whose pages in a browser may use it, such as `"http://localhost:3000"`; `"*"` allows all. Without
            it no page of another origin can.
        rate_limit: Requests, and tokens, that each key has for each model: what goes beyond it is answered with 429, as
            the API does. Without it responses report limits that nobody reaches.
        hosts: Names that it answers to besides those of this machine, `*.test` and DigitalOcean's own.
        clock: By which batches go on: a function that returns Unix seconds, such as a `Clock` that a test moves.
        batch_seconds: What a batch takes by this clock: a quarter to be validated, two to be answered, one to be
            written. Above 86,400 it expires before it is done.
        keys_without_batches: Keys that are taken for everything but batches.
        playground: Whether there is a page at `/` to try it with, and its control API at `/_playground/`.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | None = "sk-do-v1-emulator",
        api_keys: Iterable[str] = (),
        models: Iterable[str] = (),
        locked_models: Iterable[str] = (),
        faults: Iterable[Fault | Sequence[Fault] | None] = (),
        always: Fault | Sequence[Fault] | None = None,
        replies: Iterable[Any] = (),
        strict: bool = False,
        quirks: Quirks | None = None,
        head_delay: float | None = None,
        event_delay: float | None = None,
        faults_on_get: bool = False,
        allow_unknown_fields: bool = False,
        knowledge: Mapping[str, Sequence[Any]] | None = None,
        prompt_forms: Iterable[PromptForm] = (),
        ssl_context: ssl.SSLContext | None = None,
        keep_requests: int = 10_000,
        cors: str | Iterable[str] = (),
        rate_limit: RateLimit | None = None,
        hosts: str | Iterable[str] = (),
        clock: Callable[[], float] = time.time,
        batch_seconds: float = SECONDS,
        keys_without_batches: Iterable[str] = (),
        playground: bool = False,
    ) -> None:
        self._host = _loopback(host)
        self._port = port
        self.api_key = api_key or "any-key"
        delays = {"head_delay": head_delay, "event_delay": event_delay}
        given = {name: seconds for name, seconds in delays.items() if seconds is not None}
        self.quirks = replace(quirks or Quirks(), **given)  # type: ignore[arg-type]  # both are seconds
        [self.always] = checked([always])
        self.faults: deque[Fault | Sequence[Fault] | None] = deque(checked(faults))
        self.replies = Replies(*all_scripted(replies), strict=strict)
        self.respond: Callable[[Request], ServerResponse | None] | None = None
        """Answers instead of the API, where it returns something; for recordings."""
        self.agent_key = "agent-emulator-key"
        self._faults_on_get = faults_on_get
        without, scheme = frozenset(keys_without_batches), "http" if ssl_context is None else "https"
        self._api = Api(
            keys=None if api_key is None else frozenset({api_key, *api_keys, *without}),
            batches=BatchJobs(
                clock=clock,
                seconds=batch_seconds,
                scheme=scheme,
                keys_without=without,
            ),
            models=ServedModels(frozenset(models), frozenset(locked_models)),
            model=PretendModel(tuple(prompt_forms)),
            allow_unknown_fields=allow_unknown_fields,
            agent_key=self.agent_key,
            knowledge=bases_of(knowledge or {}),
            limits=RateLimits(enforced=check_rate_limit(rate_limit), now=clock),
        )
        self._tls = ssl_context
        self._pages = Pages.of(cors, hosts, scheme if playground else None)
        self._kept_bytes = 0
        self._requests: deque[Request] = deque()
        self._keep = keep_requests
        self._disconnects: deque[Disconnect] = deque(maxlen=max(1, keep_requests))
        self._served = self._posts = self._accepted = 0
        self._open: set[ServerConnection] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopping: asyncio.Event | None = None
        keys = frozenset({self.api_key, self.agent_key, *api_keys, *without})
        self._playground = Playground(self, self._api.limits, keys) if playground else None

    # What a test reads -----------------------------------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        """Where it listens, with `/v1`."""
        return f"{self._origin}/v1"

    @property
    def agent_url(self) -> str:
        """The base of the agent's API, which takes `agent_key`, and `agent=true` as its query."""
        return f"{self._origin}/api/v1"

    @property
    def page_url(self) -> str:
        """Where the playground's page is, if there is one."""
        return f"{self._origin}/"

    @property
    def control_plane_url(self) -> str:
        """The base of what there is of the control plane: its catalogue of models."""
        return f"{self._origin}/v2"

    @property
    def _origin(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http{'' if self._tls is None else 's'}://{host}:{self._port}"

    @property
    def is_secure(self) -> bool:
        """Whether it serves https."""
        return self._tls is not None

    @property
    def requests(self) -> list[Request]:
        """Every request that arrived in full, oldest first."""
        return list(self._requests)

    @property
    def disconnects(self) -> list[Disconnect]:
        """Every client that went away before its response was complete; of many the latest, as with requests."""
        return list(self._disconnects)

    @property
    def posts(self) -> int:
        """How many POSTs arrived in full."""
        return self._posts

    @property
    def connections(self) -> int:
        """How many TCP connections were accepted."""
        return self._accepted

    @property
    def open_connections(self) -> int:
        """How many of them are open now."""
        return len(self._open)

    @property
    def unexpected(self) -> list[str]:
        """Why `strict` refused requests, one text for each."""
        return list(self.replies.unexpected)

    # What a test sets ------------------------------------------------------------------------------------------------

    def script(self, *elements: Fault | Sequence[Fault] | None) -> None:
        """Append to the fault script: one element a request, `None` to answer normally, a list to combine."""
        self.faults.extend(checked(elements))

    def reply(self, text: Any = None, **fields: Unpack[ReplyFields]) -> None:
        """Append a scripted answer, given instead of the model's; `inference_do.emulator.reply()` describes the fields.

        Each chat request that is valid takes the first one that is for it; then the model answers again by itself. A
        request that fails before anything of an answer is sent, such as by `Status(503)`, takes none.
        """
        self.replies.append(reply(text, **fields))

    def reset(self) -> None:
        """Forget script, scripted answers, records, counters, caches and sessions; connections stay open."""
        self._api.forget()
        self.faults.clear()
        self.replies.clear()
        self.replies.unexpected.clear()
        self.always = None
        self._requests.clear()
        self._kept_bytes = 0
        self._disconnects.clear()
        if self._playground is not None:
            self._playground.journal.clear()
        self._served = self._posts = self._accepted = 0

    # Lifespan --------------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Listen; returns once a client can connect."""
        if self._thread is not None:
            msg = "this emulator is already running; stop() it first, or make another one"
            raise ValueError(msg)
        ready: _Ready = _Ready()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="inference-emulator", daemon=True)
        self._thread.start()
        ready.event.wait()
        if ready.error is not None:
            self._thread.join()
            self._thread = None
            raise ready.error
        return self

    def stop(self) -> None:
        """Drop every connection and join the thread; stopping twice is harmless."""
        thread, loop, stopping = self._thread, self._loop, self._stopping
        if thread is None or loop is None or stopping is None:
            return
        loop.call_soon_threadsafe(stopping.set)
        thread.join()
        self._thread = self._loop = self._stopping = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _run(self, ready: _Ready) -> None:
        asyncio.run(self._listen(ready))

    async def _listen(self, ready: _Ready) -> None:
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                partial(ServerConnection, self), self._host, self._port, backlog=BACKLOG, ssl=self._tls
            )
        except (OSError, OverflowError) as error:
            ready.error = error
            ready.event.set()
            return
        self._port = server.sockets[0].getsockname()[1]
        self._loop, self._stopping = loop, asyncio.Event()
        ready.event.set()
        await self._stopping.wait()
        server.close()
        while self._open:
            for connection in list(self._open):
                connection.abort()
            await asyncio.sleep(0)

    # What a connection calls, in the loop's thread -------------------------------------------------------------------

    def opened(self, connection: ServerConnection) -> int:
        """Count a new connection."""
        self._open.add(connection)
        self._accepted += 1
        return self._accepted

    def closed(self, connection: ServerConnection) -> None:
        """Forget a connection."""
        self._open.discard(connection)

    def left(self, disconnect: Disconnect) -> None:
        """Record a client that left early."""
        if disconnect.request == UNRECORDED:
            return
        self._disconnects.append(disconnect)
        if self._playground is not None:
            self._playground.journal.left(disconnect.request)

    def knows(self, headers: Mapping[str, str], path: str) -> bool:
        """Return whether a request has a key that is taken."""
        return not (self._playground and self._playground.owns(path)) and self._api.knows(headers, path)

    def received(self, request: Request) -> tuple[int, Iterator[Step]]:
        """Record a request and decide what happens to it; what the playground's page asks for is not recorded."""
        page = self._playground
        if page is not None and page.owns(request.path):
            return UNRECORDED, page.answer(request, self._pages.host_refusal(request))
        index = self._served
        self._served += 1
        self._record(request)
        element: Fault | Sequence[Fault] | None = None
        guarded = self._pages.answer(request)
        if guarded is None and (request.method in {"POST", "PUT"} or self._faults_on_get):
            element = self.faults.popleft() if self.faults else self.always
        self._posts += request.method == "POST"
        instead = self.respond(request) if self.respond and guarded is None else None
        faults = () if element is None else tuple(element) if isinstance(element, Sequence) else (element,)
        replies = Replies() if hides_answer(faults) else self.replies
        response = guarded or instead or self._api.answer(request, self.quirks, replies)
        delivery = Delivery(head_delay=self.quirks.head_delay, piece_delay=self.quirks.event_delay)
        response, delivery = apply(response, delivery, faults)
        response = self._pages.marked(response, request)
        close = request.headers.get("connection", "").lower() == "close"
        script = steps(response, delivery, close=close, bodiless=request.method == "HEAD")
        if page is not None:
            script = page.journal.follow(index, request, response, [type(fault).__name__ for fault in faults], script)
        return index, script

    def _record(self, request: Request) -> None:
        self._requests.append(request)
        self._kept_bytes += len(request.body)
        while self._requests and (len(self._requests) > self._keep or self._kept_bytes > KEPT_BYTES):
            self._kept_bytes -= len(self._requests.popleft().body)


class _Ready:
    """How the loop's thread reports to the starting thread that it listens, or why it does not."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.error: OSError | OverflowError | None = None


def _loopback(host: str) -> str:
    address = "127.0.0.1" if host == "localhost" else host
    try:
        is_loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        msg = f"the emulator serves this machine only: host must be a loopback address, not {host!r}"
        raise ValueError(msg)
    return address
