"""The wire of `/messages`, which is of Anthropic's form: blocks of content, each begun, filled and ended by events.

1. Usage leaves out cached tokens there; it is put together here, once, from the first and the last event.
2. The answer's model is Anthropic's own id, not the request's.
3. Thinking has a signature: both go back unchanged, as an entry of `reasoning_details`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from io import StringIO
from typing import Any

from inference_do._protocol.json import dump_json, load_json
from inference_do.accumulate import Accumulator
from inference_do.types import ChatCompletion

from .codec import EventReader, ReportedError, whole_number
from .messages_request import FORMAT, answer_tool, messages_body
from .messages_thinking import is_thinking

__all__ = ["Messages"]

FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""Reasons to stop in the words of chat completions; others stay as they are."""
SKIPPED: Sequence[dict[str, Any]] = ()
DONE = b"[DONE]"
"""What gateways send behind the last event; alone it is no end, and the answer was cut."""


class Messages:
    """`/messages`, for one request.

    Args:
        request: The canonical request.
    """

    path = "/messages"

    def __init__(self, request: Mapping[str, Any]) -> None:
        self._model = str(request.get("model"))
        self._answer_tool = answer_tool(request)
        self._holds_text = self._answer_tool is not None and is_thinking(request)

    def body(self, request: Mapping[str, Any], defaults: AbstractSet[str] = frozenset()) -> dict[str, Any]:
        """Return the request in this wire's form.

        Raises:
            ConfigError: The user asked for something that this wire cannot express.
        """
        return messages_body(request, defaults)

    def read(self, data: bytes) -> ChatCompletion:
        """Return a whole body as a completion.

        Raises:
            ValueError: It is none.
        """
        raw = load_json(data)
        content = raw.get("content") if isinstance(raw, dict) else None
        if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
            message = "it has no content"
            raise ValueError(message)
        if not raw.get("stop_reason"):
            message = "it has no stop_reason"
            raise ValueError(message)
        stream, answer = self._stream(), Accumulator()
        answer.add(stream.start({"message": raw}))
        for index, block in enumerate(content):
            for chunk in stream.whole({"index": index, "content_block": block}):
                answer.add(chunk)
        answer.add(stream.finish({"delta": raw}))
        return answer.completion()

    def events(self) -> EventReader:
        """Return what reads the events of one stream; `message_stop` ends it."""
        return self._stream().read

    def _stream(self) -> _MessageEvents:
        return _MessageEvents(self._model, self._answer_tool, holds_text=self._holds_text)


def usage_of(*counted: Any) -> dict[str, Any] | None:
    """Return usage as chat completions have it, input with what was cached; a later count replaces an earlier one."""
    raw: dict[str, Any] = {}
    for one in counted:
        if isinstance(one, dict):
            raw.update((name, value) for name, value in one.items() if value is not None)
    if not raw:
        return None
    read, created = _count(raw, "cache_read_input_tokens"), _count(raw, "cache_creation_input_tokens")
    prompt, answer = _count(raw, "input_tokens") + read + created, _count(raw, "output_tokens")
    details = raw.get("output_tokens_details")
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
        "cache_read_input_tokens": read,
        "cache_created_input_tokens": created,
        "prompt_tokens_details": {"cached_tokens": read},
        "completion_tokens_details": {
            "reasoning_tokens": _count(details if isinstance(details, dict) else {}, "thinking_tokens")
        },
        **({"cache_creation": raw["cache_creation"]} if isinstance(raw.get("cache_creation"), dict) else {}),
    }


def _count(raw: Mapping[str, Any], name: str) -> int:
    return whole_number(raw.get(name)) or 0


