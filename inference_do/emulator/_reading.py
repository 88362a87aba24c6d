"""Answering from what was given: a context in the prompt, the system message, or the earlier conversation.

The answer is a sentence of the source, so that a wrong retrieval or a lost message gives a wrong answer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ._prompt import best_sentence, fit, sentences, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNKNOWN = "I don't know: the context does not say."
FENCED = re.compile(r"\n?-{5,}\n(.*)\n-{5,}", re.DOTALL)
TAGGED = re.compile(r"<(context|documents?|sources?)>(.*?)</\1>", re.DOTALL | re.IGNORECASE)
DOCUMENTS = re.compile(r"documents for the context:\s*\n(.*?)\n\s*(?:Instruction|Existing Answer):", re.DOTALL)
LABELLED = re.compile(
    r"^[ \t]*(?:New Context|Context|Context information|Documents|Sources)[ \t]*:\s*"
    r"(.+?)(?=\n[ \t]*(?:Query|Question|Answer|Helpful Answer)\s*:|\Z)",
    re.DOTALL | re.IGNORECASE | re.MULTILINE,
)
QUESTION = re.compile(
    r"^[ \t]*(?:Query|Question|User question|Input|The original query is as follows)[ \t]*:\s*"
    r"(.+?)(?=\n[ \t]*(?:Context|Answer|Helpful Answer|Original Answer|Response|We have provided)\b|\n\n|\Z)",
    re.DOTALL | re.IGNORECASE | re.MULTILINE,
)
EXISTING = re.compile(
    r"(?:existing|original) answer\s*:\s*"
    r"(.*?)(?=\nWe have the opportunity|\n\s*-{5,}|\n\s*(?:Instruction|New Answer):|\Z)",
    re.DOTALL | re.IGNORECASE,
)


def context_of(text: str) -> str | None:
    """Find the context that a prompt sets apart: between dashes, in a tag, or after a label."""
    for pattern in (FENCED, DOCUMENTS, TAGGED, LABELLED):
        found = pattern.search(text) if pattern is not TAGGED or "</" in text else None
        if found is not None:
            return found[found.re.groups]
    return None


def question_of(text: str) -> str | None:
    """Find the question that a prompt labels as one; the last one, because examples come first."""
    found = QUESTION.findall(text)
    return found[-1].strip() if found else None


def read_answer(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """Answer the last message from what was given, or say `None` when nothing was given that could hold an answer."""
    text = text_of(messages[-1])
    question = question_of(text)
    if question is not None and (context := context_of(text)) is not None:
        return _from_context(question, context, EXISTING.search(text))
    for message in messages[:-1]:
        given = text_of(message)
        if message["role"] in {"system", "developer"} and (context := context_of(given)) is not None:
            candidates = sentences(context) + _said(messages, {"user", "assistant"})
            return best_sentence(text, candidates) or UNKNOWN
    if not text.rstrip().endswith("?"):
        return None
    return best_sentence(text, _said(messages, {"user", "system", "developer", "assistant"}))


def focused(text: str) -> str:
    """Put the sentences of a prompt's context in the order in which they fit its question; other prompts stay."""
    question, context = question_of(text), context_of(text)
    if question is None or context is None:
        return text
    found = sentences(context)
    scores = dict(zip(found, fit(question, found), strict=True))
    return "\n".join(sorted(found, key=lambda sentence: -scores[sentence]))


def _from_context(question: str, context: str, existing: re.Match[str] | None) -> str:
    candidates = sentences(context)
    if existing is not None and (earlier := existing[1].strip()) and earlier != UNKNOWN:
        candidates.insert(0, earlier)
        return best_sentence(question, candidates) or earlier
    return best_sentence(question, candidates) or UNKNOWN


def _said(messages: Sequence[Mapping[str, Any]], roles: set[str]) -> list[str]:
    """Return what was said before the last message, the latest first, without the questions."""
    said = [text_of(message) for message in messages[:-1] if message["role"] in roles]
    return [sentence for text in reversed(said) for sentence in sentences(text) if not sentence.endswith("?")]
