"""The events of a streamed message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference_do.emulator._model.tokens import tokens
from inference_do.emulator._server.named_events import batches

from .family import is_anthropic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference_do.emulator.quirks import Quirks
    from inference_do.models import ModelInfo

    from .content import Block, Written

FRAGMENT_TOKENS = 3
PING = {"type": "ping"}
LATE = frozenset({"output_tokens_details", "server_tool_use"})
"""What of the usage only the end says."""
ENDS = ("stop_reason", "stop_sequence", "stop_details", "container")


def events_of(message: Block, written: list[Written], info: ModelInfo, quirks: Quirks) -> list[Block]:
    """Return the events of a message.

    Args:
        message: The message at its end.
        written: Its blocks.
        info: The model.
        quirks: The habits to copy.
    """
    usage = message["usage"]
    early = {name: value for name, value in usage.items() if name not in LATE} | {"output_tokens": 1}
    if not is_anthropic(info):
        early = dict.fromkeys(early, 0)
    begun = {**message, "content": [], "usage": early, "stop_reason": None, "stop_sequence": None, "stop_details": None}
    events: list[Block] = [{"type": "message_start", "message": begun}]
    for index, one in enumerate(written):
        events += _block(one, index, quirks)
        if index == 0 and is_anthropic(info):
            events.insert(2, PING)
    if not quirks.no_finish_reason:
        delta = {name: message[name] for name in ENDS if name in message}
        events += [{"type": "message_delta", "delta": delta, "usage": usage}, {"type": "message_stop"}]
    return list(_with_pings(events, quirks.ping_every))


def _with_pings(events: list[Block], every: int) -> Iterator[Block]:
    deltas = 0
    for event in events:
        yield event
        deltas += event["type"] == "content_block_delta"
        if every and event["type"] == "content_block_delta" and deltas % every == 0:
            yield PING


def _block(one: Written, index: int, quirks: Quirks) -> Iterator[Block]:
    block = one.block
    yield {"type": "content_block_start", "index": index, "content_block": _opening(block)}
    for delta in _deltas(one, quirks):
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _opening(block: Block) -> Block:
    """Return a block as it is announced."""
    match block["type"]:
        case "text":
            return {**block, "text": "", **({"citations": []} if "citations" in block else {})}
        case "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}
        case "tool_use" | "server_tool_use":
            return {**block, "input": {}}
        case _:
            return block


def _deltas(one: Written, quirks: Quirks) -> Iterator[dict[str, Any]]:
    block = one.block
    match block["type"]:
        case "text":
            for citation in block.get("citations", ()):
                yield {"type": "citations_delta", "citation": citation}
            for piece in batches(tokens(block["text"]), quirks.tokens_per_event):
                yield {"type": "text_delta", "text": piece}
        case "thinking":
            for piece in batches(tokens(block["thinking"]), quirks.tokens_per_event) if block["thinking"] else [""]:
                yield {"type": "thinking_delta", "thinking": piece}
            if block["signature"]:
                yield {"type": "signature_delta", "signature": block["signature"]}
        case "tool_use" | "server_tool_use":
            size = 10**9 if quirks.arguments_in_one_fragment else FRAGMENT_TOKENS
            for piece in ["", *batches(tokens(one.arguments), size)]:
                yield {"type": "input_json_delta", "partial_json": piece}
