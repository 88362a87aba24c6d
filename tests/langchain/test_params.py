"""What is sent for settings and arguments: the bodies and headers that the emulator saw."""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.exceptions import ModelInvalidRequestError
from langchain_core.messages import HumanMessage
from langchain_core.runnables import ConfigurableField
from pydantic import BaseModel

from inference_do import ConfigError, Timeout
from inference_do.emulator import DelayHead, Emulator, Quirks, Status
from langchain_do import ChatDigitalOcean, DigitalOceanEmbeddings

Make = Callable[..., ChatDigitalOcean]
BARE = {"model", "messages"}
OPENAI = "openai-gpt-4.1"
"""Takes every setting; models of others have no control of their prompt cache."""

SETTINGS: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.9,
    "stop": ["END"],
    "seed": 7,
    "n": 1,
    "logprobs": True,
    "top_logprobs": 2,
    "logit_bias": {"42": -1.0},
    "frequency_penalty": 0.1,
    "presence_penalty": 0.2,
    "reasoning_effort": "low",
    "reasoning": {"effort": "low", "max_tokens": 100},
    "response_format": {"type": "json_object"},
    "user": "u",
    "service_tier": "auto",
    "prompt_cache_retention": "24h",
    "chat_template_kwargs": {"enable_thinking": False},
}


def body(emu: Emulator) -> dict[str, Any]:
    return emu.requests[-1].json


def test_nothing_is_sent_that_was_not_given(emu: Emulator, model: ChatDigitalOcean) -> None:
    model.invoke("hi", temperature=None, stop=None)
    assert set(body(emu)) == BARE


def test_settings_are_sent(emu: Emulator, make: Make) -> None:
    make(**SETTINGS, model=OPENAI, max_tokens=50).invoke("hi")
    assert {key: value for key, value in body(emu).items() if key not in BARE} == {
        **SETTINGS,
        "max_completion_tokens": 50,
    }


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_may_be_given_per_call(emu: Emulator, make: Make, name: str) -> None:
    extra = {"logprobs": True} if name == "top_logprobs" else {}
    make(model=OPENAI).invoke("hi", **{name: SETTINGS[name]}, **extra)
    assert {key: value for key, value in body(emu).items() if key not in BARE} == {name: SETTINGS[name], **extra}


def entries(model: ChatDigitalOcean, given: dict[str, Any]) -> list[Callable[[], Any]]:
    """Every way to ask once."""

    async def astream() -> None:
        async for _ in model.astream("hi", **given):
            pass

    return [
        lambda: model.invoke("hi", **given),
        lambda: list(model.stream("hi", **given)),
        lambda: asyncio.run(model.ainvoke("hi", **given)),
        lambda: asyncio.run(astream()),
        lambda: model.bind(**given).invoke("hi"),
        lambda: list(model.bind(**given).stream("hi")),
        lambda: model.batch(["hi"], **given),
        lambda: asyncio.run(model.abatch(["hi"], **given)),
    ]


@pytest.mark.parametrize("entry", range(8))
def test_the_call_wins_everywhere(emu: Emulator, make: Make, entry: int) -> None:
    model = make(temperature=0.1, max_tokens=10, stop=["A"], extra_body={"top_k": 1, "min_p": 0.5})
    given = {
        "model": "openai-gpt-oss-120b",
        "temperature": 0.9,
        "max_completion_tokens": 99,
        "stop": ["B"],
        "top_k": 2,
        "extra_headers": {"X-Mine": "1"},
        "ls_structured_output_format": {"kwargs": {}, "schema": {"title": "x"}},
    }
    entries(model, given)[entry]()
    sent = {name: value for name, value in body(emu).items() if name not in {"stream", "stream_options", "messages"}}
    assert sent == {
        "model": "openai-gpt-oss-120b",
        "temperature": 0.9,
        "max_completion_tokens": 99,
        "stop": ["B"],
        "top_k": 2,
        "min_p": 0.5,
    }
    assert emu.requests[-1].headers["x-mine"] == "1"
    assert emu.posts == 1


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


def test_alias_per_call_conflict(model: ChatDigitalOcean) -> None:
    with pytest.raises(ConfigError, match="max_completion_tokens and max_tokens"):
        model.invoke("hi", max_tokens=1, max_completion_tokens=2)
    model.invoke("hi", max_tokens=5, max_completion_tokens=5)


