"""Answers of `/responses`, whole and streamed, to the canonical form; and back into the next request."""

from __future__ import annotations

import json

import pytest
from responses_kit import (
    MODEL,
    Events,
    both,
    call,
    deltas,
    events,
    message,
    refusal,
    response,
    search,
    streamed,
    summarized,
    thought,
    told,
    whole,
)

from inference_do._wires.responses import Responses

MARKS = {"format": "responses", "model": MODEL}
HI = {"role": "user", "content": "Hi"}


# --- both families ---


def test_text():
    choice = both(message("Hello, world."))
    assert told(choice) == {"content": "Hello, world."}
    assert choice["finish_reason"] == "stop"


def test_reasoning_of_openais_models():
    choice = both(summarized("First.", "Second."), call("call_1", "f", '{"x": 1}'))
    assert told(choice) == {
        "reasoning_content": "First.\n\nSecond.",
        "reasoning_details": [
            {"type": "reasoning.summary", "summary": "First.", "id": "rs_1", "index": 0, **MARKS},
            {"type": "reasoning.summary", "summary": "Second.", "id": "rs_1", "index": 1, **MARKS},
            {"type": "reasoning.encrypted", "data": "gAAA", "id": "rs_1", "index": 2, **MARKS},
        ],
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}],
    }
    assert choice["finish_reason"] == "tool_calls"


def test_encrypted_reasoning_without_a_summary():
    assert told(both(summarized(), message("Hi"))) == {
        "content": "Hi",
        "reasoning_details": [{"type": "reasoning.encrypted", "data": "gAAA", "id": "rs_1", "index": 0, **MARKS}],
    }


def test_reasoning_with_nothing_in_it_breaks_nothing():
    assert told(both(summarized(encrypted=None), message("Hi"))) == {"content": "Hi"}


def test_thinking_of_hosted_models():
    assert told(both(thought(" I think."), message("Hi"))) == {
        "content": "Hi",
        "reasoning_content": " I think.",
        "reasoning_details": [{"type": "reasoning.text", "text": " I think.", "id": "8759", "index": 0, **MARKS}],
    }


def test_later_deltas_of_reasoning_have_no_marks_to_repeat():
    sent = events(response(thought("abcdef")))
    assert [delta["reasoning_details"] for delta in deltas(sent) if "reasoning_details" in delta] == [
        [{"type": "reasoning.text", "text": "abc", "id": "8759", "index": 0, **MARKS}],
        [{"type": "reasoning.text", "text": "def", "index": 0}],
    ]


def test_ids_come_from_the_stream_alone():
    # Hosted models: the final object has other ids, and no blanks around the arguments.
    body = response(thought("Hm."), call("call_baa67748b67ae199", "f", ' {"x": "a b"} \n'))
    final = response(thought("Hm.", id_="rs_9d7a"), call("functions.f:0", "f", '{"x": "a b"}'))
    for cut in (list, lambda text: [text], lambda text: text.partition("a ")):
        choice = streamed(events(body, final=final, cut=cut))["choices"][0]
        assert told(choice)["tool_calls"] == [
            {
                "id": "call_baa67748b67ae199",
                "type": "function",
                "function": {"name": "f", "arguments": '{"x": "a b"}'},
            }
        ]
        assert [entry["id"] for entry in told(choice)["reasoning_details"]] == ["8759"]
    assert told(whole(final)["choices"][0])["tool_calls"][0]["id"] == "functions.f:0"


def test_whole_arguments_lose_their_blanks_too():
    found = told(both(call("a", arguments='\n {"x": " "} ')))["tool_calls"]
    assert found[0]["function"]["arguments"] == '{"x": " "}'


def test_parallel_calls_that_take_turns():
    sender = Events()
    sender.send("created", response=response())
    for index, name in enumerate("ab"):
        sender.send("output_item.added", output_index=index, item=call(name, name, ""))
    for piece in ("{", '"x"', ":1}"):
        for index in (0, 1):
            sender.send("function_call_arguments.delta", output_index=index, delta=piece)
    final = response(call("a", "a", '{"x":1}'), call("b", "b", '{"x":1}'))
    sender.send("completed", response=final)
    assert told(streamed(sender.sent)["choices"][0]) == told(whole(final)["choices"][0])


def test_refusal():
    choice = both(refusal("I will not."))
    assert told(choice) == {"refusal": "I will not."}
    assert choice["finish_reason"] == "stop"


def test_two_messages_are_two_paragraphs():
    choice = both(message("I look.", "msg_1"), search(), message("Found.", "msg_2"))
    assert told(choice) == {
        "content": "I look.\n\nFound.",
        "server_tool_calls": [{**search(), **MARKS, "index": 0, "after": 1}],
    }


