"""Calls wait for the API's rate limits together, over HTTP: threads, event loops and both frameworks."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from langchain_core.load import dumps, loads
from rate_limit_worker import ask_many

from inference_do import (
    AsyncClient,
    Client,
    ConfigError,
    InferenceError,
    QuotaExceededError,
    RateLimit,
    RateLimitError,
    RetryDetails,
    ServerError,
    Timeout,
)
from inference_do.connection import ClientPair
from inference_do.emulator import Emulator, Status
from langchain_do import ChatDigitalOcean, DigitalOceanEmbeddings
from llamaindex_do import DigitalOcean

MODEL = "llama3.3-70b-instruct"
ASK = {"model": MODEL, "messages": [{"role": "user", "content": "Hello."}]}
FULL = RateLimit(requests=10, seconds=0.5)


def used_up(wait: float = 30.0, **values: str) -> Status:
    """Return a refusal in the API's form: the three headers of what is used up, no Retry-After."""
    headers = {"limit": "20", "remaining": "0", "reset": str(time.time() + wait), **values}
    return Status(429, headers={f"x-ratelimit-{part}-requests": value for part, value in headers.items()})


def client_of(emu: Emulator, **settings) -> Client:
    return Client(emu.api_key, base_url=emu.base_url, **settings)


@pytest.fixture
def limited():
    with Emulator(rate_limit=FULL) as emu:
        yield emu


# No row is lost -----------------------------------------------------------------------------------------------------

ROWS = 40


def threads_of_client(emu: Emulator) -> list[str]:
    with client_of(emu) as client, ThreadPoolExecutor(16) as pool:
        return [answer.text for answer in pool.map(lambda _: client.chat(**ASK), range(ROWS))]


def streams_of_client(emu: Emulator) -> list[str]:
    with client_of(emu) as client, ThreadPoolExecutor(16) as pool:
        return [answer.text for answer in pool.map(lambda _: client.stream(**ASK).completion(), range(ROWS))]


def tasks_of_client(emu: Emulator) -> list[str]:
    async def ask() -> list[str]:
        async with AsyncClient(emu.api_key, base_url=emu.base_url) as client:
            answers = await asyncio.gather(*(client.chat(**ASK) for _ in range(ROWS)))
            return [answer.text for answer in answers]

    return asyncio.run(ask())


def langchain_of(emu: Emulator) -> ChatDigitalOcean:
    return ChatDigitalOcean(model=MODEL, api_key=emu.api_key, base_url=emu.base_url)


def batch_of_langchain(emu: Emulator) -> list[str]:
    model = langchain_of(emu)
    answers = [message.text for message in model.batch(["Hello."] * ROWS, config={"max_concurrency": 16})]
    model.close()
    return answers


def abatch_of_langchain(emu: Emulator) -> list[str]:
    return [str(message.text) for message in asyncio.run(langchain_of(emu).abatch(["Hello."] * ROWS))]


def tasks_of_llamaindex(emu: Emulator) -> list[str]:
    async def ask() -> list[str]:
        llm = DigitalOcean(model=MODEL, api_key=emu.api_key, base_url=emu.base_url)
        return [answer.text for answer in await asyncio.gather(*(llm.acomplete("Hello.") for _ in range(ROWS)))]

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "ask",
    [
        threads_of_client,
        streams_of_client,
        tasks_of_client,
        batch_of_langchain,
        abatch_of_langchain,
        tasks_of_llamaindex,
    ],
)
def test_no_row_is_lost_under_a_limit(limited, ask):
    started = time.monotonic()
    answers = ask(limited)
    assert len(answers) == ROWS
    assert all(answers)
    assert time.monotonic() - started >= (ROWS - FULL.requests) / FULL.requests * FULL.seconds - 0.1
    assert limited.posts <= 2 * ROWS  # on a busy machine; the world of tests/unit/test_pacing.py counts exactly


def test_threads_and_tasks_of_one_object_wait_together(emu):
    pair = ClientPair({"api_key": emu.api_key, "base_url": emu.base_url, "rate_limit_wait": 1.0})
    emu.always = used_up()
    with pytest.raises(RateLimitError):
        pair.sync.chat(**ASK)
    posts = emu.posts

    async def ask() -> None:
        with pytest.raises(RateLimitError, match="nothing was sent"):
            await pair.asynchronous.chat(**ASK)

    asyncio.run(ask())
    assert emu.posts == posts
    pair.close()


