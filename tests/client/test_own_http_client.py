"""A caller's own HTTP client is used as it is and never closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from client_kit import ASK, make, make_async
from interfaces import ANSWER

from inference_do import AsyncClient, Client
from inference_do._protocol.call import Send
from inference_do.emulator import DelayEvents, Redirect, Stall


def test_a_callers_client_is_used_as_it_is_and_never_closed(emu):
    seen: list[str] = []
    with httpx.Client(
        headers={"X-Mine": "1"}, follow_redirects=True, event_hooks={"request": [lambda r: seen.append(r.url.path)]}
    ) as mine:
        with Client(emu.api_key, base_url=emu.base_url, http_client=mine) as client:
            assert client.chat(**ASK).text == ANSWER
            assert client.stream(**ASK).completion().text == ANSWER
        assert not mine.is_closed
        assert client.chat(**ASK).text == ANSWER
    assert seen == ["/v1/chat/completions"] * 3
    assert emu.requests[0].headers["x-mine"] == "1"
    assert emu.connections == 1


async def test_a_callers_async_client_is_used_as_it_is_and_never_closed(emu):
    async with httpx.AsyncClient(headers={"X-Mine": "1"}, follow_redirects=True) as mine:
        async with AsyncClient(emu.api_key, base_url=emu.base_url, http_client=mine) as client:
            assert (await client.chat(**ASK)).text == ANSWER
            assert (await client.stream(**ASK).completion()).text == ANSWER
        assert not mine.is_closed
        assert (await client.chat(**ASK)).text == ANSWER
    assert emu.requests[0].headers["x-mine"] == "1"
    assert emu.connections == 1


def test_a_callers_client_does_not_follow_redirects_for_us(emu):
    emu.script(Redirect(307, emu.base_url + "/chat/completions"))
    with httpx.Client(follow_redirects=True) as mine, pytest.raises(Exception, match=r"a redirect to '127\.0\.0\.1'"):
        Client(emu.api_key, base_url=emu.base_url, http_client=mine).chat(**ASK)
    assert emu.posts == 1


def test_a_callers_client_keeps_our_time(emu):
    async def ask() -> Any:
        async with httpx.AsyncClient(timeout=30) as mine:
            return await AsyncClient(emu.api_key, base_url=emu.base_url, http_client=mine, max_retries=0).chat(
                **ASK, timeout=0.2
            )

    emu.always = Stall(before_head=True)
    with httpx.Client(timeout=30) as mine, pytest.raises(TimeoutError, match="first_token"):
        Client(emu.api_key, base_url=emu.base_url, http_client=mine, max_retries=0).chat(**ASK, timeout=0.2)
    with pytest.raises(TimeoutError, match="first_token"):
        asyncio.run(ask())


def test_a_callers_full_pool_is_named(emu):
    limits = httpx.Limits(max_connections=1)

    async def ask() -> Any:
        async with httpx.AsyncClient(limits=limits) as mine:
            client = AsyncClient(emu.api_key, base_url=emu.base_url, http_client=mine, max_retries=0)
            async with client.stream(**ASK) as stream:
                await anext(stream)
                await client.chat(**ASK, timeout=0.2)

    emu.always = DelayEvents(0.1)
    with httpx.Client(limits=limits) as mine:
        client = Client(emu.api_key, base_url=emu.base_url, http_client=mine, max_retries=0)
        with client.stream(**ASK) as stream:
            next(stream)
            with pytest.raises(TimeoutError, match="'pool'"):
                client.chat(**ASK, timeout=0.2)
    with pytest.raises(TimeoutError, match="'pool'"):
        asyncio.run(ask())


def test_a_callers_closed_client_is_not_tried_again(emu):
    mine = httpx.Client()
    mine.close()
    with pytest.raises(Exception, match="has been closed") as caught:
        Client(emu.api_key, base_url=emu.base_url, http_client=mine).chat(**ASK)
    assert caught.value.attempts == 1


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body in pieces, some of them empty, as another transport may hand it out."""

    parts = (b"", b'{"choices": [{"message": ', b"", b'{"content": "Hi"}}]}', b"")

    def __iter__(self) -> Iterator[bytes]:
        yield from self.parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            yield part


def answer(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, stream=Pieces())


async def test_an_empty_piece_is_not_the_end():
    with httpx.Client(transport=httpx.MockTransport(answer)) as mine:
        assert Client("k", http_client=mine).chat(**ASK).text == "Hi"
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as other:
        assert (await AsyncClient("k", http_client=other).chat(**ASK)).text == "Hi"


async def test_an_async_read_after_the_end_is_empty(emu):
    async with make_async(emu) as client:
        exchange = client._http.exchange(client._request("/models", None))
        await exchange.send(Send(connect=5, pool=5, write=5, read=5))
        while await exchange.read(5.0):
            pass
        assert await exchange.read(0.001) == b""
        await exchange.release()
        await exchange.release()


def test_a_read_after_the_end_is_empty(emu):
    client = make(emu)
    exchange = client._http.exchange(client._request("/models", None))
    exchange.send(Send(connect=5, pool=5, write=5, read=5))
    while exchange.read(5.0):
        pass
    assert exchange.read(0.001) == b""
    exchange.release()
    exchange.release()
    client.close()
