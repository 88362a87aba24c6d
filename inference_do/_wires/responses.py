"""The wire `/responses`: a request's body, whole answers, and the events of a stream.

Ids of reasoning and calls come from the stream, or from the whole answer, and never from both: hosted models give
others in the final object. Events that repeat what others bring are not parsed: `response.in_progress`, most that end
in `.done`, and the padding in `obfuscation` is skipped by the parser.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from typing import Any, Required

import pydantic_core
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from inference_do._protocol.json import load_json
from inference_do.types import ChatCompletion

from .codec import EventReader, ReportedError, whole_number
from .responses_items import CALL, MESSAGE, REASONING, OutputItem, OutputItems
from .responses_request import PATH, responses_body

__all__ = ["Responses"]

FINISH_REASONS = {"max_output_tokens": "length", "content_filter": "content_filter"}
"""By the reason why a response is incomplete; any other one has cut it as well."""
ENDED = (None, "completed", "incomplete")
"""What the status of an answer may be; some gateways leave it out."""

log = logging.getLogger("inference_do")

Chunk = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Responses:
    """`/responses`, for the calls of one model.

    Args:
        model: The model's id in the request; opaque parts are marked with it, and go back to no other.
        encrypted: Whether to ask for reasoning that can be sent back; a model that does not think may refuse that.
    """

    model: str
    encrypted: bool = True

    path = PATH

    def body(self, request: Mapping[str, Any], defaults: AbstractSet[str] = frozenset()) -> dict[str, Any]:
        """Return a canonical request as this wire's body.

        Args:
            request: The canonical request.
            defaults: Names of fields that no caller asked for: what cannot be sent of them is left out.

        Raises:
            ConfigError: The caller asked for something that this wire cannot say.
        """
        return responses_body(request, defaults, encrypted=self.encrypted)

    def read(self, data: bytes) -> ChatCompletion:
        """Return a whole body as a canonical completion.

        Raises:
            ValueError: It is none, or did not come to its end.
        """
        response = load_json(data)
        if not isinstance(response, dict) or not isinstance(response.get("output"), list):
            message = "it has no output"
            raise ValueError(message)  # noqa: TRY004  what a codec raises
        if response.get("error") or response.get("status") not in ENDED:
            message = f"its status is {response.get('status')!r}"
            raise ValueError(message)
        return _completion(response, self.model)

    def events(self) -> EventReader:
        """Return what reads the events of one stream."""
        return _ResponsesReader(self.model).read


# --- whole answers ---


def _completion(response: Mapping[str, Any], model: str) -> ChatCompletion:
    items = OutputItems(model)
    message: dict[str, Any] = {"role": "assistant", "content": None}
    calls: dict[int, dict[str, Any]] = {}
    for delta in _missing(items, response["output"]):
        for name, value in delta.items():
            if name == "tool_calls":
                for fragment in value:
                    _add_call(calls, fragment)
            else:
                message[name] = (message.get(name) or type(value)()) + value
    if calls:
        message["tool_calls"] = list(calls.values())
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": _finish_reason(response, items),
        "logprobs": _logprobs(response["output"]),
    }
    head = _head(response, model)
    return ChatCompletion.model_validate({**head, "choices": [choice], "usage": _usage(response.get("usage"))})


def _missing(items: OutputItems, output: Iterable[Any]) -> Iterable[dict[str, Any]]:
    """Return what the items of a whole answer add to those that have come.

    They are matched by kind and order, since their ids need not be those of the stream.
    """
    counts: dict[str, int] = {}
    for whole in output:
        if not isinstance(whole, Mapping) or not isinstance(kind := whole.get("type"), str):
            continue
        number = counts.get(kind, 0)
        counts[kind] = number + 1
        if (item := items.nth(kind, number)) is None:
            item, delta = items.begin(kind, whole)
            if delta:
                yield delta
        if not item.is_done:
            yield from items.finish(item, whole)


def _add_call(calls: dict[int, dict[str, Any]], fragment: Mapping[str, Any]) -> None:
    function = fragment["function"]
    call = calls.setdefault(
        fragment["index"], {"id": fragment.get("id"), "type": "function", "function": {"name": "", "arguments": ""}}
    )
    call["function"]["name"] += function.get("name", "")
    call["function"]["arguments"] += function["arguments"]


def _logprobs(output: Iterable[Any]) -> dict[str, Any] | None:
    parts = [
        part
        for item in output
        if isinstance(item, dict) and isinstance(item.get("content"), list)
        for part in item["content"]
        if isinstance(part, dict)
    ]
    tokens = [token for part in parts if isinstance(found := part.get("logprobs"), list) for token in found]
    return {"content": tokens} if tokens else None


# --- what both have ---


def _head(response: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Return what an answer or its chunks begin with; nothing depends on it, so that odd values are left out."""
    id_, created, named = response.get("id"), response.get("created_at"), response.get("model")
    tier = response.get("service_tier")
    return {
        "id": id_ if isinstance(id_, str) else "",
        "created": created if isinstance(created, int | float) else None,
        "model": named if isinstance(named, str) and named else model,
        **({"service_tier": tier} if isinstance(tier, str) else {}),
    }


