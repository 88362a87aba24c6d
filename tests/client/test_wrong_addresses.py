"""What is said where the address is wrong, or something stands before the API (H36)."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from client_kit import ASK, VECTORS, caught

from inference_do import (
    APIConnectionError,
    APITimeoutError,
    AsyncClient,
    Client,
    NotFoundError,
    PermissionDeniedError,
    Timeout,
)
from inference_do.emulator import Emulator, Reset, Status

CLOUDFLARE = "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head></html>"
SQUID = "<html><head><title>ERROR: The requested URL could not be retrieved</title></head></html>"
KEY = "sk-do-v1-emulator"


def failures(url: str, **options: Any) -> list[Any]:
    """Return how a call fails in a thread, in a loop, whole and streamed."""
    ask = {**ASK, **options.pop("ask", {})}

    async def achat() -> Any:
        async with AsyncClient(KEY, base_url=url, max_retries=0, **options) as client:
            return await client.chat(**ask)

    with Client(KEY, base_url=url, max_retries=0, **options) as client:
        return [
            caught(lambda: client.chat(**ask)),
            caught(lambda: client.stream(**ask).completion()),
            caught(lambda: asyncio.run(achat())),
        ]


@pytest.mark.parametrize(
    ("end", "says"),
    [
        ("", "base_url has no /v1, as most servers do: give '{root}/v1'"),
        ("/openai", "base_url has no /v1, as most servers do: give '{root}/openai/v1'"),
        ("/v1/chat/completions", "base_url ends in /chat/completions, which is added to it: give '{root}/v1'"),
        ("/v1/embeddings", "base_url ends in /embeddings, which is added to it: give '{root}/v1'"),
        ("/chat/completions", "base_url ends in /chat/completions, which is added to it: give '{root}/v1'"),
        ("/v2", "the server has nothing there"),
    ],
)
def test_a_404_of_a_path_names_the_url_and_its_fault(emu: Emulator, end: str, says: str) -> None:
    root = emu.base_url.removesuffix("/v1")
    for error in failures(f"{root}{end}"):
        assert isinstance(error, NotFoundError)
        assert f"{root}{end}/chat/completions was asked: {says.format(root=root)}" in str(error)
        assert "closest" not in str(error)
    with Client(KEY, base_url=f"{root}{end}", max_retries=0) as client:
        assert f"{root}{end}/models was asked" in str(caught(client.models))
        assert f"{root}{end}/embeddings was asked" in str(caught(lambda: client.embed(model=VECTORS, input="a")))


@pytest.mark.parametrize("body", ["<html><title>404 Not Found</title></html>", '{"detail":"Not Found"}', ""])
def test_a_404_of_any_server_names_the_url(emu: Emulator, body: str) -> None:
    emu.always = Status(404, body)
    for error in failures(emu.base_url):
        assert f"{emu.base_url}/chat/completions was asked" in str(error)
        assert "closest" not in str(error)


def test_a_404_of_a_model_suggests_others_and_never_itself(emu: Emulator) -> None:
    for error in failures(emu.base_url, ask={"model": "llama3.3-70b-instrukt"}):
        assert "there is no model 'llama3.3-70b-instrukt' for this key; closest: llama3.3-70b-instruct" in str(error)
    emu.always = Status(404, {"error": {"message": "model not found"}})
    for error in failures(emu.base_url):
        assert "closest" not in str(error)
        assert str(error).count(ASK["model"]) == 1


@pytest.mark.parametrize("page", [CLOUDFLARE, SQUID, "error code: 1020"])
def test_a_403_of_something_else_is_no_matter_of_tiers(emu: Emulator, page: str) -> None:
    emu.always = Status(403, page)
    for error in failures(emu.base_url, ask={"model": "openai-gpt-4o"}):
        assert isinstance(error, PermissionDeniedError)
        assert f"a proxy or firewall refused {emu.base_url}/chat/completions, and not the API" in str(error)
        assert "tier" not in str(error)
    emu.always = Status(403, {"error": {"message": "forbidden", "type": "forbidden_error"}})
    for error in failures(emu.base_url, ask={"model": "openai-gpt-4o"}):
        assert "locked on the lowest tier" in str(error)


def test_errors_of_connections_name_host_and_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for error in failures(f"http://127.0.0.1:{port}/v1"):
        assert isinstance(error, APIConnectionError)
        assert str(error) == f"no connection to the API: Connection refused (at 127.0.0.1:{port})"
        assert error.peer == f"127.0.0.1:{port}"
    for error in failures("http://nowhere.invalid/v1", allow_http=True):
        assert str(error) == "no connection to the API: the host's name was not found (at nowhere.invalid:80)"


def test_a_connection_that_takes_too_long_names_them_too() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        host, port = server.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for other in waiting:
            other.setblocking(False)
            other.connect_ex((host, port))
        for error in failures(f"http://127.0.0.1:{port}/v1", timeout=Timeout(connect=0.2)):
            assert isinstance(error, APITimeoutError)
            assert str(error).endswith(f"(timeout phase 'connect') (at 127.0.0.1:{port})")
        for other in waiting:
            other.close()


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://inference.do-ai.run", "https://inference.do-ai.run/v1"),
        ("https://inference.do-ai.run/", "https://inference.do-ai.run/v1"),
        ("https://inference.do-ai.run:443", "https://inference.do-ai.run:443/v1"),
        ("https://INFERENCE.do-ai.run", "https://INFERENCE.do-ai.run/v1"),
        ("https://x-public-dedicated-inference.do-infra.ai", "https://x-public-dedicated-inference.do-infra.ai/v1"),
        ("https://abc.agents.do-ai.run", "https://abc.agents.do-ai.run/api/v1"),
        ("https://inference.do-ai.run/v1", "https://inference.do-ai.run/v1"),
        ("https://gateway.example", "https://gateway.example"),
        ("https://inference.do-ai.run.example", "https://inference.do-ai.run.example"),
    ],
)
def test_known_hosts_have_their_path(given: str, used: str) -> None:
    assert Client("k", base_url=given).base_url == used


def test_a_connection_that_breaks_names_them_as_well(emu: Emulator) -> None:
    emu.always = Reset(before_head=True)
    for error in failures(emu.base_url):
        assert str(error).endswith(f" (at {emu.base_url.split('/')[2]})")
