"""The JSON value in an answer's text, whole or as far as it has come.

Models write more than what they were asked for: their thoughts, a sentence before it, a fence around it, or the call of
a tool in words. The value is looked for after the thoughts, in fences, then at each bracket. What lies inside a value
that cannot be read is never taken for the answer, and nothing is repaired.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json

__all__ = ["JSONTextError", "ended_badly", "json_start", "parse_json", "partial_json", "read_json"]

DECODER = json.JSONDecoder(strict=False)  # models write raw newlines into strings, which is unambiguous

TAGS = "think|thinking|thoughts?|reasoning|reflection|analysis|scratchpad"
THOUGHTS = re.compile(rf"(?:<({TAGS})\b[^<>]*>|\[({TAGS})\])(.*?)(?:</\1\s*>|\[/\2\]|\Z)", re.DOTALL | re.IGNORECASE)
THOUGHTS_END = re.compile(rf"</(?:{TAGS})\s*>|\[/(?:{TAGS})\]|<\|channel\|>final<\|message\|>", re.IGNORECASE)
"""The end of thoughts; some templates put their beginning into the prompt."""
FENCE = re.compile(r"```[ \t]*+[\w+-]*+\s*+(?=[{\[])")  # possessive: white space without end is read once
OPENING = re.compile(r"[{\[]")
LIKELY = re.compile(r"""\{\s*(?:["'}]|\w+\s*:|\Z)|\[\s*(?:["'{\[\]]|-?\d|(?:true|false|null)\b|\Z)""")
LIKELY_OBJECT = re.compile(r"""(?:\[\s*)?\{\s*(?:["'}]|\w+\s*:|\Z)""")
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*("|\Z)|[{}\[\]]', re.DOTALL)
NEAR = 20

CUT_OFF = "the answer ends before its JSON does"


class JSONTextError(ValueError):
    """A text has no JSON value that can be read; the message says why."""


def ended_badly(finish_reason: str | None, refusal: str | None) -> str | None:
    """Return why an answer is none, whatever its text is, or None."""
    if refusal:
        return f"the model refused: {refusal}"
    match finish_reason and finish_reason.lower():
        case "content_filter":
            return "the answer was withheld (finish_reason 'content_filter')"
        case "length" | "max_tokens" | "model_length":
            return f"the answer was cut off by the token limit (finish_reason {finish_reason!r}): raise max_tokens"
        case "abort" | "error" | "insufficient_system_resource":  # of servers behind this API
            return f"the answer ended early (finish_reason {finish_reason!r})"
        case _:
            return None


def parse_json(text: str) -> Any:
    """Parse a text that is JSON and nothing else; raw newlines in strings are allowed.

    Raises:
        JSONTextError: It is not.
    """
    try:
        return DECODER.decode(text.strip())
    except (ValueError, RecursionError) as error:
        reason = _reason(text.strip(), error)
    raise JSONTextError(reason)


def read_json(text: str) -> Any:
    """Return the JSON value in an answer's text.

    Raises:
        JSONTextError: There is none.
    """
    text = text.strip()
    try:
        return DECODER.decode(text)
    except (ValueError, RecursionError):
        text = _after_thoughts(text)
    problems: list[str] = []
    lists: list[Any] = []
    first = _first_object(text)
    for fence in FENCE.finditer(text):
        if fence.start() in first:
            break
        try:
            return DECODER.raw_decode(text, fence.end())[0]
        except (ValueError, RecursionError) as error:
            problems = problems or [_reason(text, error, fence.end())]
    for value, _, _ in _values(text, problems):
        if _is_answer(value):
            return value
        lists.append(value)
    if problems:
        raise JSONTextError(problems[0])
    if lists:  # numbers in brackets may be notes of prose; where nothing else comes they are the answer
        return lists[0]
    message = f"there is no JSON in the answer: {text[:200]!r}" if text else "there is no JSON in the answer"
    raise JSONTextError(message)


def partial_json(text: str) -> Any:
    """Return what there is of the JSON value in the beginning of an answer, or None."""
    start = json_start(text)
    if start is None:
        return None
    try:
        return DECODER.raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        pass
    try:
        return from_json(text[start:], allow_partial="trailing-strings")
    except ValueError:
        return None


def json_start(text: str) -> int | None:
    """Return where the JSON of an answer begins, as far as can be said before its end."""
    match = LIKELY.match(text, len(text) - len(text.lstrip()))
    if match is not None and not THOUGHTS.match(text, match.start()):
        return match.start()
    rest = _after_thoughts(text)
    offset = len(text) - len(rest)
    if (fence := FENCE.search(rest)) is not None:
        return offset + fence.end()
    likely = LIKELY_OBJECT.search(rest)
    return None if likely is None else offset + likely.start()


def _first_object(text: str) -> range:
    """Return the place of the first object in a text, whether it can be read or not."""
    first = LIKELY_OBJECT.search(text)
    return range(0) if first is None else range(first.start() + 1, _end(text, first.start()) or len(text))


def _is_answer(value: Any) -> bool:
    return isinstance(value, dict) or any(isinstance(item, dict) for item in value)


def _after_thoughts(text: str) -> str:
    """Return what follows the thoughts at an answer's beginning; nothing if they have not ended."""
    position = 0
    while (thoughts := THOUGHTS.search(text, position)) is not None and "{" not in text[position : thoughts.start()]:
        position = thoughts.end()
    text = text[position:]
    ends = list(THOUGHTS_END.finditer(text))
    if not ends or any(start < ends[-1].start() < end for _, start, end in _values(text, [])):
        return text  # no tag, or one in a string of the answer
    return text[ends[-1].end() :]


def _values(text: str, problems: list[str]) -> Iterator[tuple[Any, int, int]]:
    """Yield the JSON values in a text with their places, and note what looks like one and cannot be read."""
    position = 0
    while (opening := OPENING.search(text, position)) is not None:
        start = opening.start()
        is_likely = LIKELY.match(text, start) is not None
        if opening[0] == "[" and not is_likely:
            position = start + 1
            continue
        try:
            value, position = DECODER.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            end = _end(text, start)
            if is_likely or end is None:
                problems.append(CUT_OFF if end is None else _reason(text, error, start))
            if end is None:
                return
            position = end
        else:
            yield value, start, position


def _end(text: str, start: int) -> int | None:
    """Return where the bracket at `start` is closed, or None; brackets in strings do not count."""
    depth = 0
    for token in TOKEN.finditer(text, start):
        match token[0]:
            case "{" | "[":
                depth += 1
            case "}" | "]":
                depth -= 1
                if not depth:
                    return token.end()
            case _:
                pass
    return None


def _reason(text: str, error: ValueError | RecursionError, start: int = 0) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return f"the JSON of the answer cannot be read: {error}"
    if error.pos >= len(text) or (text[start : start + 1] in {"{", "["} and _end(text, start) is None):
        return CUT_OFF if text[start:].strip() else "there is no JSON in the answer"
    before = text[: error.pos].rstrip()
    what, position = error.msg, error.pos
    if before.endswith(",") and text[error.pos] in "}]":
        what, position = f"a comma before {text[error.pos]!r}", len(before) - 1
    elif text[error.pos] == "," and text[error.pos + 1 :].lstrip()[:1] in {"}", "]"}:  # as Python 3.13 places it
        what = f"a comma before {text[error.pos + 1 :].lstrip()[0]!r}"
    near = text[max(start, position - NEAR) : position + NEAR]
    return f"the JSON of the answer is not valid: {what}, near {near!r}"
