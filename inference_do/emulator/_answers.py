"""Honest answers: what a plain, literal model would say, from the request alone.

In this order: tool calls, a JSON object when one was asked for, an answer in a form that the prompt prescribes
(`_templates.py`, `_react.py`), the sentence of the given context or history that fits the question
(`_reading.py`), and else an echo that names what arrived. A message, part or result that a client loses on the way
is therefore missing in the answer.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ._arguments import value_for
from ._calls import calls_to_make
from ._completion import Answer, Call, call_id
from ._http import to_json
from ._prompt import media_of, text_of
from ._react import answered, react
from ._reading import read_answer
from ._templates import templated
from ._tokens import tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inference_do.models import ModelInfo

LONGEST = 300
SCHEMA = re.compile(r"JSON schema to follow:\s*(\{.*\})\s*(?:Output|\Z)", re.DOTALL)


def honest_answer(body: Mapping[str, Any], info: ModelInfo) -> Answer:
    """Answer a valid chat request."""
    calls = tuple(
        Call(call_id(body, index, name), name, to_json(arguments).decode())
        for index, (name, arguments) in enumerate(calls_to_make(body))
    )
    thinking = Answer(reasoning=_reasoning(body, info), is_silent=info.provider == "OpenAI")
    if calls:
        return replace(thinking, calls=calls, finish="tool_calls")
    return replace(thinking, text=_json(body) or _words(body["messages"]))


STEPS = {"minimal": 1, "low": 1, "medium": 2, "high": 4, "xhigh": 6, "max": 8}
"""How many sentences a model thinks for an effort."""


def _reasoning(body: Mapping[str, Any], info: ModelInfo) -> str | None:
    """Think, if the model does, within the budget.

    The models that DigitalOcean hosts think unless they are told not to, OpenAI's too, which keep it to themselves;
    Anthropic's do when they are asked to, and the newer ones always.
    """
    asked = body.get("reasoning") or {}
    effort = body.get("reasoning_effort") or asked.get("effort")
    thinking = (body.get("chat_template_kwargs") or {}).get("enable_thinking", True)
    unasked = info.thinks_unasked or info.provider != "Anthropic"
    if not info.reasoning or effort == "none" or not thinking or not (unasked or effort or asked):
        return None
    last = body["messages"][-1]
    step = f"The last message is from the {last['role']}: {_clip(text_of(last), 60)!r}. I answer it."
    pieces = tokens(" ".join([step] * STEPS.get(effort or "low", 1)))
    return "".join(pieces[: _budget(body, effort, info)])


BUDGETS = {"low": 0.2, "medium": 0.5, "high": 0.8, "max": 0.95}
"""Shares of the token limit that Anthropic's models may think with, by effort."""


def _budget(body: Mapping[str, Any], effort: str | None, info: ModelInfo) -> int | None:
    """Return the most tokens of the thoughts; None leaves it to the limit of the whole answer."""
    budget = (body.get("reasoning") or {}).get("max_tokens")
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if budget is not None or info.provider != "Anthropic" or effort not in BUDGETS or not limit:
        return int(budget) if budget is not None else None
    return int(limit * BUDGETS[effort])


def _json(body: Mapping[str, Any]) -> str | None:
    """Answer in JSON when `response_format` asks for it, or the prompt does, with a schema."""
    form = body.get("response_format") or {}
    prompt = _prompt(body)
    match form.get("type"):
        case "json_schema":
            return to_json(value_for(form["json_schema"]["schema"], prompt)).decode()
        case "json_object":
            keys = _keys("\n".join(text_of(message) for message in body["messages"]))
            schema = {"type": "object", "properties": {key: {"type": "string"} for key in keys}, "required": keys}
            return to_json(value_for(schema, re.sub(r"['\"`]", "", prompt))).decode()
        case _:
            return _json_in_words(prompt)


def _json_in_words(prompt: str) -> str | None:
    """Follow a schema that stands in the prompt, as LlamaIndex puts it there for models without tools."""
    found = SCHEMA.search(prompt)
    if found is None:
        return None
    for spelled in (found[1], found[1].replace("{{", "{").replace("}}", "}")):  # escaped once too often
        with suppress(ValueError):
            return to_json(value_for(json.loads(spelled), prompt[: found.start()])).decode()
    return None


def _keys(prompt: str) -> list[str]:
    """Find the keys that a prompt asks for: those of a JSON sample or schema, or quoted words near `key` or `field`."""
    properties = re.search(r"\"properties\"\s*:\s*\{(.*)", prompt, re.DOTALL)
    sample = re.findall(r"\"(\w+)\"\s*:", properties[1] if properties else prompt)
    schema_words = {"type", "title", "description", "properties", "required", "items", "default", "anyOf", "enum"}
    keys = [key for key in sample if key not in schema_words]
    keys = keys or re.findall(r"['\"`](\w+)['\"`]", prompt)
    return list(dict.fromkeys(keys)) or ["answer"]


def _words(messages: Sequence[Mapping[str, Any]]) -> str:
    step = react(messages)
    if step is not None:
        action, plain = step
        return action or answered(_plain_words(plain))
    return _plain_words(messages)


def _plain_words(messages: Sequence[Mapping[str, Any]]) -> str:
    last = messages[-1]
    if last["role"] == "tool":
        return _from_results(messages)
    media = media_of(last)
    answer = None if media else templated(messages) or read_answer(messages)
    return answer or _echo(text_of(last), media)


def _from_results(messages: Sequence[Mapping[str, Any]]) -> str:
    """Put the results of the last tool calls into words."""
    results: list[str] = []
    for message in reversed(messages):
        if message["role"] == "user":
            break
        if message["role"] == "tool":
            said = ", ".join(filter(None, [text_of(message), *media_of(message)]))
            results.append(said or "nothing")
    return f"The answer is: {'; '.join(reversed(results))}"


def _echo(text: str, media: list[str]) -> str:
    said = f"You said: {_clip(text, LONGEST)}" if text.strip() else "You said nothing."
    return f"{said} You sent {' and '.join(media)}." if media else said


def _prompt(body: Mapping[str, Any]) -> str:
    last = [text_of(message) for message in body["messages"] if message["role"] == "user"]
    return last[-1] if last else text_of(body["messages"][-1])


def _clip(text: str, length: int) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= length else plain[: length - 1] + "…"
