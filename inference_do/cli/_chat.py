"""`inference-do chat`: one answer, or a conversation, as it is made."""

from __future__ import annotations

import sys
import time
import warnings
from typing import Any

from rich.console import Console

from inference_do import (
    ChatCompletion,
    Client,
    ConfigError,
    EmptyAnswerWarning,
    InferenceError,
    Stream,
    StreamInterrupted,
    Tokens,
    estimate_cost,
)
from inference_do.accumulate import reasoning_text

from ._screen import errors, screen, write

__all__ = ["talk"]

Message = dict[str, Any]


def talk(
    prompt: str | None,
    *,
    model: str,
    system: str | None,
    options: dict[str, Any],
    shows_reasoning: bool,
    base_url: str | None,
) -> int:
    """Talk to a model.

    Args:
        prompt: What to say; None reads it from standard input, line by line if that is a terminal.
        model: The model.
        system: Its instructions.
        options: Further fields of the request.
        shows_reasoning: Whether to show what the model thinks.
        base_url: Where the API is.
    """
    console = screen()
    messages: list[Message] = [{"role": "system", "content": system}] if system else []
    with Client(base_url=base_url) as client:

        def answer(text: str) -> None:
            messages.append({"role": "user", "content": text})
            stream = client.stream(model=model, messages=messages, **options)
            whole = _shown(console, stream, shows_reasoning=shows_reasoning)
            messages.append({"role": "assistant", "content": whole.text})

        if prompt is None and not sys.stdin.isatty():
            prompt = sys.stdin.read()
        if prompt is not None:
            if not prompt.strip():
                message = "there is nothing to say: give a prompt, or pipe one in"
                raise ConfigError(message)
            answer(prompt)
            return 0
        write(console, f"{model}. An empty line or Ctrl-D ends this; Ctrl-C stops an answer.", "dim")
        while text := _line():
            before = len(messages)
            try:
                answer(text)
            except InferenceError as error:
                del messages[before:]
                write(errors(), f"{type(error).__name__}: {error}", "red")
    return 0


def _line() -> str:
    try:
        return input("> ").strip()
    except EOFError:
        return ""


def _shown(console: Console, stream: Stream, *, shows_reasoning: bool) -> ChatCompletion:
    """Show a stream; Ctrl-C stops it, and what has come counts."""
    started = time.monotonic()
    is_thinking = False
    with stream, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", EmptyAnswerWarning)
        try:
            for chunk in stream:
                thought = reasoning_text(_delta(chunk.raw)) if shows_reasoning else ""
                if thought:
                    is_thinking = True
                    write(console, thought, "dim italic", end="")
                if chunk.text:
                    if is_thinking:
                        console.print("\n")
                        is_thinking = False
                    write(console, chunk.text, end="")
        except KeyboardInterrupt:
            write(console, " …", "dim", end="")
        except StreamInterrupted:
            console.print()
            raise
    console.print()
    whole = stream.partial
    for warning in warned:
        write(errors(), str(warning.message), "yellow")
    write(errors(), _summary(whole, stream, time.monotonic() - started), "dim")
    return whole


def _delta(raw: dict[str, Any]) -> dict[str, Any]:
    choices = raw.get("choices") or [{}]
    delta: dict[str, Any] = choices[0].get("delta") or {}
    return delta


def _summary(whole: ChatCompletion, stream: Stream, seconds: float) -> str:
    """Say what an answer took."""
    parts = [whole.model, f"{seconds:.1f} s"]
    if stream.response_info and stream.response_info.route:
        parts.append(f"route {stream.response_info.route}")
    if whole.usage:
        tokens = Tokens.of(whole.usage)
        cached = f" ({tokens.cached:,} cached)" if tokens.cached else ""
        thought = f" ({tokens.reasoning:,} thinking)" if tokens.reasoning else ""
        parts += [f"{tokens.input:,} in{cached}", f"{tokens.output:,} out{thought}"]
        cost = estimate_cost(whole.model, tokens)
        if cost.total is not None:
            parts.append(f"about ${cost.total:.6f} (prices of {cost.date})")
    return " · ".join(part for part in parts if part)
