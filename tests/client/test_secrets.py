"""The key is nowhere but in the Authorization header."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
import socket
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import pytest
from client_kit import ASK, caught, make, make_async

from inference_do import AsyncClient, Client, ConfigError, InferenceError
from inference_do.emulator import Emulator, ErrorEvent, RawBody, Redirect, Reset, Status, Truncate

KEY = "sk-do-v1-SECRETSECRET"
ECHO = f"your key {KEY} is bad"


@pytest.fixture
def emu():
    with Emulator(api_key=KEY) as emulator:
        yield emulator


FAULTS = [
    None,
    Status(400),
    Status(401, {"error": {"message": ECHO, "code": KEY, "type": KEY}}),
    Status(500, ECHO),
    Status(401, headers={"www-authenticate": ECHO, "x-request-id": KEY}),
    Redirect(302, f"https://elsewhere.example/?key={KEY}"),
    RawBody(ECHO.encode()),
    RawBody(f'{{"error": {{"message": "{ECHO}"}}}}'.encode()),
    RawBody(f'{{"error": {{"message": "{ECHO}", "code": 400}}}}'.encode()),
    Reset(before_head=True),
    Truncate(after_events=2),
    ErrorEvent(after_events=2, body={"error": {"message": ECHO, "code": KEY}}),
    ErrorEvent(after_events=2, body=ECHO, event_name="error"),
    ErrorEvent(body={"error": {"message": ECHO, "code": 401}}),
]


def calls(emu: Emulator, fault: Any) -> Any:
    """Yield what each of four calls came to."""

    async def achat() -> Any:
        return await make_async(emu, max_retries=0).chat(**ASK)

    async def astream() -> Any:
        return await make_async(emu, max_retries=0).stream(**ASK).completion()

    asks: list[Any] = [
        lambda: make(emu, max_retries=0).chat(**ASK),
        lambda: make(emu, max_retries=0).stream(**ASK).completion(),
        lambda: asyncio.run(achat()),
        lambda: asyncio.run(astream()),
    ]
    for ask in asks:
        if fault:
            emu.script(fault)
        yield caught(ask)


def everything_of(error: BaseException) -> str:
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None:
        links.append(link)
        link = link.__cause__ or link.__context__
    shown = [f"{link} {link!r} {link.args} {vars(link)}" for link in links]
    return "\n".join([*shown, repr(pickle.dumps(error)), repr(copy.deepcopy(error))])


def locals_of(error: BaseException) -> str:
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault)[:60])
def test_no_response_error_or_log_has_it(emu, fault, caplog):
    caplog.set_level(logging.CRITICAL, logger="inference_do.emulator")
    caplog.set_level(logging.DEBUG)
    for result in calls(emu, fault):
        shown = everything_of(result) if isinstance(result, InferenceError) else f"{result!r} {result.response_info}"
        assert KEY not in shown
        if isinstance(result, InferenceError) and KEY not in str(fault):  # what a server says stands in our frames
            assert KEY not in locals_of(result)
    records = "\n".join(f"{record.getMessage()} {record.args}" for record in caplog.records)
    assert "failed with" in records or "answered" in records
    assert KEY not in records
    assert emu.requests[-1].headers["authorization"] == f"Bearer {KEY}"


def test_no_text_of_a_prompt_is_logged_by_us(emu, caplog):
    caplog.set_level(logging.DEBUG)
    list(calls(emu, None))
    assert [record for record in caplog.records if record.name == "inference_do"]
    assert "Say hello" not in caplog.text


def test_clients_and_streams_do_not_show_it(emu):
    client, other = make(emu), make_async(emu)
    stream = client.stream(**ASK)
    next(stream)
    parts = [client, other, client._config, client._http, stream, stream._call, client._request("/x", {"a": 1})]
    assert KEY not in "".join(f"{part} {part!r}" for part in parts)
    stream.close()
    for part in parts[:3]:
        assert KEY.encode() not in pickle.dumps(part)
        assert KEY not in repr(copy.deepcopy(part))
    with pytest.raises(TypeError):
        pickle.dumps(client._http)


def test_the_traceback_of_a_mistake_does_not_show_it():
    for bad in (f"{KEY}\r\nX-Evil: 1", f"{KEY}\u201d", f" {KEY} {KEY}"):
        for kind in (Client, AsyncClient):
            with pytest.raises(ValueError, match="position") as caught_:
                kind(bad)
            assert (
                KEY not in f"{caught_.value!r} {caught_.value.args} {vars(caught_.value)} {caught_.value.__context__}"
            )


def test_a_missing_server_does_not_show_it():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    error = caught(lambda: Client(KEY, base_url=f"http://127.0.0.1:{port}/v1", max_retries=0).chat(**ASK))
    assert KEY not in everything_of(error)


def test_proxies_are_used_and_their_passwords_masked(monkeypatch):
    def refuse(server: socket.socket) -> None:
        for _ in range(2):
            connection, _address = server.accept()
            with connection:
                seen.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")

    async def ask() -> Any:
        async with AsyncClient(KEY, max_retries=0) as client:
            return await client.chat(**ASK)

    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://joe:hunter2@127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setenv("NO_PROXY", "")
        thread = threading.Thread(target=refuse, args=(server,), daemon=True)
        thread.start()
        with Client(KEY, max_retries=0) as client:
            errors = [caught(lambda: client.chat(**ASK)), caught(lambda: asyncio.run(ask()))]
        thread.join(5)
    assert [type(error).__name__ for error in errors] == ["APIConnectionError"] * 2
    assert errors[0].message == errors[1].message
    assert errors[0].message.startswith("no connection to the API")
    assert len(seen) == 2
    assert all(request.startswith(b"CONNECT inference.do-ai.run:443") for request in seen)
    for error in errors:
        assert "hunter2" not in everything_of(error)
    assert KEY.encode() not in b"".join(seen)


def ours_of(error: BaseException) -> str:
    """Return the local variables of our frames in a traceback, as a debugger would show them."""
    steps = traceback.walk_tb(error.__traceback__)
    frames = [frame for frame, _ in steps if "inference_do" in Path(frame.f_code.co_filename).parts]
    assert len(frames) > 2
    return repr([frame.f_locals for frame in frames])


@pytest.fixture
def deaf(monkeypatch):
    """A server, or a proxy, that takes connections and reads nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("HTTP_PROXY", address)
        monkeypatch.setenv("HTTPS_PROXY", address)
        yield address


