"""The events of a streamed response, each with its `sequence_number`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from inference_do.emulator._model.tokens import tokens
from inference_do.emulator._server.named_events import batches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from inference_do.emulator.quirks import Quirks

    from .output import Item

FRAGMENT_TOKENS = 3
BLANKS = " "
"""What streamed arguments of hosted models begin and end with."""


def events_of(begun: Item, ended: Item, quirks: Quirks, *, openai: bool, padded: bool) -> list[Item]:
    """Return the events of a response.

    Args:
        begun: The response at its start.
        ended: The response at its end.
        quirks: The habits to copy.
        openai: Whether the model is OpenAI's, which decides on ids and on the events of reasoning.
        padded: Whether deltas have `obfuscation`.
    """
    writer = _ResponseEvents(quirks, openai=openai, padded=padded)
    events: list[Item] = [{"type": f"response.{name}", "response": begun} for name in ("created", "in_progress")]
    for index, item in enumerate(ended["output"]):
        events += writer.item(item if openai else _streamed(item), index)
    if not quirks.no_finish_reason:
        events.append({"type": f"response.{ended['status']}", "response": ended})
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def _streamed(item: Item) -> Item:
    """Return an item of a hosted model as a stream has it: with other ids, and blanks around its arguments."""
    name = hashlib.sha256(item["id"].encode()).hexdigest()
    changed = {**item, "id": name[:16]}
    if item["type"] == "function_call":
        changed |= {"call_id": f"call_{name[16:32]}", "arguments": f"{BLANKS}{item['arguments']}{BLANKS}"}
    return changed


class _ResponseEvents:
    def __init__(self, quirks: Quirks, *, openai: bool, padded: bool) -> None:
        self._quirks = quirks
        self._openai = openai
        self._padded = padded

    def item(self, item: Item, index: int) -> Iterator[Item]:
        """Yield the events of one item."""
        yield {"type": "response.output_item.added", "output_index": index, "item": _opening(item)}
        place = {"item_id": item["id"], "output_index": index}
        match item["type"]:
            case "message":
                for number, part in enumerate(item["content"]):
                    yield from self._part(part, {**place, "content_index": number})
            case "reasoning":
                yield from self._reasoning(item, place)
            case "function_call":
                yield from self._call(item, place)
            case "web_search_call":
                for step in ("in_progress", "searching", "completed"):
                    yield {"type": f"response.web_search_call.{step}", **place}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}

    def _reasoning(self, item: Item, place: Item) -> Iterator[Item]:
        parts = item["summary"] if self._openai else item["content"]
        part_name = "reasoning_summary_part" if self._openai else "reasoning_part"
        text_name = "reasoning_summary_text" if self._openai else "reasoning_text"
        for number, part in enumerate(parts):
            where = {**place, "summary_index" if self._openai else "content_index": number}
            yield {"type": f"response.{part_name}.added", **where, "part": {**part, "text": ""}}
            yield from self._deltas(f"response.{text_name}.delta", part["text"], where)
            yield {"type": f"response.{text_name}.done", **where, "text": part["text"]}
            yield {"type": f"response.{part_name}.done", **where, "part": part}

    def _part(self, part: Item, where: Item) -> Iterator[Item]:
        name = "text" if part["type"] == "output_text" else "refusal"
        full = f"response.{'output_text' if name == 'text' else 'refusal'}"
        empty = {**part, name: "", **({"annotations": [], "logprobs": []} if name == "text" else {})}
        yield {"type": "response.content_part.added", **where, "part": empty}
        extra: Item = {"logprobs": []} if name == "text" else {}
        logprobs: list[Any] = list(part.get("logprobs") or ())
        for event in self._deltas(f"{full}.delta", part[name], where):
            spent = len(tokens(event["delta"])) if logprobs else 0
            yield {**event, **({"logprobs": logprobs[:spent]} if extra else {})}
            del logprobs[:spent]
        for number, annotation in enumerate(part.get("annotations", ())):
            event = {"type": f"{full}.annotation.added", **where, "annotation_index": number}
            yield {**event, "annotation": annotation}
        yield {"type": f"{full}.done", **where, name: part[name], **extra}
        yield {"type": "response.content_part.done", **where, "part": part}

    def _call(self, item: Item, place: Item) -> Iterator[Item]:
        name = "response.function_call_arguments"
        size = 10**9 if self._quirks.arguments_in_one_fragment else FRAGMENT_TOKENS
        yield from self._deltas(f"{name}.delta", item["arguments"], place, size)
        yield {"type": f"{name}.done", **place, "arguments": item["arguments"], "name": item["name"]}

    def _deltas(self, kind: str, text: str, where: Item, size: int | None = None) -> Iterator[Item]:
        pieces: Iterable[str] = batches(tokens(text), size or self._quirks.tokens_per_event)
        for piece in pieces:
            event = {"type": kind, **where, "delta": piece}
            if self._padded:
                event["obfuscation"] = hashlib.sha256(piece.encode(errors="replace")).hexdigest()[
                    : 16 - len(piece) % 16
                ]
            yield event


def _opening(item: Item) -> Item:
    """Return an item as it is announced: nothing is in it yet."""
    match item["type"]:
        case "message":
            return {**item, "status": "in_progress", "content": []}
        case "function_call":
            return {**item, "status": "in_progress", "arguments": ""}
        case "reasoning":
            empty = {**item, "summary": []}
            empty.pop("encrypted_content", None)
            return empty | ({"content": []} if "content" in item else {})
        case _:
            started = {key: value for key, value in item.items() if key not in {"output", "results"}}
            return {**started, "status": "in_progress"}
