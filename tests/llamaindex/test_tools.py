"""Tools: how they are offered, how a call is forced, and how calls come back."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.tools import FunctionTool
from pydantic_core import from_json

from inference_do import ConfigError
from llamaindex_do._tools import OpenCall, PartialObject

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference_do.emulator import Emulator
    from llamaindex_do import DigitalOcean

    Make = Callable[..., DigitalOcean]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


ADD = FunctionTool.from_defaults(add)
MULTIPLY = FunctionTool.from_defaults(multiply)


def prepare(llm: DigitalOcean, **kwargs: Any) -> dict[str, Any]:
    return llm._prepare_chat_with_tools(**{"tools": [ADD, MULTIPLY], "user_msg": "Add 2 and 3", **kwargs})


def test_tools_are_described_to_the_api(llm: DigitalOcean, emu: Emulator) -> None:
    llm.chat_with_tools([ADD], "Add 2 and 3")
    body = emu.requests[0].json
    (tool,) = body["tools"]
    assert tool["type"] == "function"
    assert tool["function"]["name"] == "add"
    assert "Add two numbers." in tool["function"]["description"]
    assert set(tool["function"]["parameters"]["properties"]) == {"a", "b"}
    assert body["tool_choice"] == "auto"
    assert body["parallel_tool_calls"] is False


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({}, "auto"),
        ({"tool_required": False}, "auto"),
        ({"tool_required": True}, "required"),
        ({"tool_choice": None, "tool_required": True}, "required"),
        ({"tool_choice": "none", "tool_required": True}, "none"),
        ({"tool_choice": "any"}, "required"),
        ({"tool_choice": "add"}, {"type": "function", "function": {"name": "add"}}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "add"}}},
            {"type": "function", "function": {"name": "add"}},
        ),
    ],
)
def test_tool_choice(llm: DigitalOcean, kwargs: dict[str, Any], expected: object) -> None:
    assert prepare(llm, **kwargs)["tool_choice"] == expected


@pytest.mark.parametrize(
    ("setting", "allowed", "sent"),
    [(None, True, True), (None, False, False), (False, True, False), (True, False, False)],
)
def test_parallel_tool_calls(make: Make, emu: Emulator, setting: bool | None, allowed: bool, sent: bool) -> None:
    make(parallel_tool_calls=setting).chat_with_tools([ADD], "Add 2 and 3", allow_parallel_tool_calls=allowed)
    assert emu.requests[0].json["parallel_tool_calls"] is sent


def test_without_tools_nothing_about_tools_is_sent(make: Make, emu: Emulator) -> None:
    make(parallel_tool_calls=False).chat_with_tools([], "Hello", tool_required=True)
    make(parallel_tool_calls=False).chat([ChatMessage(content="Hello")], tools=[], tool_choice="auto")
    for request in emu.requests:
        assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(request.json)


def test_the_history_that_is_given_stays_as_it_is(llm: DigitalOcean) -> None:
    history = [ChatMessage(content="Hello"), ChatMessage(role="assistant", content="Hi")]
    before = [message.model_copy(deep=True) for message in history]
    messages = prepare(llm, chat_history=history)["messages"]
    assert history == before
    assert messages == [*before, ChatMessage(content="Add 2 and 3")]


def test_a_message_may_be_a_chat_message(llm: DigitalOcean) -> None:
    message = ChatMessage(role="user", content="Add 2 and 3")
    assert prepare(llm, user_msg=message)["messages"] == [message]


def test_further_arguments_pass(llm: DigitalOcean, emu: Emulator) -> None:
    llm.chat_with_tools([ADD], "Add 2 and 3", temperature=0.5)
    assert emu.requests[0].json["temperature"] == 0.5


def test_tools_may_be_given_to_chat(llm: DigitalOcean) -> None:
    response = llm.chat([ChatMessage(content="Add 2 and 3")], tools=[ADD])
    (call,) = llm.get_tool_calls_from_response(response)
    assert (call.tool_name, call.tool_kwargs) == ("add", {"a": 2, "b": 3})


async def test_all_four_ways_give_the_same_call(llm: DigitalOcean) -> None:
    asked = ([ADD], "Add 2 and 3")
    responses = [
        llm.chat_with_tools(*asked),
        await llm.achat_with_tools(*asked),
        list(llm.stream_chat_with_tools(*asked))[-1],
        [response async for response in await llm.astream_chat_with_tools(*asked)][-1],
    ]
    for response in responses:
        (call,) = llm.get_tool_calls_from_response(response)
        assert (call.tool_name, call.tool_kwargs) == ("add", {"a": 2, "b": 3})
        assert call.tool_id == response.message.additional_kwargs["tool_calls"][0]["id"] != ""
    await llm.aclose()


async def test_predict_and_call(llm: DigitalOcean) -> None:
    assert llm.predict_and_call([ADD, MULTIPLY], "Multiply 6 by 7").response == "42"
    assert (await llm.apredict_and_call([ADD, MULTIPLY], "Add 6 and 7")).response == "13"
    await llm.aclose()


def test_only_one_call_is_left_where_one_is_allowed(llm: DigitalOcean, emu: Emulator) -> None:
    calls = [("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4})]
    emu.reply("Two.", tool_calls=calls)
    message = llm.chat_with_tools([ADD], "x").message
    assert [type(block).__name__ for block in message.blocks] == ["TextBlock", "ToolCallBlock"]
    assert len(message.additional_kwargs["tool_calls"]) == 1
    emu.reply("Two.", tool_calls=calls)
    both = llm.chat_with_tools([ADD], "x", allow_parallel_tool_calls=True)
    assert len(llm.get_tool_calls_from_response(both)) == 2


def test_no_call_is_an_error_if_one_was_needed(llm: DigitalOcean) -> None:
    response = llm.chat([ChatMessage(content="Hello")])
    with pytest.raises(ValueError, match="You said: Hello"):
        llm.get_tool_calls_from_response(response)
    assert llm.get_tool_calls_from_response(response, error_on_no_tool_call=False) == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [('{"a": 1, "b', {"a": 1}), ('{"text": "ab', {"text": "ab"}), ("", {}), ("{", {}), ("[1]", {}), ("nonsense", {})],
)
def test_partial_arguments_are_read_as_far_as_they_go(llm: DigitalOcean, arguments: str, expected: dict) -> None:
    block = OpenCall.so_far("", "add", arguments, PartialObject())
    response = ChatResponse(message=ChatMessage(role="assistant", blocks=[block]))
    (call,) = llm.get_tool_calls_from_response(response)
    assert call.tool_kwargs == expected
    assert call.tool_id == ""


def test_names_are_altered_for_the_wire_and_altered_back(llm: DigitalOcean, emu: Emulator) -> None:
    tool = FunctionTool.from_defaults(add, name="maths.add numbers/" + "x" * 60)
    response = llm.chat_with_tools([tool], "Add 2 and 3", tool_choice=tool.metadata.name)
    sent = emu.requests[0].json["tools"][0]["function"]["name"]
    assert sent.startswith("maths_add_numbers_xxx")
    assert len(sent) == 64
    assert llm.get_tool_calls_from_response(response)[0].tool_name == tool.metadata.name
    last = list(llm.stream_chat_with_tools([tool], "Add 2 and 3", tool_required=True))[-1]
    assert last.message.blocks[-1].tool_name == tool.metadata.name
    call_id = last.message.blocks[-1].tool_call_id
    result = ChatMessage(role="tool", content="5", additional_kwargs={"tool_call_id": call_id})
    llm.chat([ChatMessage(content="Add 2 and 3"), last.message, result])
    assert emu.requests[-1].json["messages"][1]["tool_calls"][0]["function"]["name"] == sent
    assert llm.predict_and_call([tool], "Add 2 and 3", tool_required=True).response == "5"


def test_tools_whose_names_become_one_are_kept_apart(llm: DigitalOcean, emu: Emulator) -> None:
    tools = [FunctionTool.from_defaults(add, name=name) for name in ("add it", "add_it")]
    emu.reply(tool_calls=[("add_it_7fbf4747", {"a": 2, "b": 3})])
    response = llm.chat_with_tools(tools, "Add 2 and 3")
    sent = [tool["function"]["name"] for tool in emu.requests[-1].json["tools"]]
    assert sent == ["add_it_7fbf4747", "add_it"]
    assert [call.tool_name for call in llm.get_tool_calls_from_response(response)] == ["add it"]


def test_two_tools_of_one_name_are_refused(llm: DigitalOcean, emu: Emulator) -> None:
    tools = [FunctionTool.from_defaults(function, name="same") for function in (add, multiply)]
    with pytest.raises(ConfigError, match="two tools are called 'same': rename one of them"):
        llm.chat_with_tools(tools, "Add 2 and 3")
    assert emu.posts == 0


def test_a_round_trip_of_results(llm: DigitalOcean, emu: Emulator) -> None:
    history = [ChatMessage(content="Add 2 and 3. Multiply 4 by 5.")]
    response = llm.chat_with_tools([ADD, MULTIPLY], chat_history=history, allow_parallel_tool_calls=True)
    calls = llm.get_tool_calls_from_response(response)
    assert len(calls) == 2
    history.append(response.message)
    tools = {"add": add, "multiply": multiply}
    for call in calls:
        result = str(tools[call.tool_name](**call.tool_kwargs))
        history.append(ChatMessage(role="tool", content=result, additional_kwargs={"tool_call_id": call.tool_id}))
    answer = llm.chat_with_tools([ADD, MULTIPLY], chat_history=history, allow_parallel_tool_calls=True)
    assert "5" in answer.message.content
    assert "20" in answer.message.content
    sent = emu.requests[-1].json["messages"]
    assert [json.loads(call["function"]["arguments"]) for call in sent[1]["tool_calls"]] == [
        {"a": 2, "b": 3},
        {"a": 4, "b": 5},
    ]


def test_messages_with_tool_calls_are_json(llm: DigitalOcean) -> None:
    message = list(llm.stream_chat_with_tools([ADD], "Add 2 and 3"))[-1].message
    assert ChatMessage.model_validate_json(json.dumps(message.model_dump())) == message


def test_long_arguments_are_read_in_linear_time(
    llm: DigitalOcean, emu: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def counted(text: str, **options: Any) -> Any:
        read.append(len(text))
        return from_json(text, **options)

    monkeypatch.setattr("llamaindex_do._tools.from_json", counted)
    text = "and so on " * 4000
    fragments = [{"index": 0, "id": "call_1", "function": {"name": "note", "arguments": '{"text": "'}}]
    fragments += [{"index": 0, "function": {"arguments": text[i : i + 20]}} for i in range(0, len(text), 20)]
    fragments.append({"index": 0, "function": {"arguments": '"}'}})
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": [fragment]}}]} for fragment in fragments]
    emu.reply(chunks=[*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}])
    seen = []
    for response in llm.stream_chat([ChatMessage(content="Write")]):
        (selection,) = llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)
        seen.append(len(selection.tool_kwargs.get("text", "")))
    assert len(seen) > 2000
    assert seen == sorted(seen)
    assert seen[50] == 1000  # at first nothing is behind
    assert seen[1500] > 28_000  # later a sixteenth
    assert selection.tool_kwargs == {"text": text}
    assert sum(read) < 25 * len(text)  # reading it anew for every chunk would be a thousand times


def test_a_response_that_is_asked_after_later_ones_tells_what_had_come_with_it(
    llm: DigitalOcean, emu: Emulator
) -> None:
    pieces = ['{"text": "', *["and so on "] * 300]
    fragments = [{"index": 0, "id": "call_1", "function": {"name": "note"}}]
    fragments += [{"index": 0, "function": {"arguments": piece}} for piece in pieces]
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": [fragment]}}]} for fragment in fragments]
    emu.reply(chunks=[*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}])
    *responses, _ = llm.stream_chat([ChatMessage(content="Write")])
    assert len(responses) == len(fragments)

    def length(response: ChatResponse) -> int:
        (selection,) = llm.get_tool_calls_from_response(response)
        return len(selection.tool_kwargs.get("text", ""))

    assert length(responses[-1]) == 3000
    assert [length(response) for response in responses[2:]] == list(range(10, 3001, 10))
    assert length(responses[-1]) == 3000
    assert "text" not in llm.get_tool_calls_from_response(responses[0])[0].tool_kwargs


def test_open_calls_are_stored_like_others(llm: DigitalOcean, emu: Emulator) -> None:
    emu.reply(tool_calls=[("add", {"a": 41, "b": 58})])
    for response in llm.stream_chat_with_tools([ADD], "Add 41 and 58"):
        stored = response.message.model_dump_json()
        again = ChatMessage.model_validate_json(stored)
        assert again.model_dump_json() == stored
        assert [block.block_type for block in again.blocks][-1] == "tool_call"
        assert response.model_copy(deep=True) == response
        twin = pickle.loads(pickle.dumps(response))
        assert llm.get_tool_calls_from_response(twin) == llm.get_tool_calls_from_response(response)
