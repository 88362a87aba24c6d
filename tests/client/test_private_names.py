"""No private name of another library is needed, but for those that are named here; without them all still works."""

from __future__ import annotations

import ast
import asyncio
import gc
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from client_kit import ASK, asoon, make, make_async, soon
from client_modes import EVERY_CALL
from interfaces import ANSWER

from inference_do import APIConnectionError, APITimeoutError, AsyncClient, NotFoundError
from inference_do._transport import loop_sockets
from inference_do.emulator import Emulator, Reset, Stall, Status

TRANSPORT = Path(loop_sockets.__file__).parent


# --- which they are ---

DEBTS = {
    "_pool": "httpx: where one of its transports keeps its connections",
    "_call_connection_lost": "asyncio: how a transport ends whose loop is closed",
    "_ssl_protocol": "asyncio: what stands between the two transports of TLS",
    "_transport": "asyncio: the lower one of them",
}
"""The private names of others, and what each is for."""

PRIVATE = re.compile(r"_[^_]")
LOOKUPS = frozenset({"getattr", "hasattr", "setattr", "delattr", "attrgetter", "methodcaller"})
OURS = frozenset({"self", "cls", "super"})


def private_names(source: str) -> set[str]:
    """Return the private names that code looks up in anything but `self` and `cls`, or imports from elsewhere."""
    return {name for node in ast.walk(ast.parse(source)) for name in looked_up(node) if PRIVATE.match(name)}


