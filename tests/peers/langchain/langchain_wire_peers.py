"""The chat models that are compared on `/responses` and `/messages`, each set up as its documents say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from inference_do.emulator import Emulator

GPT, OTHER_GPT = "openai-gpt-5.4", "openai-gpt-5.4-nano"
"""They answer on `/responses` only."""
CLAUDE, OTHER_CLAUDE = "anthropic-claude-haiku-4.5", "anthropic-claude-sonnet-5.5"
HOSTED = "kimi-k2.6"
"""An open model that thinks, and answers on each API."""
CHAT = "openai-gpt-5.6-sol"
"""It answers on chat completions only."""

Settings = Mapping[str, Any]
BUDGET = {"type": "enabled", "budget_tokens": 1024}
SUMMARY = {"effort": "low", "summary": "auto"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WirePeer:
    """One chat model.

    Attributes:
        package: The distribution.
        module: Where the class is.
        name: The class.
        title: Its column's.
        root: Whether its base URL is the one without `/v1`.
        settings: Arguments of the constructor for every model.
        home: Models of the APIs beside chat completions that it speaks, with what chooses the API.
        next: A model that goes on with a conversation of the first of them.
        thinking: What makes a model think, by its id.
    """

    package: str
    module: str
    name: str
    title: str
    root: bool = False
    settings: Settings = field(default_factory=dict)
    home: Mapping[str, Settings]
    next: str
    thinking: Mapping[str, Settings]

    def make(self, emulator: Emulator, model: str, **given: Any) -> Any:
        """Return a model."""
        url = emulator.base_url.removesuffix("/v1") if self.root else emulator.base_url
        where = {"model": model, "base_url": url, "api_key": emulator.api_key, "max_retries": 0}
        return getattr(import_module(self.module), self.name)(**where, **self.settings, **given)

    def thinker(self, emulator: Emulator, model: str) -> Any:
        """Return a model that thinks."""
        return self.make(emulator, model, **self.thinking.get(model, {}))


WIRE_PEERS = [
    WirePeer(
        package="inference-do",
        module="langchain_do",
        name="ChatDigitalOcean",
        title="ChatDigitalOcean",
        home={GPT: {}, CLAUDE: {"api": "messages"}},
        next=CLAUDE,
        thinking={
            GPT: {"reasoning_effort": "low"},
            CLAUDE: {"model_kwargs": {"thinking": BUDGET}, "max_tokens": 4000},
            HOSTED: {"api": "responses"},
        },
    ),
    WirePeer(
        package="langchain-openai",
        module="langchain_openai",
        name="ChatOpenAI",
        title="ChatOpenAI (`use_responses_api`)",
        settings={"use_responses_api": True},
        home={GPT: {}},
        next=HOSTED,
        thinking={GPT: {"reasoning": SUMMARY, "include": ["reasoning.encrypted_content"], "store": False}},
    ),
    WirePeer(
        package="langchain-anthropic",
        module="langchain_anthropic",
        name="ChatAnthropic",
        title="ChatAnthropic (`base_url`)",
        root=True,
        home={CLAUDE: {}},
        next=OTHER_CLAUDE,
        thinking={CLAUDE: {"thinking": BUDGET, "max_tokens": 4000}},
    ),
]
