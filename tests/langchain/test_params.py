"""What is sent for settings and arguments: the bodies and headers that the emulator saw."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, trim_messages
from langchain_core.runnables import ConfigurableField
from pydantic import BaseModel

from inference_do import ConfigError
from inference_do.emulator import DelayHead, Emulator, Status
from inference_do.models import register_model
from langchain_do import ChatDigitalOcean

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


def test_alias_per_call_conflict(model: ChatDigitalOcean) -> None:
    with pytest.raises(ConfigError, match="max_completion_tokens and max_tokens"):
        model.invoke("hi", max_tokens=1, max_completion_tokens=2)
    model.invoke("hi", max_tokens=5, max_completion_tokens=5)


def test_headers_and_query(emu: Emulator, make: Make) -> None:
    model = make(default_headers={"X-A": "1"}, default_query={"q": "1"}, model_affinity="conv-1")
    model.invoke("hi", extra_headers={"X-B": "2"}, extra_query={"r": "2"})
    request = emu.requests[-1]
    assert (request.headers["x-a"], request.headers["x-b"], request.headers["x-model-affinity"]) == ("1", "2", "conv-1")
    assert request.query == "q=1&r=2"
    model.invoke("hi", model_affinity="conv-2")
    assert emu.requests[-1].headers["x-model-affinity"] == "conv-2"
    assert set(body(emu)) == BARE


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
    assert (model.get_num_tokens(""), model.get_num_tokens("abcde"), model.get_num_tokens("水水水水")) == (0, 1, 3)
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
    claude = make(model="anthropic-claude-4.5-sonnet").profile
    assert claude["image_inputs"] is True  # on another endpoint, where such a request goes by itself
    assert claude["pdf_inputs"] is True
    assert make(model="openai-gpt-4o").profile["pdf_inputs"] is True
    assert make(model="nobody/knows-it").profile is None
    assert make(profile={"tool_calling": False}).profile == {"tool_calling": False}


def test_a_profile_is_its_models_own(make: Make) -> None:
    first = make(model="qwen3.8-max").profile
    levels = list(first["reasoning_effort_levels"])
    assert levels
    first["reasoning_effort_levels"].append("odd")
    first["max_input_tokens"] = 1
    second = make(model="qwen3.8-max").profile
    assert second["reasoning_effort_levels"] == levels
    assert second["max_input_tokens"] > 1


def test_a_model_with_a_refused_value_that_is_an_object_has_a_profile(make: Make, monkeypatch) -> None:
    """Core makes no profile, and says nothing, where making it fails."""
    monkeypatch.setattr("inference_do.models._REGISTERED", {})
    refused = [["response_format", {"type": "json_object"}]]
    register_model("mine/small", context_window=4096, tools=True, refused_values=refused)
    assert make(model="mine/small").profile["max_input_tokens"] == 4096


def test_a_profile_that_core_does_not_know_is_reported(make: Make) -> None:
    with pytest.warns(UserWarning, match="odd_key"):
        make(profile={"odd_key": True})


@pytest.mark.parametrize("method", ["_generate", "_agenerate"])
def test_a_signature_that_is_noted_is_the_right_one(method: str, model: ChatDigitalOcean) -> None:
    bare = FunctionType(getattr(ChatDigitalOcean, method).__code__, {})
    noted = inspect.signature(getattr(model, method)).parameters
    assert list(noted) == list(inspect.signature(bare).parameters)[1:] == ["messages", "stop", "run_manager", "kwargs"]


def test_headers_can_be_asked_for_in_one_call(emu: Emulator) -> None:
    model = ChatDigitalOcean(model="llama3.3-70b-instruct", api_key=emu.api_key, base_url=emu.base_url)
    assert "headers" not in model.invoke("hi").response_metadata
    assert "x-request-id" in model.invoke("hi", include_response_headers=True).response_metadata["headers"]
    *_, last = model.stream("hi", include_response_headers=True)
    assert "x-request-id" in last.response_metadata["headers"]


@pytest.mark.parametrize(
    ("given", "detail"),
    [
        ({"api_key": "sk-another"}, "'api_key' may hold a secret"),
        ({"base_url": "https://elsewhere.example/v1"}, "base_url= when the object is made"),
        ({"http_client": None, "default_headers": {"X-A": "1"}}, "default_headers cannot"),
        ({"extra_headers": ["X-A"]}, "extra_headers must be a mapping"),
        ({"extra_body": [1]}, "extra_body must be a mapping"),
        ({"timeout": True}, "timeout must be"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_what_a_call_cannot_change(emu: Emulator, model: ChatDigitalOcean, given: dict[str, Any], detail: str) -> None:
    with pytest.raises(ConfigError, match=detail) as caught:
        model.invoke("hi", **given)
    assert "sk-another" not in str(caught.value)
    assert emu.posts == 0


CLAUDE, GPT, LLAMA = "anthropic-claude-4.5-sonnet", "openai-gpt-4o", "llama3.3-70b-instruct"


@pytest.mark.parametrize("way", ["assigned", "copied", "deeply copied"])
def test_a_profile_follows_its_model(make: Make, way: str) -> None:
    """H42."""
    model = make(model=LLAMA)

    def change(model: ChatDigitalOcean, name: str) -> ChatDigitalOcean:
        if way == "assigned":
            model.model = name
            return model
        return model.model_copy(update={"model": name}, deep=way == "deeply copied")

    for name in (GPT, "nobody/knows-it", CLAUDE, LLAMA):
        model = change(model, name)
        assert model.profile == make(model=name).profile
    mine = make(model=LLAMA, profile={"max_input_tokens": 5})
    assert change(mine, GPT).profile == {"max_input_tokens": 5}


def test_a_profile_that_is_given_with_the_model_stays(make: Make) -> None:
    given = {"model": GPT, "profile": {"max_input_tokens": 5}}
    assert make(model=LLAMA).model_copy(update=given).profile == {"max_input_tokens": 5}


def test_structured_output_follows_the_model(emu: Emulator, make: Make) -> None:
    model = make(model=LLAMA)
    model.model = GPT
    schema = {"title": "Answer", "type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    model.with_structured_output(schema).invoke("1")
    assert emu.requests[-1].json["response_format"]["type"] == "json_schema"


def test_a_profile_says_that_a_model_reads_no_pdf(make: Make) -> None:
    """H42: agents let PDFs through where nothing is said."""
    assert make(model=LLAMA).profile["pdf_inputs"] is False
    assert make(model=GPT).profile["pdf_inputs"] is True


def test_reasoning_counts_where_it_is_sent_back(make: Make) -> None:
    """H43."""
    plain = AIMessage("Four.")
    thought = AIMessage("Four.", additional_kwargs={"reasoning_content": "two and two are four, " * 20})
    model, silent = make(), make(send_reasoning=False)
    assert model.get_num_tokens_from_messages([thought]) > model.get_num_tokens_from_messages([plain]) + 80
    assert silent.get_num_tokens_from_messages([thought]) == silent.get_num_tokens_from_messages([plain])


def test_calls_and_results_count(make: Make) -> None:
    model = make()
    call = {"name": "weather", "args": {"city": "Bonn" * 40}, "id": "c1", "type": "tool_call"}
    assert model.get_num_tokens_from_messages([AIMessage("", tool_calls=[call])]) > 40
    assert model.get_num_tokens_from_messages([HumanMessage("数字海洋的定价很简单" * 20)]) > 100


def test_what_cannot_be_sent_can_be_counted(make: Make) -> None:
    """Whoever trims a history counts messages one by one, also those that never reach a model."""
    messages = [RemoveMessage(id="1"), HumanMessage([{"type": "hologram"}, {"type": "text", "text": "hello there"}])]
    assert make().get_num_tokens_from_messages(messages) > 6


@pytest.mark.parametrize("name", ["llama3.3-70b-instruct", "openai-gpt-4o"])
def test_estimates_serve_to_trim_a_history(make: Make, name: str) -> None:
    messages = [HumanMessage("word " * 100), AIMessage("word " * 100), HumanMessage("last")]
    kept = trim_messages(messages, max_tokens=50, token_counter=make(model=name), strategy="last")
    assert [message.content for message in kept] == ["last"]
