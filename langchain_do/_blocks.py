"""Standard content blocks of our messages, registered with LangChain under our provider's name.

While chunks are added up, core joins blocks of the same `index`. A stream's tool calls have indexes of their own
(0, 1, ...), and core numbers other blocks from 0 as well, so that in `output_version="v1"` a call would be joined with
a text. Here every block has a name that no other kind has: `lc_rs_0`, `lc_txt_0`, `lc_tc_0`, `lc_tc_1`, ...
"""

from __future__ import annotations

from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk, ToolCallChunk
from langchain_core.messages import content as blocks
from langchain_core.messages.block_translators import register_translator

from ._opaque import annotation_blocks, reasoning_blocks, server_tool_blocks

__all__ = ["PROVIDER", "register"]

PROVIDER = "digitalocean"
HAS_REFUSALS = hasattr(blocks, "RefusalContentBlock")  # langchain-core 1.7.5 and later


def register() -> None:
    """Let core ask this module for the blocks of our messages."""
    register_translator(PROVIDER, translate_content, translate_content_chunk)


def translate_content(message: AIMessage) -> list[blocks.ContentBlock]:
    """Return the blocks of a whole message."""
    content = _content_blocks(message)
    for block in content:
        block.pop("index", None)
    return cast("list[blocks.ContentBlock]", [*content, *_calls(message)])


def translate_content_chunk(message: AIMessageChunk) -> list[blocks.ContentBlock]:
    """Return the blocks of a chunk, or of chunks added up: calls are finished once the last chunk is in."""
    content = _content_blocks(message)
    counts: dict[str, int] = {}
    for block in content:
        if "index" not in block:
            kind = PLACES[block["type"]]
            place = counts[kind] = counts.get(kind, -1) + 1
            block["index"] = f"lc_{kind}_{place}"
    if message.chunk_position == "last" and (message.tool_calls or message.invalid_tool_calls):
        calls = _calls(message)
        for place, call in enumerate(calls):
            call["index"] = f"lc_tc_{place}"
    else:
        calls = [_placed(call) for call in message.tool_call_chunks]
    return cast("list[blocks.ContentBlock]", [*content, *calls])


def _placed(call: ToolCallChunk) -> dict[str, Any]:
    place = call.get("index")
    return {**call, **({} if place is None else {"index": f"lc_tc_{place}"})}


PLACES = {
    "reasoning": "rs",
    "text": "txt",
    "refusal": "rf",
    "non_standard": "ns",
    "server_tool_call": "st",
    "server_tool_result": "sr",
}


def _content_blocks(message: AIMessage) -> list[dict[str, Any]]:
    if not isinstance(message.content, str):
        raise NotImplementedError  # not as we made it: core does its best
    kept = message.additional_kwargs
    if not kept:  # most chunks
        return [{"type": "text", "text": message.content}] if message.content else []
    content = reasoning_blocks(kept.get("reasoning_content") or "", kept.get("reasoning_details"))
    content += server_tool_blocks(kept.get("server_tool_calls"))
    annotations = annotation_blocks(kept.get("annotations"))
    if message.content or annotations:
        cited = {"annotations": annotations} if annotations else {}
        content.append({"type": "text", "text": message.content, **cited})
    if refusal := kept.get("refusal"):
        block = {"type": "refusal", "refusal": refusal}
        content.append(block if HAS_REFUSALS else {"type": "non_standard", "value": block, "index": "lc_rf_0"})
    return content


def _calls(message: AIMessage) -> list[dict[str, Any]]:
    return [
        *(
            {"type": "tool_call", **{name: call.get(name) for name in ("id", "name", "args")}}
            for call in message.tool_calls
        ),
        *({**call, "type": "invalid_tool_call"} for call in message.invalid_tool_calls),
    ]
