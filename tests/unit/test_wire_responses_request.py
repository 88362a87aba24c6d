"""A canonical request as the body of `/responses`."""

from __future__ import annotations

import pytest

from inference_do._wires.responses import Responses
from inference_do.errors import ConfigError

MODEL = "openai-gpt-5.4"
PNG = "data:image/png;base64,iVBORw0KGgo="
HI = {"role": "user", "content": "Hi"}
ENCRYPTED = "reasoning.encrypted_content"


def body(*messages, defaults=frozenset(), encrypted=True, **params):
    request = {"model": MODEL, "messages": list(messages or [HI]), **params}
    return Responses(MODEL, encrypted=encrypted).body(request, defaults)


def items(*messages, **params):
    return body(*messages, **params)["input"]


def text_item(role, text):
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def test_the_smallest_request():
    assert body() == {
        "model": MODEL,
        "input": [text_item("user", "Hi")],
        "store": False,
        "include": [ENCRYPTED],
    }


def test_the_request_is_left_as_it_is():
    request = {"model": MODEL, "messages": [HI], "reasoning": {"effort": "low"}, "max_completion_tokens": 5}
    before = {**request, "messages": [dict(HI)], "reasoning": {"effort": "low"}}
    Responses(MODEL).body(request)
    assert request == before


# --- system and developer messages ---


def test_what_opens_a_conversation_becomes_instructions():
    sent = body(
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "In French."}, "Now."]},
        HI,
        {"role": "developer", "content": "Shout."},
    )
    assert sent["instructions"] == "Be brief.\n\nIn French.\nNow."
    assert sent["input"] == [text_item("user", "Hi"), text_item("developer", "Shout.")]


def test_instructions_of_the_callers_own_stay_and_messages_are_items():
    sent = body({"role": "system", "content": "Be brief."}, HI, instructions="Mine.")
    assert sent["instructions"] == "Mine."
    assert sent["input"] == [text_item("system", "Be brief."), text_item("user", "Hi")]


def test_a_conversation_of_instructions_alone_still_has_an_input():
    sent = body({"role": "system", "content": "Be brief."})
    assert "instructions" not in sent
    assert sent["input"] == [text_item("system", "Be brief.")]


def test_an_empty_system_message_is_no_instruction():
    assert "instructions" not in body({"role": "system", "content": ""}, HI)


def test_a_system_message_with_an_image_stays_where_it_is():
    message = {"role": "system", "content": [{"type": "image_url", "image_url": {"url": PNG}}]}
    sent = body(message, HI)
    assert "instructions" not in sent
    assert sent["input"][0]["content"] == [{"type": "input_image", "image_url": PNG, "detail": "auto"}]


# --- fields ---


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"max_completion_tokens": 99}, {"max_output_tokens": 99}),
        ({"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}),
        ({"stop": ["x"]}, {"stop": ["x"]}),
        ({"metadata": {"a": "b"}, "user": "u"}, {"metadata": {"a": "b"}, "user": "u"}),
        ({"parallel_tool_calls": False}, {"parallel_tool_calls": False}),
        ({"reasoning_effort": "low"}, {"reasoning": {"effort": "low", "summary": "auto"}}),
        ({"reasoning_effort": "none"}, {"reasoning": {"effort": "none"}}),
        (
            {"reasoning": {"effort": "high", "summary": "detailed"}},
            {"reasoning": {"effort": "high", "summary": "detailed"}},
        ),
        ({"reasoning": {"effort": "high", "summary": None}}, {"reasoning": {"effort": "high"}}),
        ({"reasoning": {"summary": "auto"}}, {"reasoning": {"summary": "auto"}}),
        (
            {"reasoning": {"summary": "concise"}, "reasoning_effort": "low"},
            {"reasoning": {"summary": "concise", "effort": "low"}},
        ),
        ({"verbosity": "low"}, {"text": {"verbosity": "low"}}),
        ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": True}),
        ({"stream_options": {"include_obfuscation": False}}, {"stream_options": {"include_obfuscation": False}}),
        (
            {"previous_response_id": "resp_1", "truncation": "auto"},
            {"previous_response_id": "resp_1", "truncation": "auto"},
        ),
        ({"extra_body": {"x": 1}, "timeout": 3}, {"extra_body": {"x": 1}, "timeout": 3}),
        (
            {"logprobs": True, "top_logprobs": 2},
            {"top_logprobs": 2, "include": [ENCRYPTED, "message.output_text.logprobs"]},
        ),
        ({"logprobs": False, "n": 1, "frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}}, {}),
        ({"seed": None, "tools": None}, {}),
    ],
)
def test_fields(given, sent):
    plain = body()
    assert body(**given) == {**plain, **sent}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, {"store": False, "include": [ENCRYPTED]}),
        ({"store": True}, {"store": True}),
        ({"store": True, "include": ["a"]}, {"store": True, "include": ["a"]}),
        ({"include": ["a"]}, {"store": False, "include": ["a", ENCRYPTED]}),
        ({"include": [ENCRYPTED]}, {"store": False, "include": [ENCRYPTED]}),
        ({"encrypted": False}, {"store": False}),
    ],
)
def test_nothing_is_stored_unless_asked(given, sent):
    made = body(**given)
    assert {name: made[name] for name in ("store", "include") if name in made} == sent


