"""An answer on the terminal: its text as it is made, what ended it, and what it took."""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from inference_do import (
    ChatCompletion,
    Client,
    EmptyAnswerWarning,
    Stream,
    StreamInterrupted,
    Tokens,
    estimate_cost,
)
from inference_do.accumulate import reasoning_text

from ._command import CUT, INTERRUPTED
from ._screen import errors, one_line, say, screen, whole_text, write

__all__ = ["Talk", "code_of", "notes_of"]

Message = dict[str, Any]

NOTES = {
    "length": "The answer was cut off: it reached its token limit (length). --max-tokens raises it.",
    "content_filter": "A content filter ended the answer (content_filter).",
}
"""What to say of a finish reason that a reader would want to know."""

THOUGHT_ONLY = (
    "All tokens were used before any text (length): the model was thinking. Raise --max-tokens, or lower --effort."
)


@dataclass(slots=True)
class Talk:
    """What has been said to a model, and how it is asked."""

    client: Client
    model: str
    system: str | None
    options: dict[str, Any]
    shows_reasoning: bool
    turns: list[Message] = field(default_factory=list)

    @property
    def messages(self) -> list[Message]:
        """The messages of a request so far."""
        return ([{"role": "system", "content": whole_text(self.system)}] if self.system else []) + self.turns

    def stream(self, content: Any) -> Stream:
        """Return the answer to a message as it is made."""
        messages = [*self.messages, {"role": "user", "content": content}]
        return self.client.stream(model=self.model, messages=messages, **self.options)

    def ask(self, content: Any) -> int:
        """Show the answer to a message, remember both if there is one, and return the exit code."""
        whole, was_stopped = _shown(self.stream(content), shows_reasoning=self.shows_reasoning)
        choice = whole.choices[0] if whole.choices else None
        if choice and (text := whole_text(whole.text or choice.message.refusal or "")):
            self.turns += [{"role": "user", "content": content}, {"role": "assistant", "content": text}]
        return INTERRUPTED if was_stopped else code_of(whole)


class _Voice:
    """Writes an answer's pieces; thoughts come before it, dim and on standard error.

    Half a character waits for its other half.
    """

    def __init__(self) -> None:
        self._consoles = {THOUGHT: errors()}
        self._answer = screen()
        self._style: str | None = None
        self._half = ""

    def write(self, text: str, style: str = "") -> None:
        if not text:
            return
        if style != self._style:
            if self._style is not None:
                self.end("\n\n" if self._style == THOUGHT else "")
            self._style = style
        text = self._half + text
        self._half = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
        self._write(text.removesuffix(self._half) if self._half else text)

    def end(self, end: str = "\n") -> None:
        """End the line, if there is one: an answer ends in a line end even if it is empty."""
        self._write(self._half + end)
        self._half = ""

    def _write(self, text: str) -> None:
        style = self._style or ""
        write(self._consoles.get(style, self._answer), whole_text(text), style, end="")


THOUGHT = "dim italic"
REFUSAL = "yellow"


def _shown(stream: Stream, *, shows_reasoning: bool) -> tuple[ChatCompletion, bool]:
    """Show a stream; Ctrl-C stops it, and what has come counts.

    Returns:
        What has come, and whether it was stopped.
    """
    started, was_stopped = time.monotonic(), False
    voice = _Voice()
    with stream, warnings.catch_warnings():
        warnings.simplefilter("ignore", EmptyAnswerWarning)  # the notes say so
        try:
            for chunk in stream:
                delta = _delta(chunk.raw)
                voice.write(reasoning_text(delta) if shows_reasoning else "", THOUGHT)
                voice.write(chunk.text)
                voice.write(delta.get("refusal") or "", REFUSAL)
        except KeyboardInterrupt:
            was_stopped = True
        except StreamInterrupted:
            voice.end()
            raise
    voice.end()
    whole = stream.partial
    for note in ["Stopped: this is no whole answer."] if was_stopped else notes_of(whole):
        say(errors(), note, "yellow")
    say(errors(), _summary(whole, stream, time.monotonic() - started), "dim")
    return whole, was_stopped


def _delta(raw: dict[str, Any]) -> dict[str, Any]:
    choices = raw.get("choices") or [{}]
    delta: dict[str, Any] = choices[0].get("delta") or {}
    return delta


def code_of(whole: ChatCompletion) -> int:
    """Return the exit code for an answer's end."""
    choice = whole.choices[0] if whole.choices else None
    is_cut = choice is not None and (choice.finish_reason in NOTES or choice.message.refusal)
    return CUT if is_cut else 0


def notes_of(whole: ChatCompletion) -> list[str]:
    """Say what is unusual about the end of an answer."""
    choice = next(iter(whole.choices), None)
    if choice is None:
        return []
    refused = ["The model refused to answer."] if choice.message.refusal else []
    if choice.finish_reason == "length" and not whole.text:
        return [*refused, THOUGHT_ONLY]
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
