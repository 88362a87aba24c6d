"""Recorded answers, ways to damage them, and a plain reading of what the damaged bytes say.

The plain reading is what the client is held against: events by the letter of the standard, JSON by Python's own
parser, texts added up. It knows nothing of retries, timeouts or pieces.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
from property_kit import spelled

from inference_do.emulator import Emulator, Quirks

CHAT = "gemma-4-31B-it"
HELLO = [{"role": "user", "content": "Say hello to the world, in a dozen words or more"}]
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in "fg"]
USAGE = {"stream_options": {"include_usage": True}}
CALLS = [("f", {"a": 1, "b": "é\n"}), ("g", {})]

RECORDINGS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    # name: habits of the server, fields of the request, the scripted answer
    "text": ({}, USAGE, {}),
    "reasoning": ({"comments": True}, {}, {"text": "Grüße 🎈 {braces}", "reasoning": 'Let me "think"…\n'}),
    "tools": ({"interleave_calls": True, "usage_on_every_chunk": True}, {"tools": TOOLS}, {"tool_calls": CALLS}),
    "two answers": ({"usage_null": True, "tokens_per_event": 8}, {"n": 2, **USAGE}, {}),
    "logprobs, CRLF": ({"line_end": "\r\n", "bom": True}, {"logprobs": True, "top_logprobs": 1}, {"text": "One two"}),
    "everything, CR": ({"line_end": "\r", "no_space": True, "two_fragments_per_chunk": True},
                       {"tools": TOOLS}, {"text": "Ω", "reasoning": "r s t u v", "tool_calls": CALLS}),
}  # fmt: skip


def record(name: str, *, stream: bool) -> bytes:
    """Ask an emulator, without our client, and return the body that came."""
    quirks, fields, response = RECORDINGS[name]
    with Emulator(quirks=Quirks(**quirks)) as emu:
        if response:
            emu.reply(**response)
        options = fields if stream else {key: value for key, value in fields.items() if key != "stream_options"}
        body = {"model": CHAT, "messages": HELLO, "stream": stream, **options}
        reply_ = httpx.post(
            f"{emu.base_url}/chat/completions", json=body, headers={"authorization": f"Bearer {emu.api_key}"}
        )
    assert reply_.status_code == 200, reply_.text
    return reply_.content


# --- damage ---

SPELLINGS = (
    *(b"\n", b"\n\n", b"\r", b"\r\n", b"\0", b" ", b":", b'"', b"\\", b"{", b"}", b"[", b"]", b","),
    *(b"null", b"0", b"-1", b"1e999", b"NaN", b"true", b'"error":', b"[" * 300, b"<html>"),
    *(b"\\ud83d", b"\xed\xa0\xbd", b"\xef\xbb\xbf", b"\xff", b"\xc3"),
    *(b"data: ", b"data", b"event: error\n", b"event: x\n", b"data: {}\n\n", b"data: null\n\n", b"[DONE]"),
    *(b"data: [DONE]\n\n", b"\n\ndata: [DONE]\n\n", b'data: {"error":{"message":"no","code":503}}\n\n'),
)


def flip(text: bytes, dice: Random) -> bytes:
    place = dice.randrange(len(text))
    return text[:place] + bytes([text[place] ^ 1 << dice.randrange(8)]) + text[place + 1 :]


def replace(text: bytes, dice: Random) -> bytes:
    place = dice.randrange(len(text))
    return text[:place] + bytes([dice.randrange(256)]) + text[place + 1 :]


def insert(text: bytes, dice: Random) -> bytes:
    place = dice.randint(0, len(text))
    return text[:place] + bytes([dice.randrange(256)]) + text[place:]


def insert_spelling(text: bytes, dice: Random) -> bytes:
    place = dice.randint(0, len(text))
    return text[:place] + dice.choice(SPELLINGS) + text[place:]


def delete(text: bytes, dice: Random) -> bytes:
    place = dice.randrange(len(text))
    return text[:place] + text[place + dice.choice([1, 1, 1, 2, 5, 50, 500]) :]


def duplicate(text: bytes, dice: Random) -> bytes:
    place = dice.randrange(len(text))
    end = place + dice.choice([1, 2, 5, 50, 500])
    return text[:end] + text[place:end] + text[end:]


def truncate(text: bytes, dice: Random) -> bytes:
    return text[: dice.randrange(len(text))]


def swap_events(text: bytes, dice: Random) -> bytes:
    """Swap, drop or repeat whole events."""
    end = next((mark for mark in (b"\r\n\r\n", b"\n\n", b"\r\r") if mark in text), b",")
    blocks = text.split(end)
    a, b = dice.randrange(len(blocks)), dice.randrange(len(blocks))
    match dice.randrange(3):
        case 0:
            blocks[a], blocks[b] = blocks[b], blocks[a]
        case 1:
            del blocks[a]
        case _:
            blocks.insert(a, blocks[b])
    return end.join(blocks)


def other_line_ends(text: bytes, dice: Random) -> bytes:
    """Change one line end into another, which changes nothing."""
    lines = text.splitlines(keepends=True)
    place = dice.randrange(len(lines))
    lines[place] = lines[place].rstrip(b"\r\n") + dice.choice([b"\n", b"\r\n"])
    return b"".join(lines)


def comment(text: bytes, dice: Random) -> bytes:
    """Insert a line that means nothing."""
    lines = text.splitlines(keepends=True)
    lines.insert(
        dice.randint(0, len(lines)),
        dice.choice([b": ping\n", b":\n", b"id: 7\n", b"retry: 9\n", b"foo: bar\n", b"foo\n"]),
    )
    return b"".join(lines)


DAMAGE: tuple[Callable[[bytes, Random], bytes], ...] = (
    flip, replace, insert, insert_spelling, delete, duplicate, truncate, swap_events, other_line_ends, comment,
)  # fmt: skip


def damaged(text: bytes, dice: Random) -> bytes:
    """Damage a text one to three times."""
    for _ in range(dice.choice([1, 1, 1, 2, 3])):
        text = dice.choice(DAMAGE)(text, dice) if text else b""
    return text


# --- what bytes say, plainly ---


@dataclass
class Reading:
    """What a body says: the texts of each answer, its finish reason, its usage; or that it is broken."""

    texts: dict[tuple[int, str], str] = field(default_factory=dict)
    arguments: dict[int, str] = field(default_factory=dict)
    finish: dict[int, str] = field(default_factory=dict)
    usage: Any = None
    ended: bool = False
    broken: str = ""

    def add(self, number: int, message: dict[str, Any]) -> None:
        for name in ("content", "reasoning_content", "refusal"):
            if isinstance(text := message.get(name), str) and text:
                self.texts[number, name] = self.texts.get((number, name), "") + text
        for call in message.get("tool_calls") or []:
            text = (call.get("function") or {}).get("arguments") or ""
            text = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
            self.arguments[number] = self.arguments.get(number, "") + text

    def facts(self) -> tuple[Any, ...]:
        """Return what can be compared; of arguments the letters, since their order is the merge rules' business."""
        letters = {number: sorted(text) for number, text in self.arguments.items() if text}
        return self.texts, letters, self.finish, self.usage


