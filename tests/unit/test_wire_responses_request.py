"""A canonical request as the body of `/responses`."""

from __future__ import annotations

import logging

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


def call(id_, name="f", arguments="{}"):
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def call_item(id_, name="f", arguments="{}"):
    return {"type": "function_call", "call_id": id_, "name": name, "arguments": arguments}


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
        ({"reasoning": {"effort": "high", "summary": "detailed"}}, {"reasoning": {"effort": "high", "summary": "detailed"}}),
        ({"reasoning": {"effort": "high", "summary": None}}, {"reasoning": {"effort": "high"}}),
        ({"reasoning": {"summary": "auto"}}, {"reasoning": {"summary": "auto"}}),
        ({"reasoning": {"summary": "concise"}, "reasoning_effort": "low"}, {"reasoning": {"summary": "concise", "effort": "low"}}),
        ({"verbosity": "low"}, {"text": {"verbosity": "low"}}),
        ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": True}),
        ({"stream_options": {"include_obfuscation": False}}, {"stream_options": {"include_obfuscation": False}}),
        ({"previous_response_id": "resp_1", "truncation": "auto"}, {"previous_response_id": "resp_1", "truncation": "auto"}),
        ({"extra_body": {"x": 1}, "timeout": 3}, {"extra_body": {"x": 1}, "timeout": 3}),
        ({"logprobs": True, "top_logprobs": 2}, {"top_logprobs": 2, "include": [ENCRYPTED, "message.output_text.logprobs"]}),
        ({"logprobs": False, "n": 1, "frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}}, {}),
        ({"seed": None, "tools": None}, {}),
    ],
)  # fmt: skip
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
        ({"type": "web_search", "max_uses": 2}, {"type": "web_search", "max_uses": 2}),
        ({"type": "mcp", "server_label": "a", "server_url": "b"}, {"type": "mcp", "server_label": "a", "server_url": "b"}),
        (
            {"type": "knowledge_base_retrieval", "knowledge_base_id": "k"},
            {"type": "knowledge_base_retrieval", "knowledge_base_id": "k"},
        ),
        ({"type": "namespace", "name": "n", "tools": [WEATHER]}, {"type": "namespace", "name": "n", "tools": [FLAT]}),
    ],
)  # fmt: skip
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
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "a"}}]}},
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "a"}]},
        ),
    ],
)  # fmt: skip
def test_tool_choice(given, sent):
    assert body(tools=[WEATHER], tool_choice=given)["tool_choice"] == sent


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (
            {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA, "strict": True, "description": "A city"}},
            {"type": "json_schema", "name": "city", "schema": SCHEMA, "strict": True, "description": "A city"},
        ),
        ({"type": "json_schema", "json_schema": {"name": "any"}}, {"type": "json_schema", "name": "any", "schema": {}}),
        ({"type": "json_object"}, {"type": "json_object"}),
        ({"type": "text"}, {"type": "text"}),
    ],
)  # fmt: skip
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
            {"type": "input_file", "file_data": "data:application/vnd.ms-excel;base64,YQ==", "filename": "document.pdf"},
        ),
        ({"type": "file", "file": {"file_id": "f1"}}, {"type": "input_file", "file_id": "f1"}),
        ({"type": "file", "file": {"file_url": "https://h/a.pdf"}}, {"type": "input_file", "file_url": "https://h/a.pdf"}),
        ({"type": "file", "file": {"file_data": "https://h/a.pdf"}}, {"type": "input_file", "file_url": "https://h/a.pdf"}),
        (
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        ),
        ({"type": "input_image", "file_id": "f"}, {"type": "input_image", "file_id": "f"}),
    ],
)  # fmt: skip
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


# --- an assistant's turns ---


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        ({"content": "Hi"}, [text_item("assistant", "Hi")]),
        ({"content": [{"type": "text", "text": "Hi"}]}, [text_item("assistant", "Hi")]),
        (
            {"content": None, "refusal": "No."},
            [{"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}],
        ),
        ({"content": [{"type": "refusal", "refusal": "No."}]}, [{"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}]),
        ({"content": ""}, []),
        ({"content": "I look.", "tool_calls": [call("a"), call("b")]}, [text_item("assistant", "I look."), call_item("a"), call_item("b")]),
        ({"content": None, "tool_calls": [call("a", arguments=' {"x": 1}\n')]}, [call_item("a", arguments='{"x": 1}')]),
        ({"tool_calls": [call("a", arguments="")]}, [call_item("a")]),
        ({"tool_calls": [call("a", arguments={"x": 1})]}, [call_item("a", arguments='{"x":1}')]),
    ],
)  # fmt: skip
def test_assistant(message, sent):
    assert items(HI, {"role": "assistant", **message})[1:] == sent


def entry(kind, index, **fields):
    return {"type": f"reasoning.{kind}", "format": "responses", "model": MODEL, "index": index, **fields}


def thought(*details, **message):
    return {"role": "assistant", "reasoning_details": list(details), **message}


def test_reasoning_stands_before_its_calls():
    message = thought(
        entry("summary", 0, id="rs_1", summary="One."),
        entry("summary", 1, id="rs_1", summary="Two."),
        entry("encrypted", 2, id="rs_1", data="gAAA"),
        tool_calls=[call("a")],
    )
    reasoning = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "One."}, {"type": "summary_text", "text": "Two."}],
        "encrypted_content": "gAAA",
    }
    assert items(message) == [reasoning, call_item("a")]