def test_unknown_arguments(emu: Emulator, make: Make) -> None:
    with pytest.raises(ConfigError, match=r"'temprature'.*'temperature'"):
        make(temprature=0)
    with pytest.warns(UserWarning, match="top_k"):
        model = make(top_k=5)
    assert model.model_kwargs == {"top_k": 5}
    model.invoke("hi")
    assert body(emu)["top_k"] == 5
    make(model_kwargs={"min_p": 0.1, "temperature": 0.3}).invoke("hi")
    assert (body(emu)["min_p"], body(emu)["temperature"]) == (0.1, 0.3)
    with pytest.raises(ConfigError, match="temperature is given twice"):
        make(temperature=0.1, model_kwargs={"temperature": 0.3})


@pytest.mark.parametrize(
    ("settings", "words"),
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
def test_bad_settings_are_refused_at_construction(make: Make, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
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


def test_headers_and_query(emu: Emulator, make: Make) -> None:
    model = make(default_headers={"X-A": "1"}, default_query={"q": "1"}, model_affinity="conv-1")
    model.invoke("hi", extra_headers={"X-B": "2"}, extra_query={"r": "2"})
    request = emu.requests[-1]
    assert (request.headers["x-a"], request.headers["x-b"], request.headers["x-model-affinity"]) == ("1", "2", "conv-1")
    assert request.query == "q=1&r=2"
    model.invoke("hi", model_affinity="conv-2")
    assert emu.requests[-1].headers["x-model-affinity"] == "conv-2"
    assert set(body(emu)) == BARE


def test_chunk_size_is_checked(emu: Emulator) -> None:
    with pytest.raises(ConfigError, match="chunk_size"):
        DigitalOceanEmbeddings(model="bge-m3", api_key=emu.api_key, base_url=emu.base_url, chunk_size=0)


def test_effort_as_a_word(emu: Emulator, make: Make) -> None:
    make(reasoning="high").invoke("hi")
    assert body(emu)["reasoning"] == {"effort": "high"}


def test_extra_body_goes_as_it_is(emu: Emulator, make: Make) -> None:
    make(extra_body={"chat_template_kwargs": {"enable_thinking": False}, "user": None}).invoke("hi")
    assert body(emu)["chat_template_kwargs"] == {"enable_thinking": False}
    assert body(emu)["user"] is None


def test_response_format_from_a_class(emu: Emulator, model: ChatDigitalOcean) -> None:
    class Answer(BaseModel):
        """An answer."""

        text: str

    model.invoke("say hi", response_format=Answer)
    assert body(emu)["response_format"] == {
        "type": "json_schema",
        "json_schema": {
            "name": "Answer",
            "description": "An answer.",
            "schema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
        },
    }


def test_per_call_timeout_and_retries(emu: Emulator, make: Make) -> None:
    emu.script(DelayHead(0.5))
    with pytest.raises(TimeoutError):
        make(max_retries=0).invoke("hi", timeout=0.1)
    emu.script(Status(503))
    with pytest.raises(Exception, match="503"):
        make().invoke("hi", max_retries=0)
    assert emu.posts == 2


def test_stop_of_the_call(emu: Emulator, make: Make) -> None:
    model = make(stop="A")
    model.invoke("hi")
    assert body(emu)["stop"] == "A"
    model.invoke("hi", stop=[])
    assert "stop" not in body(emu)


def test_configurable_fields(emu: Emulator, make: Make) -> None:
    model = make(temperature=0.1).configurable_fields(temperature=ConfigurableField(id="t"))
    model.with_config(configurable={"t": 0.8}).invoke("hi")
    assert body(emu)["temperature"] == 0.8


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


def test_traced_parameters(make: Make) -> None:
    model = make(temperature=0.5, max_tokens=9, stop="X")
    assert model._get_ls_params() == {
        "ls_provider": "digitalocean",
        "ls_model_type": "chat",
        "ls_model_name": "llama3.3-70b-instruct",
        "ls_temperature": 0.5,
        "ls_max_tokens": 9,
        "ls_stop": ["X"],
    }
    given = model._get_ls_params(stop=["Y"], model="other", temperature=0, max_completion_tokens=3, tools=[{}])
    assert (given["ls_model_name"], given["ls_temperature"], given["ls_max_tokens"]) == ("other", 0, 3)
    assert given["ls_stop"] == ["Y"]
    assert model._llm_type == "digitalocean-chat"
    assert "inference-do" in model.metadata["lc_versions"]
    assert {"langchain-core", "inference-do"} <= set(model.metadata["lc_versions"])


def test_cache_tells_settings_apart(emu: Emulator, make: Make) -> None:
    cache = InMemoryCache()
    for temperature in (0.0, 1.0, 0.0):
        make(temperature=temperature, cache=cache).invoke("hi")
    make(temperature=0.0, cache=cache).invoke("hi", max_tokens=5)
    assert emu.posts == 3


def test_usage_of_a_batch_is_added(emu: Emulator, model: ChatDigitalOcean) -> None:
    result = model.generate([[HumanMessage("a")], [HumanMessage("b")]])
    counted = [generation[0].message.usage_metadata["total_tokens"] for generation in result.generations]
    assert result.llm_output["token_usage"]["total_tokens"] == sum(counted)


def test_several_answers(emu: Emulator, make: Make) -> None:
    result = make(n=3).generate([[HumanMessage("hi")]])
    messages = [generation.message for generation in result.generations[0]]
    assert [message.text for message in messages] == ["You said: hi"] * 3
    assert [message.response_metadata["finish_reason"] for message in messages] == ["stop"] * 3
    assert [bool(message.usage_metadata) for message in messages] == [True, False, False]
    assert len({message.id for message in messages}) == 3


def test_counting_is_offline(make: Make) -> None:
    model = make()
    assert (model.get_num_tokens(""), model.get_num_tokens("abcde"), model.get_num_tokens("水水水水")) == (0, 2, 3)
    assert make(custom_get_token_ids=lambda text: [1] * len(text)).get_num_tokens("abc") == 3
    plain = model.get_num_tokens_from_messages([HumanMessage("hello there")])
    image = HumanMessage([{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 9000}}])
    assert plain > 0
    assert model.get_num_tokens_from_messages([image]) < 200

    def add(a: int) -> int:
        """Add."""
        return a

    assert model.get_num_tokens_from_messages([HumanMessage("hello there")], tools=[add]) > plain


def test_profile(make: Make) -> None:
    profile = make(model="qwen3.8-max").profile
    assert profile["structured_output"] is True
    assert profile["image_inputs"] is True
    assert isinstance(profile["max_input_tokens"], int)
    assert make(model="anthropic-claude-4.5-sonnet").profile["image_inputs"] is False
    assert make(model="nobody/knows-it").profile is None
    assert make(profile={"tool_calling": False}).profile == {"tool_calling": False}


def test_timeout_object(make: Make) -> None:
    timeout = Timeout(first_token=30, idle=5)
    assert make(timeout=timeout).timeout == timeout


def test_embeddings_in_batches(emu: Emulator) -> None:
    model = DigitalOceanEmbeddings(
        model="bge-m3", api_key=emu.api_key, base_url=emu.base_url, chunk_size=2, user="u", max_retries=0
    )
    texts = ["one", "two", "three", "four", "five"]
    vectors = model.embed_documents(texts)
    assert [request.json["input"] for request in emu.requests] == [["one", "two"], ["three", "four"], ["five"]]
    assert emu.requests[0].json["user"] == "u"
    assert vectors == [model.embed_query(text) for text in texts]
    assert asyncio.run(model.aembed_documents(texts)) == vectors
    assert asyncio.run(model.aembed_query("two")) == vectors[1]
    posts = emu.posts
    assert model.embed_documents([]) == []
    assert emu.posts == posts


def test_embeddings_out_of_order(emu: Emulator) -> None:
    model = DigitalOceanEmbeddings(model="bge-m3", api_key=emu.api_key, base_url=emu.base_url)
    ordered = model.embed_documents(["a", "b", "c"])
    emu.quirks = Quirks(shuffle_embeddings=True)
    assert model.embed_documents(["a", "b", "c"]) == ordered


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


def test_headers_can_be_asked_for_in_one_call(emu: Emulator) -> None:
    model = ChatDigitalOcean(model="llama3.3-70b-instruct", api_key=emu.api_key, base_url=emu.base_url)
    assert "headers" not in model.invoke("hi").response_metadata
    assert "x-request-id" in model.invoke("hi", include_response_headers=True).response_metadata["headers"]
    *_, last = model.stream("hi", include_response_headers=True)
    assert "x-request-id" in last.response_metadata["headers"]
