"""Chat completions: the canonical form itself.

A chunk of a stream is checked while it is parsed, in one pass, and stays plain dicts: that costs about as much as the
parsing alone, where building objects costs several times that.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any

import pydantic_core
from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from inference_do._protocol.json import load_json
from inference_do._tool_calls import own_ids, read_arguments
from inference_do.errors import ConfigError
from inference_do.types import ChatCompletion, Message

from .bodies import checked_model, given
from .codec import EventReader, ReportedError, is_reported, refuse_reported
from .repair import HEAD, Path, read_leniently

logger = logging.getLogger("inference_do")

__all__ = ["ChatCompletions", "chat_body", "chunk_parser", "read_completion"]


class ChatCompletions:
    """`/chat/completions`."""

    path = "/chat/completions"

    def body(self, request: Mapping[str, Any], defaults: AbstractSet[str] = frozenset()) -> dict[str, Any]:  # noqa: ARG002
        """Return the request: it is in this wire's form already, but for parts that go back to other wires only."""
        messages = request["messages"]
        if any("reasoning_details" in message or "server_tool_calls" in message for message in messages):
            messages = [_without_opaque(message) for message in messages]
        return {**request, "messages": messages}

    def read(self, data: bytes) -> ChatCompletion:
        """Return a whole body as a completion.

        Raises:
            ValueError: It is none, or an error.
        """
        return read_completion(data)

    def events(self) -> EventReader:
        """Return what reads the events of one stream; `[DONE]` ends it, whatever stands behind it."""
        parse = chunk_parser()

        def read(name: str, data: bytes) -> dict[str, Any] | Sequence[dict[str, Any]] | None:
            if data[:1] != b"{" and data.lstrip().startswith(b"[DONE]"):
                return None
            try:
                raw = parse(data)
            except ValueError:
                if name == "error" or _is_error_event(data):
                    raise ReportedError from None
                raise
            choices = raw.get("choices")
            if choices and len(choices) == 1 and name != "error":  # nearly all: as few looks as possible
                only = choices[0]
                has_error = raw.get("error") or "error" in only or "error" in (only.get("delta") or ())
                if not (has_error or only.get("finish_reason")):
                    return raw
            if name == "error" or is_reported(raw, has_answer=choices is not None or bool(raw.get("usage"))):
                raise ReportedError
            return _one_part_each(raw, choices) if choices and len(choices) > 1 else raw

        return read


