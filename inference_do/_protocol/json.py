"""JSON in and out, by pydantic's parser, with what it refuses: a lone surrogate (half an emoji) is legal both ways."""

from __future__ import annotations

import json
from typing import Any

import pydantic_core


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
        data = pydantic_core.to_json(value)
    except pydantic_core.PydanticSerializationError as error:
        if "surrogates not allowed" in str(error):
            return _plain_json(value)
        raise
    return _plain_json(value) if b"NaN" in data or b"Infinity" in data else data


def _plain_json(value: Any) -> bytes:
    """Write JSON by Python's own means, which keep a lone surrogate and refuse a NaN."""
    plain = pydantic_core.to_jsonable_python(value)
    return json.dumps(plain, allow_nan=False, separators=(",", ":")).encode()
