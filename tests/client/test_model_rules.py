"""What particular models refuse, over HTTP, one family after another."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from client_kit import HELLO, chat, make
from client_modes import EVERY_CALL

from inference_do import (
    BadRequestError,
    ConfigError,
    ContextLengthError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
)
from inference_do import models as module
from inference_do.emulator import Emulator, Quirks
from inference_do.models import known_models, model_info, register_model
from inference_do.rules import explain_error

PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
MARKED = {"type": "text", "text": "rules", "cache_control": {"type": "ephemeral"}}
ADD = {
    "type": "function",
    "function": {"name": "add", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}},
}


def user(*parts: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


@pytest.fixture
def _undone():
    yield
    module._REGISTERED.clear()
    known_models.cache_clear()


# --- refused before the request ---


@EVERY_CALL
@pytest.mark.parametrize(
    "model", [info.id for info in known_models().values() if info.endpoints == ("/v1/responses",)], ids=str
)
def test_a_model_of_another_api_answers_there(emu, ask, model):
    answer = ask(emu, model=model)
    assert answer.text == "You said: Say hello"
    assert answer.response_info.api == "responses"
    assert [request.path for request in emu.requests] == ["/v1/responses"]


@EVERY_CALL
@pytest.mark.parametrize(
    "model", [info.id for info in known_models().values() if info.endpoints == ("/v1/responses",)], ids=str
)
def test_a_model_of_another_endpoint_is_refused_with_what_to_do(emu, ask, model):
    error = ask(emu, model=model, api="chat_completions")
    assert type(error) is ConfigError
    assert emu.posts == 0
    detail = str(error)
    assert f"model '{model}' is not on /v1/chat/completions, only on /v1/responses (as of 2026-09-19" in detail
    assert f"register_model('{model}', endpoints=['/v1/chat/completions'])" in detail
    near = detail.partition("leave out api='chat_completions', or use ")[2].partition(";")[0].split(", ")
    assert len(near) == 3
    assert all("/v1/chat/completions" in model_info(other).endpoints for other in near)
    assert model_info(near[0]).provider == "OpenAI"


def test_the_two_endpoints_that_have_methods_are_distinguished(emu):
    wrong = chat(emu, model="bge-m3")
    assert "is not on /v1/chat/completions, only on /v1/embeddings" in str(wrong)
    assert "use embed()" in str(wrong)
    with pytest.raises(ConfigError, match=r"only on /v1/chat/completions, /v1/messages .*use chat\(\) or stream\(\);"):
        make(emu).embed(model="gemma-4-31B-it", input="x")
    with pytest.raises(ConfigError, match=r"only on /v1/responses .*use chat\(\) or stream\(\);"):
        make(emu).embed(model="openai-gpt-5.4", input="x")
    assert emu.posts == 0


@pytest.mark.usefixtures("_undone")
def test_a_user_who_knows_better_says_so(emu):
    register_model("openai-gpt-5.4", endpoints=["/v1/chat/completions"])
    assert chat(emu, model="openai-gpt-5.4").text == "You said: Say hello"


@EVERY_CALL
@pytest.mark.parametrize("model", ["anthropic-claude-opus-4.6", "anthropic-claude-3-opus"])
def test_images_for_claude_are_sent_where_it_takes_them(emu, ask, model):
    answer = ask(emu, model=model, messages=user("What is this?", PNG))
    assert "What is this?" in answer.text
    assert answer.response_info.api == "messages"
    assert [request.path for request in emu.requests] == ["/v1/messages"]


@EVERY_CALL
@pytest.mark.parametrize("model", ["anthropic-claude-opus-4.6", "anthropic-claude-3-opus"])
def test_images_for_claude_are_refused_with_models_that_take_them(emu, ask, model):
    error = ask(emu, model=model, messages=user("What is this?", PNG), api="chat_completions")
    assert type(error) is ConfigError
    assert emu.posts == 0
    assert f"model '{model}' takes images on /v1/messages only" in str(error)
    near = str(error).partition("such as ")[2].partition(";")[0].split(", ")
    assert len(near) == 3
    assert all(model_info(other).vision and not other.startswith("anthropic-") for other in near)


@EVERY_CALL
def test_an_id_that_is_not_known_is_left_to_the_api_and_its_refusal_explained(emu, ask):
    model, messages = "anthropic-claude-of-tomorrow", user("What is this?", PNG)
    assert type(ask(emu, model=model, messages=messages)) is NotFoundError
    assert emu.posts == 1
    hint = explain_error(400, {"model": model, "messages": messages})
    assert "takes images on /v1/messages only, not on /v1/chat/completions (as of 2026-10)" in str(hint)


@pytest.mark.usefixtures("_undone")
def test_images_for_claude_go_out_once_somebody_says_that_they_may(emu):
    emu.quirks = Quirks(claude_images=True)
    register_model("anthropic-claude-opus-4.6", images_on_chat=True)
    answer = chat(emu, model="anthropic-claude-opus-4.6", messages=user("What is this?", PNG))
    assert "an image" in answer.text


def test_models_that_see_are_sent_images_and_others_explain_the_refusal(emu):
    assert "an image" in chat(emu, model="openai-gpt-4o", messages=user("Look", PNG)).text
    error = chat(emu, model="glm-5.2", messages=user("Look", PNG))
    assert type(error) is BadRequestError
    assert "model 'glm-5.2' takes no images (as of 2026-08-21)" in str(error)


# --- sent, and explained when refused ---

REFUSED = [
    ("kimi-k3", {"top_p": 0.5}, "model 'kimi-k3' is known to refuse top_p (as of 2026-08-25): leave it out"),
    ("kimi-k3", {"frequency_penalty": 0.5}, "known to refuse frequency_penalty"),
    ("kimi-k3", {"temperature": 2.0}, "was seen to refuse temperature=2.0 (as of 2026-08-25)"),
    ("openai-o1", {"temperature": 0.5}, "model 'openai-o1' is known to refuse temperature"),
    ("openai-gpt-5", {"temperature": 0.0}, "model 'openai-gpt-5' is known to refuse temperature"),
    ("minimax-m2.5", {"top_p": 0.0}, "was seen to refuse top_p=0.0"),
    ("qwen3.5-397b-a17b", {"top_p": 0}, "was seen to refuse top_p=0"),
    ("openai-gpt-oss-120b", {"reasoning_effort": "none"}, "takes reasoning_effort of low, medium, high"),
    ("glm-5.2", {"reasoning_effort": "low"}, "takes reasoning_effort of medium, high, xhigh"),
    ("glm-5.2", {"reasoning": {"effort": "low"}}, "takes reasoning_effort of medium, high, xhigh"),
    ("anthropic-claude-opus-4.6", {"reasoning_effort": "max"}, "takes reasoning_effort of low, medium, high"),
]


@EVERY_CALL
@pytest.mark.parametrize(("model", "params", "detail"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_the_user_set_is_sent_and_the_apis_refusal_explained(emu, ask, model, params, detail):
    error = ask(emu, model=model, **params)
    assert type(error) is BadRequestError
    assert detail in str(error)
    [name] = params
    assert emu.requests[-1].json[name] == params[name]


@EVERY_CALL
@pytest.mark.parametrize(("model", "params"), [case[:2] for case in REFUSED], ids=lambda value: str(value)[:40])
def test_what_nobody_asked_for_is_left_out(emu, ask, caplog, model, params):
    with caplog.at_level(logging.DEBUG, logger="inference_do"):
        assert ask(emu, model=model, default_params=params, max_tokens=1000).text
    [name] = params
    assert name not in emu.requests[-1].json
    assert f"{name}={params[name]!r} is left out: model '{model}' does not take it" in caplog.text


def test_defaults_are_sent_where_nothing_speaks_against_them(emu):
    defaults = {"temperature": 0.1, "top_p": 0.9, "seed": None}
    chat(emu, model="gemma-4-31B-it", default_params=defaults, top_p=0.5)
    sent = emu.requests[-1].json
    assert (sent["temperature"], sent["top_p"]) == (0.1, 0.5)
    assert "seed" not in sent
    assert "default_params" not in sent
    assert isinstance(chat(emu, model="gemma-4-31B-it", default_params=3), ConfigError)


@pytest.mark.parametrize(("model", "limit"), [("nvidia-nemotron-3-super-120b", 263_000), ("minimax-m2.5", 65_536)])
def test_prompts_that_do_not_fit_are_refused_by_what_was_measured(emu, model, limit):
    error = chat(emu, model=model, messages=[{"role": "user", "content": "word" * limit}])
    assert type(error) is ContextLengthError
    assert f"maximum token count: [{limit}]" in str(error)
    assert not error.retryable


@EVERY_CALL
@pytest.mark.parametrize("model", ["qwen3.5-397b-a17b", "nvidia-nemotron-3-super-120b"])
def test_tools_that_a_model_answers_with_500_are_named(emu, ask, model):
    error = ask(emu, model=model, tools=[ADD])
    assert type(error) is ServerError
    assert f"model '{model}' was seen to answer 500 to every request with tools (as of 2026-08-25)" in str(error)
    assert ask(emu, model=model).text


def test_other_refusals_are_not_explained_with_what_is_known(emu):
    assert "known to" not in str(chat(emu, model="gemma-4-31B-it", temperature=3))
    error = chat(emu, model="kimi-k3", top_p=0.5, messages=[{"role": "user", "content": "x"}], tools=[])
    assert "known to refuse top_p" in str(error)


def test_a_key_that_may_not_call_a_commercial_model_gets_the_reason():
    with Emulator(locked_models=["openai-gpt-4o", "anthropic-claude-opus-5", "glm-5"]) as emu:
        for model, detail in (
            ("openai-gpt-4o", "OpenAI's models are locked on the lowest tier"),
            ("anthropic-claude-opus-5", "Anthropic's models are locked on the lowest tier"),
            ("glm-5", "this key or the account's tier may not call this model"),
        ):
            error = chat(emu, model=model)
            assert type(error) is PermissionDeniedError
            assert detail in str(error)


@pytest.mark.usefixtures("_undone")
def test_an_explanation_has_the_date_of_its_own_fact_or_none():
    hot = {"model": "openai-gpt-5", "messages": HELLO, "temperature": 0.5}
    assert (
        explain_error(400, hot)
        == "model 'openai-gpt-5' is known to refuse temperature (as of 2026-07-02): leave it out"
    )
    register_model("mine/small", tools=False, refused_values={"top_p": 0.0})
    mine = {"model": "mine/small", "messages": HELLO, "tools": [ADD], "top_p": 0.0}
    assert explain_error(400, mine) == (
        "model 'mine/small' is known to refuse tools: leave it out; model 'mine/small' was seen to refuse top_p=0.0"
    )


@EVERY_CALL
@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("claude-sonnet-4.6", "anthropic-claude-4.6-sonnet"),
        ("gemma-4-31b-it", "gemma-4-31B-it"),
        ("gpt-4o", "openai-gpt-4o"),
    ],
)
def test_a_near_miss_names_the_closest_ids(emu, ask, wrong, right):
    error = ask(emu, model=wrong)
    assert type(error) is NotFoundError
    assert right in str(error).partition("closest: ")[2]


# --- the token limit ---


@pytest.mark.usefixtures("_undone")
@EVERY_CALL
def test_the_token_limit_goes_by_the_name_that_the_model_knows(ask):
    with Emulator(models=["old/server"]) as emu:
        ask(emu, model="old/server", max_tokens=5)
        assert emu.requests[-1].json["max_completion_tokens"] == 5
        register_model("old/server", limit_field="max_tokens")
        ask(emu, model="old/server", max_completion_tokens=5)
        assert emu.requests[-1].json["max_tokens"] == 5
        assert "max_completion_tokens" not in emu.requests[-1].json


# --- controls of prompt caching ---


@EVERY_CALL
def test_marks_go_to_claude_and_are_left_out_elsewhere(emu, ask, caplog):
    with caplog.at_level(logging.DEBUG, logger="inference_do"):
        ask(emu, model="anthropic-claude-opus-4.6", messages=user(MARKED, "x"))
        assert emu.requests[-1].json["messages"] == user(MARKED, "x")
        assert "cache_control" not in caplog.text
        ask(emu, model="gemma-4-31B-it", messages=[{"role": "system", "content": "s"}, *user(MARKED, "x")])
    assert emu.requests[-1].json["messages"][1]["content"] == [{"type": "text", "text": "rules"}, "x"]
    assert "cache_control is left out: model 'gemma-4-31B-it' has no such control" in caplog.text


@EVERY_CALL
def test_marks_on_tools_are_left_out_too(emu, ask):
    marked = {**ADD, "cache_control": {"type": "ephemeral"}}
    ask(emu, model="gemma-4-31B-it", tools=[marked, ADD | {"function": {"name": "sub"}}])
    assert emu.requests[-1].json["tools"][0] == ADD
    assert marked["cache_control"]


@EVERY_CALL
def test_retention_goes_to_openai_and_is_left_out_elsewhere(emu, ask, caplog):
    ask(emu, model="openai-gpt-4.1", prompt_cache_retention="24h")
    assert emu.requests[-1].json["prompt_cache_retention"] == "24h"
    for model in ("openai-gpt-oss-120b", "anthropic-claude-opus-4.6", "llama3.3-70b-instruct"):
        with caplog.at_level(logging.DEBUG, logger="inference_do"):
            assert ask(emu, model=model, prompt_cache_retention="24h").text
        assert "prompt_cache_retention" not in emu.requests[-1].json
        assert f"prompt_cache_retention is left out: model '{model}' has no such control" in caplog.text


def test_a_request_is_not_changed_under_its_owners_hands(emu):
    messages = user(MARKED, "x")
    chat(emu, model="gemma-4-31B-it", messages=messages)
    assert messages == user(MARKED, "x")


# --- every family answers ---


@pytest.mark.parametrize(
    "info", [i for i in known_models().values() if i.kind == "chat" and i.listed], ids=lambda i: i.id
)
def test_every_listed_chat_model_answers(emu, info):
    answer = chat(emu, model=info.id, default_params={"temperature": 0.2, "top_p": 0.9, "reasoning_effort": "low"})
    assert answer.text == "You said: Say hello"
    assert answer.usage.output_tokens > 0