DESTINATIONS = ["", "http://api.test", "https://api.test"]
"""The deaf server itself, and others through it."""
SIZES = {"small": 1, "large": 8_000_000}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("to", DESTINATIONS, ids=["direct", "proxy", "tunnel"])
async def test_the_traceback_of_a_cancelled_call_does_not_show_it(deaf, to, size):
    large = {**ASK, "messages": [{"role": "user", "content": "x" * SIZES[size]}]}
    async with AsyncClient(KEY, base_url=to or deaf, allow_http=True) as client:
        call = asyncio.create_task(client.chat(**large))
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await call
    assert KEY not in ours_of(cancelled.value)


@pytest.mark.parametrize("step", ["send", "recv"])
@pytest.mark.parametrize("to", DESTINATIONS, ids=["direct", "proxy", "tunnel"])
def test_the_traceback_of_a_call_that_ctrl_c_ends_does_not_show_it(deaf, to, step):
    """It comes where a thread waits: in the socket."""

    def press(_: object, event: str, called: Any) -> None:
        if event == "c_call" and called.__name__ == step and isinstance(called.__self__, socket.socket):
            sys.setprofile(None)
            raise KeyboardInterrupt

    with Client(KEY, base_url=to or deaf, allow_http=True) as client, pytest.raises(KeyboardInterrupt) as interrupted:
        sys.setprofile(press)
        client.chat(**ASK)
    assert KEY not in ours_of(interrupted.value)


async def test_the_traceback_of_a_url_that_cannot_be_written_does_not_show_it():
    unwritable = {**ASK, "extra_query": {"q": "x" * 70_000}}
    with Client(KEY) as client, pytest.raises(ConfigError, match="cannot be written as a URL") as refused:
        client.chat(**unwritable)
    assert KEY not in ours_of(refused.value)
    async with AsyncClient(KEY) as other:
        with pytest.raises(ConfigError, match="cannot be written as a URL") as refused:
            await other.chat(**unwritable)
    assert KEY not in ours_of(refused.value)
