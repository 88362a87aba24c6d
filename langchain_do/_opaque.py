"""What of an answer goes back unread, as LangChain's standard blocks and back.

That is signed or encrypted reasoning, and calls of tools that the API ran itself. In `additional_kwargs` it stands as
the client has it: `reasoning_details` and `server_tool_calls`. Blocks say the same to those who read or store messages
as blocks: what the standard has no name for is in their `extras`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeGuard

from inference_do._adapters.citations import read_citation
from inference_do._adapters.json_text import partial_json

__all__ = ["annotation_blocks", "is_opaque", "opaque_parts", "reasoning_blocks", "server_tool_blocks"]

Block = dict[str, Any]
Entry = Mapping[str, Any]

TEXTS = {"reasoning.text": "text", "reasoning.summary": "summary"}
"""Where an entry of reasoning has its text."""
ITEM = "responses.item"
"""The type of an entry that is no reasoning: further fields of a text or a call."""
WEB = "url_citation"
FORMATS = frozenset({"responses", "messages"})
ARGUMENTS = ("action", "arguments", "queries", "code", "input")
RESULTS = ("output", "results", "outputs", "result", "tools")
DONE = frozenset({"completed", "failed", "incomplete"})


def _entries(value: Any) -> list[Entry]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


# --- to blocks ---


def reasoning_blocks(text: str, details: Any) -> list[Block]:
    """Return reasoning as blocks: one with all that can be read of it, and one for each entry that cannot be read.

    Args:
        text: What can be read; of a stream, as far as this chunk has it.
        details: The entries of `reasoning_details`.

    Returns:
        The blocks; of those that cannot be read, an `index` keeps them apart from the other one in a stream.
    """
    entries = _entries(details)
    readable = [entry for entry in entries if entry.get(TEXTS.get(str(entry.get("type")), ""))]
    blocks: list[Block] = []
    if text or readable:
        shown: Block = {"type": "reasoning", "reasoning": text}
        if len(readable) == 1:
            name = TEXTS[readable[0]["type"]]
            shown["extras"] = {key: value for key, value in readable[0].items() if key != name}
        elif readable:
            shown["extras"] = {"reasoning_details": [dict(entry) for entry in readable]}
        blocks.append(shown)
    hidden = [entry for entry in entries if not entry.get(TEXTS.get(str(entry.get("type")), ""))]
    for place, entry in enumerate(hidden, 1):
        if entry.get("type") == ITEM:
            blocks.append({"type": "non_standard", "value": dict(entry)})
        else:
            blocks.append({"type": "reasoning", "reasoning": "", "extras": dict(entry), "index": f"lc_rs_{place}"})
    return blocks


def annotation_blocks(annotations: Any) -> list[Block]:
    """Return citations as the standard has them, and other annotations wrapped."""
    return [_annotation(entry) for entry in _entries(annotations)]


def _annotation(entry: Entry) -> Block:
    read = read_citation(entry)
    if read is None:
        return {"type": "non_standard_annotation", "value": dict(entry)}
    texts = {"url": read.url, "title": read.title, "cited_text": read.cited_text}
    known: Block = {name: text for name, text in texts.items() if text is not None}
    known |= read.places
    further = {k: v for k, v in read.fields.items() if v is not None and (k not in known or v != known[k])}
    if read.kind != WEB:
        further["type"] = read.kind
    return {"type": "citation", **known, **({"extras": further} if further else {})}


def server_tool_blocks(calls: Any) -> list[Block]:
    """Return calls of tools that the API ran, and their results, as blocks."""
    return [block for entry in _entries(calls) for block in _server_tool(entry)]


def _server_tool(entry: Entry) -> Iterator[Block]:
    nested = entry.get("item")
    item = nested if isinstance(nested, Mapping) else entry
    kind = str(item.get("type"))
    if isinstance(of_call := item.get("tool_use_id"), str):
        yield _result(of_call, item.get("content"), item, extras=_without(entry, "content"))
    elif kind.endswith("_call") and isinstance(item.get("id"), str):
        yield from _call_and_result(entry, kind)
    elif kind.endswith("_use") and isinstance(item.get("id"), str):
        made = {"id": item["id"], "name": str(item.get("name") or kind), "args": _arguments(item)}
        yield {"type": "server_tool_call", **made, "extras": _without(entry, "input")}
    else:
        yield {"type": "non_standard", "value": dict(entry)}


def _call_and_result(entry: Entry, kind: str) -> Iterator[Block]:
    """Return the blocks of an item that is a call and its result in one."""
    action, field = entry.get("action"), next((name for name in RESULTS if entry.get(name) is not None), None)
    moved = ({"action"} if isinstance(action, Mapping) and action else set()) | ({field} if field else set())
    name = entry.get("name") or kind.removesuffix("_call")
    extras = {key: value for key, value in entry.items() if key not in moved}
    made = {"id": entry["id"], "name": str(name), "args": _arguments(entry)}
    yield {"type": "server_tool_call", **made, "extras": extras}
    if field or entry.get("status") in DONE:
        named = {"format": entry.get("format"), **({"field": field} if field else {})}
        yield _result(entry["id"], entry.get(field) if field else None, entry, extras=named)


def _result(call: str, output: Any, item: Entry, *, extras: Entry) -> Block:
    shown = output.get("type") if isinstance(output, Mapping) else None
    is_error = item.get("is_error") or item.get("error") or item.get("status") == "failed"
    status = "error" if is_error or str(shown).endswith("_error") else "success"
    made: Block = {"type": "server_tool_result", "tool_call_id": call, "status": status, "extras": dict(extras)}
    return made if output is None else {**made, "output": output}


def _arguments(item: Entry) -> dict[str, Any]:
    for name in ARGUMENTS:
        value = item.get(name)
        if isinstance(value, Mapping):
            return dict(value)
        if name == "arguments" and isinstance(value, str):
            parsed = partial_json(value)
            return parsed if isinstance(parsed, dict) else {}
        if value is not None:
            return {name: value}
    return {}


def _without(entry: Entry, name: str) -> dict[str, Any]:
    """Return an entry without a field of its item, which a block has elsewhere."""
    if not isinstance(item := entry.get("item"), Mapping):
        return {key: value for key, value in entry.items() if key != name}
    return {**entry, "item": {key: value for key, value in item.items() if key != name}}


# --- from blocks ---


def opaque_parts(content: Any, kept: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return what of an earlier answer goes back unread.

    Args:
        content: The message's content.
        kept: Its `additional_kwargs`; what they have is not looked for in blocks.
    """
    parts: dict[str, list[Any]] = {}
    for name, read in READERS.items():
        own = kept.get(name) if kept else None
        if isinstance(own, list) and own:
            parts[name] = own
        elif isinstance(content, list) and (found := read(_entries(content))):
            parts[name] = found
    return parts


