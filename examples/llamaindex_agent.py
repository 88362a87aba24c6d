"""A LlamaIndex FunctionAgent: the model calls functions, and its words arrive as it makes them."""

from __future__ import annotations

import asyncio

from _place import Place, place
from llama_index.core.agent.workflow import AgentStream, FunctionAgent, ToolCallResult

from llamaindex_do import DigitalOcean


def multiply(a: int, b: int) -> int:
    """Multiply two whole numbers."""
    return a * b


async def get_weather(city: str) -> str:
    """Return the weather in a city."""
    return f"It is sunny and 22 degrees in {city}."


async def work(here: Place) -> None:
    """Let the agent work on two tasks."""
    llm = DigitalOcean(model=here.model, temperature=0, max_tokens=300, **here.connection)
    agent = FunctionAgent(tools=[multiply, get_weather], llm=llm)
    for task in ("Multiply 21 by 2.", "What is the weather in Lisbon?"):
        print(f"Task: {task}")
        running = agent.run(task)
        async for event in running.stream_events():
            if isinstance(event, ToolCallResult):
                print(f"  {event.tool_name}({event.tool_kwargs}) -> {event.tool_output.content}")
            elif isinstance(event, AgentStream):
                print(event.delta, end="", flush=True)
        print(f"\n  Answer: {await running}")


def main() -> None:
    """Run the agent."""
    with place() as here:
        asyncio.run(work(here))


if __name__ == "__main__":
    main()