def chat_body(model: str, messages: Iterable[Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a chat request, after checking what no API could read."""
    if not isinstance(messages, Iterable) or isinstance(messages, str | bytes | Mapping):
        message = f"messages must be a list of messages, not {type(messages).__name__}"
        raise ConfigError(message)
    items = [_as_sent(item) if isinstance(item, Message) else item for item in messages]
    if not items:
        message = "messages must hold at least one message"
        raise ConfigError(message)
    for position, item in enumerate(items):
        if not isinstance(item, Mapping) or not isinstance(item.get("role"), str):
            message = f"messages[{position}] must be an object with a role, not {type(item).__name__}"
            raise ConfigError(message)
    body = {"model": checked_model(model), "messages": items, **given(params)}
    if (limit := body.pop("max_tokens", None)) is not None and body.setdefault("max_completion_tokens", limit) != limit:
        message = "max_tokens is another name for max_completion_tokens: give one of them"
        raise ConfigError(message)
    return body


def _without_opaque(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a message without what only another wire could read."""
    kept = dict(message)
    kept.pop("server_tool_calls", None)
    details = [entry for entry in kept.pop("reasoning_details", None) or () if not _is_foreign(entry)]
    if details:
        kept["reasoning_details"] = details
    if len(details) < len(message.get("reasoning_details") or ()) or "server_tool_calls" in message:
        logger.debug("parts of an answer that came by another API are left out")
    return kept


def _is_foreign(entry: Any) -> bool:
    return isinstance(entry, Mapping) and entry.get("format") in {"messages", "responses"}


RESPONSE_ONLY = frozenset({"annotations", "audio", "images"})
"""Fields of an answer's message that a request has no place for; of audio its id is sent back."""


def _as_sent(message: Message) -> dict[str, Any]:
    """Return an answer's message as a message of a request.

    Arguments that are no strict JSON but can be read are written again: servers parse what they are sent back.
    """
    dumped = message.model_dump(exclude_none=True)
    fields = {name: value for name, value in dumped.items() if value != [] and name not in RESPONSE_ONLY}
    if isinstance(audio := dumped.get("audio"), dict) and audio.get("id"):
        fields["audio"] = {"id": audio["id"]}
    for call in fields.get("tool_calls", ()):
        function = call["function"]
        if (arguments := read_arguments(function["arguments"])) is not None and not _is_strict(function["arguments"]):
            function["arguments"] = json.dumps(arguments, ensure_ascii=False)
    return {**fields, "role": message.role or "assistant", "content": message.content}


def _is_strict(arguments: str) -> bool:
    try:
        return isinstance(json.loads(arguments), dict)
    except ValueError:
        return False


def read_completion(data: bytes) -> ChatCompletion:
    """Read a whole answer.

    Raises:
        ValueError: It is none, or an error.
    """
    parsed = load_json(data)
    refuse_reported(parsed)
    completion = read_leniently(ChatCompletion.model_validate, parsed, OF_COMPLETIONS)
    if not completion.choices:
        message = "it has no choices"
        raise ValueError(message)
    for choice in completion.choices:
        calls = choice.message.tool_calls
        for position, id_ in enumerate(own_ids(call.id for call in calls)):
            if calls[position].id != id_:
                calls[position] = calls[position].model_copy(update={"id": id_})
    return completion


def _of_messages(name: str) -> frozenset[Path]:
    """Return what of messages or deltas no answer depends on."""
    place = ("choices", "*", name)
    return frozenset({
        *((*place, field) for field in ("role", "refusal", "reasoning_content")),
        *((*place, "tool_calls", "*", field) for field in ("id", "type")),
    })  # fmt: skip


INCIDENTAL = HEAD | {("choices", "*", "logprobs")}
OF_COMPLETIONS = INCIDENTAL | _of_messages("message")
OF_CHUNKS = INCIDENTAL | _of_messages("delta")


# --- the chunks of a stream ---

MAX_PARTS = 10_000
"""Parts of answers in one chunk, at most."""


def _is_error_event(data: bytes) -> bool:
    """Return whether an event that is no chunk is an error."""
    try:
        parsed = load_json(data)
    except ValueError:
        return False
    return is_reported(parsed, has_answer=isinstance(parsed, dict) and parsed.get("choices") is not None)


def _one_part_each(raw: dict[str, Any], choices: list[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Split a chunk that speaks of one answer more than once, as gateways that batch send, into chunks that do not."""
    if len({choice.get("index") or 0 for choice in choices}) == len(choices):
        return (raw,)
    if len(choices) > MAX_PARTS:
        message = f"it has more than {MAX_PARTS:,} choices"
        raise ValueError(message)
    *earlier, last = choices
    return (*({**raw, "choices": [choice], "usage": None} for choice in earlier), {**raw, "choices": [last]})


_open = with_config(ConfigDict(extra="allow"))


@_open
class _RawFunction(TypedDict, total=False):
    name: str | None
    arguments: str | dict[str, Any] | None


@_open
class _RawToolCall(TypedDict, total=False):
    index: int | None
    id: str | None
    type: str | None
    function: _RawFunction | None


@_open
class _RawDelta(TypedDict, total=False):
    role: str | None
    content: str | None
    refusal: str | None
    reasoning_content: str | None
    tool_calls: list[_RawToolCall] | None


@_open
class _RawChoice(TypedDict, total=False):
    index: int | None
    delta: _RawDelta | None
    finish_reason: str | None
    logprobs: dict[str, Any] | None


@_open
class _RawUsage(TypedDict, total=False):
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cache_read_input_tokens: int | None
    cache_created_input_tokens: int | None
    prompt_tokens_details: dict[str, Any] | None
    completion_tokens_details: dict[str, Any] | None


@_open
class _RawChunk(TypedDict, total=False):
    id: str | None
    object: str | None
    created: int | float | None
    model: str | None
    choices: list[_RawChoice] | None
    usage: _RawUsage | None
    service_tier: str | None
    system_fingerprint: str | None


@cache
def chunk_parser() -> Callable[[bytes], dict[str, Any]]:
    """Return a function that parses and checks one event's data; it is built on first use, not on import.

    The function raises a ValueError if the data is not JSON, or not an object of a chunk's shape.
    """
    validator: Any = TypeAdapter(_RawChunk).validator
    validate = validator.validate_json

    def parse(data: bytes) -> dict[str, Any]:
        try:
            return validate(data)  # type: ignore[no-any-return]
        except pydantic_core.ValidationError:
            # A lone surrogate ("\ud83d", half an emoji) is legal in JSON and refused by the fast parser.
            return read_leniently(validator.validate_python, load_json(data), OF_CHUNKS)

    return parse
