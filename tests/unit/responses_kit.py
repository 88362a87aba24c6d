"""Speaks `/responses`: whole bodies from output items, the events that a service would send for them, and what came."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from inference_do._wires.responses import Responses
from inference_do.accumulate import Accumulator

MODEL = "openai-gpt-5.4"
USAGE = {
    "input_tokens": 4765,
    "input_tokens_details": {"cached_tokens": 4608, "cached_tokens_per_turn": [], "text_tokens": None},
    "output_tokens": 70,
    "output_tokens_details": {"reasoning_tokens": 52},
    "total_tokens": 4835,
    "cost": None,
}


def message(text, id_="msg_1", annotations=(), **fields):
    part = {"type": "output_text", "text": text, "annotations": list(annotations), "logprobs": []}
    return {"type": "message", "id": id_, "role": "assistant", "status": "completed", "content": [part], **fields}


def refusal(text, id_="msg_1"):
    return {"type": "message", "id": id_, "role": "assistant", "content": [{"type": "refusal", "refusal": text}]}


def call(call_id, name="f", arguments="{}", **fields):
    own = {"id": f"fc_{call_id}", "call_id": call_id, "name": name, "arguments": arguments, "status": "completed"}
    return {"type": "function_call", **own, **fields}


def summarized(*summary, id_="rs_1", encrypted="gAAA"):
    """Reasoning as OpenAI's models give it."""
    parts = [{"type": "summary_text", "text": text} for text in summary]
    return {"type": "reasoning", "id": id_, "summary": parts, "content": [], "encrypted_content": encrypted}


def thought(*texts, id_="8759"):
    """Reasoning as hosted models give it."""
    parts = [{"type": "reasoning_text", "text": text} for text in texts]
    return {"type": "reasoning", "id": id_, "summary": [], "content": parts, "encrypted_content": None}


def search(id_="ws_1"):
    return {"type": "web_search_call", "id": id_, "status": "completed", "action": {"query": "q", "sources": []}}


def response(*output, status="completed", **fields):
    return {
        "id": "resp_bGl0ZWxsbTo=",
        "object": "response",
        "created_at": 1790879522,
        "status": status,
        "model": MODEL,
        "output": list(output),
        "error": None,
        "incomplete_details": None,
        "instructions": "Be brief.",
        "tools": [{"type": "function", "name": "f"}],
        "usage": USAGE,
        **fields,
    }


# --- events ---


class Events:
    """Writes the events of one stream.

    Args:
        cut: Cuts a text into deltas.
        names: Whether events have names, as the service's have; gateways send none.
        sort: Whether keys are sorted, as the service sends them, so that the type comes last.
        skip: Parts of the sequence that are not sent: `added`, `delta`, `done`.
    """

    def __init__(self, *, cut=None, names=True, sort=True, skip=()):
        self.cut = cut or (lambda text: [text[at : at + 3] for at in range(0, len(text), 3)])
        self.names = names
        self.sort = sort
        self.skip = skip
        self.sent = []

    def send(self, kind: str, **fields: Any) -> None:
        kind = f"response.{kind}"
        event = {"type": kind, **fields, "sequence_number": len(self.sent)}
        data = json.dumps(event, separators=(",", ":"), sort_keys=self.sort).encode()
        self.sent.append((kind if self.names else "message", data))

    def deltas(self, kind: str, text: str, **where: Any) -> None:
        if "delta" not in self.skip:
            for piece in self.cut(text):
                self.send(f"{kind}.delta", delta=piece, obfuscation="xxYxx", **where)
        self.send(f"{kind}.done", text=text, **where)

    def item(self, index: int, item: dict[str, Any], *, end: dict[str, Any] | None = None) -> None:
        """Send an item's events; `end` is the item as the final event of it has it."""
        bare = {name: [] if isinstance(value, list) else value for name, value in item.items()}
        is_call = item["type"] == "function_call"
        if is_call:
            bare["arguments"] = ""
        if bare.get("encrypted_content"):
            bare["encrypted_content"] = "another, as the service sends it first"
        if "added" not in self.skip:
            self.send("output_item.added", output_index=index, item=bare)
        where = {"item_id": item.get("id"), "output_index": index}
        for number, part in enumerate(item.get("summary") or ()):
            self.send("reasoning_summary_part.added", summary_index=number, part={}, **where)
            self.deltas("reasoning_summary_text", part["text"], summary_index=number, **where)
            self.send("reasoning_summary_part.done", summary_index=number, part=part, **where)
        for number, part in enumerate(item.get("content") or ()):
            kind = {"reasoning_text": "reasoning_text", "refusal": "refusal"}.get(part["type"], "output_text")
            self.deltas(kind, part.get("text", part.get("refusal")), content_index=number, **where)
            self.send("content_part.done", content_index=number, part=part, **where)
        if is_call:
            self.deltas("function_call_arguments", item["arguments"], **where)
        if "done" not in self.skip:
            self.send("output_item.done", output_index=index, item=end or item)