def is_opaque(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Return whether what a block wraps is one of these parts."""
    return isinstance(value, Mapping) and value.get("format") in FORMATS


def _reasoning_details(blocks: Iterable[Entry]) -> list[Any]:
    found: list[dict[str, Any]] = []
    for block in blocks:
        extras, value = block.get("extras"), block.get("value")
        if isinstance(value, Mapping) and value.get("type") == ITEM:
            found.append(dict(value))
        elif block.get("type") != "reasoning" or not isinstance(extras, Mapping):
            continue
        elif entries := _entries(extras.get("reasoning_details")):
            found += map(dict, entries)
        elif extras.get("format") in FORMATS:
            name = TEXTS.get(str(extras.get("type")))
            found.append({**extras, **({name: block.get("reasoning") or ""} if name else {})})
    return sorted(found, key=_place)


def _place(entry: Entry) -> int:
    return index if isinstance(index := entry.get("index"), int) else 0


def _server_tool_calls(blocks: Iterable[Entry]) -> list[Any]:
    """Return the entries in the order of their blocks; a result of its own item is one, others go into their calls."""
    found: list[dict[str, Any]] = []
    by_id: dict[Any, dict[str, Any]] = {}
    for block in blocks:
        if (entry := _server_tool_entry(block)) is not None:
            found.append(entry)
            by_id.setdefault(entry.get("id"), entry)
        elif (field := _field_of_result(block)) and (call := by_id.get(block.get("tool_call_id"))) is not None:
            call[field] = block.get("output")
    return found


def _server_tool_entry(block: Entry) -> dict[str, Any] | None:
    value, extras = block.get("value"), block.get("extras")
    if block.get("type") == "non_standard" and is_opaque(value):
        return None if value.get("type") == ITEM else dict(value)
    if not is_opaque(extras):
        return None
    if block.get("type") == "server_tool_call":
        return _with_arguments(extras, block.get("args"))
    if block.get("type") == "server_tool_result" and isinstance(item := extras.get("item"), Mapping):
        return {**extras, "item": {**item, **({"content": block["output"]} if "output" in block else {})}}
    return None


def _field_of_result(block: Entry) -> str | None:
    """Return the field of a call that holds what a block has as its result."""
    extras = block.get("extras")
    if block.get("type") != "server_tool_result" or not is_opaque(extras):
        return None
    return field if isinstance(field := extras.get("field"), str) else None


def _with_arguments(extras: Entry, arguments: Any) -> dict[str, Any]:
    """Return an item with its arguments where the API has them."""
    if isinstance(item := extras.get("item"), Mapping):
        return {**extras, "item": {**item, "input": arguments or {}}}
    is_kept = not arguments or any(name in extras for name in ARGUMENTS)
    return dict(extras) if is_kept else {**extras, "action": arguments}


READERS = {"reasoning_details": _reasoning_details, "server_tool_calls": _server_tool_calls}
