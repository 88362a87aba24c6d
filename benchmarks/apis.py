"""Streams of the other two APIs, as bytes made beforehand, with the same texts as those of chat completions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .scenarios import MODEL, STREAM_HEAD, as_chunk, as_json, deltas, text

Event = dict[str, Any]


def stream_reply(path: str, scenario: str) -> bytes:
    """Return a whole streamed response of the API at a path."""
    match scenario.split("-"):
        case ["stream", count]:
            pieces = deltas(int(count))
        case _:
            pieces = [text(scenario)]
    return STREAM_HEAD + b"".join(map(_named, EVENTS[path](pieces))) + b"0\r\n\r\n"


def _named(event: Event) -> bytes:
    """Return one event in an HTTP chunk of its own; both APIs give its type as its name too."""
    return as_chunk(b"event: %b\ndata: %b\n\n" % (event["type"].encode(), as_json(event)))


def _responses(pieces: list[str]) -> Iterator[Event]:
    """Return the events as OpenAI's models send them, padding included."""
    for number, event in enumerate(_unnumbered(pieces)):
        yield {**event, "sequence_number": number}


def _unnumbered(pieces: list[str]) -> Iterator[Event]:
    whole = "".join(pieces)
    response = {"id": "resp_0123456789abcdef", "object": "response", "created_at": 1780315200, "model": MODEL}
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    item = {"id": "msg_0123456789abcdef", "type": "message", "role": "assistant"}
    place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "annotations": [], "logprobs": []}
    done = {**item, "status": "completed", "content": [{**part, "text": whole}]}
    usage = {"input_tokens": 43, "output_tokens": 120, "total_tokens": 163}
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    ended = {**begun, "status": "completed", "output": [done], "usage": {**usage, **details}}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    started = {**item, "status": "in_progress", "content": []}
    yield {"type": "response.output_item.added", "output_index": 0, "item": started}
    yield {"type": "response.content_part.added", **place, "part": {**part, "text": ""}}
    for piece in pieces:
        said = {"delta": piece, "logprobs": [], "obfuscation": "x" * (16 - len(piece) % 16)}
        yield {"type": "response.output_text.delta", **place, **said}
    yield {"type": "response.output_text.done", **place, "text": whole, "logprobs": []}
    yield {"type": "response.content_part.done", **place, "part": {**part, "text": whole}}
    yield {"type": "response.output_item.done", "output_index": 0, "item": done}
    yield {"type": "response.completed", "response": ended}


def _messages(pieces: list[str]) -> Iterator[Event]:
    """Return the events as Anthropic's models send them."""
    message = {"id": "msg_0123456789abcdef", "type": "message", "role": "assistant", "model": MODEL, "content": []}
    begun = {**message, "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 43, "output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    yield {"type": "ping"}
    for piece in pieces:
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
    yield {"type": "content_block_stop", "index": 0}
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 120}}
    yield {"type": "message_stop"}


EVENTS: Mapping[str, Callable[[list[str]], Iterator[Event]]] = {"/v1/responses": _responses, "/v1/messages": _messages}
"""By the path of a request."""
