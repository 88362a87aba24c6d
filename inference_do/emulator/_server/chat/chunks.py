"""The chunks of a streamed chat completion.

The order of chunks is the live API's: role, reasoning, text, tool calls, finish reason, usage, `[DONE]`.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from inference_do.emulator._model.tokens import tokens
from inference_do.emulator._server.completion import JsonObject, usage_of

from .body import logprobs_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inference_do.emulator._model.answer import Answer, ModelCall
    from inference_do.emulator._server.completion import Completion
    from inference_do.emulator.quirks import Quirks


FRAGMENT_TOKENS = 3


def chunks_of(completion: Completion, quirks: Quirks, *, include_usage: bool) -> list[JsonObject]:
    """Return a completion as chunk objects."""
    made: list[JsonObject] = []
    for index, answer in enumerate(completion.answers):
        for delta, pieces, finish in _deltas(answer, quirks):
            choice = {
                "index": index,
                "delta": delta,
                "finish_reason": finish,
                "logprobs": logprobs_of(pieces, completion.top_logprobs) if pieces else None,
            }
            made.append(_chunk(completion, quirks, [choice]))
    if made:
        made[-1].update(completion.extra)
    if include_usage and not quirks.ignore_include_usage:
        _add_usage(made, completion, quirks)
    return made


def _add_usage(made: list[JsonObject], completion: Completion, quirks: Quirks) -> None:
    for number, chunk in enumerate(made):
        if quirks.usage_on_every_chunk:
            share = round(completion.usage.get("completion_tokens", 0) * (number + 1) / len(made))
            running = usage_of(completion.usage.get("prompt_tokens", 0), (), quirks) | {"completion_tokens": share}
            chunk["usage"] = running | {"total_tokens": running["prompt_tokens"] + share}
        elif quirks.usage_null:
            chunk["usage"] = None
    if quirks.usage_on_finish_chunk and made:
        made[-1]["usage"] = completion.usage
    else:
        last = _chunk(completion, quirks, None if quirks.usage_choices_null else [])
        made.append(last | {"usage": completion.usage})


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


def _fragments(index: int, call: ModelCall, quirks: Quirks) -> list[JsonObject]:
    pieces = ["".join(batch) for batch in _batches(tokens(call.arguments), FRAGMENT_TOKENS)]
    if quirks.arguments_in_one_fragment:
        pieces = [call.arguments]
        fragments = [_fragment(index, call, pieces[0], quirks, first=True)]
    else:
        fragments = [_fragment(index, call, "", quirks, first=True)]
        fragments += [_fragment(index, call, piece, quirks, first=False) for piece in pieces]
    return fragments


def _fragment(index: int, call: ModelCall, arguments: str, quirks: Quirks, *, first: bool) -> JsonObject:
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
