"""The wire of `/messages`: requests, whole answers and events, without HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_do import ConfigError, register_model
from inference_do._wires.codec import ReportedError
from inference_do._wires.messages import Messages
from inference_do._wires.messages_request import messages_body
from inference_do.accumulate import Accumulator
from inference_do.types import ChatCompletion

MODEL = "anthropic-claude-haiku-4.5"
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "City", "schema": {"properties": {"name": {"type": "string"}}}},
}


def body(messages: list[dict[str, Any]] | None = None, defaults: frozenset[str] = frozenset(), **fields: Any) -> Any:
    request = {"model": MODEL, "messages": messages or [{"role": "user", "content": "Hello!"}], **fields}
    return Messages(request).body(request, defaults)


# --- requests ---


def test_a_plain_request():
    assert body(max_completion_tokens=50, temperature=0, stop="x", user="ann", stream=True, stream_options={}) == {
        "model": MODEL,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello!"}]}],
        "max_tokens": 50,
        "temperature": 0,
        "stop_sequences": ["x"],
        "metadata": {"user_id": "ann"},
        "stream": True,
    }


def test_the_required_limit_is_the_models_own():
    register_model("test-claude", kind="chat", max_output_tokens=777)
    request = {"model": "test-claude", "messages": [{"role": "user", "content": "a"}]}
    assert Messages(request).body(request)["max_tokens"] == 777
    assert Messages(request).body({**request, "model": "unheard-of"})["max_tokens"] == 4096


def test_system_messages_go_to_system_wherever_they_stand():
    mark = {"type": "ephemeral"}
    made = body(
        [
            {"role": "system", "content": [{"type": "text", "text": "Be brief.", "cache_control": mark}]},
            {"role": "user", "content": "a"},
            {"role": "developer", "content": "In French."},
            {"role": "user", "content": "b"},
        ]
    )
    assert made["system"] == [
        {"type": "text", "text": "Be brief.", "cache_control": mark},
        {"type": "text", "text": "In French."},
    ]
    assert [block["text"] for block in made["messages"][0]["content"]] == ["a", "b"]


def test_calls_and_results_are_blocks_and_results_come_first():
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Faro"}'}},
        {"id": "c2", "type": "function", "function": {"name": "weather", "arguments": ""}},
    ]
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    made = body(
        [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "", "tool_calls": calls},
            {"role": "tool", "tool_call_id": "c1", "content": "Sunny"},
            {"role": "user", "content": "b"},
            {"role": "tool", "tool_call_id": "c2", "content": [picture], "cache_control": {"type": "ephemeral"}},
        ]
    )
    assert made["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Faro"}},
                {"type": "tool_use", "id": "c2", "name": "weather", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "Sunny"},
                {
                    "type": "tool_result",
                    "tool_use_id": "c2",
                    "content": [
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
                    ],
                    "cache_control": {"type": "ephemeral"},
                },
                {"type": "text", "text": "b"},
            ],
        },
    ]


PARTS = [
    ({"type": "text", "text": "a"}, {"type": "text", "text": "a"}),
    (
        {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
        {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
    ),
    (
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
            "title": "a.pdf",
        },
    ),
    (
        {"type": "file", "file": {"file_url": "https://x/y.pdf"}, "cache_control": {"type": "ephemeral"}},
        {
            "type": "document",
            "source": {"type": "url", "url": "https://x/y.pdf"},
            "cache_control": {"type": "ephemeral"},
        },
    ),
    (
        {"type": "file", "file": {"file_id": "file_1"}},
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
    ),
]


@pytest.mark.parametrize(("part", "block"), PARTS)
def test_parts(part, block):
    assert body([{"role": "user", "content": [part]}])["messages"][0]["content"] == [block]


def test_empty_texts_are_left_out():
    made = body(
        [
            {"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "a"}]},
            {"role": "assistant", "content": " "},
        ]
    )
    assert made["messages"] == [{"role": "user", "content": [{"type": "text", "text": "a"}]}]


TOOL_CHOICES = [
    ("auto", {"type": "auto"}),
    ("none", {"type": "none"}),
    ("required", {"type": "any"}),
    ({"type": "function", "function": {"name": "weather"}}, {"type": "tool", "name": "weather"}),
]


@pytest.mark.parametrize(("choice", "expected"), TOOL_CHOICES)
def test_tool_choices(choice, expected):
    made = body(tools=[WEATHER], tool_choice=choice)
    assert made["tool_choice"] == expected
    assert made["tools"] == [{"name": "weather", "input_schema": {"type": "object", "properties": {}}}]


def test_one_call_at_a_time():
    made = body(tools=[WEATHER], parallel_tool_calls=False)
    assert made["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert "tool_choice" not in body(tools=[WEATHER], parallel_tool_calls=True)
    assert body(tools=[WEATHER], tool_choice="none", parallel_tool_calls=False)["tool_choice"] == {"type": "none"}


def test_tools_of_the_server_and_marks_on_tools():
    search = {"type": "web_search", "max_uses": 2}
    made = body(tools=[search, {**WEATHER, "cache_control": {"type": "ephemeral"}}])
    assert made["tools"][0] == search
    assert made["tools"][1]["cache_control"] == {"type": "ephemeral"}


def test_a_schema_is_asked_for_by_a_tool():
    made = body(response_format=FORMAT)
    assert made["tool_choice"] == {"type": "tool", "name": "City"}
    assert made["tools"][0]["input_schema"] == {"type": "object", "properties": {"name": {"type": "string"}}}
    assert body(response_format=FORMAT, tools=[WEATHER])["tool_choice"] == {"type": "any"}
    assert "tools" not in body(response_format={"type": "text"})


def test_the_schemas_tool_is_none_of_the_callers_own():
    own = {"type": "function", "function": {"name": "City"}}
    made = body(response_format=FORMAT, tools=[own])
    assert [tool["name"] for tool in made["tools"]] == ["City", "City_answer"]
    content = [{"type": "tool_use", "id": "t1", "name": "City", "input": {}}]
    request = {"model": MODEL, "response_format": FORMAT, "tools": [own]}
    assert Messages(request).read(json.dumps(whole(content)).encode()).choices[0].message.tool_calls


def test_a_tool_by_name_stays_the_choice_beside_a_schema():
    choice = {"type": "function", "function": {"name": "weather"}}
    made = body(response_format=FORMAT, tools=[WEATHER], tool_choice=choice)
    assert made["tool_choice"] == {"type": "tool", "name": "weather"}


THINKING = {"type": "enabled", "budget_tokens": 2000}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"response_format": FORMAT}, "Call the tool City."),
        ({"response_format": FORMAT, "tools": [WEATHER]}, "Call one of the tools."),
        ({"tools": [WEATHER], "tool_choice": "required", "parallel_tool_calls": False}, "Call one of the tools."),
        (
            {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "weather"}}},
            "Call the tool weather.",
        ),
    ],
)
@pytest.mark.parametrize(
    "thinking", [{"thinking": THINKING}, {"reasoning": {"max_tokens": 2000}}, {"thinking": {"type": "adaptive"}}]
)
def test_with_thinking_a_call_is_asked_for_in_words(fields, words, thinking):
    made = body([{"role": "system", "content": "a"}, {"role": "user", "content": "b"}], **fields, **thinking)
    assert made["tool_choice"]["type"] == "auto"
    assert "name" not in made["tool_choice"]
    assert made["tool_choice"].get("disable_parallel_tool_use", False) is ("parallel_tool_calls" in fields)
    assert [block["text"] for block in made["system"]] == ["a", words]
    forced = body(**fields, thinking={"type": "disabled"})
    assert forced["tool_choice"]["type"] in {"any", "tool"}
    assert "system" not in forced


@pytest.mark.parametrize("cuts", [[], [3, 9]])
def test_text_before_a_schemas_call_is_no_part_of_the_answer(cuts):
    request = {"model": MODEL, "response_format": FORMAT, "thinking": THINKING}
    said = {"type": "text", "text": "Here it is:"}
    answer = whole([said, {"type": "tool_use", "id": "t1", "name": "City", "input": {"name": "Faro"}}])
    for completion in (
        Messages(request).read(json.dumps(answer).encode()),
        streamed(events_of(answer, cuts), request),
    ):
        assert (completion.text, completion.choices[0].finish_reason) == ('{"name":"Faro"}', "stop")
    answer = whole([said], "end_turn")
    assert streamed(events_of(answer, cuts), request).text == "Here it is:"
    assert Messages(request).read(json.dumps(answer).encode()).text == "Here it is:"


def test_a_system_message_alone_is_what_the_user_says():
    made = body([{"role": "system", "content": "Hello!"}])
    assert made["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Hello!"}]}]
    assert "system" not in made


def test_a_plain_text_file_is_sent_as_text():
    def made(data: str) -> Any:
        file = {"file_data": f"data:text/plain;base64,{data}", "filename": "a.txt"}
        return body([{"role": "user", "content": [{"type": "file", "file": file}]}])["messages"][0]["content"]

    source = {"type": "text", "media_type": "text/plain", "data": "hé"}
    assert made("aMOp") == [{"type": "document", "source": source, "title": "a.txt"}]
    with pytest.raises(ConfigError, match="must be UTF-8 in base64"):
        made("/w==")


def test_thinking():
    assert body(reasoning_effort="low")["reasoning_effort"] == "low"
    made = body(reasoning={"effort": "high", "max_tokens": 2000})
    assert (made["reasoning_effort"], made["thinking"]) == ("high", {"type": "enabled", "budget_tokens": 2000})
    assert body(thinking={"type": "adaptive"}, reasoning={"max_tokens": 5})["thinking"] == {"type": "adaptive"}


def test_thinking_is_left_out_where_calls_go_on_without_thoughts():
    thinking = {"type": "enabled", "budget_tokens": 2000}
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "Sunny"},
    ]
    assert "thinking" not in body(turns, thinking=thinking)
    assert body(turns, thinking={"type": "adaptive"})["thinking"] == {"type": "adaptive"}
    assert body([*turns, {"role": "user", "content": "b"}], thinking=thinking)["thinking"] == thinking
    own = {"type": "reasoning.text", "text": "hm", "signature": "c2ln", "format": "messages", "model": MODEL}
    turns[1]["reasoning_details"] = [own]
    assert body(turns, thinking=thinking)["thinking"] == thinking


@pytest.mark.parametrize(
    "fields",
    [
        {"seed": 1},
        {"n": 2},
        {"logprobs": True},
        {"frequency_penalty": 0.5},
        {"store": True},
        {"temperature": 1.5},
        {"tool_choice": {"type": "allowed_tools"}},
        {"response_format": {"type": "grammar"}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "L", "schema": {"type": "array"}}}},
        {"metadata": {"team": "a"}},
    ],
    ids=str,
)
def test_what_the_wire_cannot_express_is_refused(fields):
    with pytest.raises(ConfigError, match=f"messages API|{next(iter(fields))}"):
        body(**fields)


def test_defaults_and_empty_meanings_are_left_out():
    made = body(defaults=frozenset({"seed"}), seed=1, n=1, store=False, logprobs=False, presence_penalty=None)
    assert made.keys() == {"model", "messages", "max_tokens"}


def test_a_part_without_a_form_here_is_refused():
    with pytest.raises(ConfigError, match=r"messages\[0\]: the messages API takes no part of type 'video_url'"):
        body([{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "https://x"}}]}])


def test_unknown_fields_go_out_as_they_are():
    assert body(container="c1")["container"] == "c1"


# --- answers ---

USAGE = {"input_tokens": 3, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 5, "output_tokens": 9}
CONTENT: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "A city.", "signature": "c2lnbg=="},
    {"type": "redacted_thinking", "data": "aGlkZGVu"},
    {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "Faro"}},
    {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"type": "web_search_result", "url": "u"}]},
    {
        "type": "text",
        "text": "It is sunny. 🌞",
        "citations": [{"type": "web_search_result_location", "url": "https://x", "title": "X", "cited_text": "sun"}],
    },
    {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Faro", "days": [1, 2]}},
    {"type": "tool_use", "id": "t2", "name": "weather", "input": {}},
]


def whole(content: list[dict[str, Any]], reason: str = "tool_use") -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5-20251001",
        "content": content,
        "stop_reason": reason,
        "usage": {**USAGE, "output_tokens_details": {"thinking_tokens": 4}},
    }


def pieces(text: str, cuts: list[int]) -> list[str]:
    ends = sorted({cut % (len(text) + 1) for cut in cuts} | {len(text)})
    return [text[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


def events_of(answer: dict[str, Any], cuts: list[int]) -> list[dict[str, Any]]:
    """Return the events in which a whole answer comes."""
    head = {**answer, "content": [], "stop_reason": None, "usage": {**USAGE, "output_tokens": 1}}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": head}, {"type": "ping"}]
    for index, block in enumerate(answer["content"]):
        events += _events_of_block(index, block, cuts)
    end = {"stop_reason": answer["stop_reason"], "stop_sequence": None}
    events.append({"type": "message_delta", "delta": end, "usage": answer["usage"]})
    return [*events, {"type": "message_stop"}]


def _events_of_block(index: int, block: dict[str, Any], cuts: list[int]) -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = []
    start = dict(block)
    if block["type"] == "text":
        start = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": part} for part in pieces(block["text"], cuts)]
        deltas += [{"type": "citations_delta", "citation": one} for one in block.get("citations", ())]
    elif block["type"] == "thinking":
        start = {"type": "thinking", "thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": part} for part in pieces(block["thinking"], cuts)]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    elif "input" in block:
        start["input"] = {}
        written = json.dumps(block["input"], separators=(",", ":")) if block["input"] else ""
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in ["", *pieces(written, cuts)]]
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def streamed(events: list[dict[str, Any]], request: dict[str, Any] | None = None) -> ChatCompletion:
    read, answer = Messages(request or {"model": MODEL}).events(), Accumulator()
    for event in events:
        made = read(event["type"], json.dumps(event).encode())
        if made is None:
            break
        for chunk in [made] if isinstance(made, dict) else made:
            answer.add(chunk)
    else:
        pytest.fail("the stream has no end")
    return answer.completion()


def test_a_whole_answer():
    completion = Messages({"model": MODEL}).read(json.dumps(whole(CONTENT)).encode())
    message = completion.choices[0].message
    assert (completion.id, completion.model, completion.choices[0].finish_reason) == (
        "msg_1",
        "claude-haiku-4-5-20251001",
        "tool_calls",
    )
    assert (message.content, message.reasoning_content) == ("It is sunny. 🌞", "A city.")
    assert [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls] == [
        ("t1", "weather", '{"city":"Faro","days":[1,2]}'),
        ("t2", "weather", ""),
    ]
    extra = message.model_extra or {}
    assert extra["annotations"][0]["url_citation"]["url"] == "https://x"
    assert [entry["item"] for entry in extra["server_tool_calls"]] == CONTENT[2:4]
    usage = completion.usage
    assert usage is not None
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens, usage.total_tokens) == (108, 100, 9, 117)
    assert usage.reasoning_tokens == 4


@given(st.lists(st.integers(0, 40), max_size=6))
def test_streamed_and_whole_answers_are_the_same(cuts):
    answer = whole(CONTENT)
    one, other = streamed(events_of(answer, cuts)), Messages({"model": MODEL}).read(json.dumps(answer).encode())
    assert one.model_dump(exclude={"created"}) == other.model_dump(exclude={"created"})


def test_thinking_goes_back_as_it_came_and_only_to_its_model():
    message = streamed(events_of(whole(CONTENT), [3])).choices[0].message
    sent = {"role": "assistant", **message.model_dump(exclude_none=True)}
    turns = [{"role": "user", "content": "a"}, sent]
    blocks = body(turns)["messages"][1]["content"]
    assert [block["type"] for block in blocks] == [
        "thinking",
        "redacted_thinking",
        "server_tool_use",
        "web_search_tool_result",
        "text",
        "tool_use",
        "tool_use",
    ]
    assert blocks[:4] == CONTENT[:4]
    request = {"model": "anthropic-claude-opus-5", "messages": turns, "max_completion_tokens": 5}
    other = Messages(request).body(request)["messages"][1]["content"]
    assert [block["type"] for block in other] == ["text", "tool_use", "tool_use"]
    sent["reasoning_details"] = [{"type": "reasoning.encrypted", "data": "x", "format": "responses"}]
    assert body(turns)["messages"][1]["content"][0]["type"] == "server_tool_use"


@pytest.mark.parametrize(
    ("model", "kinds"),
    [("kimi-k3", ["thinking", "tool_use"]), ("my-own-endpoint", ["thinking", "tool_use"]), (MODEL, ["tool_use"])],
)
@pytest.mark.parametrize("signature", ["", None])
def test_thinking_that_no_model_signs_goes_back_to_models_that_do_not_sign(model, kinds, signature):
    thought = {"type": "thinking", "thinking": "Hm.", "signature": signature}
    answer = whole([thought, {"type": "tool_use", "id": "c1", "name": "weather", "input": {}}])
    completion = Messages({"model": model}).read(json.dumps(answer).encode())
    sent = {"role": "assistant", **completion.choices[0].message.model_dump(exclude_none=True)}
    result = {"role": "tool", "tool_call_id": "c1", "content": "Sunny."}
    request = {"model": model, "messages": [{"role": "user", "content": "a"}, sent, result], "max_completion_tokens": 5}
    blocks = Messages(request).body(request)["messages"][1]["content"]
    assert [block["type"] for block in blocks] == kinds
    if kinds[0] == "thinking":
        assert blocks[0] == {"type": "thinking", "thinking": "Hm.", "signature": ""}


def test_an_empty_thought_keeps_its_signature():
    answer = whole(
        [{"type": "thinking", "thinking": "", "signature": "c2ln"}, {"type": "text", "text": "a"}], "end_turn"
    )
    message = streamed(events_of(answer, [])).choices[0].message
    assert (message.model_extra or {})["reasoning_details"][0]["signature"] == "c2ln"
    assert not message.reasoning_content


@pytest.mark.parametrize("cuts", [[], [1, 2, 5]])
def test_the_call_of_the_schemas_tool_is_the_answers_text(cuts):
    request = {"model": MODEL, "response_format": FORMAT}
    answer = whole([{"type": "tool_use", "id": "t1", "name": "City", "input": {"name": "Faro"}}])
    for completion in (streamed(events_of(answer, cuts), request), Messages(request).read(json.dumps(answer).encode())):
        assert completion.text == '{"name":"Faro"}'
        assert completion.choices[0].finish_reason == "stop"
        assert not completion.choices[0].message.tool_calls


def test_a_call_that_comes_whole_at_its_beginning():
    events = events_of(whole(CONTENT[5:6]), [])
    events = [event for event in events if event["type"] != "content_block_delta"]
    events[2]["content_block"]["input"] = {"city": "Faro"}
    assert streamed(events).choices[0].message.tool_calls[0].function.arguments == '{"city":"Faro"}'


REASONS = [
    ("end_turn", "stop"),
    ("stop_sequence", "stop"),
    ("max_tokens", "length"),
    ("model_context_window_exceeded", "length"),
    ("refusal", "content_filter"),
    ("pause_turn", "pause_turn"),
]


@pytest.mark.parametrize(("reason", "expected"), REASONS)
def test_finish_reasons(reason, expected):
    assert streamed(events_of(whole(CONTENT[4:5], reason), [])).choices[0].finish_reason == expected


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("error", b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}'),
        ("error", b"not JSON"),
        ("message", b'{"type":"error","error":{"type":"api_error","message":"no"}}'),
        ("", b'{"error":{"message":"no"}}'),
    ],
)
def test_errors_are_reported(name, data):
    with pytest.raises(ReportedError):
        Messages({"model": MODEL}).events()(name, data)


@pytest.mark.parametrize(
    "event",
    [
        b"[]",
        b"{",
        b'{"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":"{"}}',
        b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":5}}',
        b'{"type":"content_block_delta","index":0,"delta":"text"}',
        b'{"type":"content_block_delta","index":[],"delta":{"type":"thinking_delta","thinking":"a"}}',
        b'{"type":"content_block_start","index":{"a":1},"content_block":{"type":"text","text":""}}',
        b'{"type":"content_block_start","index":0,"content_block":[5]}',
        b'{"type":"content_block_stop","index":[5]}',
        b'{"type":"message_start","message":"hello"}',
        b'{"type":"message_delta","delta":["end_turn"]}',
        b'{"type":"message_delta","delta":{"stop_reason":["end_turn"]}}',
    ],
)
def test_what_is_no_event_of_this_wire(event):
    with pytest.raises(ValueError, match=r"no object|no text|no number|not begun|Expecting"):
        Messages({"model": MODEL}).events()("content_block_delta", event)


def test_an_event_without_a_type_has_its_name():
    read = Messages({"model": MODEL}).events()
    made = read("content_block_delta", b'{"index":0,"delta":{"type":"text_delta","text":"a"}}')
    assert made["choices"][0]["delta"]["content"] == "a"
    assert read("message_stop", b"{}") is None


@pytest.mark.parametrize("fields", [{"citations": 5}, {"citations": True}, {"type": ["text"]}, {"type": {}}])
def test_odd_fields_of_a_block_cost_nothing(fields):
    answer = whole([{"type": "text", "text": "a", **fields}, {"type": "text", "text": "b"}], "end_turn")
    assert Messages({"model": MODEL}).read(json.dumps(answer).encode()).text.endswith("b")


@pytest.mark.parametrize(
    "data", [b"[]", b"{}", b'{"content":[5],"stop_reason":"end_turn"}', b'{"content":[]}', b'{"choices":[]}']
)
def test_what_is_no_answer_of_this_wire(data):
    with pytest.raises(ValueError, match="it has no"):
        Messages({"model": MODEL}).read(data)


def test_events_that_nobody_knows_are_skipped():
    read = Messages({"model": MODEL}).events()
    assert read("ping", b'{"type":"ping"}') == ()
    assert read("new", b'{"type":"content_block_magic"}') == ()
    assert read("message", b"[DONE]") == ()  # alone it is a cut


@pytest.mark.parametrize(
    "usage", [None, [], {"input_tokens": "many", "output_tokens": None}, {"input_tokens": float("inf")}]
)
def test_odd_usage_costs_nothing(usage):
    completion = Messages({"model": MODEL}).read(
        json.dumps({**whole(CONTENT[4:5], "end_turn"), "usage": usage}).replace("Infinity", "1e999").encode()
    )
    assert completion.text == "It is sunny. 🌞"


def test_json_without_a_schema_is_asked_for_in_words():
    request = {"model": "anthropic-claude-haiku-4.5", "messages": [{"role": "user", "content": "hi"}]}
    body = messages_body({**request, "response_format": {"type": "json_object"}})
    assert "JSON object" in body["system"][-1]["text"]
    assert "tools" not in body
    assert "response_format" not in body


def test_ids_of_calls_that_open_models_made_are_put_into_its_letters():
    call = {"id": "functions.add:0", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [call, {**call, "id": "functions_add_0"}]},
        {"role": "tool", "tool_call_id": "functions.add:0", "content": "3"},
        {"role": "tool", "tool_call_id": "functions_add_0", "content": "4"},
    ]
    _, said, results = messages_body({"model": "anthropic-claude-haiku-4.5", "messages": messages})["messages"]
    ids = [block["id"] for block in said["content"]]
    assert ids == [block["tool_use_id"] for block in results["content"]]
    assert len(set(ids)) == 2
    assert all(set(id_) <= set("abcdefghijklmnopqrstuvwxyz_0123456789") for id_ in ids)
