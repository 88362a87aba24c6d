r"""Answering from what was given: a context in the prompt, the system message, or the earlier conversation.

The answer is a sentence of the source, so that a wrong retrieval or a lost message gives a wrong answer.

What counts as given is a matter of form, whoever wrote the prompt:

* a context stands between two lines of dashes, in a tag (`<context>`, `<documents>`, `<sources>`), or after a label
  that ends in one of these words, up to the next label;
* a question stands after a label that ends in `query` or `question` and at most three more words;
* an earlier answer stands after a label such as `existing answer` or `original answer`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .text import best_sentence, fit, sentences, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNKNOWN = "I don't know: the context does not say."
FENCED = re.compile(r"\n?-{5,}\n(.*)\n-{5,}", re.DOTALL)
TAGGED = re.compile(r"<(context|documents?|sources?)>(.*?)</\1>", re.DOTALL | re.IGNORECASE)
LABELLED = re.compile(
    r"^[^\n:]*\b(?:context|context information|documents|sources)[ \t]*:\s*"
    r"(.+?)(?=\n[ \t]*(?:\w+[ \t]){0,2}(?:query|question|answer|instructions?)\s*:|\Z)",
    re.DOTALL | re.IGNORECASE | re.MULTILINE,
)
QUESTION = re.compile(
    r"^(?:[^\n:]*\b(?:query|question)(?:[ \t]\w+){0,3}|[ \t]*input)[ \t]*:\s*"
    r"(.+?)(?=\n[^\n:]{0,60}\b(?:context|answer|response|documents|sources|instructions?)\b|\n\n|\Z)",
    re.DOTALL | re.IGNORECASE | re.MULTILINE,
)
EARLIER = re.compile(
    r"\b(?:existing|original|previous|earlier|current)[ \t]answer[ \t]*:[ \t]*\n?[ \t]*([^\n]*[^\n:])(?:\n|\Z)",
    re.IGNORECASE,
)


def context_of(text: str) -> str | None:
    """Return the context that a prompt sets apart: between dashes, in a tag, or after a label."""
    for pattern in (FENCED, TAGGED, LABELLED):
        found = pattern.search(text) if pattern is not TAGGED or "</" in text else None
        if found is not None:
            return found[found.re.groups]
    return None


def question_of(text: str) -> str | None:
    """Return the question that a prompt labels as one; the last one, because examples come first."""
    found = QUESTION.findall(text)
    return found[-1].strip(" \t\n'\"") if found else None


def read_answer(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """Answer the last message from what was given; `None` when nothing was given that could hold an answer."""
    text = text_of(messages[-1])
    question = question_of(text)
    if question is not None and (context := context_of(text)) is not None:
        return _from_context(question, context, EARLIER.search(text))
    for message in messages[:-1]:
        given = text_of(message)
        if message["role"] in {"system", "developer"} and (context := context_of(given)) is not None:
            candidates = sentences(context) + _earlier_sentences(messages, {"user", "assistant"})
            return best_sentence(text, candidates) or UNKNOWN
    if not text.rstrip().endswith("?"):
        return None
    return best_sentence(text, _earlier_sentences(messages, {"user", "system", "developer", "assistant"}))


def best_first(text: str) -> str:
    """Return the sentences of a prompt's context, those that fit its question first; other prompts as they are."""
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


def _earlier_sentences(messages: Sequence[Mapping[str, Any]], roles: set[str]) -> list[str]:
    """Return the sentences before the last message, the latest message first, without the questions."""
    texts = [text_of(message) for message in messages[:-1] if message["role"] in roles]
    return [sentence for text in reversed(texts) for sentence in sentences(text) if not sentence.endswith("?")]
