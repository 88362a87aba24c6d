"""JSON in and out, by pydantic's parser, with what it refuses: a lone surrogate (half an emoji) is legal both ways.

A chunk of a stream is checked while it is parsed, in one pass, and stays plain dicts: that costs about as much as the
parsing alone, where building objects costs several times that.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pydantic_core
from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

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
            return validator.validate_python(load_json(data))  # type: ignore[no-any-return]

    return parse


def load_json(data: bytes) -> Any:
    """Parse JSON, lone surrogates included.

    Raises:
        ValueError: It is not JSON in UTF-8, or is nested too deeply.
    """
    try:
        return pydantic_core.from_json(data)
    except ValueError:
        try:
            return json.loads(data.decode("utf-8"))
        except RecursionError:
            message = "the JSON is nested too deeply"
            raise ValueError(message) from None


def dump_json(value: Any) -> bytes:
    """Write JSON, lone surrogates included.

    Raises:
        TypeError, ValueError: Something in it has no JSON form, a NaN for instance.
    """
    try:
        data = pydantic_core.to_json(value, inf_nan_mode="constants")
    except pydantic_core.PydanticSerializationError as error:
        if "surrogates not allowed" in str(error):
            return _plain_json(value)
        raise
    return _plain_json(value) if b"NaN" in data or b"Infinity" in data else data


def _plain_json(value: Any) -> bytes:
    """Write JSON by Python's own means, which keep a lone surrogate and refuse a NaN."""
    plain = pydantic_core.to_jsonable_python(value, inf_nan_mode="constants")
    return json.dumps(plain, allow_nan=False, separators=(",", ":")).encode()
