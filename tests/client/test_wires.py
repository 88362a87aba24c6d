"""Three APIs behind `chat` and `stream`: which one a request takes, and that answers are alike, over HTTP."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest
from client_kit import make
from client_modes import EVERY_CALL

from inference_do import (
    BadRequestError,
    Client,
    ConfigError,
    EmptyAnswerWarning,
    InferenceError,
    ServerError,
    StreamError,
    StreamInterrupted,
)
from inference_do.emulator import Emulator, ErrorEvent, RawStream, Reset, Status, Truncate
from inference_do.models import register_model

CLAUDE, GPT, HOSTED = "anthropic-claude-haiku-4.5", "openai-gpt-5.4", "gemma-4-31B-it"
THINKER, ALL_PATHS = "hosted-thinker", ["/v1/chat/completions", "/v1/responses", "/v1/messages"]
PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
PDF = {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0xLjQK", "filename": "a.pdf"}}
MARK = {"type": "ephemeral"}
HELLO = [{"role": "user", "content": "Say hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CITY = {
    "type": "json_schema",
    "json_schema": {
        "name": "City",
        "schema": {
            "type": "object",
            "properties": {"name": {"type": "string"}},
            "required": ["name"],
            "additionalProperties": False,
        },
    },
}
WIRES = [("responses", GPT), ("messages", CLAUDE)]
ON_EACH = pytest.mark.parametrize(("api", "model"), WIRES)


def content(*parts: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, *parts]}]


ROUTES: list[tuple[str, dict[str, Any], str]] = [
    ("a plain request", {"model": HOSTED, "messages": HELLO}, "chat_completions"),
    ("Claude in text", {"model": CLAUDE, "messages": HELLO}, "chat_completions"),
    ("a model on responses only", {"model": GPT, "messages": HELLO}, "responses"),
    ("an image for Claude", {"model": CLAUDE, "messages": content(PNG)}, "messages"),
    ("a PDF for Claude", {"model": CLAUDE, "messages": content(PDF)}, "messages"),
    ("an image for a hosted model", {"model": HOSTED, "messages": content(PNG)}, "chat_completions"),
    (
        "thinking",
        {
            "model": CLAUDE,
            "messages": HELLO,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "max_tokens": 3000,
        },
        "messages",
    ),
    ("what the caller says", {"model": CLAUDE, "messages": HELLO, "api": "messages"}, "messages"),
    ("chat completions by name", {"model": CLAUDE, "messages": HELLO, "api": "chat_completions"}, "chat_completions"),
    ("another name", {"model": GPT, "messages": HELLO, "use_responses_api": True}, "responses"),
    ("another name that is off", {"model": HOSTED, "messages": HELLO, "use_responses_api": False}, "chat_completions"),
]


@EVERY_CALL
@pytest.mark.parametrize(("request_", "api"), [route[1:] for route in ROUTES], ids=[route[0] for route in ROUTES])
def test_routes(emu, ask, request_, api):
    answer = ask(emu, **request_)
    assert not isinstance(answer, InferenceError), answer
    assert answer.response_info.api == api
    paths = {"chat_completions": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
    assert [request.path for request in emu.requests] == [paths[api]]


def test_the_log_says_which_was_taken_and_why(emu, caplog):
    with caplog.at_level(logging.DEBUG, "inference_do"):
        make(emu).chat(model=CLAUDE, messages=content(PNG))
    assert f"model '{CLAUDE}' is asked on /v1/messages: it has an image or a file" in caplog.text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"api": "completions"}, "api must be 'auto', 'chat_completions', 'responses', 'messages', not 'completions'"),
        ({"api": "messages", "use_responses_api": True}, "give one of them"),
        ({"api": "messages", "seed": 1}, "the messages API has no seed"),
        ({"api": "responses", "model": GPT, "logit_bias": {"1": 2}}, "logit_bias"),
    ],
)
def test_what_cannot_be_is_refused_before_the_request(emu, options, expected):
    with pytest.raises(ConfigError, match=expected):
        make(emu).chat(**{"model": CLAUDE, "messages": HELLO, **options})
    assert emu.posts == 0


@pytest.mark.parametrize("where", ["extra_body", "default_params"])
@pytest.mark.parametrize("name", ["api", "use_responses_api"])
def test_the_choice_of_an_api_is_no_field_of_a_request(emu, where, name):
    for call in (make(emu).chat, make(emu).stream):
        with pytest.raises(ConfigError, match=f"{where}: '{name}' says which API is asked"):
            call(model=HOSTED, messages=HELLO, **{where: {name: "responses"}})
    assert emu.posts == 0


@pytest.mark.parametrize("value", ["false", "true", 1, 0, []])
def test_the_other_name_of_an_api_is_on_or_off(emu, value):
    for call in (make(emu).chat, make(emu).stream):
        with pytest.raises(ConfigError, match="use_responses_api must be True or False"):
            call(model=GPT, messages=HELLO, use_responses_api=value)
    assert emu.posts == 0


@pytest.mark.parametrize(("api", "model", "field"), [("messages", CLAUDE, "seed"), ("responses", GPT, "logit_bias")])
def test_what_an_api_has_not_is_not_sent_by_extra_body_either(emu, api, model, field):
    with pytest.raises(ConfigError, match=field):
        make(emu).chat(model=model, messages=HELLO, api=api, extra_body={field: {"1": 1}})
    assert emu.posts == 0
    make(emu).chat(model=model, messages=HELLO, api=api, extra_body={"n": 1, field: None})  # which ask for nothing
    assert not {"n", field} & emu.requests[-1].json.keys()


def test_extra_body_may_have_what_only_this_api_has(emu):
    more = {"service_tier": "standard_only", "output_config": {"effort": "low"}}
    make(emu).chat(model=CLAUDE, messages=HELLO, api="messages", extra_body=more)
    assert emu.requests[-1].json.items() >= more.items()


THINKING = {"type": "enabled", "budget_tokens": 1024}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"temperature": 0.3}, "temperature can only be 1 while the model thinks, and it is 0.3"),
        ({"top_k": 3}, "top_k cannot be set while the model thinks"),
        ({"top_p": 0.5}, r"top_p must be 0\.95 or more while the model thinks"),
        ({"max_completion_tokens": 1024}, "max_completion_tokens must be greater than the 1024 tokens of thinking"),
        ({"max_tokens": 500}, "max_completion_tokens must be greater than the 1024 tokens of thinking"),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "thinking",
    [{"thinking": THINKING}, {"extra_body": {"thinking": THINKING}}, {"reasoning": {"max_tokens": 1024}}],
    ids=["field", "extra_body", "reasoning"],
)
def test_what_thinking_forbids_is_refused_or_left_out_if_nobody_asked(emu, thinking, options, expected):
    asked = {"model": CLAUDE, "messages": HELLO, "api": "messages", **thinking}
    with pytest.raises(ConfigError, match=expected):
        make(emu).chat(**asked, **options)
    assert emu.posts == 0
    make(emu).chat(**asked, default_params=options)
    sent = emu.requests[-1].json
    assert not options.keys() & (sent.keys() - {"max_tokens"})
    assert sent["max_tokens"] > 1024


def test_what_thinking_allows_is_sent(emu):
    fields = {"temperature": 1, "top_p": 0.95}
    make(emu).chat(model=CLAUDE, messages=HELLO, thinking=THINKING, max_tokens=1025, **fields)
    assert emu.requests[-1].json.items() >= {**fields, "max_tokens": 1025}.items()
    make(emu).chat(model=CLAUDE, messages=HELLO, api="messages", thinking={"type": "disabled"}, temperature=0.3)
    assert emu.requests[-1].json["temperature"] == 0.3


def test_a_budget_fits_the_limit_of_a_model_that_is_not_known(emu):
    thinking = {"type": "enabled", "budget_tokens": 9000}
    make(emu).chat(model="anthropic-claude-sonnet-5.5", messages=HELLO, thinking=thinking)
    assert emu.requests[-1].json["max_tokens"] > 9000


def test_an_extra_body_that_is_none_is_refused(emu):
    for call in (make(emu).chat, make(emu).stream):
        with pytest.raises(ConfigError, match="extra_body"):
            call(model=CLAUDE, messages=HELLO, extra_body=5)
    assert emu.posts == 0


def test_a_default_that_an_api_cannot_express_is_left_out(emu):
    client = make(emu)
    answer = client.chat(model=CLAUDE, messages=HELLO, api="messages", default_params={"seed": 1, "top_p": 0.5})
    assert answer.text == "You said: Say hello"
    assert "seed" not in emu.requests[0].json


@EVERY_CALL
@ON_EACH
def test_an_answer_is_what_it_is_on_chat_completions(emu, ask, api, model):
    answer = ask(emu, model=model, messages=HELLO, api=api)
    choice, usage = answer.choices[0], answer.usage
    assert (answer.text, choice.finish_reason) == ("You said: Say hello", "stop")
    assert usage.input_tokens > 0
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens


@EVERY_CALL
@ON_EACH
def test_calls_and_their_results(emu, ask, api, model):
    question = {"role": "user", "content": "What is the weather in Lisbon?"}
    answer = ask(emu, model=model, messages=[question], tools=[WEATHER], api=api)
    (call,) = answer.choices[0].message.tool_calls
    assert (call.function.name, answer.choices[0].finish_reason) == ("get_weather", "tool_calls")
    result = {"role": "tool", "tool_call_id": call.id, "content": "Sunny in Lisbon."}
    messages = [question, answer.choices[0].message, result]
    final = ask(emu, model=model, messages=messages, tools=[WEATHER], api=api)
    assert "Sunny in Lisbon" in final.text


@EVERY_CALL
@ON_EACH
def test_structured_output(emu, ask, api, model):
    answer = ask(
        emu, model=model, messages=[{"role": "user", "content": "Where is Skagen?"}], response_format=CITY, api=api
    )
    assert answer.text.startswith('{"name"')
    assert answer.choices[0].finish_reason == "stop"
    assert not answer.choices[0].message.tool_calls


@EVERY_CALL
@pytest.mark.parametrize("is_extra", [False, True])
def test_structured_output_with_thinking(emu, ask, is_extra):
    emu.reply("Here it is:", tool_calls=[("City", {"name": "Skagen"})])
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    options = {"extra_body": thinking} if is_extra else thinking
    answer = ask(emu, model=CLAUDE, messages=HELLO, response_format=CITY, max_tokens=3000, **options)
    assert not isinstance(answer, InferenceError), answer
    assert (answer.text, answer.choices[0].finish_reason) == ('{"name":"Skagen"}', "stop")
    assert answer.response_info.api == "messages"


@EVERY_CALL
def test_a_system_message_alone_and_a_text_file(emu, ask):
    file = {"type": "file", "file": {"file_data": "data:text/plain;base64,aGVsbG8=", "filename": "a.txt"}}
    for messages in ([{"role": "system", "content": "Hi"}], content(file)):
        answer = ask(emu, model=CLAUDE, messages=messages, api="messages")
        assert not isinstance(answer, InferenceError), answer


@EVERY_CALL
@pytest.mark.parametrize(
    ("api", "model", "options"),
    [
        ("responses", GPT, {"reasoning_effort": "medium"}),
        ("messages", CLAUDE, {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 4000}),
    ],
)
def test_opaque_parts_go_back_unchanged_and_to_nobody_else(emu, ask, api, model, options):
    first = ask(emu, model=model, messages=HELLO, api=api, **options)
    message = first.choices[0].message
    assert message.reasoning_details
    messages = [*HELLO, message, {"role": "user", "content": "And now?"}]
    again = ask(emu, model=model, messages=messages, api=api, **options)  # the emulator checks what comes back
    assert not isinstance(again, InferenceError), again
    assert ("signature" in emu.requests[1].body.decode()) or ("encrypted_content" in emu.requests[1].body.decode())
    secrets = [entry.get("signature") or entry.get("data") for entry in message.reasoning_details]
    for other in (HOSTED, GPT if model == CLAUDE else CLAUDE):
        answer = ask(emu, model=other, messages=messages)
        assert not isinstance(answer, InferenceError), answer
        assert not any(secret in emu.requests[-1].body.decode() for secret in secrets if secret)


@EVERY_CALL
@pytest.mark.parametrize("api", ["chat_completions", "responses", "messages"])
def test_thinking_between_the_calls_of_an_open_model_goes_back_by_each_api(emu, ask, api):
    register_model(THINKER, kind="chat", provider="Moonshot AI", reasoning=True, tools=True, endpoints=ALL_PATHS)
    emu.reply(reasoning="Lisbon is a city.", tool_calls=[("get_weather", {"city": "Lisbon"})])
    first = ask(emu, model=THINKER, messages=HELLO, tools=[WEATHER], api=api)
    message = first.choices[0].message
    assert message.reasoning_content == "Lisbon is a city."
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "Sunny."}
    again = ask(emu, model=THINKER, messages=[*HELLO, message, result], tools=[WEATHER], api=api)
    assert not isinstance(again, InferenceError), again
    assert "Lisbon is a city." in emu.requests[-1].body.decode()


@EVERY_CALL
@pytest.mark.parametrize("model", [CLAUDE, THINKER])
def test_an_answer_that_was_cut_while_it_thought_is_carried_on(emu, ask, model):
    register_model(THINKER, kind="chat", provider="Moonshot AI", reasoning=True, tools=True, endpoints=ALL_PATHS)
    emu.reply("", reasoning="Hm.", finish_reason="length")
    options = {"model": model, "api": "messages", "max_tokens": 3000}
    if model == CLAUDE:
        options["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    with pytest.warns(EmptyAnswerWarning):
        message = ask(emu, messages=HELLO, **options).choices[0].message
    assert message.reasoning_details
    again = ask(emu, messages=[*HELLO, message, {"role": "user", "content": "And now?"}], **options)
    assert not isinstance(again, InferenceError), again
    assert [turn["role"] for turn in emu.requests[-1].json["messages"]] == ["user"]


@EVERY_CALL
def test_an_answer_without_opaque_parts_has_none(emu, ask):
    message = ask(emu, model=HOSTED, messages=HELLO, api="chat_completions").choices[0].message
    assert message.reasoning_details is None
    assert message["reasoning_details"] is None


# --- failures ---


@EVERY_CALL
@ON_EACH
def test_a_failure_before_the_content_is_sent_again(emu, ask, api, model):
    emu.script(Status(503, headers={"retry-after": "0"}), None)
    assert ask(emu, model=model, messages=HELLO, api=api).text == "You said: Say hello"
    assert emu.posts == 2


@ON_EACH
def test_a_stream_that_breaks_off_is_no_answer(emu, api, model):
    emu.reply("one two three four five six seven eight")
    emu.script(Reset(after_events=6))
    with pytest.raises(StreamInterrupted) as raised:
        make(emu).stream(model=model, messages=HELLO, api=api).completion()
    assert raised.value.partial.text
    assert raised.value.partial.text in "one two three four five six seven eight"


@ON_EACH
def test_a_stream_without_its_last_event_is_cut(emu, api, model):
    emu.reply("one two three four five six seven eight")
    emu.script(Truncate(after_events=6))
    with pytest.raises(StreamInterrupted):
        make(emu).stream(model=model, messages=HELLO, api=api).completion()


@ON_EACH
def test_an_error_within_a_stream_is_one(emu, api, model):
    emu.reply("one two three four five six seven eight")
    emu.script(ErrorEvent(after_events=6))
    with pytest.raises(StreamError):
        make(emu).stream(model=model, messages=HELLO, api=api).completion()


CALL_MADE = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
UNMATCHED = [
    (
        [*HELLO, {"role": "assistant", "content": None, "tool_calls": [CALL_MADE]}, *HELLO],
        "the call 'c1' of the tool 'add' has no result right behind it.*tool_call_id 'c1'.*handle_tool_errors=True",
    ),
    ([*HELLO, {"role": "tool", "tool_call_id": "c1", "content": "3"}], "has the call 'c1' of which this is the result"),
]


@EVERY_CALL
@pytest.mark.parametrize(("api", "model"), [*WIRES, ("chat_completions", HOSTED)])
def test_refused_calls_and_results_are_named(emu, ask, api, model):
    for messages, advice in UNMATCHED:
        refused = ask(emu, model=model, messages=messages, api=api)
        assert isinstance(refused, BadRequestError)
        assert re.search(advice, str(refused))


def sse(*events):
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


WORDS = [
    {"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 7, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
    {"type": "content_block_stop", "index": 0},
]
CALL = [
    {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Skagen"}},
    },
    {"type": "content_block_stop", "index": 1},
]
STOP = {"type": "message_stop"}


@pytest.mark.parametrize(("events", "reason"), [([*WORDS, STOP], "stop"), ([*WORDS, *CALL, STOP], "tool_calls")])
def test_an_answer_that_ends_without_its_last_count_keeps_the_first(emu, events, reason):
    emu.script(RawStream([sse(*events)]))
    answer = make(emu).stream(model=CLAUDE, messages=HELLO, api="messages").completion()
    assert (answer.text, answer.choices[0].finish_reason) == ("Hello", reason)
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (7, 1)


def test_an_end_inside_a_block_is_none(emu):
    emu.script(RawStream([sse(*WORDS, CALL[0], STOP)]))
    with pytest.raises(StreamInterrupted):
        make(emu).stream(model=CLAUDE, messages=HELLO, api="messages").completion()


@EVERY_CALL
@ON_EACH
def test_errors_have_the_classes_of_chat_completions(emu, ask, api, model):
    emu.always = Status(500)
    assert type(ask(emu, model=model, messages=HELLO, api=api)) is ServerError


@ON_EACH
def test_an_answer_cut_by_its_limit(emu, api, model):
    answer = make(emu).chat(model=model, messages=HELLO, api=api, max_completion_tokens=1 if api == "messages" else 16)
    assert answer.choices[0].finish_reason in {"length", "stop"}
    emu.reply("one two three", finish_reason="length")
    assert make(emu).chat(model=model, messages=HELLO, api=api).choices[0].finish_reason == "length"


def test_an_agent_answers_on_chat_completions_only(emu: Emulator):
    with Client(emu.agent_key, base_url=emu.agent_url, default_query={"agent": "true"}) as client:
        with pytest.raises(ConfigError, match="an agent answers on chat completions only"):
            client.chat(model="n/a", messages=HELLO, api="messages")
        assert client.chat(model="n/a", messages=HELLO).response_info.api == "chat_completions"