def _finish_reason(response: Mapping[str, Any], items: OutputItems) -> str:
    details = response.get("incomplete_details")
    if response.get("status") == "incomplete" or details:
        reason = details.get("reason") if isinstance(details, Mapping) else None
        return FINISH_REASONS.get(str(reason), "length")
    return "tool_calls" if items.calls else "stop"


def _usage(usage: Any) -> dict[str, Any] | None:
    """Return the usage under chat completions' names; both count inclusively."""
    if not isinstance(usage, Mapping):
        return None
    input_, output = whole_number(usage.get("input_tokens")), whole_number(usage.get("output_tokens"))
    if input_ is None or output is None:
        log.debug("usage without counts of tokens is left out")
        return None
    total = whole_number(usage.get("total_tokens"))
    read, spent = _counts(usage.get("input_tokens_details")), _counts(usage.get("output_tokens_details"))
    return {
        "prompt_tokens": input_,
        "completion_tokens": output,
        "total_tokens": input_ + output if total is None else total,
        "cache_read_input_tokens": read.get("cached_tokens", 0),
        "cache_created_input_tokens": read.get("cache_write_tokens", 0),
        "prompt_tokens_details": read or None,
        "completion_tokens_details": spent or None,
    }


def _counts(details: Any) -> dict[str, int]:
    items = details.items() if isinstance(details, Mapping) else ()
    return {name: count for name, value in items if (count := whole_number(value)) is not None}


# --- streams ---


class _RawPiece(TypedDict, total=False):
    delta: Required[str]
    output_index: int | None
    logprobs: list[Any] | None


class _RawReasoning(TypedDict, total=False):
    delta: Required[str]
    output_index: int | None
    summary_index: int | None
    content_index: int | None


class _RawOutputItem(TypedDict, total=False):
    item: Required[dict[str, Any]]
    output_index: int | None


class _RawStart(TypedDict, total=False):
    id: Any
    created_at: Any
    model: Any
    service_tier: Any


class _RawCreated(TypedDict, total=False):
    response: _RawStart


class _RawResponse(_RawStart, total=False):
    status: Any
    output: list[Any] | None
    usage: Any
    incomplete_details: Any


class _RawEnd(TypedDict):
    response: _RawResponse


@cache
def _parser(kind: Any) -> Callable[[bytes], Any]:
    """Return a function that parses an event's data and checks it in one pass; fields not named here are skipped."""
    validator: Any = TypeAdapter(kind).validator
    validate = validator.validate_json

    def parse(data: bytes) -> Any:
        try:
            return validate(data)
        except pydantic_core.ValidationError:
            # A lone surrogate ("\ud83d", half an emoji) is legal in JSON and refused by the fast parser.
            return validator.validate_python(load_json(data))

    return parse