UNSAYABLE = {
    "n": 2,
    "seed": 7,
    "logit_bias": {"1": 5},
    "frequency_penalty": 0.5,
    "presence_penalty": -1,
    "chat_template_kwargs": {"enable_thinking": False},
    "modalities": ["text", "audio"],
    "audio": {"voice": "x"},
    "prediction": {"type": "content"},
    "web_search_options": {},
    "functions": [],
    "function_call": "auto",
    "reasoning": {"max_tokens": 100},
}


@pytest.mark.parametrize("name", UNSAYABLE)
def test_a_field_that_the_wire_cannot_say_is_refused(name):
    with pytest.raises(ConfigError, match=rf"{name}.* cannot be sent to /responses: "):
        body(**{name: UNSAYABLE[name]})


@pytest.mark.parametrize("name", UNSAYABLE)
def test_a_default_that_the_wire_cannot_say_is_left_out(name):
    assert body(**{name: UNSAYABLE[name]}, defaults={name}) == body()


def test_the_refusal_says_how_to_mend_it():
    with pytest.raises(ConfigError, match="leave it out, or set api='chat_completions' if the model answers there"):
        body(seed=1)


# --- tools ---

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"type": "function", "function": {"name": "weather", "description": "Tells.", "parameters": SCHEMA}}
FLAT = {"type": "function", "name": "weather", "description": "Tells.", "parameters": SCHEMA, "strict": False}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (WEATHER, FLAT),
        ({**WEATHER, "function": {**WEATHER["function"], "strict": True}}, {**FLAT, "strict": True}),
        ({**WEATHER, "function": {**WEATHER["function"], "strict": None}}, FLAT),
        ({**WEATHER, "cache_control": {"type": "ephemeral"}}, FLAT),
        (
            {"type": "function", "function": {"name": "now"}},
            {"type": "function", "name": "now", "parameters": {"type": "object", "properties": {}}, "strict": False},
        ),
        (FLAT, FLAT),
        ("a tool of a form that the API may know", "a tool of a form that the API may know"),
        ({"type": "web_search", "max_uses": 2}, {"type": "web_search", "max_uses": 2}),
        (
            {"type": "mcp", "server_label": "a", "server_url": "b"},
            {"type": "mcp", "server_label": "a", "server_url": "b"},
        ),
        (
            {"type": "knowledge_base_retrieval", "knowledge_base_id": "k"},
            {"type": "knowledge_base_retrieval", "knowledge_base_id": "k"},
        ),
        ({"type": "namespace", "name": "n", "tools": [WEATHER]}, {"type": "namespace", "name": "n", "tools": [FLAT]}),
    ],
)
def test_tools(given, sent):
    assert body(tools=[given])["tools"] == [sent]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("none", "none"),
        ("auto", "auto"),
        ("required", "required"),
        ({"type": "function", "function": {"name": "weather"}}, {"type": "function", "name": "weather"}),
        ({"type": "function", "name": "weather"}, {"type": "function", "name": "weather"}),
        ({"type": "web_search"}, {"type": "web_search"}),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "a"}}]},
            },
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "a"}]},
        ),
    ],
)
def test_tool_choice(given, sent):
    assert body(tools=[WEATHER], tool_choice=given)["tool_choice"] == sent


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (
            {
                "type": "json_schema",
                "json_schema": {"name": "city", "schema": SCHEMA, "strict": True, "description": "A city"},
            },
            {"type": "json_schema", "name": "city", "schema": SCHEMA, "strict": True, "description": "A city"},
        ),
        ({"type": "json_schema", "json_schema": {"name": "any"}}, {"type": "json_schema", "name": "any", "schema": {}}),
        ({"type": "json_object"}, {"type": "json_object"}),
        ({"type": "text"}, {"type": "text"}),
    ],
)
def test_the_form_of_the_answer(given, sent):
    assert body(response_format=given)["text"] == {"format": sent}
    assert body(response_format=given, verbosity="low")["text"] == {"format": sent, "verbosity": "low"}
    assert body(response_format=given, text={"verbosity": "high"})["text"] == {"format": sent, "verbosity": "high"}


