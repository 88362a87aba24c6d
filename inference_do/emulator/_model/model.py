"""The pretend model: what a plain, literal model would answer, from the request alone.

In this order: tool calls, a JSON value when `response_format` asks for one, an answer by one of the prompt forms that
the emulator was made with, a JSON value when a schema stands in the prompt, a follow-up question that stands alone when
the prompt asks for one, the sentence of the given context or history that fits the question, and else an echo that
names what arrived. A message, part or result that a client loses on the way is therefore missing in the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from inference_do.emulator._json import to_json

from .answer import Answer, ModelCall, call_id
from .context import read_answer
from .effort import begin
from .follow_up import standalone_question
from .json_answers import formatted_json, prompted_json
from .limits import limited
from .reasoning import reasoning_for
from .text import media_of, prompt_of, shortened, text_of
from .tools import calls_to_make

if TYPE_CHECKING:
    from inference_do.models import ModelInfo

ChatRequest: TypeAlias = Mapping[str, Any]
"""A canonical chat request: the body of a valid chat completions request."""

Ask: TypeAlias = Callable[[ChatRequest], Answer]
"""Answers a request by the rules here, without reasoning, limits or prompt forms."""

PromptForm: TypeAlias = Callable[[ChatRequest, Ask], str | None]
"""A rule for prompts that ask for the answer in a form of their own; returns None for all other prompts."""

LONGEST_ECHO = 300


@dataclass(frozen=True, slots=True)
class PretendModel:
    """Answers canonical chat requests; the same request always has the same answer."""

    forms: tuple[PromptForm, ...] = ()
    """Rules that are tried before the general ones for an answer in text."""

    def answer(self, request: ChatRequest, info: ModelInfo) -> Answer:
        """Answer a valid request, within the limits that it sets.

        Raises:
            Unanswerable: The answer would keep the emulator from others.
        """
        begin()
        answer = _answer(request, self.forms)
        reasoning = reasoning_for(request, info)
        answer = replace(answer, reasoning=reasoning, hides_reasoning=info.provider == "OpenAI")
        return limited(answer, request)


def _answer(request: ChatRequest, forms: Sequence[PromptForm] = ()) -> Answer:
    calls = tuple(
        ModelCall(call_id(request, index, name), name, to_json(arguments).decode())
        for index, (name, arguments) in enumerate(calls_to_make(request))
    )
    if calls:
        return Answer(calls=calls, finish="tool_calls")
    return Answer(text=formatted_json(request) or _formed(request, forms) or _plain_text(request))


def _formed(request: ChatRequest, forms: Sequence[PromptForm]) -> str | None:
    return next((text for form in forms if (text := form(request, _answer)) is not None), None)


def _plain_text(request: ChatRequest) -> str:
    messages = request["messages"]
    last = messages[-1]
    if last["role"] == "tool":
        return _from_results(messages)
    media = media_of(last)
    prompt = prompt_of(request)
    answer = prompted_json(prompt) or standalone_question(prompt) or (None if media else read_answer(messages))
    return answer or _echo(text_of(last), media)


def _from_results(messages: Sequence[Mapping[str, Any]]) -> str:
    """Repeat the results of the last tool calls."""
    results: list[str] = []
    for message in reversed(messages):
        if message["role"] == "user":
            break
        if message["role"] == "tool":
            content = ", ".join(filter(None, [text_of(message), *media_of(message)]))
            results.append(content or "nothing")
    return f"The answer is: {'; '.join(reversed(results))}"


def _echo(text: str, media: list[str]) -> str:
    echo = f"You said: {shortened(text, LONGEST_ECHO)}" if text.strip() else "You said nothing."
    return f"{echo} You sent {' and '.join(media)}." if media else echo