class _ResponsesReader:
    """The state of one stream."""

    def __init__(self, model: str) -> None:
        self._items = OutputItems(model)
        self._open: dict[int, OutputItem] = {}
        self._model = model
        self._head: dict[str, Any] = {"id": "", "created": None, "model": model}
        self._is_ended = False
        self._parse_delta = _parser(_RawPiece)
        self._handlers: dict[str, Callable[[bytes], Chunk | Sequence[Chunk]]] = {
            "response.output_text.delta": self._text,
            "response.refusal.delta": self._refusal,
            "response.reasoning_text.delta": self._reasoning_text,
            "response.reasoning_summary_text.delta": self._summary,
            "response.function_call_arguments.delta": self._arguments,
            "response.output_item.added": self._begin,
            "response.output_item.done": self._finish,
            "response.created": self._created,
            "response.completed": self._end,
            "response.incomplete": self._cut,
            "response.failed": self._failed,
            "error": self._failed,
        }

    def read(self, name: str, data: bytes) -> Chunk | Sequence[Chunk] | None:
        """Read one event; events that are not known bring nothing.

        `[DONE]`, which gateways send behind the last event, ends a stream only where that has come: alone it is a cut.
        """
        handler = self._handlers.get(name)
        if handler is not None:
            return handler(data)
        if data[:1] != b"{" and data.lstrip().startswith(b"[DONE]"):
            return None if self._is_ended else ()
        if name != "message" or self._is_ended:
            return ()
        handler = self._handlers.get(_type_of(data))
        return handler(data) if handler is not None else ()

    def _chunk(self, delta: dict[str, Any]) -> Chunk:
        return {**self._head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}], "usage": None}

    def _item(self, raw: Mapping[str, Any], kind: str) -> OutputItem:
        """Return the item that a piece belongs to; it is begun here if nothing announced it."""
        index = raw.get("output_index") or 0
        item = self._open.get(index)
        if item is None or item.kind != kind:
            item, _ = self._items.begin(kind, {})
            self._open[index] = item
        return item

    def _text(self, data: bytes) -> Chunk | Sequence[Chunk]:
        raw = self._parse_delta(data)
        if not (text := raw["delta"]):
            return ()
        chunk = self._chunk(self._items.text(self._item(raw, MESSAGE), text))
        if logprobs := raw.get("logprobs"):
            chunk["choices"][0]["logprobs"] = {"content": logprobs}
        return chunk

    def _refusal(self, data: bytes) -> Chunk | Sequence[Chunk]:
        raw = self._parse_delta(data)
        if not (text := raw["delta"]):
            return ()
        return self._chunk(self._items.refusal(self._item(raw, MESSAGE), text))

    def _summary(self, data: bytes) -> Chunk | Sequence[Chunk]:
        return self._reasoning(data, "summary", "summary_index")

    def _reasoning_text(self, data: bytes) -> Chunk | Sequence[Chunk]:
        return self._reasoning(data, "text", "content_index")

    def _reasoning(self, data: bytes, kind: str, part: str) -> Chunk | Sequence[Chunk]:
        raw = _parser(_RawReasoning)(data)
        if not (text := raw["delta"]):
            return ()
        return self._chunk(self._items.reasoning(self._item(raw, REASONING), kind, raw.get(part) or 0, text))

    def _arguments(self, data: bytes) -> Chunk | Sequence[Chunk]:
        raw = self._parse_delta(data)
        item = self._item(raw, CALL)
        delta = self._items.arguments(item, raw["delta"]) if item.is_named else None  # else its end brings them all
        return self._chunk(delta) if delta else ()

    def _created(self, data: bytes) -> Sequence[Chunk]:
        self._head = _head(_parser(_RawCreated)(data).get("response") or {}, self._model)
        return ()

    def _begin(self, data: bytes) -> Chunk | Sequence[Chunk]:
        raw = _parser(_RawOutputItem)(data)
        item, delta = self._items.begin(str(raw["item"].get("type")), raw["item"])
        self._open[raw.get("output_index") or 0] = item
        return self._chunk(delta) if delta else ()

    def _finish(self, data: bytes) -> Sequence[Chunk]:
        raw = _parser(_RawOutputItem)(data)
        whole, kind = raw["item"], str(raw["item"].get("type"))
        item, deltas = self._open.get(raw.get("output_index") or 0), []
        if item is None or item.kind != kind or (item.is_done and item.id != whole.get("id")):
            item, delta = self._items.begin(kind, whole)
            self._open[raw.get("output_index") or 0] = item
            deltas += [delta] if delta else []
        if not item.is_done:
            deltas += self._items.finish(item, whole)
        return [self._chunk(delta) for delta in deltas]

    def _end(self, data: bytes, status: str = "completed") -> Sequence[Chunk]:
        response = dict(_parser(_RawEnd)(data)["response"])
        if response.get("status") is None:
            response["status"] = status
        if response["status"] not in ENDED:
            raise ReportedError
        if not self._head["id"]:
            self._head = _head(response, self._model)
        chunks = [self._chunk(delta) for delta in _missing(self._items, response.get("output") or ())]
        last = self._chunk({})
        last["choices"][0]["finish_reason"] = _finish_reason(response, self._items)
        last["usage"] = _usage(response.get("usage"))
        self._is_ended = True
        self._handlers = {}
        return [*chunks, last]

    def _cut(self, data: bytes) -> Sequence[Chunk]:
        return self._end(data, "incomplete")

    def _failed(self, _data: bytes) -> Sequence[Chunk]:
        raise ReportedError


def _type_of(data: bytes) -> str:
    """Return the type of an event that came without a name, as gateways send it; an error may have no type."""
    if data[:9] == b'{"type":"':
        return data[9 : data.find(b'"', 9)].decode("utf-8", "replace")
    raw = load_json(data)
    if not isinstance(raw, dict):
        message = "it is no object"
        raise ValueError(message)  # noqa: TRY004  what a codec raises
    kind = raw.get("type")
    if isinstance(kind, str) and kind.startswith("response."):
        return kind
    return "error" if raw.get("error") or "error" in {str(kind), str(raw.get("object"))} else ""