# --- what a user says ---


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        ("a", {"type": "input_text", "text": "a"}),
        ({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, {"type": "input_text", "text": "a"}),
        (
            {"type": "image_url", "image_url": {"url": "https://h/a.png", "detail": "low"}},
            {"type": "input_image", "image_url": "https://h/a.png", "detail": "low"},
        ),
        ({"type": "image_url", "image_url": {"url": PNG}}, {"type": "input_image", "image_url": PNG, "detail": "auto"}),
        ({"type": "image_url", "image_url": PNG}, {"type": "input_image", "image_url": PNG, "detail": "auto"}),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERg==", "filename": "a.pdf"}},
            {"type": "input_file", "file_data": "data:application/pdf;base64,JVBERg==", "filename": "a.pdf"},
        ),
        (
            {"type": "file", "file": {"file_data": "data:text/csv;base64,YQ=="}},
            {"type": "input_file", "file_data": "data:text/csv;base64,YQ==", "filename": "document.csv"},
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/vnd.ms-excel;base64,YQ=="}},
            {
                "type": "input_file",
                "file_data": "data:application/vnd.ms-excel;base64,YQ==",
                "filename": "document.pdf",
            },
        ),
        ({"type": "file", "file": {"file_id": "f1"}}, {"type": "input_file", "file_id": "f1"}),
        (
            {"type": "file", "file": {"file_url": "https://h/a.pdf"}},
            {"type": "input_file", "file_url": "https://h/a.pdf"},
        ),
        (
            {"type": "file", "file": {"file_data": "https://h/a.pdf"}},
            {"type": "input_file", "file_url": "https://h/a.pdf"},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        ),
        ({"type": "input_image", "file_id": "f"}, {"type": "input_image", "file_id": "f"}),
    ],
)
def test_parts(part, sent):
    assert items({"role": "user", "content": [part]})[0]["content"] == [sent]


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (
            {"role": "user", "content": [{"type": "video_url", "video_url": {"url": "https://h/a"}}]},
            r"a part of type 'video_url' in messages\[1\] cannot be sent to /responses",
        ),
        ({"role": "user", "content": [7]}, r"a part of type int in messages\[1\]"),
        ({"role": "user", "content": 7}, r"messages\[1\] has content that is neither text nor a list of parts: int"),
        ({"role": "tool", "tool_call_id": "c", "content": {"a": 1}}, r"messages\[1\] has content that is neither text"),
        ({"role": "function", "content": "x"}, r"messages\[1\] has the role 'function'"),
        ({"role": "tool", "content": "x"}, r"messages\[1\] is a tool's result and needs the tool_call_id"),
        (
            {"role": "assistant", "content": [{"type": "image_url", "image_url": PNG}]},
            r"a part of type 'image_url' in messages\[1\]",
        ),
    ],
)
def test_what_cannot_be_a_message_is_refused(message, complaint):
    with pytest.raises(ConfigError, match=complaint):
        body(HI, message)


# --- tools' results ---


@pytest.mark.parametrize(
    ("content", "output"),
    [
        ("22", "22"),
        ("", ""),
        (None, ""),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "a\nb"),
        (
            [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": PNG}}],
            [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": PNG, "detail": "auto"}],
        ),
        (
            [{"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "r.pdf"}}],
            [{"type": "input_file", "file_data": "data:application/pdf;base64,AA==", "filename": "r.pdf"}],
        ),
    ],
)
def test_tool_results(content, output):
    message = {"role": "tool", "tool_call_id": "c1", "name": "f", "content": content}
    assert items(message) == [{"type": "function_call_output", "call_id": "c1", "output": output}]
