"""Who is measured: the project, the alternatives and the baselines, each behind the same few methods.

A subject's module imports nothing at its head but the standard library: importing is measured too.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Subject


@dataclass(frozen=True, slots=True)
class Entry:
    """One subject: its name in tables, the environment that it runs in, and where its class is."""

    name: str
    environment: str
    kind: str
    """`ours`, `alternative` or `baseline`."""
    home: str
    parts: tuple[str, ...] = ()
    """The parts that measure it; all if empty."""


OTHERS = ("apis",)
"""What measures who has no chat completions."""
WATCHED = ("instructions",)
"""What measures calls that a log or OpenTelemetry watches."""
ENTRIES = (
    Entry("Client", "client", "ours", "client.Ours"),
    Entry("Client (typed chunks)", "client", "ours", "client.OursTyped"),
    Entry("Client (log at DEBUG)", "client", "ours", "watched.Logged", WATCHED),
    Entry("Client (OpenTelemetry)", "client", "ours", "watched.Traced", WATCHED),
    Entry("openai SDK", "client", "alternative", "client.OpenAI"),
    Entry("anthropic SDK", "client", "alternative", "client.Anthropic", OTHERS),
    Entry("httpx by hand", "client", "baseline", "baselines.Httpx"),
    Entry("raw socket", "client", "baseline", "baselines.RawSocket"),
    Entry("ChatDigitalOcean", "langchain", "ours", "langchain.Ours"),
    Entry("ChatOpenAI", "langchain", "alternative", "langchain.OpenAI"),
    Entry("ChatAnthropic", "langchain", "alternative", "langchain.Anthropic", OTHERS),
    Entry("ChatGradient", "langchain", "alternative", "langchain.Gradient"),
    Entry("ChatGroq", "langchain", "alternative", "langchain.Groq"),
    Entry("ChatOpenRouter", "langchain", "alternative", "langchain.OpenRouter"),
    Entry("ChatLiteLLM", "langchain", "alternative", "langchain.LiteLLM"),
    Entry("LangChain itself", "langchain", "baseline", "langchain.Baseline"),
    Entry("DigitalOcean", "llamaindex", "ours", "llamaindex.Ours"),
    Entry("OpenAILike", "llamaindex", "alternative", "llamaindex.OpenAILike"),
    Entry("OpenAIResponses", "llamaindex", "alternative", "llamaindex.OpenAIResponses", OTHERS),
    Entry("Anthropic", "llamaindex", "alternative", "llamaindex.Anthropic", OTHERS),
    Entry("GradientAI", "llamaindex", "alternative", "llamaindex.GradientAI"),
    Entry("LiteLLM", "llamaindex", "alternative", "llamaindex.LiteLLM"),
    Entry("LlamaIndex itself", "llamaindex", "baseline", "llamaindex.Baseline"),
)
SUBJECTS = {entry.name: entry for entry in ENTRIES}
BASELINES = {"client": "httpx by hand", "langchain": "LangChain itself", "llamaindex": "LlamaIndex itself"}
"""What the others of an environment are divided by."""


def load(name: str, port: int) -> Subject:
    """Return a subject that talks to the server on `port`; nothing of its library is imported yet."""
    module, _, class_name = SUBJECTS[name].home.partition(".")
    made: Subject = getattr(import_module(f".{module}", __name__), class_name)(port)
    return made
