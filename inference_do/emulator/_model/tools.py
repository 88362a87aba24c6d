"""Which tools the model calls now: decided from the conversation alone.

1. The last user message is cut into clauses (`first … then …`), and each clause is matched with the tools.
2. That gives the calls which the message asks for, in order.
3. Calls that stand in the conversation since then are taken off; what is left is still to do.
4. Clauses joined by `then` are done one turn at a time; everything else at once, unless parallel calls are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from .arguments import value_for
from .arithmetic import signs_in, steps_of
from .choices import chosen_numbers
from .context import best_first
from .effort import spend
from .prompt_values import PromptValues
from .text import stems, text_of

THEN = re.compile(r"[,;.]?\s{0,3}\b(?:and\s+then|then|after\s+that|afterwards|finally|next)\b[,:]?\s*", re.IGNORECASE)
EXPLICIT = re.compile(r"\b(?:us(?:e|ing)|call(?:ing)?|invoke|with)\b[^.?!]{0,40}\btools?\b", re.IGNORECASE)
ONLY_EXPLICIT = re.compile(
    r"^\W*(?:please\s+)?(?:use|call|using)\s+(?:the|a|your|these|any)?\s*(?:\w+\s+)?tools?\W*$", re.IGNORECASE
)
RESULT = re.compile(
    r"\b(?:the|that|this|its)\s+(?:result|sum|product|answer|total|output|value|difference)\b|\b(?:it|that)\b",
    re.IGNORECASE,
)
LONGEST = 10_000
CALL_NAMED = re.compile(r"^\W*call\s+the\s+tool\s+\W?([\w.-]*\w)\W*$", re.IGNORECASE)
CALL_ANY = re.compile(r"^\W*call\s+(?:one|any)\s+of\s+the\s+tools\W*$", re.IGNORECASE)
"""Sentences of a system message that say what a choice of tools would."""
CLAUSE = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True, slots=True)
class WantedCall:
    """A call that the conversation asks for; wanted calls of a later `step` wait for the earlier ones."""

    tool: str
    arguments: Any
    step: int


def functions(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the functions among a request's tools."""
    return [tool["function"] for tool in request.get("tools") or () if tool.get("type") == "function"]


