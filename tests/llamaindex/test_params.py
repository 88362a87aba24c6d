"""Parameters: settings, additional arguments and a call's own come together in one way for all eight methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from pydantic import BaseModel

from inference_do import ConfigError, Timeout
from inference_do.emulator import Stall, Status
from inference_do.errors import APITimeoutError, ServerError
from llamaindex_do import DigitalOcean, DigitalOceanEmbedding

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference_do.emulator import Emulator

    Make = Callable[..., DigitalOcean]

HELLO = [ChatMessage(content="Hello")]

OPENAI = "openai-gpt-4.1"
"""Takes every setting; models of others have no control of their prompt cache."""

SETTINGS: dict[str, Any] = {
    "temperature": 0.5,
    "max_completion_tokens": 300,
    "top_p": 0.9,
    "stop": ["END"],
    "seed": 7,
    "n": 1,
    "logprobs": True,
    "top_logprobs": 2,
    "logit_bias": {"17": -5},
    "frequency_penalty": 0.1,
    "presence_penalty": 0.2,
    "reasoning_effort": "low",
    "reasoning": {"effort": "low"},
    "response_format": {"type": "text"},
    "user": "ada",
    "service_tier": "auto",
    "prompt_cache_retention": "24h",
    "chat_template_kwargs": {"enable_thinking": False},
}


def body(emu: Emulator) -> dict[str, Any]:
    return {name: value for name, value in emu.requests[-1].json.items() if name not in {"model", "messages"}}


def test_every_setting_is_sent(make: Make, emu: Emulator) -> None:
    make(OPENAI, **SETTINGS).chat(HELLO)
    assert body(emu) == SETTINGS


def test_every_setting_can_be_given_to_a_call(make: Make, emu: Emulator) -> None:
    make(OPENAI).chat(HELLO, **SETTINGS)
    assert body(emu) == SETTINGS


def test_nothing_is_sent_that_was_not_given(llm: DigitalOcean, emu: Emulator) -> None:
    llm.chat(HELLO)
    assert body(emu) == {}
    list(llm.stream_chat(HELLO))
    assert body(emu) == {"stream": True, "stream_options": {"include_usage": True}}


async def everyway(llm: DigitalOcean, **kwargs: Any) -> None:
    llm.chat(HELLO, **kwargs)
    llm.complete("Hello", **kwargs)
    list(llm.stream_chat(HELLO, **kwargs))
    list(llm.stream_complete("Hello", **kwargs))
    await llm.achat(HELLO, **kwargs)
    await llm.acomplete("Hello", **kwargs)
    [r async for r in await llm.astream_chat(HELLO, **kwargs)]
    [r async for r in await llm.astream_complete("Hello", **kwargs)]
    await llm.aclose()


async def test_a_calls_own_win_in_all_eight_methods(make: Make, emu: Emulator) -> None:
    llm = make(temperature=0.1, max_completion_tokens=100, additional_kwargs={"top_p": 0.1, "seed": 1}, user="ada")
    await everyway(llm, temperature=0.9, max_tokens=5, top_p=0.8, model="llama3.3-70b-instruct", user=None)
    assert emu.posts == 8
    for request in emu.requests:
        sent = request.json
        assert sent["model"] == "llama3.3-70b-instruct"
        assert (sent["temperature"], sent["max_completion_tokens"], sent["top_p"]) == (0.9, 5, 0.8)
        assert (sent["seed"], sent["user"]) == (1, "ada")
        assert "max_tokens" not in sent


async def test_what_llamaindex_passes_along_stays_here(llm: DigitalOcean, emu: Emulator) -> None:
    internal = {"use_chat_completions": True, "verbose": True, "tool_required": False, "error_on_tool_error": True}
    await everyway(llm, **internal)
    for request in emu.requests:
        assert set(request.json) <= {"model", "messages", "stream", "stream_options"}


def test_additional_kwargs_of_other_packages_do_not_break_plain_calls(make: Make, emu: Emulator) -> None:
    llm = make(additional_kwargs={"stream_options": {"include_usage": False}})
    llm.chat(HELLO)
    assert body(emu) == {}
    list(llm.stream_chat(HELLO))
    assert body(emu)["stream_options"] == {"include_usage": False}


def test_unlisted_fields_pass(llm: DigitalOcean, emu: Emulator) -> None:
    llm.chat(HELLO, chat_template_kwargs={"enable_thinking": False}, metadata={"run": "1"})
    assert body(emu) == {"chat_template_kwargs": {"enable_thinking": False}, "metadata": {"run": "1"}}


def test_extra_bodies_are_joined_and_a_calls_own_win(make: Make, emu: Emulator) -> None:
    llm = make(extra_body={"top_k": 5, "min_p": 0.1, "temperature": 0.3})
    llm.chat(HELLO, extra_body={"top_k": 9}, temperature=0.7)
    assert body(emu) == {"top_k": 9, "min_p": 0.1, "temperature": 0.7}


def test_headers_and_query(make: Make, emu: Emulator) -> None:
    llm = make(default_headers={"X-A": "1"}, default_query={"a": "1"}, model_affinity="session-1")
    llm.chat(HELLO, extra_headers={"X-B": "2"}, extra_query={"b": "2"})
    request = emu.requests[0]
    assert (request.headers["x-a"], request.headers["x-b"]) == ("1", "2")
    assert request.headers["x-model-affinity"] == "session-1"
    assert request.query == "a=1&b=2"
    assert body(emu) == {}


def test_headers_and_query_are_neither_shown_nor_serialized(make: Make) -> None:
    llm = make(default_headers={"X-Gate": "hunter2"}, default_query={"code": "hunter3"})
    for shown in (repr(llm), str(llm), llm.to_json(), str(llm.to_dict()), str(llm.model_dump()), llm.model_dump_json()):
        assert "hunter" not in shown


def test_a_model_class_is_a_response_format(make: Make, emu: Emulator) -> None:
    class City(BaseModel):
        name: str

    make(response_format=City).chat(HELLO)
    make().chat(HELLO, response_format=City)
    for request in emu.requests:
        form = request.json["response_format"]
        assert form["type"] == "json_schema"
        assert form["json_schema"]["strict"] is True
        assert form["json_schema"]["schema"]["required"] == ["name"]


def test_timeout_and_retries_of_a_call(make: Make, emu: Emulator) -> None:
    llm = make(max_retries=5)
    emu.script(Status(503), Status(503))
    with pytest.raises(ServerError):
        llm.chat(HELLO, max_retries=0)
    assert emu.posts == 1
    emu.reset()
    emu.script(Stall(before_head=True))
    with pytest.raises(APITimeoutError):
        llm.chat(HELLO, max_retries=0, timeout=0.1)


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_both_names_of_the_limit(make: Make, emu: Emulator, limit: str) -> None:
    make(**{limit: 5}).chat(HELLO)
    assert body(emu) == {"max_completion_tokens": 5}


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ("model_name", "model", "kimi-k2.5"),
        ("request_timeout", "timeout", 5.0),
    ],
)
def test_aliases(emu: Emulator, old: str, new: str, value: Any) -> None:
    given = {"model": "gemma-4-31B-it", "api_key": emu.api_key, "base_url": emu.base_url}
    given.pop(new, None)
    llm = DigitalOcean(**given, **{old: value})
    llm.chat(HELLO)
    assert getattr(llm, new) == value


@pytest.mark.parametrize(
    ("options", "detail"),
    [
        ({"temprature": 0.5}, "did you mean 'temperature'"),
        ({"max_token": 5}, "did you mean 'max_tokens'"),
        ({"model_name": "other"}, "model and model_name are names of one setting: give one of them"),
        ({"temperature": "hot"}, "temperature: .* valid number"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "give one of them"),
        ({"max_retries": -1}, "max_retries"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": "soon"}, "timeout"),
        ({"base_url": "http://example.com/v1"}, "https"),
        ({"base_url": "ftp://example.com/v1"}, "https"),
        ({"api_key": "two\nlines"}, "character at position 3"),
        ({"default_headers": {"Authorization": "Bearer x"}}, "Authorization"),
        ({"default_headers": {"X-A": "a\r\nb"}}, "control characters"),
    ],
)
def test_bad_settings_are_refused_at_construction(options: dict[str, Any], detail: str) -> None:
    with pytest.raises(ConfigError, match=detail):
        DigitalOcean(**{"model": "m", "api_key": "k", **options})


def test_a_field_that_is_not_known_is_sent_with_a_warning(emu: Emulator) -> None:
    with pytest.warns(UserWarning, match="zzz is no argument of this class") as warned:
        llm = DigitalOcean(model="gemma-4-31B-it", api_key=emu.api_key, base_url=emu.base_url, zzz=1)
    assert warned[0].filename == __file__
    assert llm.additional_kwargs == {"zzz": 1}


def test_no_model_and_no_key_are_refused() -> None:
    with pytest.raises(ConfigError, match="model: it has no default and must be given"):
        DigitalOcean(api_key="k")
    with pytest.raises(ConfigError, match="DIGITALOCEAN_INFERENCE_KEY"):
        DigitalOcean(model="m")
    with pytest.raises(ConfigError, match="DIGITALOCEAN_INFERENCE_KEY"):
        DigitalOceanEmbedding(model_name="m")


def test_none_means_not_given(make: Make, emu: Emulator) -> None:
    llm = make(temperature=None, callback_manager=None, timeout=None, additional_kwargs=None, completion_to_prompt=None)
    llm.complete("Hello")
    assert body(emu) == {}


def test_settings_can_be_changed(llm: DigitalOcean, emu: Emulator) -> None:
    llm.chat(HELLO)
    llm.temperature = 0.5
    llm.default_headers = {"X-A": "1"}
    llm.chat(HELLO)
    assert body(emu) == {"temperature": 0.5}
    assert emu.requests[-1].headers["x-a"] == "1"


def test_key_and_url_of_the_environment(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_ACCESS_KEY", emu.api_key)
    monkeypatch.setenv("DIGITALOCEAN_INFERENCE_BASE_URL", emu.base_url)
    llm = DigitalOcean(model="gemma-4-31B-it")
    monkeypatch.setenv("MODEL_ACCESS_KEY", "sk-of-another")  # the environment counts when the object is built
    llm.chat(HELLO)
    assert emu.requests[0].headers["authorization"] == f"Bearer {emu.api_key}"


def test_a_function_gives_the_key_for_each_request(make: Make, emu: Emulator) -> None:
    asked: list[int] = []

    def key() -> str:
        asked.append(1)
        return emu.api_key

    llm = make(api_key=key)
    llm.chat(HELLO)
    llm.chat(HELLO)
    assert len(asked) == 2


def test_a_timeout_object(make: Make, emu: Emulator) -> None:
    llm = make(timeout=Timeout(first_token=0.1))
    emu.script(Stall(before_head=True))
    with pytest.raises(APITimeoutError) as caught:
        llm.chat(HELLO)
    assert caught.value.phase == "first_token"


def test_one_set_of_settings_serves_both_frameworks(emu: Emulator) -> None:
    connection = {"api_key": emu.api_key, "base_url": emu.base_url}
    settings = {"streaming": True, "stream_usage": False, "include_response_headers": True, "stop_sequences": ["zz"]}
    llm = DigitalOcean(model="llama3.3-70b-instruct", reasoning="low", **settings, **connection)
    *_, last = llm.stream_chat([ChatMessage(content="Say hello")])
    assert emu.requests[-1].json["stream_options"] == {"include_usage": False}
    assert emu.requests[-1].json["stop"] == ["zz"]
    assert emu.requests[-1].json["reasoning"] == {"effort": "low"}
    assert "x-ratelimit-limit-requests" in last.additional_kwargs["headers"]
    assert "headers" in llm.chat([ChatMessage(content="Say hello")]).additional_kwargs