def test_citations_count_from_the_start_of_the_whole_text():
    cited = {"type": "url_citation", "url": "https://h", "title": "H", "start_index": 0, "end_index": 5}
    other = {"type": "knowledge_base", "id": "k"}
    choice = both(message("I look.", "msg_1"), message("Found.", "msg_2", [cited, other]))
    assert told(choice)["annotations"] == [
        {"type": "url_citation", "url_citation": {"url": "https://h", "title": "H", "start_index": 9, "end_index": 14}},
        other,
    ]
    assert choice["message"]["content"][9:14] == "Found"


def test_a_citation_in_chat_completions_form_stays():
    nested = {"type": "url_citation", "url_citation": {"url": "https://h"}}
    assert told(both(message("x", annotations=[nested])))["annotations"] == [nested]


def test_a_server_tools_item_is_kept_as_it_is():
    item = {"type": "mcp_call", "id": "mcp_1", "name": "n", "arguments": "{}", "output": "o", "error": None}
    choice = both(item, message("Hi"))
    assert told(choice)["server_tool_calls"] == [{**item, **MARKS, "index": 0}]
    assert choice["finish_reason"] == "stop"


def test_phase_and_namespace_are_kept():
    choice = both(message("Hi", phase="commentary"), call("a", namespace="crm"))
    assert told(choice)["reasoning_details"] == [
        {"type": "responses.item", "item": {"type": "message", "phase": "commentary"}, "index": 0, **MARKS},
        {
            "type": "responses.item",
            "item": {"type": "function_call", "call_id": "a", "namespace": "crm"},
            "index": 1,
            "after": 1,
            **MARKS,
        },
    ]


# --- lenient where nothing depends on it ---


@pytest.mark.parametrize(
    "odd",
    [
        {"id": None, "created_at": "now", "model": 7, "service_tier": 3},
        {"usage": None},
        {"usage": "many"},
        {"usage": {"input_tokens": "x", "output_tokens": 1}},
        {"status": None},
    ],
)
def test_odd_fields_cost_no_answer(odd):
    body = response(message("Hi"), **odd)
    found = whole(body)
    assert streamed(events(body)) == found
    assert told(found["choices"][0]) == {"content": "Hi"}
    assert found["model"] == MODEL
    if "usage" in odd:
        assert found["usage"] is None


def test_counts_may_be_written_as_any_number():
    usage = {"input_tokens": 3.0, "output_tokens": 4.0, "output_tokens_details": {"reasoning_tokens": 2.0, "odd": True}}
    found = whole(response(usage=usage))["usage"]
    assert (found["prompt_tokens"], found["completion_tokens"], found["total_tokens"]) == (3, 4, 7)
    assert found["completion_tokens_details"]["reasoning_tokens"] == 2


def test_usage_is_inclusive_and_counted_once():
    assert whole(response())["usage"] == {
        "prompt_tokens": 4765,
        "completion_tokens": 70,
        "total_tokens": 4835,
        "cache_read_input_tokens": 4608,
        "cache_created_input_tokens": 0,
        "prompt_tokens_details": {"cached_tokens": 4608},
        "completion_tokens_details": {"reasoning_tokens": 52},
    }
    written = {"cached_tokens": 1, "cache_write_tokens": 2}
    usage = {"input_tokens": 3, "output_tokens": 4, "input_tokens_details": written, "output_tokens_details": None}
    found = Responses(MODEL).read(json.dumps(response(usage=usage)).encode()).usage
    assert (found.input_tokens, found.cached_tokens, found.cache_created_input_tokens, found.total_tokens) == (
        3,
        1,
        2,
        7,
    )
    assert found.completion_tokens_details is None


def test_head_of_an_answer():
    found = whole(response(message("Hi"), model="custom/small", service_tier="default"))
    assert (found["id"], found["created"], found["model"]) == ("resp_bGl0ZWxsbTo=", 1790879522, "custom/small")
    assert found["service_tier"] == "default"


def test_a_stream_that_begins_without_its_head():
    body = response(message("Hi"))
    assert streamed(events(body)[2:])["choices"] == whole(body)["choices"]


def test_half_an_emoji():
    sender = Events()
    for half in ("\\ud83d", "\\ude00"):
        sender.sent.append(("response.output_text.delta", b'{"delta":"%s","output_index":0}' % half.encode()))
    sender.send("completed", response=response())
    assert told(streamed(sender.sent)["choices"][0]) == {"content": "\U0001f600"}


def test_logprobs():
    token = {"token": "Hi", "logprob": -0.1, "top_logprobs": []}
    item = message("Hi")
    item["content"][0]["logprobs"] = [token]
    body = response(item)
    sender = Events()
    sender.send("output_text.delta", delta="Hi", output_index=0, logprobs=[token])
    sender.send("completed", response=body)
    assert whole(body)["choices"][0]["logprobs"] == {"content": [token]}
    assert streamed(sender.sent)["choices"][0]["logprobs"] == {"content": [token]}


