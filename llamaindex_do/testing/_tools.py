"""Tool calls: asked for as LlamaIndex asks, whole when they have come, and found again by the tools' own names."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool

from ._asking import ADD, CALL, CHATS, add, asked_for, calls_of, run
from ._kit import LLMKit, needs

__all__ = ["ToolTests"]

WHOLE = [{"a": 41, "b": 58}, {"a": 1, "b": 2}]
TWO_CALLS = [("add", arguments) for arguments in WHOLE]


class ToolTests(LLMKit):
    """chat_with_tools in its four forms, predict_and_call, get_tool_calls_from_response."""

    @needs("has_tools")
    def test_a_call_is_whole_in_all_four_ways(self, server: Any) -> None:
        """As a block with an id, and as a selection with a dict of arguments."""
        llm = self.make_llm(server)
        for method in CHATS:
            server.reply(tool_calls=[CALL])
            responses = asked_for(llm, method)
            assert responses, f"{method}_with_tools() yielded nothing for a tool call"
            response = responses[-1]
            (block,) = calls_of(response.message)
            assert block.tool_name == "add", method
            (selection,) = llm.get_tool_calls_from_response(response)
            assert (selection.tool_name, selection.tool_kwargs) == CALL, method
            assert selection.tool_id, f"{method}: a call needs an id"
            assert selection.tool_id == block.tool_call_id, method

    @needs("has_tools")
    def test_streamed_calls_are_dicts_too(self, server: Any) -> None:
        """Structured streaming looks only at `message.additional_kwargs["tool_calls"]`, stores want JSON."""
        llm = self.make_llm(server)
        for method in ("stream_chat", "astream_chat"):
            server.reply(tool_calls=[CALL])
            calls = asked_for(llm, method)[-1].message.additional_kwargs.get("tool_calls")
            assert isinstance(calls, list), f'{method}: additional_kwargs["tool_calls"] is {calls!r}'
            assert [call["function"]["name"] for call in json.loads(json.dumps(calls))] == ["add"], method

    @needs("has_tools")
    def test_calls_can_be_read_at_every_response(self, server: Any) -> None:
        """Agents ask for the tool calls of each response of a stream; half of the arguments are no error."""
        llm = self.make_llm(server)
        server.reply(tool_calls=[CALL])
        for response in asked_for(llm, "stream_chat"):
            for selection in llm.get_tool_calls_from_response(response, error_on_no_tool_call=False):
                assert isinstance(selection.tool_kwargs, dict)

    @needs("has_tools", "has_parallel_tools")
    def test_several_calls_stay_apart(self, server: Any) -> None:
        """Each with its own id and arguments."""
        llm = self.make_llm(server)
        for method in CHATS:
            server.reply(tool_calls=TWO_CALLS)
            response = asked_for(llm, method, allow_parallel_tool_calls=True)[-1]
            selections = llm.get_tool_calls_from_response(response)
            assert [selection.tool_kwargs for selection in selections] == WHOLE, method
            assert len({selection.tool_id for selection in selections}) == 2, method

    @needs("over_http", "has_tools", "has_parallel_tools")
    def test_fragments_of_two_calls_in_one_chunk(self, server: Any) -> None:
        """No fragment is passed over."""
        self._fragments(server, two_fragments_per_chunk=True)

    @needs("over_http", "has_tools", "has_parallel_tools")
    def test_fragments_that_take_turns(self, server: Any) -> None:
        """They belong to the call that their index names."""
        self._fragments(server, interleave_calls=True)

    @needs("over_http", "has_tools", "has_parallel_tools")
    def test_fragments_that_repeat_the_id(self, server: Any) -> None:
        """An id or a name that comes again is the same one, not more of it."""
        self._fragments(server, tool_ids="every")

    @needs("over_http", "has_tools", "has_parallel_tools")
    def test_fragments_that_are_all_of_index_0(self, server: Any) -> None:
        """Another id begins another call, as some servers do it."""
        self._fragments(server, tool_index="zero", tool_ids="every")

    def _fragments(self, server: Any, **quirks: Any) -> None:
        server.quirks = replace(server.quirks, **quirks)
        llm = self.make_llm(server)
        for method in ("stream_chat", "astream_chat"):
            server.reply(tool_calls=TWO_CALLS)
            response = asked_for(llm, method, allow_parallel_tool_calls=True)[-1]
            selections = llm.get_tool_calls_from_response(response)
            assert [selection.tool_name for selection in selections] == ["add", "add"], method
            assert [selection.tool_kwargs for selection in selections] == WHOLE, method

    @needs("over_http", "has_tools", "has_tool_choice")
    def test_a_call_can_be_required(self, server: Any) -> None:
        """`tool_required` is the API's `required`; without it the model is free."""
        llm = self.make_llm(server)
        for method in CHATS:
            asked_for(llm, method, tool_required=True)
            assert server.requests[-1].chat.get("tool_choice") == "required", method
            asked_for(llm, method)
            assert server.requests[-1].chat.get("tool_choice", "auto") == "auto", method
            asked_for(llm, method, tool_required=True, tool_choice=None)
            assert server.requests[-1].chat.get("tool_choice") == "required", f"{method}: None is not a choice"

    @needs("over_http", "has_tools", "has_tool_choice")
    def test_a_tool_can_be_named(self, server: Any) -> None:
        """`FunctionAgent(initial_tool_choice="add")` gives the name alone."""
        llm = self.make_llm(server)
        for method in CHATS:
            asked_for(llm, method, tool_choice="add")
            expected = {"type": "function", "function": {"name": "add"}}
            assert server.requests[-1].chat.get("tool_choice") == expected, method

    @needs("over_http", "has_tools", "has_parallel_tools")
    def test_parallel_calls_can_be_forbidden(self, server: Any) -> None:
        """`allow_parallel_tool_calls` reaches the API both ways."""
        llm = self.make_llm(server)
        for method in CHATS:
            for allowed in (True, False):
                asked_for(llm, method, allow_parallel_tool_calls=allowed)
                assert server.requests[-1].chat.get("parallel_tool_calls") is allowed, method

    @needs("has_tools", "has_parallel_tools")
    def test_only_one_call_is_left_where_one_is_allowed(self, server: Any) -> None:
        """predict_and_call() raises "Invalid" otherwise."""
        llm = self.make_llm(server)
        server.reply(tool_calls=TWO_CALLS)
        assert llm.predict_and_call([ADD], "Add 41 and 58").response == "99"

    @needs("over_http", "has_tools")
    def test_without_tools_nothing_is_said_of_them(self, server: Any) -> None:
        """Servers refuse an empty list, and a choice among nothing."""
        llm = self.make_llm(server)
        for method in CHATS:
            asked_for(llm, method, tools=())
            body = server.requests[-1].chat
            assert not {"tools", "tool_choice", "parallel_tool_calls"} & body.keys(), method

    @needs("has_tools")
    def test_no_call_is_an_error_only_if_one_was_needed(self, server: Any) -> None:
        """A ValueError, which selectors and programs catch."""
        llm = self.make_llm(server)
        server.reply("No.")
        (response,) = asked_for(llm, "chat")
        assert llm.get_tool_calls_from_response(response, error_on_no_tool_call=False) == []
        try:
            llm.get_tool_calls_from_response(response)
        except ValueError:
            return
        message = "get_tool_calls_from_response() must raise a ValueError when there is no call"
        raise AssertionError(message)

    @needs("has_tools")
    def test_broken_arguments_do_not_raise(self, server: Any) -> None:
        """An agent can tell the model; an exception ends its run."""
        llm = self.make_llm(server)
        for arguments in ('{"a": 41, "b', "null", "", "[1]"):
            for method in ("chat", "stream_chat"):
                server.reply(tool_calls=[("add", arguments)])
                response = asked_for(llm, method)[-1]
                (selection,) = llm.get_tool_calls_from_response(response)
                assert isinstance(selection.tool_kwargs, dict), f"{method}: {arguments!r}"

    @needs("has_tools")
    def test_a_tool_is_called(self, server: Any) -> None:
        """predict_and_call() and its async form."""
        llm = self.make_llm(server)
        server.reply(tool_calls=[CALL])
        assert llm.predict_and_call([ADD], "Add 41 and 58").response == "99"
        server.reply(tool_calls=[CALL])
        assert run(llm.apredict_and_call([ADD], "Add 41 and 58")).response == "99"

    @needs("over_http", "has_tools")
    def test_a_tool_with_a_strange_name_is_found_again(self, server: Any) -> None:
        """The API takes letters, digits, `_` and `-`; LlamaIndex looks tools up by their own names."""
        llm = self.make_llm(server)
        tool = FunctionTool.from_defaults(add, name="maths.add")
        for streaming in (False, True):
            server.reply(tool_calls=[("maths_add", {"a": 41, "b": 58})])
            response = asked_for(llm, "stream_chat" if streaming else "chat", tools=(tool,))[-1]
            (selection,) = llm.get_tool_calls_from_response(response)
            assert selection.tool_name == "maths.add"
            assert server.requests[-1].chat["tools"][0]["function"]["name"] == "maths_add"

    @needs("has_tools")
    def test_a_history_that_is_given_does_not_grow(self, server: Any) -> None:
        """The caller appends the message itself."""
        llm = self.make_llm(server)
        history = [ChatMessage(content="Hello"), ChatMessage(role="assistant", content="Hi")]
        for method in CHATS:
            asked_for(llm, method, chat_history=history)
            assert len(history) == 2, method