def test_processes_that_share_a_limit_lose_nothing(limited):
    context = multiprocessing.get_context("spawn")
    answered = context.Queue()
    workers = [
        context.Process(target=ask_many, args=(limited.base_url, limited.api_key, 12, ASK, answered)) for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    assert sum(answered.get(timeout=50) for _ in workers) == 36
    for worker in workers:
        worker.join()


# What a call does ---------------------------------------------------------------------------------------------------


def test_a_refusal_that_says_when_is_no_retry(emu):
    emu.script(*[used_up(0.1)] * 4)
    with client_of(emu, max_retries=1) as client:
        answer = client.chat(**ASK)
        assert answer.text
        assert answer.response_info.attempts == emu.posts
        assert client._traffic.budget.left == 100.0


def test_retries_are_counted_beside_it(emu):
    emu.script(used_up(0.05), Status(503), used_up(0.05), Status(503), Status(503))
    with client_of(emu, max_retries=1) as client, pytest.raises(ServerError) as raised:
        client.chat(**ASK)
    assert raised.value.attempts == emu.posts == 4


def test_no_retries_send_nothing_again(emu):
    emu.always = used_up(0.1)
    with client_of(emu, max_retries=0) as client, pytest.raises(RateLimitError) as raised:
        client.chat(**ASK)
    assert (raised.value.attempts, emu.posts) == (1, 1)


def test_a_wait_that_would_be_too_long_fails_at_once_and_says_what_to_set(emu):
    emu.always = used_up(3000)
    with client_of(emu) as client:
        started = time.monotonic()
        with pytest.raises(
            RateLimitError, match=r"room for another request in [\d.e+]+ s.*rate_limit_wait=60"
        ) as raised:
            client.chat(**ASK)
        assert time.monotonic() - started < 5
        assert raised.value.status == 429
        assert raised.value.retryable
        assert emu.posts == 1
        with pytest.raises(RateLimitError, match=r"is used up.*nothing was sent") as raised:
            client.chat(**ASK)
        assert (raised.value.attempts, emu.posts) == (0, 1)
        assert raised.value.retry_after == pytest.approx(3000, abs=5)


def test_other_models_are_not_held_up(emu):
    emu.script(used_up(3000))
    with client_of(emu) as client:
        with pytest.raises(RateLimitError):
            client.chat(**ASK)
        assert client.chat(model="gemma-4-31B-it", messages=ASK["messages"]).text


def test_the_deadline_is_looked_at_before_the_wait(emu):
    emu.always = used_up(20)
    with client_of(emu, timeout=Timeout(total=2)) as client:
        started = time.monotonic()
        with pytest.raises(RateLimitError, match="total=2"):
            client.chat(**ASK)
        assert time.monotonic() - started < 1.5


def test_zero_does_not_wait(emu):
    emu.always = used_up(0.2)
    with client_of(emu, rate_limit_wait=0) as client, pytest.raises(RateLimitError):
        client.chat(**ASK)
    assert emu.posts == 1


def test_a_spent_balance_is_never_waited_for(emu):
    body = {"error": {"message": "insufficient balance", "type": "billing_error"}}
    emu.always = Status(429, body=body, headers=used_up().headers)
    with client_of(emu) as client, pytest.raises(QuotaExceededError):
        client.chat(**ASK)
    assert emu.posts == 1


def test_embeddings_wait_too(limited):
    model = DigitalOceanEmbeddings(
        model="bge-m3", api_key=limited.api_key, base_url=limited.base_url, chunk_size=1, max_concurrency=8
    )
    assert len(model.embed_documents([f"text {number}" for number in range(25)])) == 25
    model.close()


# Ends of waits ------------------------------------------------------------------------------------------------------


def test_a_wait_is_cancelled_at_once(emu):
    async def ask() -> float:
        async with AsyncClient(emu.api_key, base_url=emu.base_url) as client:
            emu.script(used_up(30))
            task = asyncio.ensure_future(client.chat(**ASK))
            while emu.posts < 1:  # noqa: ASYNC110  another thread counts
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            started = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return time.monotonic() - started

    assert asyncio.run(ask()) < 2


def test_a_wait_in_a_thread_ends_when_the_stream_is_closed(emu):
    emu.script(used_up(30))
    with client_of(emu) as client:
        stream = client.stream(**ASK)
        failures: list[BaseException] = []

        def read() -> None:
            try:
                next(stream)
            except InferenceError as error:
                failures.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        while emu.posts < 1:
            time.sleep(0.01)
        time.sleep(0.1)
        stream.close()
        reader.join(5)
        assert not reader.is_alive()
        assert len(failures) == 1


# What is told -------------------------------------------------------------------------------------------------------


def test_waits_are_logged_and_reported(emu, caplog):
    heard: list[RetryDetails] = []
    emu.script(used_up(0.6), Status(503))
    with caplog.at_level(logging.INFO, "inference_do"), client_of(emu, on_retry=heard.append) as client:
        client.chat(**ASK)
    assert [details.reason for details in heard] == ["rate_limit", "retry"]
    assert [details.attempts for details in heard] == [1, 2]
    assert 0 < heard[0].wait_for < 0.75  # less what the response took to come
    assert heard[1].waited_so_far > 0.1
    assert isinstance(heard[0].caused_by, RateLimitError)
    assert isinstance(heard[1].caused_by, ServerError)
    assert {details.model for details in heard} == {MODEL}
    lines = [record.getMessage() for record in caplog.records if record.name == "inference_do"]
    assert len(lines) == 2
    assert lines[0].startswith("sending when the rate limit has room in 0.")
    assert lines[1].startswith("sending again in 0.")
    assert emu.api_key not in "".join(lines)
    assert "Hello" not in "".join(lines)


# Settings -----------------------------------------------------------------------------------------------------------


def test_an_own_limit_is_kept_to_from_the_first_request_on(emu):
    with client_of(emu, rate_limit=RateLimit(requests=5, seconds=0.5)) as client, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: client.chat(**ASK), range(15)))
    times = [request.time for request in emu.requests]
    assert all(later - earlier > 0.4 for earlier, later in zip(times, times[5:], strict=False))


