"""Making a model: names, what is refused before anything is sent, and settings that change later."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from langchain_core.exceptions import ModelInvalidRequestError
from langchain_core.load import dumps

from inference_do import ConfigError, Timeout
from inference_do.emulator import Emulator
from langchain_do import ChatDigitalOcean, DigitalOceanEmbeddings

Make = Callable[..., ChatDigitalOcean]


def body(emu: Emulator) -> dict[str, Any]:
    return emu.requests[-1].json


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ("model_name", "model", "openai-gpt-oss-120b"),
        ("stop_sequences", "stop", ["X"]),
        ("request_timeout", "timeout", 3.0),
        ("max_completion_tokens", "max_tokens", 9),
    ],
)
def test_aliases(emu: Emulator, old: str, new: str, value: Any) -> None:
    settings = {"model": "m", "api_key": emu.api_key, "base_url": emu.base_url}
    if new == "model":
        del settings["model"]
    model = ChatDigitalOcean(**settings, **{old: value})
    assert getattr(model, new) == value
    with pytest.raises(ConfigError, match=old):
        ChatDigitalOcean(**settings, **{old: value, new: "other"})


def test_unknown_arguments(emu: Emulator, make: Make) -> None:
    with pytest.raises(ConfigError, match=r"'temprature'.*'temperature'"):
        make(temprature=0)
    with pytest.warns(UserWarning, match="top_k") as warned:
        model = make(top_k=5)
    assert warned[0].filename.endswith("conftest.py")  # where make() makes it
    with pytest.warns(UserWarning, match="top_k") as warned:
        DigitalOceanEmbeddings(model="bge-m3", api_key="k", base_url=emu.base_url, top_k=5)
    assert warned[0].filename == __file__
    assert model.model_kwargs == {"top_k": 5}
    model.invoke("hi")
    assert body(emu)["top_k"] == 5
    make(model_kwargs={"min_p": 0.1, "temperature": 0.3}).invoke("hi")
    assert (body(emu)["min_p"], body(emu)["temperature"]) == (0.1, 0.3)
    with pytest.raises(ConfigError, match="temperature is given twice"):
        make(temperature=0.1, model_kwargs={"temperature": 0.3})


@pytest.mark.parametrize(
    ("settings", "detail"),
    [
        ({"api_key": "a\nb"}, "API key"),
        ({"api_key": ""}, "empty"),
        ({"base_url": "http://example.com/v1"}, "https"),
        ({"base_url": "https://u:p@example.com"}, "password"),
        ({"max_retries": -1}, "max_retries"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "soon"}, "timeout"),
        ({"default_headers": {"Authorization": "x"}}, "Authorization"),
        ({"temperature": "hot"}, "temperature"),
        ({"model": None}, "model"),
    ],
)
def test_bad_settings_are_refused_at_construction(make: Make, settings: dict[str, Any], detail: str) -> None:
    with pytest.raises(ConfigError, match=detail):
        make(**settings)


def test_positional_and_foreign_values() -> None:
    with pytest.raises(TypeError):
        ChatDigitalOcean("llama3.3-70b-instruct")
    with pytest.raises(ValueError, match="dictionary"):
        ChatDigitalOcean.model_validate(["model"])


def test_no_key_anywhere() -> None:
    with pytest.raises(ConfigError, match="DIGITALOCEAN_INFERENCE_KEY"):
        ChatDigitalOcean(model="m")
    with pytest.raises(ConfigError, match="DIGITALOCEAN_INFERENCE_KEY"):
        DigitalOceanEmbeddings(model="m")


def test_environment_is_read_at_construction(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", "wrong")
    monkeypatch.setenv("MODEL_ACCESS_KEY", emu.api_key)
    monkeypatch.setenv("DIGITALOCEAN_INFERENCE_BASE_URL", emu.base_url)
    model = ChatDigitalOcean(model="llama3.3-70b-instruct")
    for name in ("DIGITALOCEAN_TOKEN", "MODEL_ACCESS_KEY", "DIGITALOCEAN_INFERENCE_BASE_URL"):
        monkeypatch.delenv(name)
    assert model.invoke("hi").text


def test_changed_settings_are_used(emu: Emulator, make: Make) -> None:
    model = make(max_retries=0)
    model.invoke("hi")
    copy = model.model_copy(update={"default_headers": {"X-C": "1"}})
    copy.invoke("hi")
    assert emu.requests[-1].headers["x-c"] == "1"
    model.invoke("hi")
    assert "x-c" not in emu.requests[-1].headers
    with Emulator() as other:
        model.base_url = other.base_url
        model.invoke("hi")
        assert other.posts == 1


def test_own_http_client(emu: Emulator, make: Make) -> None:
    seen: list[str] = []
    with httpx.Client(event_hooks={"request": [lambda request: seen.append(request.url.path)]}) as http:
        make(http_client=http).invoke("hi")
    assert seen == ["/v1/chat/completions"]


async def test_own_async_http_client(emu: Emulator, make: Make) -> None:
    seen: list[str] = []

    async def note(request: httpx.Request) -> None:
        seen.append(request.url.path)

    async with httpx.AsyncClient(event_hooks={"request": [note]}) as http:
        await make(http_async_client=http).ainvoke("hi")
    assert seen == ["/v1/chat/completions"]


def test_connections_are_kept(emu: Emulator, model: ChatDigitalOcean) -> None:
    for _ in range(3):
        model.invoke("hi")
        list(model.stream("hi"))
    assert (emu.posts, emu.connections) == (6, 1)


def test_timeout_object(make: Make) -> None:
    timeout = Timeout(first_token=30, idle=5)
    assert make(timeout=timeout).timeout == timeout


def test_mistakes_at_construction_and_binding_are_errors_of_langchain_too(emu: Emulator) -> None:
    connection = {"api_key": emu.api_key, "base_url": emu.base_url}
    model = ChatDigitalOcean(model="llama3.3-70b-instruct", **connection)
    mistakes = [
        lambda: ChatDigitalOcean(model="m", max_retries=-1, **connection),
        lambda: ChatDigitalOcean(model="m", model_kwargs=3, **connection),
        lambda: model.bind_tools([{"name": "f", "parameters": {}}], tool_choice="nope"),
        lambda: model.with_structured_output(None, method="function_calling"),
        lambda: DigitalOceanEmbeddings(model="gte-large-en-v1.5", **connection).embed_documents("hello"),
    ]
    for mistake in mistakes:
        with pytest.raises(ModelInvalidRequestError):
            mistake()
    assert emu.posts == 0


def test_a_key_function_of_a_vault_is_shared_by_copies(emu: Emulator) -> None:
    class Vault:
        lock = threading.Lock()

        def __init__(self) -> None:
            self.own_lock = threading.Lock()

        def key(self) -> str:
            return emu.api_key

    model = ChatDigitalOcean(model="llama3.3-70b-instruct", api_key=Vault().key, base_url=emu.base_url)
    assert copy.deepcopy(model).invoke("Say hello").text


def test_old_names_inside_model_kwargs_are_todays(emu: Emulator) -> None:
    connection = {"api_key": emu.api_key, "base_url": emu.base_url}
    model = ChatDigitalOcean(
        model="llama3.3-70b-instruct", model_kwargs={"max_completion_tokens": 5, "stop_sequences": ["a"]}, **connection
    )
    model.invoke("hi", max_tokens=7)
    assert emu.requests[-1].json["max_completion_tokens"] == 7
    assert emu.requests[-1].json["stop"] == ["a"]


@pytest.mark.parametrize(
    ("settings", "detail"),
    [
        ({"model": ""}, "model: it is empty"),
        ({"model": " "}, "model: it is empty"),
        ({"timeout": True}, "timeout must be .* not True"),
        ({"timeout": "soon"}, "timeout must be .* not 'soon'"),
        ({"timeout": [1]}, "timeout must be"),
        ({"max_retries": True}, "max_retries: must be a number, not True"),
        ({"temperature": False}, "temperature: must be a number"),
        ({"seed": True}, "seed: must be a number"),
        ({"http_client": "x"}, r"httpx\.Client, not builtins\.str"),
        ({"http_async_client": "x"}, r"httpx\.AsyncClient, not builtins\.str"),
        ({"http_client": httpx.AsyncClient()}, r"httpx\.Client, not httpx\.AsyncClient"),
        ({"http_async_client": httpx.Client()}, r"httpx\.AsyncClient, not httpx\.Client"),
    ],
    ids=lambda value: repr(list(value)) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("cls", [ChatDigitalOcean, DigitalOceanEmbeddings])
def test_what_no_call_could_use_is_refused_at_once(cls: Any, settings: dict[str, Any], detail: str) -> None:
    names = set(cls.model_fields)
    if not set(settings) <= names:
        settings, detail = {"chunk_size": 0}, "chunk_size"
    with pytest.raises(ConfigError, match=detail):
        cls(**{"model": "m", "api_key": "k", "base_url": "http://127.0.0.1:9/v1", **settings})


def test_numbers_in_text_are_read(make: Make) -> None:
    model = make(timeout="30", temperature="0.5", max_retries="1")
    assert (model.timeout, model.temperature, model.max_retries) == (30.0, 0.5, 1)


def test_a_timeout_that_was_serialized_is_read(make: Make) -> None:
    assert make(timeout={"first_token": 30, "idle": 5}).timeout == Timeout(first_token=30, idle=5)


def test_clients_are_no_part_of_a_model(make: Make) -> None:
    model, unused = make(), make()
    model.invoke("hi")
    assert model == unused
    assert repr(model) == repr(unused)
    assert model.model_dump() == unused.model_dump()
    assert dict(model).keys() == dict(unused).keys()
    assert dumps(model) == dumps(unused)
