"""The emulator's responses wire: what it refuses, what it answers, its events, and what has to come back unchanged."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from emulator_wires import BOTH, HOSTED, OPENAI, PLACE, PNG, WireAsker, deltas_of, events_in

from inference_do import models
from inference_do.emulator import Emulator, ErrorEvent, NoTerminator, Quirks, RateLimited, Status, Truncate
from inference_do.models import register_model

WEATHER = {"type": "function", "name": "get_weather", "description": "Weather at a place.", "parameters": PLACE}
SEARCH = {"type": "web_search", "max_uses": 2}
ENCRYPTED = {"store": False, "include": ["reasoning.encrypted_content"]}
THINKING = {**ENCRYPTED, "reasoning": {"effort": "low", "summary": "auto"}}
CALL = {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": '{"place":"Paris"}'}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "rain"}


@pytest.fixture(autouse=True)
def hosted_thinker(monkeypatch):
    monkeypatch.setattr(models, "_REGISTERED", {})
    register_model(HOSTED, kind="chat", provider="Moonshot AI", reasoning=True)


@pytest.fixture
def emu():
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def ask(emu):
    return WireAsker(emu, "/responses", model=OPENAI, input="Hello")


@pytest.fixture
def hosted(emu):
    return WireAsker(emu, "/responses", model=HOSTED, input="Hello")


def user(content: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": content}


def said(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


def text_in(response: dict[str, Any]) -> str:
    parts = [part for item in response["output"] if item["type"] == "message" for part in item["content"]]
    return "".join(part["text"] for part in parts)


def by_type(response: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [item for item in response["output"] if item["type"] == kind]


# --- what is refused ---

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"input": None}, "must not be null"),
    ({"input": []}, "empty array"),
    ({"input": 1}, "a list"),
    ({"input": ["x"]}, "expected an object"),
    ({"input": [{"type": "thing"}]}, "input[0].type"),
    ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
    ({"input": [{"role": "user"}]}, "input[0].content"),
    ({"input": [user([])]}, "empty array"),
    ({"input": [user("x") | {"name": "n"}]}, "input[0].name"),
    ({"input": [user([{"type": "text", "text": "x"}])]}, "'input_text'"),
    ({"input": [user([{"type": "output_text", "text": "x"}])]}, "'input_text'"),
    ({"input": [user([{"type": "input_text"}])]}, "input[0].content[0].text"),
    ({"input": [user([{"type": "input_image", "image_url": {"url": "https://a/b"}}])]}, "as a string"),
    ({"input": [user([{"type": "input_image"}])]}, "either image_url or file_id"),
    ({"input": [user([{"type": "input_file", "file_data": "data:application/pdf;base64,aGk="}])]}, "filename"),
    ({"input": [user("x"), said("y") | {"content": [{"type": "input_text", "text": "x"}]}]}, "'output_text'"),
    ({"input": [user("x"), CALL]}, "No tool output found for function call c1"),
    ({"input": [user("x"), CALL, user("y")]}, "No tool output found"),
    ({"input": [user("x"), OUTPUT]}, "No tool call found"),
    ({"input": [user("x"), CALL | {"arguments": "{"}, OUTPUT]}, "JSON text of an object"),
    ({"input": [user("x"), CALL | {"arguments": {}}, OUTPUT]}, "arguments"),
    ({"input": [user("x"), CALL | {"name": "a.b"}, OUTPUT]}, "name"),
    ({"input": [user("x"), CALL, OUTPUT | {"output": {}}]}, "expected a string or an array"),
    ({"input": [user("x"), CALL | {"id": "call_1"}, OUTPUT]}, "begins with 'fc'"),
    ({"input": [user("x"), CALL | {"id": "fc_1"}, OUTPUT]}, "not found"),
    ({"input": [user("x"), said("y") | {"id": "msg_1"}, user("z")]}, "not found"),
    ({"input": [user("x"), {"type": "reasoning", "id": "rs_1", "summary": []}]}, "not found"),
    ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "not found"),
    ({"input": [{"type": "configuration_update", "reasoning": {"effort": "low"}}, user("x")]}, "not supported"),
    ({"input": [user("x"), CALL | {"call_id": ""}, OUTPUT]}, "call_id"),
    ({"input": [user("x"), CALL | {"call_id": "c" * 65}, OUTPUT]}, "maximum length of 64"),
    ({"input": [user("x"), CALL, CALL, OUTPUT]}, "Duplicate item"),
    ({"input": [user("x"), CALL, {"type": "function_call_output", "call_id": "c1"}]}, "output"),
    ({"tools": [{"type": "knowledge_base_retrieval"}]}, "knowledge_base_id"),
    ({"tools": [WEATHER], "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [SEARCH]}}, "allows tools"),
    ({"tools": [WEATHER], "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [1]}}, "tool_choice.tools"),
    ({"messages": []}, "moved to 'input'"),
    ({"max_tokens": 20}, "moved to 'max_output_tokens'"),
    ({"max_completion_tokens": 20}, "moved to 'max_output_tokens'"),
    ({"response_format": {"type": "text"}}, "moved to 'text.format'"),
    ({"reasoning_effort": "low"}, "moved to 'reasoning.effort'"),
    ({"n": 1}, "Unknown parameter: 'n'"),
    ({"max_output_tokens": 15}, ">= 16"),
    ({"max_output_tokens": "20"}, "integer"),
    ({"temperature": 2.5}, "between 0 and 2"),
    ({"temperature": 0.5}, "can only be 1"),
    ({"stream": "yes"}, "boolean"),
    ({"stream_options": {"include_obfuscation": False}}, "only allowed when 'stream'"),
    ({"store": "no"}, "boolean"),
    ({"include": ["reasoning"]}, "Invalid value: 'reasoning'"),
    ({"reasoning": {"effort": "enormous"}}, "reasoning_effort must be one of"),
    ({"reasoning": {"max_tokens": 10}}, "reasoning.max_tokens"),
    ({"reasoning": {"summary": "long"}}, "reasoning.summary"),
    ({"text": {"format": {"type": "json_schema", "json_schema": {}}}}, "needs a name"),
    ({"text": {"format": {"type": "json_object"}}}, "the word 'json'"),
    ({"text": {"verbosity": "loud"}}, "text.verbosity"),
    ({"top_logprobs": 2}, "in 'include'"),
    ({"background": True}, "background"),
    ({"previous_response_id": "resp_x"}, "not found"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].function"),
    ({"tools": [{"type": "function", "parameters": PLACE}]}, "'tools[0].name'"),
    ({"tools": [{"type": "custom", "name": "f"}]}, "tools[0].type"),
    ({"tools": [{**WEATHER, "strict": True}]}, "additionalProperties"),
    ({"tools": [{**SEARCH, "max_uses": 9}]}, "between 1 and 5"),
    ({"tools": [{"type": "mcp", "server_label": "x"}]}, "server_url"),
    ({"tool_choice": "required"}, "'tools'"),
    ({"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "get_weather"}}}, "tool_choice"),
    ({"tools": [WEATHER], "tool_choice": {"type": "function", "name": "other"}}, "not found in 'tools'"),
    ({"tools": [WEATHER], "tool_choice": {"type": "web_search"}}, "not found in 'tools'"),
    ({"tools": [WEATHER], "tool_choice": "any"}, "'tool_choice' should be"),
]


@pytest.mark.parametrize(("fields", "detail"), REFUSED, ids=str)
def test_what_is_refused(ask, fields, detail):
    assert detail in ask.refused(**fields)


def test_a_model_that_is_elsewhere_and_one_that_is_nowhere(ask):
    assert "not served on /v1/responses" in ask.refused(model="anthropic-claude-haiku-4.5")
    response = ask.post(model="nobody")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "404")
    assert ask.http.get("/responses").status_code == 405
    chat = ask.http.post("/chat/completions", json={"model": OPENAI, "messages": [{"role": "user", "content": "x"}]})
    assert "it is on /v1/responses" in chat.json()["error"]["message"]
    wrong = {"authorization": "Bearer wrong"}
    assert ask.http.post("/responses", json={}, headers=wrong).json()["id"] == "Unauthorized"


def test_encrypted_reasoning_is_refused_by_a_model_that_does_not_think(emu):
    register_model("openai-plain", kind="chat", provider="OpenAI", reasoning=False)
    ask = WireAsker(emu, "/responses", model="openai-plain", input="Hello")
    assert "Encrypted content is not supported" in ask.refused(**ENCRYPTED)
    assert "reasoning.effort" in ask.refused(reasoning={"effort": "low"})
    assert ask.whole(max_output_tokens=16, temperature=0.2)["status"] == "completed"


def test_unknown_fields_pass_if_the_emulator_was_told_so():
    with Emulator(allow_unknown_fields=True) as emulator:
        assert WireAsker(emulator, "/responses", model=OPENAI, input="Hello").whole(n=1, user=None)


# --- whole answers ---


def test_a_whole_answer_of_openai(ask):
    body = ask.whole(instructions="Be brief.", max_output_tokens=400)
    assert body["id"].startswith("resp_")
    assert (body["object"], body["status"], body["model"]) == ("response", "completed", OPENAI)
    assert (body["instructions"], body["error"], body["incomplete_details"]) == ("Be brief.", None, None)
    (item,) = body["output"]
    assert (item["id"][:4], item["role"], item["status"], item["phase"]) == (
        "msg_",
        "assistant",
        "completed",
        "final_answer",
    )
    assert item["content"] == [{"type": "output_text", "text": "You said: Hello", "annotations": [], "logprobs": []}]
    assert body["reasoning"]["effort"] == "none"
    assert body["usage"]["output_tokens_details"] == {"reasoning_tokens": 0}
    assert body["completed_at"]
    assert "prompt_cache_key" in body


def test_a_whole_answer_of_a_hosted_model(hosted):
    body = hosted.whole()
    thought, message = body["output"]
    assert (thought["type"], thought["summary"], thought["encrypted_content"]) == ("reasoning", [], None)
    assert thought["content"][0]["type"] == "reasoning_text"
    assert "Hello" in thought["content"][0]["text"]
    assert (thought["id"][:3], message["id"][:4]) == ("rs_", "msg_")
    assert body["text"] is None
    assert body["kv_transfer_params"] is None
    assert "prompt_cache_key" not in body
    usage = body["usage"]
    assert usage["output_tokens_details"]["reasoning_tokens"] > 0
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_the_answer_is_that_of_chat_completions(emu, hosted):
    messages = [{"role": "system", "content": "The sky is green."}, {"role": "user", "content": "What is the sky?"}]
    chat = hosted.http.post("/chat/completions", json={"model": HOSTED, "messages": messages}).json()
    body = hosted.whole(input=[user("What is the sky?")], instructions="The sky is green.")
    assert text_in(body) == chat["choices"][0]["message"]["content"] == "The sky is green."
    listed = [{"role": "developer", "content": "The sky is green."}, user([{"type": "input_text", "text": "the sky?"}])]
    assert text_in(hosted.whole(input=listed)) == "The sky is green."


def test_images_and_files_reach_the_model(ask):
    image = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "low"}
    file = {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="}
    content = [{"type": "input_text", "text": "Look"}, image, file]
    assert text_in(ask.whole(input=[user(content)])) == "You said: Look You sent an image and a file."
    result = OUTPUT | {"output": [{"type": "input_text", "text": "a map"}, image]}
    assert text_in(ask.whole(input=[user("x"), CALL, result])) == "The answer is: a map, an image"


def test_structured_output(ask):
    schema = {**PLACE, "additionalProperties": False}
    wanted = {"type": "json_schema", "name": "where", "schema": schema, "strict": True}
    body = ask.whole(input="I am in Paris", text={"format": wanted})
    assert json.loads(text_in(body)) == {"place": "Paris"}
    assert body["text"]["format"] == wanted
    assert json.loads(text_in(ask.whole(input='json with the key "x"', text={"format": {"type": "json_object"}})))


def test_parallel_calls_and_choices(ask):
    calls = by_type(ask.whole(input=BOTH, tools=[WEATHER]), "function_call")
    assert [json.loads(call["arguments"])["place"] for call in calls] == ["Paris", "London"]
    assert len({call["id"] for call in calls} | {call["call_id"] for call in calls}) == 4
    assert all(call["id"].startswith("fc_") and call["call_id"].startswith("call_") for call in calls)

    def count(**fields: Any) -> int:
        return len(by_type(ask.whole(tools=[WEATHER], **fields), "function_call"))

    assert count(input=BOTH, parallel_tool_calls=False) == 1
    assert count(input=BOTH, tool_choice="none") == 0
    assert count(tool_choice="required") == 1
    assert count(tool_choice={"type": "function", "name": "get_weather"}) == 1
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "get_weather"}]}
    assert count(tool_choice=allowed) == 1
    assert ask.whole(tools=[WEATHER])["tools"] == [{**WEATHER, "strict": True}]


def test_functions_of_a_namespace(ask, hosted):
    space = {"type": "namespace", "name": "sky", "description": "The sky.", "tools": [WEATHER]}
    (call,) = by_type(ask.whole(input="What is the weather in Paris?", tools=[space]), "function_call")
    assert (call["name"], call["namespace"]) == ("get_weather", "sky")
    del call["status"]
    assert text_in(ask.whole(input=[user("x"), call, OUTPUT | {"call_id": call["call_id"]}])) == "The answer is: rain"
    assert "tools[0].type" in hosted.refused(tools=[space])


def test_a_limit_makes_it_incomplete(ask, hosted):
    body = ask.whole(input="one two three four five six seven eight nine ten eleven twelve", max_output_tokens=16)
    assert (body["status"], body["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert body["output"][-1]["status"] == "incomplete"
    thought = hosted.whole(max_output_tokens=3)
    assert [item["type"] for item in thought["output"]] == ["reasoning"]
    assert hosted.events(max_output_tokens=3)[-1]["type"] == "response.incomplete"


def test_cached_tokens_are_in_the_input(ask):
    long = "word " * 2000
    first, second = (ask.whole(input=long)["usage"] for _ in range(2))
    assert first["input_tokens_details"]["cached_tokens"] == 0
    assert second["input_tokens"] == first["input_tokens"]
    assert 2000 < second["input_tokens_details"]["cached_tokens"] <= second["input_tokens"]


def test_logprobs(emu):
    ask = WireAsker(emu, "/responses", model=OPENAI, input="Hello")
    body = ask.whole(include=["message.output_text.logprobs"], top_logprobs=1)
    pieces = body["output"][0]["content"][0]["logprobs"]
    assert "".join(piece["token"] for piece in pieces) == "You said: Hello"
    events = ask.events(include=["message.output_text.logprobs"], top_logprobs=1)
    streamed = [p for e in events if e["type"] == "response.output_text.delta" for p in e["logprobs"]]
    assert streamed == pieces


# --- events ---


def test_the_events_of_a_text(ask):
    events = ask.events()
    kinds = [event["type"].removeprefix("response.") for event in events]
    text = kinds.count("output_text.delta")
    assert kinds == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        *["output_text.delta"] * text,
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert deltas_of(events, "output_text") == text_in(events[-1]["response"]) == "You said: Hello"
    assert all(event["obfuscation"] for event in events if event["type"].endswith(".delta"))
    assert events[0]["response"]["usage"] is None
    whole = ask.whole()
    assert events[-1]["response"].keys() == whole.keys()
    assert events[-1]["response"]["output"] == whole["output"]
    plain = ask.events(stream_options={"include_obfuscation": False})
    assert not any("obfuscation" in event for event in plain)


def test_events_of_openai_have_the_ids_of_the_final_object(ask):
    events = ask.events(input=BOTH, tools=[WEATHER], **THINKING)
    final = events[-1]["response"]["output"]
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == final
    assert [item["type"] for item in final] == ["reasoning", "function_call", "function_call"]
    assert deltas_of(events, "reasoning_summary_text") == final[0]["summary"][0]["text"]
    assert deltas_of(events, "function_call_arguments") == "".join(item["arguments"] for item in final[1:])
    assert final[0]["encrypted_content"]
    opened = [event["item"] for event in events if event["type"] == "response.output_item.added"]
    assert "encrypted_content" not in opened[0]


def test_summaries_have_parts(emu, ask):
    emu.reply("Yes.", reasoning="First.\n\nSecond.")
    events = ask.events(**THINKING)
    parts = [event["summary_index"] for event in events if event["type"] == "response.reasoning_summary_part.added"]
    assert parts == [0, 1]
    emu.reply("Yes.", reasoning="First.")
    assert ask.whole(**ENCRYPTED)["output"][0]["summary"] == []


def test_events_of_a_hosted_model_have_ids_and_blanks_of_their_own(hosted):
    events = hosted.events(input=BOTH, tools=[WEATHER])
    kinds = {event["type"].removeprefix("response.") for event in events}
    assert {"reasoning_part.added", "reasoning_text.delta", "reasoning_text.done", "reasoning_part.done"} <= kinds
    assert not any("summary" in kind for kind in kinds)
    assert not any("obfuscation" in event for event in events)
    final = events[-1]["response"]["output"]
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert not {item["id"] for item in done} & {item["id"] for item in final}
    assert [item["call_id"] for item in final[1:]] == ["functions.get_weather:0", "functions.get_weather:1"]
    assert all(item["call_id"].startswith("call_") for item in done[1:])
    for streamed, whole in zip(done[1:], final[1:], strict=True):
        assert streamed["arguments"] == f" {whole['arguments']} "
    assert deltas_of(events, "reasoning_text") == final[0]["content"][0]["text"]
    whole = hosted.whole(input=BOTH, tools=[WEATHER])["output"]
    assert whole == final
    for calls in (done[1:], final[1:]):
        outputs = [OUTPUT | {"call_id": call["call_id"]} for call in calls]
        assert text_in(hosted.whole(input=[user(BOTH), *calls, *outputs])) == "The answer is: rain; rain"


def test_gateways_send_neither_names_nor_the_same_end(emu, ask):
    emu.quirks = Quirks(no_event_names=True, extra_done=True, comments=True)
    text = ask.post(stream=True).text
    assert "event:" not in text
    assert ": keep-alive" in text
    assert text.endswith("data: [DONE]\n\n")


# --- what has to come back unchanged ---


def turn(ask: WireAsker, **fields: Any) -> list[dict[str, Any]]:
    """Return the items of a turn that calls after it has thought, and their results."""
    output = ask.whole(input=BOTH, tools=[WEATHER], **THINKING, **fields)["output"]
    calls = [item for item in output if item["type"] == "function_call"]
    return [*output, *(OUTPUT | {"call_id": call["call_id"]} for call in calls)]


def test_what_comes_back_unchanged_is_taken(ask):
    items = turn(ask)
    assert text_in(ask.whole(input=[user(BOTH), *items])) == "The answer is: rain; rain"
    bare = [{key: value for key, value in item.items() if key not in {"id", "status"}} for item in items]
    assert ask.whole(input=[user(BOTH), *bare])
    apart = [items[0], items[1], items[3], items[2], items[4]]
    assert ask.whole(input=[user(BOTH), *apart])
    unthought = [{key: value for key, value in item.items() if key != "id"} for item in items[1:]]
    assert ask.whole(input=[user(BOTH), *unthought])


def test_what_was_changed_or_is_foreign_is_refused(ask):
    thought, *rest = turn(ask)
    sealed = thought["encrypted_content"]
    changed = thought | {"encrypted_content": ("A" if sealed[40] != "A" else "B").join((sealed[:40], sealed[41:]))}
    assert "could not be verified" in ask.refused(input=[user(BOTH), changed, *rest])
    assert "could not be verified" in ask.refused(input=[user(BOTH), thought | {"encrypted_content": "x"}, *rest])
    assert "not found" in ask.refused(model="openai-gpt-5.5", input=[user(BOTH), thought, *rest])
    anonymous = {key: value for key, value in thought.items() if key != "id"}
    bare = [{key: value for key, value in item.items() if key != "id"} for item in rest]
    assert "could not be verified" in ask.refused(model="openai-gpt-5.5", input=[user(BOTH), anonymous, *bare])
    other = ask.whole(input="Hi", **THINKING)["output"][0]
    assert "could not be verified" in ask.refused(input=[user(BOTH), thought | {"id": other["id"]}, *bare])
    call = rest[0]
    last = "0" if call["id"][-1] != "0" else "1"
    assert "not found" in ask.refused(input=[user(BOTH), thought, call | {"id": call["id"][:-1] + last}, *rest[1:]])


def test_what_is_misplaced_is_refused(ask):
    thought, first, second, *outputs = turn(ask)
    assert "required 'reasoning' item" in ask.refused(input=[user(BOTH), first, second, *outputs])
    bare = [{key: value for key, value in item.items() if key != "id"} for item in (first, second)]
    late = [user(BOTH), *bare, *outputs, thought]
    assert "required following item" in ask.refused(input=late)
    assert "required following item" in ask.refused(input=[user(BOTH), thought, user("and?")])
    assert "without its call" in ask.refused(input=[user(BOTH), thought, first, outputs[0]])
    assert "did not lead to" in ask.refused(input=[user(BOTH), thought, CALL, OUTPUT])
    answer, *_ = ask.whole(input="Hi", **THINKING)["output"]
    assert "did not lead to" in ask.refused(input=[user(BOTH), answer, *bare, *outputs])


def test_items_of_servers_tools_and_turns_in_pieces(hosted):
    called = {"type": "mcp_call", "id": "mcp_1", "name": "x", "arguments": "{}", "output": "y"}
    items = [user("Hi."), called, said("I see."), said("The sky is green."), user("What is the sky?")]
    assert text_in(hosted.whole(input=items)) == "The sky is green."
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]}
    body = hosted.whole(tools=[WEATHER, SEARCH], input="Search for the weather in Paris", tool_choice=allowed)
    assert [item["type"] for item in body["output"]] == ["reasoning", "web_search_call", "message"]


def test_hosted_models_take_reasoning_with_any_id_and_nothing_encrypted(hosted):
    thought, *_ = hosted.whole()["output"]
    assert hosted.whole(input=[user("x"), thought, said("y"), user("z")])
    nameless = {"type": "reasoning", "summary": []}
    assert hosted.whole(input=[user("x"), nameless, said("y"), user("z")])
    assert "not supported" in hosted.refused(input=[user("x"), nameless | {"encrypted_content": "x"}, user("z")])
    assert "summary" in hosted.refused(input=[user("x"), {"type": "reasoning"}, user("z")])
    assert "summary_text" in hosted.refused(input=[user("x"), {"type": "reasoning", "summary": [{}]}, user("z")])
    assert "array" in hosted.refused(input=[user("x"), {"type": "reasoning", "summary": "x"}, user("z")])
    assert "string" in hosted.refused(input=[user("x"), nameless | {"encrypted_content": 1}, user("z")])


def test_stored_responses(emu, ask):
    first = ask.whole(input="The sky is green.", reasoning={"effort": "low"})
    second = ask.whole(input="What is the sky?", previous_response_id=first["id"])
    assert text_in(second) == "The sky is green."
    thought, message = first["output"]
    kept = [user("x"), {"type": "item_reference", "id": thought["id"]}, {"type": "item_reference", "id": message["id"]}]
    assert ask.whole(input=[*kept, user("y")])
    assert ask.whole(input=[user("x"), thought, message, user("y")])
    emu.reset()
    assert "not found" in ask.refused(input="y", previous_response_id=first["id"])
    assert "not found" in ask.refused(input=[user("x"), thought, message, user("y")])


def test_effort_can_change_on_the_way(emu):
    ask = WireAsker(emu, "/responses", model="openai-gpt-6-astra")
    update = {"type": "configuration_update", "reasoning": {"effort": "high"}}
    body = ask.whole(input=[user("x"), said("y"), update, user("z")])
    assert body["reasoning"]["effort"] == "high"
    assert "expected an object" in ask.refused(input=[user("x"), update | {"reasoning": "high"}])


# --- searches, scripts, faults ---


def test_a_search_has_an_item_and_a_citation(ask):
    body = ask.whole(input="Search the web for cats", tools=[SEARCH], include=["web_search_call.action.sources"])
    search, message = body["output"]
    assert (search["type"], search["id"][:3], search["status"]) == ("web_search_call", "ws_", "completed")
    assert search["action"]["query"] == "Search the web for cats"
    (part,) = message["content"]
    (cited,) = part["annotations"]
    assert cited.keys() == {"type", "url", "title", "start_index", "end_index"}
    assert search["action"]["sources"][0]["url"] == cited["url"]
    assert cited["title"] in part["text"][cited["start_index"] : cited["end_index"]]
    assert body["tool_usage"]["web_search"] == {"num_requests": 1}
    kinds = [event["type"] for event in ask.events(input="Search the web for cats", tools=[SEARCH])]
    assert "response.web_search_call.searching" in kinds
    assert "response.output_text.annotation.added" in kinds
    assert ask.whole(input=[user("x"), search, message, user("y")])
    foreign = search | {"id": "ws_1"}
    assert "not found" in ask.refused(input=[user("x"), foreign, message, user("y")])


def test_when_it_searches(ask):
    def searches(**fields: Any) -> int:
        return len(by_type(ask.whole(tools=[SEARCH, WEATHER], **fields), "web_search_call"))

    assert searches(input="Hello") == 0
    assert searches(input="Hello", tool_choice={"type": "web_search"}) == 1
    assert searches(input="What is new today?", tool_choice="none") == 0
    assert len(by_type(ask.whole(tools=[SEARCH], tool_choice="required"), "web_search_call")) == 1


def test_scripted_answers(emu, ask, hosted):
    emu.reply("Yes.", usage={"prompt_tokens": 10, "completion_tokens": 5, "cache_read_input_tokens": 4})
    usage = ask.whole()["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (10, 5, 15)
    assert usage["input_tokens_details"]["cached_tokens"] == 4
    emu.reply(message={"refusal": "No."})
    assert ask.whole()["output"][0]["content"] == [{"type": "refusal", "refusal": "No."}]
    emu.reply(message={"refusal": "No."})
    assert deltas_of(ask.events(), "refusal") == "No."
    emu.reply("Half", finish_reason="content_filter")
    assert ask.events()[-1]["response"]["incomplete_details"] == {"reason": "content_filter"}
    emu.reply("Half", finish_reason="failed")
    failed = ask.events()[-1]
    assert (failed["type"], failed["response"]["error"]["code"]) == ("response.failed", "server_error")
    emu.reply(tool_calls=[("any", "not json")], reasoning="Hm.")
    assert [item["type"] for item in hosted.whole()["output"]] == ["reasoning", "function_call"]
    emu.reply([{"choices": [{"delta": {"content": "raw"}, "finish_reason": "stop"}]}])
    assert deltas_of(ask.events(), "output_text") == "raw"
    item = {"type": "mcp_call", "id": "mcp_1", "name": "x", "output": "y", "format": "responses"}
    cited = {"type": "url_citation", "url_citation": {"url": "https://a", "title": "A"}}
    emu.reply(message={"content": "Yes.", "server_tool_calls": [item], "annotations": [cited]})
    called, message = hosted.whole()["output"]
    assert called == {key: value for key, value in item.items() if key != "format"}
    assert message["content"][0]["annotations"] == [{"type": "url_citation", "url": "https://a", "title": "A"}]
    emu.reply("Yes.", usage={"input_tokens": 1}, extra={"extra": 1})
    body = ask.whole()
    assert (body["usage"], body["extra"]) == ({"input_tokens": 1}, 1)


def test_faults_have_this_wires_shape(emu, ask):
    emu.script(Status(503), RateLimited(), Status(401))
    assert ask.post().json()["error"].keys() == {"message", "type", "param", "code"}
    assert ask.post().json()["error"]["code"] == "429"
    assert ask.post().json()["id"] == "Unauthorized"
    emu.script(ErrorEvent(after_events=5), ErrorEvent(after_events=0, event_name="error"), ErrorEvent())
    text = ask.post(stream=True).text
    *before, failed = events_in(text)
    assert len(before) == failed["sequence_number"] == 5
    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    assert failed["response"]["id"] == before[0]["response"]["id"]
    assert "[DONE]" not in text
    (error,) = events_in(ask.post(stream=True).text)
    assert (error["type"], error["code"]) == ("error", "server_error")
    body = ask.whole()
    assert (body["status"], body["error"]["code"]) == ("failed", "server_error")
    emu.script(ErrorEvent(body={"error": {"message": "own"}}), ErrorEvent(body={"type": "response.failed"}))
    assert ask.post(stream=True).text == 'event: error\ndata: {"error":{"message":"own"}}\n\n'
    assert ask.post(stream=True).text.startswith("event: response.failed\n")


def test_cut_streams(emu, ask):
    emu.script(Truncate(4), NoTerminator())
    assert len(events_in(ask.post(stream=True).text)) == 4
    with pytest.raises(httpx.RemoteProtocolError):
        ask.post(stream=True)
    emu.quirks = Quirks(no_finish_reason=True)
    assert ask.events()[-1]["type"] == "response.output_item.done"
