"""The blocks of an answer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inference_do.emulator._server.seals import digest, seal

from .blocks import FOUND, REDACTED, THINKING
from .family import is_anthropic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from inference_do.emulator._model.answer import Answer, ModelCall
    from inference_do.emulator._server.searches import Search
    from inference_do.models import ModelInfo

Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """A block, and the text by which a stream sends a call's input."""

    block: Block
    arguments: str = ""


def blocks_of(
    answer: Answer, info: ModelInfo, search: Search | None, *, shows_thinking: bool, redacts: bool
) -> list[Written]:
    """Return the blocks of an answer: thinking, what the API's own tools did, text, calls.

    Args:
        answer: The answer.
        info: The model.
        search: The search that the model made before it.
        shows_thinking: Whether its thinking is in the block that has its signature.
        redacts: Whether a block comes first that only Anthropic can read.
    """
    calls = [_call(call, info) for call in answer.calls]
    ids = [call.block["id"] for call in calls]
    thoughts = [Written(block) for block in _thoughts(answer, info, ids, shows=shows_thinking, redacts=redacts)]
    items = [
        Written({key: value for key, value in item.items() if key != "format"})
        for item in answer.extra.get("server_tool_calls", ())
    ]
    found = _searched(search, info) if search is not None else []
    texts = [Written(block) for block in _texts(answer, info)]
    return [*thoughts, *items, *found, *texts, *calls]


def _thoughts(answer: Answer, info: ModelInfo, ids: list[str], *, shows: bool, redacts: bool) -> Iterator[Block]:
    details = answer.extra.get("reasoning_details")
    if details is None:
        if not answer.reasoning:
            return
        details = [{"type": "reasoning.text", "text": answer.reasoning}]
        if redacts and is_anthropic(info):
            details.insert(0, {"type": "reasoning.encrypted"})
    for number, entry in enumerate(details):
        led_to = ids if number == len(details) - 1 else []
        if entry.get("type") == "reasoning.encrypted":
            hidden = {"text": entry.get("data") or answer.reasoning or "", "calls": led_to}
            yield {"type": "redacted_thinking", "data": seal(REDACTED, info.id, hidden)}
            continue
        text = entry.get("text") or ""
        shown = text if shows else ""
        signature = ""
        if is_anthropic(info):
            signature = seal(THINKING, info.id, {"text": digest(shown), "calls": led_to, "whole": text})
        yield {"type": "thinking", "thinking": shown, "signature": entry.get("signature") or signature}


def _texts(answer: Answer, info: ModelInfo) -> Iterator[Block]:
    """Yield the text, cut at its citations: each cited passage is a block of its own."""
    text = answer.text or answer.extra.get("refusal") or ""
    at = 0
    for annotation in answer.extra.get("annotations", ()):
        cited = annotation.get("url_citation", annotation)
        start, end = cited.get("start_index"), cited.get("end_index")
        if not (isinstance(start, int) and isinstance(end, int) and at <= start < end <= len(text)):
            continue
        if text[at:start].strip():
            yield {"type": "text", "text": text[at:start]}
        passage = text[start:end]
        yield {"type": "text", "text": passage, "citations": [_citation(cited, passage, info)]}
        at = end
    if text[at:]:
        yield {"type": "text", "text": text[at:]}


def _citation(cited: Mapping[str, Any], passage: str, info: ModelInfo) -> Block:
    return {
        "type": "web_search_result_location",
        "url": cited.get("url"),
        "title": cited.get("title"),
        "cited_text": cited.get("cited_text", passage),
        "encrypted_index": seal(FOUND, info.id, {"url": cited.get("url")}),
    }


def _searched(search: Search, info: ModelInfo) -> list[Written]:
    id_ = f"srvtoolu_{hashlib.sha256(search.query.encode(errors='replace')).hexdigest()[:24]}"
    arguments = {"query": search.query}
    page = {"type": "web_search_result", "url": search.url, "title": search.title, "page_age": None}
    page["encrypted_content"] = seal(FOUND, info.id, {"url": search.url})
    call = {"type": "server_tool_use", "id": id_, "name": "web_search", "input": arguments}
    return [
        Written(call, json.dumps(arguments)),
        Written({"type": "web_search_tool_result", "tool_use_id": id_, "content": [page]}),
    ]


def _call(call: ModelCall, info: ModelInfo) -> Written:
    block: Block = {"type": "tool_use", "id": call.id, "name": call.name, "input": _input(call.arguments)}
    if is_anthropic(info):
        block["caller"] = {"type": "direct"}
        if call.id.startswith("call_"):
            block["id"] = f"toolu_01{call.id.removeprefix('call_')}"
    return Written(block, call.arguments)


def _input(arguments: str) -> Any:
    """Return a call's arguments as an object; what was cut is not there, and what was scripted stays as it is."""
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return {} if arguments.lstrip()[:1] in {"", "{"} else arguments