def test_interleaved_reasoning_keeps_its_place():
    message = thought(
        entry("encrypted", 0, id="rs_1", data="A"),
        entry("encrypted", 2, id="rs_2", data="B", after=2),
        entry("encrypted", 1, data="C"),
        content="Text.",
        tool_calls=[call("a"), call("b")],
        server_tool_calls=[
            {"type": "web_search_call", "id": "ws_1", "format": "responses", "model": MODEL, "index": 3, "after": 2}
        ],
    )
    order = [item.get("encrypted_content") or item.get("call_id") or item["type"] for item in items(message)]
    assert order == ["A", "C", "message", "a", "B", "web_search_call", "b"]


def test_thinking_of_a_hosted_model_goes_back_as_its_text_and_without_an_id():
    message = thought(entry("text", 0, id="8759", text=" I think."), tool_calls=[call("a")])
    content = [{"type": "reasoning_text", "text": " I think."}]
    assert items(message) == [{"type": "reasoning", "summary": [], "content": content}, call_item("a")]
    assert items(message, store=True)[0]["id"] == "8759"


def test_entries_without_ids_are_items_by_their_ends():
    message = thought(
        entry("summary", 0, summary="x"), entry("encrypted", 1, data="A"), entry("encrypted", 2, data="B"), content="c"
    )
    assert [len(item.get("summary", ())) for item in items(message)] == [1, 0, 0]


@pytest.mark.parametrize(
    "foreign",
    [
        {"format": "messages"},
        {"format": None},
        {"model": "openai-gpt-5.5"},
    ],
)
def test_foreign_parts_are_left_out_with_a_line_in_the_log(foreign, caplog):
    message = thought(
        {**entry("encrypted", 0, data="gAAA"), **foreign},
        content="Hi",
        tool_calls=[call("a")],
        server_tool_calls=[{"type": "web_search_call", "format": "responses", "model": MODEL, "index": 1, **foreign}],
        reasoning_content="thinking",
    )
    with caplog.at_level(logging.DEBUG, "inference_do"):
        assert items(message) == [text_item("assistant", "Hi"), call_item("a")]
    assert [record.levelname for record in caplog.records] == ["DEBUG", "DEBUG"]
    assert "messages[0]: a reasoning.encrypted of another wire or model is left out" in caplog.text
    assert "gAAA" not in caplog.text


@pytest.mark.parametrize("junk", ["x", None, 7, {"type": "reasoning.text"}, entry("text", 0, text=5), entry("new", 0)])
def test_parts_of_no_known_form_are_left_out(junk):
    assert items(thought(junk, content="Hi")) == [text_item("assistant", "Hi")]


def test_reasoning_that_led_to_nothing_is_left_out():
    assert items(HI, thought(entry("encrypted", 0, data="A"), content=""), HI) == [text_item("user", "Hi")] * 2


def test_a_server_tools_call_goes_back_unchanged():
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "q"}}
    message = thought(
        content="Found.", server_tool_calls=[{**search, "format": "responses", "model": MODEL, "index": 0}]
    )
    assert items(message) == [search, text_item("assistant", "Found.")]


def test_phase_and_namespace_go_back():
    details = [
        {"type": "responses.item", "item": {"type": "message", "phase": "commentary"}},
        {"type": "responses.item", "item": {"type": "function_call", "call_id": "a", "namespace": "crm"}},
        {"type": "responses.item", "item": None},
    ]
    marks = {"format": "responses", "model": MODEL}
    message = thought(
        *({**each, **marks, "index": n} for n, each in enumerate(details)), content="Hi", tool_calls=[call("a")]
    )
    assert items(message) == [
        {**text_item("assistant", "Hi"), "phase": "commentary"},
        {**call_item("a"), "namespace": "crm"},
    ]
