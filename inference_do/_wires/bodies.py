"""What goes out and comes in as JSON: requests from a caller's arguments, results from a response's body.

Readers raise a ValueError that says why a body is not what was asked for; the flow makes it an error of ours.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, TypeVar

from inference_do._protocol.json import dump_json, load_json
from inference_do._tool_secrets import reveal_secrets
from inference_do.errors import ConfigError
from inference_do.types import ModelList, Reply

from .codec import refuse_reported
from .repair import HEAD, read_leniently

logger = logging.getLogger("inference_do")

R = TypeVar("R", bound=Reply)


def given(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that were set: None is never sent."""
    return {name: value for name, value in params.items() if value is not None}


def checked_model(model: object) -> str:
    """Return a model's id if it can be one."""
    if not isinstance(model, str) or not model.strip():
        message = f"model must be a model's id, not {model!r}"
        raise ConfigError(message)
    return model


def encode(body: Mapping[str, Any]) -> bytes:
    """Write a body, the secrets of tools that the server runs included; what has no JSON form is refused."""
    if isinstance(tools := body.get("tools"), list):
        body = {**body, "tools": [tool if _is_function(tool) else reveal_secrets(tool) for tool in tools]}
    try:
        return dump_json(body)
    except (TypeError, ValueError, RecursionError) as error:
        reason = str(error)
    message = f"the request has no JSON form: {reason[:300]}"
    raise ConfigError(message)


def _is_function(tool: Any) -> bool:
    return isinstance(tool, Mapping) and tool.get("type") == "function"


def read_object(data: bytes, kind: type[R]) -> R:
    """Read a response that is a JSON object of some kind."""
    parsed = load_json(data)
    refuse_reported(parsed)
    if not isinstance(parsed, dict):
        message = "it is no JSON object"
        raise ValueError(message)  # noqa: TRY004  as for any other body that is not what was asked for
    return kind.model_validate(parsed)


def read_models(data: bytes) -> ModelList:
    """Read the list of models."""
    parsed = load_json(data)
    refuse_reported(parsed)
    if not isinstance(parsed, dict) or "data" not in parsed:
        message = "it has no data"
        raise ValueError(message)
    if isinstance(items := parsed["data"], list) and (named := list(filter(_has_id, items))):
        parsed = {**parsed, "data": named}
    return read_leniently(ModelList.model_validate, parsed, OF_MODELS)


OF_MODELS = HEAD | {("data", "*", name) for name in ("object", "created", "owned_by", "max_output_tokens")}


def _has_id(item: Any) -> bool:
    if isinstance(item, dict) and isinstance(item.get("id"), str):
        return True
    logger.debug("an entry of the list of models is left out: it has no id")
    return False
