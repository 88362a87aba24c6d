"""Reading a prompt: its text, its media, its sentences, and how well a sentence fits a question."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_STOPWORDS = (
    "a about above after all also am an and any are as at be because been before below but by can could did do does "
    "doing done else for from get give given gives had has have he her here him his how i if in into is it its just "
    "like made make may me more most my no not now of on only or other our out over please return s same she should "
    "show so some such t tell than that the their them then there these they this those to tool tools under up us use "
    "used useful user using value very want was we were what when where which who whom whose why will with would you "
    "your function call find let"
)
STOPWORDS = frozenset(_STOPWORDS.split())
NOUNS: Mapping[str, str] = {
    "image_url": "an image",
    "video_url": "a video",
    "input_audio": "a sound recording",
    "file": "a file",
}
_SUFFIXES = ("ations", "ation", "ings", "ing", "ers", "er", "ors", "or", "ies", "ied", "es", "ed", "s", "e", "y")


def text_of(message: Mapping[str, Any]) -> str:
    """Return the text of a message, its parts joined by line ends."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    texts = [part if isinstance(part, str) else part.get("text", "") for part in parts if isinstance(part, str | dict)]
    return "\n".join(text for text in texts if text)


def plain_content(content: Any) -> Any:
    """Return content as text where it is one text and nothing else."""
    match content:
        case [{"type": "text", "text": str(text), **rest}] if not rest:
            return text
    return content


def prompt_of(request: Mapping[str, Any]) -> str:
    """Return the text of a request's last user message; of its last message if no user has written."""
    written = [text_of(message) for message in request["messages"] if message["role"] == "user"]
    return written[-1] if written else text_of(request["messages"][-1])


def shortened(text: str, length: int) -> str:
    """Return a text in one line of at most so many characters."""
    plain = " ".join(text.split())
    return plain if len(plain) <= length else plain[: length - 1] + "…"


def media_of(message: Mapping[str, Any]) -> list[str]:
    """Name the kinds of a message's other parts, in order."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    return [NOUNS[part["type"]] for part in parts if isinstance(part, dict) and part.get("type") in NOUNS]


def stem(word: str) -> str:
    """Cut a word's ending off, crudely: `adder`, `adding` and `adds` become `add`."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: -len(suffix)]
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls" else word


def stems(text: str) -> list[str]:
    """Return the stems of the words that mean something."""
    words = re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower())
    return [stem(word) for word in words if word not in STOPWORDS]


def sentences(text: str) -> list[str]:
    """Split text at line ends and after full stops."""
    found: list[str] = []
    for line in text.splitlines():
        found += [part.strip() for part in re.split(r"(?<=[.!?])\s+(?=[^a-z])", line)]
    return [part for part in found if re.search(r"\w", part)]


def best_sentence(question: str, choices: Sequence[str]) -> str | None:
    """Return the choice that shares the rarest words with the question; `None` when none shares any."""
    scores = fit(question, choices)
    best = max(range(len(choices)), key=scores.__getitem__, default=None)
    return choices[best] if best is not None and scores[best] > 0 else None


def fit(question: str, choices: Iterable[str]) -> list[float]:
    """Score each choice by the words it shares with the question, rare words counting more (idf)."""
    bags = [set(stems(choice)) for choice in choices]
    counts = Counter(word for bag in bags for word in bag)
    wanted = set(stems(question))
    return [
        sum(math.log(1 + len(bags) / counts[word]) for word in sorted(wanted & bag)) - 0.001 * len(bag)
        if wanted & bag
        else 0.0
        for bag in bags
    ]