def calls_to_make(request: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return name and arguments of each call that the model makes now."""
    tools, choice = functions(request), request.get("tool_choice", "auto")
    if not tools or choice == "none":
        return []
    messages = request["messages"]
    last = max((i for i, message in enumerate(messages) if message["role"] == "user"), default=-1)
    text = _ends(text_of(messages[last])) if last >= 0 else ""
    since = messages[last + 1 :]
    if choice == "auto":
        choice = _choice_in_words(messages, tools, since)
    if isinstance(choice, Mapping):
        tool = next(tool for tool in tools if tool["name"] == choice["function"]["name"])
        return [(tool["name"], arguments(tool, text))]
    if choice == "required" and len(tools) == 1 and request.get("parallel_tool_calls") is False and not since:
        return [(tools[0]["name"], arguments(tools[0], text))]  # how structured output is asked for
    wanted = _remaining(_wanted(tools, text, since), since)
    if not wanted and choice == "required":
        tool = max(_uncalled(tools, since) or tools, key=lambda tool: _score(tool, text))
        wanted = [WantedCall(tool["name"], arguments(tool, text), 0)]
    now = [(call.tool, call.arguments) for call in wanted if call.step == wanted[0].step]
    return now[:1] if request.get("parallel_tool_calls") is False else now


def _choice_in_words(
    messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], since: Sequence[Mapping[str, Any]]
) -> Any:
    """Return the choice that system messages ask for in words, until it has been followed."""
    uncalled = {tool["name"] for tool in _uncalled(tools, since)}
    for message in messages:
        if message["role"] not in {"system", "developer"}:
            continue
        for sentence in CLAUSE.split(_ends(text_of(message))):
            if (named := CALL_NAMED.match(sentence)) and named[1] in uncalled:
                return {"type": "function", "function": {"name": named[1]}}
            if uncalled and CALL_ANY.match(sentence):
                return "required"
    return "auto"


def arguments(tool: Mapping[str, Any], text: str) -> Any:
    """Make a tool's arguments from its schema and the prompt."""
    return value_for(tool.get("parameters") or {"type": "object"}, text)


def _ends(text: str) -> str:
    """Leave the middle of a very long message out: what it asks for stands at its start or end."""
    return text if len(text) <= 2 * LONGEST else f"{text[:LONGEST]}\n{text[-LONGEST:]}"


def _wanted(tools: Sequence[Mapping[str, Any]], text: str, since: Sequence[Mapping[str, Any]]) -> list[WantedCall]:
    explicit = EXPLICIT.search(text) is not None
    results = [text_of(message) for message in since if message["role"] == "tool"]
    operations = steps_of(text, tools, results)
    if operations:
        return [WantedCall(name, value, step) for step, (name, value) in enumerate(operations)]
    if best_first(text) != text or chosen_numbers(text):
        return [WantedCall(tool["name"], arguments(tool, text), 0) for tool in _asked_for(tools, text)]
    wanted: list[WantedCall] = []
    for step, clause in enumerate(THEN.split(text)):
        earlier = results[step - 1] if 0 < step <= len(results) else None
        parts = [part for part in CLAUSE.split(clause) if not ONLY_EXPLICIT.match(part)]
        asking = [share for part in parts if (asked := _asked_for(tools, part)) for share in _shares(part, asked)]
        for part, asked in asking:
            others = [other for other in parts if other is not part] if len(asking) == 1 else []
            ask, around = (
                RESULT.sub(earlier, text) if earlier is not None else text for text in (part, "\n".join(others))
            )
            wanted += [WantedCall(tool["name"], value, step) for tool in asked for value in _each(tool, ask, around)]
    if not wanted and explicit:
        tool = max(tools, key=lambda tool: _score(tool, text))
        wanted = [WantedCall(tool["name"], value, 0) for value in _each(tool, text, "")]
    return wanted


def _shares(part: str, asked: list[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Cut a clause that asks for several tools before each one's name, if every piece has values of its own."""
    starts: list[tuple[int, Mapping[str, Any]]] = []
    for tool in asked:
        named = set(stems(tool["name"]))
        words = (word for word in re.finditer(r"[^\W_]+", part) if set(stems(word[0])) & named)
        starts += [(word.start(), tool) for word in [next(words, None)] if word is not None]
    starts.sort(key=lambda start: start[0])
    pieces = [part[start:end] for start, end in pairwise([*(start for start, _ in starts), len(part)])]
    if len(starts) < 2 or len(starts) < len(asked) or not all(map(_has_values, pieces)):
        return [(part, asked)]
    return [(piece, [tool]) for piece, (_, tool) in zip(pieces, starts, strict=True)]


def _has_values(text: str) -> bool:
    values = PromptValues(text)
    return values.number(lambda _: True) is not None or values.quotation() is not None or values.name() is not None


def _asked_for(tools: Sequence[Mapping[str, Any]], clause: str) -> list[Mapping[str, Any]]:
    """Return the tools that a clause asks for: all that it names, else the best one if it is good enough."""
    spend()
    named = [tool for tool in tools if re.search(rf"\b{re.escape(tool['name'])}\b", clause, re.IGNORECASE)]
    if named:
        return named
    scores = [(tool, _score(tool, clause)) for tool in tools]
    best = max((score for _, score in scores), default=0.0)
    if best < 1:
        return []
    good = [tool for tool, score in scores if score == best]
    strong = [tool for tool, score in scores if score >= 2 and tool not in good]
    return good[:1] + strong if best >= 2 else good[:1]


def _score(tool: Mapping[str, Any], clause: str) -> float:
    """Two for each word of the name, a half for each of the description, a quarter for each parameter."""
    words = set(stems(clause)) | signs_in(clause)
    name = set(stems(tool["name"]))
    described = set(stems(" ".join(CLAUSE.split(tool.get("description") or "")[:2]))) - name
    parameters = set(stems(" ".join((tool.get("parameters") or {}).get("properties", {})))) - name - described
    return 2 * len(words & name) + 0.5 * len(words & described) + 0.25 * len(words & parameters)


def _each(tool: Mapping[str, Any], clause: str, around: str) -> list[Any]:
    """Make one call, or one for each of several items where the tool takes a single one.

    Args:
        tool: The function.
        clause: What asks for it.
        around: The rest of the message, where arguments may stand that the clause does not hold.
    """
    parameters = tool.get("parameters") or {}
    properties: Mapping[str, Any] = parameters.get("properties", {})
    single = (
        list(properties) if len(properties) == 1 else [n for n in parameters.get("required", ()) if n in properties]
    )
    items = PromptValues(clause).listed()
    only = properties[single[0]] if len(single) == 1 else {}
    if len(items) > 1 and only.get("type") == "string" and "enum" not in only:
        return [{single[0]: item} for item in items]
    return [arguments(tool, f"{clause}\n{around}")]


def _uncalled(tools: Sequence[Mapping[str, Any]], since: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the tools that were not called yet: an agent whose every turn must call one ends by one of them."""
    called = {call["function"]["name"] for message in since for call in message.get("tool_calls") or ()}
    return [tool for tool in tools if tool["name"] not in called]


def _remaining(wanted: list[WantedCall], since: Sequence[Mapping[str, Any]]) -> list[WantedCall]:
    """Take off what was called already: the same call if there is one, else the first of the same tool."""
    left = list(wanted)
    for message in since:
        for call in message.get("tool_calls") or ():
            name, given = call["function"]["name"], json.loads(call["function"]["arguments"])
            same = [one for one in left if one.tool == name]
            exact = [one for one in same if one.arguments == given]
            for one in (exact or same)[:1]:
                left.remove(one)
    return left