def test_an_own_limit_is_kept_to_however_long_that_takes_and_for_all_models(emu):
    with client_of(emu, rate_limit=RateLimit(requests=1, seconds=3600)) as client:
        client.chat(**ASK)
        for model in (ASK["model"], "gemma-4-31B-it"):
            with pytest.raises(RateLimitError, match="nothing was sent"):
                client.chat(**{**ASK, "model": model})
    assert emu.posts == 1


@pytest.mark.parametrize(
    ("settings", "detail"),
    [
        ({"rate_limit_wait": -1}, "rate_limit_wait must be a number of seconds from 0 up"),
        ({"rate_limit_wait": "60"}, "rate_limit_wait"),
        ({"rate_limit_wait": float("nan")}, "rate_limit_wait"),
        ({"rate_limit": 20}, "rate_limit must be a RateLimit"),
        ({"rate_limit": "sk-do-secret-secret"}, "rate_limit must be a RateLimit"),
        ({"on_retry": 3}, "on_retry must be a function"),
    ],
)
def test_settings_that_cannot_be_right(settings, detail):
    with pytest.raises(ConfigError, match=detail) as raised:
        Client("key-key-key", **settings)
    assert "secret-secret" not in str(raised.value)


OF_CLIENTS = ["rate_limit_wait", "rate_limit", "on_retry", "retry_ambiguous", "allow_http", "default_headers"]


@pytest.mark.parametrize("name", OF_CLIENTS)
def test_a_setting_of_the_client_is_no_argument_of_a_call(emu, name):
    settings = {"model": MODEL, "api_key": emu.api_key, "base_url": emu.base_url}
    asks = [
        partial(ChatDigitalOcean(**settings).invoke, "Hello."),
        partial(DigitalOcean(**settings).complete, "Hello."),
    ]
    with client_of(emu) as client:
        for ask in (partial(client.chat, **ASK), partial(client.embed, model="bge-m3", input="x"), *asks):
            with pytest.raises(ConfigError, match=f"{name} cannot be given to a call"):
                ask(**{name: {}})
    assert emu.posts == 0


@pytest.mark.parametrize(
    "values",
    [{}, {"requests": 0}, {"requests": 2.5}, {"requests": True}, {"tokens": -1}, {"requests": 1, "seconds": 0}],
)
def test_limits_that_cannot_be_right(values):
    with pytest.raises(ConfigError, match="rate_limit: "):
        RateLimit(**values)


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
def test_settings_travel_with_copies_and_stored_forms(monkeypatch):
    monkeypatch.setenv("DIGITALOCEAN_INFERENCE_KEY", "sk-do-key-of-the-environment")
    limit = RateLimit(requests=7, seconds=3)
    settings = {"rate_limit": limit, "rate_limit_wait": 5.0, "on_retry": lambda _: None}
    client = pickle.loads(pickle.dumps(Client(rate_limit=limit, rate_limit_wait=5.0)))
    assert (client._config.rate_limit, client._config.rate_limit_wait) == (limit, 5.0)
    model = ChatDigitalOcean(model=MODEL, **settings)
    for twin in (
        pickle.loads(pickle.dumps(model)),
        loads(
            dumps(model), allowed_objects=[ChatDigitalOcean], valid_namespaces=["langchain_do"], secrets_from_env=True
        ),
    ):
        assert (twin.rate_limit, twin.rate_limit_wait, twin.on_retry) == (limit, 5.0, None)
    llm = DigitalOcean(model=MODEL, **settings)
    for twin in (
        pickle.loads(pickle.dumps(llm)),
        DigitalOcean.from_dict(llm.to_dict()),
        DigitalOcean.from_json(llm.to_json()),
    ):
        assert (twin.rate_limit, twin.rate_limit_wait, twin.on_retry) == (limit, 5.0, None)