def plainly(stream: bytes) -> Reading:
    """Read a stream's bytes to its end, or to where they stop making sense."""
    reading = Reading()
    events = spelled(stream)
    completed = spelled(stream + b"\n\n")
    if len(completed) > len(events) and completed[-1][1] == b"[DONE]":
        events = completed
    for name, data in events:
        if data.startswith(b"[DONE]"):  # also with something behind it
            reading.ended = True
            break
        if not data:
            continue
        try:
            chunk = json.loads(data.decode("utf-8"))
            if name == "error" or chunk.get("error") or chunk.get("object") == "error":
                reading.broken = "an error event"
                break
            for choice in chunk.get("choices") or []:
                number = choice.get("index") or 0
                reading.add(number, choice.get("delta") or {})
                reading.finish.setdefault(number, "")
                reading.finish[number] = choice.get("finish_reason") or reading.finish[number]
            reading.usage = chunk.get("usage") or reading.usage
        except (ValueError, AttributeError, TypeError, RecursionError) as error:
            reading.broken = f"{type(error).__name__}: {error}"
            break
    reading.ended = reading.ended or bool(reading.finish.get(0) and all(reading.finish.values()))
    return reading


def plainly_whole(body: bytes) -> Reading:
    """Read a whole response."""
    reading = Reading(ended=True)
    try:
        response = json.loads(body.decode("utf-8"))
        for choice in response["choices"]:
            number = choice.get("index") or 0
            reading.add(number, choice["message"])
            reading.finish[number] = choice.get("finish_reason") or ""
        reading.usage = response.get("usage")
        reading.broken = "" if response["choices"] else "no choices"
    except (ValueError, AttributeError, TypeError, RecursionError, KeyError) as error:
        reading.broken = f"{type(error).__name__}: {error}"
    return reading


def reading_of(completion: Any) -> Reading:
    """Read a completion of ours."""
    reading = Reading(ended=True)
    for choice in completion.choices:
        reading.add(choice.index, choice.message.model_dump())
        reading.finish[choice.index] = choice.finish_reason or ""
    reading.usage = None if completion.usage is None else completion.usage
    return reading
