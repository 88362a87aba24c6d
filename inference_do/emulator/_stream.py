"""From a completion to the chunks of a stream, and from chunks to SSE events.

The order of chunks is the live API's: role, reasoning, text, tool calls, finish reason, usage, `[DONE]`.
"""

from __future__ import annotations

import zlib
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from ._completion import Answer, Call, Completion, JsonObject, logprobs, usage_of
from ._http import to_json
from ._tokens import tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .quirks import Quirks

FRAGMENT_TOKENS = 3


def chunks(completion: Completion, quirks: Quirks, *, include_usage: bool) -> list[JsonObject]:
    """Spell a completion out as chunk objects."""
    spoken: list[JsonObject] = []
    for index, answer in enumerate(completion.answers):
        for delta, pieces, finish in _deltas(answer, quirks):
            choice = {
                "index": index,
                "delta": delta,
                "finish_reason": finish,
                "logprobs": logprobs(pieces, completion.top_logprobs) if pieces else None,
            }
            spoken.append(_chunk(completion, quirks, [choice]))
    if spoken:
        spoken[-1].update(completion.extra)
    if include_usage and not quirks.ignore_include_usage:
        _add_usage(spoken, completion, quirks)
    return spoken


def _add_usage(spoken: list[JsonObject], completion: Completion, quirks: Quirks) -> None:
    for number, chunk in enumerate(spoken):
        if quirks.usage_on_every_chunk:
            share = round(completion.usage.get("completion_tokens", 0) * (number + 1) / len(spoken))
            running = usage_of(completion.usage.get("prompt_tokens", 0), (), quirks) | {"completion_tokens": share}
            chunk["usage"] = running | {"total_tokens": running["prompt_tokens"] + share}
        elif quirks.usage_null:
            chunk["usage"] = None
    if quirks.usage_on_finish_chunk and spoken:
        spoken[-1]["usage"] = completion.usage
    else:
        last = _chunk(completion, quirks, None if quirks.usage_choices_null else [])
        spoken.append(last | {"usage": completion.usage})


def _chunk(completion: Completion, quirks: Quirks, choices: list[JsonObject] | None) -> JsonObject:
    chunk: JsonObject = {
        "id": "" if quirks.empty_id else completion.id,
        "object": "chat.completion.chunk",
        "created": completion.created,
        "model": completion.model,
        "choices": choices,
    }
    if quirks.no_chunk_id:
        del chunk["id"]
    if quirks.no_chunk_model:
        del chunk["model"]
    return chunk


def _deltas(answer: Answer, quirks: Quirks) -> Iterator[tuple[JsonObject, Sequence[str], str | None]]:
    """Yield each delta with the tokens of text in it and the finish reason."""
    role = "" if quirks.empty_role else "assistant"
    repeated = {"role": role} if quirks.role_on_every_delta else {}
    opening = None if answer.text is None else ""
    yield {"role": role, "content": opening, quirks.reasoning_field: None, "refusal": None, **answer.extra}, (), None
    for batch in _batches(tokens(answer.shown_reasoning or ""), quirks.tokens_per_event):
        yield {**repeated, quirks.reasoning_field: "".join(batch)}, (), None
    for batch in _batches(tokens(answer.text or ""), quirks.tokens_per_event):
        yield {**repeated, "content": "".join(batch)}, batch, None
    for fragments in _grouped([_fragments(i, call, quirks) for i, call in enumerate(answer.calls)], quirks):
        delta: JsonObject = {**repeated, "tool_calls": fragments}
        if quirks.empty_tool_type and any(fragment.get("type") == "" for fragment in fragments):
            delta = {"content": None, "refusal": None, "role": role, "tool_calls": fragments}
        yield delta, (), None
    if not quirks.no_finish_reason:
        yield {**repeated}, (), answer.finish


def _batches(pieces: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(pieces), max(1, size)):
        yield pieces[start : start + max(1, size)]


def _grouped(calls: list[list[JsonObject]], quirks: Quirks) -> Iterator[list[JsonObject]]:
    """Put the fragments of all calls in the order and grouping in which chunks carry them."""
    if quirks.interleave_calls:
        order = [fragment for row in zip_longest(*calls) for fragment in row if fragment is not None]
    else:
        order = [fragment for call in calls for fragment in call]
    size = 2 if quirks.two_fragments_per_chunk else 1
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _fragments(index: int, call: Call, quirks: Quirks) -> list[JsonObject]:
    pieces = ["".join(batch) for batch in _batches(tokens(call.arguments), FRAGMENT_TOKENS)]
    if quirks.arguments_in_one_fragment:
        pieces = [call.arguments]
        fragments = [_fragment(index, call, pieces[0], quirks, first=True)]
    else:
        fragments = [_fragment(index, call, "", quirks, first=True)]
        fragments += [_fragment(index, call, piece, quirks, first=False) for piece in pieces]
    return fragments


def _fragment(index: int, call: Call, arguments: str, quirks: Quirks, *, first: bool) -> JsonObject:
    fragment: JsonObject = {"index": index}
    match quirks.tool_index:
        case "missing":
            del fragment["index"]
        case "null":
            fragment["index"] = None
        case "zero":
            fragment["index"] = 0
        case "normal":
            pass
    if quirks.tool_ids == "empty":
        fragment["id"] = ""
    elif quirks.tool_ids == "every" or (first and quirks.tool_ids == "first"):
        fragment["id"] = call.id
    if first:
        fragment["type"] = "function"
    elif quirks.empty_tool_type:
        fragment["type"] = ""
    function = {"name": call.name} if first or quirks.tool_name_on_every_fragment else {}
    fragment["function"] = {**function, "arguments": arguments}
    return fragment


def events(spoken: Sequence[Mapping[str, Any]], quirks: Quirks) -> tuple[bytes, ...]:
    """Write chunks as SSE events, `[DONE]` included."""
    field = b"data:" if quirks.no_space else b"data: "
    end = quirks.line_end.encode()
    lines = [to_json(chunk) for chunk in spoken]
    if not quirks.no_done:
        lines.append(b"[DONE]")
    before = b": keep-alive" + end + end if quirks.comments else b""
    pieces = [before + field + line + end + end for line in lines]
    if quirks.bom and pieces:
        pieces[0] = b"\xef\xbb\xbf" + pieces[0]
    return tuple(pieces)


def gzipped(pieces: Sequence[bytes]) -> tuple[bytes, ...]:
    """Compress piece by piece, each flushed, so that every event can be read as soon as it arrives."""
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    packed = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    return (*packed, packer.flush())


def assembled(spoken: Sequence[Mapping[str, Any]]) -> JsonObject:
    """Put raw chunks together into one message, for a scripted stream that was asked for without streaming."""
    text, reasoning, calls, finish = "", "", dict[int, JsonObject](), None
    for chunk in spoken:
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            text += delta.get("content") or ""
            reasoning += delta.get("reasoning_content") or ""
            finish = choice.get("finish_reason") or finish
            for number, part in enumerate(delta.get("tool_calls") or ()):
                call = calls.setdefault(part.get("index", number), {"id": None, "name": "", "arguments": ""})
                call["id"] = call["id"] or part.get("id")
                function = part.get("function") or {}
                call["name"] = call["name"] or function.get("name") or ""
                call["arguments"] += function.get("arguments") or ""
    message = {"content": text or None, "reasoning_content": reasoning or None, "tool_calls": list(calls.values())}
    return {"message": message, "finish_reason": finish}
