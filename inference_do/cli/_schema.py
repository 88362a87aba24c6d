"""A JSON schema from a file, and answers that satisfy it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference_do import ChatCompletion, ConfigError, ProtocolError
from inference_do._adapters.schema_check import problem_of

__all__ = ["format_of", "object_of", "read_schema"]


def read_schema(path: Path | None) -> Mapping[str, Any] | None:
    """Return the schema that a file holds, None without a file.

    Raises:
        ConfigError: It cannot be read, or is not the JSON schema of an object.
    """
    if path is None:
        return None
    try:
        schema = json.loads(path.read_bytes())
    except OSError as error:
        reason = error.strerror or str(error)
    except (ValueError, RecursionError) as error:
        reason = f"it is not JSON: {error}"
    else:
        if isinstance(schema, dict) and schema.get("type", "object") == "object":
            return schema
        reason = "it is not the JSON schema of an object"
    message = f"--schema {str(path)!r} cannot be used: {reason}"
    raise ConfigError(message)


def format_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request's `response_format` for a schema."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", str(schema.get("title") or "answer"))[:64]
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}


def object_of(answer: ChatCompletion, schema: Mapping[str, Any]) -> Any:
    """Return the object that an answer holds.

    Raises:
        ProtocolError: It is refused, cut off, no JSON, or does not satisfy the schema.
    """
    choice = answer.choices[0]
    if choice.message.refusal:
        reason = f"the model refused: {choice.message.refusal}"
    elif choice.finish_reason == "length":
        reason = "the answer was cut off: it reached its token limit (--max-tokens)"
    else:
        try:
            value = json.loads(answer.text)
        except (ValueError, RecursionError) as error:
            reason = f"the answer is not JSON: {error}"
        else:
            if (problem := problem_of(value, schema)) is None:
                return value
            reason = f"the answer does not satisfy the schema: {problem}"
    raise ProtocolError(reason, request_id=answer.request_id)
