"""Tool calls that share an id, as servers of some models send them: they stay the calls that they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock
from llama_index.core.tools import FunctionTool

if TYPE_CHECKING:
    from inference_do.emulator import Emulator
    from llamaindex_do import DigitalOcean

pytestmark = pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")  # workflows cause it


def double(n: int) -> int:
    """Double a number."""
    return 2 * n


TOOL = FunctionTool.from_defaults(double)
HELLO = [ChatMessage(content="Double 1 and 2")]


def call(number: int, id_: str | None) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": "double", "arguments": json.dumps({"n": number})}}


def pairs(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return each call's arguments with its result, in a request; ids must be distinct."""
    calls = [item for message in messages for item in message.get("tool_calls", ())]
    ids = [item["id"] for item in calls]
    assert len(set(ids)) == len(ids)
    results = {message["tool_call_id"]: message["content"] for message in messages if message["role"] == "tool"}
    assert set(results) == set(ids)
    return [(item["function"]["arguments"], results[item["id"]]) for item in calls]


@pytest.mark.parametrize("ids", [("call_0", "call_0"), ("grep:3", "grep:3"), (None, None), ("", ""), ("a", None)])
@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
async def test_an_agent_gives_each_call_its_own_result(
    llm: DigitalOcean, emu: Emulator, ids: tuple[str | None, ...], *, streaming: bool
) -> None:
    calls = [call(number, id_) for number, id_ in enumerate(ids, 1)]
    if streaming:
        chunks: list[dict[str, Any]] = [
            {"choices": [{"index": 0, "delta": {"tool_calls": [{**item, "index": position}]}}]}
            for position, item in enumerate(calls)
        ]
        emu.reply(chunks=[*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}])
    else:
        emu.reply(message={"role": "assistant", "content": None, "tool_calls": calls}, finish_reason="tool_calls")
    emu.reply("2 and 4.")
    assert str(await FunctionAgent(tools=[TOOL], llm=llm, streaming=streaming).run("Double 1 and 2")) == "2 and 4."
    await llm.aclose()
    assert pairs(emu.requests[-1].json["messages"]) == [('{"n": 1}', "2"), ('{"n": 2}', "4")]


def test_a_stored_conversation_is_sent_with_distinct_ids(llm: DigitalOcean, emu: Emulator) -> None:
    def asked(*numbers: int) -> ChatMessage:
        blocks = [
            ToolCallBlock(tool_call_id="call_0", tool_name="double", tool_kwargs={"n": number}) for number in numbers
        ]
        return ChatMessage(role="assistant", blocks=blocks)

    def result(text: str) -> ChatMessage:
        return ChatMessage(role="tool", content=text, additional_kwargs={"tool_call_id": "call_0"})

    history = [*HELLO, asked(1, 2), result("2"), result("4"), *HELLO, asked(3), result("6")]
    before = [message.model_copy(deep=True) for message in history]
    llm.chat(history)
    llm.chat(history)
    first, second = (request.json["messages"] for request in emu.requests)
    assert pairs(first) == [('{"n": 1}', "2"), ('{"n": 2}', "4"), ('{"n": 3}', "6")]
    assert first == second  # a provider's cache finds it again
    assert history == before