def events(body: dict[str, Any], *, end: str = "completed", final: dict[str, Any] | None = None, **options: Any):
    """Return the events that bring a response; `final` is what the last one has in its place."""
    sender = Events(**options)
    start = {**body, "output": [], "status": "in_progress", "usage": None}
    sender.send("created", response=start)
    sender.send("in_progress", response=start)
    for index, item in enumerate(body["output"]):
        sender.item(index, item)
    sender.send(end, response=final or body)
    return sender.sent


# --- what came ---


def chunks(sent, model=MODEL):
    """Read events, and return their chunks; None, the end of the stream, stands for itself."""
    read = Responses(model).events()
    found = []
    for name, data in sent:
        got = read(name, data)
        found += [got] if got is None or isinstance(got, dict) else got
    return found


def deltas(sent, model=MODEL):
    return [choice["delta"] for chunk in chunks(sent, model) if chunk for choice in chunk["choices"]]


def joined(parts, key="index"):
    """Put lists of opaque parts together: same index and type are one, their texts joined."""
    found: dict[Any, dict[str, Any]] = {}
    for part in parts:
        known = found.setdefault((part.get(key), part["type"]), {})
        for name, value in part.items():
            if name in {"text", "summary", "data"} and isinstance(value, str):
                known[name] = known.get(name, "") + value
            else:
                known.setdefault(name, value)
    return list(found.values())


def streamed(sent, model=MODEL) -> dict[str, Any]:
    """Return what a stream comes to, as a dict: completion, with lists of the message put together."""
    accumulator = Accumulator()
    lists: dict[str, list[Any]] = {}
    for chunk in map(deepcopy, chunks(sent, model)):
        if chunk is None:
            break
        for choice in chunk["choices"]:
            for name in ("reasoning_details", "annotations", "server_tool_calls"):
                lists.setdefault(name, []).extend(choice["delta"].pop(name, ()))
        accumulator.add(chunk)
    completion = accumulator.completion().model_dump()
    if lists.get("reasoning_details"):
        lists["reasoning_details"] = joined(lists["reasoning_details"])
    completion["choices"][0]["message"].update({name: value for name, value in lists.items() if value})
    return completion


def whole(body, model=MODEL) -> dict[str, Any]:
    return Responses(model).read(json.dumps(body).encode()).model_dump()


def both(*output, **fields):
    """Return the one choice that whole answer and stream come to; they are the same but for ids."""
    body = response(*output, **fields)
    end = "incomplete" if body["status"] == "incomplete" else "completed"
    found = whole(body)
    assert streamed(events(body, end=end)) == found
    assert streamed(events(body, end=end, names=False, sort=False)) == found
    return found["choices"][0]


def told(choice):
    """Return the message's fields that say something."""
    return {name: value for name, value in choice["message"].items() if value and name != "role"}
