"""`inference-do chat`: one answer, or a conversation, as it is made."""

from __future__ import annotations

import re
import time
import warnings
from contextlib import suppress
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

from ._input import piped_text, typed_line
from ._screen import errors, one_line, screen, whole_text, write

__all__ = ["talk"]

Message = dict[str, Any]

ENDS = frozenset({"exit", "quit", "/exit", "/quit", "/bye"})
HELP = "exit, quit, an empty line or Ctrl-D ends this; Ctrl-C stops an answer; anything else goes to the model."

NOTES = {
    "length": "The answer was cut off: it reached its token limit (length). --max-tokens raises it.",
    "content_filter": "A content filter ended the answer (content_filter).",
}
"""What to say of a finish reason that a reader would want to know."""


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
        prompt: What to say; what is piped in follows it. Without both, lines are read from the terminal.
        model: The model.
        system: Its instructions.
        options: Further fields of the request.
        shows_reasoning: Whether to show what the model thinks.
        base_url: Where the API is.
    """
    console = screen()
    messages: list[Message] = [{"role": "system", "content": whole_text(system)}] if system else []
    with Client(base_url=base_url) as client:

        def answer(text: str) -> None:
            asked = {"role": "user", "content": whole_text(text)}
            stream = client.stream(model=model, messages=[*messages, asked], **options)
            whole = _shown(console, stream, shows_reasoning=shows_reasoning)
            if content := whole_text(whole.text or whole.choices[0].message.refusal or ""):
                messages.extend([asked, {"role": "assistant", "content": content}])

        piped = piped_text()
        if prompt is not None or piped is not None:
            parts = [part for part in (prompt, piped) if part and part.strip()]
            if not parts:
                message = "there is nothing to say: give a prompt, or pipe one in"
                raise ConfigError(message)
            answer("\n\n".join(parts))
        else:
            _converse(console, answer, model)
    return 0


def _converse(console: Console, answer: Any, model: str) -> None:
    write(console, f"{one_line(model)}. {HELP}", "dim")
    while text := typed_line("> "):
        if text.lower() in ENDS:
            return
        if re.fullmatch(r"/[a-z?]+", text.lower()):
            known = text.lower() in {"/help", "/?"}
            write(errors(), HELP if known else f"there is no command {text}. {HELP}", "dim")
            continue
        try:
            answer(text)
        except InferenceError as error:
            write(errors(), f"{type(error).__name__}: {error}", "red")


class _Voice:
    """Writes an answer's pieces, thoughts dim and before the rest; half a character waits for its other half."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._style = ""
        self._half = ""

    def write(self, text: str, style: str = "") -> None:
        if not text:
            return
        if style != self._style:
            self.end("\n\n" if self._style == THOUGHT else "")
            self._style = style
        text = self._half + text
        self._half = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
        write(self._console, whole_text(text.removesuffix(self._half) if self._half else text), style, end="")

    def end(self, end: str = "\n") -> None:
        write(self._console, whole_text(self._half) + end, self._style, end="")
        self._half = ""


THOUGHT = "dim italic"
REFUSAL = "yellow"


def _shown(console: Console, stream: Stream, *, shows_reasoning: bool) -> ChatCompletion:
    """Show a stream; Ctrl-C stops it, and what has come counts."""
    started = time.monotonic()
    voice = _Voice(console)
    with stream, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", EmptyAnswerWarning)
        try:
            for chunk in stream:
                delta = _delta(chunk.raw)
                voice.write(reasoning_text(delta) if shows_reasoning else "", THOUGHT)
                voice.write(chunk.text)
                voice.write(delta.get("refusal") or "", REFUSAL)
        except KeyboardInterrupt:
            write(console, " …", "dim", end="")
        except StreamInterrupted:
            voice.end()
            raise
    voice.end()
    whole = stream.partial
    for note in [str(warning.message) for warning in warned] or _notes(whole):
        write(errors(), note, "yellow")
    write(errors(), _summary(whole, stream, time.monotonic() - started), "dim")
    return whole


def _delta(raw: dict[str, Any]) -> dict[str, Any]:
    choices = raw.get("choices") or [{}]
    delta: dict[str, Any] = choices[0].get("delta") or {}
    return delta


def _notes(whole: ChatCompletion) -> list[str]:
    """Say what is unusual about the end of an answer."""
    choice = whole.choices[0]
    refused = ["The model refused to answer."] if choice.message.refusal else []
    return [*refused, *(note for reason, note in NOTES.items() if choice.finish_reason == reason)]


def _summary(whole: ChatCompletion, stream: Stream, seconds: float) -> str:
    """Say what an answer took."""
    parts = [one_line(whole.model), f"{seconds:.1f} s"]
    if stream.response_info and stream.response_info.route:
        parts.append(f"route {one_line(stream.response_info.route)}")
    if whole.usage:
        tokens = Tokens.of(whole.usage)
        cached = f" ({tokens.cached:,} cached)" if tokens.cached else ""
        thought = f" ({tokens.reasoning:,} thinking)" if tokens.reasoning else ""
        parts += [f"{tokens.input:,} in{cached}", f"{tokens.output:,} out{thought}"]
        with suppress(OverflowError):  # a count beyond all floats
            cost = estimate_cost(whole.model, tokens)
            if cost.total is not None:
                parts.append(f"about ${cost.total:.6f} (prices of {cost.date})")
    return " · ".join(part for part in parts if part)
