"""The responses of the benchmark's server, as bytes made beforehand, and the texts that a client must make of them.

A request names its scenario in the user's message (`[stream-1000]`), so that one model object runs all of them:

    text, text-SIZE     a whole response of about 1 KB, or of SIZE characters
    stream-N            N deltas of text, each an HTTP chunk of its own, sent as fast as they are taken
    tools-N             one tool call whose arguments come in N fragments
    paced-N-MS          N deltas, one every MS milliseconds, each with its number and the time it was sent
    hold-N              the whole response, as soon as N requests wait for theirs
"""

from __future__ import annotations

import base64
import json
import re
from array import array
from functools import cache
from random import Random

MODEL = "llama3.3-70b-instruct"
EMBEDDING_MODEL = "bge-m3"
DIMENSIONS = 1024
KEY = "a-key-for-this-machine"
QUESTION = "What is a droplet, and how do I make one? [{scenario}]"
INSTRUCTIONS = "You answer questions about a cloud's products, in a friendly voice and in at most five sentences."

WORDS = (" the", " droplet", " is", " a", " virtual", " machine", ",", " café", " and", " starts", " 🚀", ".")
NAMED = re.compile(rb"\[([a-z]+(?:-\d+)*)\]")
HEAD = b"HTTP/1.1 200 OK\r\nDate: Mon, 01 Jun 2026 12:00:00 GMT\r\nx-request-id: req-0123456789abcdef\r\n"
STAMP = re.compile(r"(\d+)@(\d+) ")


def question(scenario: str) -> str:
    """Return the user's message that asks for a scenario."""
    return QUESTION.format(scenario=scenario)


def deltas(count: int) -> list[str]:
    """Return the texts of a stream."""
    return [WORDS[number % len(WORDS)] for number in range(count)]


@cache
def text(scenario: str) -> str:
    """Return the text that a client must get."""
    match scenario.split("-"):
        case ["stream", count]:
            return "".join(deltas(int(count)))
        case ["text", size]:
            return "".join(deltas(int(size)))[: int(size)]
        case _:
            return "".join(deltas(120))


@cache
def arguments(count: int) -> str:
    """Return the arguments of a tool call: JSON, in which every fragment counts."""
    return json.dumps({"path": "notes.txt", "text": "".join(deltas(count - 2))}, ensure_ascii=False)


def fragments(count: int) -> list[str]:
    """Return the arguments cut into so many pieces."""
    whole, middle = arguments(count), deltas(count - 2)
    cut = whole.index(middle[0])
    return [whole[:cut], *middle, whole[-2:]]


def whole_reply(scenario: str) -> bytes:
    """Return the HTTP response of a call."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text(scenario), "refusal": None},
        "logprobs": None,
        "finish_reason": "stop",
    }
    usage = {"prompt_tokens": 43, "completion_tokens": 120, "total_tokens": 163}
    body = as_json({**_envelope("chat.completion"), "choices": [choice], "usage": usage})
    return HEAD + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@cache
def vectors(count: int) -> tuple[array[float], ...]:
    """Return so many vectors, each of `DIMENSIONS` numbers of 32 bits, as models give them."""
    draw = Random(1024)  # noqa: S311  numbers, no secrets
    return tuple(array("f", (draw.gauss(0, 0.03) for _ in range(DIMENSIONS))) for _ in range(count))


@cache
def vectors_reply(count: int, *, packed: bool) -> bytes:
    """Return the HTTP response with vectors, in base64 or as numbers."""
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": base64.b64encode(vector.tobytes()).decode() if packed else vector.tolist(),
        }
        for index, vector in enumerate(vectors(count))
    ]
    usage = {"prompt_tokens": 12 * count, "total_tokens": 12 * count}
    body = as_json({"object": "list", "model": EMBEDDING_MODEL, "data": data, "usage": usage})
    return HEAD + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


STREAM_HEAD = HEAD + (
    b"Content-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def stream_begin() -> bytes:
    """Return the start of a streamed response, up to the first text."""
    return STREAM_HEAD + event({"role": "assistant", "content": ""})


@cache
def stream_end(finish_reason: str) -> bytes:
    """Return the end of a streamed response, behind the last text."""
    usage = {"prompt_tokens": 43, "completion_tokens": 120, "total_tokens": 163}
    counted = {**_envelope("chat.completion.chunk"), "choices": [], "usage": usage}
    return (
        event({}, finish_reason)
        + as_chunk(b"data: " + as_json(counted) + b"\n\n")
        + as_chunk(b"data: [DONE]\n\n")
        + b"0\r\n\r\n"
    )


@cache
def stream_reply(scenario: str) -> bytes:
    """Return a whole streamed response."""
    match scenario.split("-"):
        case ["stream", count]:
            content, end = b"".join(event({"content": piece}) for piece in deltas(int(count))), "stop"
        case ["tools", count]:
            content, end = b"".join(event({"tool_calls": [part]}) for part in _tool_parts(int(count))), "tool_calls"
        case _:
            content, end = event({"content": text(scenario)}), "stop"
    return stream_begin() + content + stream_end(end)


def _tool_parts(count: int) -> list[dict[str, object]]:
    begun = {"index": 0, "id": "call_0123456789", "type": "function"}
    named = {**begun, "function": {"name": "write_file", "arguments": ""}}
    return [named, *({"index": 0, "function": {"arguments": piece}} for piece in fragments(count))]


def event(delta: dict[str, object], finish_reason: str | None = None) -> bytes:
    """Return one event in an HTTP chunk of its own."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return as_chunk(b"data: " + as_json({**_envelope("chat.completion.chunk"), "choices": [choice]}) + b"\n\n")


def _envelope(kind: str) -> dict[str, object]:
    return {
        "id": "chatcmpl-0123456789abcdef",
        "object": kind,
        "created": 1780315200,
        "model": MODEL,
        "system_fingerprint": "fp_0123456789",  # ChatOpenRouter refuses a response without it
    }


def as_json(value: object) -> bytes:
    """Return JSON as most servers write it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def as_chunk(data: bytes) -> bytes:
    """Return an HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)
