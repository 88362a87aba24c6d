"""The two clients behind one object of a framework: made late, made once, closed together."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import httpx
import pytest
from client_kit import ASK, asoon
from interfaces import ANSWER

from inference_do import AsyncClient, Client, ConfigError
from inference_do.connection import ClientPair

KEY = "sk-do-v1-emulator"


@pytest.fixture
def settings(emu):
    return {"api_key": KEY, "base_url": emu.base_url}


async def test_both_are_made_once_and_closed_together(emu, settings):
    clients = ClientPair(settings)
    await clients.aclose()  # nothing was made, so there is nothing to close
    assert isinstance(clients.sync, Client)
    assert isinstance(clients.asynchronous, AsyncClient)
    assert clients.sync is clients.sync
    assert clients.asynchronous is clients.asynchronous
    assert clients.sync.chat(**ASK).text == (await clients.asynchronous.chat(**ASK)).text == ANSWER
    await clients.aclose()
    assert await asoon(lambda: emu.open_connections == 0)
    clients.close()


def test_threads_that_begin_together_get_one_client(settings):
    clients = ClientPair(settings)
    barrier = threading.Barrier(8)
    made: list[Any] = []

    def work() -> None:
        barrier.wait()
        made.append(clients.sync)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(client) for client in made}) == 1


def test_other_settings_need_other_clients(settings):
    with httpx.Client() as mine:
        clients = ClientPair(settings, http_client=mine)
        assert clients.are_of(dict(settings), mine, None)
        assert not clients.are_of(settings, None, None)
        assert not clients.are_of({**settings, "api_key": "other"}, mine, None)


def test_a_copy_of_the_settings_is_kept(settings):
    given = dict(settings)
    clients = ClientPair(given)
    given["api_key"] = "other"
    assert clients.are_of(settings, None, None)


def test_they_do_not_show_the_key_and_travel_without_it(settings):
    clients = ClientPair(settings)
    assert KEY not in f"{clients} {clients!r}"
    assert KEY.encode() not in pickle.dumps(clients)
    assert copy.deepcopy(clients) is clients
    with pytest.raises(ConfigError, match="never pickled"):
        pickle.loads(pickle.dumps(clients)).sync.models()
