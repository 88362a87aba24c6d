"""A LangChain agent with tools: the model decides which of two functions to call, and answers from what they return."""

from __future__ import annotations

from _documents import sections
from _place import place
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool

from langchain_do import ChatDigitalOcean


@tool
def find_section(title: str) -> str:
    """Return the section of the company's handbook whose title has these words."""
    for source, text in sections():
        if title.lower() in source.lower():
            return f"{source}\n{text}"
    return f"There is no section called {title!r}."


@tool
def multiply(a: int, b: int) -> int:
    """Multiply two whole numbers."""
    return a * b


def main() -> None:
    """Let the agent work on two tasks."""
    with place() as here:
        model = ChatDigitalOcean(model=here.model, temperature=0, max_tokens=300, **here.connection)
        agent = create_agent(model, [find_section, multiply])
        for task in ("Multiply 21 by 2.", 'Use find_section with the title "Late returns" and tell me what it says.'):
            print(f"Task: {task}")
            for step in agent.stream({"messages": [HumanMessage(task)]}, stream_mode="updates"):
                for message in next(iter(step.values()))["messages"]:
                    calls = "; ".join(f"{call['name']}({call['args']})" for call in getattr(message, "tool_calls", []))
                    print(f"  {message.type}: {calls or message.text[:300]}")


if __name__ == "__main__":
    main()
