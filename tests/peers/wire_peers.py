"""What the comparisons of the APIs beside chat completions share: models, answers, and how a class is set up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from inference_do.emulator import Emulator

GPT = "openai-gpt-5.4"
"""It answers on `/responses` only."""
CLAUDE, OTHER_CLAUDE = "anthropic-claude-haiku-4.5", "anthropic-claude-sonnet-5.5"
HOSTED = "kimi-k2.6"
"""An open model that thinks, and answers on each API."""
CHAT = "openai-gpt-5.6-sol"
"""It answers on chat completions only."""

PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
THOUGHT = "One and two."
LONG = "One two three four five six seven eight nine ten."
BUDGET = {"type": "enabled", "budget_tokens": 1024}
SUMMARY = {"effort": "low", "summary": "auto"}
ENCRYPTED = ["reasoning.encrypted_content"]
USAGE = {
    GPT: {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60},
        "output_tokens": 10,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 110,
    },
    CLAUDE: {
        "input_tokens": 40,
        "cache_read_input_tokens": 60,
        "cache_creation_input_tokens": 0,
        "output_tokens": 10,
    },
}
"""The same usage, as each API counts it."""
SLOW_DOWN = "Slow down, please"
SLOW = {
    GPT: {"error": {"message": SLOW_DOWN, "type": "rate_limit_error", "param": None, "code": "429"}},
    CLAUDE: {"type": "error", "error": {"type": "rate_limit_error", "message": SLOW_DOWN}},
}
"""An error's body in the form of each API."""

Settings = Mapping[str, Any]


class RefusedError(Exception):
    """The package or the API took a call for wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WirePeer:
    """One class.

    Attributes:
        package: The distribution.
        module: Where the class is.
        name: The class.
        note: What is set, for the head of its column.
        url: Name of the argument for the base URL.
        is_root: Whether that is the URL without `/v1`.
        settings: Arguments of the constructor for every model.
        home: Models of the APIs beside chat completions that it speaks, with what chooses the API.
        next: A model that goes on with a conversation of the first of them.
        thinking: What makes a model think, by its id.
    """

    package: str
    module: str
    name: str
    note: str = ""
    url: str = "base_url"
    is_root: bool = False
    settings: Settings = field(default_factory=dict)
    home: Mapping[str, Settings]
    next: str
    thinking: Mapping[str, Settings]

    def make(self, emulator: Emulator, model: str, **given: Any) -> Any:
        """Return an object of the class."""
        url = emulator.base_url.removesuffix("/v1") if self.is_root else emulator.base_url
        where = {"model": model, self.url: url, "api_key": emulator.api_key, "max_retries": 0}
        return getattr(import_module(self.module), self.name)(**where, **self.settings, **given)

    def thinker(self, emulator: Emulator, model: str) -> Any:
        """Return one whose model thinks."""
        return self.make(emulator, model, **self.thinking.get(model, {}))
