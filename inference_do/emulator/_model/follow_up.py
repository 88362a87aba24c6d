"""Prompts that want a follow-up question rewritten so that it stands alone.

Their form: the follow-up stands after a label or tag that begins with `follow up`, earlier messages are lines that
begin with `user:` or `human:`, and the prompt ends with an empty label or tag that ends in `question`.
"""

from __future__ import annotations

import re

ASKS_FOR_QUESTION = re.compile(r"\bquestion[ \t]*[:>]\s*\Z", re.IGNORECASE)
FOLLOW_UP = re.compile(r"\bfollow[- ]up[ \t]\w+[ \t]*[:>][ \t]*\n?[ \t]*([^\n]*\S)[ \t]*\n", re.IGNORECASE)
EARLIER = re.compile(r"^\s*(?:user|human):\s*(.*)$", re.MULTILINE | re.IGNORECASE)
SHORT = 100  # characters at the end of a prompt, where the empty label is
LONGEST = 5_000  # characters at the end of a prompt, where the follow-up is
SHORTEST = 3  # words that a question needs to stand alone
REFERS_BACK = re.compile(
    r"\b(it|its|he|him|his|she|her|they|them|their|that|those|this|these|there|one|ones|so|what about|and|also)\b",
    re.IGNORECASE,
)
"""Words by which a follow-up question refers to the messages before it."""


def standalone_question(text: str) -> str | None:
    """Return the follow-up question, with the earlier messages if it refers to them; `None` for other prompts."""
    found = FOLLOW_UP.findall(text[-LONGEST:]) if ASKS_FOR_QUESTION.search(text[-SHORT:]) else []
    if not found:
        return None
    question = found[-1]
    earlier = " ".join(line for message in EARLIER.findall(text) if (line := message.strip()) and line != question)
    refers_back = len(question.split()) < SHORTEST or REFERS_BACK.search(question) is not None
    return f"{question} (after: {earlier})" if earlier and refers_back else question