def test_two_items_under_one_index_as_a_gateway_sends_them():
    sender = Events()
    sender.item(0, thought("Hm."))
    sender.item(0, message("Hi"))
    sender.item(0, call("a"))
    sender.item(0, call("b"))
    body = response(thought("Hm."), message("Hi"), call("a"), call("b"))
    sender.send("completed", response=body)
    assert streamed(sender.sent)["choices"] == whole(body)["choices"]


def test_items_that_end_twice_or_unannounced_count_once():
    sender = Events(skip=("added", "delta"))
    for _ in range(2):
        sender.item(0, call("a"))
    sender.item(0, call("b"))
    body = response(call("a"), call("b"))
    sender.send("completed", response=body)
    assert streamed(sender.sent)["choices"] == whole(body)["choices"]


def test_a_call_that_has_no_name_until_its_end():
    sender = Events(skip=("added",))
    sender.item(0, call("a", "f", '{"x":1}'))
    sender.send("completed", response=response(call("other", "f", '{"x":1}')))
    assert told(streamed(sender.sent)["choices"][0])["tool_calls"] == [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
    ]


def test_any_number_of_blanks_around_arguments():
    sender = Events()
    sender.send("output_item.added", output_index=0, item=call("a", "f", ""))
    for piece in [" "] * 500 + ['{"x":'] + ["\n"] * 500 + ["1}"] + [" "] * 500:
        sender.send("function_call_arguments.delta", output_index=0, delta=piece)
    sender.send("completed", response=response(call("a")))
    found = told(streamed(sender.sent)["choices"][0])["tool_calls"]
    assert found[0]["function"]["arguments"] == '{"x":' + "\n" * 500 + "1}"


def test_arguments_as_an_object():
    assert told(both_whole := whole(response(call("a", "f", {"x": 1})))["choices"][0])["tool_calls"][0]["function"] == {
        "name": "f",
        "arguments": '{"x":1}',
    }
    assert both_whole["finish_reason"] == "tool_calls"


def test_reasoning_without_text_is_none():
    empty = summarized("", encrypted=None)
    empty["summary"].append({"type": "summary_text", "text": None})
    assert told(whole(response(empty, message("Hi")))["choices"][0]) == {"content": "Hi"}


def test_items_of_no_form_are_skipped():
    assert told(whole(response(None, {}, {"type": 5}, message("Hi")))["choices"][0]) == {"content": "Hi"}


# --- and back ---


def back(*output, model=MODEL, **fields):
    """Return the input items that an answer comes to in the next request."""
    found = whole(response(*output, **fields))["choices"][0]["message"]
    again = streamed(events(response(*output, **fields)))["choices"][0]["message"]
    sent = Responses(model).body({"model": model, "messages": [HI, found, HI]})["input"][1:-1]
    assert Responses(model).body({"model": model, "messages": [HI, again, HI]})["input"][1:-1] == sent
    return sent


def sendable(item):
    """Return an item of an answer as it goes back."""
    kept = {
        "message": ("type", "role", "content", "phase"),
        "function_call": ("type", "call_id", "name", "arguments", "namespace"),
        "reasoning": ("type", "id", "summary", "encrypted_content"),
    }.get(item["type"], tuple(item))
    item = {name: item[name] for name in kept if name in item}
    if item["type"] == "message":
        item["content"] = [{k: v for k, v in part.items() if k in {"type", "text"}} for part in item["content"]]
    return item


@pytest.mark.parametrize(
    "output",
    [
        [summarized("One.", "Two."), call("a"), call("b")],
        [summarized(), message("Hi", phase="final_answer")],
        [summarized(), search(), summarized("Three.", id_="rs_2"), search("ws_2"), message("Found.")],
        [summarized(), message("I look.", phase="commentary"), summarized(id_="rs_2"), call("a", namespace="crm")],
        [call("a"), summarized(), call("b"), summarized(id_="rs_2"), call("c")],
    ],
)
def test_an_answer_goes_back_in_its_order(output):
    assert back(*output) == [sendable(item) for item in output]


def test_thinking_of_a_hosted_model_goes_back():
    content = [{"type": "reasoning_text", "text": " I think."}]
    item = {"type": "reasoning", "summary": [], "content": content}
    assert back(thought(" I think."), call("a")) == [item, sendable(call("a"))]


def test_a_conversation_that_changes_its_model_goes_on():
    assert back(summarized("One."), search(), message("Hi", phase="x"), call("a"), model="openai-gpt-5.5") == [
        sendable(message("Hi")),
        sendable(call("a")),
    ]
