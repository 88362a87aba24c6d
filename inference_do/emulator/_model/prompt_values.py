"""What a prompt offers as values: numbers, quotations, names, and what stands after a parameter's name.

Values are taken in the order of the text and each only once, so that two parameters do not get the same word.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .text import STOPWORDS

if TYPE_CHECKING:
    from collections.abc import Callable

QUOTED = re.compile(r"\"([^\"\n]+)\"|“([^”]{1,1000})”|「([^」]{1,1000})」|`([^`\n]+)`|(?<!\w)'([^'\n]+)'(?!\w)")
NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?![\w])")
NAME = re.compile(r"[A-Z][\w'’-]*(?:\s+(?:de |of |the )?[A-Z0-9][\w'’-]*){0,6}(?:,\s+[A-Z]{2}\b)?")  # noqa: RUF001 - as typed
ITEM = re.compile(rf"{QUOTED.pattern}|{NAME.pattern}")
GLUE = re.compile(r"\s*,\s*(?:and|or)?\s*|\s+(?:and|or|&)\s+(?:in\s+|at\s+)?")
AFTER = re.compile(r"\b(?:in|at|for|about|from|near|named|called|to|of)\s+(?:the\s+|a\s+|an\s+)?([^\s,.?!;:()]{3,})")
VERB = re.compile(r"\s*(?:'s\b|is\b|was\b|has\b|had\b|lives?\b|works?\b|wrote\b|and\b|,)")
LONGEST = 20_000  # characters of a prompt that are searched; looking for lists takes more than linear time
NO_NAMES = frozenset({"JSON", "XML", "HTML", "URL", "API", "I", "OK"})
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(WORDS[2:])})\b", re.IGNORECASE)
LINK = r"['\"]?\s*(?:is|are|was|=|:|as|of|to|named|called)\s*"


class PromptValues:
    """The values that a text offers, each handed out once."""

    def __init__(self, text: str) -> None:
        self.text = text[:LONGEST]
        self._used: list[tuple[int, int]] = []
        self._whole = text.strip()

    def after(self, name: str) -> str | None:
        """Take what the text gives for a parameter by name, as in `city: Paris` or `city is Paris`."""
        spelled = r"[\s_-]".join(re.escape(word) for word in re.split(r"[_\s-]+", name) if word)
        found = re.search(rf"\b{spelled}\b{LINK}(?:{QUOTED.pattern}|([^\n,.;?!]+))", self.text, re.IGNORECASE)
        if found is None:
            return None
        value = next(group for group in found.groups() if group is not None)
        value = re.split(r"\s+(?:and|with)\s+", value)[0].strip(" '\"")
        if not value or value.lower() in STOPWORDS:
            return None
        self._used.append(found.span())
        return value

    def quotation(self) -> str | None:
        """Take the next quotation."""
        return self._take(QUOTED)

    def whole(self) -> str:
        """Take the whole text."""
        text, self._whole = self._whole, ""
        return text

    def name(self) -> str | None:
        """Take the next proper name."""
        for found in NAME.finditer(self.text):
            span = self._trimmed(found)
            if span is None or self._is_used(span) or self.text[slice(*span)] in NO_NAMES:
                continue
            self._used.append(span)
            return self.text[slice(*span)]
        return None

    def word(self) -> str | None:
        """Take the next word that stands after a preposition, as in `weather in tokyo`."""
        for found in AFTER.finditer(self.text):
            if found[1].lower() not in STOPWORDS and not self._is_used(found.span(1)):
                self._used.append(found.span(1))
                return found[1]
        return None

    def number(self, fits: Callable[[float], bool]) -> float | int | None:
        """Take the next number that fits."""
        for pattern in (NUMBER, NUMBER_WORD):
            for found in pattern.finditer(self.text):
                value = _value(found[0])
                if not self._is_used(found.span()) and fits(value):
                    self._used.append(found.span())
                    return value
        return None

    def number_after(self, name: str, fits: Callable[[float], bool]) -> float | int | None:
        """Take the number that stands right after a parameter's name."""
        spelled = r"[\s_-]".join(map(re.escape, filter(None, re.split(r"[_\s-]+", name))))
        found = re.search(rf"\b{spelled}\b(?:{LINK}|\s+)({NUMBER.pattern})", self.text, re.IGNORECASE)
        if found is None or self._is_used(found.span(1)) or not fits(_value(found[1])):
            return None
        self._used.append(found.span(1))
        return _value(found[1])

    def mentions(self, value: str) -> bool:
        """Return whether the text has this word or phrase."""
        return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", self.text, re.IGNORECASE) is not None

    def listed(self) -> list[str]:
        """Return the items of `A and B` or `A, B and C`: quotations or names, else nothing."""
        items: list[str] = []
        end, linked = 0, False
        for found in ITEM.finditer(self.text):
            glue = self.text[end : found.start()]
            if items and not GLUE.fullmatch(glue):
                if linked:
                    break
                items = []
            linked = bool(items) and (linked or glue.strip(" ,") != "")
            items.append(next((group for group in found.groups() if group is not None), found[0]))
            end = found.end()
        return items if linked else []

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        for found in pattern.finditer(self.text):
            if not self._is_used(found.span()):
                self._used.append(found.span())
                return next((group for group in found.groups() if group is not None), found[0])
        return None

    def _is_used(self, span: tuple[int, int]) -> bool:
        return any(start < span[1] and span[0] < end for start, end in self._used)

    def _trimmed(self, found: re.Match[str]) -> tuple[int, int] | None:
        """Drop a sentence's first word, which is capital for another reason, and words that are no names."""
        start, end = found.span()
        before = self.text[:start].rstrip()
        first = re.match(r"\S+", found[0])
        opens = not before or before[-1] in ".!?:\n(" or "\n" in self.text[len(before) : start]
        if first is not None and (opens or first[0].lower() in STOPWORDS):
            if first.end() < len(found[0]):
                start += first.end() + 1 if first[0].lower() in STOPWORDS or opens else 0
            elif first[0].lower() in STOPWORDS or VERB.match(self.text, end) is None:
                return None
        return start, end


def _value(text: str) -> float | int:
    plain = text.replace(",", "")
    if plain.lower() in WORDS:
        return WORDS.index(plain.lower())
    return float(plain) if "." in plain else int(plain)