def looked_up(node: ast.AST) -> list[str]:
    match node:
        case ast.Attribute(value=ast.Name(id=name) | ast.Call(func=ast.Name(id=name))) if name in OURS:
            return []
        case ast.Attribute(attr=name):
            return [name]
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args) if name in LOOKUPS:
            return [part.value for part in args if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        case ast.Import(names=names):
            return [part for alias in names for part in alias.name.split(".")]
        case ast.ImportFrom(module=str(module), names=names, level=0) if not module.startswith("inference_do"):
            return [*module.split("."), *(alias.name for alias in names)]
        case _:
            return []


def test_only_these_private_names_of_others_are_used():
    used = {name for file in TRANSPORT.rglob("*.py") for name in private_names(file.read_text())}
    assert used == set(DEBTS)


@pytest.mark.parametrize(
    "source",
    [
        "pool._owed",
        "self.pool._owed",
        "self._pool._owed",
        "self._made()._owed",
        "pool._owed = 1",
        "getattr(pool, '_owed', None)",
        "setattr(self.pool, '_owed', 1)",
        "operator.attrgetter('_owed')(pool)",
        "import httpx._owed",
        "from httpx._owed import thing",
        "from httpx import _owed",
    ],
)
def test_a_new_private_name_would_be_found(source):
    assert private_names(source) == {"_owed"}


@pytest.mark.parametrize(
    "source",
    [
        "self._mine",
        "cls._mine",
        "super()._mine",
        "pool.open",
        "pool.__class__",
        "from .pool import _mine",
        "from inference_do._protocol.call import X",
    ],
)
def test_names_of_our_own_are_no_debt(source):
    assert private_names(source) == set()


# --- httpx's `_pool` ---


@pytest.fixture
def renamed_pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let httpx's transports keep their connections under another name, as a later version may.

    Those that were made before have the old name; none that is made now is left to be closed by it.
    """
    for kind, ends in ((httpx.HTTPTransport, "close"), (httpx.AsyncHTTPTransport, "aclose")):
        send = "handle_request" if kind is httpx.HTTPTransport else "handle_async_request"
        monkeypatch.setattr(kind, "__init__", made_with_another_name(kind.__init__))
        for name in (send, ends):
            monkeypatch.setattr(kind, name, using_another_name(getattr(kind, name)))
    yield
    gc.collect()


def made_with_another_name(make_it: Callable[..., None]) -> Callable[..., None]:
    def make_transport(transport: Any, *args: Any, **options: Any) -> None:
        make_it(transport, *args, **options)
        transport.connections = vars(transport).pop("_pool")

    return make_transport


def using_another_name(method: Callable[..., Any]) -> Callable[..., Any]:
    def use(transport: Any, *args: Any) -> Any:
        if "connections" not in vars(transport):
            return method(transport, *args)
        return method(SimpleNamespace(_pool=transport.connections), *args)

    return use


@pytest.mark.usefixtures("renamed_pool")
@EVERY_CALL
def test_without_its_pool_s_name_httpx_sends_with_its_own(emu, ask):
    assert ask(emu).text == ANSWER
    assert emu.posts == 1


@pytest.mark.usefixtures("renamed_pool")
def test_the_connections_are_then_httpx_s_and_are_used_again(emu):
    with make(emu) as client:
        assert client.chat(**ASK).text == ANSWER
        assert client.stream(**ASK).completion().text == ANSWER
        transport = client._http.client()._transport
        assert not hasattr(transport, "_pool")
        assert len(transport.connections.connections) == 1
    assert (emu.posts, emu.connections) == (2, 1)
    assert soon(lambda: emu.open_connections == 0)


@pytest.mark.usefixtures("renamed_pool")
async def test_the_connections_of_a_loop_are_then_httpx_s_and_are_used_again(emu):
    async with make_async(emu) as client:
        assert (await client.chat(**ASK)).text == ANSWER
        assert (await client.stream(**ASK).completion()).text == ANSWER
        transport = (await client._http.client())._transport
        assert not hasattr(transport, "_pool")
        assert len(transport.connections.connections) == 1
    assert (emu.posts, emu.connections) == (2, 1)
    assert await asoon(lambda: emu.open_connections == 0)


@pytest.mark.usefixtures("renamed_pool")
@EVERY_CALL
def test_without_that_name_a_call_is_tried_again(emu, ask):
    emu.script(Status(503), Reset(before_head=True))
    answer = ask(emu)
    assert (answer.text, answer.response_info.attempts) == (ANSWER, 3)


@pytest.mark.usefixtures("renamed_pool")
@EVERY_CALL
def test_without_that_name_errors_are_the_same(emu, ask):
    emu.script(Status(404, {"error": {"message": "there is no such thing"}}))
    error = ask(emu)
    assert type(error) is NotFoundError
    assert "there is no such thing" in error.message


@pytest.mark.usefixtures("renamed_pool")
@EVERY_CALL
def test_without_that_name_a_silent_server_is_not_waited_for(emu, ask):
    emu.always = Stall(before_head=True)
    error = ask(emu, {"timeout": 0.2, "max_retries": 0})
    assert type(error) is APITimeoutError
    assert error.phase == "first_token"


@pytest.mark.usefixtures("renamed_pool")
@EVERY_CALL
def test_without_that_name_a_server_that_is_not_there_is_named(emu, ask):
    emu.stop()
    error = ask(emu, {"max_retries": 0})
    assert type(error) is APIConnectionError
    assert error.message.startswith("no connection to the API: Connection refused")


@pytest.mark.usefixtures("renamed_pool")
def test_without_that_name_a_closed_stream_ends_its_connection(emu):
    with make(emu) as client:
        with client.stream(**ASK) as answer:
            next(answer)
        assert soon(lambda: emu.open_connections == 0)
        assert client.chat(**ASK).text == ANSWER


@pytest.mark.usefixtures("renamed_pool")
async def test_without_that_name_a_closed_stream_of_a_loop_ends_its_connection(emu):
    async with make_async(emu) as client:
        async with client.stream(**ASK) as answer:
            await anext(answer)
        assert await asoon(lambda: emu.open_connections == 0)
        assert (await client.chat(**ASK)).text == ANSWER


# --- asyncio's names ---


class WithoutPrivateNames:
    """A transport of asyncio's as a later version may have it, or another kind of loop."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.transport, name)


@pytest.fixture
def abandoned(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Count the transports that are abandoned, each of which has no private names."""
    gc.collect()  # what other tests left is not counted
    counted: list[Any] = []
    force_close = loop_sockets.force_close

    def look(transport: Any) -> None:
        counted.append(type(transport).__name__)
        force_close(WithoutPrivateNames(transport))

    monkeypatch.setattr(loop_sockets, "force_close", look)
    return counted


@pytest.fixture(params=["http", "https"])
def client(request: pytest.FixtureRequest) -> Iterator[tuple[AsyncClient, Emulator]]:
    if request.param == "http":
        served: Emulator = request.getfixturevalue("emu")
        yield make_async(served), served
    else:
        served = request.getfixturevalue("private")
        yield make_async(served, ca=request.getfixturevalue("certificate")[0]), served


def call_in_a_loop_that_is_only_closed(client: AsyncClient) -> None:
    """Leave a connection in a loop that is closed without `shutdown_asyncgens`."""
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(client.chat(**ASK)).text == ANSWER
    loop.close()


def test_what_a_closed_loop_left_is_closed_by_the_next_call(client):
    asks, served = client
    call_in_a_loop_that_is_only_closed(asks)

    async def ask() -> None:
        assert (await asks.chat(**ASK)).text == ANSWER
        assert await asoon(lambda: served.open_connections == 1)

    assert served.open_connections == 1
    asyncio.run(ask())
    assert served.connections == 2
    gc.collect()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_without_asyncio_s_names_the_next_call_in_another_loop_is_answered(client, abandoned):
    asks, served = client
    call_in_a_loop_that_is_only_closed(asks)
    assert asyncio.run(asks.chat(**ASK)).text == ANSWER
    assert len(abandoned) == 1
    assert served.connections == 2
    gc.collect()


def test_without_asyncio_s_names_the_garbage_collector_closes_the_connection(client, abandoned):
    asks, served = client
    with warnings.catch_warnings(record=True) as reported:
        warnings.simplefilter("always")
        call_in_a_loop_that_is_only_closed(asks)
        asyncio.run(asks.chat(**ASK))
        gc.collect()
    assert len(abandoned) == 1
    assert soon(lambda: served.open_connections == 0)
    assert {warning.category for warning in reported} == {ResourceWarning}


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_without_asyncio_s_names_many_loops_may_be_left_one_after_another(emu, abandoned):
    client = make_async(emu)
    for _ in range(5):
        call_in_a_loop_that_is_only_closed(client)
    assert asyncio.run(client.stream(**ASK).completion()).text == ANSWER
    gc.collect()
    assert len(abandoned) == 5
    assert soon(lambda: emu.open_connections == 0)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_without_asyncio_s_names_a_client_may_be_dropped_after_its_loop(emu, abandoned):
    client = make_async(emu)
    call_in_a_loop_that_is_only_closed(client)
    del client
    gc.collect()
    assert len(abandoned) == 1
    assert soon(lambda: emu.open_connections == 0)
