"""Keys, addresses and settings under other names than ours (B7, B9, H38)."""

from __future__ import annotations

import asyncio
import pickle
import traceback
from typing import Any

import pytest
from client_kit import ASK, HELLO, VECTORS, caught, make, make_async
from pydantic import SecretStr

from inference_do import AsyncClient, Client, ConfigError, KnowledgeBase, Timeout
from inference_do._slips import check_names
from inference_do.config import KEY_VARIABLES

KEY = "sk-do-v1-SECRETSECRET"
SECRET_NAMES = [
    "openai_api_key",
    "openaiApiKey",
    "model_access_key",
    "api_token",
    "access_token",
    "digitalocean_api_key",
    "gradient_access_token",
    "inference_key",
    "token",
    "password",
    "client_secret",
    "authorization",
]
ADDRESS_NAMES = [
    "api_base",
    "openai_api_base",
    "inference_endpoint",
    "endpoint",
    "api_url",
    "agent_endpoint",
    "baseURL",
]


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*KEY_VARIABLES, "DIGITALOCEAN_INFERENCE_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def frames_of(error: BaseException) -> str:
    """Return the variables of all frames but this file's."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename != __file__]
    return repr([shown(value) for frame in frames for value in frame.f_locals.values()])


def shown(value: Any) -> str:
    try:
        return repr(value)
    except AttributeError:  # it is half made
        return ""


def refused(call: Any) -> str:
    with pytest.raises(ConfigError) as error:
        call()
    assert KEY not in f"{error.value} {error.value!r} {error.value.args} {frames_of(error.value)}"
    return str(error.value)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("name", SECRET_NAMES)
def test_no_constructor_takes_a_key_under_another_name(kind: Any, name: str) -> None:
    assert "api_key=" in refused(lambda: kind(**{name: KEY}))
    assert "api_key=" in refused(lambda: kind("k", **{name: "anything"}))


@pytest.mark.parametrize("name", ["base_url", "ca", "timeout"])
def test_a_key_in_another_place_of_a_constructor(name: str) -> None:
    assert "looks like a key: a key is given as api_key=" in refused(lambda: Client("k", **{name: KEY}))


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("name", ADDRESS_NAMES)
def test_no_constructor_takes_an_address_under_another_name(kind: Any, name: str) -> None:
    assert "base_url=" in refused(lambda: kind("k", **{name: "https://elsewhere.example/v1"}))


CALLS: list[Any] = [
    lambda client, given: client.chat(**ASK, **given),
    lambda client, given: client.stream(**ASK, **given),
    lambda client, given: client.embed(model=VECTORS, input="a", **given),
]


@pytest.mark.parametrize("call", CALLS, ids=["chat", "stream", "embed"])
@pytest.mark.parametrize("name", [*SECRET_NAMES, "api_key"])
def test_no_call_takes_a_key(emu, call: Any, name: str) -> None:
    forms: list[dict[str, Any]] = [
        {name: KEY},
        {"extra_body": {name: KEY}},
        {"extra_body": {"provider": {name: KEY}}},
        {"user": KEY},
        {"user": f"Bearer {KEY}"},
        {"something": [KEY]},
    ]
    for given in forms:
        with make(emu) as client:
            assert "api_key=" in refused(lambda given=given, client=client: call(client, given))
    assert emu.posts == 0


async def test_no_asynchronous_call_takes_a_key(emu) -> None:
    async with make_async(emu) as client:
        for given in ({"openai_api_key": KEY}, {"extra_body": {"token": KEY}}):
            with pytest.raises(ConfigError, match="api_key="):
                await client.chat(**ASK, **given)
    assert emu.posts == 0


def test_the_body_of_any_other_endpoint_takes_no_key_either(emu) -> None:
    with make(emu) as client:
        body = {"model": "m", "note": KEY}
        with pytest.raises(ConfigError, match="the value of 'note' looks like a key"):
            client.request("/rerank", body)
    assert (emu.posts, body["note"]) == (0, KEY)


HARMLESS: dict[str, Any] = {
    "max_tokens": 5,
    "max_completion_tokens": "5",
    "prompt_cache_key": "user-7",
    "thinking_token_budget": 10,
    "stop_token_ids": [1, 2],
    "eos_token": "</s>",
    "skip_special_tokens": True,
    "token": 7,
    "tools": [{"type": "mcp", "authorization": KEY, "server_url": "https://mcp.example"}],
    "metadata": {"access_token": "of the application"},
    "response_format": {"type": "json_schema", "json_schema": {"schema": {"properties": {"password": {}}}}},
    "extra_headers": {"X-Api-Key": KEY},
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_sounds_like_a_secret_is_sent(name: str) -> None:
    given = {name: HARMLESS[name]}
    check_names(given)
    assert given == {name: HARMLESS[name]}


def test_what_is_typed_wrong_in_a_call_is_named(emu) -> None:
    with make(emu) as client:
        assert "did you mean 'temperature'" in refused(lambda: client.chat(**ASK, temprature=0))
        assert "did you mean 'max_tokens'" in refused(lambda: client.stream(**ASK, maxTokens=5))
        assert client.chat(**ASK, extra_body={"top_k": 3}, seed=1).text
        assert client.chat(**ASK, top_k=3).text


FOREIGN = [
    (lambda: Client("k", proxy="http://proxy.example"), "HTTPS_PROXY"),
    (lambda: Client("k", organization="o"), "DigitalOcean has none"),
    (lambda: Client("k", request_timeout=5), "use timeout="),
    (lambda: Client("k", max_retrys=5), "did you mean 'max_retries'"),
    (lambda: Client("k", nonsense=5), "Client has no argument 'nonsense': it takes allow_http, api_key"),
    (lambda: Timeout(read=5), "first_token=, that between two events idle="),
    (lambda: Timeout(conect=5), "did you mean 'connect'"),
    (lambda: Timeout(5), "by name"),
    (lambda: KnowledgeBase("11f0", api_token=KEY), "api_key="),
    (lambda: KnowledgeBase("11f0", api_key="k", endpoint="https://x.example"), "base_url="),
    (lambda: KnowledgeBase("11f0", api_key="k").retrieve("q", access_token=KEY), "api_key="),
]


@pytest.mark.parametrize(("make_it", "says"), FOREIGN)
def test_what_users_of_other_packages_write(make_it: Any, says: str) -> None:
    assert says in refused(make_it)


def test_the_methods_of_other_packages(emu) -> None:
    with make(emu) as client:
        for call in (
            lambda: client.chat.completions.create(**ASK),
            lambda: client.chat.complete("Hello"),
            lambda: client.chat.completions.with_raw_response.create(**ASK),
        ):
            assert "client.chat(model=..., messages=...)" in refused(call)
        assert "client.models()" in refused(client.models.list)
        for name in ("completions", "embeddings", "responses", "images", "beta"):
            assert not hasattr(client, name)
        assert "client.embed(model=..., input=...)" in refused(lambda: client.embeddings.create(input="a"))
        assert not hasattr(client.chat, "nothing_of_the_sort")
        assert client.chat(**ASK)["choices"][0]["message"]["content"] == client.chat(**ASK).text


async def test_a_stream_is_not_awaited(emu) -> None:
    async with make_async(emu) as client:
        with pytest.raises(ConfigError, match="async for"):
            await client.stream(**ASK)
        with pytest.raises(ConfigError, match="async for"):
            list(client.stream(**ASK))
        assert "client.chat(model=..., messages=...)" in refused(lambda: client.chat.completions.create(**ASK))
    with make(emu) as other:
        with pytest.raises(ConfigError, match="AsyncClient"):
            await other.stream(**ASK)
        with pytest.raises(ConfigError, match="AsyncClient"):
            async for _ in other.stream(**ASK):
                pass
    assert emu.posts == 0


@pytest.mark.parametrize("name", ["GRADIENT_INFERENCE_ENDPOINT", "GRADIENT_BASE_URL"])
def test_the_address_of_the_retired_package_is_warned_of(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "https://gateway.example/v1")
    for kind in (Client, AsyncClient):
        with pytest.warns(UserWarning, match=f"{name} .*DIGITALOCEAN_INFERENCE_BASE_URL") as warned:
            kind("k")
        assert [warned[0].filename, len(warned)] == [__file__, 1]
        assert "gateway.example" not in str(warned[0].message)
        kind("k", base_url="https://gateway.example/v1")
    monkeypatch.setenv("DIGITALOCEAN_INFERENCE_BASE_URL", "https://gateway.example/v1")
    assert Client("k").base_url == "https://gateway.example/v1"


def test_the_address_of_openais_key_is_warned_of_with_that_key_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://gateway.example/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    Client("sk-do-v1-of-digitalocean")  # warnings are errors
    Client(KEY, base_url="https://gateway.example/v1")
    with pytest.warns(UserWarning, match="OPENAI_BASE_URL is set") as warned:
        Client(SecretStr(KEY))
    assert KEY not in str(warned[0].message)


def test_the_address_of_knowledge_bases_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIENT_KBASS_ENDPOINT", "gateway.example")
    with pytest.warns(UserWarning, match="GRADIENT_KBASS_ENDPOINT .* https://kbaas") as warned:
        KnowledgeBase("11f0", api_key="k")
    assert (len(warned), warned[0].filename) == (1, __file__)
    KnowledgeBase("11f0", api_key="k", base_url="https://gateway.example/v1")


def test_keys_of_other_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIENT_API_KEY", KEY)
    message = refused(Client)
    assert "DIGITALOCEAN_INFERENCE_KEY" in message
    assert "GRADIENT_API_KEY is set, but not read" in message


def test_a_client_of_another_kind_of_message_still_works(emu) -> None:
    assert caught(lambda: make(emu).chat(model=ASK["model"], messages=HELLO, top_p=0.5)).text


def module_key() -> str:
    return "sk-do-v1-emulator"


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_clients_pickle_without_their_key(emu, monkeypatch: pytest.MonkeyPatch, kind: Any) -> None:
    settings: dict[str, Any] = {"base_url": emu.base_url, "timeout": Timeout(idle=9), "default_headers": {"x-a": "1"}}

    def call(data: bytes) -> str:
        client = pickle.loads(data)
        assert (client.base_url, client._config.timeout.idle) == (emu.base_url, 9)
        answer = client.chat(**ASK) if kind is Client else asyncio.run(client.chat(**ASK))
        assert emu.requests[-1].headers["x-a"] == "1"
        return answer.text

    given = pickle.dumps(kind(emu.api_key, **settings))
    function = pickle.dumps(kind(module_key, **settings))
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", emu.api_key)
    environment = pickle.dumps(kind(**settings))
    for data in (given, function, environment):
        assert emu.api_key.encode() not in data
        assert call(data)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", "sk-do-v1-of-somebody-else")
    assert call(function)
    posts = emu.posts
    with pytest.raises(ConfigError, match="given as api_key= in another one"):
        call(given)
    assert emu.posts == posts
    with pytest.raises(Exception, match="401"):
        call(environment)
    monkeypatch.delenv("DIGITALOCEAN_TOKEN")
    with pytest.raises(ConfigError, match="no API key: pass api_key="):
        call(environment)
    with pytest.raises(ConfigError, match=r"no API key in this process[^(]*$"):
        call(given)


def test_a_short_key_leaves_nothing_in_a_pickle(emu, monkeypatch: pytest.MonkeyPatch) -> None:
    data = pickle.dumps(Client("hunter2", base_url=emu.base_url))
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", "hunter2")
    with pytest.raises(ConfigError, match="no API key in this process"):
        pickle.loads(data).chat(**ASK)


async def test_an_asynchronous_key_function(emu) -> None:
    async def key() -> SecretStr:
        await asyncio.sleep(0)
        return SecretStr(emu.api_key)

    async def broken() -> str:
        return f"{KEY} {KEY}"

    async with AsyncClient(key, base_url=emu.base_url) as client:
        assert (await client.chat(**ASK)).text
        assert (await client.stream(**ASK).completion()).text
        assert await client.models()
    with Client(key, base_url=emu.base_url) as other:
        for call in (lambda: other.chat(**ASK), lambda: other.stream(**ASK).completion()):
            assert "asynchronous calls only: give a plain one" in refused(call)
    async with AsyncClient(broken, base_url=emu.base_url) as client:
        with pytest.raises(ConfigError, match="no key has") as error:
            await client.chat(**ASK)
    assert KEY not in f"{error.value} {frames_of(error.value)}"
