"""Agents end to end over HTTP: function calling, ReAct, handoffs, structured answers, memory."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING

import pytest
from llama_index.core.agent.workflow import (
    AgentOutput,
    AgentStream,
    AgentWorkflow,
    FunctionAgent,
    ReActAgent,
    ToolCallResult,
)
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
from llama_index.core.memory import ChatMemoryBuffer, Memory
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from inference_do.emulator import Quirks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from inference_do.emulator import Emulator
    from llamaindex_do import DigitalOcean

    Make = Callable[..., DigitalOcean]


pytestmark = [
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning"),  # workflows look at every attribute
    pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning"),  # ReActAgent does
]

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


@pytest.fixture
async def agent_llm(llm: DigitalOcean) -> AsyncIterator[DigitalOcean]:
    yield llm
    await llm.aclose()


async def test_function_agent(agent_llm: DigitalOcean, emu: Emulator) -> None:
    agent = FunctionAgent(tools=[add, multiply], llm=agent_llm, system_prompt="Use tools.")
    handler = agent.run("Add 41 and 58")
    streamed = [event async for event in handler.stream_events()]
    assert "99" in str(await handler)
    (result,) = [event for event in streamed if isinstance(event, ToolCallResult)]
    assert (result.tool_name, result.tool_kwargs, result.tool_output.content) == ("add", {"a": 41, "b": 58}, "99")
    deltas = [event.delta for event in streamed if isinstance(event, AgentStream)]
    assert "99" in "".join(deltas)
    assert len(emu.requests) == 2
    assert all(request.json["stream"] for request in emu.requests)
    assert [message["role"] for message in emu.requests[1].json["messages"]] == ["system", "user", "assistant", "tool"]


async def test_function_agent_without_streaming(agent_llm: DigitalOcean, emu: Emulator) -> None:
    agent = FunctionAgent(tools=[add], llm=agent_llm, streaming=False)
    assert "99" in str(await agent.run("Add 41 and 58"))
    assert not any("stream" in request.json for request in emu.requests)


@pytest.mark.parametrize(
    "quirks",
    [Quirks(interleave_calls=True), Quirks(two_fragments_per_chunk=True), Quirks(tool_index="zero", tool_ids="every")],
    ids=str,
)
async def test_parallel_calls(agent_llm: DigitalOcean, emu: Emulator, quirks: Quirks) -> None:
    emu.quirks = quirks
    agent = FunctionAgent(tools=[add, multiply], llm=agent_llm)
    answer = str(await agent.run("Add 41 and 58. Multiply 6 by 7."))
    assert "99" in answer
    assert "42" in answer
    assert len(emu.requests[1].json["messages"][1]["tool_calls"]) == 2


async def test_the_first_tool_can_be_chosen(agent_llm: DigitalOcean, emu: Emulator) -> None:
    agent = FunctionAgent(tools=[add, multiply], llm=agent_llm, initial_tool_choice="multiply")
    await agent.run("6 and 7, please")
    assert emu.requests[0].json["tool_choice"] == {"type": "function", "function": {"name": "multiply"}}


async def test_thoughts_are_streamed(agent_llm: DigitalOcean, emu: Emulator) -> None:
    emu.reply("Paris.", reasoning="France, so it is Paris.")
    handler = FunctionAgent(tools=[add], llm=agent_llm).run("Capital of France?")
    thoughts = [event.thinking_delta async for event in handler.stream_events() if isinstance(event, AgentStream)]
    assert "".join(filter(None, thoughts)) == "France, so it is Paris."
    assert str(await handler) == "Paris."


async def test_a_tool_with_a_strange_name(agent_llm: DigitalOcean, emu: Emulator) -> None:
    tool = FunctionTool.from_defaults(add, name="maths.add")
    agent = FunctionAgent(tools=[tool], llm=agent_llm)
    assert "99" in str(await agent.run("Add 41 and 58"))
    assert emu.requests[0].json["tools"][0]["function"]["name"] == "maths_add"


async def test_broken_arguments_do_not_end_the_run(agent_llm: DigitalOcean, emu: Emulator) -> None:
    emu.reply(tool_calls=[("add", '{"a": 41, "b')])
    agent = FunctionAgent(tools=[add], llm=agent_llm)
    answer = await agent.run("Add 41 and 58")
    assert answer.response.content
    assert json.loads(emu.requests[1].json["messages"][1]["tool_calls"][0]["function"]["arguments"])


async def test_a_direct_result_ends_the_run(agent_llm: DigitalOcean, emu: Emulator) -> None:
    tool = FunctionTool.from_defaults(add, return_direct=True)
    agent = FunctionAgent(tools=[tool], llm=agent_llm)
    memory = ChatMemoryBuffer.from_defaults(llm=agent_llm)
    assert str(await agent.run("Add 41 and 58", memory=memory)) == "99"
    assert len(emu.requests) == 1
    await agent.run("Thanks", memory=memory)  # the strict server takes the history
    assert len(emu.requests) == 2


async def test_an_image_as_a_result(agent_llm: DigitalOcean, emu: Emulator) -> None:
    def photograph(place: str) -> list[TextBlock | ImageBlock]:
        """Photograph a place."""
        return [TextBlock(text=f"Here is {place}."), ImageBlock(image=PNG)]

    agent = FunctionAgent(tools=[photograph], llm=agent_llm)
    assert "an image" in str(await agent.run('Photograph the place "Skagen"'))
    assert emu.requests[1].json["messages"][-1]["content"][1]["type"] == "image_url"


async def test_an_answer_in_a_given_form(agent_llm: DigitalOcean) -> None:
    class Sum(BaseModel):
        total: int

    agent = FunctionAgent(tools=[add], llm=agent_llm, output_cls=Sum)
    response = await agent.run("Add 41 and 58")
    assert isinstance(response.get_pydantic_model(Sum), Sum)


async def test_memory_goes_on_after_it_was_stored(agent_llm: DigitalOcean, emu: Emulator) -> None:
    agent = FunctionAgent(tools=[add], llm=agent_llm)
    memory = ChatMemoryBuffer.from_defaults(llm=agent_llm)
    await agent.run("My boat is called Marigold. Add 1 and 2.", memory=memory)
    stored = json.dumps([message.model_dump() for message in memory.get_all()])
    history = [ChatMessage.model_validate(message) for message in json.loads(stored)]
    assert "Marigold" in str(await agent.run("What is my boat called?", chat_history=history))
    roles = [message["role"] for message in emu.requests[-1].json["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]


@pytest.mark.usefixtures("unclosed_memory")
async def test_a_cut_memory_is_still_accepted(agent_llm: DigitalOcean, emu: Emulator) -> None:
    memory = Memory.from_defaults(session_id="s", token_limit=120, chat_history_token_ratio=0.6, token_flush_size=10)
    agent = FunctionAgent(tools=[add], llm=agent_llm)
    for number in range(5):
        await agent.run(f"Add {number} and 58, and remember that it is a fine morning", memory=memory)
    assert len(emu.requests) >= 10


async def test_react_agent(agent_llm: DigitalOcean, emu: Emulator) -> None:
    agent = ReActAgent(tools=[add, multiply], llm=agent_llm)
    assert "99" in str(await agent.run("Add 41 and 58"))
    assert not any("tools" in request.json for request in emu.requests)


async def test_a_workflow_hands_over(agent_llm: DigitalOcean, emu: Emulator) -> None:
    greeter = FunctionAgent(
        name="greeter",
        description="Greets people.",
        system_prompt="Hand sums over to the calculator.",
        tools=[],
        llm=agent_llm,
        can_handoff_to=["calculator"],
    )
    calculator = FunctionAgent(name="calculator", description="Adds numbers.", tools=[add], llm=agent_llm)
    workflow = AgentWorkflow(agents=[greeter, calculator], root_agent="greeter")
    emu.reply(tool_calls=[("handoff", {"to_agent": "calculator", "reason": "It is a sum."})])
    handler = workflow.run("Add 41 and 58")
    names = {event.current_agent_name async for event in handler.stream_events() if isinstance(event, AgentOutput)}
    assert "99" in str(await handler)
    assert names == {"greeter", "calculator"}


async def test_from_tools_or_functions_takes_a_function_agent(agent_llm: DigitalOcean) -> None:
    workflow = AgentWorkflow.from_tools_or_functions([add], llm=agent_llm)
    assert isinstance(next(iter(workflow.agents.values())), FunctionAgent)
    assert "99" in str(await workflow.run("Add 41 and 58"))


async def test_a_run_can_be_cancelled(agent_llm: DigitalOcean, emu: Emulator) -> None:
    emu.quirks = Quirks(event_delay=0.05)
    handler = FunctionAgent(tools=[add], llm=agent_llm).run("Tell me a long story about many things at sea")
    async for event in handler.stream_events():
        if isinstance(event, AgentStream):
            await handler.cancel_run()
            break
    for _ in range(100):
        if emu.disconnects:
            break
        await asyncio.sleep(0.02)
    assert emu.disconnects


async def test_history_is_given_and_kept(agent_llm: DigitalOcean) -> None:
    agent = FunctionAgent(tools=[add], llm=agent_llm)
    history = [ChatMessage(content="My boat is called Marigold."), ChatMessage(role="assistant", content="Fine.")]
    assert "Marigold" in str(await agent.run("What is my boat called?", chat_history=history))
    assert len(history) == 2
