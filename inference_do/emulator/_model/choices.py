"""Choices that a prompt lists beside a question: numbered ones, and ones with names."""

from __future__ import annotations

import json
import re

from .context import question_of
from .text import fit

NUMBERED = re.compile(r"^\((\d+)\)\s*:?\s*(.*?)(?=^\(\d+\)|^-{5,}|\Z)", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"^\{.*?^\}", re.MULTILINE | re.DOTALL)


def chosen_numbers(text: str) -> list[int]:
    """Return the numbers of the choices that fit a prompt's question, best first; the first choice if none does.

    Choices are lines that begin with `(1)`, `(2)` …, in a prompt that calls them choices or options.
    """
    if re.search(r"\b(?:choice|option)s?\b", text, re.IGNORECASE) is None:
        return []
    question, numbered = question_of(text), NUMBERED.findall(text)
    if question is None or not numbered:
        return []
    scores = fit(question, [description for _, description in numbered])
    ranked = sorted(zip(scores, numbered, strict=True), key=lambda pair: -pair[0])
    best = ranked[0][0]
    return [int(number) for score, (number, _) in ranked if score > 0 and score >= best / 2] or [int(numbered[0][0])]


def named_choices(text: str) -> tuple[str, dict[str, str]] | None:
    """Return a prompt's question, and those of the choices that fit it, as names with descriptions.

    Choices are a JSON object of texts that begins and ends at the margin, as `json.dumps(…, indent=4)` writes it.
    """
    question, objects = question_of(text), NAMED.findall(text)
    try:
        offered = json.loads(objects[-1]) if objects else {}
    except ValueError:
        return None
    if question is None or not offered or not all(isinstance(value, str) for value in offered.values()):
        return None
    return question, fitting(question, offered)


def fitting(question: str, offered: dict[str, str]) -> dict[str, str]:
    """Return the named choices that share words with a question; all if none does."""
    scores = fit(question, [f"{name} {description}" for name, description in offered.items()])
    return {name: offered[name] for name, score in zip(offered, scores, strict=True) if score > 0} or offered
