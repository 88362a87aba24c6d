"""Agents, chat engines and query engines over the LLM, as LlamaIndex calls it by default."""

from __future__ import annotations

import json
from typing import Any

from llama_index.core import Document, SummaryIndex
from llama_index.core.agent.workflow import (
    AgentOutput,
    AgentStream,
    AgentWorkflow,
    FunctionAgent,
    ReActAgent,
    ToolCallResult,
)
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.memory import ChatMemoryBuffer
from pydantic import BaseModel

from ._asking import CALL, add, run
from ._kit import LLMKit, needs

__all__ = ["AgentTests"]

FACT = "The lighthouse of Skagen was painted green in 1931."


class Total(BaseModel):
    """A sum."""

    total: int


class AgentTests(LLMKit):
    """From the outside."""

    @needs("has_tools")
    def test_a_function_agent(self, server: Any) -> None:
        """Streaming, as it does by default: a call, its result, an answer."""
        server.reply(tool_calls=[CALL])
        server.reply("The sum is 99.")
        events, answer = _run(FunctionAgent(tools=[add], llm=self.make_llm(server)), "Add 41 and 58")
        (result,) = [event for event in events if isinstance(event, ToolCallResult)]
        assert (result.tool_name, result.tool_kwargs, result.tool_output.content) == (*CALL, "99")
        assert answer == "The sum is 99."
        streamed = [event.delta for event in events if isinstance(event, AgentStream)]
        assert "".join(filter(None, streamed)) == "The sum is 99."

    @needs("has_tools", "has_reasoning")
    def test_an_agents_thoughts_are_streamed(self, server: Any) -> None:
        """`AgentStream.thinking_delta`."""
        server.reply("Paris.", reasoning="France, so it is Paris.")
        events, _ = _run(FunctionAgent(tools=[add], llm=self.make_llm(server)), "Capital of France?")
        thoughts = [event.thinking_delta for event in events if isinstance(event, AgentStream)]
        assert "".join(filter(None, thoughts)) == "France, so it is Paris."

    @needs("has_tools", "has_structured_output")
    def test_an_agent_with_an_answer_of_a_class(self, server: Any) -> None:
        """`output_cls`."""
        server.reply("99")
        server.reply('{"total": 99}', tool_calls=[("Total", {"total": 99})])
        agent = FunctionAgent(tools=[add], llm=self.make_llm(server), output_cls=Total)

        async def work() -> Any:
            return await agent.run("Add 41 and 58")

        assert run(work()).get_pydantic_model(Total) == Total(total=99)

    @needs("has_tools")
    def test_one_agent_hands_over_to_another(self, server: Any) -> None:
        """AgentWorkflow."""
        llm = self.make_llm(server)
        greeter = FunctionAgent(name="greeter", description="Greets.", llm=llm, can_handoff_to=["adder"])
        adder = FunctionAgent(name="adder", description="Adds.", tools=[add], llm=llm)
        server.reply(tool_calls=[("handoff", {"to_agent": "adder", "reason": "It is a sum."})])
        server.reply(tool_calls=[CALL])
        server.reply("99")
        events, answer = _run(AgentWorkflow(agents=[greeter, adder], root_agent="greeter"), "Add 41 and 58")
        names = {event.current_agent_name for event in events if isinstance(event, AgentOutput)}
        assert (names, answer) == ({"greeter", "adder"}, "99")

    @needs("has_tools")
    def test_an_agents_memory_can_be_stored(self, server: Any) -> None:
        """As JSON, and gone on with."""
        llm = self.make_llm(server)
        agent = FunctionAgent(tools=[add], llm=llm)
        memory = ChatMemoryBuffer.from_defaults(llm=llm)
        server.reply(tool_calls=[CALL])
        server.reply("99")
        _run(agent, "Add 41 and 58", memory=memory)
        stored = json.dumps([message.model_dump() for message in memory.get_all()])
        history = [ChatMessage.model_validate(message) for message in json.loads(stored)]
        assert [message.role.value for message in history] == ["user", "assistant", "tool", "assistant"]
        server.reply("You are welcome.")
        _, answer = _run(agent, "Thanks", chat_history=history)
        assert answer == "You are welcome."

    def test_a_react_agent(self, server: Any) -> None:
        """The protocol in text, for models without tools."""
        server.reply('Thought: I need a tool.\nAction: add\nAction Input: {"a": 41, "b": 58}')
        server.reply("Thought: I can answer without using any more tools.\nAnswer: 99")
        _, answer = _run(ReActAgent(tools=[add], llm=self.make_llm(server)), "Add 41 and 58")
        assert answer == "99"

    def test_a_query_engine(self, server: Any) -> None:
        """Whole, streamed and async."""
        llm = self.make_llm(server)
        index = SummaryIndex.from_documents([Document(text=FACT)])
        question = "What colour was the lighthouse painted?"
        server.reply("Green.")
        assert str(index.as_query_engine(llm=llm).query(question)) == "Green."
        server.reply("It was green.")
        streamed: Any = index.as_query_engine(llm=llm, streaming=True).query(question)
        assert "".join(streamed.response_gen) == "It was green."

        async def work() -> tuple[str, str]:
            server.reply("Green.")
            whole = str(await index.as_query_engine(llm=llm).aquery(question))
            server.reply("It was green.")
            parts: Any = await index.as_query_engine(llm=llm, streaming=True).aquery(question)
            return whole, "".join([part async for part in parts.async_response_gen()])

        assert run(work()) == ("Green.", "It was green.")

    @needs("over_http")
    def test_a_query_engines_context_arrives(self, server: Any) -> None:
        """The answer can only come from it."""
        index = SummaryIndex.from_documents([Document(text=FACT)])
        index.as_query_engine(llm=self.make_llm(server)).query("What colour was the lighthouse painted?")
        messages = server.requests[-1].chat["messages"]
        assert [message["role"] for message in messages] == ["system", "user"]
        assert FACT in messages[-1]["content"]

    def test_a_chat_engine(self, server: Any) -> None:
        """Whole and streamed, sync and async, with a history that grows."""
        engine = _chat_engine(self.make_llm(server))
        server.reply("Aye.")
        assert engine.chat("My boat is called Marigold.").response == "Aye."
        server.reply("It is Marigold.")
        assert "".join(engine.stream_chat("What is my boat called?").response_gen) == "It is Marigold."

        async def work() -> str:
            server.reply("It is Marigold.")
            streamed = await engine.astream_chat("What is my boat called?")
            return "".join([part async for part in streamed.async_response_gen()])

        assert run(work()) == "It is Marigold."
        answers = [message.content for message in engine.chat_history if message.role.value == "assistant"]
        assert answers == ["Aye.", "It is Marigold.", "It is Marigold."]

    def test_blocks_of_a_chat_engines_answer_are_private(self, server: Any) -> None:
        """A streaming chat engine writes into the last response; the history must not change with it."""
        engine = _chat_engine(self.make_llm(server))
        for text in ("One.", "Two."):
            server.reply(text)
            assert "".join(engine.stream_chat("Count").response_gen) == text
        answers = [message.content for message in engine.chat_history if message.role.value == "assistant"]
        assert answers == ["One.", "Two."]


def _chat_engine(llm: Any) -> SimpleChatEngine:
    return SimpleChatEngine.from_defaults(llm=llm, memory=ChatMemoryBuffer.from_defaults(llm=llm))  # needs no database


def _run(agent: Any, question: str, **options: Any) -> tuple[list[Any], str]:
    """Run an agent or a workflow, and return its events and its answer."""

    async def work() -> tuple[list[Any], str]:
        handler = agent.run(question, **options)
        events = [event async for event in handler.stream_events()]
        return events, str(await handler)

    return run(work())
