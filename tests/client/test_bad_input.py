"""Mistakes of the caller are explained, before anything is sent."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from client_kit import ASK, HELLO, make, make_async
from interfaces import CHAT

from inference_do import AsyncClient, Client, ConfigError, Timeout
from inference_do.config import KEY_VARIABLES


class Odd:
    """What no setting is, with a name that is the same in every process."""

    def __repr__(self) -> str:
        return "Odd()"


@pytest.fixture(autouse=True)
def _no_key_in_the_environment(monkeypatch):
    for name in KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)


SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"api_key": None}, "no API key: pass api_key=, or set DIGITALOCEAN_INFERENCE_KEY"),
    ({"api_key": ""}, "the API key is empty"),
    ({"api_key": "sk-1\r\nX-Evil: 1"}, "position 4"),
    ({"api_key": "sk-\u201c1"}, "position 3"),
    ({"api_key": 5}, "must be a string"),
    ({"base_url": "http://inference.do-ai.run/v1"}, "base_url must be https"),
    ({"base_url": "https://user:pw@host/v1"}, "user name or password"),
    ({"base_url": "inference.do-ai.run/v1"}, "must start with https://"),
    ({"base_url": "https://exa mple.com"}, "base_url"),
    ({"max_retries": -1}, "max_retries must be a whole number"),
    ({"max_retries": 1.5}, "max_retries must be a whole number"),
    ({"max_retries": None}, "max_retries must be a whole number"),
    ({"timeout": 0}, "timeout"),
    ({"timeout": float("nan")}, "timeout"),
    ({"timeout": "5"}, "timeout"),
    ({"timeout": httpx.Timeout(5)}, "timeout"),
    ({"default_headers": {"X": "a\nb"}}, "default_headers: the value of 'X'"),
    ({"default_headers": {"Authorization": "Bearer x"}}, "api_key"),
    ({"default_headers": [1]}, "default_headers"),
    ({"default_query": "a=1"}, "default_query"),
    ({"http_client": Odd()}, "HTTP client"),
    ({"http_client": "http://proxy"}, "HTTP client"),
]


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(("settings", "detail"), SETTINGS, ids=[str(row[0])[:40] for row in SETTINGS])
def test_settings(kind, settings, detail):
    with pytest.raises(ConfigError, match=detail) as caught:
        kind(**{"api_key": "sk-1", **settings})
    assert "sk-1" not in str(caught.value)


def test_the_wrong_kind_of_http_client():
    with httpx.Client() as sync, pytest.raises(ConfigError, match=r"must be an? httpx\.AsyncClient"):
        AsyncClient("k", http_client=sync)
    with pytest.raises(ConfigError, match=r"must be an? httpx\.Client"):
        Client("k", http_client=httpx.AsyncClient())


def deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


CALLS: list[tuple[dict[str, Any], str]] = [
    ({"model": ""}, "model must be a model's id"),
    ({"model": " "}, "model must be a model's id"),
    ({"model": None}, "model must be a model's id"),
    ({"model": 5}, "model must be a model's id"),
    ({"messages": []}, "messages must hold at least one message"),
    ({"messages": None}, "messages must be a list"),
    ({"messages": "hello"}, "messages must be a list"),
    ({"messages": {"role": "user"}}, "messages must be a list"),
    ({"messages": 5}, "messages must be a list of messages, not int"),
    ({"messages": ["hello"]}, r"messages\[0\] must be an object with a role, not str"),
    ({"messages": [HELLO[0], {"content": "x"}]}, r"messages\[1\] must be an object with a role"),
    ({"messages": [{"role": 5}]}, r"messages\[0\] must be an object with a role"),
    ({"temperature": float("nan")}, "the request has no JSON form"),
    ({"temperature": float("inf")}, "the request has no JSON form"),
    ({"seed": Odd()}, "the request has no JSON form"),
    ({"stop": deep()}, "the request has no JSON form"),
    ({"max_tokens": 1, "max_completion_tokens": 2}, "max_tokens is another name"),
    ({"timeout": -1}, "timeout"),
    ({"timeout": 1e10}, "timeout"),
    ({"max_retries": -1}, "max_retries"),
    ({"extra_headers": {"authorization": "x"}}, "extra_headers: Authorization"),
    ({"extra_headers": {"X": "\x01"}}, "extra_headers: the value"),
    ({"extra_headers": ["a"]}, "extra_headers"),
    ({"extra_query": "a=1"}, "extra_query"),
    ({"extra_body": [1]}, "extra_body"),
]


@pytest.mark.parametrize(("call", "detail"), CALLS, ids=[str(row[1])[:40] for row in CALLS])
def test_calls(emu, call, detail):
    options = {**ASK, **call}

    async def aask() -> Any:
        return await make_async(emu).chat(**options)

    async def astream() -> Any:
        return await make_async(emu).stream(**options).completion()

    asks: list[Any] = [
        lambda: make(emu).chat(**options),
        lambda: make(emu).stream(**options),
        lambda: asyncio.run(aask()),
        lambda: asyncio.run(astream()),
    ]
    for ask in asks[1:] if isinstance(call.get("messages"), type(iter([]))) else asks:
        with pytest.raises(ConfigError, match=detail):
            ask()
    assert (emu.posts, emu.connections) == (0, 0)


def test_chat_does_not_stream(emu):
    for options in ({"stream": True}, {"extra_body": {"stream": True}}):
        with pytest.raises(ConfigError, match=r"use stream\(\)"):
            make(emu).chat(**ASK, **options)
    assert emu.posts == 0


def test_a_stream_is_refused_when_it_is_asked_for_and_not_when_it_is_read(emu):
    with pytest.raises(ConfigError):
        make(emu).stream(model="", messages=HELLO)
    with pytest.raises(ConfigError):
        make_async(emu).stream(model=CHAT, messages=[])


@pytest.mark.parametrize("key", ["", "a\nb", None, 5])
def test_a_function_that_gives_no_key(emu, key):
    with pytest.raises(ConfigError):
        Client(lambda: key, base_url=emu.base_url).chat(**ASK)
    assert emu.posts == 0


def test_a_function_that_fails_is_heard(emu):
    def no_key() -> str:
        message = "the vault is closed"
        raise PermissionError(message)

    with pytest.raises(Exception, match="the vault is closed"):
        Client(no_key, base_url=emu.base_url).chat(**ASK)
    assert emu.posts == 0


def test_unknown_settings_are_refused():
    for kind in (Client, AsyncClient):
        with pytest.raises(ConfigError, match="'api_kye': did you mean 'api_key'"):
            kind(api_kye="x")


def test_an_unknown_model_is_the_apis_business(emu):
    with pytest.raises(Exception, match="404"):
        make(emu).chat(model="nobody-knows", messages=HELLO)
    assert emu.posts == 1


def test_a_timeout_object_passes(emu):
    assert make(emu, timeout=Timeout(total=30)).chat(**ASK, timeout=Timeout(total=20)).text