def _object(raw: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a field of an event that is an object, empty if it is not given."""
    value = raw.get(name)
    if value is None or isinstance(value, dict):
        return value or {}
    message = f"an event's {name} is no object"
    raise ValueError(message)


def _index(raw: Mapping[str, Any]) -> int:
    value = raw.get("index")
    if value is None or isinstance(value, int):
        return value or 0
    message = "a block's index is no number"
    raise ValueError(message)


def _text(block: Mapping[str, Any], name: str) -> str:
    value = block.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        message = f"a block's {name} is no text"
        raise ValueError(message)  # noqa: TRY004  the flow knows ValueErrors
    return value


def thought(text: str, signature: str, index: int, model: str) -> dict[str, Any]:
    """Return a block of thinking as an entry of `reasoning_details`."""
    entry = {"type": "reasoning.text", "text": text, "format": FORMAT, "index": index, "model": model}
    return {**entry, "signature": signature} if signature else entry


def hidden_thought(data: str, index: int, model: str) -> dict[str, Any]:
    """Return a block of thinking that only Anthropic can read as an entry of `reasoning_details`."""
    return {"type": "reasoning.encrypted", "data": data, "format": FORMAT, "index": index, "model": model}


def citation(cited: dict[str, Any]) -> dict[str, Any]:
    """Return one citation."""
    if url := cited.get("url"):
        return {"type": "url_citation", "url_citation": {**cited, "url": url, "title": cited.get("title")}}
    return dict(cited)


class _Block:
    """A block of a stream that has begun."""

    __slots__ = ("call", "has_parts", "kind", "raw", "signature", "text")

    def __init__(self, raw: dict[str, Any], call: int | None) -> None:
        self.raw = raw
        self.kind = str(raw.get("type"))
        self.call = call
        self.text = StringIO()
        self.signature = ""
        self.has_parts = False
        """Whether its input has come in parts."""


class _MessageEvents:
    """The state of one stream."""

    def __init__(self, model: str, answer_tool: str | None, *, holds_text: bool = False) -> None:
        self._held: list[str] | None = [] if holds_text else None
        """Text that may stand before a call which is the answer; it is the answer only if no such call comes."""
        self._model = model
        self._answer_tool = answer_tool
        self._head: dict[str, Any] = {"object": "chat.completion.chunk"}
        self._usage: Any = None
        self._blocks: dict[int, _Block] = {}
        self._calls = 0
        self._is_structured = False
        self._has_begun = False
        """Whether there was a block."""
        self._has_ended = False
        """Whether the event has come that has the reason to stop and the usage."""
        self._readers: dict[str, Callable[[dict[str, Any]], dict[str, Any] | Sequence[dict[str, Any]]]] = {
            "message_start": self.start,
            "content_block_start": self._begin,
            "content_block_delta": self._delta,
            "content_block_stop": self._end,
            "message_delta": self.finish,
        }

    def read(self, name: str, data: bytes) -> dict[str, Any] | Sequence[dict[str, Any]] | None:
        """Read one event; `codec.EventReader` says how."""
        try:
            raw = load_json(data)
        except ValueError:
            if name == "error":
                raise ReportedError from None
            if data.strip() == DONE:
                return SKIPPED
            raise
        if not isinstance(raw, dict):
            message = "it is no object"
            raise ValueError(message)  # noqa: TRY004  the flow knows ValueErrors
        kind = raw.get("type") or name
        if kind == "content_block_delta":
            return self._delta(raw)
        if name == "error" or kind == "error" or raw.get("error"):
            raise ReportedError
        if kind == "message_stop":
            return None if self._has_ended or not self._has_begun else self._stop()
        reader = self._readers.get(str(kind))
        return reader(raw) if reader else SKIPPED

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**self._head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    def start(self, raw: dict[str, Any]) -> dict[str, Any]:
        message = _object(raw, "message")
        self._head.update((name, message[name]) for name in ("id", "model") if isinstance(message.get(name), str))
        self._usage = message.get("usage")
        return self._chunk({"role": "assistant"})

    def _begin(self, raw: dict[str, Any]) -> dict[str, Any] | Sequence[dict[str, Any]]:
        content = _object(raw, "content_block")
        is_call = content.get("type") == "tool_use"
        is_answer = is_call and content.get("name") == self._answer_tool
        block = _Block(content, self._calls if is_call and not is_answer else None)
        self._blocks[_index(raw)] = block
        self._has_begun = True
        if is_answer:
            self._is_structured = True
        elif is_call:
            self._calls += 1
            function = {"name": _text(content, "name"), "arguments": ""}
            call = {"index": block.call, "id": content.get("id"), "type": "function", "function": function}
            return self._chunk({"tool_calls": [call]})
        elif block.kind == "text" and ((text := _text(content, "text")) or content.get("citations")):
            cited = content.get("citations")
            cited = [citation(one) for one in cited if isinstance(one, dict)] if isinstance(cited, list) else []
            return self._chunk({"content": self._shown(text), "annotations": cited})
        elif block.kind == "thinking" and (text := _text(content, "thinking")):
            block.text.write(text)
            return self._chunk({"reasoning_content": text})
        return SKIPPED

    def _delta(self, raw: dict[str, Any]) -> dict[str, Any] | Sequence[dict[str, Any]]:
        delta = raw.get("delta")
        if not isinstance(delta, dict):
            delta = _object(raw, "delta")
        kind = delta.get("type")
        if kind == "text_delta":
            text = _text(delta, "text")
            return self._chunk({"content": text if self._held is None else self._shown(text)})
        block = self._blocks.get(_index(raw))
        if block is None:
            message = "a block goes on that has not begun"
            raise ValueError(message)
        if kind == "input_json_delta":
            part = _text(delta, "partial_json")
            block.has_parts = block.has_parts or bool(part)
            if block.kind == "tool_use":
                return self._arguments(block, part)
            block.text.write(part)
        elif kind == "thinking_delta":
            text = _text(delta, "thinking")
            block.text.write(text)
            return self._chunk({"reasoning_content": text})
        elif kind == "signature_delta":
            block.signature += _text(delta, "signature")
        elif kind == "citations_delta" and isinstance(delta.get("citation"), dict):
            return self._chunk({"annotations": [citation(delta["citation"])]})
        return SKIPPED

    def _shown(self, text: str) -> str:
        """Return what can be shown of a piece of text now."""
        if self._held is None:
            return text
        self._held.append(text)
        return ""

    def _arguments(self, block: _Block, part: str) -> dict[str, Any]:
        """Return a part of a call's arguments; those of the tool that stands for the answer are the answer's text."""
        if block.call is None:
            return self._chunk({"content": part})
        return self._chunk({"tool_calls": [{"index": block.call, "function": {"arguments": part}}]})

    def whole(self, raw: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Return the chunks of a block that came whole."""
        for made in (self._begin(raw), self._end(raw)):
            yield from (made,) if isinstance(made, dict) else made

    def _end(self, raw: dict[str, Any]) -> dict[str, Any] | Sequence[dict[str, Any]]:
        """Hand out what goes back unchanged, once it is whole."""
        index = _index(raw)
        block = self._blocks.pop(index, None)
        if block is None:
            return SKIPPED
        if block.kind == "thinking":
            signature = block.signature or _text(block.raw, "signature")
            return self._chunk({"reasoning_details": [thought(block.text.getvalue(), signature, index, self._model)]})
        if block.kind == "redacted_thinking":
            return self._chunk({"reasoning_details": [hidden_thought(_text(block.raw, "data"), index, self._model)]})
        if block.kind == "tool_use" and block.raw.get("input") and not block.has_parts:
            return self._arguments(block, dump_json(block.raw["input"]).decode())  # it came whole, at the beginning
        if block.kind in {"text", "tool_use"}:
            return SKIPPED
        item = dict(block.raw)
        if written := block.text.getvalue():
            item["input"] = load_json(written.encode())
        return self._chunk({"server_tool_calls": [{"format": FORMAT, "model": self._model, "item": item}]})

    def _stop(self) -> dict[str, Any] | Sequence[dict[str, Any]]:
        """Return what `message_delta` brings where none came: what is known of the usage, and the text held back.

        Inside a call it is no end, and the answer was cut.
        """
        if any(block.kind == "tool_use" for block in self._blocks.values()):
            return SKIPPED
        is_call = self._calls and not self._is_structured
        return self.finish({"delta": {"stop_reason": "tool_use" if is_call else "end_turn"}})

    def finish(self, raw: dict[str, Any]) -> dict[str, Any]:
        reason = _text(_object(raw, "delta"), "stop_reason")
        finish = FINISH.get(reason, reason) if reason else None
        if self._is_structured and not self._calls and reason == "tool_use":
            finish = "stop"
        self._has_ended = True
        held, self._held = "" if self._is_structured else "".join(self._held or ()), None
        return {
            **self._chunk({"content": held} if held else {}, finish),
            "usage": usage_of(self._usage, raw.get("usage")),
        }
